/* SPDX-License-Identifier: MIT
 *
 * Publish and bulk publish over HTTP (HTTP API, sections 7.2 and 7.3).
 */
#include "api/http/internal.h"
#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

static void on_published(sc_publish_request *req);
static void on_bulk_published(sc_bulk_publish_request *req);

static sc_str content_type_of(const sc_http_request_ctx *ctx)
{
    const sc_str *type = sc_pairs_get(&ctx->ex->req.headers, SC_STR("content-type"));

    return type ? *type : SC_STR_NONE;
}

void http_publish(sc_http_request_ctx *ctx)
{
    sc_publish_request *req = sc_call_make(ctx->ex->call, sc_publish_request);

    req->call = ctx->ex->call;
    req->pubsub_name = ctx->params[0];
    req->topic = ctx->params[1];
    req->content_type = content_type_of(ctx);
    req->body = ctx->ex->req.body;
    if (ctx->ex->req.query.len > 0)
        req->metadata = http_query_metadata(ctx);
    req->traceparent = ctx->traceparent;
    req->tracestate = ctx->tracestate;
    req->done = on_published;
    req->user = ctx;
    sc_publish(ctx->api->pubsubs, req);
}

static void on_published(sc_publish_request *req)
{
    sc_http_request_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        http_reply_empty(ctx, 204);
    else
        http_reply_problem(ctx, &req->problem);
}

/* ---- bulk ---- */

static bool fail_entries(sc_bulk_publish_request *req, sc_reason reason, const char *fmt,
                         const char *why)
{
    sc_arena *mem = &req->call->mem;
    sc_http_request_ctx *ctx = req->user;

    (void)sc_problem_set(&req->problem, mem, reason, "%.*s%s",
                         SC_FMT(sc_arena_fmt(mem, "%s for topic %.*s pubsub %.*s", fmt,
                                             SC_FMT(req->topic), SC_FMT(req->pubsub_name))),
                         why);
    req->problem.resource_name = req->pubsub_name;
    sc_problem_info(&req->problem, mem, SC_STR("appID"), ctx->api->metadata->app_id);
    if (reason != SC_REASON_PUBSUB_UNMARSHAL_EVENTS)
        sc_problem_info(&req->problem, mem, SC_STR("error"), sc_str_from(why + 2));
    return false;
}

static bool is_text(sc_str type)
{
    sc_str media = sc_str_cut(&type, ';');

    return sc_str_starts_nocase(media, SC_STR("text/")) ||
           sc_str_eq_nocase(media, SC_STR("application/xml"));
}

static bool is_json(sc_str type)
{
    return sc_media_type_is(type, SC_STR("application/json")) ||
           sc_media_type_is(type, SC_STR("application/cloudevents+json"));
}

/* The bytes that `event` stands for under its content type. JSON is spliced as it came. */
static bool event_bytes(sc_bulk_publish_request *req, sc_str event, sc_bulk_publish_entry *entry)
{
    sc_arena *mem = &req->call->mem;
    bool is_string = event.len > 0 && event.at[0] == '"';

    if (sc_media_type_is(entry->content_type, SC_STR("application/octet-stream")) && is_string) {
        if (sc_base64_decode(sc_json_unquote(event, mem), mem, &entry->body))
            return true;
        return fail_entries(
            req, SC_REASON_PUBSUB_MARSHAL_ENVELOPE, "error when marshalling cloud event envelope",
            ": error: unable to decode base64 application/octect-stream data: illegal base64 data");
    }
    if (is_text(entry->content_type) && is_string) {
        entry->body = sc_json_unquote(event, mem);
        return true;
    }
    if (is_json(entry->content_type) && event.len > 0) {
        entry->body = event;
        return true;
    }
    return fail_entries(req, SC_REASON_PUBSUB_MARSHAL_ENVELOPE,
                        "error when marshalling cloud event envelope",
                        ": error: mismatch between contentType and event");
}

static void read_metadata(const sc_doc *map, sc_arena *mem, sc_bulk_publish_entry *entry)
{
    entry->has_metadata = sc_doc_is(map, SC_DOC_OBJECT);
    if (!entry->has_metadata)
        return;
    SC_DOC_EACH (map, it) {
        if (it->kind == SC_DOC_STRING)
            sc_pairs_set(&entry->metadata, mem, it->key, it->text);
    }
}

