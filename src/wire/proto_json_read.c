/* SPDX-License-Identifier: MIT
 *
 * Messages from JSON: reads the text into a document, then fills a message by its descriptor. The
 * depth of the document is bounded, so the recursion is.
 */
#include "wire/proto_json_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/duration.h"
#include "wire/base64.h"
#include "wire/json.h"

#define WHERE_MAX 40u

typedef struct reader {
    sc_str text; /* all of it, for positions */
    const ProtobufCMessageDescriptor *const *types;
    sc_arena *mem;
    sc_error *err;
} reader;

static bool read_message(reader *r, const sc_doc *doc, ProtobufCMessage *message);
static bool read_fields(reader *r, const sc_doc *doc, ProtobufCMessage *message);
static bool read_any(reader *r, const sc_doc *doc, ProtobufCMessage *message);
static bool read_json_value(reader *r, const sc_doc *doc, ProtobufCMessage *message);
static bool read_field(reader *r, const sc_doc *doc, ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field);
static bool read_value(reader *r, const sc_doc *doc, const ProtobufCFieldDescriptor *field,
                       void *to);

/* ---- errors ---- */

/* "(line 1:15): " for what stands in the text as it is, else nothing. */
static void find_place(const reader *r, const sc_doc *doc, char place[WHERE_MAX])
{
    const char *at = doc->text.at;
    unsigned line = 1;
    size_t column = 1;

    place[0] = '\0';
    if (!at || at < r->text.at || at > r->text.at + r->text.len)
        return;
    at -= doc->kind == SC_DOC_STRING && at > r->text.at;
    for (const char *p = r->text.at; p < at; p++) {
        column++;
        if (*p == '\n') {
            line++;
            column = 1;
        }
    }
    (void)snprintf(place, WHERE_MAX, "(line %u:%zu): ", line, column);
}

static sc_str shown(const reader *r, const sc_doc *doc)
{
    sc_buf json = {0};
    sc_str text;

    sc_json_add_doc(&json, doc, false);
    text = sc_arena_str(r->mem, sc_str_sub(sc_buf_str(&json), 0, 100));
    sc_buf_deinit(&json);
    return text;
}

static bool unexpected(reader *r, const sc_doc *doc)
{
    char place[WHERE_MAX];

    find_place(r, doc, place);
    (void)sc_fail(r->err, SC_INVALID, "proto: %sunexpected token %.*s", place,
                  SC_FMT(shown(r, doc)));
    return false;
}

static bool bad_value(reader *r, const sc_doc *doc, const char *type,
                      const ProtobufCFieldDescriptor *field)
{
    char place[WHERE_MAX];

    find_place(r, doc, place);
    (void)sc_fail(r->err, SC_INVALID, "proto: %sinvalid value for %s field %s: %.*s", place, type,
                  field->name, SC_FMT(shown(r, doc)));
    return false;
}

/* ---- messages ---- */

static ProtobufCMessage *new_message(reader *r, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = sc_arena_zero(r->mem, type->sizeof_message);

    protobuf_c_message_init(type, message);
    return message;
}

void *sc_proto_from_json(const ProtobufCMessageDescriptor *type, sc_str json,
                         const ProtobufCMessageDescriptor *const *any_types, sc_arena *mem,
                         sc_error *err)
{
    sc_error unused;
    reader r = {.text = json, .types = any_types, .mem = mem, .err = err ? err : &unused};
    ProtobufCMessage *message = new_message(&r, type);
    sc_doc *doc = NULL;
    sc_str rest;

    if (json.len == 0)
        return message;
    if (sc_json_parse(json, mem, &doc, &rest, r.err) != SC_OK) {
        (void)sc_error_context(r.err, "proto: syntax error");
        return NULL;
    }
    if (rest.len > 0) {
        (void)sc_fail(r.err, SC_INVALID, "proto: syntax error: unexpected token %.*s",
                      SC_FMT(sc_str_sub(rest, 0, 100)));
        return NULL;
    }
    return read_message(&r, doc, message) ? message : NULL;
}

