/* SPDX-License-Identifier: MIT
 *
 * Events as HTTP requests (pub/sub semantics, sections 6.2 and 6.3). At most max_concurrency calls
 * are under way; more wait in the order they came.
 */
#include "app/channel_http_internal.h"

#include <stdlib.h>

#include "app/binary_mode.h"
#include "app/bulk_json.h"
#include "wire/http_field.h"
#include "wire/json.h"
#include "wire/url.h"

typedef struct event_call {
    sc_http_call_op http; /* first: on_answered gets it back by a cast */
    sc_gate_entry turn;
    sc_app_http *app;
    sc_event_op *op;
    sc_pairs headers;
    sc_str body;
} event_call;

static void on_answered(sc_op *op);

sc_app_http *sc_app_http_open(sc_loop *loop, const sc_app_http_settings *settings)
{
    sc_app_http *app = sc_new(sc_app_http);
    sc_http_client_settings client = {
        .dial = {.host = settings->host,
                 .port = settings->port,
                 .timeout_ms = settings->dial_timeout_ms > 0 ? settings->dial_timeout_ms : 5000,
                 .tls = settings->tls},
        .authority = settings->authority,
        .version = settings->version,
        .max_connections = 1024,
    };
    bool is_v6 = sc_str_find(settings->host, ':') < settings->host.len;

    app->loop = loop;
    sc_arena_init(&app->mem, NULL);
    sc_gate_init(&app->gate, settings->max_concurrency);
    app->api_token = sc_arena_str(&app->mem, settings->api_token);
    app->base =
        sc_arena_fmt(&app->mem, is_v6 ? "%s://[%.*s]:%u" : "%s://%.*s:%u",
                     settings->tls ? "https" : "http", SC_FMT(settings->host), settings->port);
    app->base_path = sc_arena_str(&app->mem, settings->base_path);
    if (settings->headers)
        app->headers = sc_pairs_copy(settings->headers, &app->mem);
    app->max_body_len = settings->max_body_len;
    app->stats = settings->stats;
    app->log = settings->log;
    app->client = sc_http_client_open(loop, &client);
    return app;
}

sc_http_client *sc_app_http_client(sc_app_http *app)
{
    return app->client;
}

void sc_app_http_count(const sc_app_http *app, const sc_http_call_op *call, sc_str path)
{
    sc_http_stats_record_call(app->stats, call, path, sc_loop_now_ms(app->loop));
}

sc_str sc_app_http_token(const sc_app_http *app)
{
    return app->api_token;
}

/* ---- the request ---- */

/* As Go's http.Header writes a name: "foo-bar" as "Foo-Bar"; names that are no tokens are left out.
 */
