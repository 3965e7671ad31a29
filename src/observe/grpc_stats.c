/* SPDX-License-Identifier: MIT
 *
 * A method leads to its series: two of sizes, and two for each status once it came up.
 */
#include "observe/grpc_stats.h"

#include <stdlib.h>

#include "observe/label_table.h"

#define CODES 17u

typedef struct method_entry {
    sc_series *request_bytes;
    sc_series *response_bytes;
    sc_series *completed[CODES];
    sc_series *latency[CODES];
} method_entry;

/* The metrics of one side. */
typedef struct side_metrics {
    sc_metric completed;
    sc_metric latency;
    sc_metric request_bytes;
    sc_metric response_bytes;
} side_metrics;

static const side_metrics sides[] = {
    [SC_GRPC_SERVER_SIDE] = {SC_METRIC_GRPC_SERVER_COMPLETED, SC_METRIC_GRPC_SERVER_LATENCY,
                             SC_METRIC_GRPC_SERVER_RECEIVED_BYTES,
                             SC_METRIC_GRPC_SERVER_SENT_BYTES},
    [SC_GRPC_CLIENT_SIDE] = {SC_METRIC_GRPC_CLIENT_COMPLETED, SC_METRIC_GRPC_CLIENT_LATENCY,
                             SC_METRIC_GRPC_CLIENT_SENT_BYTES,
                             SC_METRIC_GRPC_CLIENT_RECEIVED_BYTES},
};

struct sc_grpc_stats {
    sc_metrics *metrics;
    const side_metrics *side;
    sc_label_table methods;
};

sc_grpc_stats *sc_grpc_stats_new(sc_metrics *metrics, sc_grpc_side side)
{
    sc_grpc_stats *stats = sc_new(sc_grpc_stats);

    stats->metrics = metrics;
    stats->side = &sides[side];
    return stats;
}

void sc_grpc_stats_free(sc_grpc_stats *stats)
{
    if (!stats)
        return;
    sc_label_table_deinit(&stats->methods);
    free(stats);
}

/* In `scratch`, for one sample, when the table is full. */
static method_entry *entry_of(sc_grpc_stats *stats, sc_str method, method_entry *scratch)
{
    method_entry *entry = sc_label_table_get(&stats->methods, method);
    sc_arena *mem = sc_metrics_mem(stats->metrics);

    if (entry)
        return entry;
    if (stats->methods.count < SC_LABEL_TABLE_MAX) {
        entry = sc_arena_new(mem, method_entry);
        (void)sc_label_table_put(&stats->methods, mem, method, entry);
    } else {
        entry = scratch;
        *entry = (method_entry){.request_bytes = NULL};
    }
    entry->request_bytes = sc_metrics_series_of(stats->metrics, stats->side->request_bytes, method);
    entry->response_bytes =
        sc_metrics_series_of(stats->metrics, stats->side->response_bytes, method);
    return entry;
}

void sc_grpc_stats_record(sc_grpc_stats *stats, const sc_grpc_sample *sample)
{
    method_entry scratch;
    method_entry *to;
    size_t code = (size_t)sample->code < CODES ? (size_t)sample->code : SC_UNKNOWN;

    if (!stats || !stats->metrics)
        return;
    to = entry_of(stats, sample->method, &scratch);
    if (!to->completed[code]) {
        sc_str status = sc_str_from(sc_code_name((sc_code)code));

        to->completed[code] =
            sc_metrics_series_of(stats->metrics, stats->side->completed, sample->method, status);
        to->latency[code] =
            sc_metrics_series_of(stats->metrics, stats->side->latency, sample->method, status);
    }
    sc_series_add(to->completed[code]);
    sc_series_observe(to->latency[code], (double)sample->elapsed_ms);
    sc_series_observe(to->request_bytes, (double)sample->request_len);
    sc_series_observe(to->response_bytes, (double)sample->response_len);
}

void sc_grpc_stats_record_call(sc_grpc_stats *stats, const sc_grpc_call_op *call, uint64_t now_ms)
{
    sc_grpc_sample sample = {.method = call->path,
                             .code = call->op.err.code,
                             .elapsed_ms = now_ms - call->started_ms,
                             .response_len = call->answer.len};

    for (size_t i = 0; i < call->request_part_count; i++)
        sample.request_len += call->request_parts[i].len;
    sc_grpc_stats_record(stats, &sample);
}

void sc_grpc_stats_record_stream(sc_grpc_stats *stats, const sc_grpc_stream *stream,
                                 uint64_t now_ms)
{
    sc_grpc_stats_record(stats, &(sc_grpc_sample){.method = stream->path,
                                                  .code = stream->status,
                                                  .elapsed_ms = now_ms - stream->started_ms,
                                                  .request_len = stream->received_len,
                                                  .response_len = stream->sent_len});
}
