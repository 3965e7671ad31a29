/* SPDX-License-Identifier: MIT
 *
 * What reading and writing ProtoJSON share: ways through a message by its descriptor.
 */
#ifndef SC_WIRE_PROTO_JSON_INTERNAL_H
#define SC_WIRE_PROTO_JSON_INTERNAL_H

#include "wire/proto_json.h"

/* Messages whose JSON is not an object of their fields. */
typedef enum proto_form {
    FORM_FIELDS,
    FORM_ANY,
    FORM_STRUCT,   /* an object */
    FORM_VALUE,    /* any JSON */
    FORM_LIST,     /* an array */
    FORM_DURATION, /* "1.5s" */
    FORM_WRAPPER,  /* the bare value */
} proto_form;
proto_form proto_form_of(const ProtobufCMessageDescriptor *type);

static inline void *proto_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (char *)(uintptr_t)message + field->offset;
}
/* The number of elements of a repeated field; the field that a oneof has. */
static inline void *proto_quantifier(const ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *field)
{
    return (char *)(uintptr_t)message + field->quantifier_offset;
}
static inline bool proto_is_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}
/* Bytes of one value in the struct or in a repeated field's array. */
size_t proto_value_size(const ProtobufCFieldDescriptor *field);
/* Whether a repeated message field is a map: its entries have fields key and value. */
bool proto_is_map(const ProtobufCFieldDescriptor *field);
/* The type behind "type.googleapis.com/NAME", or NULL. */
const ProtobufCMessageDescriptor *proto_find_type(const ProtobufCMessageDescriptor *const *types,
                                                  sc_str url);

#endif
