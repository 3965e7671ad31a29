/* SPDX-License-Identifier: MIT
 *
 * Kubernetes quantities, whole numbers only.
 */
#include "core/quantity.h"

typedef struct scale {
    sc_str suffix;
    int64_t factor;
} scale;

static const scale scales[] = {
    {SC_STR_INIT("Ki"), 1LL << 10},
    {SC_STR_INIT("Mi"), 1LL << 20},
    {SC_STR_INIT("Gi"), 1LL << 30},
    {SC_STR_INIT("Ti"), 1LL << 40},
    {SC_STR_INIT("Pi"), 1LL << 50},
    {SC_STR_INIT("Ei"), 1LL << 60},
    {SC_STR_INIT("k"), 1000LL},
    {SC_STR_INIT("K"), 1000LL},
    {SC_STR_INIT("M"), 1000000LL},
    {SC_STR_INIT("G"), 1000000000LL},
    {SC_STR_INIT("T"), 1000000000000LL},
    {SC_STR_INIT("P"), 1000000000000000LL},
    {SC_STR_INIT("E"), 1000000000000000000LL},
    {SC_STR_INIT(""), 1},
};

static size_t digits_at(sc_str text, size_t at)
{
    while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9')
        at++;
    return at;
}

/* What stands behind the number, as a factor: 0 when it is nothing known. */
static int64_t factor_of(sc_str suffix)
{
    uint64_t exponent;
    int64_t factor = 1;

    for (size_t i = 0; i < SC_ARRAY_LEN(scales); i++) {
        if (sc_str_eq(suffix, scales[i].suffix))
            return scales[i].factor;
    }
    if (suffix.at[0] != 'e' && suffix.at[0] != 'E')
        return 0;
    suffix = sc_str_sub(suffix, sc_str_starts(sc_str_sub(suffix, 1, 2), SC_STR("+")) ? 2 : 1,
                        suffix.len);
    if (!sc_str_to_u64(suffix, &exponent) || exponent > 18)
        return 0;
    while (exponent-- > 0)
        factor *= 10;
    return factor;
}

/* Adds "0.fraction" of `factor`; false when that is no whole number. */
static bool add_fraction(sc_str fraction, int64_t factor, int64_t *n)
{
    int64_t numerator = 0;
    int64_t denominator = 1;

    while (fraction.len > 0 && fraction.at[fraction.len - 1] == '0')
        fraction.len--;
    for (size_t i = 0; i < fraction.len; i++) {
        if (i == 18)
            return false;
        numerator = numerator * 10 + (fraction.at[i] - '0');
        denominator *= 10;
    }
    /* in lowest terms of ten, numerator / denominator * factor is whole only if this divides */
    if (__builtin_mul_overflow(numerator, factor, &numerator) || numerator % denominator != 0)
        return false;
    return !__builtin_add_overflow(*n, numerator / denominator, n);
}

bool sc_quantity_parse(sc_str text, int64_t *out)
{
    bool is_negative = text.len > 0 && text.at[0] == '-';
    size_t from = is_negative || (text.len > 0 && text.at[0] == '+');
    size_t point = digits_at(text, from);
    size_t end = point < text.len && text.at[point] == '.' ? digits_at(text, point + 1) : point;
    sc_str fraction = sc_str_sub(text, point + 1, end);
    int64_t factor;
    int64_t n = 0;

    if (point - from + fraction.len == 0 || !text.at)
        return false;
    factor = factor_of(sc_str_sub(text, end, text.len));
    if (factor == 0)
        return false;
    for (size_t i = from; i < point; i++) {
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text.at[i] - '0', &n))
            return false;
    }
    if (__builtin_mul_overflow(n, factor, &n) || !add_fraction(fraction, factor, &n))
        return false;
    *out = is_negative ? -n : n;
    return true;
}
