/* SPDX-License-Identifier: MIT
 *
 * CloudEvents to protobuf (pub/sub semantics, section 6.4). JSON data keeps its bytes; data without
 * a content type, or of a type that is neither text nor JSON, is passed on as well.
 */
#include "app/topic_event.h"

#include <stdlib.h>

#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"
#include "wire/proto.h"

static Google__Protobuf__Value *value_of(const sc_doc *doc, sc_arena *mem);

static Google__Protobuf__Struct *new_struct(uint32_t max, sc_arena *mem)
{
    Google__Protobuf__Struct *all = sc_arena_new(mem, Google__Protobuf__Struct);

    google__protobuf__struct__init(all);
    all->fields = sc_arena_zero(mem, (max + 1) * sizeof(*all->fields));
    return all;
}

static void put(Google__Protobuf__Struct *all, const sc_doc *member, sc_arena *mem)
{
    Google__Protobuf__Struct__FieldsEntry *entry =
        sc_arena_new(mem, Google__Protobuf__Struct__FieldsEntry);

    google__protobuf__struct__fields_entry__init(entry);
    entry->key = sc_proto_text(member->key, mem);
    entry->value = value_of(member, mem);
    all->fields[all->n_fields++] = entry;
}

static Google__Protobuf__ListValue *list_of(const sc_doc *doc, sc_arena *mem)
{
    Google__Protobuf__ListValue *list = sc_arena_new(mem, Google__Protobuf__ListValue);

    google__protobuf__list_value__init(list);
    list->values = sc_arena_zero(mem, (doc->count + 1) * sizeof(*list->values));
    SC_DOC_EACH (doc, it)
        list->values[list->n_values++] = value_of(it, mem);
    return list;
}

static Google__Protobuf__Value *value_of(const sc_doc *doc, sc_arena *mem)
{
    Google__Protobuf__Value *value = sc_arena_new(mem, Google__Protobuf__Value);

    google__protobuf__value__init(value);
    switch (doc->kind) {
    case SC_DOC_NULL:
        value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
        break;
    case SC_DOC_BOOL:
        value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
        value->bool_value = doc->truth;
        break;
    case SC_DOC_NUMBER:
        value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
        value->number_value = strtod(sc_proto_text(doc->text, mem), NULL);
        break;
    case SC_DOC_STRING:
        value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
        value->string_value = sc_proto_text(doc->text, mem);
        break;
    case SC_DOC_ARRAY:
        value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE;
        value->list_value = list_of(doc, mem);
        break;
    case SC_DOC_OBJECT:
        value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
        value->struct_value = new_struct(doc->count, mem);
        SC_DOC_EACH (doc, it)
            put(value->struct_value, it, mem);
        break;
    }
    return value;
}

static bool is_text(sc_str type)
{
    return sc_str_starts_nocase(type, SC_STR("text/")) ||
           sc_media_type_is(type, SC_STR("application/xml"));
}

/* The bytes of member `data`, as they came. */
static sc_code read_data(const sc_cloudevent *ce, sc_str type, sc_arena *mem,
                         ProtobufCBinaryData *data, sc_error *err)
{
    bool is_string = ce->data.len > 0 && ce->data.at[0] == '"';
    sc_str bytes;

    if (ce->data_base64.len > 0) {
        if (ce->data_base64.at[0] != '"' ||
            !sc_base64_decode(sc_json_unquote(ce->data_base64, mem), mem, &bytes))
            return sc_fail(err, SC_INVALID, "data_base64 of the event is not base64");
    } else if (is_text(type)) {
        if (ce->data.len > 0 && !is_string)
            return sc_fail(err, SC_INVALID,
                           "data of the event is not a string, though its type is %.*s",
                           SC_FMT(type));
        bytes = sc_json_unquote(ce->data, mem);
    } else if (sc_str_eq(ce->data, SC_STR("null"))) {
        bytes = SC_STR_NONE;
    } else if (is_string && type.len > 0 && !sc_media_type_is(type, SC_STR("application/json")) &&
               !sc_media_type_is(type, SC_STR("application/cloudevents+json"))) {
        bytes = sc_json_unquote(ce->data, mem);
    } else {
        bytes = ce->data;
    }
    *data = sc_proto_data(bytes);
    return SC_OK;
}

