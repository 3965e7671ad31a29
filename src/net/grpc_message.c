/* SPDX-License-Identifier: MIT
 *
 * Messages from body bytes, and metadata from header lists: what is the same on both ends of a
 * call.
 *
 * A message that lies whole in the received bytes is handed on where it is, unless it must be kept.
 * A kept one gets its memory at once, in the arena: pages that no byte came for cost nothing.
 */
#include "net/grpc_message.h"

#include "wire/grpc.h"

/* ---- messages in ---- */

static uint32_t prefix_len_of(const uint8_t *prefix)
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
           prefix[4];
}

/* The five bytes are there: what do they promise? */
static sc_code begin_message(sc_grpc_inbox *inbox, sc_error *err)
{
    inbox->len = prefix_len_of(inbox->prefix);
    inbox->got = 0;
    inbox->is_compressed = inbox->prefix[0] == 1;
    if (inbox->prefix[0] > 1)
        return sc_fail(err, SC_INTERNAL, "grpc: received unexpected payload format %u",
                       inbox->prefix[0]);
    if (inbox->len > inbox->max_len)
        return sc_fail(err, SC_EXHAUSTED, "grpc: received message larger than max (%u vs. %llu)",
                       inbox->len, (unsigned long long)inbox->max_len);
    if (!inbox->is_compressed)
        return SC_OK;
    if (!inbox->encoding.len)
        return sc_fail(err, SC_INTERNAL,
                       "grpc: compressed flag set with identity or empty encoding");
    if (!sc_str_eq(inbox->encoding, SC_STR("gzip")))
        return sc_fail(err, SC_UNIMPLEMENTED,
                       "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
                       SC_FMT(inbox->encoding));
    return SC_OK;
}

static sc_code no_memory(const sc_grpc_inbox *inbox, sc_error *err)
{
    return sc_fail(err, SC_EXHAUSTED, "no memory for a message of %u bytes", inbox->len);
}

static sc_str take_bytes(sc_str *from, size_t len)
{
    sc_str part = sc_str_sub(*from, 0, len);

    *from = sc_str_sub(*from, part.len, from->len);
    return part;
}

/* Collects the body of the message; SC_OK when `*raw` is all of it. */
static sc_code collect(sc_grpc_inbox *inbox, sc_str *bytes, sc_str *raw, sc_error *err)
{
    bool keeps = inbox->keeps && !inbox->is_compressed;
    sc_str part;

    if (!inbox->got && !keeps && bytes->len >= inbox->len) {
        *raw = take_bytes(bytes, inbox->len);
        return SC_OK;
    }
    if (keeps && !inbox->into) {
        inbox->into = sc_arena_try(inbox->mem, (size_t)inbox->len + 1);
        if (!inbox->into)
            return no_memory(inbox, err);
        inbox->into[inbox->len] = '\0';
    }
    part = take_bytes(bytes, inbox->len - inbox->got);
    if (keeps) {
        if (part.len)
            memcpy(inbox->into + inbox->got, part.at, part.len);
    } else if (part.len) {
        char *room = sc_buf_try_room(&inbox->parts, part.len);

        if (!room)
            return no_memory(inbox, err);
        memcpy(room, part.at, part.len);
        sc_buf_added(&inbox->parts, part.len);
    }
    inbox->got += (uint32_t)part.len;
    if (inbox->got < inbox->len)
        return SC_PENDING;
    *raw = keeps ? (sc_str){inbox->into, inbox->len} : sc_buf_str(&inbox->parts);
    return SC_OK;
}

static sc_code decompress(sc_grpc_inbox *inbox, sc_str raw, sc_str *message, sc_error *err)
{
    sc_code code;

    sc_buf_clear(&inbox->plain);
    code = sc_gzip_decode(raw, inbox->max_len, &inbox->plain, err);
    if (code == SC_EXHAUSTED)
        return sc_fail(err, SC_EXHAUSTED,
                       "grpc: received message after decompression larger than max %llu",
                       (unsigned long long)inbox->max_len);
    if (code != SC_OK) {
        err->code = SC_INTERNAL;
        return sc_error_context(err, "grpc: failed to decompress the received message");
    }
    *message = sc_buf_str(&inbox->plain);
    if (inbox->keeps) {
        char *copy = sc_arena_try(inbox->mem, message->len + 1);

        if (!copy)
            return no_memory(inbox, err);
        if (message->len)
            memcpy(copy, message->at, message->len);
        copy[message->len] = '\0';
        message->at = copy;
    }
    return SC_OK;
}

sc_code sc_grpc_inbox_take(sc_grpc_inbox *inbox, sc_str *bytes, sc_str *message, sc_error *err)
{
    sc_str raw = SC_STR_NONE;
    sc_code code;

    if (!inbox->got && inbox->prefix_len == 0)
        sc_buf_reset(&inbox->parts, 64 * 1024);
    if (inbox->prefix_len < SC_GRPC_PREFIX_LEN) {
        sc_str part = take_bytes(bytes, SC_GRPC_PREFIX_LEN - inbox->prefix_len);

        if (part.len)
            memcpy(inbox->prefix + inbox->prefix_len, part.at, part.len);
        inbox->prefix_len += (uint32_t)part.len;
        if (inbox->prefix_len < SC_GRPC_PREFIX_LEN)
            return SC_PENDING;
        code = begin_message(inbox, err);
        if (code != SC_OK)
            return code;
    }
    code = collect(inbox, bytes, &raw, err);
    if (code != SC_OK)
        return code;
    inbox->prefix_len = 0;
    inbox->got = 0;
    inbox->into = NULL;
    if (inbox->is_compressed)
        return decompress(inbox, raw, message, err);
    *message = raw;
    return SC_OK;
}

