/* SPDX-License-Identifier: MIT
 *
 * The registry, for the files that fill it and write it out.
 */
#ifndef SC_OBSERVE_METRIC_INTERNAL_H
#define SC_OBSERVE_METRIC_INTERNAL_H

#include "core/map.h"
#include "observe/metric.h"
#include "observe/metric_rules.h"

typedef enum sc_metric_kind {
    SC_METRIC_COUNTER,
    SC_METRIC_GAUGE,
    SC_METRIC_LATENCY,
    SC_METRIC_SIZE,
} sc_metric_kind;

/* One series and how it is called on the page. */
typedef struct sc_metric_entry {
    struct sc_metric_entry *next;
    sc_str labels; /* app_id="a",path="/x" */
    sc_series series;
} sc_metric_entry;

typedef struct sc_metric_family {
    sc_map by_values; /* the given values, each with its length in front, to sc_metric_entry */
    sc_metric_entry *first;
    sc_metric_entry **last;
    size_t label_count; /* those that callers give values for */
    sc_series *others;  /* for what comes past the limit */
} sc_metric_family;

struct sc_metrics {
    sc_arena mem;
    sc_str app_id;
    sc_str namespace_;
    sc_buckets latency;
    sc_buckets size;
    sc_metric_rules *rules; /* NULL: none */
    uint32_t max_series;
    const sc_log *log;
    sc_metric_family families[SC_METRIC_ROWS];
};

sc_metric_kind sc_metric_kind_of(sc_metric metric);

#endif
