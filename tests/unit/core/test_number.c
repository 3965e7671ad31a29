/* SPDX-License-Identifier: MIT
 *
 * Numbers as Go writes and reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/number.h"

static void doubles_have_their_shortest_text(void **state)
{
    static const struct {
        double d;
        int lowest;
        const char *want;
    } rows[] = {
        {0, -6, "0"},
        {1, -6, "1"},
        {1.5, -6, "1.5"},
        {-2.25, -6, "-2.25"},
        {1000, -6, "1000"},
        {0.1, -6, "0.1"},
        {1e20, -6, "100000000000000000000"},
        {1e21, -6, "1e+21"},
        {0.000001, -6, "0.000001"},
        {0.0000001, -6, "1e-07"},
        {0.00001, -4, "1e-05"},
        {0.0001, -4, "0.0001"},
        {123456789.125, -4, "123456789.125"},
        {1.7976931348623157e308, -4, "1.7976931348623157e+308"},
        {5e-324, -4, "5e-324"},
        {0.30000000000000004, -4, "0.30000000000000004"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        char text[SC_DOUBLE_TEXT_MAX];

        assert_string_equal(sc_double_format(rows[i].d, rows[i].lowest, text).at, rows[i].want);
    }
}

static void integers_are_read_in_every_base(void **state)
{
    static const struct {
        const char *text;
        bool is_negative;
        uint64_t want;
    } rows[] = {
        {"0", false, 0},
        {"42", false, 42},
        {"-42", true, 42},
        {"+7", false, 7},
        {"0x1F", false, 31},
        {"0o17", false, 15},
        {"0777", false, 511},
        {"0b101", false, 5},
        {"1_000", false, 1000},
        {"18446744073709551615", false, UINT64_MAX},
        {"-9223372036854775808", true, (uint64_t)INT64_MAX + 1},
        {"-0x10", true, 16},
    };
    static const char *const wrong[] = {"",
                                        "-",
                                        "x",
                                        "08",
                                        "0x",
                                        "1__0",
                                        "_1",
                                        "1_",
                                        "1.0",
                                        "0b2",
                                        "18446744073709551616",
                                        "-9223372036854775809",
                                        "1 "};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        bool is_negative = !rows[i].is_negative;
        uint64_t n = 77;

        if (!sc_int_parse(sc_str_from(rows[i].text), &is_negative, &n) || n != rows[i].want ||
            is_negative != rows[i].is_negative)
            fail_msg("'%s' is %llu", rows[i].text, (unsigned long long)n);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(wrong); i++) {
        bool is_negative;
        uint64_t n;

        if (sc_int_parse(sc_str_from(wrong[i]), &is_negative, &n))
            fail_msg("'%s' is read", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_have_their_shortest_text),
        cmocka_unit_test(integers_are_read_in_every_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
