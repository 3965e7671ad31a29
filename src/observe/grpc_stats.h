/* SPDX-License-Identifier: MIT
 *
 * Metrics of gRPC: calls of the sidecar's API (server), and calls that the sidecar makes (client).
 */
#ifndef SC_OBSERVE_GRPC_STATS_H
#define SC_OBSERVE_GRPC_STATS_H

#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "observe/metric.h"

typedef struct sc_grpc_stats sc_grpc_stats;

typedef enum sc_grpc_side { SC_GRPC_SERVER_SIDE, SC_GRPC_CLIENT_SIDE } sc_grpc_side;

/* `metrics` outlives them; NULL: nothing is counted. */
sc_grpc_stats *sc_grpc_stats_new(sc_metrics *metrics, sc_grpc_side side);
void sc_grpc_stats_free(sc_grpc_stats *stats); /* NULL is fine */

/* One call that ended. */
typedef struct sc_grpc_sample {
    sc_str method; /* "/package.Service/Method" */
    sc_code code;
    uint64_t elapsed_ms;   /* whole ones, as Dapr counts them */
    uint64_t request_len;  /* packed message, without gRPC's five bytes */
    uint64_t response_len; /* the same of the answer */
} sc_grpc_sample;

/* `stats` may be NULL, here and below. */
void sc_grpc_stats_record(sc_grpc_stats *stats, const sc_grpc_sample *sample);
/* Client side: a unary call that ended at `now_ms` (loop clock). */
void sc_grpc_stats_record_call(sc_grpc_stats *stats, const sc_grpc_call_op *call, uint64_t now_ms);
/* Server side: for on_finished of a service. */
void sc_grpc_stats_record_stream(sc_grpc_stats *stats, const sc_grpc_stream *stream,
                                 uint64_t now_ms);

#endif
