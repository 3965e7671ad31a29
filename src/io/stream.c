/* SPDX-License-Identifier: MIT
 *
 * A connected byte stream. What one loop turn writes is gathered and leaves in one system call at
 * the turn's end; what the kernel refuses waits in a single libuv write, and gathering goes on
 * behind it.
 */
#include "io/stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/stream_internal.h"

static void on_flush_due(sc_turn_hook *hook);
static void on_report_due(sc_turn_hook *hook);
static void on_linger_over(sc_timer *timer);
static void on_handle_closed(uv_handle_t *handle);

sc_stream *sc_stream_alloc(sc_loop *loop)
{
    sc_stream *stream = sc_new(sc_stream);

    stream->loop = loop;
    stream->flush.run = on_flush_due;
    stream->report.run = on_report_due;
    sc_timer_init(&stream->linger, loop, on_linger_over);
    loop->open_handles++;
    loop->work++;
    return stream;
}

void sc_stream_free(sc_stream *stream)
{
    if (stream->tls)
        sc_stream_tls_free(stream);
    sc_buf_deinit(&stream->out);
    sc_buf_deinit(&stream->wire);
    sc_buf_deinit(&stream->sending);
    stream->loop->open_handles--;
    stream->loop->work++;
    free(stream);
}

void sc_stream_adopt(sc_stream *stream, const sc_stream_ops *ops, void *self)
{
    stream->ops = ops;
    stream->self = self;
    if (stream->tls && !stream->is_connected && !stream->is_shaking)
        sc_stream_on_transport(stream);
    else
        sc_stream_update_reading(stream);
}

/* ---- losing and closing ---- */

void sc_stream_lose(sc_stream *stream, sc_code code, const char *fmt, ...)
{
    va_list args;

    if (stream->is_lost || stream->is_closed)
        return;
    stream->is_lost = true;
    stream->lost_why.code = code;
    va_start(args, fmt);
    (void)vsnprintf(stream->lost_why.text, sizeof(stream->lost_why.text), fmt, args);
    va_end(args);
    sc_stream_update_reading(stream);
    if (stream->is_closing_gently)
        sc_stream_close(stream);
    else
        sc_loop_at_turn_end(stream->loop, &stream->report);
}

static void on_report_due(sc_turn_hook *hook)
{
    sc_stream *stream = SC_CONTAINER_OF(hook, sc_stream, report);

    if (stream->ops)
        stream->ops->on_lost(stream->self, &stream->lost_why);
}

