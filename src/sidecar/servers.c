/* SPDX-License-Identifier: MIT
 *
 * Opens the ports, kind by kind in daprd's order. An address that is taken is tried again for ten
 * seconds, so that a sidecar can follow another on its ports; of several addresses one is enough.
 */
#include <unistd.h>

#include "sidecar/runtime_internal.h"

#define RETRY_FIRST_MS 100u
#define RETRY_MOST_MS  500u
#define RETRY_LIMIT_MS 10000u

typedef struct server_kind {
    const char *name;  /* "failed to start NAME server" */
    const char *scope; /* of its log lines */
    const char *what;  /* "HTTP": as its log lines begin */
    bool tries_again;
    /* Fills rt->opening.at; none: this kind was not asked for. */
    void (*list)(sc_runtime *rt);
    sc_code (*open)(sc_runtime *rt, const sc_listen *at, sc_listener **listener, sc_error *err);
    void (*say_open)(sc_runtime *rt, const sc_log *log); /* before the first address */
    void (*say_running)(sc_runtime *rt);                 /* after the last */
} server_kind;

static void list_grpc(sc_runtime *rt);
static sc_code open_grpc(sc_runtime *rt, const sc_listen *at, sc_listener **listener,
                         sc_error *err);
static void say_grpc_open(sc_runtime *rt, const sc_log *log);
static void say_grpc_running(sc_runtime *rt);
static void list_http(sc_runtime *rt);
static sc_code open_http(sc_runtime *rt, const sc_listen *at, sc_listener **listener,
                         sc_error *err);
static void say_http_open(sc_runtime *rt, const sc_log *log);
static void say_http_running(sc_runtime *rt);
static void list_public(sc_runtime *rt);
static sc_code open_public(sc_runtime *rt, const sc_listen *at, sc_listener **listener,
                           sc_error *err);
static void say_nothing(sc_runtime *rt, const sc_log *log);
static void list_internal(sc_runtime *rt);
static sc_code open_internal(sc_runtime *rt, const sc_listen *at, sc_listener **listener,
                             sc_error *err);
static void say_internal_running(sc_runtime *rt);

static const server_kind kinds[] = {
    {"API gRPC", "dapr.runtime.grpc.api", "gRPC", true, list_grpc, open_grpc, say_grpc_open,
     say_grpc_running},
    {"HTTP", "dapr.runtime.http", "HTTP", true, list_http, open_http, say_http_open,
     say_http_running},
    {"public HTTP", "dapr.runtime.http", "Public HTTP", false, list_public, open_public,
     say_nothing, NULL},
    {"internal gRPC", "dapr.runtime.grpc.internal", "gRPC", true, list_internal, open_internal,
     say_nothing, say_internal_running},
};

static void go_on(sc_runtime *rt);

/* ---- one kind after the other ---- */

static void begin_kind(sc_runtime *rt)
{
    sc_opening *opening = &rt->opening;

    opening->count = opening->next = opening->open = 0;
    opening->since_ms = sc_loop_now_ms(rt->loop);
    opening->pause_ms = RETRY_FIRST_MS;
    kinds[opening->kind].list(rt);
    if (opening->count > 0) {
        sc_log log = sc_runtime_log(rt, kinds[opening->kind].scope);

        kinds[opening->kind].say_open(rt, &log);
    }
}

static void on_pause_over(sc_timer *timer)
{
    go_on(SC_CONTAINER_OF(timer, sc_runtime, opening.pause));
}

void sc_servers_open(sc_runtime *rt)
{
    sc_timer_init(&rt->opening.pause, rt->loop, on_pause_over);
    rt->opening.kind = 0;
    begin_kind(rt);
    go_on(rt);
}

void sc_servers_open_cancel(sc_runtime *rt)
{
    sc_timer_stop(&rt->opening.pause);
}

/* ":3500", "127.0.0.1:3500", "[::1]:3500" or the path of a socket. */
static sc_str address_of(sc_runtime *rt, const sc_listen *at, uint16_t port)
{
    if (at->is_unix)
        return at->host;
    if (memchr(at->host.at, ':', at->host.len))
        return sc_arena_fmt(&rt->mem, "[%.*s]:%u", SC_FMT(at->host), port);
    return sc_arena_fmt(&rt->mem, "%.*s:%u", SC_FMT(at->host), port);
}

