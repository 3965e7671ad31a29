/* SPDX-License-Identifier: MIT
 *
 * Kubernetes quantities.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/quantity.h"

static void whole_numbers_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"0", 0},
        {"-1", -1},
        {"+5", 5},
        {"4Mi", 4194304},
        {"4Ki", 4096},
        {"100k", 100000},
        {"100K", 100000},
        {"1G", 1000000000},
        {"1.5Ki", 1536},
        {"0.5M", 500000},
        {".5k", 500},
        {"1.k", 1000},
        {"1e3", 1000},
        {"1E3", 1000},
        {"1e+3", 1000},
        {"1.250e2", 125},
        {"1.00", 1},
        {"-2Ki", -2048},
        {"1E", 1000000000000000000LL},
        {"7Ei", 7LL << 60},
        {"9223372036854775807", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        int64_t n = 77;

        if (!sc_quantity_parse(sc_str_from(rows[i].text), &n) || n != rows[i].want)
            fail_msg("'%s' is %lld", rows[i].text, (long long)n);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const rows[] = {"",
                                       "-",
                                       "Mi",
                                       ".",
                                       "1.5",
                                       "1.5e0",
                                       "100m",
                                       "4mi",
                                       "4 Mi",
                                       " 4Mi",
                                       "4MiB",
                                       "1e",
                                       "1e99",
                                       "8Ei",
                                       "1_0",
                                       "0x10",
                                       "e3",
                                       "--1",
                                       "1..2",
                                       "1.2.3",
                                       "9223372036854775808",
                                       "1.0000000000000000001k"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        int64_t n = 77;

        if (sc_quantity_parse(sc_str_from(rows[i]), &n))
            fail_msg("'%s' is read as %lld", rows[i], (long long)n);
        assert_int_equal(n, 77);
    }
    assert_false(sc_quantity_parse(SC_STR_NONE, &(int64_t){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read),
        cmocka_unit_test(other_texts_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
