/* SPDX-License-Identifier: MIT
 *
 * Everything of this layer that a sidecar has, made once at start and handed on by pointer: what a
 * part of the sidecar records goes into one of these.
 */
#ifndef SC_OBSERVE_OBSERVE_H
#define SC_OBSERVE_OBSERVE_H

#include "observe/api_log.h"
#include "observe/grpc_stats.h"
#include "observe/http_stats.h"
#include "observe/metric.h"
#include "observe/settings.h"
#include "observe/trace.h"

typedef struct sc_observe {
    sc_metrics *metrics; /* NULL: spec.metric.enabled is false */
    sc_path_labels *paths;
    sc_http_stats *http_server;
    sc_http_stats *http_client;
    sc_grpc_stats *grpc_server;
    sc_grpc_stats *grpc_client;
    bool counts_error_codes;
    sc_tracer tracer;
    sc_api_log api_log;
} sc_observe;

typedef struct sc_observe_settings {
    const sc_metric_settings *metric;
    const sc_tracing_settings *tracing;
    const sc_api_log_settings *api_log;
    const bool *api_log_flag; /* --enable-api-logging; NULL: not given */
    sc_str app_id;
    sc_str namespace_; /* NAMESPACE as it is */
} sc_observe_settings;

/* `log` and what `settings` points to live as long as `observe`. Fails with SC_INVALID when path
 * patterns are malformed or conflict; a bad rule is logged and the labels stay as they are, as in
 * Dapr. */
sc_code sc_observe_init(sc_observe *observe, const sc_observe_settings *settings, const sc_log *log,
                        sc_error *err) SC_MUST_CHECK;
void sc_observe_deinit(sc_observe *observe);

#endif
