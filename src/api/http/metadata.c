/* SPDX-License-Identifier: MIT
 *
 * Metadata, health, shutdown and the message ledger.
 */
#include "api/http/internal.h"

void http_get_metadata(sc_http_request_ctx *ctx)
{
    sc_buf out = {0};

    sc_metadata_write(ctx->api->metadata, &out);
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}

void http_put_metadata(sc_http_request_ctx *ctx)
{
    sc_error err;

    if (sc_metadata_set(ctx->api->metadata, ctx->params[0], ctx->ex->req.body, &err) != SC_OK)
        http_reply_reason(ctx, SC_REASON_TOO_LARGE, "%s", err.text);
    else
        http_reply_empty(ctx, 204);
}

void http_healthz(sc_http_request_ctx *ctx)
{
    const sc_str *app_id = http_query(ctx, "appid");

    if (!ctx->api->metadata->is_ready || ctx->api->metadata->is_stopping)
        http_reply_reason(ctx, SC_REASON_HEALTH_NOT_READY, "dapr is not ready: [runtime]");
    else if (app_id && !sc_str_eq(*app_id, ctx->api->metadata->app_id))
        http_reply_reason(ctx, SC_REASON_HEALTH_APPID, "dapr app-id does not match");
    else
        http_reply_empty(ctx, 204);
}

void http_outbound_healthz(sc_http_request_ctx *ctx)
{
    if (ctx->api->metadata->is_outbound_ready)
        http_reply_empty(ctx, 204);
    else
        http_reply_reason(ctx, SC_REASON_OUTBOUND_HEALTH_NOT_READY, "dapr outbound is not ready");
}

void http_shutdown(sc_http_request_ctx *ctx)
{
    const sc_str *force = sc_pairs_get(&ctx->ex->req.headers, SC_STR("dapr-force-shutdown"));

    http_reply_empty(ctx, 204);
    ctx->api->on_shutdown(ctx->api->user, force && sc_str_eq_nocase(*force, SC_STR("true")));
}

void http_messages(sc_http_request_ctx *ctx)
{
    const sc_str *id = http_query(ctx, "id");
    const sc_str *topic = http_query(ctx, "topic");
    const sc_str *limit = http_query(ctx, "limit");
    sc_ledger_query query = {
        .id = id ? *id : SC_STR_NONE, .topic = topic ? *topic : SC_STR_NONE, .limit = 100};
    sc_buf out = {0};
    uint64_t n;

    if (limit && (!sc_str_to_u64(*limit, &n) || n == 0 || n > 10000)) {
        http_reply_reason(ctx, SC_REASON_BAD_REQUEST,
                          "invalid request: limit '%.*s' is not in 1..10000",
                          SC_FMT(sc_str_sub(*limit, 0, 40)));
        return;
    }
    if (limit)
        query.limit = (uint32_t)n;
    sc_ledger_read(ctx->api->ledger, &query, &out);
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}
