/* SPDX-License-Identifier: MIT
 *
 * A gRPC channel to one server: one HTTP/2 connection, opened when first needed, opened again after
 * a loss, calls multiplexed on it. Loop thread only.
 */
#ifndef SC_NET_GRPC_CLIENT_H
#define SC_NET_GRPC_CLIENT_H

#include "core/op.h"
#include "core/pairs.h"
#include "io/stream.h"

typedef struct sc_grpc_channel sc_grpc_channel;

typedef struct sc_grpc_channel_settings {
    sc_dial dial;             /* copied; dial.tls for grpcs */
    sc_str authority;         /* empty: host:port */
    uint64_t max_message_len; /* of an answer; 0: 4 MiB */
    uint32_t max_waiting;     /* calls beyond the server's stream limit that wait; 0: 10,000 */
    uint32_t keepalive_ms;    /* PING after so long without a frame; 0: none */
    uint32_t idle_ms;         /* a connection without a call so long is closed; 0: never */
} sc_grpc_channel_settings;

typedef struct sc_grpc_call_op sc_grpc_call_op;

/* An answer that is taken message by message. Events come on the loop, before the op's done; none
 * comes after sc_grpc_channel_cancel. */
typedef struct sc_grpc_call_events {
    /* op->headers are there: not when the call ends without a message and without them. May be
     * NULL. */
    void (*on_headers)(sc_grpc_call_op *op);
    /* One whole message, decompressed; good during the call. */
    void (*on_message)(sc_grpc_call_op *op, sc_str message);
    /* sc_grpc_call_is_congested said true and would not now. May be NULL. */
    void (*on_drained)(sc_grpc_call_op *op);
} sc_grpc_call_events;

/* A call: unary as it stands, or with messages one by one in either direction. */
struct sc_grpc_call_op {
    sc_op op; /* the status the server (or the channel) gave; op.err.text its message, if short */
    sc_str path;                 /* "/package.Service/Method" */
    const sc_pairs *metadata;    /* NULL: none; "-bin" values as bytes */
    const sc_str *request_parts; /* the packed message, in pieces */
    size_t request_part_count;
    bool is_request_open;              /* the parts, if any, are the first message; more come by
                                          sc_grpc_call_write, up to sc_grpc_call_half_close */
    uint64_t timeout_ms;               /* also sent as grpc-timeout; 0: none */
    const sc_grpc_call_events *events; /* NULL: one answer, kept */
    /* out, in op.mem */
    uint64_t started_ms; /* loop clock, when it was sent */
    sc_str message;      /* of the status, whole; empty on success */
    sc_str answer;       /* the packed message; empty when the call failed or has events */
    sc_pairs headers;
    sc_pairs trailers; /* "-bin" decoded; grpc-status and grpc-message left out */
    bool is_unreached; /* the request surely never reached the application */
    void *internal;
};

sc_grpc_channel *sc_grpc_channel_open(sc_loop *loop, const sc_grpc_channel_settings *settings);
void sc_grpc_channel_send(sc_grpc_channel *channel, sc_grpc_call_op *op);
/* One more message of an open request, in pieces; copies. Dropped when the op is complete. */
void sc_grpc_call_write(sc_grpc_call_op *op, const sc_str *parts, size_t count);
void sc_grpc_call_half_close(sc_grpc_call_op *op);
/* Enough of the request waits: write no more until on_drained. */
bool sc_grpc_call_is_congested(sc_grpc_call_op *op);
/* Stops and resumes on_message; the server's window then closes. */
void sc_grpc_call_pause(sc_grpc_call_op *op);
void sc_grpc_call_resume(sc_grpc_call_op *op);
/* Complete, or about to be: no event comes any more. */
bool sc_grpc_call_is_over(const sc_grpc_call_op *op);
/* Resets the stream; completes soon with SC_CANCELLED. */
void sc_grpc_channel_cancel(sc_grpc_channel *channel, sc_grpc_call_op *op);
/* Calls under way fail with SC_CANCELLED; `on_closed` after the last completion. */
void sc_grpc_channel_close(sc_grpc_channel *channel, void (*on_closed)(void *self), void *self);

#endif
