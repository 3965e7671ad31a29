/* SPDX-License-Identifier: MIT
 *
 * An HTTP client for one server: a pool of kept connections (HTTP/1.1) or one multiplexed
 * connection (h2c with prior knowledge, or h2 by ALPN). Requests of one turn leave in one write per
 * connection.
 *
 * A kept connection that the server closed before the first byte of an answer is replaced and the
 * request sent again once, as RFC 9110 section 9.2.2 allows when nothing was processed; for a
 * request that was already written this is done only when it says is_idempotent. Loop thread only.
 */
#ifndef SC_NET_HTTP_CLIENT_H
#define SC_NET_HTTP_CLIENT_H

#include "core/op.h"
#include "core/pairs.h"
#include "io/stream.h"
#include "net/http.h"

typedef struct sc_http_client sc_http_client;

typedef enum sc_http_version { SC_HTTP_1_1, SC_HTTP_2 } sc_http_version;

typedef struct sc_http_client_settings {
    sc_dial dial;     /* copied; dial.tls for https */
    sc_str authority; /* Host header / :authority; empty: host:port */
    sc_http_version version;
    uint32_t max_connections; /* HTTP/1; more requests wait; 0: 256 */
    uint32_t max_waiting; /* requests that wait for a connection; SC_EXHAUSTED past it; 0: 10,000 */
    uint32_t idle_timeout_ms; /* a kept connection without use is closed; 0: 90 s */
    uint32_t max_head_len;    /* of an answer; 0: 64 KiB */
} sc_http_client_settings;

typedef struct sc_http_call_op sc_http_call_op;

/* An answer that is taken in parts, and a body that is sent in parts. Events come on the loop,
 * before the op's done, which says whether the answer was whole; none comes after
 * sc_http_client_cancel. */
typedef struct sc_http_call_events {
    /* The final status and the headers are there. May be NULL. */
    void (*on_head)(sc_http_call_op *op);
    /* Body bytes, good during the call. */
    void (*on_data)(sc_http_call_op *op, const char *at, size_t len);
    /* sc_http_client_is_congested said true and would not now. May be NULL. */
    void (*on_drained)(sc_http_call_op *op);
} sc_http_call_events;

/* One request and its answer. */
struct sc_http_call_op {
    sc_op op; /* fails with SC_UNAVAILABLE (no connection, cut off), SC_DEADLINE,
                 SC_EXHAUSTED (answer too long), SC_INTERNAL (no HTTP, broken gzip) */
    sc_str method;
    sc_str target;            /* path and query, ready to send */
    const sc_pairs *headers;  /* without Host, Content-Length; NULL: none */
    const sc_str *body_parts; /* sent one after another; NULL: none */
    size_t body_part_count;
    bool is_body_open;   /* more follows the parts, by sc_http_client_write, up to its end */
    uint64_t body_len;   /* of an open body, all of it; SC_HTTP_LEN_UNKNOWN: chunked */
    bool is_idempotent;  /* may be sent again; never when is_body_open */
    bool accepts_gzip;   /* tells the server so, and unpacks the answer, whose Content-Encoding and
                            Content-Length are then left out; not if the request is HEAD or names
                            an encoding or a range itself (Go's client does it so) */
    uint64_t timeout_ms; /* from start to the last byte of the answer; 0: none */
    uint64_t max_body_len;             /* of a buffered answer; 0: 4 MiB */
    const sc_http_call_events *events; /* NULL: the answer is buffered */
    /* out, in op.mem */
    uint64_t started_ms; /* loop clock, when it was sent */
    int status;
    sc_pairs answer_headers; /* names in lower case */
    sc_str answer_body;      /* buffered; else empty */
    uint64_t sent_len;       /* of the body so far */
    uint64_t received_len;   /* of the body, as it came */
    void *connection;        /* the client's own; NULL once complete */
};

/* Opens no connection yet. */
sc_http_client *sc_http_client_open(sc_loop *loop, const sc_http_client_settings *settings);
/* Starts `op`; completes later. Everything it points to stays until then. */
void sc_http_client_send(sc_http_client *client, sc_http_call_op *op);
/* More of an open body; copies. Dropped when the op is complete. Sending more or less than the
 * announced length ends the op with SC_INVALID. */
void sc_http_client_write(sc_http_call_op *op, const void *at, size_t len);
void sc_http_client_write_end(sc_http_call_op *op);
/* Enough of the body waits: write no more until on_drained. */
bool sc_http_client_is_congested(sc_http_call_op *op);
/* Stops and resumes on_data; the server's window then closes. What was read before still comes
 * (HTTP/1: 64 KiB at most). */
void sc_http_client_pause(sc_http_call_op *op);
void sc_http_client_resume(sc_http_call_op *op);
/* Gives up: completes soon with SC_CANCELLED; the connection is closed (HTTP/2: the stream reset).
 */
void sc_http_client_cancel(sc_http_client *client, sc_http_call_op *op);
/* Requests under way fail with SC_CANCELLED; `on_closed` after the last completion. */
void sc_http_client_close(sc_http_client *client, void (*on_closed)(void *self), void *self);

#endif
