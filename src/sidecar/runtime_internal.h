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
#include "listen/peer.h"
#include "observe/observe.h"
#include "observe/page.h"
#include "sidecar/configuration.h"
#include "sidecar/options.h"
#include "sidecar/resources.h"

#define SC_MAX_LISTEN  15u                  /* addresses of the APIs */
#define SC_MAX_SERVERS (SC_MAX_LISTEN + 1u) /* the public or the internal port too */
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

/* Opening the ports, one kind of server after the other. */
typedef struct sc_opening {
    sc_timer pause;
    sc_listen at[SC_MAX_LISTEN];
    uint32_t count; /* addresses of this kind */
    uint32_t next;
    uint32_t open;
    uint32_t kind;     /* row of servers.c */
    uint64_t since_ms; /* when this kind began */
    uint64_t pause_ms; /* before the next try */
} sc_opening;

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
    bool is_unhealthy; /* and checked: invocations of the application are refused */
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
    sc_conversations *conversations;
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
    uint32_t max_connections; /* of one server */
    sc_app_http *app;         /* one of these, or none */
    sc_app_grpc *app_grpc;
    sc_grpc_channel *app_proxied; /* proxied calls, where app_grpc is not their way */
    sc_tls_context *app_tls;      /* https and grpcs; NULL: plain */
    void (*on_app_channel_closed)(void *user);
    sc_opening opening;
    sc_str host_ip; /* of this machine, as others see it */
    sc_names *names;
    sc_op announcing;
    sc_peers *peers;
    sc_invoker *invoker;
    sc_proxy *proxy;
    sc_endpoints *endpoints;
    sc_peer_port peer_port;
    sc_grpc_server *peer_server; /* the internal port; one of grpc_servers */
    sc_app_start start;
    sc_app_health health;
    sc_subscription **subscriptions;
    const sc_subscription_spec **specs; /* as the metadata lists them */
    uint32_t subscription_count;
    sc_signal_watch *signals[3];
    sc_timer grace;
    sc_timer block; /* --dapr-block-shutdown-duration */
    uint64_t started_ms;
    uint32_t closing_kind; /* component_kinds.c: rows that are not closed yet */
    uint32_t closing;      /* parts of the current closing step that are still open */
    bool has_asked_config;
    bool is_blocking;   /* a signal came, but the APIs go on for a while */
    int early_signal;   /* came before the sidecar was built; 0: none */
    bool takes_signals; /* it is built */
    bool is_restarting; /* SIGHUP: the end is a new beginning */
    bool is_stopping;
    bool is_closing_subscriptions;
    void (*after_subscriptions)(sc_runtime *rt); /* when the last is closed; NULL: nothing */
};

/* A signal or a call asked for the end: nothing new begins. */
static inline bool sc_runtime_is_ending(const sc_runtime *rt)
{
    return rt->is_stopping || rt->is_blocking;
}

/* descriptors.c: raises the limit of open files and sets max_connections. */
void sc_runtime_take_descriptors(sc_runtime *rt);

/* app_channel.c: the channel that --app-protocol asks for; none without --app-port. Fails as
 * sc_tls_context_new does. */
sc_code sc_app_channel_open(sc_runtime *rt, sc_error *err) SC_MUST_CHECK;
/* For gRPC calls that are passed on to an application which is called over HTTP otherwise. */
sc_grpc_channel *sc_app_channel_open_proxied(sc_runtime *rt);
/* `on_closed` later, on the loop, or at once when there is none. */
void sc_app_channel_close(sc_runtime *rt, void (*on_closed)(void *user));

/* app_start.c: waits for the application's port, asks for its subscriptions, then starts them all
 * and calls sc_runtime_on_app_started. Without an application port: at once. */
void sc_app_start_begin(sc_runtime *rt);
void sc_app_start_cancel(sc_runtime *rt);
/* invocation.c: the resolver that the Configuration names; the log says why there is none. */
void sc_runtime_open_names(sc_runtime *rt);
/* Takes the port for other sidecars before anything else can. That it is not free is said again
 * when it is opened with the other servers. */
