/* SPDX-License-Identifier: MIT
 *
 * Targets of requests from what users write as paths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/url.h"

static void anything_becomes_a_target(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", "/"},
        {"a", "/a"},
        {"/a/", "/a"},
        {"//a//b", "/a/b"},
        {"a/./b/../c", "/a/c"},
        {"../../a", "/a"},
        {"/.well-known/x", "/.well-known/x"},
        {"a b", "/a%20b"},
        {"a%2Fb%zz%4", "/a%2Fb%25zz%254"},
        {"\xc3\xbc", "/%C3%BC"},
        {"a\r\nHost: x", "/a%0D%0AHost:%20x"},
        {"a#b\"<>", "/a%23b%22%3C%3E"},
        {"a?x=1&y=//../&z=a b", "/a?x=1&y=//../&z=a%20b"},
        {"a?b?c", "/a?b?c"},
        {"?q", "/?q"},
        {"a?", "/a?"},
        {"http://h/x", "/http:/h/x"},
    };
    sc_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_str target = sc_url_target(sc_str_from(rows[i].text), &arena);

        if (!sc_str_eq(target, sc_str_from(rows[i].want)))
            fail_msg("'%s' becomes '%.*s'", rows[i].text, SC_FMT(target));
    }
    assert_true(sc_str_eq(sc_url_target(sc_str_of("a\0b", 3), &arena), SC_STR("/a%00b")));
    assert_true(sc_str_eq(sc_url_target(SC_STR_NONE, &arena), SC_STR("/")));
    sc_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anything_becomes_a_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
