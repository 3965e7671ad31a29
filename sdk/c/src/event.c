/* SPDX-License-Identifier: MIT
 *
 * Events from JSON, from ce- headers and from bare bodies. The data is handed on as it came: JSON
 * keeps its bytes.
 */
#include "event.h"

#include "client_internal.h"
#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

static sc_str attribute(const sdk_event *event, const char *name)
{
    const sc_str *value = sc_pairs_get(&event->attributes, sc_str_from(name));

    return value ? *value : SC_STR("");
}

void event_fill(sdk_event *out, pillion_str data)
{
    const struct {
        const char **to;
        const char *name;
    } fields[] = {
        {&out->pub.id, "id"},
        {&out->pub.source, "source"},
        {&out->pub.type, "type"},
        {&out->pub.subject, "subject"},
        {&out->pub.time, "time"},
        {&out->pub.content_type, "datacontenttype"},
        {&out->pub.topic, "topic"},
        {&out->pub.pubsub, "pubsubname"},
        {&out->pub.traceparent, "traceparent"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(fields); i++)
        *fields[i].to = copy_text(out->mem, attribute(out, fields[i].name));
    out->pub.data = data;
}

/* CloudEvents 1.0, section 3.1.1 of the JSON format: no datacontenttype means JSON. */
static bool is_json_type(sc_str content_type)
{
    return content_type.len == 0 || sc_media_type_is(content_type, SC_STR("application/json")) ||
           sc_str_ends(sc_str_sub(content_type, 0, sc_str_find(content_type, ';')),
                       SC_STR("+json"));
}

/* The data of an event in JSON. A string under another type than JSON is the text itself. */
static pillion_str data_of(sc_arena *mem, sc_str value, sc_str content_type)
{
    if (value.len > 0 && value.at[0] == '"' && !is_json_type(content_type))
        value = sc_json_unquote(value, mem);
    return str_out(sc_arena_str(mem, value));
}

static sc_code read_members(sc_str object, sdk_event *out, sc_str *data, sc_str *base64)
{
    sc_str rest = object;
    sc_str key, value;

    while (sc_json_next_member(&rest, &key, &value)) {
        sc_str name = sc_json_unquote(sc_str_of(key.at - 1, key.len + 2), out->mem);

        if (sc_str_eq(name, SC_STR("data")))
            *data = value;
        else if (sc_str_eq(name, SC_STR("data_base64")))
            *base64 = value;
        else if (!sc_str_eq(value, SC_STR("null")))
            sc_pairs_set(&out->attributes, out->mem, sc_arena_str(out->mem, name),
                         sc_arena_str(out->mem, value.at[0] == '"'
                                                    ? sc_json_unquote(value, out->mem)
                                                    : value));
    }
    return SC_OK;
}

sc_code event_read_json(sc_arena *mem, sc_str body, sdk_event *out, sc_error *err)
{
    sc_str object, rest, data = SC_STR_NONE, base64 = SC_STR_NONE, bytes;

    *out = (sdk_event){.mem = mem};
    if (sc_json_scan(body, &object, &rest, err) != SC_OK)
        return sc_error_context(err, "the event is no JSON");
    if (object.at[0] != '{' || sc_str_trim(rest).len > 0)
        return sc_fail(err, SC_INVALID, "the event is not one JSON object");
    (void)read_members(object, out, &data, &base64);
    if (base64.len > 0) {
        if (base64.at[0] != '"' || !sc_base64_decode(sc_json_unquote(base64, mem), mem, &bytes))
            return sc_fail(err, SC_INVALID, "data_base64 of the event is no base64");
        event_fill(out, str_out(sc_arena_str(mem, bytes)));
        return SC_OK;
    }
    event_fill(out, data_of(mem, data, attribute(out, "datacontenttype")));
    return SC_OK;
}

/* Binary mode (CloudEvents 1.0, HTTP binding 3.1): ce-id and so on; the body is the data. Metadata
 * of a broker's message comes as ce_id. */
static bool is_event_header(sc_str name)
{
    return name.len > 3 &&
           (sc_str_starts(name, SC_STR("ce-")) || sc_str_starts(name, SC_STR("ce_")));
}

static bool has_event_headers(const sc_pairs *headers)
{
    for (uint32_t i = 0; i < headers->count; i++)
        if (is_event_header(headers->at[i].name))
            return true;
    return false;
}

static void read_headers(const sc_pairs *headers, sdk_event *out)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        sc_str name = headers->at[i].name;

        if (is_event_header(name))
            sc_pairs_set(&out->attributes, out->mem,
                         sc_arena_str(out->mem, sc_str_sub(name, 3, name.len)),
                         sc_arena_str(out->mem, headers->at[i].value));
    }
}