static bool read_duration(reader *r, const sc_doc *doc, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    int64_t ns;

    if (doc->kind != SC_DOC_STRING || !sc_str_ends(doc->text, SC_STR("s")) ||
        !sc_duration_parse(doc->text, &ns))
        return unexpected(r, doc);
    *(int64_t *)proto_at(message, &fields[0]) = ns / 1000000000;
    *(int32_t *)proto_at(message, &fields[1]) = (int32_t)(ns % 1000000000);
    return true;
}

static bool read_message(reader *r, const sc_doc *doc, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    switch (proto_form_of(type)) {
    case FORM_FIELDS:
        return read_fields(r, doc, message);
    case FORM_ANY:
        return read_any(r, doc, message);
    case FORM_STRUCT:
    case FORM_LIST:
        return read_field(r, doc, message, &type->fields[0]);
    case FORM_VALUE:
        return read_json_value(r, doc, message);
    case FORM_DURATION:
        return read_duration(r, doc, message);
    case FORM_WRAPPER:
        return read_value(r, doc, &type->fields[0], proto_at(message, &type->fields[0]));
    }
    return false;
}

/* `key` is the field's own name or its lowerCamelCase. */
static bool is_named(const ProtobufCFieldDescriptor *field, sc_str key)
{
    size_t at = 0;
    bool is_upper = false;

    if (sc_str_eq(sc_str_from(field->name), key))
        return true;
    for (const char *name = field->name; *name; name++) {
        char want = *name;

        if (want == '_') {
            is_upper = true;
            continue;
        }
        if (is_upper && want >= 'a' && want <= 'z')
            want = (char)(want - 'a' + 'A');
        is_upper = false;
        if (at == key.len || key.at[at++] != want)
            return false;
    }
    return at == key.len;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                  sc_str key)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (is_named(&type->fields[i], key))
            return &type->fields[i];
    }
    return NULL;
}

static bool is_value_message(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE && proto_form_of(field->descriptor) == FORM_VALUE;
}

static bool read_fields(reader *r, const sc_doc *doc, ProtobufCMessage *message)
{
    if (doc->kind != SC_DOC_OBJECT)
        return unexpected(r, doc);
    SC_DOC_EACH (doc, it) {
        const ProtobufCFieldDescriptor *field = find_field(message->descriptor, it->key);

        if (!field || (it->kind == SC_DOC_NULL && !is_value_message(field)))
            continue;
        if (!read_field(r, it, message, field))
            return false;
    }
    return true;
}

static bool fail_any(reader *r, const char *text, sc_str url)
{
    (void)sc_fail(r->err, SC_INVALID, "proto: google.protobuf.Any: %s%.*s", text,
                  SC_FMT(sc_str_sub(url, 0, 100)));
    return false;
}

static bool read_any(reader *r, const sc_doc *doc, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    sc_str url = sc_doc_string(sc_doc_get(doc, SC_STR("@type")));
    const sc_doc *value = sc_doc_get(doc, SC_STR("value"));
    const ProtobufCMessageDescriptor *type;
    ProtobufCMessage *inner;

    if (doc->kind != SC_DOC_OBJECT)
        return unexpected(r, doc);
    if (doc->count == 0)
        return true;
    if (url.len == 0)
        return fail_any(r, "missing \"@type\" field", SC_STR_NONE);
    type = proto_find_type(r->types, url);
    if (!type)
        return fail_any(r, "unable to resolve ", url);
    inner = new_message(r, type);
    if (proto_form_of(type) == FORM_FIELDS) {
        if (!read_fields(r, doc, inner))
            return false;
    } else if (!value) {
        return fail_any(r, "missing \"value\" field of ", url);
    } else if (!read_message(r, value, inner)) {
        return false;
    }
    *(char **)proto_at(message, &fields[0]) = sc_proto_text(url, r->mem);
    *(ProtobufCBinaryData *)proto_at(message, &fields[1]) =
        sc_proto_data(sc_proto_pack(inner, r->mem));
    return true;
}

