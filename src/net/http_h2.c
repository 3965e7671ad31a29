/* SPDX-License-Identifier: MIT
 *
 * The HTTP/2 side of the HTTP server: exchanges on the streams of a session (net/h2_session.h).
 *
 * A live exchange keeps a reference to its call until its stream is closed. Whether the answer went
 * out in full is known then: is_local_done.
 */
#include <stdlib.h>

#include "net/h2_session.h"
#include "net/http_internal.h"

#define POOL_MAX 8u /* send buffers kept by one connection */

typedef struct h2_conn {
    sc_http_conn base; /* first */
    sc_h2_session *session;
    sc_h2_pool pool;
    sc_list lives;
    uint64_t taken_len;   /* as of the last sweep */
    uint64_t progress_ms; /* when the peer last took bytes */
} h2_conn;

typedef struct h2_live {
    sc_http_live base; /* first */
    sc_list link;      /* conn->lives */
    sc_h2_stream h2;
    h2_conn *conn;
    sc_buf held; /* body bytes received while paused */
    sc_turn_hook later;
    uint64_t last_data_ms;
    bool is_paused;
    bool is_aborted;
    bool has_head;
    bool is_body_done; /* said so to the exchange */
} h2_live;

static sc_h2_stream *on_begin(void *self);
static void on_head(sc_h2_stream *h2);
static void on_data(sc_h2_stream *h2, const char *at, size_t len);
static void on_end(sc_h2_stream *h2);
static void on_closed(sc_h2_stream *h2, const sc_h2_end *end);
static void on_drained(sc_h2_stream *h2);
static void on_gone(void *self, const sc_error *why);
static void on_later(sc_turn_hook *hook);

static const sc_h2_ops h2_ops = {
    .on_begin = on_begin,
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_closed = on_closed,
    .on_drained = on_drained,
    .on_gone = on_gone,
};

/* ---- the connection ---- */

static void conn_kill_for(h2_conn *conn, const char *text)
{
    sc_error why;

    (void)sc_fail(&why, SC_UNAVAILABLE, "%s", text);
    sc_h2_session_kill(conn->session, &why);
}

static void sweep_bodies(h2_conn *conn, uint64_t now_ms)
{
    uint32_t timeout_ms = conn->base.server->limits.body_timeout_ms;
    sc_error why;

    SC_LIST_EACH_SAFE (&conn->lives, link) {
        h2_live *live = SC_CONTAINER_OF(link, h2_live, link);

        if (!timeout_ms || live->h2.is_remote_done || live->base.ex.body_ops || !live->has_head ||
            now_ms < live->last_data_ms + timeout_ms || !sc_http_live_wants_body(&live->base))
            continue;
        (void)sc_fail(&why, SC_DEADLINE, "the request body did not arrive in time");
        sc_http_live_refuse(&live->base, 408, &why);
    }
}

static void conn_sweep(sc_http_conn *base, uint64_t now_ms)
{
    h2_conn *conn = (h2_conn *)base;
    uint32_t timeout_ms = base->server->limits.write_timeout_ms;
    size_t waiting = sc_stream_waiting_len(sc_h2_session_stream(conn->session));
    uint64_t taken = sc_stream_taken_len(sc_h2_session_stream(conn->session));

    if (!waiting || taken != conn->taken_len)
        conn->progress_ms = now_ms;
    conn->taken_len = taken;
    if (timeout_ms && waiting && now_ms >= conn->progress_ms + timeout_ms) {
        conn_kill_for(conn, "the peer takes nothing of its answers");
        return;
    }
    sweep_bodies(conn, now_ms);
}

static void conn_shut(sc_http_conn *base)
{
    sc_h2_session_finish(((h2_conn *)base)->session);
}

static void conn_kill(sc_http_conn *base)
{
    conn_kill_for((h2_conn *)base, "the server is stopping");
}

static const sc_http_conn_ops conn_ops = {
    .sweep = conn_sweep,
    .shut = conn_shut,
    .kill = conn_kill,
};

void sc_h2_serve(sc_http_server *server, sc_stream *stream_taken, sc_str first_bytes)
{
    h2_conn *conn = sc_new(h2_conn);
    sc_h2_settings settings = {
        .pool = &conn->pool,
        .max_head_len = server->limits.max_head_len,
        .idle_ms = server->limits.idle_timeout_ms,
    };

    conn->pool.max = POOL_MAX;
    conn->progress_ms = sc_loop_now_ms(server->loop);
    sc_list_init(&conn->lives);
    sc_http_conn_add(server, &conn->base, &conn_ops);
    conn->session = sc_h2_accept(server->loop, stream_taken, first_bytes, &settings, &h2_ops, conn);
    if (server->is_closing)
        sc_h2_session_finish(conn->session);
}

