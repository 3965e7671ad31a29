/* SPDX-License-Identifier: MIT
 *
 * Messages as JSON: walks a message by its descriptor and writes what is set.
 */
#include "wire/proto_json_internal.h"

#include <stdlib.h>

#include "core/str.h"
#include "wire/base64.h"
#include "wire/json.h"

typedef struct writer {
    const ProtobufCMessageDescriptor *const *types;
    sc_buf *out;
    sc_arena *mem;
} writer;

static void write_message(writer *w, const ProtobufCMessage *message);
static void write_fields(writer *w, const ProtobufCMessage *message, bool is_first);
static void write_any(writer *w, const ProtobufCMessage *message);
static void write_map(writer *w, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field);
static void write_list(writer *w, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field);
static void write_value(writer *w, const ProtobufCFieldDescriptor *field, const void *at);
static void write_duration(writer *w, const ProtobufCMessage *message);

/* ---- shared ways through a message ---- */

proto_form proto_form_of(const ProtobufCMessageDescriptor *type)
{
    static const struct {
        const char *name;
        proto_form form;
    } rows[] = {
        {"Any", FORM_ANY},        {"Struct", FORM_STRUCT},     {"Value", FORM_VALUE},
        {"ListValue", FORM_LIST}, {"Duration", FORM_DURATION},
    };
    sc_str name = sc_str_from(type->short_name);

    if (!sc_str_eq(sc_str_from(type->package_name), SC_STR("google.protobuf")))
        return FORM_FIELDS;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (sc_str_eq(name, sc_str_from(rows[i].name)))
            return rows[i].form;
    }
    return sc_str_ends(name, SC_STR("Value")) && type->n_fields == 1 ? FORM_WRAPPER : FORM_FIELDS;
}

size_t proto_value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(double);
    case PROTOBUF_C_TYPE_FLOAT:
        return sizeof(float);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return sizeof(uint32_t);
    }
}

bool proto_is_map(const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;

    return field->label == PROTOBUF_C_LABEL_REPEATED && field->type == PROTOBUF_C_TYPE_MESSAGE &&
           entry->n_fields == 2 && sc_str_ends(sc_str_from(entry->short_name), SC_STR("Entry")) &&
           sc_str_eq(sc_str_from(entry->fields[0].name), SC_STR("key")) &&
           sc_str_eq(sc_str_from(entry->fields[1].name), SC_STR("value"));
}

const ProtobufCMessageDescriptor *proto_find_type(const ProtobufCMessageDescriptor *const *types,
                                                  sc_str url)
{
    sc_str prefix = SC_STR("type.googleapis.com/");

    if (!sc_str_starts(url, prefix))
        return NULL;
    url = sc_str_sub(url, prefix.len, url.len);
    for (; *types; types++) {
        if (sc_str_eq(url, sc_str_from((*types)->name)))
            return *types;
    }
    return NULL;
}

/* ---- names and presence ---- */

/* "finish_reason" is "finishReason"; "contextID" stays. */
static void write_name(writer *w, const ProtobufCFieldDescriptor *field, bool is_first)
{
    bool is_upper = false;

    sc_buf_add_str(w->out, is_first ? SC_STR("\"") : SC_STR(",\""));
    for (const char *at = field->name; *at; at++) {
        if (*at == '_') {
            is_upper = true;
            continue;
        }
        sc_buf_add_byte(w->out,
                        is_upper && *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at);
        is_upper = false;
    }
    sc_buf_add_str(w->out, SC_STR("\":"));
}

static bool is_zero(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const char zeros[sizeof(ProtobufCBinaryData)];

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return !*(char *const *)at || (*(char *const *)at)[0] == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    default:
        return memcmp(at, zeros, proto_value_size(field)) == 0;
    }
}

static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(size_t *)proto_quantifier(message, field) > 0;
    if (proto_is_oneof(field))
        return *(uint32_t *)proto_quantifier(message, field) == field->id;
    return !is_zero(field, proto_at(message, field));
}