/* google.protobuf.Value: the member of its oneof that the JSON's kind asks for. */
static bool read_json_value(reader *r, const sc_doc *doc, ProtobufCMessage *message)
{
    static const char *const members[] = {
        [SC_DOC_NULL] = "null_value",     [SC_DOC_BOOL] = "bool_value",
        [SC_DOC_NUMBER] = "number_value", [SC_DOC_STRING] = "string_value",
        [SC_DOC_ARRAY] = "list_value",    [SC_DOC_OBJECT] = "struct_value",
    };
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, members[doc->kind]);

    return read_field(r, doc, message, field);
}

/* ---- fields ---- */

static bool read_list(reader *r, const sc_doc *doc, ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field)
{
    size_t size = proto_value_size(field);
    char *all = sc_arena_zero(r->mem, (doc->count + 1) * size);
    size_t count = 0;

    if (doc->kind != SC_DOC_ARRAY)
        return unexpected(r, doc);
    SC_DOC_EACH (doc, it) {
        if (!read_value(r, it, field, all + count * size))
            return false;
        count++;
    }
    *(char **)proto_at(message, field) = all;
    *(size_t *)proto_quantifier(message, field) = count;
    return true;
}

static bool read_map(reader *r, const sc_doc *doc, ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    ProtobufCMessage **all = sc_arena_zero(r->mem, (doc->count + 1) * sizeof(all[0]));
    size_t count = 0;

    if (doc->kind != SC_DOC_OBJECT)
        return unexpected(r, doc);
    SC_DOC_EACH (doc, it) {
        sc_doc key = {.kind = SC_DOC_STRING, .text = it->key};

        if (sc_doc_get(doc, it->key) != it) /* of repeated keys the last counts */
            continue;
        all[count] = new_message(r, type);
        if (!read_value(r, &key, &type->fields[0], proto_at(all[count], &type->fields[0])) ||
            !read_value(r, it, &type->fields[1], proto_at(all[count], &type->fields[1])))
            return false;
        count++;
    }
    *(ProtobufCMessage ***)proto_at(message, field) = all;
    *(size_t *)proto_quantifier(message, field) = count;
    return true;
}

