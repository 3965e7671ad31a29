/* SPDX-License-Identifier: MIT
 *
 * What gRPC writes into headers as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/grpc.h"

static void check(sc_str text, const char *encoded)
{
    sc_arena arena = {0};
    sc_str got = sc_grpc_message_encode(text, &arena);

    assert_true(sc_str_eq(got, sc_str_from(encoded)));
    assert_true(sc_str_eq(sc_grpc_message_decode(got, &arena), text));
    sc_arena_deinit(&arena);
}

static void message_is_escaped_and_read_back(void **state)
{
    (void)state;
    check(SC_STR(""), "");
    check(SC_STR("key a b ~"), "key a b ~");
    check(SC_STR("100% \xc3\xa9\n\""), "100%25 %C3%A9%0A\"");
    check(SC_STR("%41"), "%2541");
}

/* HTTP/2 wants none there (RFC 9113, 8.2.1). */
static void message_has_no_space_at_an_end(void **state)
{
    (void)state;
    check(SC_STR("type: "), "type:%20");
    check(SC_STR("  a b  "), "%20 a b %20");
    check(SC_STR(" "), "%20");
}

static void what_is_no_escape_stays(void **state)
{
    sc_arena arena = {0};

    (void)state;
    assert_true(sc_str_eq(sc_grpc_message_decode(SC_STR("50% %zz %4 %20"), &arena),
                          SC_STR("50% %zz %4  ")));
    sc_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_is_escaped_and_read_back),
        cmocka_unit_test(message_has_no_space_at_an_end),
        cmocka_unit_test(what_is_no_escape_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
