/* SPDX-License-Identifier: MIT
 *
 * InvokeService (gRPC API, invocation): one message each way, whatever the application speaks. What
 * an HTTP application says with a status of its own comes back as the nearest gRPC status.
 */
#include <stdio.h>

#include "api/grpc/internal.h"
#include "net/http.h"
#include "wire/base64.h"
#include "wire/traceparent.h"

#define BODY_SHOWN 63u /* of an error answer, in the status details */

typedef struct grpc_invocation {
    sc_invocation inv; /* first: the block's events and done find it by a cast */
    sc_grpc_ctx *ctx;
    sc_trace trace;
    sc_buf body;
    bool is_over;
} grpc_invocation;

static void on_head(sc_invoke_op *op);
static void on_data(sc_invoke_op *op, const char *at, size_t len);
static void on_drained(sc_invoke_op *op);
static void on_done(sc_invocation *inv);
static void on_cancelled(sc_grpc_ctx *ctx);

static const sc_invoke_events events = {
    .on_head = on_head, .on_data = on_data, .on_drained = on_drained};

/* ---- the request ---- */

/* The call's metadata as between sidecars: "-bin" values as base64. */
static void fill_metadata(grpc_invocation *call)
{
    const sc_grpc_ctx *ctx = call->ctx;
    const sc_pairs *from = &ctx->stream->metadata;
    sc_pairs *to = &call->inv.op.ask.metadata;
    sc_arena *mem = grpc_mem(ctx);

    if (ctx->stream->authority.len > 0)
        sc_pairs_add(to, mem, SC_STR(":authority"), ctx->stream->authority);
    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = from->at[i].name;
        sc_str value = from->at[i].value;

        if ((ctx->api->api_token.len > 0 && sc_str_eq(name, SC_STR("dapr-api-token"))) ||
            (call->inv.op.trace &&
             (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate")) ||
              sc_str_eq(name, SC_STR("grpc-trace-bin")))))
            continue;
        if (sc_str_ends(name, SC_STR("-bin")))
            value = sc_base64_encode(value, true, mem);
        sc_pairs_add(to, mem, name, value);
    }
}

void grpc_invoke_service(sc_grpc_ctx *ctx, sc_str message)
{
    grpc_invocation *call = sc_call_make(ctx->stream->call, grpc_invocation);
    sc_invocation *inv = &call->inv;
    sc_error err;

    if (sc_invoke_service_unpack(message, &inv->target, &inv->op.ask, &err) != SC_OK) {
        grpc_fail(ctx, err.code, "%s", err.text);
        return;
    }
    call->ctx = ctx;
    call->trace = (sc_trace){.parent = ctx->traceparent, .state = ctx->tracestate};
    ctx->extra = call;
    ctx->on_cancelled = on_cancelled;
    inv->call = ctx->stream->call;
    inv->done = on_done;
    inv->op.events = &events;
    if (ctx->api->observe->tracer.mode != SC_TRACE_OFF)
        inv->op.trace = &call->trace;
    inv->op.body_len = inv->op.ask.data.len;
    fill_metadata(call);
    sc_endpoints_invoke(ctx->api->endpoints, ctx->api->invoker, inv);
}

static void on_cancelled(sc_grpc_ctx *ctx)
{
    grpc_invocation *call = ctx->extra;

    if (!call->is_over)
        sc_invocation_cancel(&call->inv);
}

static void on_drained(sc_invoke_op *op)
{
    (void)op; /* the body was whole */
}

/* ---- the answer ---- */

static void on_head(sc_invoke_op *op)
{
    (void)op; /* all of it is told at the end */
}

static void on_data(sc_invoke_op *op, const char *at, size_t len)
{
    grpc_invocation *call = (grpc_invocation *)op;
    uint64_t max = call->ctx->api->max_body_len;

    if (max == 0 || sc_buf_len(&call->body) + len <= max) {
        sc_buf_add(&call->body, at, len);
        return;
    }
    grpc_fail(call->ctx, SC_EXHAUSTED,
              "grpc: trying to send message larger than max (the answer is longer than %llu bytes)",
              (unsigned long long)max);
    sc_invocation_cancel(&call->inv);
}

