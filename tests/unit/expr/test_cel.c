/* SPDX-License-Identifier: MIT
 *
 * Expressions of routing rules, with the results that Dapr gives (pub/sub semantics, "CEL
 * results").
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "expr/cel.h"
#include "wire/json.h"

static const char event_text[] =
    "{\"id\":\"1\",\"source\":\"app\",\"type\":\"default\",\"specversion\":\"1.0\",\"topic\":\"t\","
    "\"pubsubname\":\"p\",\"traceid\":\"\",\"time\":\"2024-01-01T01:00:00Z\",\"my-attr\":\"v\","
    "\"data\":{\"n\":5,\"u\":5,\"s\":\"hello\",\"l\":[1,2,3],\"b\":true,\"nul\":null,"
    "\"m\":{\"a\":{\"b\":1}},\"str5\":\"5\",\"d\":\"2024-01-01T01:00:00Z\"}}";

/* "true", "false", "error: ...", "compile: ..." */
static const char *result(const char *text)
{
    static char shown[600];
    sc_arena mem;
    sc_cel *program;
    sc_doc *event;
    sc_error err;
    bool truth;

    sc_arena_init(&mem, NULL);
    assert_int_equal(sc_json_parse(sc_str_from(event_text), &mem, &event, NULL, &err), SC_OK);
    if (sc_cel_compile(sc_str_from(text), &mem, &program, &err) != SC_OK)
        (void)snprintf(shown, sizeof(shown), "compile: %s", err.text);
    else if (sc_cel_eval(program, event, &mem, &truth, &err) != SC_OK)
        (void)snprintf(shown, sizeof(shown), "error: %s", err.text);
    else
        (void)snprintf(shown, sizeof(shown), "%s", truth ? "true" : "false");
    sc_arena_deinit(&mem);
    return shown;
}

static void expect_all(const char *const *texts, size_t count, const char *wanted)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = result(texts[i]);

        if (strncmp(got, wanted, strlen(wanted)) != 0)
            fail_msg("%s: %s, not %s", texts[i], got, wanted);
    }
}

static void what_holds_matches(void **state)
{
    static const char *const texts[] = {
        "event.data.n == 5",
        "event.data.n == 5.0",
        "event.data.n == 5u",
        "event.data.n > 4",
        "event.data.n < 5.5",
        "int(event.data.n) % 2 == 1",
        "event.data.n + 1.0 == 6.0",
        "event[\"my-attr\"] == \"v\"",
        "event.data.s.matches(\"^h.*o$\")",
        "event.data.l.exists(x, x == 2)",
        "event.data.l.all(x, x > 0)",
        "event.data.l.exists_one(x, x == 1)",
        "event.data.l.map(x, x*2.0).size() == 3",
        "event.data.l.filter(x, x > 1).size() == 2",
        "2 in event.data.l",
        "event.data.n in [5,6]",
        "\"n\" in event.data",
        "event.data.l == [1,2,3]",
        "event.data.m == {\"a\":{\"b\":1}}",
        "event.data.nul == null",
        "type(event.data.n) == double",
        "string(event.data.n) == \"5\"",
        "int(event.data.str5) == 5",
        "timestamp(event.data.d).getHours(\"+01:00\") == 2",
        "-event.data.n < 0",
        "event.data.s == r\"hello\"",
        "event.data.s == \"\"\"hello\"\"\"",
        "event.data[\"n\"] == 5",
        "event.traceid == \"\"",
        "event.foo == \"x\" || true",
        "true || event.foo == \"x\"",
        "size(event) > 5",
        "dyn(1) == 1.0",
        "has(event.data.m.a.b)",
        "timestamp(event.time) + duration(\"1h30m\") == timestamp(\"2024-01-01T02:30:00Z\")",
        "duration(\"1.5s\").getMilliseconds() == 500",
        "b'a\\377' != b'b'",
        "'\\u00e9'.size() == 1",
        "event.data.b ? event.data.n == 5 : false",
        "-9223372036854775808 < 0",
        "0x10 == 16",
        "event.data.l.map(x, x > 1, x + 1.0) == [3.0, 4.0]",
        "1 + 2 * 3 == 7 // seven",
        "type(timestamp(event.time)) == google.protobuf.Timestamp",
        "event.data.l[1] == 2",
        "string(1e21) == '1e+21' && string(1000000.0) == '1000000' && string(0.1) == '0.1'"};

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "true");
}

static void what_does_not_hold_does_not_match(void **state)
{
    static const char *const texts[] = {"has(event.foo)",
                                        "type(event.data.n) == int",
                                        "event.data.n == \"5\"",
                                        "event.foo == \"x\" && false",
                                        "false && event.foo == \"x\"",
                                        "has(event.data.m.a.c)",
                                        "event.data.l.exists(x, x > 9)",
                                        "event.data.s.contains('z')"};

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "false");
}

static void what_cannot_be_said_is_an_error(void **state)
{
    static const char *const texts[] = {"event.data.n % 2 == 1",
                                        "event.data.n + 1 == 6",
                                        "event.data.n * 2 > 1",
                                        "event.foo == \"x\"",
                                        "event.expiration == \"\"",
                                        "has(event.data.q.c)",
                                        "event.data.l[9] == 1",
                                        "event.data.s[0] == \"h\"",
                                        "event.data.s < 5",
                                        "!event.data.s",
                                        "event.data.d.getHours() == 1",
                                        "foo == \"x\"",
                                        "event.data.s.matches(\"(?=x)\")",
                                        "event.data",
                                        "1",
                                        "\"x\"",
                                        "event.data.n == 5 ? \"a\" : \"b\"",
                                        "1 / 0 == 1",
                                        "9223372036854775807 + 1 > 0",
                                        "event.foo == 1 || false",
                                        "int('x') == 1",
                                        "timestamp('2024-02-30T00:00:00Z') == timestamp(0)"};

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "error: ");
    assert_string_equal(result("event.data.n % 2 == 1"), "error: no such overload: _%_");
    assert_string_equal(result("event.foo == 'x'"), "error: no such key: foo");
    assert_string_equal(result("event.data.l[9] == 1"), "error: index out of bounds: 9");
    assert_string_equal(result("foo == 'x'"), "error: no such attribute(s): foo");
}

