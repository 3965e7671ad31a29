/* SPDX-License-Identifier: MIT
 *
 * A byte stream to one peer over TCP, a Unix socket, or TLS on either, and the listener that
 * accepts such streams.
 *
 * Writes are gathered and leave in one system call at the end of the loop turn. Loop thread only.
 */
#ifndef SC_IO_STREAM_H
#define SC_IO_STREAM_H

#include "core/buf.h"
#include "core/error.h"
#include "io/loop.h"

typedef struct sc_stream sc_stream;
typedef struct sc_tls_context sc_tls_context; /* io/tls.h */

typedef struct sc_stream_ops {
    /* Once, when a stream made by sc_stream_connect, or an accepted one with TLS, is usable (the
     * handshake is done). May be NULL for accepted streams. */
    void (*on_connected)(void *self);
    /* Bytes from the peer. `at` is good during the call only. The stream may be closed in it. */
    void (*on_data)(void *self, const char *at, size_t len);
    /* The peer sent its last byte (half-close; TLS: with or without close_notify, but not inside a
     * record); NULL: treated as a loss with SC_UNAVAILABLE "EOF". */
    void (*on_end)(void *self);
    /* The connection is gone or never came to be: refused, reset, timed out. What the peer sent
     * before comes first, also when it was a write that failed. Not after sc_stream_close. The
     * stream is still the owner's to close. Text as Go words it, e.g.
     * "dial tcp 127.0.0.1:6379: connect: connection refused", "EOF". TLS begins with "tls: ";
     * SC_UNAUTHENTICATED: the peer's certificate is not trusted; SC_PERMISSION_DENIED: it does not
     * trust ours. */
    void (*on_lost)(void *self, const sc_error *why);
    /* What waited has fallen below the low mark after sc_stream_is_congested said true. May be
     * NULL. */
    void (*on_drained)(void *self);
} sc_stream_ops;

typedef struct sc_dial {
    sc_str host; /* name or address; or the path of a Unix socket when is_unix */
    uint16_t port;
    bool is_unix;
    uint64_t timeout_ms; /* for resolving, connecting and the TLS handshake together; 0: none */
    sc_tls_context *tls; /* NULL: plain */
    sc_str tls_name;     /* SNI and the name or address to verify; empty: host */
} sc_dial;

/* Starts connecting. Never fails at once: failure comes through on_lost, later. Strings are copied.
 */
sc_stream *sc_stream_connect(sc_loop *loop, const sc_dial *to, const sc_stream_ops *ops,
                             void *self);

/* A stream on an open pipe, terminal or socket, which becomes non-blocking. Takes `fd` when it
 * succeeds. Fails with SC_INVALID for anything else: a file never makes its writer wait. */
sc_code sc_stream_open_fd(sc_loop *loop, int fd, const sc_stream_ops *ops, void *self,
                          sc_stream **out, sc_error *err) SC_MUST_CHECK;
/* The same for output that other processes share, such as standard output: a pipe or a terminal is
 * opened anew, for writing only, so that its mode does not change for them and what is typed is
 * left alone. `fd` stays the caller's. */
sc_code sc_stream_open_output(sc_loop *loop, int fd, const sc_stream_ops *ops, void *self,
                              sc_stream **out, sc_error *err) SC_MUST_CHECK;

/* Gives an accepted stream its owner. Reading starts at the next turn. */
void sc_stream_adopt(sc_stream *stream, const sc_stream_ops *ops, void *self);

/* Copies to the gathered output. After a loss: dropped. */
void sc_stream_write(sc_stream *stream, const void *at, size_t len);
/* The gathered output itself, to append to; it is flushed at the end of the turn. Invalid after the
 * turn, and only until the next other call on this stream. */
sc_buf *sc_stream_out(sc_stream *stream);
/* Bytes gathered or refused by the kernel so far. */
size_t sc_stream_waiting_len(const sc_stream *stream);
/* Bytes that the kernel took so far: grows while the peer reads. */
uint64_t sc_stream_taken_len(const sc_stream *stream);
/* True above the high mark (1 MiB by default): stop producing until on_drained. */
bool sc_stream_is_congested(const sc_stream *stream);

/* Stops and resumes on_data; the kernel's window then slows the peer. */
void sc_stream_pause(sc_stream *stream);
void sc_stream_resume(sc_stream *stream);

/* Sends what waits, then half-closes (TLS: close_notify). Reading goes on. */
void sc_stream_finish(sc_stream *stream);
/* Ends at once; no callback comes after it. Memory goes when libuv is done. NULL is allowed. */
void sc_stream_close(sc_stream *stream);
/* Sends what waits (bounded by `linger_ms`), then closes. No callback comes after this call. */
void sc_stream_close_gently(sc_stream *stream, uint64_t linger_ms);

/* "127.0.0.1:52114", or "@" for a Unix socket; lives as long as the stream. */
sc_str sc_stream_peer_name(const sc_stream *stream);
/* The protocol agreed by ALPN ("h2"), or empty. */
sc_str sc_stream_alpn(const sc_stream *stream);

/* ---- listening ---- */

typedef struct sc_listener sc_listener;

typedef struct sc_listen {
    sc_str host;   /* "" all interfaces (IPv6 with IPv4), or an address; path when is_unix */
    uint16_t port; /* 0: a free one, see sc_listener_port */
    bool is_unix;
    uint32_t max_connections; /* past it, accepting stops until one closes; 0: 10,000 */
    sc_tls_context *tls;      /* is_server; NULL: plain. A handshake may take 10 s */
} sc_listen;

/* Binds and listens at once. Fails with SC_UNAVAILABLE worded "listen tcp 127.0.0.1:80: bind:
 * address already in use" (Unix: "listen unix PATH: bind: ..."). */
sc_code sc_listener_open(sc_loop *loop, const sc_listen *at,
                         void (*on_accept)(void *self, sc_stream *stream_taken), void *self,
                         sc_listener **out, sc_error *err) SC_MUST_CHECK;
uint16_t sc_listener_port(const sc_listener *listener);
/* "[::]:3500", "127.0.0.1:3500" or the socket path, as Go prints it. */
sc_str sc_listener_name(const sc_listener *listener);
/* No more accepts; accepted streams go on. Removes the file of a Unix socket. */
void sc_listener_close(sc_listener *listener);

#endif
