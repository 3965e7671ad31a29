/* SPDX-License-Identifier: MIT
 *
 * Metrics of HTTP: requests to the sidecar's API (server), and the sidecar's calls to an HTTP
 * application (client). The same labels for both.
 */
#ifndef SC_OBSERVE_HTTP_STATS_H
#define SC_OBSERVE_HTTP_STATS_H

#include "net/http_client.h"
#include "net/http_server.h"
#include "observe/metric.h"
#include "observe/path_label.h"

typedef struct sc_http_stats sc_http_stats;

typedef enum sc_http_side { SC_HTTP_SERVER_SIDE, SC_HTTP_CLIENT_SIDE } sc_http_side;

typedef struct sc_http_stats_settings {
    const sc_path_labels *paths; /* outlives the stats */
    bool counts_responses;       /* server: increasedCardinality */
    bool excludes_verbs;         /* the label "method" is empty */
} sc_http_stats_settings;

/* `metrics` outlives them; NULL: nothing is counted. */
sc_http_stats *sc_http_stats_new(sc_metrics *metrics, sc_http_side side,
                                 const sc_http_stats_settings *settings);
void sc_http_stats_free(sc_http_stats *stats); /* NULL is fine */

/* One request and its answer. */
typedef struct sc_http_sample {
    sc_str method;
    sc_str path; /* without the query */
    int status;
    uint64_t elapsed_ms;   /* whole ones, as Dapr counts them */
    uint64_t request_len;  /* server: Content-Length, or 0; client: bytes sent */
    uint64_t response_len; /* of the body */
} sc_http_sample;

/* `stats` may be NULL, here and below. */
void sc_http_stats_record(sc_http_stats *stats, const sc_http_sample *sample);
/* Client side: a call that ended at `now_ms` (loop clock); one without an answer counts as 500, as
 * in Dapr. `path` as the caller knows it; a query is cut off. */
void sc_http_stats_record_call(sc_http_stats *stats, const sc_http_call_op *call, sc_str path,
                               uint64_t now_ms);
/* Server side: for on_finished of a handler. A client that went before its answer counts as 499. */
void sc_http_stats_record_exchange(sc_http_stats *stats, const sc_http_exchange *ex,
                                   uint64_t now_ms);

#endif
