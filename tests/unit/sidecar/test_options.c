/* SPDX-License-Identifier: MIT
 *
 * daprd's command line: forms, defaults, what flags say about one another, refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sidecar/options.h"

static sc_arena arena;
static sc_options options;
static sc_error err;
static char log_text[8192];

/* `line` is cut at spaces; "''" is an empty argument. */
static sc_code parse(const char *line)
{
    static char text[1024];
    static char *args[64];
    int count = 0;

    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *one = strtok(text, " "); one; one = strtok(NULL, " "))
        args[count++] = strcmp(one, "''") == 0 ? "" : one;
    sc_error_clear(&err);
    return sc_options_parse(count, args, &arena, &options, &err);
}

/* The steps of a start; warnings go to log_text. */
static sc_code read_all(const char *line)
{
    FILE *out = tmpfile();
    sc_log_sink sink = {.fd = fileno(out), .level = SC_LOG_INFO};
    sc_log log = {.sink = &sink, .scope = "test"};
    sc_code code = parse(line);
    size_t len;

    if (code == SC_OK)
        code = sc_options_read_early(&options, &err);
    if (code == SC_OK) {
        sc_options_warn(&options, &log);
        code = sc_options_check(&options, &err);
    }
    rewind(out);
    len = fread(log_text, 1, sizeof(log_text) - 1, out);
    log_text[len] = '\0';
    (void)fclose(out);
    sc_log_sink_deinit(&sink);
    return code;
}

static void assert_text(sc_str have, const char *want)
{
    if (!sc_str_eq(have, sc_str_from(want)))
        fail_msg("'%.*s' is not '%s'", SC_FMT(have), want);
}

static void defaults_are_daprds(void **state)
{
    (void)state;
    assert_int_equal(read_all("--app-id a"), SC_OK);
    assert_int_equal(options.http_port, 3500);
    assert_int_equal(options.grpc_port, 50001);
    assert_int_equal(options.app_port, 0);
    assert_text(options.app_protocol, "http");
    assert_text(options.app_host, "127.0.0.1");
    assert_int_equal(options.app_max_concurrency, -1);
    assert_text(options.health_path, "/healthz");
    assert_int_equal(options.health_interval_s, 5);
    assert_int_equal(options.health_timeout_ms, 500);
    assert_int_equal(options.health_threshold, 3);
    assert_int_equal(options.max_body_len, 4194304);
    assert_int_equal(options.read_buffer_len, 4096);
    assert_int_equal(options.graceful_shutdown_s, 5);
    assert_int_equal(options.log_level, SC_LOG_INFO);
    assert_true(options.serves_metrics);
    assert_text(options.metrics_port_text, "9090");
    assert_text(options.metrics_host, "0.0.0.0");
    assert_false(options.has_public_port);
    assert_false(options.blocks_shutdown);
    assert_false(options.has_logs_api);
    assert_int_equal(options.resources.count + options.configs.count, 0);
    assert_string_equal(log_text, "");
}

static void one_dash_is_as_good_as_two(void **state)
{
    (void)state;
    assert_int_equal(read_all("-app-id a positional --app-port=8 -enable-app-health-check "
                              "--log-as-json=false -dapr-http-port 1 --app-protocol GRPC"),
                     SC_OK);
    assert_text(options.app_id, "a");
    assert_int_equal(options.app_port, 8);
    assert_true(options.checks_health);
    assert_false(options.log_as_json);
    assert_int_equal(options.http_port, 1);
    assert_text(options.app_protocol, "grpc");
}

static void a_switch_takes_no_word(void **state)
{
    (void)state;
    assert_int_equal(parse("--log-as-json false --app-id a"), SC_OK);
    assert_true(options.log_as_json);
    assert_text(options.app_id, "a");
    assert_int_equal(parse("-h"), SC_OK);
    assert_true(options.wants_help);
    assert_int_equal(parse("--app-id a -- --app-id b"), SC_OK);
    assert_text(options.app_id, "a");
}

