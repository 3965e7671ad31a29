/* SPDX-License-Identifier: MIT
 *
 * What may stand in a header, and what a body without a media type is taken for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/http_field.h"
#include "wire/sniff.h"

static void names_and_values_of_headers(void **state)
{
    static const sc_str names[] = {SC_STR_INIT("x-a"), SC_STR_INIT("X_1.~!#$%&'*+^`|")};
    static const sc_str bad_names[] = {
        SC_STR_INIT(""),     SC_STR_INIT("a b"),      SC_STR_INIT("a:"),    SC_STR_INIT("a\r\nb"),
        SC_STR_INIT("a\0b"), SC_STR_INIT("\xc3\xa4"), SC_STR_INIT(":path"), SC_STR_INIT("a\x7f")};
    static const sc_str values[] = {SC_STR_INIT(""), SC_STR_INIT("a b\tc"),
                                    SC_STR_INIT("\xc3\xa4")};
    static const sc_str bad_values[] = {SC_STR_INIT("a\rb"), SC_STR_INIT("a\nb"),
                                        SC_STR_INIT("a\0b"), SC_STR_INIT("\x7f")};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        assert_true(sc_http_is_field_name(names[i]));
    for (size_t i = 0; i < SC_ARRAY_LEN(bad_names); i++)
        assert_false(sc_http_is_field_name(bad_names[i]));
    for (size_t i = 0; i < SC_ARRAY_LEN(values); i++)
        assert_true(sc_http_is_field_value(values[i]));
    for (size_t i = 0; i < SC_ARRAY_LEN(bad_values); i++)
        assert_false(sc_http_is_field_value(bad_values[i]));
}

static void media_types_are_told_by_the_first_bytes(void **state)
{
    static const struct {
        sc_str start;
        const char *type;
    } rows[] = {
        {SC_STR_INIT(""), "text/plain; charset=utf-8"},
        {SC_STR_INIT("{\"a\":1}"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("h\xc3\xa4llo\n"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("\x1b[1m"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("a\0b"), "application/octet-stream"},
        {SC_STR_INIT(" \n<!doctype html>"), "text/html; charset=utf-8"},
        {SC_STR_INIT("<P >"), "text/html; charset=utf-8"},
        {SC_STR_INIT("<b"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("<bx>"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("\t<?xml "), "text/xml; charset=utf-8"},
        {SC_STR_INIT("%PDF-1.4"), "application/pdf"},
        {SC_STR_INIT("\xef\xbb\xbf\0"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("\xff\xfe"), "text/plain; charset=utf-16le"},
        {SC_STR_INIT("GIF89a..."), "image/gif"},
        {SC_STR_INIT("\x89PNG\r\n\x1a\n..."), "image/png"},
        {SC_STR_INIT("\xff\xd8\xff\xe0"), "image/jpeg"},
        {SC_STR_INIT("RIFF1234WEBPVP8 "), "image/webp"},
        {SC_STR_INIT("RIFF1234WAVEfmt"), "audio/wave"},
        {SC_STR_INIT("RIFF1234"), "text/plain; charset=utf-8"},
        {SC_STR_INIT("\0\0\0\x14"
                     "ftypmp42\0\0\0\0isom"),
         "video/mp4"},
        {SC_STR_INIT("\0\0\0\x14"
                     "ftypisom\0\0\0\0isom"),
         "application/octet-stream"},
        {SC_STR_INIT("\xff\xff\xff\xfc"
                     "ftypmp42"),
         "text/plain; charset=utf-8"},
        {SC_STR_INIT("PK\3\4"), "application/zip"},
        {SC_STR_INIT("\x1f\x8b\x08\0"), "application/x-gzip"},
        {SC_STR_INIT("\0asm\1"), "application/wasm"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_str type = sc_sniff_type(rows[i].start);

        if (!sc_str_eq(type, sc_str_from(rows[i].type)))
            fail_msg("row %zu: '%.*s' instead of '%s'", i, SC_FMT(type), rows[i].type);
    }
}

static void only_the_first_bytes_count(void **state)
{
    char body[600];

    (void)state;
    memset(body, 'a', sizeof(body));
    body[512] = '\0';
    assert_true(sc_str_eq(sc_sniff_type(sc_str_of(body, sizeof(body))),
                          SC_STR("text/plain; charset=utf-8")));
    body[511] = '\0';
    assert_true(sc_str_eq(sc_sniff_type(sc_str_of(body, sizeof(body))),
                          SC_STR("application/octet-stream")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_of_headers),
        cmocka_unit_test(media_types_are_told_by_the_first_bytes),
        cmocka_unit_test(only_the_first_bytes_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