void sc_stream_close(sc_stream *stream)
{
    if (!stream || stream->is_closed)
        return;
    stream->is_closed = true;
    stream->ops = NULL;
    sc_loop_forget_hook(&stream->flush);
    sc_loop_forget_hook(&stream->report);
    sc_timer_stop(&stream->linger);
    if (stream->tls)
        sc_stream_tls_stop(stream);
    sc_dialling_cancel(stream->dialling);
    if (stream->listener)
        sc_listener_on_closed(stream->listener, stream);
    if (stream->is_resource_open && !stream->is_retrying) {
        uv_close(&stream->uv.handle, on_handle_closed);
    } else if (!stream->is_retrying) {
        /* No handle yet: a zero-cost one gives the same "later" as every other close. */
        uv_tcp_init(&stream->loop->uv, &stream->uv.tcp);
        uv_close(&stream->uv.handle, on_handle_closed);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    sc_stream_free(SC_CONTAINER_OF(handle, sc_stream, uv.handle));
}

void sc_stream_close_gently(sc_stream *stream, uint64_t linger_ms)
{
    if (!stream || stream->is_closed)
        return;
    stream->ops = NULL;
    sc_loop_forget_hook(&stream->report);
    if (stream->is_lost || !stream->is_connected) {
        sc_stream_close(stream);
        return;
    }
    stream->is_closing_gently = stream->is_finishing = true;
    sc_timer_start(&stream->linger, linger_ms);
    sc_stream_update_reading(stream);
    sc_stream_want_flush(stream);
}

static void on_linger_over(sc_timer *timer)
{
    sc_stream_close(SC_CONTAINER_OF(timer, sc_stream, linger));
}

void sc_stream_finish(sc_stream *stream)
{
    stream->is_finishing = true;
    sc_stream_want_flush(stream);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    sc_stream *stream = SC_CONTAINER_OF(req, sc_stream, shutdown);

    stream->is_shutting = false;
    if (status != 0 && status != UV_ECANCELED && !stream->is_closed)
        sc_stream_lose(stream, SC_UNAVAILABLE, "shutdown: %s", sc_uv_text(status));
}

static bool is_gone(const sc_stream *stream)
{
    return stream->is_lost || stream->is_closed;
}

void sc_stream_maybe_shut(sc_stream *stream)
{
    if (!stream->is_finishing || stream->is_shut || stream->is_sending || is_gone(stream) ||
        sc_stream_waiting_len(stream) > 0)
        return;
    stream->is_shut = true;
    if (uv_shutdown(&stream->shutdown, &stream->uv.stream, on_shut) == 0)
        stream->is_shutting = true;
}

static void on_flush_due(sc_turn_hook *hook)
{
    sc_stream_flush(SC_CONTAINER_OF(hook, sc_stream, flush));
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    sc_stream *stream = SC_CONTAINER_OF(handle, sc_stream, uv.handle);

    (void)suggested;
    *buf = uv_buf_init(sc_loop_read_buffer(stream->loop), SC_READ_BUFFER_LEN);
}

void sc_stream_end_of_input(sc_stream *stream)
{
    if (stream->is_closing_gently) {
        sc_stream_close(stream);
        return;
    }
    if (stream->ops && stream->ops->on_end) {
        uv_read_stop(&stream->uv.stream);
        stream->is_reading = false;
        stream->is_paused = true; /* nothing more will come */
        stream->ops->on_end(stream->self);
        return;
    }
    sc_stream_lose(stream, SC_UNAVAILABLE, "EOF");
}

static void on_read(uv_stream_t *handle, ssize_t len, const uv_buf_t *buf)
{
    sc_stream *stream = SC_CONTAINER_OF(handle, sc_stream, uv.stream);

    if (len > 0) {
        stream->loop->work += 1 + (uint32_t)((size_t)len / 4096);
        if (stream->tls)
            sc_stream_tls_feed(stream, buf->base, (size_t)len);
        else if (stream->ops)
            stream->ops->on_data(stream->self, buf->base, (size_t)len);
    } else if (len == UV_EOF) {
        if (stream->tls)
            sc_stream_tls_eof(stream);
        else
            sc_stream_end_of_input(stream);
    } else if (len < 0) {
        sc_stream_lose(stream, SC_UNAVAILABLE, "read: %s", sc_uv_text((int)len));
    }
}

bool sc_stream_takes_data(const sc_stream *stream)
{
    if (is_gone(stream))
        return false;
    return stream->is_closing_gently || (stream->ops && !stream->is_paused);
}

void sc_stream_update_reading(sc_stream *stream)
{
    bool is_up = stream->is_resource_open && (stream->is_connected || stream->is_shaking) &&
                 !stream->is_retrying;
    bool wanted = is_up && sc_stream_takes_data(stream);

    if (wanted == stream->is_reading)
        return;
    stream->is_reading = wanted;
    if (wanted)
        uv_read_start(&stream->uv.stream, on_alloc, on_read);
    else if (!stream->is_closed)
        uv_read_stop(&stream->uv.stream);
}

void sc_stream_pause(sc_stream *stream)
{
    if (stream->is_mute) /* reading is all that was left */
        sc_stream_lose(stream, SC_UNAVAILABLE, "write: broken pipe");
    stream->is_paused = true;
    sc_stream_update_reading(stream);
}

void sc_stream_resume(sc_stream *stream)
{
    stream->is_paused = false;
    sc_stream_update_reading(stream);
    if (stream->tls)
        sc_stream_tls_resume(stream);
}

void sc_stream_on_transport(sc_stream *stream)
{
    if (stream->tls) {
        stream->is_shaking = true;
        sc_stream_update_reading(stream);
        sc_stream_tls_begin(stream);
        return;
    }
    stream->is_connected = true;
    sc_stream_update_reading(stream);
    sc_stream_want_flush(stream);
    if (stream->ops && stream->ops->on_connected)
        stream->ops->on_connected(stream->self);
}

sc_str sc_stream_peer_name(const sc_stream *stream)
{
    return sc_str_from(stream->peer);
}

const char *sc_uv_text(int uv_error)
{
    switch (uv_error) {
    case UV_ECONNREFUSED:
        return "connection refused";
    case UV_ECONNRESET:
        return "connection reset by peer";
    case UV_EPIPE:
        return "broken pipe";
    case UV_ENOENT:
        return "no such file or directory";
    case UV_EACCES:
        return "permission denied";
    case UV_EADDRINUSE:
        return "address already in use";
    case UV_EADDRNOTAVAIL:
        return "cannot assign requested address";
    case UV_ETIMEDOUT:
        return "connection timed out";
    case UV_EAI_NONAME:
        return "no such host";
    default:
        return uv_strerror(uv_error);
    }
}