static void lists_are_repeated_or_comma_separated(void **state)
{
    (void)state;
    assert_int_equal(parse("--resources-path a,b --config x --resources-path \"c,d\",e,, "
                           "--config y --components-path z"),
                     SC_OK);
    assert_int_equal(options.resources.count, 4);
    assert_text(options.resources.at[1], "b");
    assert_text(options.resources.at[2], "c,d");
    assert_text(options.resources.at[3], "e");
    assert_text(options.configs.at[1], "y");
    assert_int_equal(parse("--components-path z"), SC_OK);
    assert_text(options.resources.at[0], "z");
    assert_int_equal(parse("--config \"a\"\"b\""), SC_OK);
    assert_text(options.configs.at[0], "a\"b");
}

static void flags_speak_about_one_another(void **state)
{
    (void)state;
    assert_int_equal(read_all("--app-id a --app-ssl --dapr-http-max-request-size 2"), SC_OK);
    assert_text(options.app_protocol, "https");
    assert_int_equal(options.max_body_len, 2097152);
    assert_int_equal(read_all("--app-id a --app-ssl --app-protocol grpc --max-body-size 1k "
                              "--dapr-http-max-request-size 2 --dapr-http-read-buffer-size 8"),
                     SC_OK);
    assert_text(options.app_protocol, "grpcs");
    assert_int_equal(options.max_body_len, 1000);
    assert_int_equal(options.read_buffer_len, 8192);
    assert_int_equal(read_all("--app-id a --app-protocol '' --app-port '' --app-health-check-path "
                              "x --disable-init-endpoints Config,subscribe"),
                     SC_OK);
    assert_text(options.app_protocol, "http");
    assert_text(options.health_path, "/x");
    assert_true(options.skips_config && options.skips_subscribe);
    assert_int_equal(read_all("--app-id a --dapr-block-shutdown-duration 0s --dapr-public-port 7 "
                              "--enable-api-logging=false --profile-port -1"),
                     SC_OK);
    assert_true(options.blocks_shutdown && options.has_public_port && options.has_logs_api);
    assert_int_equal(options.public_port, 7);
}

static void the_environment_is_read(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("NAMESPACE"), 0);
    assert_int_equal(parse(""), SC_OK);
    assert_text(options.namespace_, "default");
    assert_text(options.plain_namespace, "");
    assert_int_equal(setenv("NAMESPACE", "", 1), 0);
    assert_int_equal(parse(""), SC_OK);
    assert_text(options.namespace_, "");
    assert_int_equal(setenv("NAMESPACE", "n1", 1), 0);
    assert_int_equal(setenv("DAPR_API_TOKEN", "t", 1), 0);
    assert_int_equal(setenv("DAPR_HTTP_DISABLE_H2C", "Yes", 1), 0);
    assert_int_equal(parse(""), SC_OK);
    assert_text(options.plain_namespace, "n1");
    assert_text(options.api_token, "t");
    assert_true(options.no_http2);
    unsetenv("NAMESPACE");
    unsetenv("DAPR_API_TOKEN");
    unsetenv("DAPR_HTTP_DISABLE_H2C");
}

typedef struct refusal {
    const char *line;
    const char *want;
} refusal;

static void assert_refused(sc_code (*read)(const char *line), const refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (read(rows[i].line) == SC_OK)
            fail_msg("'%s' is not refused", rows[i].line);
        if (!strstr(err.text, rows[i].want))
            fail_msg("'%s' is not in '%s'", rows[i].want, err.text);
    }
}

static void wrong_command_lines_are_refused_in_pflags_words(void **state)
{
    static const refusal rows[] = {
        {"--x", "unknown flag: --x"},
        {"--x=1", "unknown flag: --x"},
        {"-q", "unknown shorthand flag: 'q' in -q"},
        {"--app-id", "flag needs an argument: --app-id"},
        {"--=x", "bad flag syntax: --=x"},
        {"---x", "bad flag syntax: ---x"},
        {"--app-max-concurrency x",
         "invalid argument \"x\" for \"--app-max-concurrency\" flag: strconv.ParseInt: parsing "
         "\"x\": invalid syntax"},
        {"--log-as-json=x", "strconv.ParseBool: parsing \"x\": invalid syntax"},
        {"--dapr-block-shutdown-duration 5",
         "invalid argument \"5\" for \"--dapr-block-shutdown-duration\" flag: time: missing unit "
         "in "
         "duration \"5\""},
        {"--app-binding-options-timeout soon", "time: invalid duration \"soon\""},
        {"--resources-path \"a", "invalid argument \"\"a\" for \"--resources-path\" flag"},
        {"--config \"a\"b", "a quote is out of place"},
    };

    (void)state;
    assert_refused(parse, rows, SC_ARRAY_LEN(rows));
}

