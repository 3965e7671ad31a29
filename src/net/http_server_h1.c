/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 connections: requests are parsed as they come, answers leave in the order of the
 * requests whichever is ready first. An answer that is not at the head of the line waits in a
 * buffer of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/http_internal.h"
#include "wire/http1.h"

#define LINGER_MS     1000u
#define UNWANTED_MAX  262144u /* read of a body whose answer is complete, to keep the connection */
#define STREAM_FACTOR 10u     /* patience with who takes nothing of a streamed answer */
#define PREFACE       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_LEN   24u

typedef struct h1_conn h1_conn;

typedef struct h1_exchange {
    sc_http_live live; /* first */
    sc_list link;      /* in conn->line */
    h1_conn *conn;     /* NULL once the connection is gone */
    sc_buf held;       /* the answer, while it waits for its turn */
    bool is_complete;  /* the whole answer was handed over */
    bool is_aborted;
    bool closes_after; /* the connection ends behind this answer */
    bool is_chunked;
    bool is_http10;
    bool wants_continue;
    size_t unwanted; /* body bytes that came behind the end of the answer */
} h1_exchange;

struct h1_conn {
    sc_http_conn base; /* first */
    sc_stream *stream;
    sc_http1 *codec;
    sc_list line;         /* exchanges, oldest first */
    h1_exchange *reading; /* whose head or body is coming in */
    uint32_t waiting;     /* length of `line` */
    sc_buf preface;       /* the first bytes, until they cannot be HTTP/2's */
    sc_buf unread;        /* what came while the line was full */
    sc_turn_hook step;
    uint64_t since_ms;  /* start of the current phase of reading */
    uint64_t stuck_ms;  /* since when the peer takes nothing; 0: it does */
    uint64_t taken_len; /* as of the last sweep */
    bool is_speaking;   /* found out to be HTTP/1 */
    bool is_reading_body;
    bool is_shutting;   /* no further requests */
    bool is_input_over; /* the peer's last byte came, or its bytes are of no more use */
    bool is_feeding;
    bool is_body_paused;
    bool is_input_paused; /* the stream is, since no more requests are taken */
    bool is_gone;
};

static void on_data(void *self, const char *at, size_t len);
static void on_end(void *self);
static void on_lost(void *self, const sc_error *why);
static void on_drained(void *self);
static void on_step(sc_turn_hook *hook);
static void feed(h1_conn *conn, const char *at, size_t len);
static void go_on(h1_conn *conn);
static void drop(h1_conn *conn, bool gently);

static const sc_stream_ops stream_ops = {
    .on_data = on_data, .on_end = on_end, .on_lost = on_lost, .on_drained = on_drained};

/* ---- the codec's events ---- */

static const sc_http_answer_ops answer_ops;

static sc_arena *on_begin(void *self)
{
    h1_conn *conn = self;
    h1_exchange *ex =
        (h1_exchange *)sc_http_live_new(conn->base.server, sizeof(h1_exchange), &answer_ops);

    sc_call_ref(ex->live.ex.call); /* ours, while it is read */
    ex->conn = conn;
    sc_list_init(&ex->link);
    sc_list_add(&conn->line, &ex->link);
    conn->waiting++;
    conn->reading = ex;
    conn->is_reading_body = false;
    conn->since_ms = sc_loop_now_ms(conn->base.server->loop);
    return &ex->live.ex.call->mem;
}

static bool is_missing_host(const sc_http1_head *head)
{
    return head->minor >= 1 && !sc_pairs_get(&head->headers, SC_STR("host"));
}

