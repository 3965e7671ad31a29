/* SPDX-License-Identifier: MIT
 *
 * An application leads to its series: two of requests, and those of each status that came up.
 */
#include "block/invoke_stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "observe/label_table.h"
#include "observe/operation_stats.h"

#define MAX_STATUSES 64u /* of one application; more are looked up each time */

typedef struct status_series {
    struct status_series *next;
    int status;
    sc_series *returned;
    sc_series *latency;
    sc_series *answered;
} status_series;

typedef struct app_entry {
    sc_series *sent;
    sc_series *received;
    status_series *statuses;
    uint32_t status_count;
} app_entry;

struct sc_invoke_stats {
    sc_metrics *metrics;
    sc_label_table apps;
    sc_series *allowed;
    sc_series *blocked;
};

sc_invoke_stats *sc_invoke_stats_new(sc_metrics *metrics)
{
    sc_invoke_stats *stats = sc_new(sc_invoke_stats);
    const sc_str unknown = SC_STR_NONE; /* without mutual TLS nobody knows who calls */

    stats->metrics = metrics;
    stats->allowed = sc_metrics_series_of(metrics, SC_METRIC_ACL_GLOBAL_ALLOWED_TOTAL, unknown,
                                          unknown, unknown);
    stats->blocked = sc_metrics_series_of(metrics, SC_METRIC_ACL_GLOBAL_BLOCKED_TOTAL, unknown,
                                          unknown, unknown);
    return stats;
}

void sc_invoke_stats_free(sc_invoke_stats *stats)
{
    if (!stats)
        return;
    sc_label_table_deinit(&stats->apps);
    free(stats);
}

/* In `scratch`, for one sample, when there are too many applications. */
static app_entry *entry_of(sc_invoke_stats *stats, sc_str app_id, app_entry *scratch)
{
    app_entry *entry = sc_label_table_get(&stats->apps, app_id);
    sc_arena *mem = sc_metrics_mem(stats->metrics);

    if (entry)
        return entry;
    if (stats->apps.count < SC_LABEL_TABLE_MAX) {
        entry = sc_arena_new(mem, app_entry);
        (void)sc_label_table_put(&stats->apps, mem, app_id, entry);
        return entry;
    }
    *scratch = (app_entry){.status_count = MAX_STATUSES};
    return scratch;
}

static status_series *status_of(sc_invoke_stats *stats, app_entry *entry, int status,
                                status_series *scratch)
{
    status_series *made = scratch;

    for (status_series *it = entry->statuses; it; it = it->next) {
        if (it->status == status)
            return it;
    }
    if (entry->status_count < MAX_STATUSES) {
        made = sc_arena_new(sc_metrics_mem(stats->metrics), status_series);
        made->next = entry->statuses;
        entry->statuses = made;
        entry->status_count++;
    } else {
        *made = (status_series){.next = NULL};
    }
    made->status = status;
    return made;
}

static sc_str status_text(int status, char text[12])
{
    return sc_str_of(text, (size_t)snprintf(text, 12, "%d", status));
}

void sc_invoke_stats_sent(sc_invoke_stats *stats, sc_str callee)
{
    app_entry scratch;
    app_entry *to;

    if (!stats->metrics)
        return;
    to = entry_of(stats, callee, &scratch);
    if (!to->sent)
        to->sent = sc_metrics_series_of(stats->metrics, SC_METRIC_INVOKE_REQ_SENT_TOTAL, callee,
                                        SC_STR("unary"));
    sc_series_add(to->sent);
}

void sc_invoke_stats_returned(sc_invoke_stats *stats, sc_str callee, int status,
                              uint64_t started_ns)
{
    app_entry scratch;
    status_series spare;
    status_series *to;
    char text[12];

    if (!stats->metrics)
        return;
    to = status_of(stats, entry_of(stats, callee, &scratch), status, &spare);
    if (!to->returned) {
        sc_str label = status_text(status, text);

        to->returned = sc_metrics_series_of(stats->metrics, SC_METRIC_INVOKE_RES_RECV_TOTAL, callee,
                                            label, SC_STR("unary"));
        to->latency =
            sc_metrics_series_of(stats->metrics, SC_METRIC_INVOKE_RES_RECV_LATENCY, callee, label);
    }
    sc_series_add(to->returned);
    sc_series_observe(to->latency, sc_elapsed_ms(started_ns));
}

void sc_invoke_stats_received(sc_invoke_stats *stats, sc_str caller, bool is_allowed)
{
    app_entry scratch;
    app_entry *to;

    if (!stats->metrics)
        return;
    sc_series_add(is_allowed ? stats->allowed : stats->blocked);
    to = entry_of(stats, caller, &scratch);
    if (!to->received)
        to->received =
            sc_metrics_series_of(stats->metrics, SC_METRIC_INVOKE_REQ_RECV_TOTAL, caller);
    sc_series_add(to->received);
}

void sc_invoke_stats_answered(sc_invoke_stats *stats, sc_str caller, int status)
{
    app_entry scratch;
    status_series spare;
    status_series *to;
    char text[12];

    if (!stats->metrics)
        return;
    to = status_of(stats, entry_of(stats, caller, &scratch), status, &spare);
    if (!to->answered)
        to->answered = sc_metrics_series_of(stats->metrics, SC_METRIC_INVOKE_RES_SENT_TOTAL, caller,
                                            status_text(status, text));
    sc_series_add(to->answered);
}
