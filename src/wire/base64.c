/* SPDX-License-Identifier: MIT
 *
 * Base64, three bytes at a time.
 */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(char *to, sc_str bytes, bool is_padded)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    size_t left = bytes.len;
    char *start = to;

    for (; left >= 3; left -= 3, at += 3) {
        *to++ = alphabet[at[0] >> 2];
        *to++ = alphabet[(at[0] & 3) << 4 | at[1] >> 4];
        *to++ = alphabet[(at[1] & 15) << 2 | at[2] >> 6];
        *to++ = alphabet[at[2] & 63];
    }
    if (left > 0) {
        *to++ = alphabet[at[0] >> 2];
        *to++ = alphabet[(at[0] & 3) << 4 | (left == 2 ? at[1] >> 4 : 0)];
        if (left == 2)
            *to++ = alphabet[(at[1] & 15) << 2];
        for (size_t pad = left; is_padded && pad < 3; pad++)
            *to++ = '=';
    }
    return (size_t)(to - start);
}

void sc_base64_add(sc_buf *out, sc_str bytes)
{
    sc_buf_added(out, encode(sc_buf_room(out, (bytes.len + 2) / 3 * 4), bytes, true));
}

sc_str sc_base64_encode(sc_str bytes, bool is_padded, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, (bytes.len + 2) / 3 * 4 + 1);
    size_t len = encode(to, bytes, is_padded);

    to[len] = '\0';
    return sc_str_of(to, len);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool sc_base64_decode(sc_str text, sc_arena *mem, sc_str *bytes)
{
    uint32_t held = 0;
    unsigned bits = 0;
    size_t len = 0;
    char *to;

    if (text.len > 0 && text.len % 4 == 0 && text.at[text.len - 1] == '=')
        text.len -= text.at[text.len - 2] == '=' ? 2 : 1;
    if (text.len % 4 == 1)
        return false;
    to = sc_arena_try(mem, text.len / 4 * 3 + 3);
    if (!to)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.at[i]);

        if (value < 0)
            return false;
        held = held << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[len++] = (char)(held >> bits & 0xff);
        }
    }
    *bytes = sc_str_of(to, len);
    return true;
}
