/* SPDX-License-Identifier: MIT
 *
 * Service invocation over HTTP: /v1.0/invoke/{id}/method/{path}, and any other path with the id in
 * the dapr-app-id header or in basic authentication (HTTP API, service invocation).
 *
 * Bodies pass through in parts, under the length that the application announced. An answer without
 * one is gathered as long as it is short, so that it has one all the same: to the end of the turn
 * in which it begins, and one of 400 and more however it comes. One without a media type waits for
 * its first piece.
 */
#include "api/http/internal.h"
#include "wire/base64.h"
#include "wire/http_field.h"
#include "wire/sniff.h"
#include "wire/url.h"

#define GATHERED_MAX (1024u * 1024u) /* of an answer of 400 and more */
#define HELD_MAX     (64u * 1024u)   /* of any other, to the end of the turn */

typedef struct http_invocation {
    sc_invocation inv; /* first: the block's events and done find it by a cast */
    sc_http_request_ctx *ctx;
    sc_trace trace;
    sc_pairs headers; /* of the answer */
    int status;
    sc_str gathered;
    size_t gathered_cap;
    size_t gathered_max;
    sc_turn_hook turn_end;
    uint64_t received;    /* of a body in parts */
    bool is_request_open; /* more of its body comes */
    bool is_gathering;
    bool is_held;      /* gathered to the end of the turn only */
    bool is_complete;  /* `gathered` is all of the answer, whatever comes */
    bool is_sniffing;  /* the body's start tells its type */
    bool is_head_sent; /* of the answer */
    bool is_over;      /* done came */
} http_invocation;

static void on_head(sc_invoke_op *op);
static void on_data(sc_invoke_op *op, const char *at, size_t len);
static void on_drained(sc_invoke_op *op);
static void on_turn_end(sc_turn_hook *hook);
static void on_done(sc_invocation *inv);

static const sc_invoke_events events = {
    .on_head = on_head, .on_data = on_data, .on_drained = on_drained};

/* ---- who and what ---- */

static sc_str without_slashes(sc_str path)
{
    while (sc_str_starts(path, SC_STR("/")))
        path = sc_str_sub(path, 1, path.len);
    return path;
}

/* Skips `word` behind at least one '/', and the slashes behind it: true when there are some. */
static bool skip_segment(sc_str *path, sc_str word)
{
    sc_str rest = *path;

    if (!sc_str_starts(rest, SC_STR("/")))
        return false;
    rest = without_slashes(rest);
    if (!sc_str_starts(rest, word))
        return false;
    *path = sc_str_sub(rest, word.len, rest.len);
    return sc_str_starts(*path, SC_STR("/"));
}

/* "Basic dapr-app-id:ID", encoded: the id, or empty. */
static sc_str id_of_basic(sc_str value, sc_arena *mem)
{
    sc_str prefix = SC_STR("Basic ");
    sc_str plain;
    sc_str user;

    if (!sc_str_starts(value, prefix) ||
        !sc_base64_decode(sc_str_sub(value, prefix.len, value.len), mem, &plain))
        return SC_STR_NONE;
    user = sc_str_cut(&plain, ':');
    if (!sc_str_eq_nocase(user, SC_STR("dapr-app-id")) || sc_str_find(plain, ':') < plain.len)
        return SC_STR_NONE;
    return plain;
}

/* "/v1.0/invoke/ID/method/METHOD" in a decoded path; extra slashes in front of the id are passed
 * over, those behind it belong to it. */
static bool split_path(sc_str path, sc_arena *mem, sc_str *id, sc_str *method)
{
    sc_str part = SC_STR("/method/");
    sc_str decoded;
    size_t at;

    if (!skip_segment(&path, SC_STR("v1.0")) || !skip_segment(&path, SC_STR("invoke")))
        return false;
    path = without_slashes(path);
    at = sc_str_find_str(path, part);
    if (at == 0 || at == path.len)
        return false;
    *id = sc_str_sub(path, 0, at);
    *method = without_slashes(sc_str_sub(path, at + part.len, path.len));
    if (sc_url_unescape(*id, mem, &decoded) && decoded.len > 0)
        *id = decoded;
    return true;
}

