/* SPDX-License-Identifier: MIT
 *
 * State management over HTTP (HTTP API, section 7.1): get, save, delete, bulk get and query.
 * Transactions are in state_transaction.c, the JSON of items in state_item.c.
 */
#include "api/http/state_internal.h"
#include "core/clock.h"
#include "wire/json.h"

static void on_got(sc_state_get_request *req);
static void on_written(sc_state_write_request *req);
static void on_bulk_got(sc_state_bulk_get_request *req);
static void on_queried(sc_state_query_request *req);

/* ---- failures ---- */

void http_reply_state_problem(sc_http_request_ctx *ctx, sc_problem *problem)
{
    sc_arena *mem = &ctx->ex->call->mem;

    if (problem->reason == SC_REASON_STATE_ILLEGAL_KEY)
        problem->message = sc_arena_fmt(mem, "api error: code = %s desc = %.*s",
                                        sc_code_name(sc_reason_of(problem->reason)->code),
                                        SC_FMT(problem->message));
    if (problem->reason == SC_REASON_STATE_NOT_CONFIGURED ||
        problem->reason == SC_REASON_STATE_NOT_FOUND)
        sc_problem_info(problem, mem, SC_STR("appID"), ctx->api->metadata->app_id);
    http_reply_problem(ctx, problem);
}

bool http_has_state_store(sc_http_request_ctx *ctx)
{
    sc_problem problem = {0};

    if (sc_states_check_name(ctx->api->states, ctx->params[0], &ctx->ex->call->mem, &problem))
        return true;
    http_reply_state_problem(ctx, &problem);
    return false;
}

static sc_str query_text(sc_http_request_ctx *ctx, const char *name)
{
    const sc_str *value = ctx->ex->req.query.len > 0 ? http_query(ctx, name) : NULL;

    return value ? *value : SC_STR_NONE;
}

static sc_pairs query_metadata(sc_http_request_ctx *ctx)
{
    return ctx->ex->req.query.len > 0 ? http_query_metadata(ctx) : (sc_pairs){0};
}

/* ---- get ---- */

void http_get_state(sc_http_request_ctx *ctx)
{
    sc_state_get_request *req = sc_call_make(ctx->ex->call, sc_state_get_request);

    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->key = ctx->params[1];
    req->consistency = query_text(ctx, "consistency");
    req->metadata = query_metadata(ctx);
    req->done = on_got;
    req->user = ctx;
    sc_states_get(ctx->api->states, req);
}

static void on_got(sc_state_get_request *req)
{
    sc_http_request_ctx *ctx = req->user;
    sc_arena *mem = &req->call->mem;
    char time[SC_CLOCK_TEXT_MAX];
    sc_pairs headers = {0};

    if (!sc_problem_is_none(&req->problem)) {
        http_reply_state_problem(ctx, &req->problem);
        return;
    }
    if (!req->value.is_found) {
        http_reply_empty(ctx, 204);
        return;
    }
    if (req->value.etag.len > 0)
        sc_pairs_add(&headers, mem, SC_STR("etag"), req->value.etag);
    if (req->value.expires_s > 0)
        sc_pairs_add(&headers, mem, SC_STR("metadata.ttlexpiretime"),
                     sc_clock_format_s(req->value.expires_s, false, time));
    http_reply_with(ctx, 200, SC_STR("application/json"), &headers, req->value.value);
}

/* ---- save and delete ---- */

void http_save_state(sc_http_request_ctx *ctx)
{
    sc_state_write_request *req = sc_call_make(ctx->ex->call, sc_state_write_request);
    sc_pairs metadata = query_metadata(ctx);
    sc_error err;

    if (!http_has_state_store(ctx))
        return;
    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->action = SC_STATE_SAVE;
    req->done = on_written;
    req->user = ctx;
    if (http_read_state_items(ctx->ex->req.body, &metadata, &req->call->mem, &req->items,
                              &req->count, &err) != SC_OK)
        http_reply_reason(ctx, SC_REASON_MALFORMED_REQUEST, "%s", err.text);
    else
        sc_states_write(ctx->api->states, req);
}

void http_delete_state(sc_http_request_ctx *ctx)
{
    sc_state_write_request *req = sc_call_make(ctx->ex->call, sc_state_write_request);
    sc_state_item *item = sc_call_make(ctx->ex->call, sc_state_item);
    const sc_str *etag = sc_pairs_get(&ctx->ex->req.headers, SC_STR("if-match"));

    item->key = ctx->params[1];
    item->etag = etag ? *etag : SC_STR_NONE;
    item->concurrency = query_text(ctx, "concurrency");
    item->consistency = query_text(ctx, "consistency");
    item->metadata = query_metadata(ctx);
    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->action = SC_STATE_DELETE;
    req->items = item;
    req->count = 1;
    req->done = on_written;
    req->user = ctx;
    sc_states_write(ctx->api->states, req);
}

