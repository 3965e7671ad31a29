/* SPDX-License-Identifier: MIT
 *
 * The application behind gRPC (Dapr: service AppCallback): takes events from the block and reports
 * what the application answered.
 */
#ifndef SC_APP_CHANNEL_GRPC_H
#define SC_APP_CHANNEL_GRPC_H

#include "app/event.h"
#include "app/invoke.h"
#include "core/log.h"
#include "net/grpc_client.h"
#include "observe/grpc_stats.h"

typedef struct sc_app_grpc sc_app_grpc;

typedef struct sc_app_grpc_settings {
    sc_str host; /* copied, like all texts here */
    uint16_t port;
    sc_tls_context *tls;      /* grpcs; NULL: plain */
    sc_str api_token;         /* APP_API_TOKEN; empty: none */
    uint32_t max_concurrency; /* calls at a time; 0: no limit */
    uint64_t max_body_len;    /* of an answer; 0: 4 MiB */
    sc_grpc_stats *stats;     /* outlives the channel; NULL: calls are not counted */
    const sc_log *log;
} sc_app_grpc_settings;

sc_app_grpc *sc_app_grpc_open(sc_loop *loop, const sc_app_grpc_settings *settings);
/* Calls under way fail; `on_closed` after the last. */
void sc_app_grpc_close(sc_app_grpc *app, void (*on_closed)(void *user), void *user);
/* Where the block sends events. */
sc_event_sink sc_app_grpc_sink(sc_app_grpc *app);
/* Whom invocations are given to (app/invoke.h). */
sc_invoke_target sc_app_grpc_target(sc_app_grpc *app);
/* For calls that are no events (discovery, health); not counted as concurrency. */
sc_grpc_channel *sc_app_grpc_channel(sc_app_grpc *app);
/* Counts a call made on it that ended. */
void sc_app_grpc_count(const sc_app_grpc *app, const sc_grpc_call_op *call);

#endif
