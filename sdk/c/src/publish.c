/* SPDX-License-Identifier: MIT
 *
 * Publish and bulk publish (HTTP API, sections 7.2 and 7.3).
 */
#include <stdio.h>

#include "client_internal.h"
#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

typedef struct failures {
    pillion_publish_failure *at;
    size_t count;
} failures;

static const pillion_options no_options;

static void add_publish_path(sc_buf *path, const char *prefix, const char *pubsub,
                             const char *topic, const pillion_options *options)
{
    sc_buf_add_str(path, sc_str_from(prefix));
    path_add(path, sc_str_from(pubsub));
    sc_buf_add_byte(path, '/');
    path_add(path, sc_str_from(topic));
    path_add_metadata(path, options->metadata, options->metadata_count);
}

static bool is_named(const char *pubsub, const char *topic)
{
    return pubsub && pubsub[0] && topic && topic[0];
}

pillion_call *pillion_publish(pillion_client *client, const char *pubsub, const char *topic,
                              pillion_str data, const char *content_type,
                              const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    pillion_call *call = call_new(client, NULL, set->timeout_ms);
    sc_buf path = {0};

    if (!is_named(pubsub, topic))
        return call_fail(call, PILLION_INVALID, "publish needs a component and a topic");
    add_publish_path(&path, "/v1.0/publish/", pubsub, topic, set);
    call_request(call, "POST", &path, str_in(data));
    call_header(call, SC_STR("Content-Type"),
                sc_arena_str(&call->attempt,
                             sc_str_from(content_type ? content_type : "application/json")));
    call_headers(call, set->headers, set->header_count);
    call_send(call, 0);
    return call;
}

pillion_call *pillion_publish_json(pillion_client *client, const char *pubsub, const char *topic,
                                   const char *format, ...)
{
    pillion_call *call;
    sc_buf text = {0};
    va_list args;
    bool is_good;

    va_start(args, format);
    is_good = json_add_format(&text, format, args) && sc_json_is_valid(sc_buf_str(&text));
    va_end(args);
    if (is_good)
        call = pillion_publish(client, pubsub, topic, str_out(sc_buf_str(&text)), NULL, NULL);
    else
        call = call_fail(call_new(client, NULL, 0), PILLION_INVALID,
                         "the format '%s' does not make JSON", format);
    sc_buf_deinit(&text);
    return call;
}

/* ---- bulk ---- */

static bool is_text_type(sc_str type)
{
    return sc_str_starts_nocase(type, SC_STR("text/")) ||
           sc_media_type_is(type, SC_STR("application/xml"));
}

/* What the sidecar takes as `event` depends on the content type; other types than these two would
 * be refused, so their bytes go as octets, under their own name for text. */
static sc_code add_event(sc_buf *body, const pillion_publish_entry *entry, sc_str type,
                         sc_error *err)
{
    sc_str data = str_in(entry->data);

    if (sc_media_type_is(type, SC_STR("application/json")) ||
        sc_media_type_is(type, SC_STR("application/cloudevents+json"))) {
        if (!sc_json_is_valid(data))
            return sc_fail(err, SC_INVALID, "the data is not JSON");
        sc_buf_add_str(body, data);
    } else if (is_text_type(type)) {
        if (!sc_str_is_utf8(data))
            return sc_fail(err, SC_INVALID, "the data is not UTF-8");
        sc_json_add_string(body, data);
    } else if (sc_media_type_is(type, SC_STR("application/octet-stream"))) {
        sc_buf_add_byte(body, '"');
        sc_base64_add(body, data);
        sc_buf_add_byte(body, '"');
    } else {
        return sc_fail(err, SC_INVALID,
                       "bulk publish takes JSON, text/..., application/xml and "
                       "application/octet-stream, not '%.*s'",
                       SC_FMT(type));
    }
    return SC_OK;
}

