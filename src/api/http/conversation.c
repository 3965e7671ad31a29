/* SPDX-License-Identifier: MIT
 *
 * Conversations over HTTP: the messages of gRPC as JSON (HTTP API, section 7.8).
 */
#include "api/conversation.h"
#include "api/http/internal.h"
#include "wire/proto_json.h"

typedef struct converse_flow {
    sc_converse_request req; /* first: on_answered gets the flow back by a cast */
    sc_http_request_ctx *ctx;
    const sc_conversation_version *version;
    const ProtobufCMessage *message;
} converse_flow;

static void on_gone(sc_http_exchange *ex);
static void on_answered(sc_converse_request *req);

static void converse(sc_http_request_ctx *ctx, const sc_conversation_version *version)
{
    converse_flow *flow = sc_call_make(ctx->ex->call, converse_flow);
    sc_error err;

    flow->message = sc_proto_from_json(version->request, ctx->ex->req.body, sc_api_any_types,
                                       &ctx->ex->call->mem, &err);
    if (!flow->message) {
        http_reply_reason(ctx, SC_REASON_MALFORMED_REQUEST, "failed deserializing HTTP body: %s",
                          err.text);
        return;
    }
    flow->ctx = ctx;
    flow->version = version;
    flow->req.call = ctx->ex->call;
    flow->req.component_name = ctx->params[0]; /* whatever the body says */
    flow->req.done = on_answered;
    version->read(flow->message, &flow->req);
    ctx->ex->user = flow;
    ctx->ex->on_gone = on_gone;
    ctx->ex->on_half_closed = on_gone; /* as Go's server takes it: who asked has left */
    sc_converse(ctx->api->conversations, &flow->req);
}

void http_converse_alpha1(sc_http_request_ctx *ctx)
{
    converse(ctx, &sc_conversation_alpha1);
}

void http_converse_alpha2(sc_http_request_ctx *ctx)
{
    converse(ctx, &sc_conversation_alpha2);
}

static void on_gone(sc_http_exchange *ex)
{
    converse_flow *flow = ex->user;

    sc_converse_cancel(&flow->req);
}

static void on_answered(sc_converse_request *req)
{
    converse_flow *flow = (converse_flow *)req;
    sc_http_request_ctx *ctx = flow->ctx;
    sc_buf out = {0};

    if (!sc_problem_is_none(&req->problem)) {
        http_reply_problem(ctx, &req->problem);
        return;
    }
    sc_proto_to_json(flow->version->answer(flow->message, req), sc_api_any_types, &out,
                     &req->call->mem);
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}
