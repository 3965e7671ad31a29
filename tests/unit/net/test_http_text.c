/* SPDX-License-Identifier: MIT
 *
 * Header lines and chunk lengths as they go over the wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/http.h"

static void check_header(const char *name, const char *value, const char *line)
{
    sc_buf out = {0};

    sc_http_put_header(&out, sc_str_from(name), sc_str_from(value));
    assert_int_equal(sc_buf_len(&out), strlen(line));
    assert_memory_equal(sc_buf_at(&out), line, strlen(line));
    sc_buf_deinit(&out);
}

static void names_begin_in_upper_case_and_behind_each_dash(void **state)
{
    (void)state;
    check_header("content-type", "text/plain", "Content-Type: text/plain\r\n");
    check_header("host", "a:80", "Host: a:80\r\n");
    check_header("X-already-Mixed", "v", "X-Already-Mixed: v\r\n");
    check_header("x_under-score", "", "X_under-Score: \r\n");
    check_header("a--b-", "v", "A--B-: v\r\n");
    check_header("-a", "v", "-A: v\r\n");
    check_header("metadata.ttl", "v-w", "Metadata.ttl: v-w\r\n");
    check_header("", "v", ": v\r\n");
}

static void check_chunk(size_t len, const char *line)
{
    sc_buf out = {0};

    sc_http_put_chunk_len(&out, len);
    assert_int_equal(sc_buf_len(&out), strlen(line));
    assert_memory_equal(sc_buf_at(&out), line, strlen(line));
    sc_buf_deinit(&out);
}

static void lengths_of_chunks_are_hexadecimal(void **state)
{
    (void)state;
    check_chunk(0, "0\r\n");
    check_chunk(9, "9\r\n");
    check_chunk(10, "a\r\n");
    check_chunk(255, "ff\r\n");
    check_chunk(65536, "10000\r\n");
    check_chunk(SIZE_MAX, "ffffffffffffffff\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_begin_in_upper_case_and_behind_each_dash),
        cmocka_unit_test(lengths_of_chunks_are_hexadecimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