static bool canonical(sc_str name, sc_arena *mem, sc_str *out)
{
    char *to = sc_arena_alloc(mem, name.len + 1);
    bool is_start = true;

    if (!sc_http_is_field_name(name))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (is_start && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (!is_start && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        to[i] = c;
        is_start = c == '-';
    }
    to[name.len] = '\0';
    *out = sc_str_of(to, name.len);
    return true;
}

/* Headers that describe the request itself and are never the broker's to set. */
static bool is_own(sc_str name)
{
    static const char *const own[] = {"content-length", "content-type",
                                      "host",           "connection",
                                      "pubsubname",     "transfer-encoding",
                                      "keep-alive",     "expect",
                                      "upgrade",        "te",
                                      "trailer"};

    for (size_t i = 0; i < SC_ARRAY_LEN(own); i++) {
        if (sc_str_eq_nocase(name, sc_str_from(own[i])))
            return true;
    }
    return false;
}

static void add_metadata(event_call *call, sc_arena *mem)
{
    const sc_event *event = call->op->event;
    const sc_pairs *metadata = event->metadata;
    sc_str name;

    for (uint32_t i = 0; metadata && i < metadata->count; i++) {
        if (event->has_traceparent && sc_str_eq_nocase(metadata->at[i].name, SC_STR("traceparent")))
            continue; /* the event's stands in its place */
        if (!is_own(metadata->at[i].name) && sc_http_is_field_value(metadata->at[i].value) &&
            canonical(metadata->at[i].name, mem, &name))
            sc_pairs_add(&call->headers, mem, name, metadata->at[i].value);
    }
}

static void write_headers(event_call *call)
{
    const sc_event *event = call->op->event;
    sc_arena *mem = call->op->op.mem;
    sc_str content_type = SC_STR("application/cloudevents+json");

    call->body = event->payload;
    sc_pairs_add(&call->headers, mem, SC_STR("User-Agent"), SC_STR("Go-http-client/1.1"));
    if (event->is_binary_mode && !event->is_raw && !event->is_octets)
        sc_event_to_binary_mode(event->payload, mem, &call->headers, &content_type, &call->body);
    sc_pairs_add(&call->headers, mem, SC_STR("Content-Type"), content_type);
    sc_pairs_add(&call->headers, mem, SC_STR("Pubsubname"), event->pubsub_name);
    add_metadata(call, mem);
    if (event->has_traceparent)
        sc_pairs_add(&call->headers, mem, SC_STR("Traceparent"), event->traceparent);
    if (event->tracestate.len > 0 && !sc_pairs_get_nocase(&call->headers, SC_STR("tracestate")))
        sc_pairs_add(&call->headers, mem, SC_STR("Tracestate"), event->tracestate);
    if (call->app->api_token.len > 0)
        sc_pairs_set(&call->headers, mem, SC_STR("Dapr-Api-Token"), call->app->api_token);
}

static void start(sc_gate_entry *turn)
{
    event_call *call = SC_CONTAINER_OF(turn, event_call, turn);
    sc_event_op *op = call->op;

    call->http = (sc_http_call_op){
        .method = SC_STR("POST"),
        .target = sc_url_target(op->path, op->op.mem),
        .headers = &call->headers,
        .body_parts = &call->body,
        .body_part_count = 1,
        .is_idempotent = true, /* deliveries are at least once anyway */
        .accepts_gzip = true,
        .timeout_ms = op->timeout_ms,
        .max_body_len = call->app->max_body_len,
    };
    sc_op_init(&call->http.op, sc_loop_ops(call->app->loop), op->op.mem, on_answered);
    sc_http_client_send(call->app->client, &call->http);
}

static void deliver(void *self, sc_event_op *op)
{
    sc_app_http *app = self;
    event_call *call = sc_arena_new(op->op.mem, event_call);

    call->app = app;
    call->op = op;
    op->sink_state = call;
    call->turn.start = start;
    call->turn.op = &op->op;
    write_headers(call);
    sc_gate_enter(&app->gate, &call->turn);
}

/* ---- the answer ---- */

static sc_app_answer from_text(sc_event_op *op, sc_str status)
{
    if (sc_str_eq_nocase(status, SC_STR("DROP")))
        return SC_APP_DROP;
    if (sc_str_eq_nocase(status, SC_STR("RETRY"))) {
        (void)sc_fail(&op->op.err, SC_OK, "RETRY status returned from app");
        return SC_APP_RETRY;
    }
    if (status.len > 0 && !sc_str_eq_nocase(status, SC_STR("SUCCESS")))
        op->odd_status = sc_str_sub(status, 0, 100);
    return SC_APP_SUCCESS;
}

static sc_app_answer read_body(sc_event_op *op, sc_str body)
{
    sc_app_answer answer = SC_APP_SUCCESS;
    sc_str at = sc_str_trim(body);
    sc_str key;
    sc_str value;

    if (at.len == 0 || at.at[0] != '{' || sc_json_scan(at, &at, NULL, NULL) != SC_OK)
        return SC_APP_SUCCESS;
    while (sc_json_next_member(&at, &key, &value)) {
        if (sc_str_eq_nocase(key, SC_STR("status")) && value.at[0] == '"')
            answer = from_text(op, sc_json_unquote(value, op->op.mem));
    }
    return answer;
}

static void read_answer(sc_event_op *op, const sc_http_call_op *http)
{
    op->http_status = http->status;
    op->body = sc_str_sub(http->answer_body, 0, 1024);
    if (http->status / 100 == 2) {
        op->answer = read_body(op, http->answer_body);
    } else if (http->status == 404) {
        op->answer = SC_APP_DROP;
    } else {
        op->answer = SC_APP_RETRY;
        (void)sc_fail(&op->op.err, SC_OK, "body: %.*s. status code returned: %d",
                      SC_FMT(sc_str_sub(op->body, 0, 200)), http->status);
    }
}

static void on_answered(sc_op *done)
{
    event_call *call = (event_call *)done;
    sc_app_http *app = call->app;
    sc_event_op *op = call->op;

    sc_app_http_count(app, &call->http, op->path);
    if (done->err.code == SC_OK) {
        read_answer(op, &call->http);
    } else {
        op->op.err = done->err;
        op->answer = SC_APP_RETRY;
    }
    sc_op_finish(&op->op);
    sc_gate_leave(&app->gate);
}

/* ---- several at once ---- */

typedef struct bulk_call {
    sc_http_call_op http; /* first */
    sc_gate_entry turn;
    sc_app_http *app;
    sc_bulk_event_op *bulk;
    sc_pairs headers;
    sc_str body;
} bulk_call;

static void on_bulk_answered(sc_op *done)
{
    bulk_call *call = (bulk_call *)done;
    sc_bulk_event_op *bulk = call->bulk;
    int status = call->http.status;

    sc_app_http_count(call->app, &call->http, bulk->path);
    if (done->err.code != SC_OK)
        bulk->op.err = done->err;
    else if (status / 100 == 2)
        sc_bulk_json_read(bulk, call->http.answer_body, bulk->op.mem, call->app->log);
    else if (status == 404)
        sc_bulk_answer_all(bulk, SC_APP_UNIMPLEMENTED, status, "status code returned: 404");
    else
        sc_bulk_answer_all(bulk, SC_APP_RETRY, status,
                           sc_arena_fmt(bulk->op.mem, "body: %.*s. status code returned: %d",
                                        SC_FMT(sc_str_sub(call->http.answer_body, 0, 200)), status)
                               .at);
    sc_op_finish(&bulk->op);
    sc_gate_leave(&call->app->gate);
}

static void start_bulk(sc_gate_entry *turn)
{
    bulk_call *call = SC_CONTAINER_OF(turn, bulk_call, turn);
    sc_arena *mem = call->bulk->op.mem;

    call->http = (sc_http_call_op){
        .method = SC_STR("POST"),
        .target = sc_url_target(call->bulk->path, mem),
        .headers = &call->headers,
        .body_parts = &call->body,
        .body_part_count = 1,
        .is_idempotent = true,
        .accepts_gzip = true,
        .max_body_len = call->app->max_body_len,
    };
    sc_op_init(&call->http.op, sc_loop_ops(call->app->loop), mem, on_bulk_answered);
    sc_http_client_send(call->app->client, &call->http);
}

static void deliver_bulk(void *self, sc_bulk_event_op *bulk)
{
    sc_app_http *app = self;
    sc_arena *mem = bulk->op.mem;
    const sc_event *first = bulk->entries[0]->event;
    bulk_call *call = sc_arena_new(mem, bulk_call);

    call->app = app;
    call->bulk = bulk;
    call->turn.start = start_bulk;
    call->turn.op = &bulk->op;
    call->body = sc_bulk_json_write(bulk, mem);
    sc_pairs_add(&call->headers, mem, SC_STR("User-Agent"), SC_STR("Go-http-client/1.1"));
    sc_pairs_add(&call->headers, mem, SC_STR("Content-Type"), SC_STR("application/json"));
    sc_pairs_add(&call->headers, mem, SC_STR("Pubsubname"), bulk->pubsub_name);
    if (first->has_traceparent && !first->is_raw)
        sc_pairs_add(&call->headers, mem, SC_STR("Traceparent"), first->traceparent);
    if (app->api_token.len > 0)
        sc_pairs_add(&call->headers, mem, SC_STR("Dapr-Api-Token"), app->api_token);
    sc_gate_enter(&app->gate, &call->turn);
}

static void cancel(void *self, sc_op *op)
{
    event_call *call = ((sc_event_op *)op)->sink_state;

    if (sc_gate_cancel(&call->turn)) {
        sc_op_fail(op, SC_CANCELLED, "context canceled");
        return;
    }
    sc_http_client_cancel(((sc_app_http *)self)->client, &call->http);
}

sc_event_sink sc_app_http_sink(sc_app_http *app)
{
    return (sc_event_sink){
        .deliver = deliver, .deliver_bulk = deliver_bulk, .cancel = cancel, .self = app};
}

/* ---- the end ---- */

static void on_client_closed(void *self)
{
    sc_app_http *app = self;
    void (*on_closed)(void *user) = app->on_closed;
    void *user = app->user;

    sc_arena_deinit(&app->mem);
    free(app);
    if (on_closed)
        on_closed(user);
}

void sc_app_http_close(sc_app_http *app, void (*on_closed)(void *user), void *user)
{
    app->on_closed = on_closed;
    app->user = user;
    sc_gate_close(&app->gate);
    sc_http_client_close(app->client, on_client_closed, app);
}
