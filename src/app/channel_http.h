/* SPDX-License-Identifier: MIT
 *
 * The application behind HTTP/1.1, h2c or https (Dapr: app channel): takes events from the block
 * and reports what the application answered. Also carries the calls that the sidecar makes at
 * start.
 */
#ifndef SC_APP_CHANNEL_HTTP_H
#define SC_APP_CHANNEL_HTTP_H

#include "app/event.h"
#include "app/invoke.h"
#include "core/log.h"
#include "net/http_client.h"
#include "observe/http_stats.h"

typedef struct sc_app_http sc_app_http;

typedef struct sc_app_http_settings {
    sc_str host; /* copied, like all texts here */
    uint16_t port;
    sc_http_version version;
    sc_tls_context *tls;      /* https; NULL: plain */
    uint64_t dial_timeout_ms; /* TLS included; 0: 5 s */
    sc_str authority;         /* Host header; empty: host:port */
    sc_str base_path;         /* in front of every invoked method; empty, or begins with '/' */
    const sc_pairs *headers;  /* set on every invocation, replacing others; NULL: none */
    sc_str api_token;         /* APP_API_TOKEN; empty: none */
    uint32_t max_concurrency; /* calls at a time; 0: no limit */
    uint64_t max_body_len;    /* of an answer; 0: 4 MiB */
    const sc_log *log;
    sc_http_stats *stats; /* outlives the channel; NULL: calls are not counted */
} sc_app_http_settings;

sc_app_http *sc_app_http_open(sc_loop *loop, const sc_app_http_settings *settings);
/* Calls under way fail; `on_closed` after the last. */
void sc_app_http_close(sc_app_http *app, void (*on_closed)(void *user), void *user);
/* Where the block sends events. */
sc_event_sink sc_app_http_sink(sc_app_http *app);
/* Whom invocations are given to (app/invoke.h). */
sc_invoke_target sc_app_http_target(sc_app_http *app);
/* The connection pool, for calls that are no events (discovery, health); not counted as
 * concurrency. */
sc_http_client *sc_app_http_client(sc_app_http *app);
/* Counts a call made on sc_app_http_client that ended. */
void sc_app_http_count(const sc_app_http *app, const sc_http_call_op *call, sc_str path);
/* The token to send as dapr-api-token; empty: none. */
sc_str sc_app_http_token(const sc_app_http *app);

#endif
