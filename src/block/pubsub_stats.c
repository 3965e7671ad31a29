/* SPDX-License-Identifier: MIT
 *
 * Series by topic, found without hashing and made once.
 */
#include "block/pubsub_stats.h"

#include "observe/operation_stats.h"

typedef struct topic_series {
    sc_series *count[2]; /* by success */
    sc_series *latency[2];
} topic_series;

typedef struct topic_entry {
    topic_series one;
    topic_series bulk;
} topic_entry;

/* ---- egress ---- */

void sc_egress_stats_deinit(sc_egress_stats *stats)
{
    sc_label_table_deinit(&stats->topics);
}

/* In `scratch`, for one sample, when there are too many topics. */
static topic_entry *entry_of(sc_egress_stats *stats, sc_str topic, topic_entry *scratch)
{
    topic_entry *entry = sc_label_table_get(&stats->topics, topic);
    sc_arena *mem = sc_metrics_mem(stats->metrics);

    if (entry)
        return entry;
    if (stats->topics.count < SC_LABEL_TABLE_MAX) {
        entry = sc_arena_new(mem, topic_entry);
        (void)sc_label_table_put(&stats->topics, mem, topic, entry);
        return entry;
    }
    memset(scratch, 0, sizeof(*scratch));
    return scratch;
}

void sc_egress_stats_record(sc_egress_stats *stats, sc_str topic, bool is_bulk, bool is_success,
                            uint64_t started_ns)
{
    topic_entry scratch;
    topic_entry *entry;
    topic_series *to;

    if (!stats->metrics)
        return;
    entry = entry_of(stats, topic, &scratch);
    to = is_bulk ? &entry->bulk : &entry->one;
    if (!to->count[is_success]) {
        sc_str success = is_success ? SC_STR("true") : SC_STR("false");

        to->count[is_success] = sc_metrics_series_of(stats->metrics,
                                                     is_bulk ? SC_METRIC_PUBSUB_EGRESS_BULK_COUNT
                                                             : SC_METRIC_PUBSUB_EGRESS_COUNT,
                                                     stats->component, success, topic);
        to->latency[is_success] = sc_metrics_series_of(
            stats->metrics,
            is_bulk ? SC_METRIC_PUBSUB_EGRESS_BULK_LATENCIES : SC_METRIC_PUBSUB_EGRESS_LATENCIES,
            stats->component, success, topic);
    }
    sc_series_add(to->count[is_success]);
    sc_series_observe(to->latency[is_success], sc_elapsed_ms(started_ns));
}

/* ---- ingress ---- */

static const struct {
    sc_str process_status;
    sc_str status;
    sc_str bulk_status;
} outcomes[] = {
    [SC_INGRESS_SUCCESS] = {SC_STR_INIT("success"), SC_STR_INIT("success"), SC_STR_INIT("SUCCESS")},
    [SC_INGRESS_RETRY] = {SC_STR_INIT("retry"), SC_STR_INIT("retry"), SC_STR_INIT("RETRY")},
    [SC_INGRESS_DROP] = {SC_STR_INIT("drop"), SC_STR_INIT("drop"), SC_STR_INIT("DROP")},
    [SC_INGRESS_DROP_ASKED] = {SC_STR_INIT("drop"), SC_STR_INIT("success"), SC_STR_INIT("DROP")},
};

void sc_ingress_stats_record(sc_ingress_stats *stats, sc_ingress_outcome outcome,
                             uint64_t started_ns)
{
    if (!stats->metrics)
        return;
    if (!stats->count[outcome]) {
        const sc_str values[] = {stats->component, outcomes[outcome].process_status,
                                 outcomes[outcome].status, stats->topic};

        stats->count[outcome] =
            sc_metrics_series(stats->metrics, SC_METRIC_PUBSUB_INGRESS_COUNT, values, 4);
        stats->latency[outcome] =
            sc_metrics_series(stats->metrics, SC_METRIC_PUBSUB_INGRESS_LATENCIES, values, 4);
    }
    sc_series_add(stats->count[outcome]);
    if (started_ns > 0)
        sc_series_observe(stats->latency[outcome], sc_elapsed_ms(started_ns));
}

void sc_ingress_stats_record_bulk(sc_ingress_stats *stats, unsigned seen, uint64_t started_ns)
{
    if (!stats->metrics)
        return;
    if (!stats->bulk_count) {
        stats->bulk_count =
            sc_metrics_series_of(stats->metrics, SC_METRIC_PUBSUB_INGRESS_BULK_COUNT,
                                 stats->component, SC_STR_NONE, stats->topic);
        stats->bulk_latency =
            sc_metrics_series_of(stats->metrics, SC_METRIC_PUBSUB_INGRESS_BULK_LATENCIES,
                                 stats->component, SC_STR_NONE, stats->topic);
    }
    sc_series_add(stats->bulk_count);
    sc_series_observe(stats->bulk_latency, sc_elapsed_ms(started_ns));
    for (unsigned i = 0; i < SC_INGRESS_OUTCOMES; i++) {
        if (!(seen & (1u << i)))
            continue;
        if (!stats->bulk_events[i])
            stats->bulk_events[i] =
                sc_metrics_series_of(stats->metrics, SC_METRIC_PUBSUB_INGRESS_BULK_EVENT_COUNT,
                                     stats->component, outcomes[i].bulk_status, stats->topic);
        sc_series_add(stats->bulk_events[i]);
    }
}