/* The gRPC status for an HTTP one that is no success. */
static sc_code code_of(int status)
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

typedef void (*setter)(sc_grpc_stream *stream, sc_str name, sc_str value);

/* The application's headers or trailers for a gRPC client. */
static void add_pairs(grpc_invocation *call, const sc_pairs *from, bool is_http, setter set)
{
    sc_arena *mem = grpc_mem(call->ctx);

    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = sc_arena_lower(mem, from->at[i].name);
        sc_pairs one = {0};

        if (sc_str_eq(name, SC_STR("content-length")) ||
            sc_str_eq(name, SC_STR("grpc-accept-encoding")) ||
            sc_str_eq(name, SC_STR("grpc-status-details-bin")) ||
            (!is_http && sc_str_eq(name, SC_STR("content-type"))))
            continue;
        sc_invoke_add_grpc(&one, mem, name, from->at[i].value);
        for (uint32_t k = 0; k < one.count; k++)
            set(call->ctx->stream, one.at[k].name, one.at[k].value);
    }
}

static void add_trace(grpc_invocation *call, setter set)
{
    if (call->inv.op.trace)
        set(call->ctx->stream, SC_STR("traceparent"),
            call->trace.parent.len > 0 ? call->trace.parent : SC_TRACEPARENT_NONE);
}

static void send_answer(grpc_invocation *call)
{
    sc_grpc_ctx *ctx = call->ctx;
    sc_invoke_response *answer = &call->inv.op.answer;

    answer->data = sc_buf_str(&call->body);
    sc_grpc_send(ctx->stream, sc_invoke_answer_pack(answer, grpc_mem(ctx)));
    sc_grpc_finish(ctx->stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void answer_http(grpc_invocation *call)
{
    const sc_invoke_response *answer = &call->inv.op.answer;
    sc_grpc_ctx *ctx = call->ctx;
    const char *phrase = sc_http_status_phrase(answer->status);
    sc_str shown;
    char status[8];

    (void)snprintf(status, sizeof(status), "%d", answer->status);
    sc_grpc_set_header(ctx->stream, SC_STR("dapr-http-status"), sc_str_from(status));
    add_pairs(call, &answer->headers, true, sc_grpc_set_header);
    add_trace(call, sc_grpc_set_header);
    if (answer->status / 100 == 2) {
        send_answer(call);
        return;
    }
    shown = sc_str_sub(sc_buf_str(&call->body), 0, BODY_SHOWN);
    grpc_refuse(ctx, code_of(answer->status), phrase ? phrase : "", status,
                sc_arena_utf8(grpc_mem(ctx), shown).at);
}

static void answer_grpc(grpc_invocation *call)
{
    const sc_invoke_response *answer = &call->inv.op.answer;
    sc_grpc_stream *stream = call->ctx->stream;
    sc_code code = answer->status <= SC_UNAUTHENTICATED ? (sc_code)answer->status : SC_UNKNOWN;

    add_pairs(call, &answer->headers, false, sc_grpc_set_header);
    add_trace(call, sc_grpc_set_header);
    add_pairs(call, &answer->trailers, false, sc_grpc_set_trailer);
    add_trace(call, sc_grpc_set_trailer);
    if (code == SC_OK)
        send_answer(call);
    else
        sc_grpc_finish(stream, code, answer->text, answer->packed);
}

static void on_done(sc_invocation *inv)
{
    grpc_invocation *call = (grpc_invocation *)inv;
    sc_grpc_stream *stream = call->ctx->stream;

    call->is_over = true;
    if (inv->op.op.err.code != SC_OK)
        sc_grpc_finish(stream, SC_INTERNAL,
                       sc_arena_fmt(grpc_mem(call->ctx), "failed to invoke, id: %.*s, err: %.*s",
                                    SC_FMT(inv->target), SC_FMT(inv->failure)),
                       SC_STR_NONE);
    else if (inv->op.answer.status >= 100)
        answer_http(call);
    else
        answer_grpc(call);
    sc_buf_deinit(&call->body);
}
