/* SPDX-License-Identifier: MIT
 *
 * One HTTP/2 connection (RFC 9113), server or client, over one stream of io/. Hides nghttp2 from
 * everybody else: what is above sees streams with a head, body bytes, trailers and an end.
 *
 * A stream struct is embedded in a struct of the owner's and lives at least until on_closed ran or
 * sc_h2_reset was called. Heads go into the arena that the stream names. What one loop turn
 * produces leaves in one write at its end. Loop thread only; any function may be called in any
 * callback.
 */
#ifndef SC_NET_H2_SESSION_H
#define SC_NET_H2_SESSION_H

#include "core/buf.h"
#include "core/pairs.h"
#include "io/stream.h"

typedef struct sc_h2_session sc_h2_session;
typedef struct sc_h2_stream sc_h2_stream;

/* Error codes of RFC 9113 section 7. */
typedef enum sc_h2_code {
    SC_H2_NO_ERROR = 0x0,
    SC_H2_PROTOCOL_ERROR = 0x1,
    SC_H2_INTERNAL_ERROR = 0x2,
    SC_H2_FLOW_CONTROL_ERROR = 0x3,
    SC_H2_STREAM_CLOSED = 0x5,
    SC_H2_FRAME_SIZE_ERROR = 0x6,
    SC_H2_REFUSED_STREAM = 0x7,
    SC_H2_CANCEL = 0x8,
    SC_H2_ENHANCE_YOUR_CALM = 0xb,
    SC_H2_INADEQUATE_SECURITY = 0xc,
} sc_h2_code;

/* "CANCEL", ... as the RFC names it; "UNKNOWN_ERROR" for others. */
const char *sc_h2_code_name(uint32_t code);

/* RFC 9113 section 8.2.2: a header that belongs to a connection of HTTP/1.1 and must not be sent.
 */
bool sc_h2_is_connection_header(sc_str name);

/* The first bytes that a client of HTTP/2 sends. */
#define SC_H2_PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SC_H2_PREFACE_LEN 24u

/* Send buffers for reuse by the streams of one server or client, so that small answers need no
 * heap. Zeroed before use. */
typedef struct sc_h2_pool {
    sc_buf spare[64];
    uint32_t count;
    uint32_t max; /* kept; 0: all 64 */
} sc_h2_pool;
void sc_h2_pool_deinit(sc_h2_pool *pool);

struct sc_h2_stream {
    sc_list link;           /* the session's */
    sc_h2_session *session; /* NULL: closed; sends are then dropped */
    int32_t id;
    sc_arena *mem; /* the owner's, set before the stream begins: heads and trailers live here */
    /* The peer's head. Names are in lower case. */
    sc_str method;
    sc_str scheme;
    sc_str authority;
    sc_str path;
    int status;
    sc_pairs headers;
    sc_pairs trailers;
    bool is_head_too_long; /* past max_head_len: what came later is missing in the lists */
    bool is_remote_done;   /* the peer ended its side */
    bool is_local_done;    /* our last frame is written */
    /* The session's own. */
    bool has_head;
    bool has_sent_head;
    bool is_ending;   /* end follows when `out` is empty */
    bool is_deferred; /* nghttp2 waits for sc_h2_flush */
    bool wants_drained;
    size_t head_len;
    size_t unconsumed; /* body bytes that the peer's window still lacks */
    sc_buf out;        /* body bytes not framed yet */
    sc_pairs out_trailers;
};

/* Why a stream ended. */
typedef struct sc_h2_end {
    uint32_t code;        /* of RST_STREAM, either way; SC_H2_NO_ERROR after a proper end */
    bool is_unprocessed;  /* client: the server surely did nothing with the request */
    const sc_error *lost; /* the connection went: why; else NULL. Good during the call */
} sc_h2_end;

typedef struct sc_h2_ops {
    /* Server: a request begins. Returns the stream embedded in a new struct, zeroed but for `mem`;
     * NULL refuses it. */
    sc_h2_stream *(*on_begin)(void *self);
    /* The head is complete; for a client, a final one (1xx are skipped). */
    void (*on_head)(sc_h2_stream *stream);
    /* Body bytes, good during the call. Report them with sc_h2_consumed, now or later. */
    void (*on_data)(sc_h2_stream *stream, const char *at, size_t len);
    /* The peer's last frame came; trailers, if any, are there. Not after a reset. */
    void (*on_end)(sc_h2_stream *stream);
    /* Both sides are done, or the stream was reset, or the connection is lost. Last of this stream.
     */
    void (*on_closed)(sc_h2_stream *stream, const sc_h2_end *end);
    /* `out` has fallen below the low mark after sc_h2_is_congested said true. May be NULL. */
    void (*on_drained)(sc_h2_stream *stream);
    /* Client: more requests may be made than before: SETTINGS came or a stream ended. May be NULL.
     */
    void (*on_room)(void *self);
    /* Client: the server sent GOAWAY. Streams it will answer go on, new ones are impossible. */
    void (*on_going)(void *self);
    /* The connection is over: `why` is SC_OK after a proper close. Every stream had its on_closed.
     * The session frees itself afterwards: drop the pointer. Runs at the end of a turn. */
    void (*on_gone)(void *self, const sc_error *why);
} sc_h2_ops;

