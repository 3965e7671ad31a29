/* SPDX-License-Identifier: MIT
 *
 * Protobuf without generated code: fields read one by one from bytes, and messages written from
 * their end to their beginning, so that no length need be known in advance. For the few messages
 * whose cost counts; all others go through wire/proto.h.
 */
#ifndef SC_WIRE_PROTO_SCAN_H
#define SC_WIRE_PROTO_SCAN_H

#include "core/arena.h"

typedef enum sc_proto_kind {
    SC_PROTO_VARINT = 0,
    SC_PROTO_FIXED64 = 1,
    SC_PROTO_BYTES = 2,
    SC_PROTO_FIXED32 = 5,
} sc_proto_kind;

typedef struct sc_proto_field {
    uint32_t number;
    sc_proto_kind kind;
    uint64_t value; /* VARINT, FIXED64, FIXED32 */
    sc_str bytes;   /* BYTES: a slice of the message */
} sc_proto_field;

typedef enum sc_proto_step {
    SC_PROTO_FIELD, /* one more is in `field` */
    SC_PROTO_END,
    SC_PROTO_BROKEN, /* not protobuf, or groups, which nobody uses */
} sc_proto_step;

/* Takes the next field from the front of `*rest`. */
sc_proto_step sc_proto_next(sc_str *rest, sc_proto_field *field);

/* A buffer that is filled from its end. Zeroed but for the three before use. */
typedef struct sc_proto_writer {
    char *from; /* of the room; running into it is a mistake of ours */
    char *at;   /* the message so far: [at, end) */
    char *end;
} sc_proto_writer;

/* Room in `mem` for `max` bytes. */
sc_proto_writer sc_proto_writer_in(sc_arena *mem, size_t max);
static inline sc_str sc_proto_written(const sc_proto_writer *w)
{
    return sc_str_of(w->at, (size_t)(w->end - w->at));
}
/* What a field of `len` bytes takes at most. */
#define SC_PROTO_FIELD_MAX(len) ((len) + 16u)

void sc_proto_put_varint(sc_proto_writer *w, uint64_t value);
void sc_proto_put_tag(sc_proto_writer *w, uint32_t number, sc_proto_kind kind);
/* Fields of proto3: nothing for the default value. Later fields are put first. */
void sc_proto_put_u64(sc_proto_writer *w, uint32_t number, uint64_t value);
void sc_proto_put_bytes(sc_proto_writer *w, uint32_t number, sc_str bytes);
/* The same, and also when empty: an element of a repeated field. */
void sc_proto_put_element(sc_proto_writer *w, uint32_t number, sc_str bytes);
/* Makes a field of the bytes put since `end`, which was w->at then: a message. */
void sc_proto_put_message(sc_proto_writer *w, uint32_t number, const char *end);

#endif
