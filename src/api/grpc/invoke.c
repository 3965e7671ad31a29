/* SPDX-License-Identifier: MIT
 *
 * InvokeService (gRPC API, invocation): one message each way, whatever the application speaks.
 */
#include "api/grpc/internal.h"
#include "net/http.h"
#include "wire/grpc.h"
#include "wire/traceparent.h"

#define TOLD_MAX 63u /* bytes of an answer's body in the details of its status */

typedef struct grpc_invocation {
    sc_invocation inv; /* first: the block's events and done find it by a cast */
    sc_grpc_ctx *ctx;
    sc_trace trace;
    sc_buf body;
    bool is_over; /* done came, or will not matter */
} grpc_invocation;

static void on_head(sc_invoke_op *op);
static void on_data(sc_invoke_op *op, const char *at, size_t len);
static void on_done(sc_invocation *inv);

static const sc_invoke_events events = {.on_head = on_head, .on_data = on_data};

/* ---- what is asked ---- */

/* Names that the sidecar sets anew, or that were for it alone. */
static bool is_for_us(const grpc_invocation *call, sc_str name)
{
    return (call->ctx->api->api_token.len > 0 && sc_str_eq(name, SC_STR("dapr-api-token"))) ||
           (call->inv.op.trace &&
            (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate")) ||
             sc_str_eq(name, SC_STR("grpc-trace-bin"))));
}

/* The call's metadata as it travels between sidecars: binary values in base64, and the content
 * type that says that gRPC is spoken here. */
static void fill_metadata(grpc_invocation *call)
{
    const sc_pairs *from = &call->ctx->stream->metadata;
    sc_pairs *to = &call->inv.op.ask.metadata;
    sc_arena *mem = grpc_mem(call->ctx);

    sc_pairs_add(to, mem, SC_STR("content-type"), SC_STR("application/grpc"));
    for (uint32_t i = 0; i < from->count; i++) {
        const sc_pair *pair = &from->at[i];
        bool is_bin = sc_str_ends(pair->name, SC_STR("-bin"));

        if (!is_for_us(call, pair->name) && !sc_str_eq(pair->name, SC_STR("content-type")))
            sc_pairs_add(to, mem, pair->name,
                         is_bin ? sc_grpc_bin_encode(pair->value, mem) : pair->value);
    }
}

static void on_cancelled(sc_grpc_ctx *ctx)
{
    grpc_invocation *call = ctx->extra;

    if (call->is_over)
        return;
    call->is_over = true;
    sc_invocation_cancel(&call->inv);
}

void grpc_invoke(sc_grpc_ctx *ctx, sc_str message)
{
    grpc_invocation *call = sc_call_make(ctx->stream->call, grpc_invocation);
    sc_invocation *inv = &call->inv;
    sc_error err;

    call->ctx = ctx;
    if (sc_invoke_service_unpack(message, &inv->target, &inv->op.ask, &err) != SC_OK) {
        grpc_fail(ctx, err.code, "%s", err.text);
        return;
    }
    call->trace = (sc_trace){.parent = ctx->traceparent, .state = ctx->tracestate};
    inv->op.trace = ctx->api->observe->tracer.mode == SC_TRACE_OFF ? NULL : &call->trace;
    inv->op.events = &events;
    inv->op.body_len = inv->op.ask.data.len;
    inv->call = ctx->stream->call;
    inv->done = on_done;
    ctx->extra = call;
    ctx->on_cancelled = on_cancelled;
    fill_metadata(call);
    sc_invoke(ctx->api->invoker, inv);
}

/* ---- what is answered ---- */

static void on_head(sc_invoke_op *op)
{
    (void)op; /* told with the end: the status decides what becomes of the body */
}

static void on_data(sc_invoke_op *op, const char *at, size_t len)
{
    grpc_invocation *call = (grpc_invocation *)op;
    uint64_t max = call->ctx->api->max_answer_len;

    if (call->is_over)
        return;
    if (max == 0)
        max = UINT32_MAX;
    if (sc_buf_len(&call->body) + len <= max) {
        sc_buf_add(&call->body, at, len);
        return;
    }
    call->is_over = true;
    grpc_fail(call->ctx, SC_EXHAUSTED,
              "the answer is longer than %llu bytes, the most that InvokeService can carry",
              (unsigned long long)max);
    sc_invocation_cancel(&call->inv);
}

typedef void (*put_fn)(sc_grpc_stream *stream, sc_str name, sc_str value);

