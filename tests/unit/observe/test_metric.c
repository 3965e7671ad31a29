/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/grpc_stats.h"
#include "observe/http_stats.h"
#include "observe/label_table.h"
#include "observe/metric.h"
#include "observe/metric_text.h"
#include "observe/operation_stats.h"
#include "observe/process_stats.h"

static sc_metrics *make(const sc_metrics_settings *settings)
{
    sc_metrics_settings own = settings ? *settings : (sc_metrics_settings){0};
    sc_metrics *metrics;
    sc_error err;

    own.app_id = SC_STR("a");
    own.namespace_ = SC_STR("n");
    assert_int_equal(sc_metrics_new(&own, &metrics, &err), SC_OK);
    return metrics;
}

/* Fails unless the page holds (or does not hold) `line` as a whole line. */
static bool has_line(const sc_metrics *metrics, const char *line)
{
    sc_buf page = {0};
    bool found = false;
    sc_str rest;

    sc_metrics_write(metrics, &page);
    rest = sc_buf_str(&page);
    while (rest.at && !found)
        found = sc_str_eq(sc_str_cut(&rest, '\n'), sc_str_from(line));
    sc_buf_deinit(&page);
    return found;
}

static void series_appears_after_its_first_sample(void **state)
{
    sc_metrics *metrics = make(NULL);
    sc_series *loaded = sc_metrics_series_plain(metrics, SC_METRIC_COMPONENT_LOADED);
    sc_buf page = {0};

    (void)state;
    sc_metrics_write(metrics, &page);
    assert_int_equal(sc_buf_len(&page), 0);
    sc_series_add(loaded);
    sc_series_add(loaded);
    assert_true(has_line(metrics, "dapr_runtime_component_loaded{app_id=\"a\"} 2"));
    assert_true(has_line(metrics, "# TYPE dapr_runtime_component_loaded counter"));
    sc_buf_deinit(&page);
    sc_metrics_free(metrics);
}

static void labels_are_sorted_and_those_of_the_registry_filled_in(void **state)
{
    sc_metrics *metrics = make(NULL);

    (void)state;
    sc_series_add(sc_metrics_series_of(metrics, SC_METRIC_STATE_COUNT, SC_STR("st"), SC_STR("get"),
                                       SC_STR("true")));
    assert_true(has_line(metrics,
                         "dapr_component_state_count{app_id=\"a\",component=\"st\",namespace=\"n\","
                         "operation=\"get\",success=\"true\"} 1"));
    sc_metrics_free(metrics);
}

static void same_values_are_the_same_series(void **state)
{
    sc_metrics *metrics = make(NULL);
    sc_series *one =
        sc_metrics_series_of(metrics, SC_METRIC_INVOKE_REQ_SENT_TOTAL, SC_STR("ab"), SC_STR("c"));

    (void)state;
    assert_ptr_equal(one, sc_metrics_series_of(metrics, SC_METRIC_INVOKE_REQ_SENT_TOTAL,
                                               SC_STR("ab"), SC_STR("c")));
    assert_ptr_not_equal(one, sc_metrics_series_of(metrics, SC_METRIC_INVOKE_REQ_SENT_TOTAL,
                                                   SC_STR("a"), SC_STR("bc")));
    sc_metrics_free(metrics);
}

static void histogram_counts_each_sample_in_every_bucket_that_holds_it(void **state)
{
    static int64_t bounds[] = {5, 50, 500};
    sc_metric_settings conf = {.latency_buckets = bounds, .latency_buckets_count = 3};
    sc_metrics_settings settings = {.conf = &conf};
    sc_metrics *metrics = make(&settings);
    sc_series *latency =
        sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_LATENCY, SC_STR("200"));

    (void)state;
    sc_series_observe(latency, 5); /* a bound belongs to its bucket, as Prometheus has it */
    sc_series_observe(latency, 7.25);
    sc_series_observe(latency, 1000000);
#define NAME "dapr_http_healthprobes_roundtrip_latency"
    assert_true(has_line(metrics, NAME "_bucket{app_id=\"a\",status=\"200\",le=\"5\"} 1"));
    assert_true(has_line(metrics, NAME "_bucket{app_id=\"a\",status=\"200\",le=\"50\"} 2"));
    assert_true(has_line(metrics, NAME "_bucket{app_id=\"a\",status=\"200\",le=\"500\"} 2"));
    assert_true(has_line(metrics, NAME "_bucket{app_id=\"a\",status=\"200\",le=\"+Inf\"} 3"));
    assert_true(has_line(metrics, NAME "_sum{app_id=\"a\",status=\"200\"} 1.00001225e+06"));
    assert_true(has_line(metrics, NAME "_count{app_id=\"a\",status=\"200\"} 3"));
    assert_true(has_line(metrics, "# TYPE " NAME " histogram"));
