/* SPDX-License-Identifier: MIT
 *
 * Secrets over HTTP (HTTP API, section 7.4).
 */
#include "api/http/internal.h"
#include "wire/json.h"

static void on_got(sc_secret_request *req);
static void on_got_all(sc_bulk_secret_request *req);

void http_get_secret(sc_http_request_ctx *ctx)
{
    sc_secret_request *req = sc_call_make(ctx->ex->call, sc_secret_request);

    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->key = ctx->params[1];
    req->metadata = http_query_metadata(ctx);
    req->done = on_got;
    req->user = ctx;
    sc_secret_get(ctx->api->secretstores, req);
}

static void on_got(sc_secret_request *req)
{
    sc_http_request_ctx *ctx = req->user;
    sc_buf out = {0};

    if (!sc_problem_is_none(&req->problem)) {
        http_reply_problem(ctx, &req->problem);
        return;
    }
    sc_json_add_pairs(&out, &req->op.values);
    sc_buf_add_byte(&out, '\n');
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}

void http_get_bulk_secret(sc_http_request_ctx *ctx)
{
    sc_bulk_secret_request *req = sc_call_make(ctx->ex->call, sc_bulk_secret_request);

    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->metadata = http_query_metadata(ctx);
    req->done = on_got_all;
    req->user = ctx;
    sc_secret_bulk_get(ctx->api->secretstores, req);
}

static void on_got_all(sc_bulk_secret_request *req)
{
    sc_http_request_ctx *ctx = req->user;
    sc_buf out = {0};

    if (!sc_problem_is_none(&req->problem)) {
        http_reply_problem(ctx, &req->problem);
        return;
    }
    for (uint32_t i = 0; i < req->op.count; i++) {
        sc_buf_add_byte(&out, i == 0 ? '{' : ',');
        sc_json_add_string(&out, req->op.secrets[i].key);
        sc_buf_add_byte(&out, ':');
        sc_json_add_pairs(&out, &req->op.secrets[i].values);
    }
    sc_buf_add_str(&out, req->op.count > 0 ? SC_STR("}\n") : SC_STR("{}\n"));
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}
