/* SPDX-License-Identifier: MIT
 *
 * From the Configuration's settings to the parts that act on them.
 */
#include "observe/observe.h"

static void make_metrics(sc_observe *observe, const sc_observe_settings *settings,
                         const sc_log *log)
{
    sc_metrics_settings own = {.app_id = settings->app_id,
                               .namespace_ = settings->namespace_,
                               .conf = settings->metric,
                               .log = log};
    sc_error err;

    if (!settings->metric->is_enabled)
        return;
    if (sc_metrics_new(&own, &observe->metrics, &err) != SC_OK)
        sc_log_error(log, "[INIT_FAILURE]: initialization error occurred for metrics: %s",
                     err.text);
}

static sc_code make_stats(sc_observe *observe, const sc_metric_settings *settings, sc_error *err)
{
    sc_path_label_settings paths = {.has_full_paths = settings->http.increased_cardinality,
                                    .patterns = settings->http.path_matching,
                                    .pattern_count = settings->http.path_matching_count};
    sc_http_stats_settings http = {.counts_responses = settings->http.increased_cardinality,
                                   .excludes_verbs = settings->http.excludes_verbs};

    if (sc_path_labels_new(&paths, &observe->paths, err) != SC_OK)
        return err->code;
    http.paths = observe->paths;
    observe->http_server = sc_http_stats_new(observe->metrics, SC_HTTP_SERVER_SIDE, &http);
    observe->http_client = sc_http_stats_new(observe->metrics, SC_HTTP_CLIENT_SIDE, &http);
    observe->grpc_server = sc_grpc_stats_new(observe->metrics, SC_GRPC_SERVER_SIDE);
    observe->grpc_client = sc_grpc_stats_new(observe->metrics, SC_GRPC_CLIENT_SIDE);
    observe->counts_error_codes = settings->records_error_codes;
    return SC_OK;
}

sc_code sc_observe_init(sc_observe *observe, const sc_observe_settings *settings, const sc_log *log,
                        sc_error *err)
{
    *observe = (sc_observe){.metrics = NULL};
    make_metrics(observe, settings, log);
    sc_tracer_init(&observe->tracer, settings->tracing, log);
    sc_api_log_init(&observe->api_log, settings->api_log, settings->api_log_flag, log->sink);
    return make_stats(observe, settings->metric, err);
}

void sc_observe_deinit(sc_observe *observe)
{
    sc_http_stats_free(observe->http_server);
    sc_http_stats_free(observe->http_client);
    sc_grpc_stats_free(observe->grpc_server);
    sc_grpc_stats_free(observe->grpc_client);
    sc_path_labels_free(observe->paths);
    sc_metrics_free(observe->metrics);
    *observe = (sc_observe){.metrics = NULL};
}