static void on_gone(void *self, const sc_error *why)
{
    h2_conn *conn = self;

    (void)why;
    sc_http_conn_remove(&conn->base);
    sc_h2_pool_deinit(&conn->pool);
    free(conn);
}

/* ---- the answer ---- */

static h2_live *live_of(sc_h2_stream *h2)
{
    return SC_CONTAINER_OF(h2, h2_live, h2);
}

static void send_head(h2_live *live, int status, const sc_pairs *headers, const uint64_t *len,
                      bool is_end)
{
    sc_arena *mem = live->h2.mem;
    sc_pairs list = {0};

    for (uint32_t i = 0; headers && i < headers->count; i++)
        if (!sc_h2_is_connection_header(headers->at[i].name))
            sc_pairs_add(&list, mem, headers->at[i].name, headers->at[i].value);
    if (len)
        sc_pairs_add(&list, mem, SC_STR("content-length"),
                     sc_arena_fmt(mem, "%llu", (unsigned long long)*len));
    sc_pairs_add(&list, mem, SC_STR("date"), sc_http_server_date(live->conn->base.server));
    sc_h2_respond(&live->h2, status, &list, is_end);
}

static void answer_whole(sc_http_live *base, int status, const sc_pairs *headers, sc_str body)
{
    h2_live *live = (h2_live *)base;
    uint64_t len = body.len;
    bool is_end = base->is_bodiless || !body.len;

    if (!live->h2.session)
        return;
    send_head(live, status, headers, base->status_has_no_body ? NULL : &len, is_end);
    if (is_end)
        return;
    sc_buf_add_str(sc_h2_out(live->h2.session, &live->h2), body);
    sc_h2_finish(&live->h2, NULL);
}

static void answer_start(sc_http_live *base, int status, const sc_pairs *headers)
{
    h2_live *live = (h2_live *)base;
    bool has_len = base->announced_len != SC_HTTP_LEN_UNKNOWN;

    if (live->h2.session)
        send_head(live, status, headers, has_len ? &base->announced_len : NULL, base->is_bodiless);
}

static void answer_write(sc_http_live *base, const void *at, size_t len)
{
    h2_live *live = (h2_live *)base;

    if (!live->h2.session)
        return;
    sc_buf_add(sc_h2_out(live->h2.session, &live->h2), at, len);
    sc_h2_flush(&live->h2);
}

static void answer_end(sc_http_live *base)
{
    if (!base->is_bodiless)
        sc_h2_finish(&((h2_live *)base)->h2, NULL);
}

/* The live may go with its last reference: that is left to the end of the turn. */
static void answer_abort(sc_http_live *base)
{
    h2_live *live = (h2_live *)base;

    if (!live->h2.session)
        return;
    sc_h2_reset(&live->h2, SC_H2_INTERNAL_ERROR);
    sc_list_remove(&live->link);
    live->is_aborted = true;
    sc_loop_at_turn_end(live->conn->base.server->loop, &live->later);
}

static bool answer_is_congested(const sc_http_live *base)
{
    /* Asking notes that on_drained is wanted. */
    return sc_h2_is_congested(&((h2_live *)(uintptr_t)base)->h2);
}

static void body_pause(sc_http_live *base)
{
    ((h2_live *)base)->is_paused = true;
}

static void body_resume(sc_http_live *base)
{
    h2_live *live = (h2_live *)base;

    live->is_paused = false;
    if (live->h2.session)
        sc_loop_at_turn_end(live->conn->base.server->loop, &live->later);
}

static const sc_http_answer_ops answer_ops = {
    .respond = answer_whole,
    .start = answer_start,
    .write = answer_write,
    .end = answer_end,
    .abort = answer_abort,
    .is_congested = answer_is_congested,
    .pause = body_pause,
    .resume = body_resume,
};

/* ---- the request ---- */

static sc_h2_stream *on_begin(void *self)
{
    h2_conn *conn = self;
    sc_http_live *base = sc_http_live_new(conn->base.server, sizeof(h2_live), &answer_ops);
    h2_live *live = (h2_live *)base;
    sc_call *call = sc_call_ref(base->ex.call);

    live->conn = conn;
    live->h2.mem = &call->mem;
    live->last_data_ms = sc_loop_now_ms(conn->base.server->loop);
    sc_list_init(&live->later.link);
    live->later.run = on_later;
    sc_list_add(&conn->lives, &live->link);
    return &live->h2;
}

