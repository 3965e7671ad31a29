/* SPDX-License-Identifier: MIT
 *
 * What the Configuration resource says about metrics, traces and API logs, for this layer to act
 * on. Plain data: texts and lists are borrowed from the configuration, which lives as long as the
 * sidecar.
 */
#ifndef SC_OBSERVE_SETTINGS_H
#define SC_OBSERVE_SETTINGS_H

#include "core/pairs.h"

/* spec.metric.rules[].labels[] */
typedef struct sc_metric_label_rule {
    sc_str name;
    sc_pairs regex; /* replacement to regular expression */
} sc_metric_label_rule;

typedef struct sc_metric_rule {
    sc_str name; /* of the metric, without "dapr_" */
    sc_metric_label_rule *labels;
    uint32_t labels_count;
} sc_metric_rule;

typedef struct sc_metric_http_settings {
    bool increased_cardinality; /* true unless set */
    bool has_increased_cardinality;
    bool excludes_verbs;
    sc_str *path_matching;
    uint32_t path_matching_count;
} sc_metric_http_settings;

/* spec.metric with spec.metrics laid over it. */
typedef struct sc_metric_settings {
    bool is_enabled; /* true unless set */
    bool records_error_codes;
    sc_metric_http_settings http;
    int64_t *latency_buckets; /* milliseconds; none: the usual ones */
    uint32_t latency_buckets_count;
    sc_metric_rule *rules;
    uint32_t rules_count;
} sc_metric_settings;

/* spec.tracing */
typedef struct sc_tracing_settings {
    sc_str sampling_rate; /* as written; empty or not a number: 0.0001 */
    bool to_stdout;
    sc_str zipkin_address; /* a URL; empty: none */
    sc_str otel_address;
    sc_str otel_protocol; /* "http", "grpc" */
    bool otel_is_secure;  /* true unless set */
    sc_str *otel_headers; /* "k=v" */
    uint32_t otel_headers_count;
    int64_t otel_timeout_ns; /* 0: the usual one */
} sc_tracing_settings;

/* spec.logging.apiLogging */
typedef struct sc_api_log_settings {
    bool is_enabled; /* unless --enable-api-logging says otherwise */
    bool obfuscates_urls;
    bool omits_health_checks;
} sc_api_log_settings;

#endif
