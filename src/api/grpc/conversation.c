/* SPDX-License-Identifier: MIT
 *
 * ConverseAlpha1 and ConverseAlpha2 (gRPC API, conversation).
 */
#include "api/conversation.h"
#include "api/grpc/internal.h"

typedef struct converse_flow {
    sc_converse_request req; /* first: on_answered gets the flow back by a cast */
    sc_grpc_ctx *ctx;
    const sc_conversation_version *version;
    const ProtobufCMessage *message;
} converse_flow;

static void on_cancelled(sc_grpc_ctx *ctx);
static void on_answered(sc_converse_request *req);

static void converse(sc_grpc_ctx *ctx, sc_str message, const sc_conversation_version *version)
{
    converse_flow *flow = sc_call_make(ctx->stream->call, converse_flow);

    flow->message = grpc_unpack(ctx, version->request, message);
    if (!flow->message)
        return;
    flow->ctx = ctx;
    flow->version = version;
    flow->req.call = ctx->stream->call;
    flow->req.component_name = sc_conversation_name(flow->message);
    flow->req.done = on_answered;
    version->read(flow->message, &flow->req);
    ctx->extra = flow;
    ctx->on_cancelled = on_cancelled;
    sc_converse(ctx->api->conversations, &flow->req);
}

void grpc_converse_alpha1(sc_grpc_ctx *ctx, sc_str message)
{
    converse(ctx, message, &sc_conversation_alpha1);
}

void grpc_converse_alpha2(sc_grpc_ctx *ctx, sc_str message)
{
    converse(ctx, message, &sc_conversation_alpha2);
}

static void on_cancelled(sc_grpc_ctx *ctx)
{
    converse_flow *flow = ctx->extra;

    sc_converse_cancel(&flow->req);
}

static void on_answered(sc_converse_request *req)
{
    converse_flow *flow = (converse_flow *)req;

    if (sc_problem_is_none(&req->problem))
        grpc_reply(flow->ctx, flow->version->answer(flow->message, req));
    else
        grpc_reply_problem(flow->ctx, &req->problem);
}