/* What HTTP/1.1 says with Host, HTTP/2 says with :authority. */
static void fill_request(h2_live *live)
{
    sc_http_request *req = &live->base.ex.req;
    sc_h2_stream *h2 = &live->h2;

    req->method = h2->method;
    req->target = h2->path;
    req->is_http2 = true;
    req->peer = sc_arena_str(h2->mem, sc_stream_peer_name(sc_h2_session_stream(h2->session)));
    if (!h2->authority.len) {
        req->headers = h2->headers;
        return;
    }
    sc_pairs_add(&req->headers, h2->mem, SC_STR("host"), h2->authority);
    for (uint32_t i = 0; i < h2->headers.count; i++)
        if (!sc_str_eq(h2->headers.at[i].name, SC_STR("host")))
            sc_pairs_add(&req->headers, h2->mem, h2->headers.at[i].name, h2->headers.at[i].value);
}

static void on_head(sc_h2_stream *h2)
{
    h2_live *live = live_of(h2);
    sc_http_server *server = live->conn->base.server;
    const sc_str *value = sc_pairs_get(&h2->headers, SC_STR("content-length"));
    uint64_t len = h2->is_remote_done ? 0 : SC_HTTP_LEN_UNKNOWN;
    sc_error why;

    live->has_head = true;
    fill_request(live);
    if (h2->is_head_too_long || live->base.ex.req.headers.count > server->limits.max_headers) {
        (void)sc_fail(&why, SC_EXHAUSTED,
                      "the request's headers are larger than %u bytes or %u lines",
                      server->limits.max_head_len, server->limits.max_headers);
        sc_http_live_refuse(&live->base, 431, &why);
        return;
    }
    if (sc_str_eq(h2->method, SC_STR("CONNECT"))) {
        (void)sc_fail(&why, SC_UNIMPLEMENTED, "CONNECT is not offered");
        sc_http_live_refuse(&live->base, 405, &why);
        return;
    }
    if (value && !sc_str_to_u64(*value, &len)) {
        (void)sc_fail(&why, SC_INVALID, "malformed Content-Length");
        sc_http_live_refuse(&live->base, 400, &why);
        return;
    }
    sc_http_live_head(&live->base, len);
}

static void body_done(h2_live *live)
{
    if (live->is_body_done)
        return;
    live->is_body_done = true;
    if (sc_http_live_wants_body(&live->base))
        sc_http_live_body_end(&live->base);
}

static void on_data(sc_h2_stream *h2, const char *at, size_t len)
{
    h2_live *live = live_of(h2);

    live->last_data_ms = sc_loop_now_ms(live->conn->base.server->loop);
    if (sc_http_live_wants_body(&live->base)) {
        if (live->is_paused || sc_buf_len(&live->held)) {
            sc_buf_add(&live->held, at, len); /* at most the stream's window */
            return;
        }
        sc_http_live_body(&live->base, at, len);
    }
    sc_h2_consumed(h2, len);
}

static void on_end(sc_h2_stream *h2)
{
    h2_live *live = live_of(h2);

    if (!live->is_paused && !sc_buf_len(&live->held))
        body_done(live);
}

static void take_held(h2_live *live)
{
    sc_buf held = live->held;

    if (live->is_paused || !live->h2.session)
        return;
    sc_buf_init(&live->held);
    if (sc_buf_len(&held) && sc_http_live_wants_body(&live->base))
        sc_http_live_body(&live->base, sc_buf_at(&held), sc_buf_len(&held));
    sc_h2_consumed(&live->h2, sc_buf_len(&held));
    sc_buf_deinit(&held);
    if (live->h2.is_remote_done && !live->is_paused)
        body_done(live);
}

/* What could not be done inside a call from above. */
static void on_later(sc_turn_hook *hook)
{
    h2_live *live = SC_CONTAINER_OF(hook, h2_live, later);
    sc_call *call = live->base.ex.call;

    if (!live->is_aborted) {
        take_held(live);
        return;
    }
    sc_buf_deinit(&live->held);
    sc_http_live_finished(&live->base);
    sc_call_unref(call);
}

static void on_drained(sc_h2_stream *h2)
{
    sc_http_live_drained(&live_of(h2)->base);
}

static void on_closed(sc_h2_stream *h2, const sc_h2_end *end)
{
    h2_live *live = live_of(h2);
    sc_call *call = live->base.ex.call;

    (void)end;
    sc_loop_forget_hook(&live->later);
    sc_list_remove(&live->link);
    sc_buf_deinit(&live->held);
    if (h2->is_local_done)
        sc_http_live_finished(&live->base);
    else
        sc_http_live_gone(&live->base);
    sc_call_unref(call);
}
