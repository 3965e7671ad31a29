/* SPDX-License-Identifier: MIT
 *
 * The running sidecar, for the files of this folder.
 */
#ifndef SC_SIDECAR_RUNTIME_INTERNAL_H
#define SC_SIDECAR_RUNTIME_INTERNAL_H

#include "api/grpc/api.h"
#include "api/http/api.h"
#include "app/channel_grpc.h"
#include "app/channel_http.h"
#include "io/timer.h"
#include "io/tls.h"
#include "observe/observe.h"
#include "observe/page.h"
#include "sidecar/configuration.h"
#include "sidecar/options.h"
#include "sidecar/resources.h"

#define SC_MAX_LISTEN  15u                  /* addresses of the APIs */
#define SC_MAX_SERVERS (SC_MAX_LISTEN + 1u) /* of HTTP: the public port too */
#define SC_LINGER_MS                                                                               \
    2000u /* what a server or a component may take to finish its work at the end                   \
           */

typedef struct sc_runtime sc_runtime;

/* Finding the application and asking it what it subscribes to. */
typedef struct sc_app_start {
    sc_timer pause;
    sc_stream *probe;
    uint32_t failures;
    uint32_t asked;
    bool is_asking;
    bool was_told_tls; /* that the application does not speak it */
    sc_arena mem;
    sc_http_call_op ask;
    sc_grpc_call_op ask_grpc;
    sc_pairs headers;
} sc_app_start;

/* Probing the application; zeroed: off. */
typedef struct sc_app_health {
    sc_timer timer;
    sc_arena mem; /* of the probe under way */
    sc_http_call_op http;
    sc_grpc_call_op grpc;
    uint32_t failures; /* in a row */
    uint32_t closing;  /* subscriptions of an unhealthy application that still close */
    bool is_running;
    bool is_probing;
    bool is_healthy;
} sc_app_health;

struct sc_runtime {
    sc_options options;
    sc_arena mem;
    sc_log_sink sink;
    sc_log log;       /* dapr.runtime */
    sc_log processor; /* dapr.runtime.processor */
    sc_log secret_log;
    sc_log authorizer_log;
    sc_log subscriptions_log;
    sc_log contrib;
    sc_log health_log; /* dapr.apphealth */
    sc_loop *loop;
    sc_random random;
    sc_observe observe;
    sc_metrics_page *metrics_page; /* NULL: none */
    sc_ledger *ledger;
    sc_secretstores *secretstores;
    sc_pubsubs *pubsubs;
    sc_states *states;
    sc_str instance_id;                /* unique per running sidecar, for components */
    sc_metadata_component *components; /* open now; as many as the metadata says */
    bool *parked;                      /* of the resources: those that wait for a secret store */
    sc_configuration configuration;
    sc_resources resources;
    sc_metadata metadata;
    sc_api api;
    sc_http_server *servers[SC_MAX_SERVERS];
    uint32_t server_count;
    sc_grpc_server *grpc_servers[SC_MAX_SERVERS];
    uint32_t grpc_server_count;
    sc_app_http *app; /* one of these, or none */
    sc_app_grpc *app_grpc;
    sc_tls_context *app_tls; /* https and grpcs; NULL: plain */
    sc_app_start start;
    sc_app_health health;
    sc_subscription **subscriptions;
    const sc_subscription_spec **specs; /* as the metadata lists them */
    uint32_t subscription_count;
    sc_signal_watch *signals[2];
    sc_timer grace;
    uint64_t started_ms;
    uint32_t closing_kind; /* components.c: rows that are not closed yet */
    uint32_t closing;      /* parts of the current closing step that are still open */
    int exit_code;
    bool is_stopping;
    bool is_closing_servers;
};

/* app_channel.c: the channel that --app-protocol asks for; none without --app-port. Fails as
 * sc_tls_context_new does. */
sc_code sc_app_channel_open(sc_runtime *rt, sc_error *err) SC_MUST_CHECK;
/* `on_closed` later, on the loop, or at once when there is none. */
void sc_app_channel_close(sc_runtime *rt, void (*on_closed)(void *user));

/* app_start.c: waits for the application's port, asks for its subscriptions, then starts them all
 * and calls sc_runtime_on_app_started. Without an application port: at once. */
void sc_app_start_begin(sc_runtime *rt);
void sc_app_start_cancel(sc_runtime *rt);
void sc_runtime_on_app_started(sc_runtime *rt);
/* metrics.c: what records, then the page unless --enable-metrics=false. */
sc_code sc_runtime_open_metrics(sc_runtime *rt, sc_error *err) SC_MUST_CHECK;
/* components.c: opens every component of the resources: secret stores, then the others in their
 * order. Fails for the first that cannot be opened, unless that one says ignoreErrors. */
sc_code sc_runtime_open_components(sc_runtime *rt, sc_error *err) SC_MUST_CHECK;
/* components.c: closes them, the kinds in reverse; calls sc_runtime_on_components_closed. */
void sc_runtime_close_components(sc_runtime *rt);
/* shutdown.c */
void sc_runtime_on_components_closed(sc_runtime *rt);
void sc_runtime_stop(sc_runtime *rt);

/* app_start.c: asks the application, which answers already, and starts its subscriptions. */
void sc_app_start_ask(sc_runtime *rt);
/* app_health.c: the application's port is open: probes it from now on. */
void sc_app_health_begin(sc_runtime *rt);
void sc_app_health_stop(sc_runtime *rt);
/* shutdown.c: one that was closing before the shutdown began. */
void sc_runtime_on_subscription_closed(sc_runtime *rt);

#endif
