/* SPDX-License-Identifier: MIT
 *
 * Trace contexts and baggage as texts and bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/baggage.h"
#include "wire/traceparent.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static void traceparent_is_read_and_written(void **state)
{
    sc_trace_context context;
    char text[SC_TRACEPARENT_LEN];

    (void)state;
    assert_true(sc_traceparent_parse(SC_STR("00-" TRACE "-" SPAN "-01"), &context));
    assert_true(context.is_sampled);
    assert_int_equal(context.trace_id[0], 0x0a);
    assert_int_equal(context.span_id[7], 0x31);
    assert_true(
        sc_str_eq(sc_traceparent_format(&context, text), SC_STR("00-" TRACE "-" SPAN "-01")));
    assert_true(
        sc_traceparent_parse(SC_STR("cc-" TRACE "-" SPAN "-02-what-comes-later"), &context));
    assert_true(
        sc_str_eq(sc_traceparent_format(&context, text), SC_STR("00-" TRACE "-" SPAN "-00")));
}

static void malformed_traceparents_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01-x",
        "01-" TRACE "-" SPAN "-01x",
        "ff-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00_" TRACE "-" SPAN "-01",
        "0g-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-0x",
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        if (sc_traceparent_is_valid(sc_str_from(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    }
}

/* The bytes that Dapr answers with (gRPC API, recorded exchanges). */
static void binary_form_is_read_and_written(void **state)
{
    static const uint8_t wanted[] = {0,    0,    0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd,
                                     0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c, 1,    0xb7,
                                     0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31, 2,    1};
    sc_trace_context context;
    char bytes[SC_TRACE_BIN_LEN];
    char text[SC_TRACEPARENT_LEN];

    (void)state;
    assert_true(sc_traceparent_parse(SC_STR("00-" TRACE "-" SPAN "-01"), &context));
    assert_memory_equal(sc_trace_bin_format(&context, bytes).at, wanted, sizeof(wanted));
    assert_true(sc_trace_bin_parse(sc_str_of(wanted, sizeof(wanted)), &context));
    assert_true(
        sc_str_eq(sc_traceparent_format(&context, text), SC_STR("00-" TRACE "-" SPAN "-01")));
    assert_false(sc_trace_bin_parse(sc_str_of(wanted, sizeof(wanted) - 1), &context));
    for (size_t at = 0; at < sizeof(wanted); at++) {
        uint8_t broken[sizeof(wanted)];

        memcpy(broken, wanted, sizeof(wanted));
        broken[at] = 0x7f;
        assert_int_equal(sc_trace_bin_parse(sc_str_of(broken, sizeof(broken)), &context),
                         at != 0 && at != 1 && at != 18 && at != 27);
    }
}

static void baggage_is_checked_member_by_member(void **state)
{
    static const struct {
        const char *text;
        const char *why; /* NULL: fine */
    } rows[] = {
        {"a=b", NULL},
        {"a=b,c=d%20e;meta;p=q , f = g", NULL},
        {"a=", NULL},
        {"a=b=c", NULL},
        {"bad baggage=x", "invalid key: \"bad baggage\""},
        {"bad baggage", "invalid baggage list-member: \"bad baggage\""},
        {"a=b;=", "invalid baggage list-member property: \"=\""},
        {"a=b,,c=d", "invalid baggage list-member: \"\""},
        {"=b", "invalid key: \"\""},
        {"a=\"b\"", "invalid value: \"\"b\"\""},
        {"a=%zz", "invalid value: \"%zz\""},
    };
    sc_error err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_code code = sc_baggage_check(sc_str_from(rows[i].text), &err);

        if ((code == SC_OK) != (rows[i].why == NULL))
            fail_msg("%s: %s", rows[i].text, code == SC_OK ? "accepted" : err.text);
        if (rows[i].why)
            assert_string_equal(err.text, rows[i].why);
    }
}

static void baggage_past_its_limits_is_refused(void **state)
{
    static char text[9000];
    sc_error err;
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 181; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%sk%d=v", i ? "," : "", i);
    assert_int_equal(sc_baggage_check(sc_str_of(text, len), &err), SC_INVALID);
    memset(text, 'x', sizeof(text));
    text[1] = '=';
    assert_int_equal(sc_baggage_check(sc_str_of(text, 8193), &err), SC_INVALID);
    assert_int_equal(sc_baggage_check(sc_str_of(text, 4097), &err), SC_INVALID);
    assert_int_equal(sc_baggage_check(sc_str_of(text, 4096), &err), SC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traceparent_is_read_and_written),
        cmocka_unit_test(malformed_traceparents_are_refused),
        cmocka_unit_test(binary_form_is_read_and_written),
        cmocka_unit_test(baggage_is_checked_member_by_member),
        cmocka_unit_test(baggage_past_its_limits_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