static void on_written(sc_state_write_request *req)
{
    sc_http_request_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        http_reply_empty(ctx, 204);
    else
        http_reply_state_problem(ctx, &req->problem);
}

/* ---- rows ---- */

static void add(sc_buf *out, const char *before, sc_str text)
{
    sc_buf_add_str(out, sc_str_from(before));
    sc_json_add_string(out, text);
}

/* Bytes that are no JSON are shown as a string where they are text at all. */
static void add_data(sc_buf *out, sc_str value)
{
    sc_buf_add_str(out, SC_STR(",\"data\":"));
    if (value.len > 0 && sc_json_is_valid(value))
        sc_buf_add_str(out, value);
    else
        sc_json_add_string(out, value);
}

static void add_row(sc_buf *out, const sc_state_row *row, bool has_metadata)
{
    char time[SC_CLOCK_TEXT_MAX];
    bool is_shown = row->value.is_found && sc_str_is_utf8(row->value.value);
    sc_str error = row->value.is_found && !is_shown
                       ? SC_STR("the value is binary, which JSON cannot hold: get it by its key")
                       : row->error;

    add(out, "{\"key\":", row->key);
    if (is_shown)
        add_data(out, row->value.value);
    if (row->value.etag.len > 0)
        add(out, ",\"etag\":", row->value.etag);
    if (has_metadata && row->value.expires_s > 0) {
        add(out, ",\"metadata\":{\"ttlExpireTime\":",
            sc_clock_format_s(row->value.expires_s, false, time));
        sc_buf_add_byte(out, '}');
    }
    if (error.len > 0)
        add(out, ",\"error\":", error);
    sc_buf_add_byte(out, '}');
}

static void add_rows(sc_buf *out, const sc_state_row *rows, size_t count, bool has_metadata)
{
    sc_buf_add_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sc_buf_add_byte(out, ',');
        add_row(out, &rows[i], has_metadata);
    }
    sc_buf_add_byte(out, ']');
}

/* ---- bulk get ---- */

void http_bulk_get_state(sc_http_request_ctx *ctx)
{
    sc_state_bulk_get_request *req = sc_call_make(ctx->ex->call, sc_state_bulk_get_request);
    sc_error err;

    if (!http_has_state_store(ctx))
        return;
    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->metadata = query_metadata(ctx);
    req->done = on_bulk_got;
    req->user = ctx;
    if (http_read_bulk_get(ctx->ex->req.body, req, &err) != SC_OK)
        http_reply_reason(ctx, SC_REASON_MALFORMED_REQUEST, "failed deserializing HTTP body: %s",
                          err.text);
    else
        sc_states_bulk_get(ctx->api->states, req);
}

static void on_bulk_got(sc_state_bulk_get_request *req)
{
    sc_http_request_ctx *ctx = req->user;
    sc_buf out = {0};

    if (!sc_problem_is_none(&req->problem)) {
        http_reply_state_problem(ctx, &req->problem);
        return;
    }
    add_rows(&out, req->rows, req->row_count, true);
    sc_buf_add_byte(&out, '\n');
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}

/* ---- query ---- */

void http_query_state(sc_http_request_ctx *ctx)
{
    sc_state_query_request *req = sc_call_make(ctx->ex->call, sc_state_query_request);

    req->call = ctx->ex->call;
    req->store_name = ctx->params[0];
    req->text = ctx->ex->req.body;
    req->metadata = query_metadata(ctx);
    req->done = on_queried;
    req->user = ctx;
    sc_states_query(ctx->api->states, req);
}

static void on_queried(sc_state_query_request *req)
{
    sc_http_request_ctx *ctx = req->user;
    sc_buf out = {0};

    if (!sc_problem_is_none(&req->problem)) {
        http_reply_problem(ctx, &req->problem);
        return;
    }
    if (req->row_count == 0) {
        http_reply_empty(ctx, 204);
        return;
    }
    sc_buf_add_str(&out, SC_STR("{\"results\":"));
    add_rows(&out, req->rows, req->row_count, false);
    if (req->token.len > 0)
        add(&out, ",\"token\":", req->token);
    sc_buf_add_str(&out, SC_STR("}\n"));
    http_reply(ctx, 200, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}