static bool is_object(sc_str body)
{
    sc_str object, rest;

    return sc_json_scan(body, &object, &rest, NULL) == SC_OK && object.at[0] == '{' &&
           sc_str_trim(rest).len == 0;
}

/* True for an object with the members that every CloudEvent has. */
static bool looks_like_event(sc_str body)
{
    sc_str object, key, value;
    bool has_version = false, has_type = false;

    if (sc_json_scan(body, &object, NULL, NULL) != SC_OK || object.at[0] != '{')
        return false;
    while (sc_json_next_member(&object, &key, &value)) {
        has_version = has_version || sc_str_eq(key, SC_STR("specversion"));
        has_type = has_type || sc_str_eq(key, SC_STR("type"));
    }
    return has_version && has_type;
}

sc_code event_read(sc_arena *mem, const sc_pairs *headers, sc_str body, sdk_event *out,
                   sc_error *err)
{
    const sc_str *header = sc_pairs_get(headers, SC_STR("content-type"));
    sc_str content_type = header ? *header : SC_STR_NONE;
    const sc_str *pubsub = sc_pairs_get(headers, SC_STR("pubsubname"));

    *out = (sdk_event){.mem = mem};
    if (sc_media_type_is(content_type, SC_STR("application/cloudevents+json"))) {
        if (!pubsub || is_object(body))
            return event_read_json(mem, body, out, err);
        /* a broker's message of bytes, which the sidecar hands on under the same type (6.1) */
        content_type = SC_STR("application/octet-stream");
    } else if (looks_like_event(body) && !has_event_headers(headers)) {
        return event_read_json(mem, body, out, err);
    }
    read_headers(headers, out);
    sc_pairs_set(&out->attributes, mem, SC_STR("datacontenttype"), sc_arena_str(mem, content_type));
    if (pubsub && !sc_pairs_get(&out->attributes, SC_STR("pubsubname")))
        sc_pairs_set(&out->attributes, mem, SC_STR("pubsubname"), sc_arena_str(mem, *pubsub));
    event_fill(out, str_out(sc_arena_str(mem, body)));
    return SC_OK;
}

/* ---- for users ---- */

void event_handle(sdk_event *event, pillion_event_handler handler, void *user)
{
    pillion_verdict verdict = handler(user, &event->pub);

    if (verdict != PILLION_LATER)
        pillion_event_answer(&event->pub, verdict);
}

const pillion_json *pillion_event_json(pillion_event *event)
{
    sdk_event *self = (sdk_event *)event;

    if (!self->json_was_read) {
        self->json_was_read = true;
        self->json = json_read(self->mem, str_in(event->data), NULL);
    }
    return json_of(self->json);
}

const char *pillion_event_attribute(const pillion_event *event, const char *name)
{
    const sdk_event *self = (const sdk_event *)event;
    const sc_str *value = sc_pairs_get(&self->attributes, sc_str_from(name));

    return value ? (value->len > 0 ? value->at : "") : NULL;
}

void pillion_event_answer(pillion_event *event, pillion_verdict verdict)
{
    sdk_event *self = (sdk_event *)event;

    assert(verdict != PILLION_LATER);
    if (self->is_settled || !self->settle)
        return;
    self->is_settled = true;
    self->settle(self, verdict);
}
