/* SPDX-License-Identifier: MIT
 *
 * Metrics of publish and subscribe (observability: components): egress of one component by topic,
 * ingress of one subscription by what became of a message.
 */
#ifndef SC_BLOCK_PUBSUB_STATS_H
#define SC_BLOCK_PUBSUB_STATS_H

#include "observe/label_table.h"
#include "observe/metric.h"

/* ---- egress ---- */

typedef struct sc_egress_stats {
    sc_metrics *metrics; /* NULL: nothing is counted */
    sc_str component;
    sc_label_table topics;
} sc_egress_stats;

void sc_egress_stats_deinit(sc_egress_stats *stats);
/* One publish, or one bulk of them, that the broker answered. `started_ns`: sc_clock_mono_ns(). */
void sc_egress_stats_record(sc_egress_stats *stats, sc_str topic, bool is_bulk, bool is_success,
                            uint64_t started_ns);

/* ---- ingress ---- */

typedef enum sc_ingress_outcome {
    SC_INGRESS_SUCCESS,
    SC_INGRESS_RETRY,
    SC_INGRESS_DROP,
    SC_INGRESS_DROP_ASKED, /* the application said DROP, or no route took it */
    SC_INGRESS_OUTCOMES,
} sc_ingress_outcome;

/* The series are made when they first come up. */
typedef struct sc_ingress_stats {
    sc_metrics *metrics; /* NULL: nothing is counted */
    sc_str component;
    sc_str topic;
    sc_series *count[SC_INGRESS_OUTCOMES];
    sc_series *latency[SC_INGRESS_OUTCOMES];
    sc_series *bulk_count;
    sc_series *bulk_latency;
    sc_series *bulk_events[SC_INGRESS_OUTCOMES];
} sc_ingress_stats;

/* One attempt, or the end of a message without one (`started_ns` 0: no latency). */
void sc_ingress_stats_record(sc_ingress_stats *stats, sc_ingress_outcome outcome,
                             uint64_t started_ns);
/* One bulk; `outcomes`: a bit (1 << outcome) for each that came up among its messages. */
void sc_ingress_stats_record_bulk(sc_ingress_stats *stats, unsigned outcomes, uint64_t started_ns);

#endif
