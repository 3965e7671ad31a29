/* SPDX-License-Identifier: MIT
 *
 * Invocations as HTTP requests: to the application, or to an HTTP endpoint (HTTP API, "headers,
 * caller to callee app"). At most max_concurrency calls are under way, events included; an
 * invocation holds its place until its answer has been handed on to the end.
 */
#include "app/channel_http_internal.h"
#include "wire/traceparent.h"
#include "wire/http_field.h"
#include "wire/url.h"

#define HELD_MAX (64u * 1024u) /* of a body, while the call waits for its turn */

typedef struct http_leg {
    sc_http_call_op http; /* first: the client's events and done find the leg by a cast */
    sc_gate_entry turn;
    sc_app_http *app;
    sc_invoke_op *op;
    sc_pairs headers;
    sc_str target;
    sc_buf held; /* written before the turn came */
    bool is_started;
    bool is_body_whole;
    bool wants_drained;
    bool is_paused;
} http_leg;

static void start(sc_gate_entry *turn);
static void on_head(sc_http_call_op *http);
static void on_data(sc_http_call_op *http, const char *at, size_t len);
static void on_drained(sc_http_call_op *http);
static void on_done(sc_op *done);

static const sc_http_call_events events = {
    .on_head = on_head, .on_data = on_data, .on_drained = on_drained};

/* ---- the request ---- */

/* What the sidecar itself says about the message, or never passes on to HTTP. */
static bool is_left_out(const sc_invoke_op *op, const sc_str *connection, sc_str name)
{
    return sc_invoke_is_hop_header(name) || sc_str_eq(name, SC_STR("host")) ||
           sc_str_eq(name, SC_STR("content-type")) || sc_str_eq(name, SC_STR("content-length")) ||
           sc_str_ends(name, SC_STR("-bin")) || sc_str_eq(name, SC_STR("destination-app-id")) ||
           (op->trace &&
            (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("tracestate")))) ||
           (connection && sc_invoke_connection_names(connection, name));
}

static bool is_set_here(const sc_app_http *app, sc_str name)
{
    return (app->api_token.len > 0 && sc_str_eq(name, SC_STR("dapr-api-token"))) ||
           (app->headers.count > 0 && sc_pairs_get_nocase(&app->headers, name));
}

static void add_trace(http_leg *leg, sc_arena *mem)
{
    const sc_trace *trace = leg->op->trace;

    sc_pairs_add(&leg->headers, mem, SC_STR("traceparent"),
                 trace->parent.len > 0 ? trace->parent : SC_TRACEPARENT_NONE);
    if (trace->state.len > 0)
        sc_pairs_add(&leg->headers, mem, SC_STR("tracestate"), trace->state);
}

static void fill_headers(http_leg *leg)
{
    const sc_app_http *app = leg->app;
    const sc_invoke_request *ask = &leg->op->ask;
    const sc_str *connection = sc_pairs_get(&ask->metadata, SC_STR("connection"));
    sc_arena *mem = leg->op->op.mem;
    sc_str content_type =
        ask->type_url.len > 0 ? SC_STR("application/x-protobuf") : ask->content_type;

    if (!sc_pairs_get(&ask->metadata, SC_STR("user-agent")) &&
        !is_set_here(app, SC_STR("user-agent")))
        sc_pairs_add(&leg->headers, mem, SC_STR("user-agent"), SC_STR("Go-http-client/1.1"));
    for (uint32_t i = 0; i < ask->metadata.count; i++) {
        const sc_pair *pair = &ask->metadata.at[i];

        if (!is_left_out(leg->op, connection, pair->name) && !is_set_here(app, pair->name))
            sc_pairs_add(&leg->headers, mem, sc_invoke_http_name(pair->name, mem), pair->value);
    }
    if (content_type.len > 0 && !is_set_here(app, SC_STR("content-type")))
        sc_pairs_add(&leg->headers, mem, SC_STR("content-type"), content_type);
    if (leg->op->trace)
        add_trace(leg, mem);
    if (app->api_token.len > 0)
        sc_pairs_add(&leg->headers, mem, SC_STR("dapr-api-token"), app->api_token);
    for (uint32_t i = 0; i < app->headers.count; i++)
        sc_pairs_add(&leg->headers, mem, app->headers.at[i].name, app->headers.at[i].value);
}

/* "Get" for GET, as Go's errors begin. */
static sc_str go_verb(sc_str verb, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, verb.len + 1);

    for (size_t i = 0; i < verb.len; i++)
        to[i] = (char)(i > 0 ? verb.at[i] | 0x20 : verb.at[i]);
    return sc_str_of(to, verb.len);
}

static bool usually_has_body(unsigned verb)
{
    sc_str name = sc_invoke_verb_name(verb);

    return sc_str_eq(name, SC_STR("POST")) || sc_str_eq(name, SC_STR("PUT")) ||
           sc_str_eq(name, SC_STR("PATCH")) || sc_str_eq(name, SC_STR("TRACE"));
}

