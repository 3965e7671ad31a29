/* SPDX-License-Identifier: MIT
 *
 * Times, durations, identifiers and log lines as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/duration.h"
#include "core/log.h"
#include "core/random.h"

static void times_are_read_and_written(void **state)
{
    char text[SC_CLOCK_TEXT_MAX];
    int64_t ms = 0;

    (void)state;
    assert_true(sc_clock_parse(SC_STR("2026-11-22T10:37:20.250+01:00"), &ms));
    assert_true(sc_str_eq(sc_clock_format_ms(ms, text), SC_STR("2026-11-22T09:37:20.250Z")));
    assert_true(
        sc_str_eq(sc_clock_format_s(ms / 1000, false, text), SC_STR("2026-11-22T09:37:20Z")));
    assert_true(
        sc_str_eq(sc_clock_format_ns(ms * 1000000, text), SC_STR("2026-11-22T09:37:20.25Z")));
    assert_true(sc_str_eq(sc_clock_format_ns(1000000000, text), SC_STR("1970-01-01T00:00:01Z")));
    assert_false(sc_clock_parse(SC_STR("2026-11-22 10:37:20Z"), &ms));
    assert_false(sc_clock_parse(SC_STR("2026-13-22T10:37:20Z"), &ms));
    assert_false(sc_clock_parse(SC_STR("2026-11-22T10:37:20"), &ms));
    assert_false(sc_clock_parse(SC_STR("2026-11-22T10:37:20.Z"), &ms));
    setenv("TZ", "Europe/Berlin-1", 1);
    (void)sc_clock_format_s(0, true, text);
}

static void durations_are_gos(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *back;
    } rows[] = {
        {"10s", 10000000000, "10s"},
        {"1h30m", 5400000000000, "1h30m0s"},
        {"1.5ms", 1500000, "1.5ms"},
        {"-5s", -5000000000, "-5s"},
        {"0", 0, "0s"},
        {"100us", 100000, "100\xc2\xb5s"},
        {"1h0.25s", 3600250000000, "1h0m0.25s"},
        {"7ns", 7, "7ns"},
    };
    char text[SC_DURATION_TEXT_MAX];
    int64_t ns;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        assert_true(sc_duration_parse(sc_str_from(rows[i].text), &ns));
        assert_true(ns == rows[i].ns);
        assert_true(sc_str_eq(sc_duration_format(ns, text), sc_str_from(rows[i].back)));
    }
    assert_false(sc_duration_parse(SC_STR("10"), &ns));
    assert_false(sc_duration_parse(SC_STR("s"), &ns));
    assert_false(sc_duration_parse(SC_STR(".s"), &ns));
    assert_false(sc_duration_parse(SC_STR("1d"), &ns));
    assert_false(sc_duration_parse(SC_STR(""), &ns));
    assert_false(sc_duration_parse(SC_STR("9999999999h"), &ns));
}

static void identifiers_are_version_4_and_differ(void **state)
{
    sc_random random;
    char one[SC_UUID_LEN + 1];
    char two[SC_UUID_LEN + 1];

    (void)state;
    sc_random_init(&random);
    sc_random_uuid(&random, one);
    sc_random_uuid(&random, two);
    assert_int_equal(strlen(one), SC_UUID_LEN);
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
    assert_string_not_equal(one, two);
    for (int i = 0; i < 1000; i++) {
        uint64_t ms = sc_random_jitter(&random, 1000);

        assert_in_range(ms, 750, 1250);
        assert_true(sc_random_unit(&random) < 1.0);
    }
}

static sc_str logged(sc_log_sink *sink, char *text, size_t max)
{
    sc_log log = {.sink = sink, .scope = "dapr.runtime"};
    int ends[2];
    ssize_t len;

    assert_int_equal(pipe(ends), 0);
    sink->fd = ends[1];
    sc_log_debug(&log, "not shown");
    sc_log_write(&log, SC_LOG_WARN, "a <b> \"%s\"\n", "c");
    len = read(ends[0], text, max);
    close(ends[0]);
    close(ends[1]);
    assert_true(len > 0);
    return sc_str_of(text, (size_t)len);
}

static void log_lines_are_daprs(void **state)
{
    sc_log_sink sink = {.level = SC_LOG_INFO,
                        .app_id = SC_STR("my app"),
                        .instance = SC_STR("host-1"),
                        .version = SC_STR("0.1")};
    char text[1024];
    sc_str line;

    (void)state;
    line = logged(&sink, text, sizeof(text));
    assert_true(sc_str_starts(line, SC_STR("time=\"20")));
    assert_true(
        sc_str_ends(line, SC_STR("Z\" level=warning msg=\"a <b> \\\"c\\\"\\n\" app_id=\"my app\" "
                                 "instance=host-1 scope=dapr.runtime type=log ver=0.1\n")));
    sink.is_json = true;
    line = logged(&sink, text, sizeof(text));
    assert_true(
        sc_str_starts(line, SC_STR("{\"app_id\":\"my app\",\"instance\":\"host-1\",\"level\":"
                                   "\"warning\",\"msg\":\"a \\u003cb\\u003e \\\"c\\\"\\n\",")));
    assert_true(sc_str_ends(line, SC_STR("Z\",\"type\":\"log\",\"ver\":\"0.1\"}\n")));
    sc_log_sink_deinit(&sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_and_written),
        cmocka_unit_test(durations_are_gos),
        cmocka_unit_test(identifiers_are_version_4_and_differ),
        cmocka_unit_test(log_lines_are_daprs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
