/* SPDX-License-Identifier: MIT
 *
 * Passing over text: the wide ways stop where the one that looks at every byte does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/http1_scan.h"

static void check(const char *at, size_t len, sc_http1_stops stops)
{
    const char *expected = sc_http1_skip_bytes(at, at + len, stops);

    assert_ptr_equal(sc_http1_skip_words(at, at + len, stops), expected);
    assert_ptr_equal(sc_http1_skip(at, at + len, stops), expected);
}

/* Every byte in every place of texts of every length up to 40, in memory that ends with the text.
 */
static void wide_scans_stop_where_the_narrow_one_does(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 40; len++) {
        char *text = malloc(len ? len : 1);

        assert_non_null(text);
        memset(text, 'x', len);
        check(text, len, SC_HTTP1_VALUE);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                check(text, len, SC_HTTP1_VALUE);
                check(text, len, SC_HTTP1_TARGET);
            }
            text[at] = 'x';
        }
        free(text);
    }
}

static void random_texts_stop_alike(void **state)
{
    static const char bytes[] = "\t\t  ax~\x7f\x80\xff\x1f\r\n";
    uint32_t chance = 1;
    char text[64];

    (void)state;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            chance = chance * 1664525u + 1013904223u;
            text[i] = chance >> 28 ? 'a' : bytes[(chance >> 8) % (sizeof(bytes) - 1)];
        }
        for (size_t from = 0; from < sizeof(text); from += 5) {
            check(text + from, sizeof(text) - from, SC_HTTP1_VALUE);
            check(text + from, sizeof(text) - from, SC_HTTP1_TARGET);
        }
    }
}

static void what_stops_is_what_the_rfc_says(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_control = byte < 0x20 || byte == 0x7f;

        assert_int_equal(sc_http1_is_stop((char)byte, SC_HTTP1_VALUE), is_control && byte != '\t');
        assert_int_equal(sc_http1_is_stop((char)byte, SC_HTTP1_TARGET), is_control || byte == ' ');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_scans_stop_where_the_narrow_one_does),
        cmocka_unit_test(random_texts_stop_alike),
        cmocka_unit_test(what_stops_is_what_the_rfc_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