static bool on_head(void *self, const sc_http1_head *head)
{
    h1_conn *conn = self;
    h1_exchange *ex = conn->reading;
    sc_http_request *req = &ex->live.ex.req;
    sc_error why;

    req->method = head->method;
    req->target = head->target;
    req->headers = head->headers;
    req->peer = sc_stream_peer_name(conn->stream);
    ex->closes_after = !head->keep_alive || conn->is_shutting;
    ex->is_http10 = head->minor == 0;
    ex->wants_continue = head->expects_continue && head->body_len != 0;
    conn->is_reading_body = true;
    if (is_missing_host(head)) {
        ex->closes_after = true;
        (void)sc_fail(&why, SC_INVALID, "missing required Host header");
        sc_http_live_refuse(&ex->live, 400, &why);
        return !conn->is_gone;
    }
    sc_http_live_head(&ex->live, head->body_len == SC_HTTP1_LEN_UNKNOWN ? SC_HTTP_LEN_UNKNOWN
                                                                        : head->body_len);
    if (conn->is_gone)
        return false;
    if (ex->wants_continue && sc_http_live_wants_body(&ex->live) && conn->line.next == &ex->link)
        sc_stream_write(conn->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    if (ex->wants_continue && !sc_http_live_wants_body(&ex->live))
        ex->closes_after =
            true; /* whether the body still comes is the peer's choice: do not guess */
    return true;
}

static bool on_body(void *self, const char *at, size_t len)
{
    h1_conn *conn = self;
    h1_exchange *ex = conn->reading;

    conn->since_ms = sc_loop_now_ms(conn->base.server->loop);
    sc_http_live_body(&ex->live, at, len);
    if (conn->is_gone)
        return false;
    if (!sc_http_live_wants_body(&ex->live) && !ex->closes_after) {
        ex->unwanted += len;
        ex->closes_after = ex->live.ex.status == 413 || ex->unwanted > UNWANTED_MAX;
        if (ex->closes_after && ex->is_complete)
            sc_loop_at_turn_end(conn->base.server->loop, &conn->step);
    }
    return true;
}

/* A peer that asks for more than it takes is not read until it has taken it. */
static bool takes_more(const h1_conn *conn)
{
    return conn->waiting < conn->base.server->limits.max_pipelined && !conn->is_body_paused &&
           !sc_stream_is_congested(conn->stream);
}

static bool on_message(void *self)
{
    h1_conn *conn = self;
    h1_exchange *ex = conn->reading;

    conn->reading = NULL;
    conn->since_ms = sc_loop_now_ms(conn->base.server->loop);
    sc_http_live_body_end(&ex->live);
    sc_call_unref(ex->live.ex.call);
    return !conn->is_gone && !conn->is_shutting && takes_more(conn);
}

static const sc_http1_events codec_events = {on_begin, on_head, on_body, on_message};

/* ---- reading ---- */

void sc_h1_serve(sc_http_server *server, sc_stream *stream);

static void sweep(sc_http_conn *base, uint64_t now_ms);
static void shut(sc_http_conn *base);
static void kill_conn(sc_http_conn *base);
static const sc_http_conn_ops conn_ops = {sweep, shut, kill_conn};

void sc_h1_serve(sc_http_server *server, sc_stream *stream)
{
    h1_conn *conn = sc_new(h1_conn);
    sc_http1_limits limits = {.max_head_len = server->limits.max_head_len,
                              .max_headers = server->limits.max_headers};

    conn->stream = stream;
    conn->codec = sc_http1_new(true, &limits, &codec_events, conn);
    conn->step.run = on_step;
    conn->since_ms = sc_loop_now_ms(server->loop);
    sc_list_init(&conn->line);
    sc_http_conn_add(server, &conn->base, &conn_ops);
    sc_stream_adopt(stream, &stream_ops, conn);
}

/* Gives the stream to HTTP/2 and forgets the connection. */
static void hand_to_h2(h1_conn *conn)
{
    sc_http_server *server = conn->base.server;

    sc_h2_serve(server, conn->stream, sc_buf_str(&conn->preface));
    conn->stream = NULL;
    conn->is_gone = true;
    sc_loop_forget_hook(&conn->step);
    sc_http_conn_remove(&conn->base);
    sc_http1_free(conn->codec);
    sc_buf_deinit(&conn->preface);
    free(conn);
}

/* True when the bytes so far are taken care of: HTTP/2, or too few to tell. */
static bool is_preface(h1_conn *conn, const char *at, size_t len)
{
    size_t have = sc_buf_len(&conn->preface);
    size_t compare = have + len < PREFACE_LEN ? have + len : PREFACE_LEN;

    if (conn->is_speaking || conn->base.server->limits.no_http2)
        return false;
    if (have < PREFACE_LEN && memcmp(at, &PREFACE[have], compare - have) != 0) {
        conn->is_speaking = true;
        return false;
    }
    sc_buf_add(&conn->preface, at, len);
    if (compare == PREFACE_LEN)
        hand_to_h2(conn);
    return true;
}

static void on_data(void *self, const char *at, size_t len)
{
    h1_conn *conn = self;

    if (conn->is_input_over || is_preface(conn, at, len))
        return;
    if (sc_buf_len(&conn->preface) > 0) { /* it began like HTTP/2 but is not */
        sc_buf_add(&conn->unread, sc_buf_at(&conn->preface), sc_buf_len(&conn->preface));
        sc_buf_reset(&conn->preface, 0);
    }
    if (sc_buf_len(&conn->unread) > 0) {
        sc_buf_add(&conn->unread, at, len);
        go_on(conn);
        return;
    }
    feed(conn, at, len);
}

static int status_of(const sc_error *why)
{
    switch (why->code) {
    case SC_EXHAUSTED:
        return 431;
    case SC_UNIMPLEMENTED:
        return 505;
    case SC_DEADLINE:
        return 408;
    default:
        return 400;
    }
}

/* The bytes cannot be a request: say so behind the answers under way, then close. */
static void refuse_input(h1_conn *conn, const sc_error *why)
{
    h1_exchange *ex = conn->reading;
    sc_call *call;

    conn->is_input_over = true;
    if (!ex) {
        (void)on_begin(conn);
        ex = conn->reading;
    }
    call = ex->live.ex.call;
    conn->reading = NULL;
    ex->closes_after = true;
    ex->live.is_request_whole = true;
    sc_http_live_refuse(&ex->live, status_of(why), why);
    sc_call_unref(call);
}

static void feed(h1_conn *conn, const char *at, size_t len)
{
    sc_error why;
    size_t taken;
    sc_code code;

    conn->is_feeding = true;
    code = sc_http1_feed(conn->codec, at, len, &taken, &why);
    conn->is_feeding = false;
    if (conn->is_gone) {
        sc_loop_at_turn_end(conn->base.server->loop, &conn->step); /* frees it */
        return;
    }
    if (code == SC_PENDING && !conn->is_shutting) {
        sc_buf_add(&conn->unread, at + taken, len - taken);
        if (!takes_more(conn)) {
            conn->is_input_paused = true;
            sc_stream_pause(conn->stream);
        }
        sc_loop_at_turn_end(conn->base.server->loop, &conn->step);
    } else if (code == SC_PENDING) {
        conn->is_input_over = true;
    } else if (code != SC_OK) {
        refuse_input(conn, &why);
    }
}

/* Takes up what was left unread, when there is room in the line again. */
static void go_on(h1_conn *conn)
{
    sc_buf unread = conn->unread;

    if (conn->is_feeding || conn->is_input_over || !takes_more(conn))
        return;
    if (conn->is_input_paused) {
        conn->is_input_paused = false;
        sc_stream_resume(conn->stream);
    }
    if (sc_buf_len(&unread) == 0)
        return;
    sc_buf_init(&conn->unread);
    feed(conn, sc_buf_at(&unread), sc_buf_len(&unread));
    sc_buf_deinit(&unread);
}

/* ---- answering ---- */

static bool is_first(const h1_exchange *ex)
{
    return ex->conn->line.next == &ex->link;
}

/* Where the bytes of this answer go now. */
static sc_buf *out_of(h1_exchange *ex)
{
    return is_first(ex) ? sc_stream_out(ex->conn->stream) : &ex->held;
}

/* "HTTP/1.1 404 Not Found"; a number without a phrase is worded as Go does. */
static void put_status_line(const h1_exchange *ex, int status, sc_buf *out)
{
    const char *phrase = sc_http_status_phrase(status);

    sc_buf_add_str(out, ex->is_http10 ? SC_STR("HTTP/1.0 ") : SC_STR("HTTP/1.1 "));
    sc_buf_add_u64(out, (uint64_t)status);
    sc_buf_add_byte(out, ' ');
    if (phrase) {
        sc_buf_add(out, phrase, strlen(phrase));
    } else {
        sc_buf_add_str(out, SC_STR("status code "));
        sc_buf_add_u64(out, (uint64_t)status);
    }
    sc_buf_add_str(out, SC_STR("\r\n"));
}

static void put_head(h1_exchange *ex, int status, const sc_pairs *headers, sc_buf *out)
{
    put_status_line(ex, status, out);
    if (!headers || !sc_pairs_get(headers, SC_STR("date"))) {
        sc_buf_add_str(out, SC_STR("Date: "));
        sc_buf_add_str(out, sc_http_server_date(ex->conn->base.server));
        sc_buf_add_str(out, SC_STR("\r\n"));
    }
    for (uint32_t i = 0; headers && i < headers->count; i++)
        sc_http_put_header(out, headers->at[i].name, headers->at[i].value);
    if (ex->closes_after || ex->conn->is_shutting) {
        ex->closes_after = true;
        sc_buf_add_str(out, SC_STR("Connection: close\r\n"));
    } else if (ex->is_http10) { /* which does not keep it unless told so: RFC 9112 section 9.3 */
        sc_buf_add_str(out, SC_STR("Connection: keep-alive\r\n"));
    }
}

static void put_length(sc_buf *out, uint64_t len)
{
    sc_buf_add_str(out, SC_STR("Content-Length: "));
    sc_buf_add_u64(out, len);
    sc_buf_add_str(out, SC_STR("\r\n"));
}

static h1_exchange *of(sc_http_live *live)
{
    return (h1_exchange *)live;
}

static void complete(h1_exchange *ex)
{
    ex->is_complete = true;
    sc_loop_at_turn_end(ex->conn->base.server->loop, &ex->conn->step);
}

static void respond(sc_http_live *live, int status, const sc_pairs *headers, sc_str body)
{
    h1_exchange *ex = of(live);
    sc_buf *out;

    if (!live->is_request_whole && live->ex.body_len != 0)
        ex->closes_after = true; /* answered before its body came: that body is not worth reading */
    out = out_of(ex);
    put_head(ex, status, headers, out);
    if (!live->status_has_no_body)
        put_length(out, body.len);
    sc_buf_add_str(out, SC_STR("\r\n"));
    if (!live->is_bodiless && body.len > 0)
        sc_buf_add_str(out, body);
    complete(ex);
}

static void start(sc_http_live *live, int status, const sc_pairs *headers)
{
    h1_exchange *ex = of(live);
    sc_buf *out = out_of(ex);
    bool has_len = live->announced_len != SC_HTTP_LEN_UNKNOWN;
    bool has_open_end = !live->is_bodiless && !has_len;

    if (ex->is_http10 && has_open_end)
        ex->closes_after = true;
    put_head(ex, status, headers, out);
    ex->is_chunked = has_open_end && !ex->is_http10;
    if (has_len)
        put_length(out, live->announced_len);
    else if (ex->is_chunked)
        sc_buf_add_str(out, SC_STR("Transfer-Encoding: chunked\r\n"));
    sc_buf_add_str(out, SC_STR("\r\n"));
}

static void write_part(sc_http_live *live, const void *at, size_t len)
{
    h1_exchange *ex = of(live);
    sc_buf *out = out_of(ex);

    if (ex->is_chunked)
        sc_http_put_chunk_len(out, len);
    sc_buf_add(out, at, len);
    if (ex->is_chunked)
        sc_buf_add_str(out, SC_STR("\r\n"));
}

static void end_parts(sc_http_live *live)
{
    h1_exchange *ex = of(live);

    if (ex->is_chunked)
        sc_buf_add_str(out_of(ex), SC_STR("0\r\n\r\n"));
    complete(ex);
}

static void abort_answer(sc_http_live *live)
{
    h1_exchange *ex = of(live);

    ex->is_aborted = true;
    ex->closes_after = true;
    complete(ex);
}

static bool is_congested(const sc_http_live *live)
{
    const h1_exchange *ex = (const h1_exchange *)live;

    return is_first(ex) ? sc_stream_is_congested(ex->conn->stream) : sc_buf_len(&ex->held) > 65536;
}

static void pause_body(sc_http_live *live)
{
    h1_conn *conn = of(live)->conn;

    if (conn->reading == of(live)) {
        conn->is_body_paused = true;
        sc_stream_pause(conn->stream);
    }
}

static void resume_body(sc_http_live *live)
{
    h1_conn *conn = of(live)->conn;

    if (!conn->is_body_paused)
        return;
    conn->is_body_paused = false;
    sc_stream_resume(conn->stream);
    sc_loop_at_turn_end(conn->base.server->loop, &conn->step);
}

static const sc_http_answer_ops answer_ops = {
    .respond = respond,
    .start = start,
    .write = write_part,
    .end = end_parts,
    .abort = abort_answer,
    .is_congested = is_congested,
    .pause = pause_body,
    .resume = resume_body,
};

/* The next of the line may speak: what it held back goes out. */
static void release_first(h1_conn *conn)
{
    h1_exchange *ex;

    if (sc_list_is_empty(&conn->line))
        return;
    ex = SC_CONTAINER_OF(conn->line.next, h1_exchange, link);
    if (sc_buf_len(&ex->held) == 0)
        return;
    sc_stream_write(conn->stream, sc_buf_at(&ex->held), sc_buf_len(&ex->held));
    sc_buf_deinit(&ex->held);
    sc_http_live_drained(&ex->live);
}

/* Takes complete answers off the line. True when the connection was closed. */
static bool advance_line(h1_conn *conn)
{
    while (!sc_list_is_empty(&conn->line)) {
        h1_exchange *ex = SC_CONTAINER_OF(conn->line.next, h1_exchange, link);
        bool closes = ex->closes_after;
        bool aborted = ex->is_aborted;

        if (!ex->is_complete)
            return false;
        if (conn->reading == ex && !closes)
            return false; /* its body is still coming in, and is read to its end */
        sc_list_remove(&ex->link);
        conn->waiting--;
        if (conn->reading == ex) {
            conn->reading = NULL;
            conn->is_input_over = true;
            sc_call_unref(ex->live.ex.call);
        }
        sc_http_live_finished(&ex->live);
        if (closes) {
            drop(conn, !aborted);
            return true;
        }
        release_first(conn);
    }
    return false;
}

static void free_conn(h1_conn *conn)
{
    sc_http1_free(conn->codec);
    sc_buf_deinit(&conn->preface);
    sc_buf_deinit(&conn->unread);
    free(conn);
}

static void on_step(sc_turn_hook *hook)
{
    h1_conn *conn = SC_CONTAINER_OF(hook, h1_conn, step);

    if (conn->is_gone) {
        free_conn(conn);
        return;
    }
    if (advance_line(conn))
        return;
    if (sc_list_is_empty(&conn->line) && (conn->is_shutting || conn->is_input_over)) {
        drop(conn, true);
        return;
    }
    go_on(conn);
}

/* ---- the end of a connection ---- */

/* Tells every exchange that its peer is gone and closes. Memory goes at the end of the turn. */
static void drop(h1_conn *conn, bool gently)
{
    if (conn->is_gone)
        return;
    conn->is_gone = true;
    while (!sc_list_is_empty(&conn->line)) {
        h1_exchange *ex = SC_CONTAINER_OF(conn->line.next, h1_exchange, link);

        sc_list_remove(&ex->link);
        sc_buf_deinit(&ex->held);
        if (conn->reading == ex) {
            conn->reading = NULL;
            sc_http_live_gone(&ex->live);
            sc_call_unref(ex->live.ex.call);
        } else {
            sc_http_live_gone(&ex->live);
        }
    }
    if (gently)
        sc_stream_close_gently(conn->stream, LINGER_MS);
    else
        sc_stream_close(conn->stream);
    sc_http_conn_remove(&conn->base);
    sc_loop_at_turn_end(conn->base.server->loop, &conn->step);
}

static void on_end(void *self)
{
    h1_conn *conn = self;

    conn->is_input_over = true;
    if (conn->reading || sc_list_is_empty(&conn->line)) {
        drop(conn, false);
        return;
    }
    SC_LIST_EACH (&conn->line, it)
        sc_http_live_half_closed(&SC_CONTAINER_OF(it, h1_exchange, link)->live);
}

static void on_lost(void *self, const sc_error *why)
{
    (void)why;
    drop(self, false);
}

static void on_drained(void *self)
{
    h1_conn *conn = self;

    conn->stuck_ms = 0;
    sc_loop_at_turn_end(conn->base.server->loop, &conn->step);
    if (!sc_list_is_empty(&conn->line))
        sc_http_live_drained(&SC_CONTAINER_OF(conn->line.next, h1_exchange, link)->live);
}

/* A body that a handler takes in parts may pause as long as it likes. */
static bool is_streaming_in(const h1_conn *conn)
{
    const h1_exchange *ex = conn->reading;

    return conn->is_reading_body && ex->live.ex.body_ops && sc_http_live_wants_body(&ex->live);
}

static bool is_late(const h1_conn *conn, uint64_t now_ms)
{
    const sc_http_limits *limits = &conn->base.server->limits;
    uint64_t age = now_ms - conn->since_ms;

    if (conn->reading)
        return !conn->is_body_paused && !is_streaming_in(conn) &&
               age > (conn->is_reading_body ? limits->body_timeout_ms : limits->head_timeout_ms);
    if (sc_buf_len(&conn->preface) > 0)
        return age > limits->head_timeout_ms;
    return sc_list_is_empty(&conn->line) && age > limits->idle_timeout_ms;
}

static uint64_t patience_ms(const h1_conn *conn)
{
    uint64_t ms = conn->base.server->limits.write_timeout_ms;

    if (sc_list_is_empty(&conn->line) ||
        SC_CONTAINER_OF(conn->line.next, h1_exchange, link)->live.phase != SC_HTTP_STREAMING)
        return ms;
    return ms * STREAM_FACTOR;
}

/* The rest of the request did not come in time. */
static void refuse_late(h1_conn *conn)
{
    const sc_http_limits *limits = &conn->base.server->limits;
    sc_error why;

    (void)sc_fail(&why, SC_DEADLINE,
                  conn->is_reading_body ? "no byte of the request body for %u ms"
                                        : "the request head is not complete after %u ms",
                  conn->is_reading_body ? limits->body_timeout_ms : limits->head_timeout_ms);
    refuse_input(conn, &why);
}

static void sweep(sc_http_conn *base, uint64_t now_ms)
{
    h1_conn *conn = (h1_conn *)base;
    uint64_t taken = sc_stream_taken_len(conn->stream);

    if (sc_stream_waiting_len(conn->stream) == 0)
        conn->stuck_ms = 0;
    else if (conn->stuck_ms == 0 || taken != conn->taken_len)
        conn->stuck_ms = now_ms;
    conn->taken_len = taken;
    if (conn->stuck_ms && now_ms - conn->stuck_ms > patience_ms(conn))
        drop(conn, false);
    else if (is_late(conn, now_ms) && conn->reading && !conn->reading->live.ex.is_answered)
        refuse_late(conn);
    else if (is_late(conn, now_ms))
        drop(conn, false); /* it said nothing that could be answered */
}

static void shut(sc_http_conn *base)
{
    h1_conn *conn = (h1_conn *)base;

    conn->is_shutting = true;
    if (sc_list_is_empty(&conn->line))
        drop(conn, true);
}

static void kill_conn(sc_http_conn *base)
{
    drop((h1_conn *)base, false);
}
