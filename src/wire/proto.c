/* SPDX-License-Identifier: MIT
 *
 * protobuf-c over arenas. Map entries have one layout whatever message they belong to; their
 * fields are reached through the descriptor, so no cast assumes it.
 */
#include "wire/proto.h"

static void *take(void *mem, size_t size)
{
    return sc_arena_try(mem, size);
}

static void leave(void *mem, void *at)
{
    (void)mem; /* goes with the arena */
    (void)at;
}

/* ---- depth: protobuf-c recurses without a bound ---- */

/* Whether the type's messages hold messages themselves. What they hold may then nest for ever
 * (google.protobuf.Value), so its bytes are looked at first. */
static bool may_nest(const ProtobufCMessageDescriptor *type)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCMessageDescriptor *inner = type->fields[i].descriptor;

        if (type->fields[i].type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        for (unsigned j = 0; j < inner->n_fields; j++) {
            if (inner->fields[j].type == PROTOBUF_C_TYPE_MESSAGE)
                return true;
        }
    }
    return false;
}

/* Takes a base-128 number from the front. */
static bool take_varint(sc_str *bytes, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64 && bytes->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)bytes->at[0];

        *number |= (uint64_t)(byte & 0x7fu) << shift;
        *bytes = sc_str_sub(*bytes, 1, bytes->len);
        if (byte < 0x80u)
            return true;
    }
    return false;
}

/* True as well for bytes that are no message: unpacking says so. */
static bool is_shallow(const ProtobufCMessageDescriptor *type, sc_str bytes, unsigned depth)
{
    uint64_t tag;
    uint64_t len;

    if (depth == 0)
        return false;
    while (bytes.len > 0 && take_varint(&bytes, &tag)) {
        const ProtobufCFieldDescriptor *field;

        if ((tag & 7u) == PROTOBUF_C_WIRE_TYPE_VARINT) {
            if (!take_varint(&bytes, &len))
                return true;
            continue;
        }
        if ((tag & 7u) == PROTOBUF_C_WIRE_TYPE_64BIT)
            len = 8;
        else if ((tag & 7u) == PROTOBUF_C_WIRE_TYPE_32BIT)
            len = 4;
        else if ((tag & 7u) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || !take_varint(&bytes, &len))
            return true;
        if (len > bytes.len)
            return true;
        field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        if (field && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            !is_shallow(field->descriptor, sc_str_sub(bytes, 0, len), depth - 1))
            return false;
        bytes = sc_str_sub(bytes, len, bytes.len);
    }
    return true;
}

void *sc_proto_unpack(const ProtobufCMessageDescriptor *type, sc_str bytes, sc_arena *mem)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = leave, .allocator_data = mem};

    if (may_nest(type) && !is_shallow(type, bytes, SC_PROTO_MAX_DEPTH))
        return NULL;
    return protobuf_c_message_unpack(type, &allocator, bytes.len, (const uint8_t *)bytes.at);
}

sc_str sc_proto_pack(const ProtobufCMessage *message, sc_arena *mem)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *to = sc_arena_alloc(mem, len + 1);

    (void)protobuf_c_message_pack(message, to);
    return sc_str_of(to, len);
}

static char **text_field(void *entry, unsigned index)
{
    ProtobufCMessage *message = entry;

    return (char **)((char *)entry + message->descriptor->fields[index].offset);
}

sc_pairs sc_proto_map(void *const *entries, size_t count, sc_arena *mem)
{
    sc_pairs all = {0};

    for (size_t i = 0; i < count; i++)
        sc_pairs_set(&all, mem, sc_str_from(*text_field(entries[i], 0)),
                     sc_str_from(*text_field(entries[i], 1)));
    return all;
}

void *sc_proto_map_make(const ProtobufCMessageDescriptor *entry, const sc_pairs *pairs,
                        sc_arena *mem)
{
    void **all = sc_arena_zero(mem, (pairs->count + 1) * sizeof(void *));

    for (uint32_t i = 0; i < pairs->count; i++) {
        all[i] = sc_arena_zero(mem, entry->sizeof_message);
        protobuf_c_message_init(entry, all[i]);
        *text_field(all[i], 0) = sc_proto_text(pairs->at[i].name, mem);
        *text_field(all[i], 1) = sc_proto_text(pairs->at[i].value, mem);
    }
    return all;
}

char *sc_proto_text(sc_str s, sc_arena *mem)
{
    char *copy = sc_arena_alloc(mem, s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return copy;
}