#undef NAME
    sc_metrics_free(metrics);
}

static void label_values_are_escaped_and_unprintable_ones_not_counted(void **state)
{
    sc_metrics *metrics = make(NULL);
    char longest[257];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    sc_series_add(
        sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_COUNT, SC_STR("a\"\\b")));
    assert_true(has_line(
        metrics, "dapr_http_healthprobes_completed_count{app_id=\"a\",status=\"a\\\"\\\\b\"} 1"));
    assert_null(sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_COUNT, SC_STR("a\nb")));
    assert_null(
        sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_COUNT, SC_STR("\xc3\xa9")));
    assert_null(
        sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_COUNT, sc_str_of(longest, 256)));
    assert_non_null(
        sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_COUNT, sc_str_of(longest, 255)));
    sc_metrics_free(metrics);
}

static void series_past_the_limit_are_counted_together(void **state)
{
    sc_metrics_settings settings = {.max_series = 2};
    sc_metrics *metrics = make(&settings);
    char status[] = "0";

    (void)state;
    for (int i = 0; i < 5; i++) {
        status[0] = (char)('0' + i);
        sc_series_add(
            sc_metrics_series_of(metrics, SC_METRIC_HTTP_HEALTHPROBES_COUNT, sc_str_from(status)));
    }
    assert_true(
        has_line(metrics, "dapr_http_healthprobes_completed_count{app_id=\"a\",status=\"1\"} 1"));
    assert_false(
        has_line(metrics, "dapr_http_healthprobes_completed_count{app_id=\"a\",status=\"2\"} 1"));
    assert_true(has_line(
        metrics, "dapr_http_healthprobes_completed_count{app_id=\"a\",status=\"other\"} 3"));
    sc_metrics_free(metrics);
}

static void without_a_registry_nothing_is_counted(void **state)
{
    sc_operation_stats get;
    sc_buf page = {0};

    (void)state;
    assert_null(sc_metrics_series_plain(NULL, SC_METRIC_COMPONENT_LOADED));
    sc_series_add(NULL);
    sc_series_set(NULL, 1);
    sc_series_observe(NULL, 1);
    sc_operation_stats_init(&get, NULL, SC_METRIC_STATE_COUNT, SC_STR("st"), SC_STR("get"));
    sc_operation_stats_record(&get, true, 1);
    sc_metrics_write(NULL, &page);
    assert_int_equal(sc_buf_len(&page), 0);
}

static void rules_rewrite_label_values(void **state)
{
    static sc_pair first = {SC_STR_INIT("num"), SC_STR_INIT("[0-9]+")};
    static sc_pair second = {SC_STR_INIT("<${1}>"), SC_STR_INIT("^/orders/(n)um$")};
    sc_metric_label_rule labels[] = {{SC_STR("path"), {&first, 1, 1}},
                                     {SC_STR("path"), {&second, 1, 1}}};
    sc_metric_rule rules[] = {{SC_STR("dapr_http_server_request_count"), &labels[0], 1},
                              {SC_STR("http/server/request_count"), &labels[1], 1}};
    sc_metric_settings conf = {.rules = rules, .rules_count = 2};
    sc_metrics_settings settings = {.conf = &conf};
    sc_metrics *metrics = make(&settings);

    (void)state;
    sc_series_add(sc_metrics_series_of(metrics, SC_METRIC_HTTP_SERVER_REQUEST_COUNT, SC_STR("GET"),
                                       SC_STR("/orders/17"), SC_STR("200")));
    sc_series_add(sc_metrics_series_of(metrics, SC_METRIC_HTTP_SERVER_REQUEST_COUNT, SC_STR("GET"),
                                       SC_STR("/orders/18"), SC_STR("200")));
    assert_true(has_line(metrics,
                         "dapr_http_server_request_count{app_id=\"a\",method=\"GET\",path=\"<n>\","
                         "status=\"200\"} 2"));
    sc_metrics_free(metrics);
}

static void bad_rule_leaves_a_registry_without_rules(void **state)
{
    sc_pair pair = {SC_STR("x"), SC_STR("(")};
    sc_metric_label_rule label = {SC_STR("path"), {&pair, 1, 1}};
    sc_metric_rule bad = {SC_STR("http/server/request_count"), &label, 1};
    sc_metric_settings conf = {.rules = &bad, .rules_count = 1};
    sc_metrics_settings settings = {.conf = &conf};
    sc_metrics *metrics = NULL;
    sc_error err;

    (void)state;
    assert_int_equal(sc_metrics_new(&settings, &metrics, &err), SC_INVALID);
    assert_non_null(
        strstr(err.text, "failed to compile regex for rule http/server/request_count/path"));
    sc_series_add(sc_metrics_series_of(metrics, SC_METRIC_HTTP_SERVER_REQUEST_COUNT, SC_STR("GET"),
                                       SC_STR("x"), SC_STR("200")));
    assert_true(has_line(metrics,
                         "dapr_http_server_request_count{app_id=\"\",method=\"GET\",path=\"x\","
                         "status=\"200\"} 1"));
    sc_metrics_free(metrics);
}