/* Headers or trailers of the application, as the client may see them. */
static void put_all(grpc_invocation *call, const sc_pairs *from, bool is_http, put_fn put)
{
    sc_arena *mem = grpc_mem(call->ctx);

    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = sc_arena_lower(mem, from->at[i].name);
        sc_str value = from->at[i].value;

        if (sc_str_eq(name, SC_STR("content-length")) || sc_str_starts(name, SC_STR("grpc-")) ||
            (!is_http && sc_str_eq(name, SC_STR("content-type"))) ||
            (call->inv.op.trace &&
             (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate")))) ||
            (sc_str_ends(name, SC_STR("-bin")) && !sc_grpc_bin_decode(value, mem, &value)))
            continue;
        put(call->ctx->stream, is_http ? sc_invoke_grpc_name(name, mem) : name, value);
    }
    if (call->inv.op.trace)
        put(call->ctx->stream, SC_STR("traceparent"),
            call->trace.parent.len > 0 ? call->trace.parent : SC_TRACEPARENT_NONE);
}

static sc_code code_of_http(int status)
{
    switch (status) {
    case 400:
        return SC_INTERNAL;
    case 401:
        return SC_UNAUTHENTICATED;
    case 403:
        return SC_PERMISSION_DENIED;
    case 404:
        return SC_NOT_FOUND;
    case 408:
        return SC_CANCELLED;
    case 409:
        return SC_ALREADY_EXISTS;
    case 429:
        return SC_EXHAUSTED;
    case 501:
        return SC_UNIMPLEMENTED;
    case 503:
        return SC_UNAVAILABLE;
    case 504:
        return SC_DEADLINE;
    default:
        return SC_UNKNOWN;
    }
}

static void reply(grpc_invocation *call)
{
    sc_invoke_response *answer = &call->inv.op.answer;

    answer->data = sc_buf_str(&call->body);
    sc_grpc_send(call->ctx->stream, sc_invoke_answer_pack(answer, grpc_mem(call->ctx)));
    sc_grpc_finish(call->ctx->stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

/* The first bytes of the body that are whole characters. */
static sc_str told_body(const grpc_invocation *call)
{
    sc_str text = sc_str_sub(sc_buf_str(&call->body), 0, TOLD_MAX);

    for (int i = 0; i < 4 && text.len > 0 && !sc_str_is_utf8(text); i++)
        text.len--;
    return sc_str_is_utf8(text) ? text : SC_STR_NONE;
}

static void answer_http(grpc_invocation *call)
{
    sc_grpc_ctx *ctx = call->ctx;
    sc_arena *mem = grpc_mem(ctx);
    int status = call->inv.op.answer.status;
    sc_str number = sc_arena_fmt(mem, "%d", status);
    const char *phrase = sc_http_status_phrase(status);

    sc_grpc_set_header(ctx->stream, SC_STR("dapr-http-status"), number);
    put_all(call, &call->inv.op.answer.headers, true, sc_grpc_set_header);
    if (status >= 200 && status < 300)
        reply(call);
    else
        grpc_refuse(ctx, code_of_http(status), phrase ? phrase : "", number.at,
                    sc_arena_str(mem, told_body(call)).at);
}

static void answer_grpc(grpc_invocation *call)
{
    const sc_invoke_response *answer = &call->inv.op.answer;
    bool has_details = sc_pairs_get(&answer->trailers, SC_STR("grpc-status-details-bin")) != NULL;
    bool is_known = answer->status >= 0 && answer->status <= SC_UNAUTHENTICATED;

    put_all(call, &answer->headers, false, sc_grpc_set_header);
    put_all(call, &answer->trailers, false, sc_grpc_set_trailer);
    if (answer->status == SC_OK)
        reply(call);
    else
        sc_grpc_finish(call->ctx->stream, is_known ? (sc_code)answer->status : SC_UNKNOWN,
                       answer->text, has_details ? answer->packed : SC_STR_NONE);
}

static void answer_failure(grpc_invocation *call)
{
    sc_problem problem;

    (void)sc_problem_set(&problem, grpc_mem(call->ctx), SC_REASON_DIRECT_INVOKE,
                         "failed to invoke, id: %.*s, err: %.*s", SC_FMT(call->inv.target),
                         SC_FMT(call->inv.failure));
    grpc_reply_problem(call->ctx, &problem);
}

static void on_done(sc_invocation *inv)
{
    grpc_invocation *call = (grpc_invocation *)inv;

    if (call->is_over) {
        sc_buf_deinit(&call->body);
        return;
    }
    call->is_over = true;
    if (inv->op.op.err.code != SC_OK)
        answer_failure(call);
    else if (inv->op.answer.status >= 100)
        answer_http(call);
    else
        answer_grpc(call);
    sc_buf_deinit(&call->body);
}