bool sc_grpc_inbox_is_inside(const sc_grpc_inbox *inbox)
{
    return inbox->prefix_len > 0;
}

void sc_grpc_inbox_deinit(sc_grpc_inbox *inbox)
{
    sc_buf_deinit(&inbox->parts);
    sc_buf_deinit(&inbox->plain);
    inbox->prefix_len = 0;
    inbox->got = 0;
    inbox->into = NULL;
}

/* ---- messages out ---- */

static void write_prefix(char *to, bool is_compressed, size_t len)
{
    to[0] = is_compressed ? 1 : 0;
    to[1] = (char)(len >> 24);
    to[2] = (char)(len >> 16);
    to[3] = (char)(len >> 8);
    to[4] = (char)len;
}

char *sc_grpc_room(sc_buf *out, size_t len)
{
    return sc_buf_room(out, SC_GRPC_PREFIX_LEN + len) + SC_GRPC_PREFIX_LEN;
}

void sc_grpc_commit(sc_buf *out, size_t len)
{
    write_prefix(sc_buf_room(out, SC_GRPC_PREFIX_LEN), false, len);
    sc_buf_added(out, SC_GRPC_PREFIX_LEN + len);
}

void sc_grpc_put_parts(sc_buf *out, const sc_str *parts, size_t count)
{
    size_t len = 0;
    char *to;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    to = sc_grpc_room(out, len);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(to, parts[i].at, parts[i].len);
        to += parts[i].len;
    }
    sc_grpc_commit(out, len);
}

sc_code sc_grpc_put_gzip(sc_buf *out, sc_str message, sc_error *err)
{
    size_t before = sc_buf_len(out);
    size_t len;
    sc_code code;

    (void)sc_grpc_room(out, 0);
    sc_buf_added(out, SC_GRPC_PREFIX_LEN);
    code = sc_gzip_encode(message, out, err);
    len = sc_buf_len(out) - before - SC_GRPC_PREFIX_LEN;
    if (code == SC_OK)
        write_prefix(sc_buf_at(out) + before, true, len);
    else
        out->to = out->from + before;
    return code;
}

/* ---- metadata ---- */

/* What gRPC itself uses; never metadata, in either direction. */
static bool is_reserved(sc_str name)
{
    static const sc_str names[] = {SC_STR_INIT("te"),
                                   SC_STR_INIT("grpc-timeout"),
                                   SC_STR_INIT("grpc-encoding"),
                                   SC_STR_INIT("grpc-message-type"),
                                   SC_STR_INIT("grpc-status"),
                                   SC_STR_INIT("grpc-message")};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        if (sc_str_eq(name, names[i]))
            return true;
    return false;
}

sc_code sc_grpc_metadata_from(const sc_pairs *headers, sc_arena *mem, sc_pairs *out, sc_error *err)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        sc_str name = headers->at[i].name;
        sc_str value = headers->at[i].value;

        if (is_reserved(name))
            continue;
        if (sc_str_ends(name, SC_STR("-bin")) && !sc_grpc_bin_decode(value, mem, &value))
            return sc_fail(err, SC_INTERNAL,
                           "malformed binary metadata \"%.*s\" in header \"%.*s\"",
                           SC_FMT(sc_str_sub(value, 0, 200)), SC_FMT(sc_str_sub(name, 0, 100)));
        sc_pairs_add(out, mem, name, value);
    }
    return SC_OK;
}

/* A name as HTTP/2 wants it, or empty when it cannot be one. */
static sc_str header_name(sc_str name, sc_arena *mem)
{
    bool has_upper = false;
    char *copy;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (c >= 'A' && c <= 'Z')
            has_upper = true;
        else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                   c == '.'))
            return SC_STR_NONE;
    }
    if (!has_upper)
        return name;
    copy = sc_arena_alloc(mem, name.len);
    for (size_t i = 0; i < name.len; i++)
        copy[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] + 32 : name.at[i]);
    return (sc_str){copy, name.len};
}

/* gRPC allows printable ASCII in text values; what else there is would break the connection. */
static sc_str header_value(sc_str value, sc_arena *mem)
{
    size_t bad = 0, len = 0;
    char *copy;

    while (bad < value.len && value.at[bad] >= 0x20 && value.at[bad] <= 0x7e)
        bad++;
    if (bad == value.len)
        return sc_str_trim(value);
    copy = sc_arena_alloc(mem, value.len);
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] >= 0x20 && value.at[i] <= 0x7e)
            copy[len++] = value.at[i];
    return sc_str_trim((sc_str){copy, len});
}

void sc_grpc_metadata_put(sc_pairs *headers, sc_arena *mem, sc_str name, sc_str value)
{
    sc_str lower = header_name(name, mem);

    if (!lower.len || is_reserved(lower) || sc_str_eq(lower, SC_STR("content-type")))
        return;
    value = sc_str_ends(lower, SC_STR("-bin")) ? sc_grpc_bin_encode(value, mem)
                                               : header_value(value, mem);
    sc_pairs_add(headers, mem, lower, value);
}

void sc_grpc_metadata_put_copy(sc_pairs *headers, sc_arena *mem, sc_str name, sc_str value)
{
    sc_grpc_metadata_put(headers, mem, sc_arena_str(mem, name), sc_arena_str(mem, value));
}