static void numbers_are_printed_as_go_prints_them(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "1"},
                {262144, "262144"},
                {1048576, "1.048576e+06"},
                {4294967296, "4.294967296e+09"},
                {0.25, "0.25"},
                {0.1, "0.1"},
                {1234.5, "1234.5"},
                {1.5e-7, "1.5e-07"},
                {0.0001, "0.0001"},
                {0.00001, "1e-05"},
                {1e6, "1e+06"},
                {999999.5, "999999.5"},
                {0.1 + 0.2, "0.30000000000000004"},
                {-3, "-3"}};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_buf out = {0};

        sc_metric_add_number(&out, rows[i].value);
        sc_buf_add_byte(&out, '\0');
        assert_string_equal(sc_buf_at(&out), rows[i].text);
        sc_buf_deinit(&out);
    }
}

static void operation_is_counted_and_timed_by_success(void **state)
{
    sc_metrics *metrics = make(NULL);
    sc_operation_stats get;

    (void)state;
    sc_operation_stats_init(&get, metrics, SC_METRIC_SECRET_COUNT, SC_STR("vault"), SC_STR("get"));
    sc_operation_stats_record(&get, true, 0);
    sc_operation_stats_record(&get, false, 1);
    assert_true(has_line(
        metrics, "dapr_component_secret_count{app_id=\"a\",component=\"vault\",namespace=\"n\","
                 "operation=\"get\",success=\"true\"} 1"));
    assert_true(has_line(metrics,
                         "dapr_component_secret_latencies_count{app_id=\"a\",component=\"vault\","
                         "namespace=\"n\",operation=\"get\",success=\"false\"} 1"));
    assert_int_equal(get.latency[1]->count, 0);
    sc_metrics_free(metrics);
}

static void http_requests_are_counted_by_verb_path_and_status(void **state)
{
    sc_metrics *metrics = make(NULL);
    sc_path_label_settings full = {.has_full_paths = true};
    sc_path_labels *paths;
    sc_error err;
    sc_http_stats *stats;
    sc_http_sample sample = {.method = SC_STR("get"),
                             .path = SC_STR("/v1.0/state/st/key-1"),
                             .status = 200,
                             .elapsed_ms = 3,
                             .request_len = 0,
                             .response_len = 2000};

    (void)state;
    assert_int_equal(sc_path_labels_new(&full, &paths, &err), SC_OK);
    stats = sc_http_stats_new(metrics, SC_HTTP_SERVER_SIDE,
                              &(sc_http_stats_settings){.paths = paths, .counts_responses = true});
    sc_http_stats_record(stats, &sample);
    sample.path = SC_STR("/v1.0/state/st/key-2");
    sc_http_stats_record(stats, &sample);
    sample.status = 404;
    sample.method = SC_STR("BREW");
    sc_http_stats_record(stats, &sample);
    sc_http_stats_record(NULL, &sample);
#define LABELS "{app_id=\"a\",method=\"GET\",path=\"/v1.0/state/st\",status=\"200\"} 2"
    assert_true(has_line(metrics, "dapr_http_server_request_count" LABELS));
    assert_true(has_line(metrics, "dapr_http_server_response_count" LABELS));
    assert_true(has_line(metrics, "dapr_http_server_latency_count" LABELS));
#undef LABELS
    assert_true(has_line(metrics, "dapr_http_server_request_count{app_id=\"a\",method=\"UNKNOWN\","
                                  "path=\"/v1.0/state/st\",status=\"404\"} 1"));
    assert_true(
        has_line(metrics, "dapr_http_server_response_bytes_bucket{app_id=\"a\",le=\"2048\"} 3"));
    assert_true(
        has_line(metrics, "dapr_http_server_request_bytes_bucket{app_id=\"a\",le=\"1024\"} 3"));
    sc_http_stats_free(stats);
    sc_path_labels_free(paths);
    sc_metrics_free(metrics);
}

