/* SPDX-License-Identifier: MIT
 *
 * Places outside: which URLs lead to one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block/endpoints.h"

static void check(const char *text, bool is_tls, const char *host, uint16_t port,
                  const char *authority, const char *prefix)
{
    sc_endpoint_url url;

    assert_true(sc_endpoint_url_parse(sc_str_from(text), &url));
    assert_int_equal(url.is_tls, is_tls);
    assert_true(sc_str_eq(url.host, sc_str_from(host)));
    assert_int_equal(url.port, port);
    assert_true(sc_str_eq(url.authority, sc_str_from(authority)));
    assert_true(sc_str_eq(url.prefix, sc_str_from(prefix)));
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    check("http://h", false, "h", 80, "h", "");
    check("https://h", true, "h", 443, "h", "");
    check("https://h:8443/", true, "h", 8443, "h:8443", "/");
    check("http://a.b.c:1/p/q", false, "a.b.c", 1, "a.b.c:1", "/p/q");
    check("http://[::1]", false, "::1", 80, "[::1]", "");
    check("http://[::1]:65535/x", false, "::1", 65535, "[::1]:65535", "/x");
}

static void what_is_no_place_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "h",
        "ftp://h",
        "http://",
        "http:///p",
        "http://:80",
        "http://h:",
        "http://h:0",
        "http://h:65536",
        "http://h:x",
        "http://h:-1",
        "http://[::1",
        "http://[::1]80",
        "http://[]",
        "http://u@h",
        "http://h?q",
        "http://h#f",
        "http://h/a b",
        "http://h\r\nX: y",
        "http:/h",
        "HTTP://h",
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(wrong); i++) {
        sc_endpoint_url url;

        assert_false(sc_endpoint_url_parse(sc_str_from(wrong[i]), &url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_is_no_place_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
