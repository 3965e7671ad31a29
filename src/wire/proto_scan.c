/* SPDX-License-Identifier: MIT
 *
 * Fields from bytes, and bytes from fields.
 */
#include "wire/proto_scan.h"

static bool take_varint(sc_str *rest, uint64_t *value)
{
    uint64_t n = 0;

    if (rest->len > 0 && (uint8_t)rest->at[0] < 0x80) { /* most are short */
        *value = (uint8_t)rest->at[0];
        *rest = sc_str_of(rest->at + 1, rest->len - 1);
        return true;
    }
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint8_t byte = (uint8_t)rest->at[i];

        n |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = sc_str_of(rest->at + i + 1, rest->len - i - 1);
            *value = n;
            return true;
        }
    }
    return false;
}

static bool take_fixed(sc_str *rest, size_t len, uint64_t *value)
{
    uint64_t n = 0;

    if (rest->len < len)
        return false;
    for (size_t i = 0; i < len; i++)
        n |= (uint64_t)(uint8_t)rest->at[i] << (8 * i);
    *rest = sc_str_of(rest->at + len, rest->len - len);
    *value = n;
    return true;
}

static bool take_bytes(sc_str *rest, sc_str *bytes)
{
    uint64_t len;

    if (!take_varint(rest, &len) || len > rest->len)
        return false;
    *bytes = sc_str_of(rest->at, (size_t)len);
    *rest = sc_str_of(rest->at + len, rest->len - (size_t)len);
    return true;
}

sc_proto_step sc_proto_next(sc_str *rest, sc_proto_field *field)
{
    uint64_t tag;
    bool is_good;

    if (rest->len == 0)
        return SC_PROTO_END;
    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return SC_PROTO_BROKEN;
    field->number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case SC_PROTO_VARINT:
        is_good = take_varint(rest, &field->value);
        break;
    case SC_PROTO_FIXED64:
        is_good = take_fixed(rest, 8, &field->value);
        break;
    case SC_PROTO_BYTES:
        is_good = take_bytes(rest, &field->bytes);
        break;
    case SC_PROTO_FIXED32:
        is_good = take_fixed(rest, 4, &field->value);
        break;
    default:
        return SC_PROTO_BROKEN;
    }
    field->kind = (sc_proto_kind)(tag & 7);
    return is_good ? SC_PROTO_FIELD : SC_PROTO_BROKEN;
}

/* ---- writing ---- */

sc_proto_writer sc_proto_writer_in(sc_arena *mem, size_t max)
{
    char *room = sc_arena_alloc(mem, max + 1);

    return (sc_proto_writer){.from = room, .at = room + max, .end = room + max};
}

void sc_proto_put_varint(sc_proto_writer *w, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;

    if (value < 0x80) {
        assert(w->at > w->from);
        *--w->at = (char)value;
        return;
    }
    do {
        bytes[len++] = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
        value >>= 7;
    } while (value);
    assert((size_t)(w->at - w->from) >= len);
    w->at -= len;
    memcpy(w->at, bytes, len);
}

void sc_proto_put_tag(sc_proto_writer *w, uint32_t number, sc_proto_kind kind)
{
    sc_proto_put_varint(w, (uint64_t)number << 3 | kind);
}

void sc_proto_put_u64(sc_proto_writer *w, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    sc_proto_put_varint(w, value);
    sc_proto_put_tag(w, number, SC_PROTO_VARINT);
}

void sc_proto_put_element(sc_proto_writer *w, uint32_t number, sc_str bytes)
{
    const char *end = w->at;

    assert((size_t)(w->at - w->from) >= bytes.len);
    w->at -= bytes.len;
    if (bytes.len > 0)
        memcpy(w->at, bytes.at, bytes.len);
    sc_proto_put_message(w, number, end);
}

void sc_proto_put_bytes(sc_proto_writer *w, uint32_t number, sc_str bytes)
{
    if (bytes.len > 0)
        sc_proto_put_element(w, number, bytes);
}

void sc_proto_put_message(sc_proto_writer *w, uint32_t number, const char *end)
{
    sc_proto_put_varint(w, (uint64_t)(end - w->at));
    sc_proto_put_tag(w, number, SC_PROTO_BYTES);
}