typedef struct sc_h2_settings {
    sc_h2_pool *pool;              /* outlives the session */
    uint32_t max_head_len;         /* header list as RFC 9113 counts it; 0: 64 KiB */
    uint32_t max_streams;          /* server: concurrent; 0: 1,000 */
    uint32_t keepalive_ms;         /* PING after so long without a byte; 0: none */
    uint32_t keepalive_timeout_ms; /* lost when the PING is not answered; 0: 20 s */
    uint32_t min_ping_interval_ms; /* server: oftener for nothing gets GOAWAY; 0: any is fine */
    uint32_t idle_ms;              /* without a stream so long: closed with GOAWAY; 0: never */
    bool pings_when_idle;          /* keepalive also without streams */
} sc_h2_settings;

/* A server's side on an accepted stream. `first` are bytes already read from it (the preface
 * included), handled within the turn. */
sc_h2_session *sc_h2_accept(sc_loop *loop, sc_stream *stream_taken, sc_str first,
                            const sc_h2_settings *settings, const sc_h2_ops *ops, void *self);
/* Connects. Failure comes through on_gone, later. */
sc_h2_session *sc_h2_connect(sc_loop *loop, const sc_dial *to, const sc_h2_settings *settings,
                             const sc_h2_ops *ops, void *self);
sc_stream *sc_h2_session_stream(const sc_h2_session *session);
/* Client: the server's SETTINGS came and it takes one more stream now. */
bool sc_h2_can_request(const sc_h2_session *session);
/* Client: the handshake is through. */
bool sc_h2_is_ready(const sc_h2_session *session);
/* Client: the connection came about, whatever became of it. Also in on_gone. */
bool sc_h2_was_connected(const sc_h2_session *session);
uint32_t sc_h2_stream_count(const sc_h2_session *session);

/* Refuses new streams, lets the present ones end, then on_gone with SC_OK. */
void sc_h2_session_finish(sc_h2_session *session);
/* Ends soon: at the end of this turn streams get on_closed, then on_gone comes, both with `why`. */
void sc_h2_session_abort(sc_h2_session *session, const sc_error *why);
/* The same, before it returns. Not inside a callback of the session. */
void sc_h2_session_kill(sc_h2_session *session, const sc_error *why);

/* ---- sending; all of these are dropped when the stream is closed ---- */

typedef struct sc_h2_request_head {
    sc_str method;
    sc_str scheme;
    sc_str authority;
    sc_str path;
    const sc_pairs *headers; /* names in lower case; may be NULL */
} sc_h2_request_head;

/* Client: begins `stream` (zeroed but for `mem`). Body bytes appended to sc_h2_out before and an
 * end said before go along in the same turn. False when no more streams are possible. */
bool sc_h2_request(sc_h2_session *session, sc_h2_stream *stream,
                   const sc_h2_request_head *head) SC_MUST_CHECK;
/* Server: the answer's head; `is_end`: nothing follows. Copies. */
void sc_h2_respond(sc_h2_stream *stream, int status, const sc_pairs *headers, bool is_end);
/* Where to append body bytes; afterwards call sc_h2_flush. On a closed stream: give nothing. */
sc_buf *sc_h2_out(sc_h2_session *session, sc_h2_stream *stream);
void sc_h2_flush(sc_h2_stream *stream);
/* Client: throws away what was appended for a request that could not be made. */
void sc_h2_out_drop(sc_h2_session *session, sc_h2_stream *stream);
/* Ends our side behind what waits in `out`. `trailers` may be NULL, is borrowed until on_closed. */
void sc_h2_finish(sc_h2_stream *stream, const sc_pairs *trailers);
/* RST_STREAM. The stream is closed at once and without on_closed: its memory may go. */
void sc_h2_reset(sc_h2_stream *stream, sc_h2_code code);
/* `len` more of the received body bytes are handled: the peer's window opens again. */
void sc_h2_consumed(sc_h2_stream *stream, size_t len);
/* Too much waits in `out`: stop producing until on_drained. */
bool sc_h2_is_congested(sc_h2_stream *stream);

#endif
