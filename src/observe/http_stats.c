/* SPDX-License-Identifier: MIT
 *
 * A path's label leads to the series made for it: one group a verb and status, few enough to walk.
 */
#include "observe/http_stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "observe/label_table.h"

#define MAX_GROUPS  4000u
#define CLIENT_GONE 499

/* The series of one path, verb and status. */
typedef struct group {
    struct group *next;
    uint8_t verb;
    int status;
    sc_series *count;
    sc_series *latency;
    sc_series *extra; /* server: answers; client: bytes sent */
} group;

typedef struct path_entry {
    group *groups; /* the last one used stands first */
} path_entry;

struct sc_http_stats {
    sc_metrics *metrics;
    sc_http_side side;
    sc_http_stats_settings settings;
    sc_label_table paths;
    uint32_t group_count;
    sc_series *request_bytes;
    sc_series *response_bytes;
};

static const sc_str verbs[] = {
    SC_STR_INIT("UNKNOWN"), SC_STR_INIT("GET"),   SC_STR_INIT("HEAD"),   SC_STR_INIT("POST"),
    SC_STR_INIT("PUT"),     SC_STR_INIT("PATCH"), SC_STR_INIT("DELETE"), SC_STR_INIT("CONNECT"),
    SC_STR_INIT("OPTIONS"), SC_STR_INIT("TRACE"),
};

static uint8_t verb_of(sc_str method)
{
    for (size_t i = 1; i < SC_ARRAY_LEN(verbs); i++) {
        if (sc_str_eq_nocase(verbs[i], method))
            return (uint8_t)i;
    }
    return 0;
}

sc_http_stats *sc_http_stats_new(sc_metrics *metrics, sc_http_side side,
                                 const sc_http_stats_settings *settings)
{
    sc_http_stats *stats = sc_new(sc_http_stats);

    stats->metrics = metrics;
    stats->side = side;
    stats->settings = *settings;
    if (side == SC_HTTP_SERVER_SIDE)
        stats->request_bytes =
            sc_metrics_series_plain(metrics, SC_METRIC_HTTP_SERVER_REQUEST_BYTES);
    stats->response_bytes = sc_metrics_series_plain(
        metrics, side == SC_HTTP_SERVER_SIDE ? SC_METRIC_HTTP_SERVER_RESPONSE_BYTES
                                             : SC_METRIC_HTTP_CLIENT_RECEIVED_BYTES);
    return stats;
}

void sc_http_stats_free(sc_http_stats *stats)
{
    if (!stats)
        return;
    sc_label_table_deinit(&stats->paths);
    free(stats);
}

static void fill(sc_http_stats *stats, group *to, sc_str path)
{
    bool is_server = stats->side == SC_HTTP_SERVER_SIDE;
    sc_str verb = stats->settings.excludes_verbs ? SC_STR_NONE : verbs[to->verb];
    sc_metrics *metrics = stats->metrics;
    char text[12];
    sc_str status = sc_str_of(text, (size_t)snprintf(text, sizeof(text), "%d", to->status));

    to->count = sc_metrics_series_of(metrics,
                                     is_server ? SC_METRIC_HTTP_SERVER_REQUEST_COUNT
                                               : SC_METRIC_HTTP_CLIENT_COMPLETED_COUNT,
                                     verb, path, status);
    to->latency = sc_metrics_series_of(metrics,
                                       is_server ? SC_METRIC_HTTP_SERVER_LATENCY
                                                 : SC_METRIC_HTTP_CLIENT_ROUNDTRIP_LATENCY,
                                       verb, path, status);
    if (!is_server)
        to->extra = sc_metrics_series_of(metrics, SC_METRIC_HTTP_CLIENT_SENT_BYTES, verb, path,
                                         SC_STR_NONE);
    else if (stats->settings.counts_responses)
        to->extra =
            sc_metrics_series_of(metrics, SC_METRIC_HTTP_SERVER_RESPONSE_COUNT, verb, path, status);
}

static group *find_group(path_entry *entry, uint8_t verb, int status)
{
    for (group **at = &entry->groups; *at; at = &(*at)->next) {
        group *it = *at;

        if (it->verb != verb || it->status != status)
            continue;
        *at = it->next;
        it->next = entry->groups;
        entry->groups = it;
        return it;
    }
    return NULL;
}

/* A new group under `path`; in `scratch`, for this sample only, when there is no room. */
static group *add_group(sc_http_stats *stats, sc_str path, const group *like, group *scratch)
{
    sc_arena *mem = sc_metrics_mem(stats->metrics);
    path_entry *entry = sc_label_table_get(&stats->paths, path);
    group *made = scratch;

    if (stats->group_count < MAX_GROUPS && !entry && stats->paths.count < SC_LABEL_TABLE_MAX) {
        entry = sc_arena_new(mem, path_entry);
        (void)sc_label_table_put(&stats->paths, mem, path, entry);
    }
    if (entry && stats->group_count < MAX_GROUPS) {
        made = sc_arena_new(mem, group);
        *made = *like;
        made->next = entry->groups;
        entry->groups = made;
        stats->group_count++;
    } else {
        *made = *like;
    }
    fill(stats, made, path);
    return made;
}

static group *group_of(sc_http_stats *stats, const sc_http_sample *sample, group *scratch)
{
    char room[SC_PATH_LABEL_ROOM];
    sc_str path = sc_path_label(stats->settings.paths, sample->path, room);
    path_entry *entry = sc_label_table_get(&stats->paths, path);
    group wanted = {.verb = verb_of(sample->method), .status = sample->status};
    group *found = entry ? find_group(entry, wanted.verb, wanted.status) : NULL;

    return found ? found : add_group(stats, path, &wanted, scratch);
}

void sc_http_stats_record(sc_http_stats *stats, const sc_http_sample *sample)
{
    group scratch;
    group *to;

    if (!stats || !stats->metrics)
        return;
    to = group_of(stats, sample, &scratch);
    sc_series_add(to->count);
    sc_series_observe(to->latency, (double)sample->elapsed_ms);
    if (stats->side == SC_HTTP_CLIENT_SIDE)
        sc_series_observe(to->extra, (double)sample->request_len);
    else
        sc_series_add(to->extra);
    sc_series_observe(stats->request_bytes, (double)sample->request_len);
    sc_series_observe(stats->response_bytes, (double)sample->response_len);
}

void sc_http_stats_record_call(sc_http_stats *stats, const sc_http_call_op *call, sc_str path,
                               uint64_t now_ms)
{
    sc_http_sample sample = {.method = call->method,
                             .path = sc_str_cut(&path, '?'),
                             .status = call->op.err.code == SC_OK ? call->status : 500,
                             .elapsed_ms = now_ms - call->started_ms,
                             .request_len = call->sent_len,
                             .response_len = call->received_len};

    sc_http_stats_record(stats, &sample);
}

void sc_http_stats_record_exchange(sc_http_stats *stats, const sc_http_exchange *ex,
                                   uint64_t now_ms)
{
    sc_http_sample sample = {.method = ex->req.method,
                             .path = ex->req.path,
                             .status = ex->status ? ex->status : CLIENT_GONE,
                             .elapsed_ms = now_ms - ex->started_ms,
                             .request_len = ex->received_len,
                             .response_len = ex->sent_len};

    if (sample.path.len > 0) /* else the bytes were no request */
        sc_http_stats_record(stats, &sample);
}
