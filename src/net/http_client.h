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

/* One request and its answer. */
typedef struct sc_http_call_op {
    sc_op op; /* fails with SC_UNAVAILABLE (no connection, cut off), SC_DEADLINE,
                 SC_EXHAUSTED (answer too long), SC_INTERNAL (no HTTP) */
    sc_str method;
    sc_str target;            /* path and query, ready to send */
    const sc_pairs *headers;  /* without Host, Content-Length; NULL: none */
    const sc_str *body_parts; /* sent one after another; NULL: none */
    size_t body_part_count;
    bool is_idempotent;
    uint64_t timeout_ms;   /* from start to the last byte of the answer; 0: none */
    uint64_t max_body_len; /* of the answer; 0: 4 MiB */
    /* out, in op.mem */
    uint64_t started_ms; /* loop clock, when it was sent */
    int status;
    sc_pairs answer_headers; /* names in lower case */
    sc_str answer_body;
    void *connection; /* the client's own */
} sc_http_call_op;

/* Opens no connection yet. */
sc_http_client *sc_http_client_open(sc_loop *loop, const sc_http_client_settings *settings);
/* Starts `op`; completes later. Everything it points to stays until then. */
void sc_http_client_send(sc_http_client *client, sc_http_call_op *op);
/* Gives up: completes soon with SC_CANCELLED; the connection is closed (HTTP/2: the stream reset).
 */
void sc_http_client_cancel(sc_http_client *client, sc_http_call_op *op);
/* Requests under way fail with SC_CANCELLED; `on_closed` after the last completion. */
void sc_http_client_close(sc_http_client *client, void (*on_closed)(void *self), void *self);

#endif
