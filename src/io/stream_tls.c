/* SPDX-License-Identifier: MIT
 *
 * TLS on a stream: what the peer sends is decrypted for the owner, what the owner gathered is
 * encrypted at the end of the turn. The state is there only for streams that have it.
 */
#include <stdlib.h>

#include "io/stream_internal.h"

#define HANDSHAKE_MS 10000u /* for a client of ours; a dial has its own limit */
#define PIECE_LEN    16384u /* of a TLS record */

struct sc_stream_tls {
    sc_stream *stream;
    sc_tls_context *context; /* counted */
    sc_tls *conn;            /* NULL: the name to verify is none */
    sc_turn_hook more;       /* the rest of what was decrypted before a pause */
    sc_timer handshake;
    bool is_finished; /* close_notify was written */
};

static void drain(sc_stream *stream);
static void send_now(sc_stream *stream);
static void on_more(sc_turn_hook *hook);
static void on_handshake_over(sc_timer *timer);

void sc_stream_tls_open(sc_stream *stream, sc_tls_context *context, sc_str verify_name)
{
    sc_stream_tls *tls = sc_new(sc_stream_tls);

    tls->stream = stream;
    tls->context = sc_tls_context_ref(context);
    tls->conn = context->ops->open(context->inner, verify_name);
    tls->more.run = on_more;
    sc_timer_init(&tls->handshake, stream->loop, on_handshake_over);
    stream->tls = tls;
}

/* A peer that was told everything may know that this is the end; one that was not must not. */
void sc_stream_tls_stop(sc_stream *stream)
{
    sc_stream_tls *tls = stream->tls;

    sc_timer_stop(&tls->handshake);
    sc_loop_forget_hook(&tls->more);
    if (!stream->is_connected || stream->is_lost || tls->is_finished ||
        sc_stream_waiting_len(stream) > 0)
        return;
    tls->context->ops->finish(tls->conn);
    send_now(stream);
}

void sc_stream_tls_free(sc_stream *stream)
{
    sc_stream_tls *tls = stream->tls;

    if (tls->conn)
        tls->context->ops->close(tls->conn);
    sc_tls_context_unref(tls->context);
    free(tls);
}

void sc_stream_tls_begin(sc_stream *stream)
{
    sc_stream_tls *tls = stream->tls;

    if (!tls->conn) {
        sc_stream_lose(stream, SC_INVALID,
                       "tls: handshake with %s: not a name that a certificate can carry",
                       stream->peer);
        return;
    }
    if (tls->context->is_server)
        sc_timer_start(&tls->handshake, HANDSHAKE_MS);
    sc_stream_tls_feed(stream, NULL, 0); /* a client speaks first */
}

static void on_handshake_over(sc_timer *timer)
{
    sc_stream_tls *tls = SC_CONTAINER_OF(timer, sc_stream_tls, handshake);

    sc_stream_lose(tls->stream, SC_UNAVAILABLE, "tls: handshake with %s: i/o timeout",
                   tls->stream->peer);
}

/* ---- receiving ---- */

/* An alert goes out at once or never. */
static void send_now(sc_stream *stream)
{
    uv_buf_t buf;

    if (stream->is_sending)
        return;
    drain(stream);
    buf = uv_buf_init(sc_buf_at(&stream->wire), (unsigned)sc_buf_len(&stream->wire));
    if (buf.len > 0)
        (void)uv_try_write(&stream->uv.stream, &buf, 1);
}

static void fail(sc_stream *stream, const sc_error *why)
{
    send_now(stream); /* the peer should hear why */
    if (stream->is_connected)
        sc_stream_lose(stream, why->code, "tls: %s", why->text);
    else
        sc_stream_lose(stream, why->code, "tls: handshake with %s: %s", stream->peer, why->text);
}

static void on_open(sc_stream *stream)
{
    sc_timer_stop(&stream->tls->handshake);
    stream->is_shaking = false;
    stream->is_connected = true;
    sc_dialling_cancel(stream->dialling);
    sc_stream_want_flush(stream);
    if (stream->ops && stream->ops->on_connected)
        stream->ops->on_connected(stream->self);
}

