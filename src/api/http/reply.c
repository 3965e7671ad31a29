/* SPDX-License-Identifier: MIT
 *
 * Answers and query parameters.
 */
#include <stdarg.h>
#include <stdio.h>

#include "api/http/internal.h"
#include "wire/json.h"
#include "wire/url.h"

void http_reply_with(sc_http_request_ctx *ctx, int status, sc_str content_type, sc_pairs *headers,
                     sc_str body)
{
    if (content_type.len > 0)
        sc_pairs_add(headers, &ctx->ex->call->mem, SC_STR("content-type"), content_type);
    http_add_trace(ctx, headers);
    http_add_cors(ctx, headers);
    sc_http_respond(ctx->ex, status, headers, body);
}

void http_reply(sc_http_request_ctx *ctx, int status, sc_str content_type, sc_str body)
{
    sc_pairs headers = {0};

    http_reply_with(ctx, status, content_type, &headers, body);
}

void http_reply_text(sc_http_request_ctx *ctx, int status, sc_str text)
{
    sc_pairs headers = {0};
    sc_arena *mem = &ctx->ex->call->mem;

    sc_pairs_add(&headers, mem, SC_STR("content-type"), SC_STR("text/plain; charset=utf-8"));
    http_add_trace(ctx, &headers);
    http_add_cors(ctx, &headers);
    sc_pairs_add(&headers, mem, SC_STR("x-content-type-options"), SC_STR("nosniff"));
    sc_http_respond(ctx->ex, status, &headers, text);
}

void http_reply_empty(sc_http_request_ctx *ctx, int status)
{
    http_reply(ctx, status, SC_STR_NONE, SC_STR_NONE);
}

static void add(sc_buf *out, const char *before, sc_str text)
{
    sc_buf_add_str(out, sc_str_from(before));
    sc_json_add_string(out, text);
}

/* ---- details, in the order in which Dapr gives them ---- */

static void add_type(sc_buf *out, const char *name)
{
    if (sc_buf_at(out)[sc_buf_len(out) - 1] == '}')
        sc_buf_add_byte(out, ',');
    sc_buf_add_fmt(out, "{\"@type\":\"type.googleapis.com/google.rpc.%s\",", name);
}

static void add_help(const sc_problem *problem, sc_buf *out)
{
    add_type(out, "Help");
    add(out, "\"links\":[{\"description\":", sc_str_from(problem->help_text));
    add(out, ",\"url\":", sc_str_from(problem->help_url));
    sc_buf_add_str(out, SC_STR("}]}"));
}

static void add_bad_request(const sc_problem *problem, sc_buf *out)
{
    add_type(out, "BadRequest");
    sc_buf_add_str(out, SC_STR("\"field_violations\":[{"));
    if (problem->bad_field.len > 0)
        add(out, "\"field\":", problem->bad_field);
    add(out,
        problem->bad_field.len > 0 ? ",\"description\":" : "\"description\":", problem->message);
    sc_buf_add_str(out, SC_STR("}]}"));
}

static void add_resource(const sc_problem *problem, sc_resource_kind kind, sc_buf *out)
{
    add_type(out, "ResourceInfo");
    add(out, "\"description\":", kind == SC_RESOURCE_PUBSUB ? problem->message : SC_STR_NONE);
    add(out, ",\"owner\":\"\",\"resource_name\":", problem->resource_name);
    add(out, ",\"resource_type\":", sc_str_from(sc_resource_kind_name(kind)));
    sc_buf_add_byte(out, '}');
}

static void add_error_info(const sc_problem *problem, const char *reason, sc_arena *mem,
                           sc_buf *out)
{
    sc_pairs info = sc_pairs_copy(&problem->info, mem);

    add_type(out, "ErrorInfo");
    sc_buf_add_str(out, SC_STR("\"domain\":\"dapr.io\",\"metadata\":"));
    sc_pairs_sort(&info);
    if (problem->has_info)
        sc_json_add_pairs(out, &info);
    else
        sc_buf_add_str(out, SC_STR("null"));
    add(out, ",\"reason\":", sc_str_from(reason));
    sc_buf_add_byte(out, '}');
}

static void add_details(const sc_problem *problem, const sc_reason_row *row, sc_arena *mem,
                        sc_buf *out)
{
    sc_buf_add_str(out, SC_STR(",\"details\":["));
    if (problem->help_text)
        add_help(problem, out);
    if (problem->is_bad_request)
        add_bad_request(problem, out);
    if (row->resource != SC_RESOURCE_NONE)
        add_resource(problem, row->resource, out);
    add_error_info(problem, row->info_reason, mem, out);
    sc_buf_add_byte(out, ']');
}

void http_reply_problem(sc_http_request_ctx *ctx, const sc_problem *problem)
{
    const sc_reason_row *row = sc_reason_of(problem->reason);
    sc_buf out = {0};

    sc_api_count_error(ctx->api, row->error_code);
    add(&out, "{\"errorCode\":", sc_str_from(row->error_code));
    add(&out, ",\"message\":", problem->message);
    if (row->info_reason[0] && !sc_reason_is_basic(row))
        add_details(problem, row, &ctx->ex->call->mem, &out);
    sc_buf_add_byte(&out, '}');
    http_reply(ctx, row->http_status, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}

void http_reply_reason(sc_http_request_ctx *ctx, sc_reason reason, const char *fmt, ...)
{
    sc_problem problem;
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    http_reply_problem(ctx, sc_problem_set(&problem, &ctx->ex->call->mem, reason, "%s", text));
}

sc_pairs http_query_metadata(sc_http_request_ctx *ctx)
{
    sc_arena *mem = &ctx->ex->call->mem;
    sc_str rest = ctx->ex->req.query;
    sc_str prefix = SC_STR("metadata.");
    sc_pairs all = {0};
    sc_str name;
    sc_str value;

    while (sc_url_next_param(&rest, mem, &name, &value)) {
        if (!sc_str_starts(name, prefix))
            continue;
        name = sc_str_sub(name, prefix.len, name.len);
        if (!sc_pairs_get(&all, name))
            sc_pairs_add(&all, mem, name, value);
    }
    return all;
}

const sc_str *http_query(sc_http_request_ctx *ctx, const char *wanted)
{
    sc_arena *mem = &ctx->ex->call->mem;
    sc_str rest = ctx->ex->req.query;
    sc_str name;
    sc_str *value = sc_arena_new(mem, sc_str);

    while (sc_url_next_param(&rest, mem, &name, value)) {
        if (sc_str_eq(name, sc_str_from(wanted)))
            return value;
    }
    return NULL;
}
