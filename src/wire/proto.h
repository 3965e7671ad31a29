/* SPDX-License-Identifier: MIT
 *
 * protobuf-c messages in an arena: unpacking takes all its memory from the call, packing returns a
 * slice of it. Nothing of a message is freed by itself.
 */
#ifndef SC_WIRE_PROTO_H
#define SC_WIRE_PROTO_H

#include <protobuf-c/protobuf-c.h>

#include "core/arena.h"
#include "core/pairs.h"

#define SC_PROTO_MAX_DEPTH 256u /* messages inside messages */

/* The message that `bytes` hold, or NULL when they are none, nest deeper than SC_PROTO_MAX_DEPTH,
 * or memory is short. Lives in `mem`. */
void *sc_proto_unpack(const ProtobufCMessageDescriptor *type, sc_str bytes,
                      sc_arena *mem) SC_MUST_CHECK;
sc_str sc_proto_pack(const ProtobufCMessage *message, sc_arena *mem);
/* A map<string, string> field: its entries, the last of a repeated key winning. Borrows. */
sc_pairs sc_proto_map(void *const *entries, size_t count, sc_arena *mem);
/* The other way: entries of type `entry` for the pairs, as many as pairs->count. */
void *sc_proto_map_make(const ProtobufCMessageDescriptor *entry, const sc_pairs *pairs,
                        sc_arena *mem);
/* A string field's value for `s`: a copy with NUL. */
char *sc_proto_text(sc_str s, sc_arena *mem);
static inline sc_str sc_proto_bytes(ProtobufCBinaryData data)
{
    return sc_str_of(data.data, data.len);
}
/* Borrows; protobuf-c never writes through it while packing. */
static inline ProtobufCBinaryData sc_proto_data(sc_str s)
{
    union {
        const char *from;
        uint8_t *to;
    } at = {.from = s.at};

    return (ProtobufCBinaryData){.len = s.len, .data = at.to};
}

#endif