/* As Dapr frames bodies: a method that usually has one sends an empty one in chunks. */
static void fill_body(http_leg *leg)
{
    const sc_invoke_op *op = leg->op;
    sc_http_call_op *http = &leg->http;
    bool is_empty = !op->is_body_open && op->ask.data.len == 0;

    http->body_parts = &op->ask.data;
    http->body_part_count = op->ask.data.len > 0;
    http->body_len = op->body_len;
    if (is_empty && usually_has_body(op->ask.verb))
        http->body_len = SC_HTTP_LEN_UNKNOWN;
    http->is_body_open = op->is_body_open || http->body_len == SC_HTTP_LEN_UNKNOWN;
    http->is_idempotent = is_empty && !http->is_body_open;
    leg->is_body_whole = !op->is_body_open;
}

/* Spaces as "%20"; false for what would end the request's line. */
static bool clean_query(sc_str query, sc_arena *mem, sc_str *out)
{
    size_t spaces = 0, len = 0;
    char *to;

    *out = query;
    if (!sc_http_is_field_value(query) || sc_str_find(query, '\t') < query.len)
        return false;
    for (size_t i = 0; i < query.len; i++)
        spaces += query.at[i] == ' ';
    if (spaces == 0)
        return true;
    to = sc_arena_alloc(mem, query.len + 2 * spaces);
    for (size_t i = 0; i < query.len; i++) {
        if (query.at[i] == ' ') {
            memcpy(to + len, "%20", 3);
            len += 3;
        } else {
            to[len++] = query.at[i];
        }
    }
    *out = sc_str_of(to, len);
    return true;
}

/* The path and query; fails as Go's URL parser does. */
static sc_code make_target(http_leg *leg, sc_error *err)
{
    const sc_invoke_request *ask = &leg->op->ask;
    const sc_app_http *app = leg->app;
    sc_arena *mem = leg->op->op.mem;
    sc_str method = ask->method;
    sc_str path, query;
    sc_code code;

    if (sc_str_starts(method, SC_STR("/")))
        method = sc_str_sub(method, 1, method.len);
    code = sc_url_escape_path(method, mem, &path, err);
    if (code == SC_OK && !clean_query(ask->query, mem, &query))
        code = sc_fail(err, SC_INVALID, "net/url: invalid control character in URL");
    if (code == SC_OK) {
        sc_str parts[] = {app->base_path, SC_STR("/"), path, SC_STR("?"), query};

        leg->target = sc_arena_join(mem, parts, query.len > 0 ? 5 : 3);
        return SC_OK;
    }
    return sc_error_context(err, "parse \"%.*s%.*s/%.*s\"", SC_FMT(app->base),
                            SC_FMT(app->base_path), SC_FMT(method));
}

/* Sidecars and gRPC clients may say what is no header: Go's client refuses to send it. */
static sc_code check_headers(const http_leg *leg, sc_error *err)
{
    for (uint32_t i = 0; i < leg->headers.count; i++) {
        const sc_pair *pair = &leg->headers.at[i];

        if (!sc_http_is_field_name(pair->name))
            return sc_fail(err, SC_INVALID, "net/http: invalid header field name \"%.*s\"",
                           SC_FMT(sc_arena_utf8(leg->op->op.mem, pair->name)));
        if (!sc_http_is_field_value(pair->value))
            return sc_fail(err, SC_INVALID, "net/http: invalid header field value for \"%.*s\"",
                           SC_FMT(pair->name));
    }
    return SC_OK;
}

static sc_code make_request(http_leg *leg, sc_error *err)
{
    const sc_invoke_request *ask = &leg->op->ask;

    leg->op->is_rpc_error = true;
    if (!ask->has_http)
        return sc_fail(err, SC_INVALID, "missing HTTP extension field");
    if (ask->verb == SC_INVOKE_VERB_NONE || ask->verb == SC_INVOKE_VERB_CONNECT)
        return sc_fail(err, SC_INVALID, "invalid HTTP verb");
    leg->op->is_rpc_error = false;
    if (make_target(leg, err) != SC_OK)
        return err->code;
    fill_headers(leg);
    fill_body(leg);
    return check_headers(leg, err);
}

static void carry(void *self, sc_invoke_op *op)
{
    http_leg *leg = sc_arena_new(op->op.mem, http_leg);

    op->state = leg;
    leg->app = self;
    leg->op = op;
    leg->turn.start = start;
    leg->turn.op = &op->op;
    sc_list_init(&leg->turn.link);
    if (make_request(leg, &op->op.err) == SC_OK)
        sc_gate_enter(&leg->app->gate, &leg->turn);
    else
        sc_op_finish(&op->op);
}

