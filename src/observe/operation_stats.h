/* SPDX-License-Identifier: MIT
 *
 * Count and latency of one operation of one component, by success: what state stores, secret stores
 * and conversation components have in common.
 *
 *     // when the store is opened
 *     sc_operation_stats_init(&store->get, metrics, SC_METRIC_STATE_COUNT, name, SC_STR("get"));
 *     // around every get
 *     uint64_t started_ns = sc_clock_mono_ns();
 *     ...
 *     sc_operation_stats_record(&store->get, code == SC_OK, started_ns);
 */
#ifndef SC_OBSERVE_OPERATION_STATS_H
#define SC_OBSERVE_OPERATION_STATS_H

#include "observe/metric.h"

typedef struct sc_operation_stats {
    sc_series *count[2]; /* by success */
    sc_series *latency[2];
} sc_operation_stats;

/* `count` is the counter of the pair (SC_METRIC_STATE_COUNT ...); the row behind it must be its
 * latencies. `operation` is empty for metrics without that label. `metrics` may be NULL. */
void sc_operation_stats_init(sc_operation_stats *stats, sc_metrics *metrics, sc_metric count,
                             sc_str component, sc_str operation);
/* `started_ns`: sc_clock_mono_ns() at the start; 0: no latency. */
void sc_operation_stats_record(sc_operation_stats *stats, bool is_success, uint64_t started_ns);
/* Milliseconds since `started_ns`, with fractions. */
double sc_elapsed_ms(uint64_t started_ns);

#endif
