/* SPDX-License-Identifier: MIT
 *
 * The sending half of a stream: gathering during the turn, one write at its end.
 */
#include <stdlib.h>

#include "io/stream_internal.h"

#define HIGH_MARK 1048576u
#define LOW_MARK  262144u

static void on_written(uv_write_t *req, int status);

static bool is_dropping(const sc_stream *stream)
{
    return stream->is_lost || stream->is_closed || stream->is_mute;
}

/* The peer takes no more. It may have said why before: the read side ends the stream behind that.
 */
static void on_write_failed(sc_stream *stream, int error)
{
    if (!stream->is_reading || stream->is_closing_gently) {
        sc_stream_lose(stream, SC_UNAVAILABLE, "write: %s", sc_uv_text(error));
        return;
    }
    stream->is_mute = true;
    sc_buf_reset(&stream->out, 0);
}

void sc_stream_want_flush(sc_stream *stream)
{
    if (!is_dropping(stream))
        sc_loop_at_turn_end(stream->loop, &stream->flush);
}

void sc_stream_write(sc_stream *stream, const void *at, size_t len)
{
    if (is_dropping(stream))
        return;
    sc_buf_add(&stream->out, at, len);
    sc_stream_want_flush(stream);
}

sc_buf *sc_stream_out(sc_stream *stream)
{
    if (is_dropping(stream))
        sc_buf_clear(&stream->out); /* written in vain, but never more than one turn's worth */
    sc_stream_want_flush(stream);
    return &stream->out;
}

size_t sc_stream_waiting_len(const sc_stream *stream)
{
    return sc_buf_len(&stream->out) + sc_buf_len(&stream->wire) + sc_buf_len(&stream->sending);
}

uint64_t sc_stream_taken_len(const sc_stream *stream)
{
    if (!stream->is_sending)
        return stream->taken_len;
    return stream->taken_len + sc_buf_len(&stream->sending) -
           uv_stream_get_write_queue_size(&stream->uv.stream);
}

bool sc_stream_is_congested(const sc_stream *stream)
{
    bool is_full = sc_stream_waiting_len(stream) > HIGH_MARK;

    if (is_full)
        ((sc_stream *)(uintptr_t)stream)->told_congested = true;
    return is_full;
}

/* Hands `sending` to libuv. */
static void send_rest(sc_stream *stream)
{
    uv_buf_t buf = uv_buf_init(sc_buf_at(&stream->sending), (unsigned)sc_buf_len(&stream->sending));
    int failed = uv_write(&stream->write, &stream->uv.stream, &buf, 1, on_written);

    if (failed)
        on_write_failed(stream, failed);
    else
        stream->is_sending = true;
}

/* One contiguous buffer: what the kernel refuses stays in place and the buffer changes hands. */
static void send_one(sc_stream *stream, sc_buf *from)
{
    uv_buf_t buf = uv_buf_init(sc_buf_at(from), (unsigned)sc_buf_len(from));
    int sent = uv_try_write(&stream->uv.stream, &buf, 1);
    sc_buf spare;

    if (sent < 0 && sent != UV_EAGAIN) {
        on_write_failed(stream, sent);
        return;
    }
    if (sent > 0) {
        sc_buf_eat(from, (size_t)sent);
        stream->taken_len += (size_t)sent;
    }
    if (sc_buf_len(from) == 0) {
        sc_buf_reset(from, SC_BUF_KEPT);
        return;
    }
    spare = stream->sending;
    stream->sending = *from;
    *from = spare;
    sc_buf_clear(from);
    send_rest(stream);
}

/* Whoever heard that it is congested hears that it no longer is, also when the kernel took
 * everything at once. */
static void tell_drained(sc_stream *stream)
{
    if (!stream->told_congested || sc_stream_waiting_len(stream) >= LOW_MARK)
        return;
    stream->told_congested = false;
    if (stream->ops && stream->ops->on_drained)
        stream->ops->on_drained(stream->self);
}

void sc_stream_flush(sc_stream *stream)
{
    if (is_dropping(stream) || !stream->is_resource_open || stream->is_sending ||
        (!stream->is_connected && !stream->is_shaking))
        return;
    if (stream->tls) {
        if (sc_stream_tls_encrypt(stream) && sc_buf_len(&stream->wire) > 0)
            send_one(stream, &stream->wire);
    } else if (sc_buf_len(&stream->out) > 0) {
        send_one(stream, &stream->out);
    }
    sc_stream_maybe_shut(stream);
    if (!is_dropping(stream))
        tell_drained(stream);
}

static void on_written(uv_write_t *req, int status)
{
    sc_stream *stream = SC_CONTAINER_OF(req, sc_stream, write);

    stream->is_sending = false;
    stream->taken_len += status == 0 ? sc_buf_len(&stream->sending) : 0;
    sc_buf_reset(&stream->sending, SC_BUF_KEPT);
    if (stream->is_closed)
        return;
    if (status != 0) {
        on_write_failed(stream, status);
        return;
    }
    sc_stream_flush(stream);
}