void sc_runtime_reserve_peer_port(sc_runtime *rt);
sc_code sc_runtime_open_peer_port(sc_runtime *rt, uint16_t port, sc_error *err) SC_MUST_CHECK;
/* Where it listens; "": everywhere. */
sc_str sc_runtime_internal_host(const sc_runtime *rt);
/* endpoints.c: those of the resources; behind the secret stores. One that cannot be invoked is said
 * in the log. */
void sc_runtime_open_endpoints(sc_runtime *rt);
/* The connections to other sidecars and who uses them; after the channel to the application. */
void sc_runtime_open_invocation(sc_runtime *rt);
/* Other sidecars find this one; then sc_runtime_on_announced. */
void sc_runtime_announce(sc_runtime *rt);
/* And no more. */
void sc_runtime_withdraw(sc_runtime *rt);
/* Behind the servers; then sc_runtime_close_components. */
void sc_runtime_close_invocation(sc_runtime *rt);
/* metrics.c: what records, then the page unless --enable-metrics=false. */
sc_code sc_runtime_open_metrics(sc_runtime *rt, sc_error *err) SC_MUST_CHECK;
/* components.c: opens every component of the resources: secret stores, then the others in their
 * order. Fails for the first that cannot be opened, unless that one says ignoreErrors. */
sc_code sc_runtime_open_components(sc_runtime *rt, sc_error *err) SC_MUST_CHECK;
/* components.c: closes them, the kinds in reverse; calls sc_runtime_on_components_closed. */
void sc_runtime_close_components(sc_runtime *rt);
/* servers.c: opens the ports, then calls sc_runtime_on_servers_open; ends the process when one kind
 * of server has no address. */
void sc_servers_open(sc_runtime *rt);
void sc_servers_open_cancel(sc_runtime *rt);
/* One call of `on_closed` for each of server_count and grpc_server_count. */
void sc_servers_close(sc_runtime *rt, uint64_t linger_ms, void (*on_closed)(void *user));

/* runtime.c: builds a sidecar up and runs it until it ends. `options` were read early; they and
 * the log's file stay the caller's. Returns the exit code, or SC_RUNTIME_RESTART. */
#define SC_RUNTIME_RESTART (-1)
int sc_runtime_run(const sc_options *options, int log_fd, bool is_first);
/* What every line carries; texts in `mem`. */
sc_log_sink sc_runtime_sink(const sc_options *options, int fd, sc_arena *mem);
/* "Fatal error from runtime: TEXT"; the kernel takes back what was built. */
void sc_runtime_fatal(sc_runtime *rt, const char *text) SC_NORETURN;
void sc_runtime_on_announced(sc_runtime *rt);
void sc_runtime_on_app_started(sc_runtime *rt);
static inline sc_log sc_runtime_log(sc_runtime *rt, const char *scope)
{
    return (sc_log){.sink = &rt->sink, .scope = scope};
}

/* shutdown.c: signals from now on. Those that come before sc_runtime_take_signals wait for it:
 * while components are opened the loop may turn (secrets), and half a sidecar cannot be closed. */
void sc_runtime_watch_signals(sc_runtime *rt);
void sc_runtime_take_signals(sc_runtime *rt);
void sc_runtime_on_api_shutdown(void *user, bool is_forced);
void sc_runtime_on_components_closed(sc_runtime *rt);
/* The application is not healthy any more: a blocked end need not wait. */
void sc_runtime_on_app_unhealthy(sc_runtime *rt);

/* app_start.c: asks the application, which answers already, and starts its subscriptions. */
void sc_app_start_ask(sc_runtime *rt);
/* What goes with a question to it; in the arena of the start. */
const sc_pairs *sc_app_start_headers(sc_runtime *rt);
/* app_config.c: the first question; then sc_app_start_ask_subscriptions. */
void sc_app_config_ask(sc_runtime *rt);
void sc_app_start_ask_subscriptions(sc_runtime *rt);
/* app_health.c: the application's port is open: probes it from now on. */
void sc_app_health_begin(sc_runtime *rt);
void sc_app_health_stop(sc_runtime *rt);
/* shutdown.c: one that was closing before the shutdown began. */
void sc_runtime_on_subscription_closed(sc_runtime *rt);

#endif