static void start(sc_gate_entry *turn)
{
    http_leg *leg = SC_CONTAINER_OF(turn, http_leg, turn);
    sc_http_call_op *http = &leg->http;

    http->method = sc_invoke_verb_name(leg->op->ask.verb);
    http->target = leg->target;
    http->headers = &leg->headers;
    http->timeout_ms = leg->op->timeout_ms;
    http->accepts_gzip = true;
    http->events = &events;
    leg->is_started = true;
    sc_op_init(&http->op, sc_loop_ops(leg->app->loop), leg->op->op.mem, on_done);
    sc_http_client_send(leg->app->client, http);
    if (!http->is_body_open)
        return;
    if (sc_buf_len(&leg->held) > 0)
        sc_http_client_write(http, sc_buf_at(&leg->held), sc_buf_len(&leg->held));
    sc_buf_deinit(&leg->held);
    if (leg->is_body_whole)
        sc_http_client_write_end(http);
    if (leg->is_paused)
        sc_http_client_pause(http);
    if (leg->wants_drained)
        on_drained(http);
}

static void leg_write(sc_invoke_op *op, const void *at, size_t len)
{
    http_leg *leg = op->state;

    if (leg->is_started)
        sc_http_client_write(&leg->http, at, len);
    else
        sc_buf_add(&leg->held, at, len);
}

static void leg_write_end(sc_invoke_op *op)
{
    http_leg *leg = op->state;

    leg->is_body_whole = true;
    if (leg->is_started)
        sc_http_client_write_end(&leg->http);
}

static bool leg_is_congested(sc_invoke_op *op)
{
    http_leg *leg = op->state;

    if (leg->is_started)
        return sc_http_client_is_congested(&leg->http);
    leg->wants_drained = sc_buf_len(&leg->held) >= HELD_MAX;
    return leg->wants_drained;
}

static void leg_set_paused(sc_invoke_op *op, bool is_paused)
{
    http_leg *leg = op->state;

    leg->is_paused = is_paused;
    if (!leg->is_started)
        return;
    if (is_paused)
        sc_http_client_pause(&leg->http);
    else
        sc_http_client_resume(&leg->http);
}

static void leg_cancel(sc_invoke_op *op)
{
    http_leg *leg = op->state;

    if (leg->is_started) {
        sc_http_client_cancel(leg->app->client, &leg->http);
    } else if (sc_gate_cancel(&leg->turn)) {
        sc_buf_deinit(&leg->held);
        sc_op_fail(&op->op, SC_CANCELLED, "context canceled");
    }
}

/* ---- the answer ---- */

static void on_head(sc_http_call_op *http)
{
    http_leg *leg = (http_leg *)http;
    sc_invoke_op *op = leg->op;
    const sc_str *connection = sc_pairs_get(&http->answer_headers, SC_STR("connection"));
    sc_arena *mem = op->op.mem;

    op->has_head = true;
    op->answer.status = http->status;
    for (uint32_t i = 0; i < http->answer_headers.count; i++) {
        const sc_pair *pair = &http->answer_headers.at[i];

        if (sc_str_eq(pair->name, SC_STR("content-type")))
            op->answer.content_type = pair->value;
        if (sc_str_eq(pair->name, SC_STR("content-length")))
            sc_invoke_take_length(&op->answer, pair->value); /* not there if we unpack the body */
        else if (!sc_invoke_is_hop_header(pair->name) &&
                 !(connection && sc_invoke_connection_names(connection, pair->name)))
            sc_pairs_add(&op->answer.headers, mem, pair->name, pair->value);
    }
    op->events->on_head(op);
}

static void on_data(sc_http_call_op *http, const char *at, size_t len)
{
    sc_invoke_op *op = ((http_leg *)http)->op;

    op->events->on_data(op, at, len);
}

static void on_drained(sc_http_call_op *http)
{
    http_leg *leg = (http_leg *)http;

    leg->wants_drained = false;
    leg->op->events->on_drained(leg->op);
}

static void on_done(sc_op *done)
{
    http_leg *leg = (http_leg *)done;
    sc_invoke_op *op = leg->op;
    sc_app_http *app = leg->app;

    sc_app_http_count(app, &leg->http, leg->target);
    op->op.err = done->err;
    if (done->err.code != SC_OK && done->err.code != SC_CANCELLED && !op->has_head) {
        sc_str verb = go_verb(leg->http.method, op->op.mem);

        op->story = sc_arena_fmt(op->op.mem, "%.*s \"%.*s%.*s\": %s", SC_FMT(verb),
                                 SC_FMT(app->base), SC_FMT(leg->target), done->err.text);
        (void)sc_fail(&op->op.err, done->err.code, "%.*s", SC_FMT(op->story));
    }
    sc_op_finish(&op->op);
    sc_gate_leave(&app->gate);
}

static const sc_invoke_carrier carrier = {
    .start = carry,
    .write = leg_write,
    .write_end = leg_write_end,
    .is_congested = leg_is_congested,
    .set_paused = leg_set_paused,
    .cancel = leg_cancel,
};

sc_invoke_target sc_app_http_target(sc_app_http *app)
{
    return (sc_invoke_target){.carrier = &carrier, .self = app};
}