/* The raw slice of member `event`, which must reach the broker byte for byte. */
static sc_str raw_event(sc_str item)
{
    sc_str event = SC_STR_NONE;
    sc_str key;
    sc_str value;

    while (sc_json_next_member(&item, &key, &value)) {
        if (sc_str_eq_nocase(key, SC_STR("event")))
            event = value;
    }
    return event;
}

static sc_str text_of(const sc_doc *item, const char *key)
{
    return sc_doc_string(sc_doc_get_nocase(item, sc_str_from(key)));
}

static bool read_entries(sc_bulk_publish_request *req, sc_str body)
{
    sc_arena *mem = &req->call->mem;
    sc_str element;
    sc_doc *list;
    sc_error err;

    if (body.len == 0)
        return fail_entries(req, SC_REASON_PUBSUB_UNMARSHAL_EVENTS,
                            "error when unmarshaling the request", ": EOF");
    if (sc_json_parse(body, mem, &list, NULL, &err) != SC_OK || list->kind != SC_DOC_ARRAY)
        return fail_entries(req, SC_REASON_PUBSUB_UNMARSHAL_EVENTS,
                            "error when unmarshaling the request",
                            ": the body is not a JSON array of entries");
    req->entries = sc_arena_zero(mem, (list->count + 1) * sizeof(req->entries[0]));
    SC_DOC_EACH (list, it) {
        sc_bulk_publish_entry *entry = &req->entries[req->count++];

        if (!sc_json_next_element(&body, &element) || it->kind != SC_DOC_OBJECT)
            return fail_entries(req, SC_REASON_PUBSUB_UNMARSHAL_EVENTS,
                                "error when unmarshaling the request",
                                ": an entry is not a JSON object");
        entry->entry_id = text_of(it, "entryId");
        entry->content_type = text_of(it, "contentType");
        read_metadata(sc_doc_get_nocase(it, SC_STR("metadata")), mem, entry);
        if (!event_bytes(req, raw_event(element), entry))
            return false;
    }
    return true;
}

void http_bulk_publish(sc_http_request_ctx *ctx)
{
    sc_bulk_publish_request *req = sc_call_make(ctx->ex->call, sc_bulk_publish_request);

    req->call = ctx->ex->call;
    req->pubsub_name = ctx->params[0];
    req->topic = ctx->params[1];
    req->metadata = http_query_metadata(ctx);
    req->traceparent = ctx->traceparent;
    req->tracestate = ctx->tracestate;
    req->done = on_bulk_published;
    req->user = ctx;
    if (sc_pubsubs_check_name(ctx->api->pubsubs, req->pubsub_name, req->topic, &req->metadata,
                              &req->call->mem, &req->problem) &&
        read_entries(req, ctx->ex->req.body))
        sc_bulk_publish(ctx->api->pubsubs, req);
    else
        http_reply_problem(ctx, &req->problem);
}

static void reply_failed(sc_http_request_ctx *ctx, const sc_bulk_publish_request *req)
{
    sc_buf out = {0};
    bool is_first = true;

    sc_buf_add_str(&out, SC_STR("{\"failedEntries\":["));
    for (size_t i = 0; i < req->count; i++) {
        if (req->results[i].err.code == SC_OK)
            continue;
        sc_buf_add_str(&out, is_first ? SC_STR("{\"entryId\":") : SC_STR(",{\"entryId\":"));
        sc_json_add_string(&out, req->results[i].entry_id);
        sc_buf_add_str(&out, SC_STR(",\"error\":"));
        sc_json_add_string(&out, sc_str_from(req->results[i].err.text));
        sc_buf_add_byte(&out, '}');
        is_first = false;
    }
    sc_buf_add_str(&out, SC_STR("],\"errorCode\":\"ERR_PUBSUB_PUBLISH_MESSAGE\"}"));
    http_reply(ctx, 500, SC_STR("application/json"), sc_buf_str(&out));
    sc_buf_deinit(&out);
}

static void on_bulk_published(sc_bulk_publish_request *req)
{
    sc_http_request_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        http_reply_empty(ctx, 204);
    else if (req->problem.reason == SC_REASON_PUBSUB_PUBLISH)
        reply_failed(ctx, req);
    else
        http_reply_problem(ctx, &req->problem);
}