/* ---- messages ---- */

void sc_proto_to_json(const ProtobufCMessage *message,
                      const ProtobufCMessageDescriptor *const *any_types, sc_buf *out,
                      sc_arena *mem)
{
    writer w = {any_types, out, mem};

    write_message(&w, message);
}

static void write_message(writer *w, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    switch (proto_form_of(type)) {
    case FORM_FIELDS:
        sc_buf_add_byte(w->out, '{');
        write_fields(w, message, true);
        sc_buf_add_byte(w->out, '}');
        break;
    case FORM_ANY:
        write_any(w, message);
        break;
    case FORM_STRUCT:
        write_map(w, message, &type->fields[0]);
        break;
    case FORM_LIST:
        write_list(w, message, &type->fields[0]);
        break;
    case FORM_VALUE:
        for (unsigned i = 0; i < type->n_fields; i++) {
            if (is_set(message, &type->fields[i])) {
                write_value(w, &type->fields[i], proto_at(message, &type->fields[i]));
                return;
            }
        }
        sc_buf_add_str(w->out, SC_STR("null"));
        break;
    case FORM_DURATION:
        write_duration(w, message);
        break;
    case FORM_WRAPPER:
        write_value(w, &type->fields[0], proto_at(message, &type->fields[0]));
        break;
    }
}

static void write_fields(writer *w, const ProtobufCMessage *message, bool is_first)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];

        if (!is_set(message, field))
            continue;
        write_name(w, field, is_first);
        is_first = false;
        if (proto_is_map(field))
            write_map(w, message, field);
        else if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_list(w, message, field);
        else
            write_value(w, field, proto_at(message, field));
    }
}

/* Fields 1 and 2 of google.protobuf.Any: type_url and value. */
static void write_any(writer *w, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    sc_str url = sc_str_from(*(char **)proto_at(message, &fields[0]));
    const ProtobufCBinaryData *bytes = proto_at(message, &fields[1]);
    const ProtobufCMessageDescriptor *type = proto_find_type(w->types, url);
    const ProtobufCMessage *inner =
        type ? sc_proto_unpack(type, sc_proto_bytes(*bytes), w->mem) : NULL;

    sc_buf_add_str(w->out, SC_STR("{\"@type\":"));
    sc_json_add_string(w->out, url);
    if (inner && proto_form_of(type) == FORM_FIELDS) {
        write_fields(w, inner, false);
    } else if (inner) {
        sc_buf_add_str(w->out, SC_STR(",\"value\":"));
        write_message(w, inner);
    }
    sc_buf_add_byte(w->out, '}');
}

/* "1s", "1.500s", "-0.000001s": none, three, six or nine digits of fraction. */
static void write_duration(writer *w, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    int64_t seconds = *(int64_t *)proto_at(message, &fields[0]);
    int32_t nanos = *(int32_t *)proto_at(message, &fields[1]);
    bool is_negative = seconds < 0 || nanos < 0;
    uint32_t fraction = nanos < 0 ? 0u - (uint32_t)nanos : (uint32_t)nanos;
    uint64_t whole = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    int digits = fraction % 1000000u == 0 ? 3 : fraction % 1000u == 0 ? 6 : 9;

    sc_buf_add_fmt(w->out, "\"%s%llu", is_negative ? "-" : "", (unsigned long long)whole);
    if (fraction > 0)
        sc_buf_add_fmt(w->out, ".%0*u", digits,
                       fraction / (digits == 3   ? 1000000u
                                   : digits == 6 ? 1000u
                                                 : 1u));
    sc_buf_add_str(w->out, SC_STR("s\""));
}

/* ---- lists and maps ---- */

static void write_list(writer *w, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    size_t count = *(size_t *)proto_quantifier(message, field);
    const char *all = *(char **)proto_at(message, field);

    sc_buf_add_byte(w->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            sc_buf_add_byte(w->out, ',');
        write_value(w, field, all + i * proto_value_size(field));
    }
    sc_buf_add_byte(w->out, ']');
}