static sc_code add_entry(sc_buf *body, const pillion_publish_entry *entry, size_t index,
                         sc_error *err)
{
    sc_str type = sc_str_from(entry->content_type ? entry->content_type : "application/json");
    sc_code code;

    sc_buf_add_str(body, SC_STR("{\"entryId\":"));
    if (entry->entry_id)
        sc_json_add_string(body, sc_str_from(entry->entry_id));
    else
        sc_buf_add_fmt(body, "\"%zu\"", index);
    sc_buf_add_str(body, SC_STR(",\"contentType\":"));
    sc_json_add_string(body, type);
    sc_buf_add_str(body, SC_STR(",\"event\":"));
    code = add_event(body, entry, type, err);
    if (code != SC_OK)
        return sc_error_context(err, "entry %zu", index);
    if (entry->metadata_count > 0) {
        sc_arena mem;
        sc_pairs metadata;

        sc_arena_init(&mem, NULL);
        metadata = copy_pairs(&mem, entry->metadata, entry->metadata_count);
        sc_buf_add_str(body, SC_STR(",\"metadata\":"));
        sc_json_add_pairs(body, &metadata);
        sc_arena_deinit(&mem);
    }
    sc_buf_add_byte(body, '}');
    return SC_OK;
}

static bool finish_bulk(pillion_call *call)
{
    const sc_doc *list = sc_doc_get(json_doc(pillion_call_json(call)), SC_STR("failedEntries"));
    failures *failed;

    if (call->err.code == PILLION_OK || !sc_doc_is(list, SC_DOC_ARRAY))
        return true;
    failed = sc_arena_new(&call->mem, failures);
    failed->at = sc_arena_zero(&call->mem, list->count * sizeof(failed->at[0]) + 1);
    SC_DOC_EACH (list, it) {
        pillion_publish_failure *to = &failed->at[failed->count++];

        to->entry_id = call_text(call, sc_doc_string(sc_doc_get(it, SC_STR("entryId"))));
        to->error = call_text(call, sc_doc_string(sc_doc_get(it, SC_STR("error"))));
    }
    if (failed->count > 0 && sc_str_is_empty(sc_doc_string(
                                 sc_doc_get(json_doc(pillion_call_json(call)), SC_STR("message")))))
        (void)snprintf(call->err.text, sizeof(call->err.text),
                       "%zu entries were not published; the first: %s", failed->count,
                       failed->at[0].error);
    call->result = failed;
    return true;
}

pillion_call *pillion_publish_bulk(pillion_client *client, const char *pubsub, const char *topic,
                                   const pillion_publish_entry *entries, size_t count,
                                   const pillion_options *options)
{
    const pillion_options *set = options ? options : &no_options;
    pillion_call *call = call_new(client, finish_bulk, set->timeout_ms);
    sc_buf path = {0}, body = {0};
    sc_error err;
    sc_code code = SC_OK;

    if (!is_named(pubsub, topic))
        return call_fail(call, PILLION_INVALID, "publish needs a component and a topic");
    sc_buf_add_byte(&body, '[');
    for (size_t i = 0; i < count && code == SC_OK; i++) {
        if (i > 0)
            sc_buf_add_byte(&body, ',');
        code = add_entry(&body, &entries[i], i, &err);
    }
    sc_buf_add_byte(&body, ']');
    if (code == SC_OK) {
        add_publish_path(&path, "/v1.0/publish/bulk/", pubsub, topic, set);
        call_request(call, "POST", &path, sc_buf_str(&body));
        call_header(call, SC_STR("Content-Type"), SC_STR("application/json"));
        call_headers(call, set->headers, set->header_count);
        call_send(call, 0);
    } else {
        (void)call_fail(call, (pillion_code)code, "%s", err.text);
    }
    sc_buf_deinit(&body);
    return call;
}

const pillion_publish_failure *pillion_publish_failed(const pillion_call *call, size_t *count)
{
    const failures *failed = call->finish == finish_bulk ? call->result : NULL;

    *count = failed ? failed->count : 0;
    return failed ? failed->at : NULL;
}