static void tell_failure(sc_runtime *rt, const sc_listen *at, const sc_error *err)
{
    const server_kind *kind = &kinds[rt->opening.kind];
    sc_log log = sc_runtime_log(rt, kind->scope);

    sc_log_error(&log, "Failed to listen for %s server on TCP address %.*s with error: %s",
                 kind->what, SC_FMT(address_of(rt, at, at->port)), err->text);
}

/* True when the address will be tried again after a pause. */
static bool waits(sc_runtime *rt, const sc_listen *at, const sc_error *err)
{
    sc_opening *opening = &rt->opening;
    const server_kind *kind = &kinds[opening->kind];
    sc_log log = sc_runtime_log(rt, kind->scope);
    uint64_t waited_ms = sc_loop_now_ms(rt->loop) - opening->since_ms;

    if (at->is_unix || !kind->tries_again || waited_ms >= RETRY_LIMIT_MS)
        return false;
    if (opening->pause_ms == RETRY_FIRST_MS)
        sc_log_warn(&log, "%s; trying again for %u s", err->text, RETRY_LIMIT_MS / 1000);
    sc_timer_start(&opening->pause, opening->pause_ms);
    opening->pause_ms += opening->pause_ms / 2;
    if (opening->pause_ms > RETRY_MOST_MS)
        opening->pause_ms = RETRY_MOST_MS;
    return true;
}

static void fail(sc_runtime *rt, const sc_listen *at, const sc_error *err)
{
    const server_kind *kind = &kinds[rt->opening.kind];
    sc_error story;

    if (at->is_unix || !kind->tries_again)
        (void)sc_fail(&story, err->code, "failed to start %s server: %s", kind->name, err->text);
    else
        (void)sc_fail(&story, err->code,
                      "failed to start %s server: could not listen on any endpoint: %s", kind->name,
                      err->text);
    sc_runtime_fatal(rt, story.text);
}

static void say_listening(sc_runtime *rt, const sc_listen *at, const sc_listener *listener)
{
    const server_kind *kind = &kinds[rt->opening.kind];
    sc_log log = sc_runtime_log(rt, kind->scope);

    if (kind->open == open_internal)
        sc_log_info(&log, "%s server listening on pre-bound TCP address: %.*s", kind->what,
                    SC_FMT(sc_listener_name(listener)));
    else
        sc_log_info(&log, "%s server listening on %s: %.*s", kind->what,
                    at->is_unix ? "UNIX socket" : "TCP address",
                    SC_FMT(address_of(rt, at, at->is_unix ? 0 : sc_listener_port(listener))));
}

/* The next address of this kind; false: a pause began. */
static bool open_next(sc_runtime *rt)
{
    sc_opening *opening = &rt->opening;
    const server_kind *kind = &kinds[opening->kind];
    const sc_listen *at = &opening->at[opening->next];
    sc_listener *listener;
    sc_error err;

    if (kind->open(rt, at, &listener, &err) == SC_OK) {
        say_listening(rt, at, listener);
        opening->open++;
    } else if (waits(rt, at, &err)) {
        return false;
    } else if (!at->is_unix) {
        tell_failure(rt, at, &err);
    }
    if (++opening->next == opening->count && opening->open == 0)
        fail(rt, at, &err);
    opening->pause_ms = RETRY_FIRST_MS;
    return true;
}

static void go_on(sc_runtime *rt)
{
    sc_opening *opening = &rt->opening;

    for (;;) {
        const server_kind *kind = &kinds[opening->kind];

        while (opening->next < opening->count) {
            if (!open_next(rt))
                return;
        }
        if (opening->count > 0 && kind->say_running)
            kind->say_running(rt);
        if (++opening->kind == SC_ARRAY_LEN(kinds))
            break;
        begin_kind(rt);
    }
    sc_runtime_announce(rt);
}

/* ---- the APIs ---- */

