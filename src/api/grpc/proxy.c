/* SPDX-License-Identifier: MIT
 *
 * Calls of other services with an application's id in their metadata: passed on to it.
 */
#include "api/grpc/internal.h"

typedef struct passed_on {
    sc_proxied *call;
    sc_trace trace;
} passed_on;

static passed_on *of(const sc_grpc_stream *stream)
{
    return ((sc_grpc_ctx *)stream->user)->extra;
}

static void on_open(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;
    bool is_untraced = ctx->api->observe->tracer.mode == SC_TRACE_OFF;
    passed_on *passed;

    if (!grpc_open_stream(stream))
        return;
    passed = sc_call_make(stream->call, passed_on);
    passed->trace = (sc_trace){.parent = ctx->traceparent, .state = ctx->tracestate};
    ctx->extra = passed;
    passed->call =
        sc_proxy_from_client(ctx->api->proxy, stream, is_untraced ? NULL : &passed->trace);
}

static void on_message(sc_grpc_stream *stream, sc_str message)
{
    sc_proxied_message(of(stream)->call, message);
}

static void on_half_close(sc_grpc_stream *stream)
{
    sc_proxied_half_close(of(stream)->call);
}

static void on_cancelled(sc_grpc_stream *stream)
{
    if (of(stream))
        sc_proxied_cancel(of(stream)->call);
}

static void on_drained(sc_grpc_stream *stream)
{
    sc_proxied_drained(of(stream)->call);
}

const sc_grpc_handler grpc_proxy = {.on_open = on_open,
                                    .on_message = on_message,
                                    .on_half_close = on_half_close,
                                    .on_cancelled = on_cancelled,
                                    .on_drained = on_drained};
