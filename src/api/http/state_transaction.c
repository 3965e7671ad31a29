/* SPDX-License-Identifier: MIT
 *
 * Transactions over HTTP (HTTP API, section 7.1).
 */
#include "api/http/state_internal.h"

static void on_transacted(sc_state_transaction_request *req);

void http_transact_state(sc_http_request_ctx *ctx)
{
    sc_state_transaction_request *req = sc_call_make(ctx->ex->call, sc_state_transaction_request);
    sc_pairs metadata = ctx->ex->req.query.len > 0 ? http_query_metadata(ctx) : (sc_pairs){0};
    sc_error err;

    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->traceparent = ctx->traceparent;
    req->tracestate = ctx->tracestate;
    req->done = on_transacted;
    req->user = ctx;
    if (!sc_states_check_transactional(ctx->api->states, req->store_name, &req->call->mem,
                                       &req->problem))
        http_reply_state_problem(ctx, &req->problem);
    else if (http_read_transaction(ctx->ex->req.body, &metadata, req, &err) != SC_OK)
        http_reply_reason(ctx, SC_REASON_MALFORMED_REQUEST, "failed deserializing HTTP body: %s",
                          err.text);
    else
        sc_states_transact(ctx->api->states, req);
}

static void on_transacted(sc_state_transaction_request *req)
{
    sc_http_request_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem)) {
        http_reply_empty(ctx, 204);
        return;
    }
    req->problem.bad_field = SC_STR_NONE; /* Dapr names no field here */
    http_reply_state_problem(ctx, &req->problem);
}
