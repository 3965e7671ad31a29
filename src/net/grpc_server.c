/* SPDX-License-Identifier: MIT
 *
 * The gRPC server: listening, connections, closing. What happens on a connection's streams is in
 * grpc_server_call.c.
 */
#include "net/grpc_server_internal.h"

#include <stdlib.h>

static void on_accept(void *self, sc_stream *stream_taken);
static void on_linger_over(sc_timer *timer);
static void on_all_closed(sc_turn_hook *hook);

static void fill_defaults(sc_grpc_limits *limits)
{
    if (!limits->max_message_len)
        limits->max_message_len = SC_GRPC_MAX_MESSAGE_LEN;
    if (!limits->max_head_len)
        limits->max_head_len = 8 * 1024;
    if (!limits->max_streams)
        limits->max_streams = 1000;
    if (!limits->keepalive_ms)
        limits->keepalive_ms = 2 * 60 * 60 * 1000;
    if (!limits->keepalive_timeout_ms)
        limits->keepalive_timeout_ms = 20 * 1000;
    if (!limits->min_ping_interval_ms)
        limits->min_ping_interval_ms = 5 * 60 * 1000;
}

sc_code sc_grpc_server_open(sc_loop *loop, const sc_listen *at, const sc_grpc_limits *limits,
                            const sc_grpc_service *service, void *self, sc_grpc_server **out,
                            sc_error *err)
{
    sc_grpc_server *server = sc_new(sc_grpc_server);
    sc_listen where = *at;
    sc_code code;

    server->loop = loop;
    if (limits)
        server->limits = *limits;
    fill_defaults(&server->limits);
    if (server->limits.max_connections)
        where.max_connections = server->limits.max_connections;
    server->service = *service;
    server->self = self;
    sc_list_init(&server->conns);
    sc_list_init(&server->closed_hook.link);
    server->closed_hook.run = on_all_closed;
    sc_timer_init(&server->linger, loop, on_linger_over);
    code = sc_listener_open(loop, &where, on_accept, server, &server->listener, err);
    if (code != SC_OK) {
        free(server);
        return code;
    }
    *out = server;
    return SC_OK;
}

sc_listener *sc_grpc_server_listener(const sc_grpc_server *server)
{
    return server->listener;
}

static void on_accept(void *self, sc_stream *stream_taken)
{
    sc_grpc_server *server = self;
    sc_grpc_conn *conn = sc_new(sc_grpc_conn);
    sc_h2_settings settings = {
        .pool = &server->pool,
        .max_head_len = server->limits.max_head_len,
        .max_streams = server->limits.max_streams,
        .keepalive_ms = server->limits.keepalive_ms,
        .keepalive_timeout_ms = server->limits.keepalive_timeout_ms,
        .min_ping_interval_ms = server->limits.min_ping_interval_ms,
        .idle_ms = server->limits.idle_ms,
        .pings_when_idle = true,
    };

    conn->server = server;
    sc_list_add(&server->conns, &conn->link);
    conn->session = sc_h2_accept(server->loop, stream_taken, SC_STR_NONE, &settings,
                                 &sc_grpc_server_h2_ops, conn);
    if (server->is_closing)
        sc_h2_session_finish(conn->session);
}

void sc_grpc_conn_gone(void *self, const sc_error *why)
{
    sc_grpc_conn *conn = self;
    sc_grpc_server *server = conn->server;

    (void)why;
    sc_list_remove(&conn->link);
    free(conn);
    if (server->is_closing && sc_list_is_empty(&server->conns))
        sc_loop_at_turn_end(server->loop, &server->closed_hook);
}

void sc_grpc_server_close(sc_grpc_server *server, uint64_t linger_ms, void (*on_closed)(void *self),
                          void *self)
{
    assert(!server->is_closing);
    server->is_closing = true;
    server->on_closed = on_closed;
    server->closed_self = self;
    sc_listener_close(server->listener);
    server->listener = NULL;
    SC_LIST_EACH (&server->conns, link)
        sc_h2_session_finish(SC_CONTAINER_OF(link, sc_grpc_conn, link)->session);
    if (sc_list_is_empty(&server->conns))
        sc_loop_at_turn_end(server->loop, &server->closed_hook);
    else
        sc_timer_start(&server->linger, linger_ms);
}

static void on_linger_over(sc_timer *timer)
{
    sc_grpc_server *server = SC_CONTAINER_OF(timer, sc_grpc_server, linger);
    sc_error why;

    (void)sc_fail(&why, SC_UNAVAILABLE, "the server is stopping");
    SC_LIST_EACH (&server->conns, link)
        sc_h2_session_abort(SC_CONTAINER_OF(link, sc_grpc_conn, link)->session, &why);
}

static void on_all_closed(sc_turn_hook *hook)
{
    sc_grpc_server *server = SC_CONTAINER_OF(hook, sc_grpc_server, closed_hook);
    void (*on_closed)(void *) = server->on_closed;
    void *self = server->closed_self;

    sc_timer_stop(&server->linger);
    sc_h2_pool_deinit(&server->pool);
    free(server);
    if (on_closed)
        on_closed(self);
}
