/* SPDX-License-Identifier: MIT
 *
 * Invocations as CallLocalStream: the first chunk has the head and what is there of the body, the
 * others the rest, both ways. A peer that does not know the rpc gets CallLocal, if the body is
 * whole.
 */
#include "block/peers.h"

#include "wire/traceparent.h"

typedef struct peer_leg {
    sc_grpc_call_op grpc; /* first: the channel's events and done find the leg by a cast */
    sc_invoke_op *op;
    sc_peer *peer;
    sc_pairs metadata;
    sc_str parts[2];
    uint64_t sent_seq;
    uint64_t next_seq;     /* of the next payload received */
    uint64_t received_len; /* of the answer's body */
    sc_error failure;      /* ours, about what the peer sent */
    bool is_unary;
    bool is_cancelled;
} peer_leg;

extern const sc_invoke_carrier sc_peer_carrier;

static void send_stream(peer_leg *leg);
static void send_unary(peer_leg *leg);
static void on_message(sc_grpc_call_op *grpc, sc_str message);
static void on_drained(sc_grpc_call_op *grpc);
static void on_done(sc_op *done);

static const sc_grpc_call_events events = {.on_message = on_message, .on_drained = on_drained};

/* ---- the request ---- */

static bool is_utf8(const sc_invoke_request *ask)
{
    return sc_str_is_utf8(ask->method) && sc_str_is_utf8(ask->query) &&
           sc_str_is_utf8(ask->content_type) && sc_invoke_pairs_are_utf8(&ask->metadata);
}

static void fill_metadata(peer_leg *leg)
{
    const sc_trace *trace = leg->op->trace;
    sc_arena *mem = leg->op->op.mem;
    sc_trace_context context;

    if (!trace || !sc_traceparent_parse(trace->parent, &context))
        return;
    sc_pairs_add(&leg->metadata, mem, SC_STR("traceparent"), trace->parent);
    sc_pairs_add(&leg->metadata, mem, SC_STR("grpc-trace-bin"),
                 sc_trace_bin_format(&context, sc_arena_alloc(mem, SC_TRACE_BIN_LEN)));
    if (trace->state.len > 0)
        sc_pairs_add(&leg->metadata, mem, SC_STR("tracestate"), trace->state);
}

static void carry(void *self, sc_invoke_op *op)
{
    peer_leg *leg = sc_arena_new(op->op.mem, peer_leg);

    op->state = leg;
    leg->op = op;
    leg->peer = self;
    if (!is_utf8(&op->ask)) {
        sc_op_fail(&op->op, SC_INTERNAL,
                   "error sending message: rpc error: code = Internal desc = grpc: error while "
                   "marshaling: string field contains invalid UTF-8");
        return;
    }
    sc_peer_hold(leg->peer);
    fill_metadata(leg);
    send_stream(leg);
}

static void send_stream(peer_leg *leg)
{
    const sc_invoke_op *op = leg->op;
    size_t len = op->ask.data.len;

    leg->parts[0] = sc_invoke_request_open(&op->ask, len, op->op.mem);
    leg->parts[1] = op->ask.data;
    leg->sent_seq = len > 0;
    leg->grpc = (sc_grpc_call_op){
        .path = SC_STR("/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream"),
        .metadata = &leg->metadata,
        .request_parts = leg->parts,
        .request_part_count = len > 0 ? 2 : 1,
        .is_request_open = op->is_body_open,
        .timeout_ms = op->timeout_ms,
        .events = &events,
    };
    sc_op_init(&leg->grpc.op, op->op.home, op->op.mem, on_done);
    sc_grpc_channel_send(sc_peer_channel(leg->peer), &leg->grpc);
}

static void send_unary(peer_leg *leg)
{
    const sc_invoke_op *op = leg->op;

    leg->is_unary = true;
    leg->parts[0] = sc_invoke_request_pack(&op->ask, op->op.mem);
    leg->grpc = (sc_grpc_call_op){
        .path = SC_STR("/dapr.proto.internals.v1.ServiceInvocation/CallLocal"),
        .metadata = &leg->metadata,
        .request_parts = leg->parts,
        .request_part_count = 1,
        .timeout_ms = op->timeout_ms,
    };
    sc_op_init(&leg->grpc.op, op->op.home, op->op.mem, on_done);
    sc_grpc_channel_send(sc_peer_channel(leg->peer), &leg->grpc);
}

static void leg_write(sc_invoke_op *op, const void *at, size_t len)
{
    peer_leg *leg = op->state;
    char head[SC_INVOKE_CHUNK_MAX];
    sc_str parts[2] = {{head, sc_invoke_chunk_open(leg->sent_seq++, len, head)}, {at, len}};

    sc_grpc_call_write(&leg->grpc, parts, 2);
}

static void leg_write_end(sc_invoke_op *op)
{
    sc_grpc_call_half_close(&((peer_leg *)op->state)->grpc);
}

static bool leg_is_congested(sc_invoke_op *op)
{
    return sc_grpc_call_is_congested(&((peer_leg *)op->state)->grpc);
}

static void leg_set_paused(sc_invoke_op *op, bool is_paused)
{
    peer_leg *leg = op->state;

    if (is_paused)
        sc_grpc_call_pause(&leg->grpc);
    else
        sc_grpc_call_resume(&leg->grpc);
}

static void leg_cancel(sc_invoke_op *op)
{
    peer_leg *leg = op->state;

    leg->is_cancelled = true;
    sc_grpc_channel_cancel(sc_peer_channel(leg->peer), &leg->grpc);
}

