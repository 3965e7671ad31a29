/* SPDX-License-Identifier: MIT
 *
 * Invocations as AppCallback.OnInvoke (gRPC API, "what the callee app sees"). The rpc is unary: a
 * body in parts is gathered first, up to the limit of a message. Whatever status the rpc ends with
 * is the application's answer, also when nothing listens there.
 */
#include "app/channel_grpc_internal.h"
#include "wire/grpc.h"
#include "wire/traceparent.h"

typedef struct grpc_leg {
    sc_grpc_call_op grpc; /* first: on_done gets the leg back by a cast */
    sc_gate_entry turn;
    sc_app_grpc *app;
    sc_invoke_op *op;
    sc_pairs metadata;
    sc_str request;
    sc_buf body; /* gathered */
    bool is_sent;
    bool is_over; /* the op is complete, or completes without this leg */
    bool is_cancelled;
} grpc_leg;

static void start(sc_gate_entry *turn);
static void on_done(sc_op *done);

/* ---- the request ---- */

/* Names of HTTP requests that mean something else in gRPC: they get "dapr-" in front. */
static bool is_http_name(sc_str name)
{
    static const sc_str names[] = {SC_STR_INIT("accept"),        SC_STR_INIT("accept-charset"),
                                   SC_STR_INIT("authorization"), SC_STR_INIT("accept-language"),
                                   SC_STR_INIT("accept-ranges"), SC_STR_INIT("cache-control"),
                                   SC_STR_INIT("connection"),    SC_STR_INIT("content-length"),
                                   SC_STR_INIT("content-type"),  SC_STR_INIT("cookie"),
                                   SC_STR_INIT("date"),          SC_STR_INIT("expect"),
                                   SC_STR_INIT("from"),          SC_STR_INIT("if-match"),
                                   SC_STR_INIT("keep-alive"),    SC_STR_INIT("if-modified-since"),
                                   SC_STR_INIT("if-none-match"), SC_STR_INIT("if-unmodified-since"),
                                   SC_STR_INIT("max-forwards"),  SC_STR_INIT("origin"),
                                   SC_STR_INIT("pragma"),        SC_STR_INIT("proxy-connection"),
                                   SC_STR_INIT("referer"),       SC_STR_INIT("transfer-encoding"),
                                   SC_STR_INIT("upgrade"),       SC_STR_INIT("via"),
                                   SC_STR_INIT("warning")};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (sc_str_eq(names[i], name))
            return true;
    }
    return false;
}

sc_str sc_invoke_grpc_name(sc_str name, sc_arena *mem)
{
    return is_http_name(name) ? sc_arena_fmt(mem, "dapr-%.*s", SC_FMT(name)) : name;
}