/* Hands on what is decrypted, until there is no more or the owner has enough. */
static void hand_on(sc_stream *stream)
{
    const sc_tls_module_ops *ops = stream->tls->context->ops;
    char plain[PIECE_LEN];
    sc_error err;
    size_t len;

    while (sc_stream_takes_data(stream)) {
        sc_tls_state state = ops->read(stream->tls->conn, plain, sizeof(plain), &len, &err);

        if (ops->drain_len(stream->tls->conn) > 0) /* an answer to a key update */
            sc_stream_want_flush(stream);
        if (state == SC_TLS_FAILED)
            fail(stream, &err);
        else if (state == SC_TLS_ENDED)
            sc_stream_end_of_input(stream);
        else if (len > 0 && stream->ops)
            stream->ops->on_data(stream->self, plain, len);
        if (state != SC_TLS_OPEN || len == 0)
            return;
    }
}

void sc_stream_tls_feed(sc_stream *stream, const char *at, size_t len)
{
    const sc_tls_module_ops *ops = stream->tls->context->ops;
    sc_error err;
    sc_tls_state state = ops->feed(stream->tls->conn, at, len, &err);

    if (ops->drain_len(stream->tls->conn) > 0)
        sc_stream_want_flush(stream);
    if (state == SC_TLS_FAILED) {
        fail(stream, &err);
        return;
    }
    if (state == SC_TLS_OPEN && !stream->is_connected)
        on_open(stream);
    if (state == SC_TLS_OPEN)
        hand_on(stream);
}

/* The connection ended without close_notify. Between two records Go lets that pass, because many
 * peers do so, and what is cut off inside a message is noticed by who reads it; so do we. */
void sc_stream_tls_eof(sc_stream *stream)
{
    if (!stream->is_connected)
        sc_stream_lose(stream, SC_UNAVAILABLE, "tls: handshake with %s: EOF", stream->peer);
    else if (stream->tls->context->ops->is_inside_record(stream->tls->conn))
        sc_stream_lose(stream, SC_UNAVAILABLE, "tls: unexpected EOF");
    else
        sc_stream_end_of_input(stream);
}

void sc_stream_tls_resume(sc_stream *stream)
{
    if (stream->is_connected)
        sc_loop_at_turn_end(stream->loop, &stream->tls->more);
}

static void on_more(sc_turn_hook *hook)
{
    hand_on(SC_CONTAINER_OF(hook, sc_stream_tls, more)->stream);
}

/* ---- sending ---- */

static void drain(sc_stream *stream)
{
    const sc_tls_module_ops *ops = stream->tls->context->ops;
    size_t len;

    while ((len = ops->drain_len(stream->tls->conn)) > 0) {
        char *room = sc_buf_room(&stream->wire, len);

        sc_buf_added(&stream->wire, ops->drain(stream->tls->conn, room, len));
    }
}

bool sc_stream_tls_encrypt(sc_stream *stream)
{
    sc_stream_tls *tls = stream->tls;
    const char *at = sc_buf_at(&stream->out);
    size_t left = stream->is_connected ? sc_buf_len(&stream->out) : 0;

    drain(stream); /* what the handshake says goes first */
    while (left > 0) {
        size_t len = left < PIECE_LEN ? left : PIECE_LEN;

        if (!tls->context->ops->write(tls->conn, at, len)) {
            sc_stream_lose(stream, SC_UNAVAILABLE, "tls: the connection takes no more data");
            return false;
        }
        at += len;
        left -= len;
        drain(stream);
    }
    if (stream->is_connected)
        sc_buf_reset(&stream->out, SC_BUF_KEPT);
    if (stream->is_connected && stream->is_finishing && !tls->is_finished) {
        tls->is_finished = true;
        tls->context->ops->finish(tls->conn);
        drain(stream);
    }
    return true;
}

sc_str sc_stream_alpn(const sc_stream *stream)
{
    if (!stream->tls || !stream->is_connected)
        return SC_STR_NONE;
    return stream->tls->context->ops->alpn(stream->tls->conn);
}
