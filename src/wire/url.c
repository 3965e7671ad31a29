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

bool sc_url_unescape(sc_str text, sc_arena *mem, sc_str *out)
{
    size_t len = 0;
    char *to;

    if (!memchr(text.at, '%', text.len) && !memchr(text.at, '+', text.len)) {
        *out = text;
        return true;
    }
    to = sc_arena_alloc(mem, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '+') {
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
