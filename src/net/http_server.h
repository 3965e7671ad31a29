/* SPDX-License-Identifier: MIT
 *
 * An HTTP server on one listening address: HTTP/1.1 (RFC 9112) and, on the same port, HTTP/2 with
 * prior knowledge (h2c, RFC 9113). A handler sees no difference between them.
 *
 * Each request is an exchange that lives in a call of its own (core/call.h). The server buffers the
 * body up to a limit and then calls on_request; a handler that wants the body as it comes says so
 * in on_head. Loop thread only.
 */
#ifndef SC_NET_HTTP_SERVER_H
#define SC_NET_HTTP_SERVER_H

#include "core/call.h"
#include "core/pairs.h"
#include "io/stream.h"
#include "net/http.h"

typedef struct sc_http_server sc_http_server;
typedef struct sc_http_exchange sc_http_exchange;

typedef struct sc_http_request {
    sc_str method;    /* as sent: "POST" */
    sc_str target;    /* as sent: path and query */
    sc_str path;      /* without the query, not decoded */
    sc_str query;     /* without '?', not decoded */
    sc_pairs headers; /* names in lower case, order kept; HTTP/2's :authority appears as "host" */
    sc_str body;      /* whole, in on_request */
    sc_str peer;      /* "127.0.0.1:52114" */
    bool is_http2;
} sc_http_request;

/* Body parts as they come. The bytes are good during the call. */
typedef struct sc_http_body_ops {
    void (*on_data)(sc_http_exchange *ex, const char *at, size_t len);
    void (*on_end)(sc_http_exchange *ex);
} sc_http_body_ops;

struct sc_http_exchange {
    sc_call *call; /* the server holds one reference until the answer is out or the peer gone */
    sc_http_request req; /* in the call's arena */
    sc_http_server *server;
    uint64_t started_ms; /* loop clock */
    uint64_t body_len;   /* as announced: 0: none, SC_HTTP_LEN_UNKNOWN; known before on_head */
    uint64_t body_limit; /* from the server's; on_head may change it; not for a body in parts */
    const sc_http_body_ops *body_ops; /* set in on_head: parts instead of a buffered body */
    uint64_t received_len;            /* Content-Length; 0 without one */
    uint64_t sent_len;                /* bytes of the answer's body so far */
    int status;                       /* what was answered; 0 before */
    bool is_answered;                 /* respond or respond_start was called, or the peer is gone */
    void (*on_gone)(sc_http_exchange *ex); /* the peer went away before the answer was complete */
    /* The whole request came and then the peer's end: on HTTP/1 it may have gone, or only have said
     * everything (Go takes it for gone). */
    void (*on_half_closed)(sc_http_exchange *ex);
    void (*on_drained)(sc_http_exchange *ex); /* a congested streamed answer may go on */
    void *user;                               /* the handler's */
};

typedef struct sc_http_handler {
    /* Headers are complete. May answer at once (the body is then skipped). May be NULL. */
    void (*on_head)(void *self, sc_http_exchange *ex);
    /* The request is whole. Answer now or later. */
    void (*on_request)(void *self, sc_http_exchange *ex);
    /* The last byte of the answer was handed on, or the peer went (ex->status 0): for metrics and
     * the access log. May be NULL. */
    void (*on_finished)(void *self, sc_http_exchange *ex);
    /* Asked when bytes cannot be a request (malformed, too large head): the body to send with
     * `status`, in `mem`. NULL: an empty body. */
    sc_str (*describe_refusal)(void *self, int status, const sc_error *why, sc_arena *mem);
} sc_http_handler;

typedef struct sc_http_limits {
    uint64_t max_body_len;     /* buffered request body; 413 past it */
    uint32_t max_head_len;     /* request line and headers; 431 past it */
    uint32_t max_headers;      /* 431 past it; 0: 256 */
    uint32_t head_timeout_ms;  /* from the first byte to the end of the headers; 408 */
    uint32_t body_timeout_ms;  /* longest pause inside a buffered body; 408 */
    uint32_t idle_timeout_ms;  /* keep-alive without a request: closed */
    uint32_t write_timeout_ms; /* a peer that takes nothing of its answer for so long is closed; on
                                  HTTP/1 ten times as long while the answer is streamed */
    uint32_t max_connections;  /* 0: 10,000 */
    bool no_http2;             /* the preface of HTTP/2 is no request then */
    uint32_t max_pipelined;    /* requests of one HTTP/1 connection that wait for answers; 0: 128 */
} sc_http_limits;
/* 4 MiB, 4 KiB of head as Dapr's defaults, 10 s, 30 s, 10 min, 30 s. */
sc_http_limits sc_http_default_limits(void);

/* Fails as sc_listener_open. */
sc_code sc_http_server_open(sc_loop *loop, const sc_listen *at, const sc_http_limits *limits,
                            const sc_http_handler *handler, void *self, sc_http_server **out,
                            sc_error *err) SC_MUST_CHECK;
sc_listener *sc_http_server_listener(const sc_http_server *server);
/* Stops accepting and tells keep-alive peers to go ("Connection: close", GOAWAY); requests under
 * way are answered; `on_closed` after the last connection, at the latest after `linger_ms`. */
void sc_http_server_close(sc_http_server *server, uint64_t linger_ms, void (*on_closed)(void *self),
                          void *self);
/* Connections open now, for metrics. */
uint32_t sc_http_server_connections(const sc_http_server *server);

/* Answers with a whole body. `headers` (may be NULL, names in lower case) must not hold
 * Content-Length, Transfer-Encoding or Connection: the server writes those, and Date when it is not
 * there. Copies everything. The first answer counts, further ones are dropped; nothing happens when
 * the peer is gone. 204 and 304 carry no body, nor HEAD. */
void sc_http_respond(sc_http_exchange *ex, int status, const sc_pairs *headers, sc_str body);

/* A streamed answer: start, any number of writes, end. May begin, and end, before a body that comes
 * in parts is whole: what still comes of it is not handed on. `body_len` is what all writes come to
 * together, in bytes, and is announced as Content-Length, to HEAD too, though not with 204 and 304;
 * SC_HTTP_LEN_UNKNOWN: chunked on HTTP/1. More than announced is never sent: a write that is too
 * much, and an end that comes too early, abort the answer. */
void sc_http_respond_start(sc_http_exchange *ex, int status, const sc_pairs *headers,
                           uint64_t body_len);
void sc_http_respond_write(sc_http_exchange *ex, const void *at, size_t len);
void sc_http_respond_end(sc_http_exchange *ex);
/* Cuts the answer so that the peer sees a failure, not an end. */
void sc_http_respond_abort(sc_http_exchange *ex);
bool sc_http_respond_is_congested(const sc_http_exchange *ex);
/* Stops and resumes a body that comes in parts; the peer's window then closes. What was read before
 * still comes (HTTP/1: 64 KiB at most). */
void sc_http_body_pause(sc_http_exchange *ex);
void sc_http_body_resume(sc_http_exchange *ex);

#endif
