/* SPDX-License-Identifier: MIT
 *
 * Trace context and baggage of a request (HTTP API, tracing headers): read, and said in its answer.
 * Health checks have neither.
 */
#include "api/http/internal.h"
#include "wire/baggage.h"

static bool is_health_check(sc_str path)
{
    return sc_str_find_str(path, SC_STR("/healthz")) < path.len;
}

static sc_str header(const sc_http_request_ctx *ctx, const char *name)
{
    const sc_str *value = sc_pairs_get(&ctx->ex->req.headers, sc_str_from(name));

    return value ? *value : SC_STR_NONE;
}

static bool refuse_baggage(sc_http_request_ctx *ctx, const sc_error *err)
{
    ctx->is_untraced = true;
    http_reply_text(ctx, 400,
                    sc_arena_fmt(&ctx->ex->call->mem, "invalid baggage header: %s\n", err->text));
    return false;
}

bool http_begin_trace(sc_http_request_ctx *ctx)
{
    sc_tracer *tracer = &ctx->api->observe->tracer;
    sc_trace trace;
    sc_error err;

    ctx->is_untraced = tracer->mode == SC_TRACE_OFF || is_health_check(ctx->ex->req.path);
    if (ctx->is_untraced)
        return true;
    ctx->baggage = header(ctx, "baggage");
    if (ctx->baggage.len > 0 && sc_baggage_check(ctx->baggage, &err) != SC_OK)
        return refuse_baggage(ctx, &err);
    trace = sc_trace_begin(tracer, header(ctx, "traceparent"), header(ctx, "tracestate"),
                           &ctx->ex->call->mem);
    ctx->traceparent = trace.parent;
    ctx->tracestate = trace.state;
    return true;
}

void http_add_trace(sc_http_request_ctx *ctx, sc_pairs *headers)
{
    sc_arena *mem = &ctx->ex->call->mem;

    if (ctx->is_untraced)
        return;
    sc_pairs_add(headers, mem, SC_STR("traceparent"),
                 ctx->traceparent.len ? ctx->traceparent : SC_TRACEPARENT_NONE);
    if (ctx->tracestate.len > 0)
        sc_pairs_add(headers, mem, SC_STR("tracestate"), ctx->tracestate);
    if (ctx->baggage.len > 0)
        sc_pairs_add(headers, mem, SC_STR("baggage"), ctx->baggage);
}
