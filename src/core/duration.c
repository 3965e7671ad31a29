/* SPDX-License-Identifier: MIT
 *
 * Go's duration texts.
 */
#include "core/duration.h"

#include <stdio.h>

typedef struct unit {
    sc_str name;
    int64_t ns;
} unit;

static const unit units[] = {
    {SC_STR_INIT("ns"), 1},           {SC_STR_INIT("us"), 1000},
    {SC_STR_INIT("\xc2\xb5s"), 1000}, {SC_STR_INIT("\xce\xbcs"), 1000},
    {SC_STR_INIT("ms"), 1000000},     {SC_STR_INIT("s"), 1000000000},
    {SC_STR_INIT("m"), 60000000000},  {SC_STR_INIT("h"), 3600000000000},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static sc_str take_while(sc_str *rest, bool digits)
{
    size_t len = 0;
    sc_str part;

    while (len < rest->len && (is_digit(rest->at[len]) || rest->at[len] == '.') == digits)
        len++;
    part = sc_str_sub(*rest, 0, len);
    *rest = sc_str_sub(*rest, len, rest->len);
    return part;
}

/* "1.5" times `scale`, in whole numbers. */
static bool scaled(sc_str number, int64_t scale, int64_t *ns)
{
    sc_str fraction = number;
    sc_str whole = sc_str_cut(&fraction, '.');
    uint64_t n = 0;
    int64_t step = scale;

    if (whole.len + fraction.len == 0 || (whole.len > 0 && !sc_str_to_u64(whole, &n)) ||
        n > (uint64_t)(INT64_MAX / scale))
        return false;
    *ns = (int64_t)n * scale;
    for (size_t i = 0; i < fraction.len; i++) {
        if (!is_digit(fraction.at[i]))
            return false;
        step /= 10;
        if (__builtin_add_overflow(*ns, (fraction.at[i] - '0') * step, ns))
            return false;
    }
    return true;
}

static const unit *find_unit(sc_str name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(units); i++) {
        if (sc_str_eq(units[i].name, name))
            return &units[i];
    }
    return NULL;
}

bool sc_duration_parse(sc_str text, int64_t *ns)
{
    bool is_negative = text.len > 0 && text.at[0] == '-';
    int64_t total = 0;

    if (is_negative || (text.len > 0 && text.at[0] == '+'))
        text = sc_str_sub(text, 1, text.len);
    if (text.len == 0)
        return false;
    if (sc_str_eq(text, SC_STR("0")))
        text.len = 0;
    while (text.len > 0) {
        sc_str number = take_while(&text, true);
        const unit *found = find_unit(take_while(&text, false));
        int64_t part;

        if (!found || !scaled(number, found->ns, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
    }
    *ns = is_negative ? -total : total;
    return true;
}

/* n / scale with the trailing zeros of the fraction cut. */
static int format_fraction(char *to, size_t max, uint64_t n, uint64_t scale, const char *name)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)(scale + n % scale));

    while (len > 1 && digits[len - 1] == '0')
        len--;
    digits[len] = '\0';
    return snprintf(to, max, "%llu%s%s%s", (unsigned long long)(n / scale), len > 1 ? "." : "",
                    digits + 1, name);
}

sc_str sc_duration_format(int64_t ns, char text[SC_DURATION_TEXT_MAX])
{
    uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char *to = text;
    char *end = text + SC_DURATION_TEXT_MAX;

    if (ns < 0)
        *to++ = '-';
    if (n < 1000000000u) {
        uint64_t scale = n < 1000u ? 1u : n < 1000000u ? 1000u : 1000000u;
        const char *name = n == 0 ? "s" : n < 1000u ? "ns" : n < 1000000u ? "\xc2\xb5s" : "ms";

        to += format_fraction(to, (size_t)(end - to), n, scale, name);
        return sc_str_of(text, (size_t)(to - text));
    }
    if (n >= 3600000000000u)
        to += snprintf(to, (size_t)(end - to), "%lluh", (unsigned long long)(n / 3600000000000u));
    if (n >= 60000000000u)
        to +=
            snprintf(to, (size_t)(end - to), "%llum", (unsigned long long)(n / 60000000000u % 60));
    to += format_fraction(to, (size_t)(end - to), n % 60000000000u, 1000000000u, "s");
    return sc_str_of(text, (size_t)(to - text));
}
