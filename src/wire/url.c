/* SPDX-License-Identifier: MIT
 *
 * Decoding of URLs.
 */
#include "wire/url.h"

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool unescape(sc_str text, bool plus_is_space, sc_arena *mem, sc_str *out)
{
    size_t len = 0;
    char *to;

    if (text.len == 0 ||
        (!memchr(text.at, '%', text.len) && !(plus_is_space && memchr(text.at, '+', text.len)))) {
        *out = text;
        return true;
    }
    to = sc_arena_alloc(mem, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '+' && plus_is_space) {
            to[len++] = ' ';
        } else if (text.at[i] != '%') {
            to[len++] = text.at[i];
        } else {
            if (i + 2 >= text.len || hex_of(text.at[i + 1]) < 0 || hex_of(text.at[i + 2]) < 0)
                return false;
            to[len++] = (char)(hex_of(text.at[i + 1]) * 16 + hex_of(text.at[i + 2]));
            i += 2;
        }
    }
    to[len] = '\0';
    *out = sc_str_of(to, len);
    return true;
}

bool sc_url_unescape(sc_str text, sc_arena *mem, sc_str *out)
{
    return unescape(text, true, mem, out);
}

bool sc_url_unescape_path(sc_str text, sc_arena *mem, sc_str *out)
{
    return unescape(text, false, mem, out);
}

/* RFC 3986: what a path may hold as it is; '%' is looked at apart. */
static bool stays_in_path(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c > ' ' && c < 0x7f && strchr("-_.~$&+,/:;=@!'()*[]", c) != NULL);
}

sc_code sc_url_escape_path(sc_str text, sc_arena *mem, sc_str *out, sc_error *err)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t i = 0, len;
    char *to;

    while (i < text.len && stays_in_path((unsigned char)text.at[i]))
        i++;
    *out = text;
    if (i == text.len)
        return SC_OK;
    to = sc_arena_alloc(mem, text.len * 3 + 1);
    memcpy(to, text.at, i);
    for (len = i; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c == '%' &&
            (i + 2 >= text.len || hex_of(text.at[i + 1]) < 0 || hex_of(text.at[i + 2]) < 0))
            return sc_fail(err, SC_INVALID, "invalid URL escape \"%.*s\"",
                           SC_FMT(sc_str_sub(text, i, i + 3)));
        if (c == '%' || stays_in_path(c)) {
            to[len++] = (char)c;
        } else {
            to[len++] = '%';
            to[len++] = hex[c >> 4];
            to[len++] = hex[c & 15];
        }
    }
    to[len] = '\0';
    *out = sc_str_of(to, len);
    return SC_OK;
}

bool sc_url_next_param(sc_str *at, sc_arena *mem, sc_str *name, sc_str *value)
{
    while (at->len > 0) {
        sc_str part = sc_str_cut(at, '&');
        sc_str key;

        if (part.len == 0 || memchr(part.at, ';', part.len))
            continue;
        key = sc_str_cut(&part, '=');
        if (!part.at)
            part = SC_STR("");
        if (sc_url_unescape(key, mem, name) && sc_url_unescape(part, mem, value))
            return true;
    }
    return false;
}

static bool is_clean(sc_str path)
{
    if (path.len == 0 || path.at[0] != '/' || (path.len > 1 && path.at[path.len - 1] == '/'))
        return false;
    for (size_t i = 0; i + 1 < path.len; i++) {
        if (path.at[i] == '/' && (path.at[i + 1] == '/' || path.at[i + 1] == '.'))
            return false;
    }
    return true;
}

sc_str sc_url_clean_path(sc_str path, sc_arena *mem)
{
    size_t len = 0;
    char *to;

    if (is_clean(path))
        return path;
    to = sc_arena_alloc(mem, path.len + 2);
    while (path.at && path.len > 0) {
        sc_str part = sc_str_cut(&path, '/');

        if (part.len == 0 || sc_str_eq(part, SC_STR(".")))
            continue;
        if (sc_str_eq(part, SC_STR(".."))) {
            while (len > 0 && to[--len] != '/')
                continue;
            continue;
        }
        to[len++] = '/';
        memcpy(to + len, part.at, part.len);
        len += part.len;
    }
    if (len == 0)
        to[len++] = '/';
    return sc_str_of(to, len);
}

/* RFC 3986: unreserved, sub-delims, ':' '@' '/' '?'. */
static bool is_target_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

static size_t encode(sc_str from, char *to)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;

    for (size_t i = 0; i < from.len; i++) {
        unsigned char c = (unsigned char)from.at[i];
        bool is_escape = c == '%' && i + 2 < from.len && hex_of(from.at[i + 1]) >= 0 &&
                         hex_of(from.at[i + 2]) >= 0;

        if (is_target_char(c) || is_escape) {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '%';
        to[len++] = hex[c >> 4];
        to[len++] = hex[c & 15];
    }
    return len;
}

sc_str sc_url_target(sc_str text, sc_arena *mem)
{
    sc_str query = text;
    sc_str path = sc_url_clean_path(sc_str_cut(&query, '?'), mem);
    char *to = sc_arena_alloc(mem, (path.len + query.len) * 3 + 2);
    size_t len = encode(path, to);

    if (query.at) {
        to[len++] = '?';
        len += encode(query, to + len);
    }
    return sc_str_of(to, len);
}