static void many_paths_take_bounded_memory_and_lose_no_count(void **state)
{
    sc_metrics *metrics = make(NULL);
    sc_path_label_settings full = {.has_full_paths = true};
    sc_path_labels *paths;
    sc_error err;
    sc_http_stats *stats;
    char path[32];

    (void)state;
    assert_int_equal(sc_path_labels_new(&full, &paths, &err), SC_OK);
    stats =
        sc_http_stats_new(metrics, SC_HTTP_CLIENT_SIDE, &(sc_http_stats_settings){.paths = paths});
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3000; i++) {
            sc_http_sample sample = {.method = SC_STR("POST"), .status = 200};

            sample.path = sc_str_of(path, (size_t)snprintf(path, sizeof(path), "/order/%d", i));
            sc_http_stats_record(stats, &sample);
        }
    }
    assert_true(has_line(metrics, "dapr_http_client_completed_count{app_id=\"a\",method=\"POST\","
                                  "path=\"/order/999\",status=\"200\"} 2"));
    assert_true(has_line(metrics, "dapr_http_client_completed_count{app_id=\"a\",method=\"other\","
                                  "path=\"other\",status=\"other\"} 4000"));
    sc_http_stats_free(stats);
    sc_path_labels_free(paths);
    sc_metrics_free(metrics);
}

static void grpc_calls_are_counted_by_method_and_status(void **state)
{
    sc_metrics *metrics = make(NULL);
    sc_grpc_stats *stats = sc_grpc_stats_new(metrics, SC_GRPC_SERVER_SIDE);
    sc_grpc_sample sample = {.method = SC_STR("/p.S/M"), .code = SC_OK, .request_len = 10};

    (void)state;
    sc_grpc_stats_record(stats, &sample);
    sample.code = SC_UNAVAILABLE;
    sc_grpc_stats_record(stats, &sample);
    assert_true(has_line(
        metrics, "dapr_grpc_io_server_completed_rpcs{app_id=\"a\",grpc_server_method=\"/p.S/M\","
                 "grpc_server_status=\"Unavailable\"} 1"));
    assert_true(has_line(metrics, "dapr_grpc_io_server_received_bytes_per_rpc_sum{app_id=\"a\","
                                  "grpc_server_method=\"/p.S/M\"} 20"));
    sc_grpc_stats_free(stats);
    sc_metrics_free(metrics);
}

static void label_table_finds_what_was_put_and_is_bounded(void **state)
{
    sc_label_table table = {0};
    sc_arena mem;
    char text[16];

    (void)state;
    sc_arena_init(&mem, NULL);
    for (uintptr_t i = 1; i <= SC_LABEL_TABLE_MAX; i++) {
        sc_str key = sc_str_of(text, (size_t)snprintf(text, sizeof(text), "%u", (unsigned)i));

        assert_null(sc_label_table_get(&table, key));
        assert_true(sc_label_table_put(&table, &mem, key, (void *)i));
    }
    assert_false(sc_label_table_put(&table, &mem, SC_STR("one more"), &mem));
    assert_null(sc_label_table_get(&table, SC_STR("one more")));
    assert_ptr_equal(sc_label_table_get(&table, SC_STR("7")), (void *)(uintptr_t)7);
    assert_ptr_equal(sc_label_table_get(&table, SC_STR("1000")), (void *)(uintptr_t)1000);
    sc_label_table_deinit(&table);
    sc_arena_deinit(&mem);
}

static void process_tells_its_memory_files_and_start(void **state)
{
    static const char *const names[] = {
        "process_cpu_seconds_total ",  "process_resident_memory_bytes ",
        "process_open_fds ",           "process_max_fds ",
        "process_start_time_seconds ", "process_virtual_memory_bytes "};
    sc_buf out = {0};

    (void)state;
    sc_process_stats_write(&out);
    sc_buf_add_byte(&out, '\0');
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        char line[64];
        const char *at;

        (void)snprintf(line, sizeof(line), "\n%s", names[i]);
        at = strstr(sc_buf_at(&out), line);
        assert_non_null(at);
        if (i > 0) /* a young process has used no whole tick of CPU */
            assert_true(strtod(at + strlen(line), NULL) > 0);
    }
    sc_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_appears_after_its_first_sample),
        cmocka_unit_test(labels_are_sorted_and_those_of_the_registry_filled_in),
        cmocka_unit_test(same_values_are_the_same_series),
        cmocka_unit_test(histogram_counts_each_sample_in_every_bucket_that_holds_it),
        cmocka_unit_test(label_values_are_escaped_and_unprintable_ones_not_counted),
        cmocka_unit_test(series_past_the_limit_are_counted_together),
        cmocka_unit_test(without_a_registry_nothing_is_counted),
        cmocka_unit_test(rules_rewrite_label_values),
        cmocka_unit_test(bad_rule_leaves_a_registry_without_rules),
        cmocka_unit_test(numbers_are_printed_as_go_prints_them),
        cmocka_unit_test(operation_is_counted_and_timed_by_success),
        cmocka_unit_test(http_requests_are_counted_by_verb_path_and_status),
        cmocka_unit_test(many_paths_take_bounded_memory_and_lose_no_count),
        cmocka_unit_test(grpc_calls_are_counted_by_method_and_status),
        cmocka_unit_test(label_table_finds_what_was_put_and_is_bounded),
        cmocka_unit_test(process_tells_its_memory_files_and_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
