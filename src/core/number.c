/* SPDX-License-Identifier: MIT
 *
 * Go's texts of numbers.
 */
#include "core/number.h"

#include <stdio.h>
#include <stdlib.h>

#define HIGHEST_PLAIN 20 /* decimal exponent */

sc_str sc_double_format(double d, int lowest, char text[SC_DOUBLE_TEXT_MAX])
{
    char *exponent_at;
    int digits = 0; /* behind the point of the exponent form */
    int exponent;

    do {
        (void)snprintf(text, SC_DOUBLE_TEXT_MAX, "%.*e", digits, d);
    } while (strtod(text, NULL) != d && digits++ < 17);
    exponent_at = strchr(text, 'e');
    exponent = exponent_at ? (int)strtol(exponent_at + 1, NULL, 10) : 0;
    if (exponent >= lowest && exponent <= HIGHEST_PLAIN)
        (void)snprintf(text, SC_DOUBLE_TEXT_MAX, "%.*f", digits > exponent ? digits - exponent : 0,
                       d);
    return sc_str_from(text);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Takes "0x" and its like from the front. */
static uint64_t base_of(sc_str *text)
{
    char second = text->len > 1 ? (char)(text->at[1] | 0x20) : '\0';
    uint64_t base = second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 0;

    if (text->len < 2 || text->at[0] != '0')
        return 10;
    *text = sc_str_sub(*text, base ? 2 : 1, text->len);
    return base ? base : 8;
}

bool sc_int_parse(sc_str text, bool *is_negative, uint64_t *magnitude)
{
    bool minus = text.len > 0 && text.at[0] == '-';
    bool was_digit = false;
    uint64_t n = 0;
    uint64_t base;

    if (minus || (text.len > 0 && text.at[0] == '+'))
        text = sc_str_sub(text, 1, text.len);
    base = base_of(&text);
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)digit_of(text.at[i]);

        if (text.at[i] == '_' && was_digit && i + 1 < text.len) {
            was_digit = false;
            continue;
        }
        if (digit >= base || __builtin_mul_overflow(n, base, &n) ||
            __builtin_add_overflow(n, digit, &n))
            return false;
        was_digit = true;
    }
    if (!was_digit || (minus && n > (uint64_t)INT64_MAX + 1))
        return false;
    *is_negative = minus;
    *magnitude = n;
    return true;
}