static void wrong_values_name_the_way_out(void **state)
{
    static const refusal rows[] = {
        {"", "parameter app-id cannot be empty"},
        {"--app-id a.b", "parameter app-id cannot contain dots"},
        {"--app-id a --max-body-size 4x", "Failed to parse flags: invalid value for "
                                          "'max-body-size' option: '4x' is not a number of bytes"},
        {"--app-id a --read-buffer-size 1Gi", "'1Gi' is above the limit"},
        {"--app-id a --log-level loud", "invalid value for --log-level: loud; use debug"},
        {"--app-id a --actors-disseminate-timeout 0s", "must be positive, got 0s"},
        {"--app-id a --dapr-http-port x",
         "error parsing dapr-http-port flag: strconv.Atoi: parsing \"x\": invalid syntax"},
        {"--app-id a --dapr-http-port ''", "error parsing dapr-http-port flag: "},
        {"--app-id a --dapr-grpc-port -1",
         "error parsing dapr-grpc-port flag: '-1' is not a port in 0..65535"},
        {"--app-id a --app-port 65536", "error parsing app-port: '65536' is not a port"},
        {"--app-id a --profile-port x", "error parsing profile-port flag: "},
        {"--app-id a --profile-port -1 --enable-profiling", "error parsing profile-port flag: "},
        {"--app-id a --dapr-internal-grpc-port x", "error parsing dapr-internal-grpc-port: "},
        {"--app-id a --dapr-public-port x", "error parsing dapr-public-port: "},
        {"--app-id a --app-port 3500",
         "the 'dapr-http-port' argument value 3500 conflicts with 'app-port'"},
        {"--app-id a --app-port 50001",
         "the 'dapr-grpc-port' argument value 50001 conflicts with 'app-port'"},
        {"--app-id a --app-protocol ftp",
         "invalid value for 'app-protocol': ftp; use http, https, h2c, grpc or grpcs"},
        {"--app-id a --disable-init-endpoints x", "invalid value for 'disable-init-endpoints': x"},
        {"--app-id a --app-health-probe-timeout 1001 --app-health-probe-interval 1",
         "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'"},
    };

    (void)state;
    assert_refused(read_all, rows, SC_ARRAY_LEN(rows));
}

static void what_has_no_effect_is_named(void **state)
{
    (void)state;
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "x", 1), 0);
    assert_int_equal(read_all("--app-id a --enable-mtls --placement-host-address '' "
                              "--enable-profiling=false --app-health-threshold 0 "
                              "--dapr-graceful-shutdown-seconds -3 --max-body-size -7"),
                     SC_OK);
    unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    assert_non_null(strstr(log_text, "flag --enable-mtls is not implemented yet"));
    assert_non_null(strstr(log_text, "variable OTEL_EXPORTER_OTLP_ENDPOINT is set"));
    assert_null(strstr(log_text, "placement"));
    assert_null(strstr(log_text, "profiling"));
    assert_non_null(
        strstr(log_text, "--app-health-threshold 0 is not in 1..2147483647; 3 is used"));
    assert_non_null(strstr(log_text, "--dapr-graceful-shutdown-seconds -3 is not in"));
    assert_non_null(strstr(log_text, "--max-body-size -7 is below 0; 4Mi is used"));
    assert_int_equal(options.health_threshold, 3);
    assert_int_equal(options.graceful_shutdown_s, 5);
    assert_int_equal(options.max_body_len, 4194304);
}

static int forget(void **state)
{
    (void)state;
    sc_arena_deinit(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_daprds),
        TEST(one_dash_is_as_good_as_two),
        TEST(a_switch_takes_no_word),
        TEST(lists_are_repeated_or_comma_separated),
        TEST(flags_speak_about_one_another),
        TEST(the_environment_is_read),
        TEST(wrong_command_lines_are_refused_in_pflags_words),
        TEST(wrong_values_name_the_way_out),
        TEST(what_has_no_effect_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
