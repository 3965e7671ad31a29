/* SPDX-License-Identifier: MIT
 *
 * One invocation of a method of an application, wherever that is: what is asked, what is answered,
 * and who carries it there: the channel to the own application, another sidecar, an HTTP endpoint.
 * Bodies come whole or in parts, in both directions, and are never gathered on the way.
 */
#ifndef SC_APP_INVOKE_H
#define SC_APP_INVOKE_H

#include "core/op.h"
#include "net/http.h"
#include "observe/trace.h"
#include "wire/invoke.h"

typedef struct sc_invoke_op sc_invoke_op;

/* Events come on the loop, before the op's done, and none after sc_invoke_cancel. */
typedef struct sc_invoke_events {
    /* op->answer is there. */
    void (*on_head)(sc_invoke_op *op);
    /* A piece of the answer's body, good during the call. */
    void (*on_data)(sc_invoke_op *op, const char *at, size_t len);
    /* sc_invoke_is_congested said true and would not now. */
    void (*on_drained)(sc_invoke_op *op);
} sc_invoke_events;

typedef struct sc_invoke_carrier {
    /* Completes op->op later. */
    void (*start)(void *self, sc_invoke_op *op);
    void (*write)(sc_invoke_op *op, const void *at, size_t len);
    void (*write_end)(sc_invoke_op *op);
    bool (*is_congested)(sc_invoke_op *op);
    void (*set_paused)(sc_invoke_op *op, bool is_paused);
    /* Completes soon with SC_CANCELLED, if it is not complete. */
    void (*cancel)(sc_invoke_op *op);
} sc_invoke_carrier;

/* Zeroed: nobody. */
typedef struct sc_invoke_target {
    const sc_invoke_carrier *carrier;
    void *self;
} sc_invoke_target;

struct sc_invoke_op {
    sc_op op; /* SC_OK: the answer came to its end, whatever its status says. Otherwise it did not,
                 or there is none */
    const sc_invoke_events *events;
    sc_invoke_target target;
    /* What is asked; borrowed until done. The method is decoded and clean; a '/' in front of it is
     * for gRPC applications to see, and nothing to HTTP ones. Metadata as between sidecars, names
     * in lower case; data is the body as far as it is there. */
    sc_invoke_request ask;
    uint64_t body_len;     /* of all of the body; SC_HTTP_LEN_UNKNOWN */
    bool is_body_open;     /* more than ask.data comes, by sc_invoke_write, up to its end */
    const sc_trace *trace; /* the context that the application gets; NULL: none, not even zeros */
    uint64_t timeout_ms;   /* 0: none */
    /* What is answered, from on_head on. */
    sc_invoke_response answer;
    bool has_head;
    sc_str story;      /* of a failure, whole, where op.err may have cut it; else empty */
    bool is_rpc_error; /* the failure is a gRPC status, and worded as one where it is told */
    bool is_unreached; /* the failure came before anybody could see the request */
    void *state;       /* the carrier's */
};

/* op->target is set. */
static inline void sc_invoke_start(sc_invoke_op *op)
{
    op->target.carrier->start(op->target.self, op);
}
/* More of an open body; copies. */
static inline void sc_invoke_write(sc_invoke_op *op, const void *at, size_t len)
{
    op->target.carrier->write(op, at, len);
}
static inline void sc_invoke_write_end(sc_invoke_op *op)
{
    op->target.carrier->write_end(op);
}
/* Enough of the body waits: write no more until on_drained. */
static inline bool sc_invoke_is_congested(sc_invoke_op *op)
{
    return op->target.carrier->is_congested(op);
}
/* Stops and resumes on_data. A little that was read before still comes. */
static inline void sc_invoke_set_paused(sc_invoke_op *op, bool is_paused)
{
    op->target.carrier->set_paused(op, is_paused);
}
static inline void sc_invoke_cancel(sc_invoke_op *op)
{
    op->target.carrier->cancel(op);
}

/* Why the op failed, as Dapr words it: "rpc error: code = Internal desc = ..." for a gRPC status,
 * else the bare text. */
sc_str sc_invoke_failure(const sc_invoke_op *op, sc_arena *mem);

/* ---- headers ---- */

/* RFC 9110 section 7.6.1 and what Go takes for one: belongs to a connection, not to the message.
 * `name` in lower case. */
bool sc_invoke_is_hop_header(sc_str name);
/* Whether the Connection header (NULL: none) names `name`. */
bool sc_invoke_connection_names(const sc_str *connection, sc_str name);
/* Takes the length of an answer's body from a Content-Length. None is taken when that is not one
 * plain number, or when the answer's status, which is set, has no body. */
void sc_invoke_take_length(sc_invoke_response *answer, sc_str content_length);
/* The name under which HTTP sees a name that gRPC keeps for itself: "grpc-x" and ":authority" as
 * "dapr-grpc-x" and "dapr-authority". */
sc_str sc_invoke_http_name(sc_str name, sc_arena *mem);
/* Adds metadata for a gRPC application or client: names that HTTP keeps for itself begin with
 * "dapr-" there, "-bin" values are bytes. `name` in lower case. */
void sc_invoke_add_grpc(sc_pairs *to, sc_arena *mem, sc_str name, sc_str value);

#endif