static void add_address(sc_runtime *rt, const sc_listen *at)
{
    rt->opening.at[rt->opening.count++] = *at;
}

/* Every listen address, or one Unix socket. */
static void list_api(sc_runtime *rt, const char *name, uint16_t port)
{
    const sc_options *o = &rt->options;
    sc_str list = o->listen_addresses.len ? o->listen_addresses : SC_STR("");

    if (o->unix_socket_folder.len > 0) {
        sc_str path = sc_arena_fmt(&rt->mem, "%.*s/dapr-%.*s-%s.socket",
                                   SC_FMT(o->unix_socket_folder), SC_FMT(o->app_id), name);

        add_address(rt, &(sc_listen){.is_unix = true, .host = path});
        return;
    }
    while (list.at && rt->opening.count < SC_MAX_LISTEN) {
        sc_str host = sc_str_trim(sc_str_cut(&list, ','));

        if (sc_str_starts(host, SC_STR("[")) && sc_str_ends(host, SC_STR("]")))
            host = sc_str_sub(host, 1, host.len - 1);
        if (sc_str_eq(host, SC_STR("localhost")))
            host = SC_STR("127.0.0.1");
        add_address(rt, &(sc_listen){.host = host, .port = port});
    }
}

static void list_grpc(sc_runtime *rt)
{
    list_api(rt, "grpc", rt->options.grpc_port);
}

static sc_code open_grpc(sc_runtime *rt, const sc_listen *at, sc_listener **listener, sc_error *err)
{
    uint64_t max = rt->options.max_body_len ? rt->options.max_body_len : UINT32_MAX;
    sc_grpc_limits limits = {.max_message_len = max,
                             .max_send_len = max,
                             .max_head_len = 1u << 20,
                             .max_connections = rt->max_connections,
                             .keepalive_ms = 10000,
                             .keepalive_timeout_ms = 5000,
                             .min_ping_interval_ms = 8000,
                             .idle_ms = 180000};
    sc_grpc_server *server;

    if (sc_grpc_server_open(rt->loop, at, &limits, &sc_grpc_api_service, &rt->api, &server, err) !=
        SC_OK)
        return err->code;
    rt->grpc_servers[rt->grpc_server_count++] = server;
    *listener = sc_grpc_server_listener(server);
    return SC_OK;
}

/* What every server of gRPC does with its calls. */
static void say_grpc_observed(const sc_runtime *rt, const sc_log *log)
{
    if (rt->observe.tracer.mode != SC_TRACE_OFF)
        sc_log_info(log, "Enabled gRPC tracing middleware");
    if (rt->observe.metrics)
        sc_log_info(log, "Enabled gRPC metrics middleware");
}

static void say_grpc_open(sc_runtime *rt, const sc_log *log)
{
    const sc_api_rules *rules = &rt->configuration.api;

    say_grpc_observed(rt, log);
    if (rt->options.api_token.len > 0)
        sc_log_info(log, "Enabled token authentication on gRPC server");
    if (rules->allowed_count + rules->denied_count > 0)
        sc_log_info(log, "Enabled API access list on gRPC server");
}

static void say_running(sc_runtime *rt, const char *what, uint16_t port)
{
    if (rt->options.unix_socket_folder.len > 0)
        sc_log_info(&rt->log, "%s server is running on a Unix Domain Socket", what);
    else
        sc_log_info(&rt->log, "%s server is running on port %u", what, port);
}

static void say_grpc_running(sc_runtime *rt)
{
    say_running(rt, "API gRPC", rt->options.grpc_port);
}

static void list_http(sc_runtime *rt)
{
    list_api(rt, "http", rt->options.http_port);
}

static sc_code keep_http(sc_runtime *rt, const sc_listen *at, const sc_http_limits *limits,
                         const sc_http_handler *handler, sc_listener **listener, sc_error *err)
{
    sc_http_server *server;

    if (sc_http_server_open(rt->loop, at, limits, handler, &rt->api, &server, err) != SC_OK)
        return err->code;
    rt->servers[rt->server_count++] = server;
    *listener = sc_http_server_listener(server);
    return SC_OK;
}