/* The target and the method, decoded; false: nobody is meant. */
static bool find_target(const http_invocation *call, sc_str path, sc_str *id, sc_str *method)
{
    const sc_pairs *headers = &call->ctx->ex->req.headers;
    sc_arena *mem = &call->ctx->ex->call->mem;
    const sc_str *named = sc_pairs_get(headers, SC_STR("dapr-app-id"));
    const sc_str *user = sc_pairs_get(headers, SC_STR("authorization"));

    *id = named ? *named : SC_STR_NONE;
    if (id->len == 0 && user)
        *id = id_of_basic(*user, mem);
    if (id->len == 0)
        return split_path(path, mem, id, method);
    *method = without_slashes(sc_url_clean_path(path, mem));
    return true;
}

/* What does not go on to the target: what is of this connection, what was for this sidecar, what
 * the sidecar sends anew. */
static bool is_for_us(const http_invocation *call, sc_str name)
{
    const sc_http_request_ctx *ctx = call->ctx;

    return sc_str_eq(name, SC_STR("host")) || sc_str_eq(name, SC_STR("te")) ||
           sc_str_eq(name, SC_STR("trailer")) || sc_str_eq(name, SC_STR("transfer-encoding")) ||
           sc_str_eq(name, SC_STR("dapr-app-id")) ||
           (ctx->api->api_token.len > 0 && sc_str_eq(name, SC_STR("dapr-api-token"))) ||
           (call->inv.op.trace &&
            (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate"))));
}

static void fill_metadata(http_invocation *call)
{
    const sc_pairs *from = &call->ctx->ex->req.headers;
    sc_invoke_request *ask = &call->inv.op.ask;
    sc_arena *mem = &call->ctx->ex->call->mem;

    ask->metadata.cap = from->count + 1;
    ask->metadata.at = sc_arena_alloc(mem, ask->metadata.cap * sizeof(ask->metadata.at[0]));
    for (uint32_t i = 0; i < from->count; i++) {
        if (sc_str_eq(from->at[i].name, SC_STR("content-type")))
            ask->content_type = from->at[i].value;
        if (!is_for_us(call, from->at[i].name))
            ask->metadata.at[ask->metadata.count++] = from->at[i];
    }
}

static http_invocation *new_call(sc_http_request_ctx *ctx)
{
    http_invocation *call = sc_call_make(ctx->ex->call, http_invocation);
    sc_invocation *inv = &call->inv;

    call->ctx = ctx;
    call->turn_end.run = on_turn_end;
    call->trace = (sc_trace){.parent = ctx->traceparent, .state = ctx->tracestate};
    inv->call = ctx->ex->call;
    inv->done = on_done;
    inv->op.events = &events;
    inv->op.trace = ctx->is_untraced ? NULL : &call->trace;
    ctx->ex->user = call;
    return call;
}

static void on_gone(sc_http_exchange *ex)
{
    http_invocation *call = ex->user;

    if (!call->is_over)
        sc_invocation_cancel(&call->inv);
}

static void on_exchange_drained(sc_http_exchange *ex)
{
    http_invocation *call = ex->user;

    if (!call->is_over)
        sc_invoke_set_paused(&call->inv.op, false);
}

/* Who is meant, and what is asked of it. False: it is answered already. */
static http_invocation *begin(sc_http_request_ctx *ctx)
{
    sc_http_request *req = &ctx->ex->req;
    http_invocation *call = new_call(ctx);
    sc_invoke_request *ask = &call->inv.op.ask;
    sc_str path;

    if (!sc_url_unescape_path(req->path, &ctx->ex->call->mem, &path)) {
        http_reply_text(ctx, 400, SC_STR("400 Bad Request"));
        return NULL;
    }
    if (!find_target(call, path, &call->inv.target, &ask->method)) {
        http_reply_reason(
            ctx, SC_REASON_DIRECT_INVOKE_NO_ID,
            "failed getting app id either from the URL path or the header dapr-app-id");
        return NULL;
    }
    ask->has_http = true;
    ask->verb = sc_invoke_verb_of(req->method);
    ask->query = req->query;
    fill_metadata(call);
    ctx->ex->on_gone = ctx->ex->on_half_closed = on_gone;
    ctx->ex->on_drained = on_exchange_drained;
    return call;
}

void http_invoke(sc_http_request_ctx *ctx)
{
    http_invocation *call = begin(ctx);

    if (!call)
        return;
    call->inv.op.ask.data = ctx->ex->req.body;
    call->inv.op.body_len = ctx->ex->body_len;
    sc_endpoints_invoke(ctx->api->endpoints, ctx->api->invoker, &call->inv);
}

/* ---- a body in parts ---- */

static void refuse_length(http_invocation *call)
{
    sc_http_exchange *ex = call->ctx->ex;

    if (call->is_head_sent)
        sc_http_respond_abort(ex);
    else
        http_reply_text(call->ctx, 413,
                        sc_arena_fmt(&ex->call->mem,
                                     "request body of %llu bytes or more is over the limit of "
                                     "%llu; raise it with --max-body-size",
                                     (unsigned long long)call->received,
                                     (unsigned long long)ex->body_limit));
    sc_invocation_cancel(&call->inv);
}

static void on_body(sc_http_exchange *ex, const char *at, size_t len)
{
    http_invocation *call = ex->user;

    call->received += len;
    if (call->is_over)
        return;
    if (ex->body_limit > 0 && call->received > ex->body_limit) {
        refuse_length(call);
        return;
    }
    sc_invoke_write(&call->inv.op, at, len);
    if (sc_invoke_is_congested(&call->inv.op))
        sc_http_body_pause(ex);
}

static void on_body_end(sc_http_exchange *ex)
{
    http_invocation *call = ex->user;

    call->is_request_open = false;
    if (!call->is_over)
        sc_invoke_write_end(&call->inv.op);
}

static const sc_http_body_ops body_ops = {.on_data = on_body, .on_end = on_body_end};

void http_invoke_in_parts(sc_http_request_ctx *ctx)
{
    http_invocation *call = begin(ctx);

    if (!call)
        return;
    ctx->ex->body_ops = &body_ops;
    call->is_request_open = true;
    call->inv.op.body_len = ctx->ex->body_len;
    call->inv.op.is_body_open = true;
    sc_endpoints_invoke(ctx->api->endpoints, ctx->api->invoker, &call->inv);
}

static void on_drained(sc_invoke_op *op)
{
    http_invocation *call = (http_invocation *)op;

    sc_http_body_resume(call->ctx->ex);
}

/* ---- the answer ---- */

static bool has_header(const sc_pairs *headers, sc_str name)
{
    return sc_pairs_get(headers, name) != NULL;
}

/* The application's headers for an HTTP client (HTTP API, "headers, callee app to caller"). */
static void add_answer_headers(http_invocation *call)
{
    const sc_invoke_response *answer = &call->inv.op.answer;
    sc_arena *mem = &call->ctx->ex->call->mem;

    for (uint32_t i = 0; i < answer->headers.count; i++) {
        sc_str name = sc_arena_lower(mem, answer->headers.at[i].name);

        if (!sc_invoke_is_hop_header(name) && !sc_str_eq(name, SC_STR("content-length")) &&
            !sc_str_eq(name, SC_STR("content-type")) && !sc_str_ends(name, SC_STR("-bin")) &&
            sc_http_is_field_name(name) && sc_http_is_field_value(answer->headers.at[i].value))
            sc_pairs_add(&call->headers, mem, sc_invoke_http_name(name, mem),
                         answer->headers.at[i].value);
    }
}

static void add_own_headers(http_invocation *call)
{
    sc_http_request_ctx *ctx = call->ctx;

    if (!has_header(&call->headers, SC_STR("traceparent")))
        http_add_trace(ctx, &call->headers);
    http_add_cors(ctx, &call->headers);
}

static bool is_head(const http_invocation *call)
{
    return sc_str_eq(call->ctx->ex->req.method, SC_STR("HEAD"));
}

/* What the caller is told of the body's length: nothing behind HEAD, as in Dapr. */
static uint64_t announced_len(const http_invocation *call)
{
    const sc_invoke_response *answer = &call->inv.op.answer;

    return answer->has_body_len && !is_head(call) ? answer->body_len : SC_HTTP_LEN_UNKNOWN;
}

/* The head as it stands, and what was gathered; the rest of the body follows as it comes. */
static void start_answer(http_invocation *call)
{
    sc_http_exchange *ex = call->ctx->ex;

    call->is_gathering = call->is_held = false;
    call->is_head_sent = true;
    sc_http_respond_start(ex, call->status, &call->headers, announced_len(call));
    sc_http_respond_write(ex, call->gathered.at, call->gathered.len);
}

/* What has no length yet gets one if it is whole when the turn ends. Chunks would say the same, but
 * clients on Node 18 take an answer in chunks that comes in one piece for one that broke off. */
static void hold_answer(http_invocation *call)
{
    if (call->inv.op.answer.has_body_len || call->is_request_open || is_head(call)) {
        start_answer(call);
        return;
    }
    call->is_gathering = call->is_held = true;
    call->gathered_max = HELD_MAX;
    sc_loop_at_turn_end(call->ctx->api->loop, &call->turn_end);
}

static void on_turn_end(sc_turn_hook *hook)
{
    http_invocation *call = SC_CONTAINER_OF(hook, http_invocation, turn_end);

    if (call->is_held)
        start_answer(call);
}

static void add_content_type(http_invocation *call, sc_str value)
{
    sc_pairs_add(&call->headers, &call->ctx->ex->call->mem, SC_STR("content-type"), value);
}

/* A gRPC application that says no: its status as JSON. */
static void take_grpc_status(http_invocation *call)
{
    const sc_invoke_response *answer = &call->inv.op.answer;

    call->status = sc_code_http_status((sc_code)answer->status);
    call->is_gathering = call->is_complete = true;
    call->gathered = http_grpc_status_json(answer, &call->ctx->ex->call->mem);
    add_content_type(call, SC_STR("text/plain; charset=utf-8"));
    add_own_headers(call);
}

/* The status, the headers, and whether the body is gathered, sniffed, or held for this turn. */
static void on_head(sc_invoke_op *op)
{
    http_invocation *call = (http_invocation *)op;
    const sc_invoke_response *answer = &op->answer;
    sc_str type =
        answer->type_url.len > 0 ? SC_STR("application/x-protobuf") : answer->content_type;

    if (answer->status != SC_OK && answer->status < 100) {
        take_grpc_status(call);
        return;
    }
    call->status = answer->status == SC_OK ? 200 : answer->status;
    call->is_gathering = call->status >= 400 && op->body_len != SC_HTTP_LEN_UNKNOWN;
    call->gathered_max = GATHERED_MAX;
    add_answer_headers(call);
    call->is_sniffing = type.len == 0 && !call->is_gathering &&
                        !has_header(&call->headers, SC_STR("content-encoding"));
    if (type.len == 0 && call->is_gathering)
        type = SC_STR("application/json");
    if (type.len > 0 && sc_http_is_field_value(type))
        add_content_type(call, type);
    add_own_headers(call);
    if (!call->is_gathering && !call->is_sniffing)
        hold_answer(call);
}

/* False: the body gets long, and goes on without a length. */
static bool gather(http_invocation *call, const char *at, size_t len)
{
    if (call->gathered.len + len <= call->gathered_max &&
        sc_arena_append(&call->ctx->ex->call->mem, &call->gathered, &call->gathered_cap, at, len))
        return true;
    start_answer(call);
    return false;
}

static void on_data(sc_invoke_op *op, const char *at, size_t len)
{
    http_invocation *call = (http_invocation *)op;
    sc_http_exchange *ex = call->ctx->ex;

    if (call->is_complete)
        return;
    if (call->is_sniffing) {
        call->is_sniffing = false;
        add_content_type(call, sc_sniff_type((sc_str){at, len}));
        hold_answer(call);
    }
    if (call->is_gathering && gather(call, at, len))
        return;
    sc_http_respond_write(ex, at, len);
    if (sc_http_respond_is_congested(ex))
        sc_invoke_set_paused(op, true);
}

static void answer_failure(http_invocation *call)
{
    sc_http_exchange *ex = call->ctx->ex;
    const sc_invocation *inv = &call->inv;
    sc_problem problem;

    if (call->is_held) /* the same as if it had come a turn earlier: what there is, and a cut */
        start_answer(call);
    if (call->is_head_sent) {
        if (inv->op.op.err.code != SC_CANCELLED)
            sc_log_warn(call->ctx->api->log,
                        "HTTP service invocation failed to complete with error: %.*s",
                        SC_FMT(inv->failure));
        sc_http_respond_abort(ex);
        return;
    }
    (void)sc_problem_set(
        &problem, &ex->call->mem,
        inv->op.op.err.code == SC_PERMISSION_DENIED ? SC_REASON_DIRECT_INVOKE_DENIED
                                                    : SC_REASON_DIRECT_INVOKE,
        "failed to invoke, id: %.*s, err: %.*s", SC_FMT(inv->target), SC_FMT(inv->failure));
    http_reply_problem(call->ctx, &problem);
}

static void on_done(sc_invocation *inv)
{
    http_invocation *call = (http_invocation *)inv;
    sc_http_exchange *ex = call->ctx->ex;

    call->is_over = true;
    if (call->is_sniffing && inv->op.op.err.code == SC_OK)
        hold_answer(call); /* a body would have told its type */
    if (inv->op.op.err.code != SC_OK)
        answer_failure(call);
    else if (call->is_gathering)
        sc_http_respond(ex, call->status, &call->headers, call->gathered);
    else
        sc_http_respond_end(ex);
    sc_loop_forget_hook(&call->turn_end);
}
