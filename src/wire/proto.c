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

void *sc_proto_unpack(const ProtobufCMessageDescriptor *type, sc_str bytes, sc_arena *mem)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = leave, .allocator_data = mem};

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