static bool has_own_field(sc_str name)
{
    static const char *const own[] = {"id",          "source", "datacontenttype", "type",
                                      "specversion", "data",   "data_base64"};

    for (size_t i = 0; i < SC_ARRAY_LEN(own); i++) {
        if (sc_str_eq(name, sc_str_from(own[i])))
            return true;
    }
    return false;
}

static char *text_attribute(sc_str raw, sc_arena *mem)
{
    return sc_proto_text(sc_cloudevent_text(raw, mem), mem);
}

static Google__Protobuf__Struct *extensions_of(const sc_doc *doc, sc_arena *mem)
{
    Google__Protobuf__Struct *all = new_struct(doc ? doc->count : 0, mem);

    for (const sc_doc *it = doc ? doc->first : NULL; it; it = it->next) {
        if (!has_own_field(it->key))
            put(all, it, mem);
    }
    return all;
}

static char *attribute_of(const sc_doc *doc, const char *name, sc_arena *mem)
{
    return sc_proto_text(sc_doc_string(sc_doc_get(doc, sc_str_from(name))), mem);
}

/* The broker's bytes are no envelope; the attributes came beside them. */
static void fill_octets(const sc_event *event, const sc_doc *doc, sc_arena *mem,
                        Dapr__Proto__Runtime__V1__TopicEventCERequest *out)
{
    out->id = attribute_of(doc, "id", mem);
    out->source = attribute_of(doc, "source", mem);
    out->type = attribute_of(doc, "type", mem);
    out->spec_version = attribute_of(doc, "specversion", mem);
    out->data_content_type = sc_proto_text(event->content_type, mem);
    out->data = sc_proto_data(event->payload);
    out->extensions = extensions_of(doc, mem);
}

sc_code sc_topic_event_fill_ce(sc_event *event, sc_arena *mem,
                               Dapr__Proto__Runtime__V1__TopicEventCERequest *out, sc_error *err)
{
    const sc_doc *doc = sc_event_doc(event, mem);
    sc_cloudevent ce = {0};

    dapr__proto__runtime__v1__topic_event_cerequest__init(out);
    if (event->is_octets) {
        fill_octets(event, doc, mem, out);
        return SC_OK;
    }
    if (sc_cloudevent_parse(event->payload, &ce, err) != SC_OK)
        return err->code;
    out->id = text_attribute(ce.id, mem);
    out->source = text_attribute(ce.source, mem);
    out->type = text_attribute(ce.type, mem);
    out->spec_version = text_attribute(ce.specversion, mem);
    out->data_content_type = text_attribute(ce.datacontenttype, mem);
    out->extensions = extensions_of(doc, mem);
    return read_data(&ce, sc_str_from(out->data_content_type), mem, &out->data, err);
}

sc_code sc_topic_event_fill(sc_event *event, sc_str path, sc_arena *mem,
                            Dapr__Proto__Runtime__V1__TopicEventRequest *out, sc_error *err)
{
    Dapr__Proto__Runtime__V1__TopicEventCERequest ce;

    if (sc_topic_event_fill_ce(event, mem, &ce, err) != SC_OK)
        return err->code;
    dapr__proto__runtime__v1__topic_event_request__init(out);
    out->id = ce.id;
    out->source = ce.source;
    out->type = ce.type;
    out->spec_version = ce.spec_version;
    out->data_content_type = ce.data_content_type;
    out->data = ce.data;
    out->extensions = ce.extensions;
    out->topic = sc_proto_text(event->topic, mem);
    out->pubsub_name = sc_proto_text(event->pubsub_name, mem);
    out->path = sc_proto_text(path, mem);
    return SC_OK;
}

sc_app_answer sc_topic_event_answer(int status, sc_error *err)
{
    switch (status) {
    case DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__SUCCESS:
        return SC_APP_SUCCESS;
    case DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__DROP:
        return SC_APP_DROP;
    case DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__RETRY:
        (void)sc_fail(err, SC_OK, "RETRY status returned from app");
        return SC_APP_RETRY;
    default:
        (void)sc_fail(err, SC_OK, "unknown status returned from app: %d", status);
        return SC_APP_RETRY;
    }
}
