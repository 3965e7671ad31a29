/* SPDX-License-Identifier: MIT
 *
 * Invocations as AppCallback.OnInvoke (gRPC API, invocation): one message each way, so that a body
 * in parts is gathered first. Whatever status the application gives, it is an answer; so is that it
 * could not be reached.
 */
#include "app/channel_grpc_internal.h"
#include "wire/base64.h"
#include "wire/traceparent.h"

typedef struct grpc_leg {
    sc_grpc_call_op grpc; /* first: done finds the leg by a cast */
    sc_gate_entry turn;
    sc_app_grpc *app;
    sc_invoke_op *op;
    sc_pairs metadata;
    sc_str request;
    sc_buf body; /* of a body in parts */
    bool is_submitted;
    bool is_started;
    bool is_cancelled;
} grpc_leg;

static void start(sc_gate_entry *turn);
static void on_done(sc_op *done);

/* ---- the request ---- */

static void add_trace(grpc_leg *leg, sc_arena *mem)
{
    const sc_trace *trace = leg->op->trace;
    sc_trace_context context;

    sc_pairs_add(&leg->metadata, mem, SC_STR("traceparent"),
                 trace->parent.len > 0 ? trace->parent : SC_TRACEPARENT_NONE);
    if (trace->state.len > 0)
        sc_pairs_add(&leg->metadata, mem, SC_STR("tracestate"), trace->state);
    if (sc_traceparent_parse(trace->parent, &context))
        sc_pairs_add(&leg->metadata, mem, SC_STR("grpc-trace-bin"),
                     sc_trace_bin_format(&context, sc_arena_alloc(mem, SC_TRACE_BIN_LEN)));
}

/* What the sidecar says itself, or what gRPC has no place for. */
static bool is_left_out(const grpc_leg *leg, sc_str name)
{
    return name.len == 0 || name.at[0] == ':' || sc_str_eq(name, SC_STR("user-agent")) ||
           sc_str_eq(name, SC_STR("destination-app-id")) ||
           (leg->app->api_token.len > 0 && sc_str_eq(name, SC_STR("dapr-api-token"))) ||
           (leg->op->trace &&
            (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate")) ||
             sc_str_eq(name, SC_STR("grpc-trace-bin"))));
}

static void fill_metadata(grpc_leg *leg)
{
    const sc_pairs *from = &leg->op->ask.metadata;
    sc_arena *mem = leg->op->op.mem;

    for (uint32_t i = 0; i < from->count; i++) {
        if (!is_left_out(leg, from->at[i].name))
            sc_invoke_add_grpc(&leg->metadata, mem, from->at[i].name, from->at[i].value);
    }
    if (leg->op->trace)
        add_trace(leg, mem);
    if (leg->app->api_token.len > 0)
        sc_pairs_add(&leg->metadata, mem, SC_STR("dapr-api-token"), leg->app->api_token);
}

/* The body is whole. */
static void submit(grpc_leg *leg)
{
    leg->is_submitted = true;
    leg->request = sc_invoke_message_pack(&leg->op->ask, leg->op->op.mem);
    sc_buf_deinit(&leg->body);
    fill_metadata(leg);
    sc_gate_enter(&leg->app->gate, &leg->turn);
}

static void carry(void *self, sc_invoke_op *op)
{
    grpc_leg *leg = sc_arena_new(op->op.mem, grpc_leg);

    op->state = leg;
    leg->app = self;
    leg->op = op;
    leg->turn.start = start;
    leg->turn.op = &op->op;
    sc_list_init(&leg->turn.link);
    if (op->is_body_open)
        sc_buf_add_str(&leg->body, op->ask.data);
    else
        submit(leg);
}

static void start(sc_gate_entry *turn)
{
    grpc_leg *leg = SC_CONTAINER_OF(turn, grpc_leg, turn);

    leg->grpc.path = SC_STR("/dapr.proto.runtime.v1.AppCallback/OnInvoke");
    leg->grpc.metadata = &leg->metadata;
    leg->grpc.request_parts = &leg->request;
    leg->grpc.request_part_count = 1;
    leg->grpc.timeout_ms = leg->op->timeout_ms;
    leg->is_started = true;
    sc_op_init(&leg->grpc.op, sc_loop_ops(leg->app->loop), leg->op->op.mem, on_done);
    sc_grpc_channel_send(leg->app->channel, &leg->grpc);
}

