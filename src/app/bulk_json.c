/* SPDX-License-Identifier: MIT
 *
 * Events are spliced as they came; only what is around them is written.
 */
#include "app/bulk_json.h"

#include "core/buf.h"
#include "core/error.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

static void add_entry(const sc_event_op *entry, sc_buf *out)
{
    const sc_event *event = entry->event;
    sc_cloudevent wrapper;

    sc_buf_add_fmt(out, "{\"entryId\":\"%s\",\"event\":", entry->entry_id);
    if (event->is_raw && sc_cloudevent_parse(event->payload, &wrapper, NULL) == SC_OK)
        sc_buf_add_str(out, wrapper.data_base64); /* with its quotes */
    else
        sc_buf_add_str(out, sc_str_trim(event->payload));
    sc_buf_add_str(out, SC_STR(",\"metadata\":"));
    if (event->metadata && event->metadata->count > 0)
        sc_json_add_pairs(out, event->metadata);
    else
        sc_buf_add_str(out, SC_STR("null"));
    sc_buf_add_str(out, SC_STR(",\"contentType\":"));
    sc_json_add_string(out, event->broker_content_type.len > 0 ? event->broker_content_type
                            : event->is_raw                    ? SC_STR("application/octet-stream")
                                            : SC_STR("application/cloudevents+json"));
    sc_buf_add_byte(out, '}');
}

sc_str sc_bulk_json_write(const sc_bulk_event_op *bulk, sc_arena *mem)
{
    sc_buf out = {0};
    sc_str body;

    sc_buf_add_str(&out, SC_STR("{\"entries\":["));
    for (size_t i = 0; i < bulk->count; i++) {
        if (i > 0)
            sc_buf_add_byte(&out, ',');
        add_entry(bulk->entries[i], &out);
    }
    sc_buf_add_fmt(&out, "],\"id\":\"%.*s\",\"metadata\":{\"pubsubName\":", SC_FMT(bulk->id));
    sc_json_add_string(&out, bulk->pubsub_name);
    sc_buf_add_str(&out, SC_STR("},\"pubsubname\":"));
    sc_json_add_string(&out, bulk->pubsub_name);
    sc_buf_add_str(&out, SC_STR(",\"topic\":"));
    sc_json_add_string(&out, bulk->topic);
    sc_buf_add_str(&out, SC_STR(",\"type\":\"com.dapr.event.sent.bulk\"}"));
    body = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return body;
}

void sc_bulk_answer_all(sc_bulk_event_op *bulk, sc_app_answer answer, int http_status,
                        const char *why)
{
    for (size_t i = 0; i < bulk->count; i++) {
        bulk->entries[i]->answer = answer;
        bulk->entries[i]->http_status = http_status;
        if (why)
            (void)sc_fail(&bulk->entries[i]->op.err, SC_OK, "%s", why);
    }
}

void sc_bulk_tell_unknown(sc_str entry_id, const sc_log *log)
{
    sc_log_error(log, "Invalid entry id received from app %.*s",
                 SC_FMT(sc_str_sub(entry_id, 0, 100)));
}

static void take_status(sc_bulk_event_op *bulk, sc_str id, sc_str status, const sc_log *log)
{
    for (size_t i = 0; i < bulk->count; i++) {
        sc_event_op *entry = bulk->entries[i];

        if (!sc_str_eq(id, sc_str_from(entry->entry_id)))
            continue;
        entry->answer = sc_str_eq_nocase(status, SC_STR("SUCCESS")) ? SC_APP_SUCCESS
                        : sc_str_eq_nocase(status, SC_STR("DROP"))  ? SC_APP_DROP
                                                                    : SC_APP_RETRY;
        return;
    }
    sc_bulk_tell_unknown(id, log);
}

void sc_bulk_json_read(sc_bulk_event_op *bulk, sc_str body, sc_arena *mem, const sc_log *log)
{
    const sc_doc *statuses;
    sc_doc *doc;

    sc_bulk_answer_all(bulk, SC_APP_RETRY, 200,
                       "RETRY or no status returned from app for the entry");
    if (sc_json_parse(body, mem, &doc, NULL, NULL) != SC_OK || doc->kind != SC_DOC_OBJECT)
        return;
    statuses = sc_doc_get_nocase(doc, SC_STR("statuses"));
    for (const sc_doc *it = sc_doc_is(statuses, SC_DOC_ARRAY) ? statuses->first : NULL; it;
         it = it->next)
        take_status(bulk, sc_doc_string(sc_doc_get_nocase(it, SC_STR("entryId"))),
                    sc_doc_string(sc_doc_get_nocase(it, SC_STR("status"))), log);
}