static sc_code open_http(sc_runtime *rt, const sc_listen *at, sc_listener **listener, sc_error *err)
{
    sc_http_limits limits = sc_http_default_limits();

    limits.max_body_len = rt->options.max_body_len;
    limits.max_head_len = (uint32_t)(rt->options.read_buffer_len + 4096);
    limits.no_http2 = rt->options.no_http2;
    limits.max_connections = rt->max_connections;
    return keep_http(rt, at, &limits, &sc_http_api_handler, listener, err);
}

static void say_http_open(sc_runtime *rt, const sc_log *log)
{
    if (rt->options.max_body_len > 0)
        sc_log_info(log, "Enabled max body size HTTP middleware with size %llu bytes",
                    (unsigned long long)rt->options.max_body_len);
    if (rt->observe.tracer.mode != SC_TRACE_OFF)
        sc_log_info(log, "Enabled tracing HTTP middleware");
    if (rt->observe.metrics)
        sc_log_info(log, "Enabled metrics HTTP middleware");
    if (rt->options.allowed_origins.len > 0)
        sc_log_info(log, "Enabled CORS HTTP middleware");
    if (rt->options.api_token.len > 0)
        sc_log_info(log, "Enabled token authentication on HTTP server");
}

static void say_http_running(sc_runtime *rt)
{
    say_running(rt, "HTTP", rt->options.http_port);
    sc_log_info(&rt->log, "The request body size parameter is: %llu bytes",
                (unsigned long long)rt->options.max_body_len);
}

/* ---- the public port: health and metadata for everybody ---- */

static void list_public(sc_runtime *rt)
{
    const sc_options *o = &rt->options;

    if (o->has_public_port)
        add_address(rt, &(sc_listen){.host = o->public_host, .port = o->public_port});
}

static sc_code open_public(sc_runtime *rt, const sc_listen *at, sc_listener **listener,
                           sc_error *err)
{
    sc_http_limits limits = sc_http_default_limits();

    limits.max_connections = rt->max_connections;
    return keep_http(rt, at, &limits, &sc_http_public_handler, listener, err);
}

static void say_nothing(sc_runtime *rt, const sc_log *log)
{
    (void)rt;
    (void)log;
}

/* ---- the port for other sidecars, reserved when the components were not open yet ---- */

static void list_internal(sc_runtime *rt)
{
    uint16_t port = rt->peer_server ? sc_listener_port(sc_grpc_server_listener(rt->peer_server))
                                    : rt->options.internal_port;

    add_address(rt, &(sc_listen){.host = sc_runtime_internal_host(rt), .port = port});
}

static sc_code open_internal(sc_runtime *rt, const sc_listen *at, sc_listener **listener,
                             sc_error *err)
{
    if (!rt->peer_server && sc_runtime_open_peer_port(rt, at->port, err) != SC_OK)
        return err->code;
    *listener = sc_grpc_server_listener(rt->peer_server);
    return SC_OK;
}

static void say_internal_running(sc_runtime *rt)
{
    sc_log log = sc_runtime_log(rt, kinds[rt->opening.kind].scope);
    const sc_listen *at = &rt->opening.at[0];
    uint16_t port = sc_listener_port(sc_grpc_server_listener(rt->peer_server));

    say_grpc_observed(rt, &log);
    sc_log_info(&rt->log, "Internal gRPC server is running on %.*s",
                SC_FMT(address_of(rt, at, port)));
}

/* ---- the end ---- */

void sc_servers_close(sc_runtime *rt, uint64_t linger_ms, void (*on_closed)(void *user))
{
    sc_log log = sc_runtime_log(rt, "dapr.runtime.http");

    for (uint32_t i = 0; i < rt->server_count; i++) {
        sc_log_info(&log, "Closing HTTP server %.*s…",
                    SC_FMT(sc_listener_name(sc_http_server_listener(rt->servers[i]))));
        sc_http_server_close(rt->servers[i], linger_ms, on_closed, rt);
    }
    for (uint32_t i = 0; i < rt->grpc_server_count; i++)
        sc_grpc_server_close(rt->grpc_servers[i], linger_ms, on_closed, rt);
}
