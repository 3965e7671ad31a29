/* SPDX-License-Identifier: MIT
 *
 * Envelopes are written by appending, and changed by copying the members that stay.
 */
#include "wire/cloudevent.h"

#include "core/clock.h"
#include "wire/base64.h"
#include "wire/json.h"

bool sc_media_type_is(sc_str content_type, sc_str name)
{
    return sc_str_eq_nocase(sc_str_cut(&content_type, ';'), name);
}

/* ---- building ---- */

/* `lead` is the comma and the name in quotes, with its colon. */
static void add_text(sc_buf *out, sc_str lead, sc_str value)
{
    sc_buf_add_str(out, lead);
    sc_json_add_string(out, value);
}

static bool is_binary(sc_str content_type)
{
    return sc_media_type_is(content_type, SC_STR("application/octet-stream")) ||
           sc_media_type_is(content_type, SC_STR("application/cloudevents+protobuf")) ||
           sc_media_type_is(content_type, SC_STR("application/x-protobuf"));
}

static void add_base64(sc_buf *out, sc_str bytes)
{
    sc_buf_add_str(out, SC_STR("\"data_base64\":\""));
    sc_base64_add(out, bytes);
    sc_buf_add_byte(out, '"');
}

static void add_data(sc_buf *out, sc_str content_type, sc_str data)
{
    bool is_utf8;
    sc_str value;

    if (is_binary(content_type)) {
        add_base64(out, data);
        return;
    }
    sc_buf_add_str(out, SC_STR("\"data\":"));
    if (sc_media_type_is(content_type, SC_STR("application/json")) &&
        sc_json_scan_utf8(data, &value, &is_utf8, NULL) == SC_OK) {
        if (is_utf8)
            sc_buf_add_str(out, value);
        else
            sc_json_add_repaired(out, value);
    } else {
        sc_json_add_string(out, data);
    }
}

void sc_envelope_build(const sc_envelope *envelope, sc_buf *out)
{
    sc_str content_type =
        envelope->content_type.len ? envelope->content_type : SC_STR("text/plain");

    sc_buf_add_byte(out, '{');
    add_data(out, content_type, envelope->data);
    add_text(out, SC_STR(",\"datacontenttype\":"), content_type);
    if (envelope->expiration.len > 0)
        add_text(out, SC_STR(",\"expiration\":"), envelope->expiration);
    add_text(out, SC_STR(",\"id\":"), envelope->id);
    add_text(out, SC_STR(",\"pubsubname\":"), envelope->pubsub_name);
    add_text(out, SC_STR(",\"source\":"), envelope->source);
    sc_buf_add_str(out, SC_STR(",\"specversion\":\"1.0\""));
    if (envelope->subject.len > 0)
        add_text(out, SC_STR(",\"subject\":"), envelope->subject);
    add_text(out, SC_STR(",\"time\":"), envelope->time);
    add_text(out, SC_STR(",\"topic\":"), envelope->topic);
    add_text(out, SC_STR(",\"traceid\":"), envelope->traceid);
    add_text(out, SC_STR(",\"traceparent\":"), envelope->traceparent);
    add_text(out, SC_STR(",\"tracestate\":"), envelope->tracestate);
    add_text(out, SC_STR(",\"type\":"), envelope->type);
    sc_buf_add_byte(out, '}');
}

/* ---- walking ---- */

/* The end of a walk was the end of the object, with nothing behind it when `is_whole`. */
static bool ends_well(sc_str at, bool is_whole)
{
    at = sc_str_trim(at);
    if (at.len > 0 && at.at[0] == '{')
        at = sc_str_trim(sc_str_sub(at, 1, at.len));
    return at.len > 0 && at.at[0] == '}' && (!is_whole || at.len == 1);
}

static sc_str plain_key(sc_str raw, sc_arena *mem)
{
    if (!memchr(raw.at, '\\', raw.len))
        return raw;
    return sc_json_unquote(sc_str_of(raw.at - 1, raw.len + 2), mem);
}

static void add_member(sc_buf *out, bool *is_first, sc_str raw_key, sc_str value)
{
    sc_buf_add_str(out, *is_first ? SC_STR("\"") : SC_STR(",\""));
    sc_buf_add_str(out, raw_key);
    sc_buf_add_str(out, SC_STR("\":"));
    sc_buf_add_str(out, value);
    *is_first = false;
}

