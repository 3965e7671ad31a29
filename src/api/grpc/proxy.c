/* SPDX-License-Identifier: MIT
 *
 * Calls of services that are not Dapr's, for the application that their metadata names (gRPC API,
 * "transparent gRPC proxying").
 */
#include "api/grpc/internal.h"

static sc_proxy_call *call_of(const sc_grpc_stream *stream)
{
    const sc_grpc_ctx *ctx = stream->user;

    return ctx->extra;
}

static void on_open(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;
    bool is_traced = ctx->api->observe->tracer.mode != SC_TRACE_OFF;
    sc_trace trace;
    sc_str target;

    if (!grpc_open_stream(stream) || !sc_proxy_find_target(stream, &target))
        return;
    trace = (sc_trace){.parent = ctx->traceparent, .state = ctx->tracestate};
    ctx->extra = sc_proxy_begin(ctx->api->proxy, stream, target, is_traced ? &trace : NULL);
}

static void on_message(sc_grpc_stream *stream, sc_str message)
{
    sc_proxy_message(call_of(stream), message);
}

static void on_half_close(sc_grpc_stream *stream)
{
    sc_proxy_half_close(call_of(stream));
}

static void on_cancelled(sc_grpc_stream *stream)
{
    sc_proxy_cancelled(call_of(stream));
}

static void on_drained(sc_grpc_stream *stream)
{
    sc_proxy_drained(call_of(stream));
}

const sc_grpc_handler grpc_proxied = {
    .on_open = on_open,
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_cancelled = on_cancelled,
    .on_drained = on_drained,
};
