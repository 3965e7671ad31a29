/* SPDX-License-Identifier: MIT */
#include "event_proto.h"

#include <stdlib.h>

#include "wire/json.h"
#include "wire/proto.h"

#define MAX_DEPTH 64u

typedef Google__Protobuf__Value proto_value;

static void add_value(sc_buf *out, const proto_value *value, uint32_t depth);

static void add_list(sc_buf *out, const Google__Protobuf__ListValue *list, uint32_t depth)
{
    sc_buf_add_byte(out, '[');
    for (size_t i = 0; i < list->n_values; i++) {
        if (i > 0)
            sc_buf_add_byte(out, ',');
        add_value(out, list->values[i], depth);
    }
    sc_buf_add_byte(out, ']');
}

static void add_struct(sc_buf *out, const Google__Protobuf__Struct *object, uint32_t depth)
{
    sc_buf_add_byte(out, '{');
    for (size_t i = 0; i < object->n_fields; i++) {
        if (i > 0)
            sc_buf_add_byte(out, ',');
        sc_json_add_string(out, sc_str_from(object->fields[i]->key));
        sc_buf_add_byte(out, ':');
        add_value(out, object->fields[i]->value, depth);
    }
    sc_buf_add_byte(out, '}');
}

static void add_number(sc_buf *out, double number)
{
    char *text = pillion_json_format("%f", number);

    sc_buf_add_str(out, sc_str_from(text));
    free(text);
}

static void add_value(sc_buf *out, const proto_value *value, uint32_t depth)
{
    switch (value && depth < MAX_DEPTH ? value->kind_case
                                       : GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET) {
    case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
        add_number(out, value->number_value);
        break;
    case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
        sc_json_add_string(out, sc_str_from(value->string_value));
        break;
    case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
        sc_buf_add_str(out, value->bool_value ? SC_STR("true") : SC_STR("false"));
        break;
    case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
        add_struct(out, value->struct_value, depth + 1);
        break;
    case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
        add_list(out, value->list_value, depth + 1);
        break;
    default:
        sc_buf_add_str(out, SC_STR("null"));
        break;
    }
}

static void add_attribute(sdk_event *event, const char *name, sc_str value)
{
    sc_pairs_set(&event->attributes, event->mem, sc_arena_str(event->mem, sc_str_from(name)),
                 sc_arena_str(event->mem, value));
}

/* Texts as they are, others as JSON, nulls not at all: as in an envelope of JSON. */
static void add_extension(sdk_event *event, const Google__Protobuf__Struct__FieldsEntry *field)
{
    sc_buf text = {0};

    if (!field->value || field->value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE)
        return;
    if (field->value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE) {
        add_attribute(event, field->key, sc_str_from(field->value->string_value));
        return;
    }
    add_value(&text, field->value, 0);
    add_attribute(event, field->key, sc_buf_str(&text));
    sc_buf_deinit(&text);
}

void event_from_proto(sc_arena *mem, const Dapr__Proto__Runtime__V1__TopicEventRequest *message,
                      sdk_event *out)
{
    *out = (sdk_event){.mem = mem};
    for (size_t i = 0; message->extensions && i < message->extensions->n_fields; i++)
        add_extension(out, message->extensions->fields[i]);
    add_attribute(out, "id", sc_str_from(message->id));
    add_attribute(out, "source", sc_str_from(message->source));
    add_attribute(out, "type", sc_str_from(message->type));
    add_attribute(out, "specversion", sc_str_from(message->spec_version));
    add_attribute(out, "datacontenttype", sc_str_from(message->data_content_type));
    add_attribute(out, "topic", sc_str_from(message->topic));
    add_attribute(out, "pubsubname", sc_str_from(message->pubsub_name));
    event_fill(out, str_out(sc_arena_str(mem, sc_proto_bytes(message->data))));
}
