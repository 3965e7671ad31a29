/* SPDX-License-Identifier: MIT
 *
 * Metrics: a registry of series and the samples that go into them.
 *
 * A *metric* is a row of metric.def. A *series* is one metric with one value for each of its
 * labels; whoever records gets it once, up front, and keeps the pointer: a sample is then an
 * increment in an array, without a look-up, an allocation or a lock.
 *
 *     // when the store is opened
 *     stats->gets = sc_metrics_series_of(metrics, SC_METRIC_STATE_COUNT, name, SC_STR("get"),
 * SC_STR("true"));
 *     // on every get
 *     sc_series_add(stats->gets);
 *
 * What a request brings along (a topic, a path) goes through a sc_label_table
 * (observe/label_table.h), which remembers the series made for it; what most components need is in
 * observe/operation_stats.h. A series is on the page after its first sample. Loop thread only.
 */
#ifndef SC_OBSERVE_METRIC_H
#define SC_OBSERVE_METRIC_H

#include "core/arena.h"
#include "core/error.h"
#include "core/log.h"
#include "observe/settings.h"

typedef enum sc_metric {
#define SC_METRIC(id, name, kind, labels, help) SC_METRIC_##id,
#include "observe/metric.def"
#undef SC_METRIC
    SC_METRIC_ROWS /* how many there are */
} sc_metric;

typedef struct sc_metrics sc_metrics;

/* Upper bounds of a histogram's buckets, in ascending order; +Inf is implied. */
typedef struct sc_buckets {
    const double *bounds;
    uint32_t count;
} sc_buckets;

typedef struct sc_series {
    uint64_t count;            /* samples: the value of a counter */
    double value;              /* the last value of a gauge, the sum of a histogram */
    const sc_buckets *buckets; /* NULL unless a histogram */
    uint64_t in_bucket[];      /* one more than there are bounds; not cumulated */
} sc_series;

/* One more. `series` may be NULL, here and below: nothing is counted. */
static inline void sc_series_add(sc_series *series)
{
    if (series)
        series->count++;
}

static inline void sc_series_set(sc_series *series, double value)
{
    if (!series)
        return;
    series->count++;
    series->value = value;
}

/* A sample of a histogram: milliseconds or bytes. */
void sc_series_observe(sc_series *series, double value);

typedef struct sc_metrics_settings {
    sc_str app_id;
    sc_str namespace_;              /* NAMESPACE as it is; empty when unset */
    const sc_metric_settings *conf; /* buckets and rules; NULL: the usual ones. Not kept */
    uint32_t max_series;            /* of one metric; 0: 1,000 */
    const sc_log *log;              /* for a warning when a metric has no room left; may be NULL */
} sc_metrics_settings;

/* Texts are copied. Fails with SC_INVALID when a rule's pattern is none; `*out` is then a registry
 * without rules. */
sc_code sc_metrics_new(const sc_metrics_settings *settings, sc_metrics **out,
                       sc_error *err) SC_MUST_CHECK;
/* All its series go with it. NULL is fine. */
void sc_metrics_free(sc_metrics *metrics);

/* The series of `metric` with these values for the labels that do not begin with '$' in metric.def,
 * in that order. Made when it is not there; lives as long as the registry. NULL, so that nothing is
 * counted, when `metrics` is NULL (spec.metric.enabled: false), or when a value is longer than 255
 * bytes or not printable ASCII (as in Dapr). A metric that has max_series gives every further
 * combination of values one series whose given labels are all "other". */
sc_series *sc_metrics_series(sc_metrics *metrics, sc_metric metric, const sc_str *values,
                             size_t count);
#define sc_metrics_series_of(metrics, metric, ...)                                                 \
    sc_metrics_series((metrics), (metric), (const sc_str[]){__VA_ARGS__},                          \
                      sizeof((const sc_str[]){__VA_ARGS__}) / sizeof(sc_str))
/* Of a metric whose labels the registry fills in. */
#define sc_metrics_series_plain(metrics, metric) sc_metrics_series((metrics), (metric), NULL, 0)

/* Memory that lives as long as the registry, for what stands beside a series. */
sc_arena *sc_metrics_mem(sc_metrics *metrics);

/* Appends every series that has a sample in the text format of Prometheus, version 0.0.4. */
void sc_metrics_write(const sc_metrics *metrics, sc_buf *out);
/* "dapr_http_server_latency"... and its labels ("app_id,path"), kind ("counter"), meaning: for the
 * documents. `metric` below SC_METRIC_ROWS. */
typedef struct sc_metric_row {
    const char *name;   /* without "dapr_" */
    const char *labels; /* as in metric.def */
    const char *kind;   /* "counter", "gauge", "histogram" */
    const char *help;
} sc_metric_row;
sc_metric_row sc_metric_row_of(sc_metric metric);

#endif