/* A map's key as text, which sorts numbers as text too: as Go does not, and no map here has any. */
static sc_str key_of(writer *w, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[0];
    sc_buf text = {0};
    sc_str key;

    if (field->type == PROTOBUF_C_TYPE_STRING)
        return sc_str_from(*(char **)proto_at(entry, field));
    {
        writer inner = {w->types, &text, w->mem};

        write_value(&inner, field, proto_at(entry, field));
    }
    key = sc_arena_str(w->mem, sc_buf_str(&text));
    sc_buf_deinit(&text);
    return key.len > 1 && key.at[0] == '"' ? sc_str_sub(key, 1, key.len - 1) : key;
}

typedef struct map_entry {
    sc_str key;
    const ProtobufCMessage *entry;
} map_entry;

static int by_key(const void *a, const void *b)
{
    return sc_str_cmp(((const map_entry *)a)->key, ((const map_entry *)b)->key);
}

static void write_map(writer *w, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field)
{
    size_t count = *(size_t *)proto_quantifier(message, field);
    ProtobufCMessage *const *entries = *(ProtobufCMessage ***)proto_at(message, field);
    map_entry *sorted = sc_arena_alloc(w->mem, (count + 1) * sizeof(sorted[0]));

    for (size_t i = 0; i < count; i++)
        sorted[i] = (map_entry){key_of(w, entries[i]), entries[i]};
    qsort(sorted, count, sizeof(sorted[0]), by_key);
    sc_buf_add_byte(w->out, '{');
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *value = &sorted[i].entry->descriptor->fields[1];

        if (i > 0)
            sc_buf_add_byte(w->out, ',');
        sc_json_add_string(w->out, sorted[i].key);
        sc_buf_add_byte(w->out, ':');
        write_value(w, value, proto_at(sorted[i].entry, value));
    }
    sc_buf_add_byte(w->out, '}');
}

/* ---- values ---- */

static void write_enum(writer *w, const ProtobufCFieldDescriptor *field, int number)
{
    const ProtobufCEnumDescriptor *type = field->descriptor;
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);

    if (sc_str_eq(sc_str_from(type->name), SC_STR("google.protobuf.NullValue")))
        sc_buf_add_str(w->out, SC_STR("null"));
    else if (value)
        sc_json_add_string(w->out, sc_str_from(value->name));
    else
        sc_buf_add_fmt(w->out, "%d", number);
}

