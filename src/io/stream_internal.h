/* SPDX-License-Identifier: MIT
 *
 * A stream's insides, for stream*.c, dial.c and listener.c.
 */
#ifndef SC_IO_STREAM_INTERNAL_H
#define SC_IO_STREAM_INTERNAL_H

#include "io/io_internal.h"
#include "io/stream.h"
#include "io/tls_internal.h"

#define SC_PEER_NAME_MAX 272u
#define SC_BUF_KEPT      65536u /* a buffer larger than this is given back once it is empty */

typedef struct sc_dialling sc_dialling;     /* dial.c: resolving and connecting */
typedef struct sc_stream_tls sc_stream_tls; /* stream_tls.c */

struct sc_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    sc_loop *loop;
    const sc_stream_ops *ops; /* NULL: closed by its owner, or not yet adopted */
    void *self;
    sc_turn_hook flush;
    sc_buf out;     /* gathered this turn (TLS: plain text) */
    sc_buf wire;    /* TLS: cipher text of this turn */
    sc_buf sending; /* what the kernel refused; one uv_write at a time holds it */
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool is_sending;
    bool is_mute;          /* a write failed: reading goes on to the end of what the peer said */
    uint64_t taken_len;    /* without what uv_write is busy with */
    sc_stream_tls *tls;    /* NULL: plain */
    sc_dialling *dialling; /* until connected */
    sc_listener *listener; /* of an accepted stream; NULL when it closed before */
    sc_timer linger;
    sc_turn_hook report; /* tells on_lost outside the call that found out */
    sc_error lost_why;
    bool is_shaking; /* the transport is up, TLS not yet */
    bool is_connected;
    bool is_lost;
    bool is_paused;
    bool is_reading;
    bool is_finishing; /* half-close after what waits */
    bool is_shut;
    bool is_closing_gently;
    bool is_closed;
    bool told_congested;
    bool is_retrying;      /* the handle is being closed for the next address */
    bool is_shutting;      /* uv_shutdown is under way */
    bool is_resource_open; /* the libuv handle was initialised */
    char peer[SC_PEER_NAME_MAX];
};

sc_stream *sc_stream_alloc(sc_loop *loop);
void sc_stream_free(sc_stream *stream);
/* The transport is up: handshake or usable. */
void sc_stream_on_transport(sc_stream *stream);
/* The connection is gone: tells the owner at the end of the turn, once. */
void sc_stream_lose(sc_stream *stream, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
/* One write of all that was gathered; half-closes when that was asked for and nothing waits. */
void sc_stream_flush(sc_stream *stream);
void sc_stream_maybe_shut(sc_stream *stream);
void sc_stream_want_flush(sc_stream *stream);
void sc_stream_update_reading(sc_stream *stream);
/* True while the owner wants what comes, or nobody is left to want it. */
bool sc_stream_takes_data(const sc_stream *stream);
/* The peer sent its last byte. */
void sc_stream_end_of_input(sc_stream *stream);

/* stream_tls.c: `open` before the transport is up, `begin` when it is; `stop` ends what could still
 * call back, `free` with the stream. */
void sc_stream_tls_open(sc_stream *stream, sc_tls_context *context, sc_str verify_name);
void sc_stream_tls_begin(sc_stream *stream);
void sc_stream_tls_stop(sc_stream *stream);
void sc_stream_tls_free(sc_stream *stream);
/* Cipher text came. */
void sc_stream_tls_feed(sc_stream *stream, const char *at, size_t len);
void sc_stream_tls_eof(sc_stream *stream);
/* The owner takes data again: what is decrypted already goes first. */
void sc_stream_tls_resume(sc_stream *stream);
/* Moves what was gathered into `wire`. False: lost. */
bool sc_stream_tls_encrypt(sc_stream *stream);

/* dial.c: stops what is under way; the stream's handle is closed by the stream. */
void sc_dialling_cancel(sc_dialling *dialling);
/* listener.c: an accepted stream is gone. */
void sc_listener_on_closed(sc_listener *listener, sc_stream *stream);

#endif
