/* SPDX-License-Identifier: MIT
 *
 * The server itself: its listener, its connections, one sweep a second over their deadlines, and
 * the close.
 */
#include "net/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SWEEP_MS 1000u

static void on_sweep(sc_timer *timer);
static void on_linger_over(sc_timer *timer);
static void on_closed_hook(sc_turn_hook *hook);

sc_http_limits sc_http_default_limits(void)
{
    return (sc_http_limits){
        .max_body_len = 4u * 1024u * 1024u,
        .max_head_len = 8192,
        .max_headers = 256,
        .head_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .idle_timeout_ms = 600000,
        .write_timeout_ms = 30000,
        .max_connections = 10000,
        .max_pipelined = 128,
    };
}

/* Zeros of what must not be zero become the default; a body limit of 0 means none. */
static sc_http_limits with_defaults(const sc_http_limits *limits)
{
    sc_http_limits all = sc_http_default_limits();
    sc_http_limits own = limits ? *limits : all;

    own.max_head_len = own.max_head_len ? own.max_head_len : all.max_head_len;
    own.max_headers = own.max_headers ? own.max_headers : all.max_headers;
    own.head_timeout_ms = own.head_timeout_ms ? own.head_timeout_ms : all.head_timeout_ms;
    own.body_timeout_ms = own.body_timeout_ms ? own.body_timeout_ms : all.body_timeout_ms;
    own.idle_timeout_ms = own.idle_timeout_ms ? own.idle_timeout_ms : all.idle_timeout_ms;
    own.write_timeout_ms = own.write_timeout_ms ? own.write_timeout_ms : all.write_timeout_ms;
    own.max_connections = own.max_connections ? own.max_connections : all.max_connections;
    own.max_pipelined = own.max_pipelined ? own.max_pipelined : all.max_pipelined;
    return own;
}

static void on_accept(void *self, sc_stream *stream)
{
    sc_h1_serve(self, stream);
}

sc_code sc_http_server_open(sc_loop *loop, const sc_listen *at, const sc_http_limits *limits,
                            const sc_http_handler *handler, void *self, sc_http_server **out,
                            sc_error *err)
{
    sc_http_server *server = sc_new(sc_http_server);
    sc_listen where = *at;

    server->loop = loop;
    server->limits = with_defaults(limits);
    server->handler = *handler;
    server->self = self;
    sc_list_init(&server->conns);
    sc_timer_init(&server->sweep, loop, on_sweep);
    sc_timer_init(&server->linger, loop, on_linger_over);
    server->closed_hook.run = on_closed_hook;
    where.max_connections = server->limits.max_connections;
    if (sc_listener_open(loop, &where, on_accept, server, &server->listener, err) != SC_OK) {
        free(server);
        return err->code;
    }
    *out = server;
    return SC_OK;
}

sc_listener *sc_http_server_listener(const sc_http_server *server)
{
    return server->listener;
}

uint32_t sc_http_server_connections(const sc_http_server *server)
{
    return server->conn_count;
}

/* ---- connections ---- */

void sc_http_conn_add(sc_http_server *server, sc_http_conn *conn, const sc_http_conn_ops *ops)
{
    conn->server = server;
    conn->ops = ops;
    sc_list_init(&conn->link);
    sc_list_add(&server->conns, &conn->link);
    if (server->conn_count++ == 0)
        sc_timer_start(&server->sweep, SWEEP_MS);
}

static void maybe_finish(sc_http_server *server)
{
    if (server->is_closing && server->conn_count == 0)
        sc_loop_at_turn_end(server->loop, &server->closed_hook);
}

void sc_http_conn_remove(sc_http_conn *conn)
{
    sc_http_server *server = conn->server;

    sc_list_remove(&conn->link);
    if (--server->conn_count == 0)
        sc_timer_stop(&server->sweep);
    maybe_finish(server);
}

static void on_sweep(sc_timer *timer)
{
    sc_http_server *server = SC_CONTAINER_OF(timer, sc_http_server, sweep);
    uint64_t now = sc_loop_now_ms(server->loop);

    sc_timer_start(timer, SWEEP_MS);
    SC_LIST_EACH_SAFE (&server->conns, it) {
        sc_http_conn *conn = SC_CONTAINER_OF(it, sc_http_conn, link);

        conn->ops->sweep(conn, now);
    }
}

/* ---- closing ---- */

void sc_http_server_close(sc_http_server *server, uint64_t linger_ms, void (*on_closed)(void *self),
                          void *self)
{
    server->is_closing = true;
    server->on_closed = on_closed;
    server->closed_self = self;
    sc_listener_close(server->listener);
    server->listener = NULL;
    if (server->conn_count > 0)
        sc_timer_start(&server->linger, linger_ms);
    SC_LIST_EACH_SAFE (&server->conns, it) {
        sc_http_conn *conn = SC_CONTAINER_OF(it, sc_http_conn, link);

        conn->ops->shut(conn);
    }
    maybe_finish(server);
}

static void on_linger_over(sc_timer *timer)
{
    sc_http_server *server = SC_CONTAINER_OF(timer, sc_http_server, linger);

    while (!sc_list_is_empty(&server->conns)) {
        sc_http_conn *conn = SC_CONTAINER_OF(server->conns.next, sc_http_conn, link);

        conn->ops->kill(conn);
    }
}

static void on_closed_hook(sc_turn_hook *hook)
{
    sc_http_server *server = SC_CONTAINER_OF(hook, sc_http_server, closed_hook);

    sc_timer_stop(&server->sweep);
    sc_timer_stop(&server->linger);
    if (server->on_closed)
        server->on_closed(server->closed_self);
    free(server);
}

/* ---- the date ---- */

sc_str sc_http_server_date(sc_http_server *server)
{
    uint64_t now = sc_loop_now_ms(server->loop);
    time_t wall;
    struct tm parts;

    if (now >= server->date_until_ms) {
        wall = time(NULL);
        gmtime_r(&wall, &parts);
        server->date_len =
            strftime(server->date, sizeof(server->date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        server->date_until_ms = now + 1000;
    }
    return sc_str_of(server->date, server->date_len);
}