static void write_value(writer *w, const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        sc_buf_add_fmt(w->out, "%d", *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        sc_buf_add_fmt(w->out, "%u", *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        sc_buf_add_fmt(w->out, "\"%lld\"", (long long)*(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        sc_buf_add_fmt(w->out, "\"%llu\"", (unsigned long long)*(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        sc_json_add_float(w->out, *(const float *)at);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        sc_json_add_double(w->out, *(const double *)at);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        sc_buf_add_str(w->out, *(const protobuf_c_boolean *)at ? SC_STR("true") : SC_STR("false"));
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(w, field, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        sc_json_add_string(w->out, sc_str_from(*(char *const *)at));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        sc_buf_add_byte(w->out, '"');
        sc_base64_add(w->out, sc_proto_bytes(*(const ProtobufCBinaryData *)at));
        sc_buf_add_byte(w->out, '"');
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(ProtobufCMessage *const *)at)
            write_message(w, *(ProtobufCMessage *const *)at);
        else /* a map entry without a value */
            sc_buf_add_str(w->out, SC_STR("null"));
        break;
    }
}

/* ---- documents ---- */

static sc_doc *message_doc(const ProtobufCMessage *message, sc_arena *mem);

static sc_doc *field_doc(const ProtobufCFieldDescriptor *field, const void *at, sc_arena *mem)
{
    writer w = {NULL, NULL, mem};
    sc_buf text = {0};
    sc_doc *doc;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage *const *)at ? message_doc(*(ProtobufCMessage *const *)at, mem)
                                              : sc_doc_new(mem, SC_DOC_NULL);
    case PROTOBUF_C_TYPE_STRING:
        return sc_doc_new_string(mem, sc_str_from(*(char *const *)at));
    case PROTOBUF_C_TYPE_BYTES:
        return sc_doc_new_string(
            mem, sc_base64_encode(sc_proto_bytes(*(const ProtobufCBinaryData *)at), true, mem));
    case PROTOBUF_C_TYPE_ENUM:
        return sc_doc_new(mem, SC_DOC_NULL);
    case PROTOBUF_C_TYPE_BOOL:
        doc = sc_doc_new(mem, SC_DOC_BOOL);
        doc->truth = *(const protobuf_c_boolean *)at != 0;
        return doc;
    default: /* a number, that of 64 bits in quotes */
        w.out = &text;
        write_value(&w, field, at);
        doc = sc_doc_new(mem, SC_DOC_NUMBER);
        doc->text = sc_arena_str(mem, sc_buf_str(&text));
        if (doc->text.len > 1 && doc->text.at[0] == '"')
            doc->text = sc_str_sub(doc->text, 1, doc->text.len - 1);
        sc_buf_deinit(&text);
        return doc;
    }
}

/* Of a Struct or a ListValue. */
static sc_doc *struct_doc(const ProtobufCMessage *message, sc_arena *mem)
{
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[0];
    size_t count = *(size_t *)proto_quantifier(message, field);
    ProtobufCMessage *const *all = *(ProtobufCMessage ***)proto_at(message, field);
    bool is_object = proto_is_map(field);
    sc_doc *doc = sc_doc_new(mem, is_object ? SC_DOC_OBJECT : SC_DOC_ARRAY);

    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *fields = all[i]->descriptor->fields;

        if (is_object)
            sc_doc_put(doc, sc_str_from(*(char **)proto_at(all[i], &fields[0])),
                       field_doc(&fields[1], proto_at(all[i], &fields[1]), mem));
        else
            sc_doc_add(doc, message_doc(all[i], mem));
    }
    return doc;
}

static sc_doc *message_doc(const ProtobufCMessage *message, sc_arena *mem)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    switch (proto_form_of(type)) {
    case FORM_STRUCT:
    case FORM_LIST:
        return struct_doc(message, mem);
    case FORM_WRAPPER:
        return field_doc(&type->fields[0], proto_at(message, &type->fields[0]), mem);
    case FORM_VALUE:
        for (unsigned i = 0; i < type->n_fields; i++) {
            if (is_set(message, &type->fields[i]))
                return field_doc(&type->fields[i], proto_at(message, &type->fields[i]), mem);
        }
        break;
    case FORM_FIELDS:
    case FORM_ANY:
    case FORM_DURATION:
        break;
    }
    return sc_doc_new(mem, SC_DOC_NULL);
}

sc_doc *sc_proto_struct_doc(const ProtobufCMessage *message, sc_arena *mem)
{
    return message ? struct_doc(message, mem) : NULL;
}

sc_doc *sc_proto_any_doc(const ProtobufCMessage *any,
                         const ProtobufCMessageDescriptor *const *any_types, sc_arena *mem)
{
    const ProtobufCFieldDescriptor *fields = any->descriptor->fields;
    const ProtobufCMessageDescriptor *type =
        proto_find_type(any_types, sc_str_from(*(char **)proto_at(any, &fields[0])));
    const ProtobufCBinaryData *bytes = proto_at(any, &fields[1]);
    const ProtobufCMessage *inner =
        type ? sc_proto_unpack(type, sc_proto_bytes(*bytes), mem) : NULL;

    return inner ? message_doc(inner, mem) : sc_doc_new(mem, SC_DOC_NULL);
}