static void leg_write(sc_invoke_op *op, const void *at, size_t len)
{
    grpc_leg *leg = op->state;
    uint64_t max = leg->app->max_message_len ? leg->app->max_message_len : 4u << 20;

    if (leg->is_submitted || leg->is_cancelled)
        return;
    if (sc_buf_len(&leg->body) + len <= max) {
        sc_buf_add(&leg->body, at, len);
        return;
    }
    leg->is_cancelled = op->is_rpc_error = true;
    sc_buf_deinit(&leg->body);
    sc_op_fail(&op->op, SC_EXHAUSTED,
               "grpc: trying to send message larger than max (the body is longer than %llu bytes, "
               "and a gRPC application gets it as one message)",
               (unsigned long long)max);
}

static void leg_write_end(sc_invoke_op *op)
{
    grpc_leg *leg = op->state;

    if (leg->is_submitted || leg->is_cancelled)
        return;
    op->ask.data = sc_arena_str(op->op.mem, sc_buf_str(&leg->body));
    submit(leg);
}

static bool leg_is_congested(sc_invoke_op *op)
{
    (void)op;
    return false;
}

static void leg_set_paused(sc_invoke_op *op, bool is_paused)
{
    (void)op; /* the answer is one message, and it is here */
    (void)is_paused;
}

static void leg_cancel(sc_invoke_op *op)
{
    grpc_leg *leg = op->state;

    if (leg->is_cancelled)
        return;
    leg->is_cancelled = true;
    if (leg->is_started) {
        sc_grpc_channel_cancel(leg->app->channel, &leg->grpc);
    } else if (!leg->is_submitted || sc_gate_cancel(&leg->turn)) {
        sc_buf_deinit(&leg->body);
        sc_op_fail(&op->op, SC_CANCELLED, "context canceled");
    }
}

/* ---- the answer ---- */

/* Metadata as between sidecars: "-bin" values as base64. */
static void take_pairs(sc_pairs *to, const sc_pairs *from, sc_arena *mem)
{
    for (uint32_t i = 0; i < from->count; i++) {
        bool is_binary = sc_str_ends(from->at[i].name, SC_STR("-bin"));

        sc_pairs_add(to, mem, from->at[i].name,
                     is_binary ? sc_base64_encode(from->at[i].value, true, mem)
                               : from->at[i].value);
    }
}

static void take_answer(grpc_leg *leg)
{
    sc_invoke_response *answer = &leg->op->answer;
    const sc_str *details = sc_pairs_get(&leg->grpc.trailers, SC_STR("grpc-status-details-bin"));
    sc_arena *mem = leg->op->op.mem;
    sc_str text = leg->grpc.message;
    sc_error err = leg->grpc.op.err;

    if (err.code == SC_OK && sc_invoke_answer_unpack(leg->grpc.answer, answer, &err) != SC_OK) {
        text = sc_arena_str(mem, sc_str_from(err.text));
        details = NULL;
    }
    answer->status = (int)err.code;
    answer->text = text;
    answer->has_body_len = true; /* it is one message */
    answer->body_len = answer->data.len;
    if (details && err.code != SC_OK)
        answer->packed = *details;
    take_pairs(&answer->headers, &leg->grpc.headers, mem);
    take_pairs(&answer->trailers, &leg->grpc.trailers, mem);
    leg->op->has_head = true;
}

static void on_done(sc_op *done)
{
    grpc_leg *leg = (grpc_leg *)done;
    sc_invoke_op *op = leg->op;

    sc_app_grpc_count(leg->app, &leg->grpc);
    if (leg->is_cancelled) {
        op->op.err = done->err;
        if (done->err.code == SC_OK) /* the answer and the cancellation met */
            (void)sc_fail(&op->op.err, SC_CANCELLED, "context canceled");
    } else {
        take_answer(leg);
        op->events->on_head(op);
        if (op->answer.data.len > 0 && !leg->is_cancelled)
            op->events->on_data(op, op->answer.data.at, op->answer.data.len);
    }
    sc_op_finish(&op->op);
    sc_gate_leave(&leg->app->gate);
}

static const sc_invoke_carrier carrier = {
    .start = carry,
    .write = leg_write,
    .write_end = leg_write_end,
    .is_congested = leg_is_congested,
    .set_paused = leg_set_paused,
    .cancel = leg_cancel,
};

sc_invoke_target sc_app_grpc_target(sc_app_grpc *app)
{
    return (sc_invoke_target){.carrier = &carrier, .self = app};
}
