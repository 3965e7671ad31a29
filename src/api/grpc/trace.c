/* SPDX-License-Identifier: MIT
 *
 * Trace context and baggage of a call (gRPC API, metadata keys): read, and said in its headers.
 */
#include "api/grpc/internal.h"
#include "wire/baggage.h"

static sc_str value(const sc_grpc_ctx *ctx, const char *name)
{
    const sc_str *found = sc_pairs_get(&ctx->stream->metadata, sc_str_from(name));

    return found ? *found : SC_STR_NONE;
}

/* Unary rpcs of Dapr tell the context; InvokeService has a way of its own, streams none. */
static void tell(sc_grpc_ctx *ctx)
{
    bool is_dapr = sc_str_starts(ctx->stream->path, SC_STR("/dapr.proto.runtime.v1.Dapr/"));
    sc_trace_context context;
    char bytes[SC_TRACE_BIN_LEN];

    if (ctx->baggage.len > 0)
        sc_grpc_set_header(ctx->stream, SC_STR("baggage"), ctx->baggage);
    if (!is_dapr || (ctx->method && ctx->method->stream) ||
        sc_str_ends(ctx->stream->path, SC_STR("/InvokeService")) ||
        !sc_traceparent_parse(ctx->traceparent, &context))
        return;
    sc_grpc_set_header(ctx->stream, SC_STR("grpc-trace-bin"), sc_trace_bin_format(&context, bytes));
}

bool grpc_begin_trace(sc_grpc_ctx *ctx)
{
    sc_tracer *tracer = &ctx->api->observe->tracer;
    sc_str bin = value(ctx, "grpc-trace-bin");
    sc_str state = value(ctx, "tracestate");
    sc_trace trace;
    sc_error err;

    if (tracer->mode == SC_TRACE_OFF)
        return true;
    ctx->baggage = value(ctx, "baggage");
    if (ctx->baggage.len > 0 && sc_baggage_check(ctx->baggage, &err) != SC_OK) {
        grpc_fail(ctx, SC_INVALID, "invalid baggage header: %s", err.text);
        return false;
    }
    trace = bin.len > 0 ? sc_trace_begin_bin(tracer, bin, state, grpc_mem(ctx))
                        : sc_trace_begin(tracer, value(ctx, "traceparent"), state, grpc_mem(ctx));
    ctx->traceparent = trace.parent;
    ctx->tracestate = trace.state;
    tell(ctx);
    return true;
}