static void add_own(sc_buf *out, bool *is_first, const char *key, sc_str text)
{
    sc_buf_add_fmt(out, *is_first ? "\"%s\":" : ",\"%s\":", key);
    sc_json_add_string(out, text);
    *is_first = false;
}

/* ---- completing an application's own event ---- */

typedef struct own_event {
    bool has_time;
    bool has_traceid;
    bool has_tracestate;
    bool has_source;
    bool has_type;
    bool has_specversion;
} own_event;

static bool is_null(sc_str value)
{
    return sc_str_eq(value, SC_STR("null"));
}

static void note_attribute(own_event *own, sc_str key, sc_str value)
{
    own->has_time |= sc_str_eq(key, SC_STR("time"));
    own->has_traceid |= sc_str_eq(key, SC_STR("traceid"));
    own->has_tracestate |= sc_str_eq(key, SC_STR("tracestate"));
    own->has_source |= sc_str_eq(key, SC_STR("source")) && !is_null(value);
    own->has_type |= sc_str_eq(key, SC_STR("type")) && !is_null(value);
    own->has_specversion |= sc_str_eq(key, SC_STR("specversion")) && !is_null(value);
}

static bool stays(const own_event *own, const sc_envelope *ours, sc_str key, sc_str value)
{
    if (sc_str_eq(key, SC_STR("topic")) || sc_str_eq(key, SC_STR("pubsubname")))
        return false;
    if (sc_str_eq(key, SC_STR("expiration")))
        return ours->expiration.len == 0;
    if (sc_str_eq(key, SC_STR("traceparent")))
        return own->has_traceid;
    if (sc_str_eq(key, SC_STR("source")) || sc_str_eq(key, SC_STR("type")) ||
        sc_str_eq(key, SC_STR("specversion")))
        return !is_null(value);
    return true;
}

static void add_missing(const own_event *own, const sc_envelope *ours, sc_buf *out, bool *is_first)
{
    if (ours->expiration.len > 0)
        add_own(out, is_first, "expiration", ours->expiration);
    add_own(out, is_first, "pubsubname", ours->pubsub_name);
    if (!own->has_source)
        add_own(out, is_first, "source", SC_STR("Dapr"));
    if (!own->has_specversion)
        add_own(out, is_first, "specversion", SC_STR("1.0"));
    if (!own->has_time)
        add_own(out, is_first, "time", ours->time);
    add_own(out, is_first, "topic", ours->topic);
    if (!own->has_traceid) {
        add_own(out, is_first, "traceid", ours->traceid);
        add_own(out, is_first, "traceparent", ours->traceid);
    }
    if (!own->has_tracestate)
        add_own(out, is_first, "tracestate", ours->tracestate);
    if (!own->has_type)
        add_own(out, is_first, "type", SC_STR("com.dapr.event.sent"));
}

static sc_str repaired(sc_str object, sc_arena *mem)
{
    sc_buf out = {0};
    sc_str copy;

    sc_json_add_repaired(&out, object);
    copy = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return copy;
}

sc_code sc_envelope_patch(sc_str event, const sc_envelope *ours, sc_arena *mem, sc_buf *out,
                          sc_error *err)
{
    own_event own = {0};
    bool is_first = true;
    bool is_utf8;
    sc_str object;
    sc_str at;
    sc_str key;
    sc_str value;

    if (sc_json_scan_utf8(event, &object, &is_utf8, err) != SC_OK)
        return SC_INVALID;
    if (object.at[0] != '{')
        return sc_fail(err, SC_INVALID, "a CloudEvent is a JSON object");
    if (!is_utf8)
        object = repaired(object, mem);
    for (at = object; sc_json_next_member(&at, &key, &value);)
        note_attribute(&own, plain_key(key, mem), value);
    sc_buf_add_byte(out, '{');
    for (at = object; sc_json_next_member(&at, &key, &value);) {
        if (stays(&own, ours, plain_key(key, mem), value))
            add_member(out, &is_first, key, value);
    }
    add_missing(&own, ours, out, &is_first);
    sc_buf_add_byte(out, '}');
    return SC_OK;
}

/* ---- raw payloads ---- */

