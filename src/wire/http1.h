/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 messages from bytes (RFC 9112), for a server (requests) or a client (responses). A push
 * codec: bytes go in as they come, events come out, the same however the bytes were cut. Does no
 * I/O; what it hands out it allocates in the arena that its owner gives for each message.
 *
 * As strict as the RFC allows where looseness is how requests get smuggled: both Content-Length and
 * Transfer-Encoding, two Content-Lengths, any coding but one "chunked", carriage returns that stand
 * alone, control characters in values and folded headers of requests are refused. A line feed alone
 * ends a line of a head (section 2.2), but not one of a chunk. Trailers are checked and passed
 * over.
 */
#ifndef SC_WIRE_HTTP1_H
#define SC_WIRE_HTTP1_H

#include "core/error.h"
#include "core/pairs.h"

#define SC_HTTP1_LEN_UNKNOWN UINT64_MAX /* chunked, or until the connection closes */

/* The head of one message. Slices live in the message's arena. */
typedef struct sc_http1_head {
    sc_str method;     /* request */
    sc_str target;     /* request */
    int status;        /* response */
    int minor;         /* HTTP/1.<minor> */
    sc_pairs headers;  /* names in lower case */
    uint64_t body_len; /* 0: none; SC_HTTP1_LEN_UNKNOWN */
    bool keep_alive;   /* the connection may be used after this message */
    bool expects_continue;
    bool is_upgrade; /* a request that asks for another protocol, or the 101 that agrees */
} sc_http1_head;

typedef struct sc_http1_events {
    /* A first byte of a message: the arena for it; NULL stops as false does below. */
    sc_arena *(*on_begin)(void *self);
    /* Return false to stop: sc_http1_feed then returns SC_CANCELLED at once. */
    bool (*on_head)(void *self, const sc_http1_head *head);
    bool (*on_body)(void *self, const char *at, size_t len);
    /* The message is complete. Return false to pause before the next one: feed returns SC_PENDING
     * and tells how much it took. */
    bool (*on_message)(void *self);
} sc_http1_events;

typedef struct sc_http1_limits {
    uint32_t max_head_len; /* bytes of start line and headers; of trailers as well */
    uint32_t max_headers;
} sc_http1_limits;

typedef struct sc_http1 sc_http1;

sc_http1 *sc_http1_new(bool is_request, const sc_http1_limits *limits,
                       const sc_http1_events *events, void *self);
void sc_http1_free(sc_http1 *codec);
/* Client: the next response has no body whatever its headers say (it answers HEAD). */
void sc_http1_expect_no_body(sc_http1 *codec);
/*
 * Feeds bytes; `*taken` tells how many were used. SC_OK: all. SC_PENDING: paused after a message,
 * call again with the rest. SC_CANCELLED: an event said stop, or the codec was freed within one.
 * SC_INVALID: not HTTP; SC_UNIMPLEMENTED: not version 1; SC_EXHAUSTED: the head is too long or has
 * too many headers. After a failure the codec is of no more use.
 */
sc_code sc_http1_feed(sc_http1 *codec, const char *at, size_t len, size_t *taken,
                      sc_error *err) SC_MUST_CHECK;
/* The peer closed. SC_OK when that ends a message properly (or there was none under way). */
sc_code sc_http1_end(sc_http1 *codec, sc_error *err) SC_MUST_CHECK;
/* True between the first byte of a message and its end. */
bool sc_http1_is_inside(const sc_http1 *codec);

#endif
