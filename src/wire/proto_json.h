/* SPDX-License-Identifier: MIT
 *
 * The JSON form of protobuf messages (ProtoJSON), driven by their descriptors: what Dapr's newer
 * HTTP APIs take and give. Reading takes lowerCamelCase and original names and passes over unknown
 * ones; writing leaves out default values and writes 64-bit integers as text.
 *
 * Well-known types with a form of their own: Struct, Value, ListValue, Duration, the wrappers, Any.
 */
#ifndef SC_WIRE_PROTO_JSON_H
#define SC_WIRE_PROTO_JSON_H

#include "core/buf.h"
#include "core/doc.h"
#include "core/error.h"
#include "wire/proto.h"

/* The message of `type` that `json` says, in `mem`; nothing at all is an empty message. `any_types`
 * are those that an Any may hold, NULL at the end.
 * Fails with NULL and SC_INVALID, worded as Go's protojson ("proto: (line 1:15): invalid value for
 * string field resourceId: 5"). */
void *sc_proto_from_json(const ProtobufCMessageDescriptor *type, sc_str json,
                         const ProtobufCMessageDescriptor *const *any_types, sc_arena *mem,
                         sc_error *err) SC_MUST_CHECK;

/* Appends the message as one object, compact, fields by number, map keys sorted. An Any that holds
 * none of `any_types` is written as its "@type" alone. */
void sc_proto_to_json(const ProtobufCMessage *message,
                      const ProtobufCMessageDescriptor *const *any_types, sc_buf *out,
                      sc_arena *mem);

/* A google.protobuf.Struct (NULL: none) as a document in `mem`; NULL for NULL. Whole numbers are
 * written without a fraction. */
sc_doc *sc_proto_struct_doc(const ProtobufCMessage *message, sc_arena *mem);
/* What an Any holds, when that is a wrapper, a Struct, a ListValue or a Value; else null. */
sc_doc *sc_proto_any_doc(const ProtobufCMessage *any,
                         const ProtobufCMessageDescriptor *const *any_types, sc_arena *mem);

#endif