/* ---- the answer ---- */

/* What the peer sent makes no sense. */
static void give_up(peer_leg *leg)
{
    sc_grpc_channel_cancel(sc_peer_channel(leg->peer), &leg->grpc);
}

/* Dapr's sidecars leave the application's Content-Length out; where there is one, it counts. */
static void take_length(sc_invoke_response *answer)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < answer->headers.count; i++) {
        if (sc_str_eq_nocase(answer->headers.at[i].name, SC_STR("content-length")) && found++ == 0)
            sc_invoke_take_length(answer, answer->headers.at[i].value);
    }
    answer->has_body_len &= found == 1;
}

/* The head, kept; false when it is none. */
static bool take_head(peer_leg *leg, sc_str head)
{
    sc_invoke_op *op = leg->op;

    if (sc_invoke_response_unpack(sc_arena_str(op->op.mem, head), op->op.mem, &op->answer,
                                  &leg->failure) != SC_OK)
        return false;
    if (!op->answer.has_body_len && op->answer.status >= 100)
        take_length(&op->answer);
    op->has_head = true;
    op->events->on_head(op);
    return true;
}

/* A piece of the body, which is not longer than announced: false when it is. */
static bool hand_on(peer_leg *leg, sc_str piece)
{
    sc_invoke_op *op = leg->op;

    leg->received_len += piece.len;
    if (op->answer.has_body_len && leg->received_len > op->answer.body_len) {
        (void)sc_fail(&leg->failure, SC_INTERNAL,
                      "the answer's body is longer than the %llu bytes that were announced",
                      (unsigned long long)op->answer.body_len);
        return false;
    }
    op->events->on_data(op, piece.at, piece.len);
    return true;
}

static void on_message(sc_grpc_call_op *grpc, sc_str message)
{
    peer_leg *leg = (peer_leg *)grpc;
    sc_invoke_op *op = leg->op;
    sc_invoke_chunk chunk;
    bool is_first = !op->has_head;

    if (sc_invoke_chunk_unpack(message, &chunk, &leg->failure) == SC_OK) {
        if (is_first && !chunk.has_head)
            (void)sc_fail(&leg->failure, SC_INTERNAL,
                          "response does not contain the required fields in the leading chunk");
        else if (!is_first && chunk.has_head)
            (void)sc_fail(&leg->failure, SC_INTERNAL,
                          "response metadata found in non-leading chunk");
        else if (chunk.has_payload && chunk.seq != leg->next_seq)
            (void)sc_fail(&leg->failure, SC_INTERNAL,
                          "invalid sequence number received: %llu (expected: %llu)",
                          (unsigned long long)chunk.seq, (unsigned long long)leg->next_seq);
    }
    if (leg->failure.code != SC_OK || (is_first && !take_head(leg, chunk.head))) {
        give_up(leg);
        return;
    }
    leg->next_seq += chunk.has_payload;
    if (chunk.payload.len > 0 && !sc_grpc_call_is_over(grpc) && !hand_on(leg, chunk.payload))
        give_up(leg);
}

static void on_drained(sc_grpc_call_op *grpc)
{
    sc_invoke_op *op = ((peer_leg *)grpc)->op;

    op->events->on_drained(op);
}

/* The whole answer of CallLocal. */
static void hand_on_unary(peer_leg *leg)
{
    sc_invoke_op *op = leg->op;

    if (sc_invoke_response_unpack(leg->grpc.answer, op->op.mem, &op->answer, &leg->failure) !=
        SC_OK)
        return;
    op->has_head = true;
    op->events->on_head(op);
    if (op->answer.data.len > 0 && !leg->is_cancelled)
        (void)hand_on(leg, op->answer.data);
}

/* The answer came to its end: also to the one that was announced? */
static void check_length(peer_leg *leg)
{
    const sc_invoke_op *op = leg->op;

    if (op->answer.has_body_len && leg->received_len < op->answer.body_len &&
        op->ask.verb != SC_INVOKE_VERB_HEAD && leg->failure.code == SC_OK)
        (void)sc_fail(
            &leg->failure, SC_INTERNAL, "the answer's body ended after %llu of %llu bytes",
            (unsigned long long)leg->received_len, (unsigned long long)op->answer.body_len);
}

static void on_done(sc_op *done)
{
    peer_leg *leg = (peer_leg *)done;
    sc_invoke_op *op = leg->op;

    if (done->err.code == SC_UNIMPLEMENTED && !op->has_head && !leg->is_unary &&
        !op->is_body_open && !leg->is_cancelled) {
        send_unary(leg);
        return;
    }
    op->op.err = done->err;
    op->story = leg->failure.code == SC_OK ? leg->grpc.message : SC_STR_NONE;
    op->is_rpc_error = true;
    op->is_unreached = leg->grpc.is_unreached;
    if (done->err.code == SC_OK && leg->is_unary)
        hand_on_unary(leg);
    if (done->err.code == SC_OK && op->has_head && !leg->is_cancelled)
        check_length(leg);
    if (leg->failure.code != SC_OK)
        op->op.err = leg->failure;
    else if (done->err.code == SC_OK && !op->has_head)
        (void)sc_fail(&op->op.err, SC_INTERNAL, "the peer ended the call without an answer");
    sc_peer_release(leg->peer);
    sc_op_finish(&op->op);
}

const sc_invoke_carrier sc_peer_carrier = {
    .start = carry,
    .write = leg_write,
    .write_end = leg_write_end,
    .is_congested = leg_is_congested,
    .set_paused = leg_set_paused,
    .cancel = leg_cancel,
};