static bool is_left_out(const grpc_leg *leg, sc_str name)
{
    return name.len == 0 || name.at[0] == ':' || sc_str_starts(name, SC_STR("grpc-")) ||
           sc_str_eq(name, SC_STR("te")) || sc_str_eq(name, SC_STR("host")) ||
           sc_str_eq(name, SC_STR("user-agent")) || sc_str_eq(name, SC_STR("destination-app-id")) ||
           (leg->op->trace &&
            (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate")))) ||
           (leg->app->api_token.len > 0 && sc_str_eq(name, SC_STR("dapr-api-token")));
}

static void add_trace(grpc_leg *leg, sc_arena *mem)
{
    const sc_trace *trace = leg->op->trace;

    sc_pairs_add(&leg->metadata, mem, SC_STR("traceparent"),
                 trace->parent.len > 0 ? trace->parent : SC_TRACEPARENT_NONE);
    if (trace->state.len > 0)
        sc_pairs_add(&leg->metadata, mem, SC_STR("tracestate"), trace->state);
}

static void fill_metadata(grpc_leg *leg)
{
    const sc_pairs *from = &leg->op->ask.metadata;
    const sc_str *type = sc_pairs_get(from, SC_STR("content-type"));
    bool is_from_grpc = type && sc_str_starts(*type, SC_STR("application/grpc"));
    sc_arena *mem = leg->op->op.mem;

    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = from->at[i].name;
        sc_str value = from->at[i].value;

        if (is_left_out(leg, name) || (is_from_grpc && sc_str_eq(name, SC_STR("content-type"))) ||
            (sc_str_ends(name, SC_STR("-bin")) && !sc_grpc_bin_decode(value, mem, &value)))
            continue;
        sc_pairs_add(&leg->metadata, mem, is_from_grpc ? name : sc_invoke_grpc_name(name, mem),
                     value);
    }
    if (leg->op->trace)
        add_trace(leg, mem);
    if (leg->app->api_token.len > 0)
        sc_pairs_add(&leg->metadata, mem, SC_STR("dapr-api-token"), leg->app->api_token);
}

/* The body is whole. */
static void enter(grpc_leg *leg)
{
    sc_invoke_op *op = leg->op;
    sc_invoke_request ask = op->ask;

    if (sc_buf_len(&leg->body) > 0)
        ask.data = sc_buf_str(&leg->body);
    leg->request = sc_invoke_message_pack(&ask, op->op.mem);
    sc_buf_deinit(&leg->body);
    leg->is_sent = true;
    fill_metadata(leg);
    sc_gate_enter(&leg->app->gate, &leg->turn);
}

static void fail(grpc_leg *leg, sc_code code, const char *text)
{
    leg->is_over = true;
    leg->op->is_rpc_error = true;
    sc_buf_deinit(&leg->body);
    sc_op_fail(&leg->op->op, code, "%s", text);
}

static void leg_write(sc_invoke_op *op, const void *at, size_t len)
{
    grpc_leg *leg = op->state;

    if (leg->is_over)
        return;
    if (sc_buf_len(&leg->body) + len > leg->app->max_body_len)
        fail(leg, SC_EXHAUSTED,
             sc_arena_fmt(op->op.mem,
                          "the body is longer than %llu bytes, the most that one message to the "
                          "application may have",
                          (unsigned long long)leg->app->max_body_len)
                 .at);
    else
        sc_buf_add(&leg->body, at, len);
}

static void leg_write_end(sc_invoke_op *op)
{
    grpc_leg *leg = op->state;

    if (!leg->is_over)
        enter(leg);
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
    if (!op->is_body_open)
        enter(leg);
    else if (op->ask.data.len > 0)
        leg_write(op, op->ask.data.at, op->ask.data.len);
}

static void start(sc_gate_entry *turn)
{
    grpc_leg *leg = SC_CONTAINER_OF(turn, grpc_leg, turn);

    leg->grpc = (sc_grpc_call_op){
        .path = SC_STR("/dapr.proto.runtime.v1.AppCallback/OnInvoke"),
        .metadata = &leg->metadata,
        .request_parts = &leg->request,
        .request_part_count = 1,
        .timeout_ms = leg->op->timeout_ms,
    };
    sc_op_init(&leg->grpc.op, sc_loop_ops(leg->app->loop), leg->op->op.mem, on_done);
    sc_grpc_channel_send(leg->app->channel, &leg->grpc);
}

static bool leg_is_congested(sc_invoke_op *op)
{
    (void)op;
    return false; /* what comes is kept, up to the limit */
}

static void leg_set_paused(sc_invoke_op *op, bool is_paused)
{
    (void)op; /* the answer is one piece */
    (void)is_paused;
}

static void leg_cancel(sc_invoke_op *op)
{
    grpc_leg *leg = op->state;

    leg->is_cancelled = true;
    if (leg->is_over)
        return;
    if (!leg->is_sent || sc_gate_cancel(&leg->turn))
        fail(leg, SC_CANCELLED, "context canceled");
    else
        sc_grpc_channel_cancel(leg->app->channel, &leg->grpc);
}

/* ---- the answer ---- */

/* Metadata as it travels between sidecars. */
static void add_all(sc_pairs *to, const sc_pairs *from, sc_arena *mem)
{
    for (uint32_t i = 0; i < from->count; i++) {
        const sc_pair *pair = &from->at[i];
        bool is_bin = sc_str_ends(pair->name, SC_STR("-bin"));

        sc_pairs_add(to, mem, pair->name,
                     is_bin ? sc_grpc_bin_encode(pair->value, mem) : pair->value);
    }
}

static void fill_answer(grpc_leg *leg)
{
    sc_invoke_response *answer = &leg->op->answer;
    const sc_error *err = &leg->grpc.op.err;
    sc_arena *mem = leg->op->op.mem;
    const sc_str *details = sc_pairs_get(&leg->grpc.trailers, SC_STR("grpc-status-details-bin"));
    sc_error broken;

    *answer = (sc_invoke_response){.status = (int)err->code};
    if (err->code != SC_OK) {
        answer->text = sc_arena_str(mem, sc_str_from(err->text));
        answer->packed = details ? *details : SC_STR_NONE;
    } else if (sc_invoke_answer_unpack(leg->grpc.answer, answer, &broken) != SC_OK) {
        *answer = (sc_invoke_response){.status = SC_INTERNAL,
                                       .text = sc_arena_str(mem, sc_str_from(broken.text))};
    }
    sc_pairs_add(&answer->headers, mem, SC_STR("content-type"), SC_STR("application/grpc"));
    add_all(&answer->headers, &leg->grpc.headers, mem);
    add_all(&answer->trailers, &leg->grpc.trailers, mem);
}

static void on_done(sc_op *done)
{
    grpc_leg *leg = (grpc_leg *)done;
    sc_app_grpc *app = leg->app;
    sc_invoke_op *op = leg->op;

    sc_app_grpc_count(app, &leg->grpc);
    leg->is_over = true;
    if (leg->is_cancelled) {
        op->is_rpc_error = true;
        op->op.err = done->err;
    } else {
        fill_answer(leg);
        op->has_head = true;
        op->events->on_head(op);
        if (op->answer.data.len > 0 && !leg->is_cancelled)
            op->events->on_data(op, op->answer.data.at, op->answer.data.len);
        op->answer.data = SC_STR_NONE; /* it has been handed on */
    }
    sc_op_finish(&op->op);
    sc_gate_leave(&app->gate);
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