void sc_envelope_wrap_raw(sc_str payload, sc_str id, sc_str topic, sc_str pubsub_name,
                          const sc_pairs *metadata, sc_buf *out)
{
    const sc_str *traceid = metadata ? sc_pairs_get(metadata, SC_STR("traceid")) : NULL;
    const sc_str *traceparent = metadata ? sc_pairs_get(metadata, SC_STR("traceparent")) : NULL;
    const sc_str *tracestate = metadata ? sc_pairs_get(metadata, SC_STR("tracestate")) : NULL;

    sc_buf_add_byte(out, '{');
    add_base64(out, payload);
    sc_buf_add_str(out, SC_STR(",\"datacontenttype\":\"application/octet-stream\""));
    add_text(out, SC_STR(",\"id\":"), id);
    add_text(out, SC_STR(",\"pubsubname\":"), pubsub_name);
    sc_buf_add_str(out, SC_STR(",\"source\":\"Dapr\",\"specversion\":\"1.0\""));
    add_text(out, SC_STR(",\"topic\":"), topic);
    if (traceid || traceparent)
        add_text(out, SC_STR(",\"traceid\":"), traceparent ? *traceparent : *traceid);
    if (traceparent)
        add_text(out, SC_STR(",\"traceparent\":"), *traceparent);
    if (tracestate)
        add_text(out, SC_STR(",\"tracestate\":"), *tracestate);
    sc_buf_add_str(out, SC_STR(",\"type\":\"com.dapr.event.sent\"}"));
}

bool sc_cloudevent_extend(sc_str event, const sc_pairs *extensions, sc_str omitted, sc_arena *mem,
                          sc_buf *out)
{
    bool is_first = true;
    sc_str at = event;
    sc_str key;
    sc_str value;
    size_t before = sc_buf_len(out);

    sc_buf_add_byte(out, '{');
    while (sc_json_next_member(&at, &key, &value)) {
        sc_str name = plain_key(key, mem);

        if (!sc_pairs_get(extensions, name) && !(omitted.len > 0 && sc_str_eq(name, omitted)))
            add_member(out, &is_first, key, value);
    }
    if (!ends_well(at, true)) {
        out->to = out->from + before;
        sc_buf_add_str(out, event);
        return false;
    }
    for (uint32_t i = 0; i < extensions->count; i++) {
        sc_buf_add_str(out, is_first ? SC_STR("") : SC_STR(","));
        sc_json_add_string(out, extensions->at[i].name);
        sc_buf_add_byte(out, ':');
        sc_json_add_string(out, extensions->at[i].value);
        is_first = false;
    }
    sc_buf_add_byte(out, '}');
    return true;
}

/* ---- reading ---- */

typedef struct attribute {
    sc_str name;
    size_t offset;
} attribute;

#define ATTRIBUTE(name)                                                                            \
    {                                                                                              \
        SC_STR_INIT(#name), offsetof(sc_cloudevent, name)                                          \
    }
static const attribute attributes[] = {
    ATTRIBUTE(id),          ATTRIBUTE(source),          ATTRIBUTE(type),
    ATTRIBUTE(specversion), ATTRIBUTE(datacontenttype), ATTRIBUTE(data),
    ATTRIBUTE(data_base64), ATTRIBUTE(traceid),         ATTRIBUTE(traceparent),
    ATTRIBUTE(tracestate),  ATTRIBUTE(expiration),
};

sc_code sc_cloudevent_parse(sc_str text, sc_cloudevent *event, sc_error *err)
{
    sc_cloudevent found = {0};
    sc_str at = text;
    sc_str key;
    sc_str value;

    while (sc_json_next_member(&at, &key, &value)) {
        for (size_t i = 0; i < SC_ARRAY_LEN(attributes); i++) {
            if (sc_str_eq(key, attributes[i].name))
                *(sc_str *)(void *)((char *)&found + attributes[i].offset) = value;
        }
    }
    if (!ends_well(at, true)) {
        sc_str rest;

        if (sc_json_scan(text, &value, &rest, err) != SC_OK)
            return SC_INVALID;
        if (rest.len > 0)
            return sc_fail(err, SC_INVALID, "invalid character '%c' after top-level value",
                           rest.at[0]);
        return sc_fail(err, SC_INVALID, "cannot read a CloudEvent from JSON that is not an object");
    }
    *event = found;
    return SC_OK;
}

sc_str sc_cloudevent_text(sc_str value, sc_arena *mem)
{
    return value.len > 0 && value.at[0] == '"' ? sc_json_unquote(value, mem) : SC_STR_NONE;
}

bool sc_cloudevent_is_expired(const sc_cloudevent *event, int64_t wall_ms, sc_arena *mem)
{
    int64_t at;

    return event->expiration.len > 0 &&
           sc_clock_parse(sc_cloudevent_text(event->expiration, mem), &at) && at < wall_ms;
}
