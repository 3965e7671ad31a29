/* SPDX-License-Identifier: MIT */
#include "event_bulk.h"

#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

/* What stands around the entries. */
typedef struct frame {
    sc_str list; /* JSON array; empty: no bulk */
    sc_str pubsub;
    sc_str topic;
} frame;

static bool read_frame(sc_arena *mem, sc_str content_type, sc_str body, frame *out)
{
    sc_str rest, name, value;
    bool has_type = false;

    if (!sc_media_type_is(content_type, SC_STR("application/json")) ||
        sc_json_scan(body, &rest, NULL, NULL) != SC_OK || rest.at[0] != '{')
        return false;
    while (sc_json_next_member(&rest, &name, &value)) {
        if (sc_str_eq(name, SC_STR("entries")) && value.at[0] == '[')
            out->list = value;
        else if (sc_str_eq(name, SC_STR("type")))
            has_type = sc_str_eq(value, SC_STR("\"com.dapr.event.sent.bulk\""));
        else if (sc_str_eq(name, SC_STR("pubsubname")))
            out->pubsub = sc_json_unquote(value, mem);
        else if (sc_str_eq(name, SC_STR("topic")))
            out->topic = sc_json_unquote(value, mem);
    }
    return has_type && out->list.len > 0;
}

/* The base64 of a raw message. */
static bool read_raw(sc_arena *mem, sc_str text, sc_str content_type, sdk_event *out)
{
    sc_str bytes;

    if (text.len == 0 || text.at[0] != '"' ||
        !sc_base64_decode(sc_json_unquote(text, mem), mem, &bytes))
        return false;
    *out = (sdk_event){.mem = mem};
    sc_pairs_set(&out->attributes, mem, SC_STR("datacontenttype"), sc_arena_str(mem, content_type));
    event_fill(out, str_out(sc_arena_str(mem, bytes)));
    return true;
}

static void set_default(sdk_event *event, const char **text, sc_str value)
{
    if ((*text)[0] == '\0' && value.len > 0)
        *text = sc_arena_str(event->mem, value).at;
}

static void read_entry(sc_arena *mem, sc_str object, const frame *around, event_entry *out)
{
    sc_str name, value, event = SC_STR_NONE, type = SC_STR_NONE;
    sc_error err;

    out->id = SC_STR("\"\"");
    out->verdict = PILLION_RETRY;
    while (sc_json_next_member(&object, &name, &value)) {
        if (sc_str_eq(name, SC_STR("entryId")) && value.at[0] == '"')
            out->id = value;
        else if (sc_str_eq(name, SC_STR("event")))
            event = value;
        else if (sc_str_eq(name, SC_STR("contentType")))
            type = sc_json_unquote(value, mem);
    }
    out->is_good = event.len > 0 && event.at[0] == '{'
                       ? event_read_json(mem, event, &out->event, &err) == SC_OK
                       : read_raw(mem, event, type, &out->event);
    if (!out->is_good)
        return;
    set_default(&out->event, &out->event.pub.pubsub, around->pubsub);
    set_default(&out->event, &out->event.pub.topic, around->topic);
}

event_entry *event_bulk_read(sc_arena *mem, sc_str content_type, sc_str body, size_t *count)
{
    frame around = {0};
    sc_str rest, element;
    event_entry *entries;

    *count = 0;
    if (!read_frame(mem, content_type, body, &around))
        return NULL;
    rest = around.list;
    while (sc_json_next_element(&rest, &element))
        (*count)++;
    entries = sc_arena_zero(mem, *count * sizeof(entries[0]) + 1);
    rest = around.list;
    for (size_t i = 0; i < *count && sc_json_next_element(&rest, &element); i++)
        read_entry(mem, element, &around, &entries[i]);
    return entries;
}