static bool read_field(reader *r, const sc_doc *doc, ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    if (proto_is_map(field))
        return read_map(r, doc, message, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_list(r, doc, message, field);
    if (proto_is_oneof(field)) {
        uint32_t *which = proto_quantifier(message, field);

        if (*which != 0 && *which != field->id) {
            (void)sc_fail(r->err, SC_INVALID, "proto: error parsing \"%s\", oneof is already set",
                          field->name);
            return false;
        }
        *which = field->id;
    }
    return read_value(r, doc, field, proto_at(message, field));
}

/* ---- values ---- */

/* A whole number in a number or, as protobuf allows, in a text; "1e3" and "2.0" are whole. */
static bool whole_number(const sc_doc *doc, bool is_signed, int64_t *number)
{
    sc_str text = doc->text;
    char copy[64];
    char *end;
    double n;

    if (doc->kind != SC_DOC_NUMBER && doc->kind != SC_DOC_STRING)
        return false;
    if (is_signed ? sc_str_to_i64(text, number) : sc_str_to_u64(text, (uint64_t *)number))
        return true;
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    n = strtod(copy, &end);
    if (*end != '\0' || n != floor(n) || fabs(n) > 9e15 || (!is_signed && n < 0))
        return false;
    *number = (int64_t)n;
    return true;
}

static bool real_number(const sc_doc *doc, double *number)
{
    char copy[64];
    char *end;

    if (doc->kind == SC_DOC_STRING && sc_str_eq(doc->text, SC_STR("NaN")))
        *number = NAN;
    else if (doc->kind == SC_DOC_STRING && sc_str_eq(doc->text, SC_STR("Infinity")))
        *number = INFINITY;
    else if (doc->kind == SC_DOC_STRING && sc_str_eq(doc->text, SC_STR("-Infinity")))
        *number = -INFINITY;
    else if ((doc->kind != SC_DOC_NUMBER && doc->kind != SC_DOC_STRING) || doc->text.len == 0 ||
             doc->text.len >= sizeof(copy) || !sc_json_is_valid(doc->text))
        return false;
    else {
        memcpy(copy, doc->text.at, doc->text.len);
        copy[doc->text.len] = '\0';
        *number = strtod(copy, &end);
        return *end == '\0' && !isinf(*number);
    }
    return true;
}

static bool read_enum(reader *r, const sc_doc *doc, const ProtobufCFieldDescriptor *field, int *to)
{
    const ProtobufCEnumDescriptor *type = field->descriptor;
    const ProtobufCEnumValue *value;
    int64_t number;

    if (doc->kind == SC_DOC_NULL) { /* NullValue */
        *to = 0;
        return true;
    }
    if (doc->kind == SC_DOC_STRING) {
        value =
            protobuf_c_enum_descriptor_get_value_by_name(type, sc_arena_str(r->mem, doc->text).at);
        if (!value)
            return bad_value(r, doc, "enum", field);
        *to = value->value;
        return true;
    }
    if (!whole_number(doc, true, &number) || number < INT32_MIN || number > INT32_MAX)
        return bad_value(r, doc, "enum", field);
    *to = (int)number;
    return true;
}

static bool read_int(reader *r, const sc_doc *doc, const ProtobufCFieldDescriptor *field, void *to)
{
    int64_t n = 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        if (!whole_number(doc, true, &n))
            return bad_value(r, doc, "int64", field);
        *(int64_t *)to = n;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        if (!whole_number(doc, false, &n))
            return bad_value(r, doc, "uint64", field);
        *(uint64_t *)to = (uint64_t)n;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!whole_number(doc, false, &n) || n < 0 || n > UINT32_MAX)
            return bad_value(r, doc, "uint32", field);
        *(uint32_t *)to = (uint32_t)n;
        return true;
    default:
        if (!whole_number(doc, true, &n) || n < INT32_MIN || n > INT32_MAX)
            return bad_value(r, doc, "int32", field);
        *(int32_t *)to = (int32_t)n;
        return true;
    }
}

static bool read_text(reader *r, const sc_doc *doc, const ProtobufCFieldDescriptor *field, void *to)
{
    sc_str bytes;

    if (field->type == PROTOBUF_C_TYPE_STRING) {
        /* The C of protobuf ends texts at a NUL: refused, not cut. */
        if (doc->kind != SC_DOC_STRING || sc_str_find(doc->text, '\0') < doc->text.len)
            return bad_value(r, doc, "string", field);
        *(char **)to = sc_proto_text(doc->text, r->mem);
        return true;
    }
    if (doc->kind != SC_DOC_STRING || !sc_base64_decode(doc->text, r->mem, &bytes))
        return bad_value(r, doc, "bytes", field);
    *(ProtobufCBinaryData *)to = sc_proto_data(bytes);
    return true;
}

static bool read_value(reader *r, const sc_doc *doc, const ProtobufCFieldDescriptor *field,
                       void *to)
{
    double number;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: {
        ProtobufCMessage *message = new_message(r, field->descriptor);

        *(ProtobufCMessage **)to = message;
        return read_message(r, doc, message);
    }
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        return read_text(r, doc, field, to);
    case PROTOBUF_C_TYPE_BOOL:
        if (doc->kind != SC_DOC_BOOL)
            return bad_value(r, doc, "bool", field);
        *(protobuf_c_boolean *)to = doc->truth;
        return true;
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, doc, field, to);
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FLOAT:
        if (!real_number(doc, &number))
            return bad_value(r, doc, field->type == PROTOBUF_C_TYPE_FLOAT ? "float" : "double",
                             field);
        if (field->type == PROTOBUF_C_TYPE_FLOAT)
            *(float *)to = (float)number;
        else
            *(double *)to = number;
        return true;
    default:
        return read_int(r, doc, field, to);
    }
}