static void what_is_no_expression_is_refused_when_it_is_read(void **state)
{
    static const char *const texts[] = {"event.type ==",
                                        "a or b",
                                        "event.?data",
                                        "1 == 1.0",
                                        "event.all(k, k != \"\")",
                                        "event.data.big == 12345678901234567890",
                                        "/* c */",
                                        "event.data.\"n\"",
                                        "nofn(event)",
                                        "event.data.s.lowerAscii()",
                                        "'a' + 1",
                                        "\"open",
                                        "'\\q'",
                                        "(1",
                                        "[1, 2",
                                        "{1: 2",
                                        "event.data.`n`",
                                        "!5",
                                        "has(event)",
                                        "",
                                        "in",
                                        "event.in",
                                        "1 2",
                                        "true && 1"};
    char deep[1000];

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "compile: ");
    memset(deep, '(', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_non_null(strstr(result(deep), "nested too deeply"));
    memset(deep, '!', sizeof(deep) - 1);
    assert_non_null(strstr(result(deep), "nested too deeply"));
}

static void endless_work_ends(void **state)
{
    const char *got = result("event.data.l.all(a, event.data.l.all(b, event.data.l.all(c, "
                             "event.data.l.all(d, event.data.l.all(e, event.data.l.all(f, "
                             "event.data.l.all(g, event.data.l.all(h, event.data.l.all(i, "
                             "event.data.l.all(j, event.data.l.all(k, event.data.l.all(l, "
                             "event.data.l.all(m, a+b+c+d+e+f+g+h+i+j+k+l+m > 0.0)))))))))))))");

    (void)state;
    assert_non_null(strstr(got, "steps"));
    assert_non_null(strstr(result("('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!').matches('^(a|aa)+$')"),
                           "regular expression"));
}

static void names_behind_a_dot_are_no_variables_of_macros(void **state)
{
    static const char *const texts[] = {
        "[{'id': 'other'}].exists(event, event.id == 'other' && .event.id == '1')",
        "['1'].exists(event, .event.id == event)",
    };

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "true");
}

/* Values of Python's zoneinfo. */
static void time_zones_go_by_name(void **state)
{
    static const char *const texts[] = {
        "timestamp('2024-01-15T12:00:00Z').getHours('Europe/Paris') == 13",
        "timestamp('2024-07-15T12:00:00Z').getHours('Europe/Paris') == 14",
        "timestamp('1900-01-01T00:00:00Z').getMinutes('Europe/Paris') == 9",
        "timestamp('2100-01-15T12:00:00Z').getHours('Europe/Paris') == 13",
        "timestamp('2100-07-15T12:00:00Z').getHours('Europe/Paris') == 14",
        "timestamp('2100-03-28T00:59:59Z').getHours('Europe/Paris') == 1",
        "timestamp('2100-03-28T01:00:00Z').getHours('Europe/Paris') == 3",
        "timestamp('2100-01-15T12:00:00Z').getHours('Australia/Sydney') == 23",
        "timestamp('2100-07-15T12:00:00Z').getHours('Australia/Sydney') == 22",
        "timestamp('2024-07-15T12:00:00Z').getMinutes('Asia/Kathmandu') == 45",
        "timestamp('2024-07-15T23:00:00Z').getDate('Asia/Tokyo') == 16",
        "timestamp('2024-07-15T12:00:00Z').getHours('') == 12",
        "timestamp('2024-07-15T12:00:00Z').getHours('Etc/GMT+5') == 7",
    };
    static const char *const bad[] = {
        "timestamp('2024-07-15T12:00:00Z').getHours('Nowhere/Land') == 12",
        "timestamp('2024-07-15T12:00:00Z').getHours('../zoneinfo/UTC') == 12",
        "timestamp('2024-07-15T12:00:00Z').getHours('/usr/share/zoneinfo/UTC') == 12",
        "timestamp('2024-07-15T12:00:00Z').getHours('Europe') == 12",
        "timestamp('2024-07-15T12:00:00Z').getHours('tzdata.zi') == 12",
        "timestamp('2024-07-15T12:00:00Z').getHours('zone.tab') == 12",
    };

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "true");
    expect_all(bad, SC_ARRAY_LEN(bad), "error: unknown time zone");
}

static void many_time_zones_in_one_rule_are_read(void **state)
{
    static const char *const texts[] = {
        "['Europe/Paris', 'Asia/Tokyo', 'America/New_York', 'Africa/Cairo', 'Asia/Kolkata', 'UTC',"
        " 'Europe/Paris', 'Asia/Kolkata'].map(z, timestamp('2024-01-15T12:00:00Z').getHours(z))"
        " == [13, 21, 7, 14, 17, 12, 13, 17]"};

    (void)state;
    expect_all(texts, SC_ARRAY_LEN(texts), "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_behind_a_dot_are_no_variables_of_macros),
        cmocka_unit_test(time_zones_go_by_name),
        cmocka_unit_test(many_time_zones_in_one_rule_are_read),
        cmocka_unit_test(what_holds_matches),
        cmocka_unit_test(what_does_not_hold_does_not_match),
        cmocka_unit_test(what_cannot_be_said_is_an_error),
        cmocka_unit_test(what_is_no_expression_is_refused_when_it_is_read),
        cmocka_unit_test(endless_work_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
