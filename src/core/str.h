/* SPDX-License-Identifier: MIT
 *
 * sc_str: a borrowed slice of bytes. It never owns, is not NUL-terminated, and may hold any byte.
 * Whoever hands one out says how long it lives.
 */
#ifndef SC_CORE_STR_H
#define SC_CORE_STR_H

#include <string.h>

#include "core/base.h"

typedef struct sc_str {
    const char *at; /* may be NULL when len is 0 */
    size_t len;
} sc_str;

#define SC_STR(literal) ((sc_str){("" literal), sizeof(literal) - 1})
#define SC_STR_INIT(literal)                                                                       \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    } /* for static tables */
#define SC_STR_NONE ((sc_str){NULL, 0})
/* For "%.*s". */
#define SC_FMT(s) (int)(s).len, (s).at

static inline sc_str sc_str_from(const char *text)
{
    return (sc_str){text, text ? strlen(text) : 0};
}

static inline sc_str sc_str_of(const void *at, size_t len)
{
    return (sc_str){(const char *)at, len};
}

static inline bool sc_str_is_empty(sc_str s)
{
    return s.len == 0;
}

static inline bool sc_str_eq(sc_str a, sc_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII letters compare equal in either case. */
bool sc_str_eq_nocase(sc_str a, sc_str b);
/* The top bit of each of eight bytes that is a letter from A to Z. Adding carries into it from 'A',
 * and once more from behind 'Z'. */
static inline uint64_t sc_str_uppers(uint64_t eight)
{
    uint64_t low = eight & 0x7f7f7f7f7f7f7f7fu;

    return ((low + 0x3f3f3f3f3f3f3f3fu) ^ (low + 0x2525252525252525u)) & ~eight &
           0x8080808080808080u;
}
/* memcmp order, shorter first; for sorting. */
int sc_str_cmp(sc_str a, sc_str b);
bool sc_str_starts(sc_str s, sc_str prefix);
bool sc_str_starts_nocase(sc_str s, sc_str prefix);
bool sc_str_ends(sc_str s, sc_str suffix);
/* Index of the first `byte`, or s.len. */
size_t sc_str_find(sc_str s, char byte);
/* Index of the first `part`, or s.len. */
size_t sc_str_find_str(sc_str s, sc_str part);
/* s[from, to); both are clamped to the length. */
sc_str sc_str_sub(sc_str s, size_t from, size_t to);
/* Without spaces, tabs, CR and LF at either end. */
sc_str sc_str_trim(sc_str s);
/* Cuts `*rest` at the first `byte`: returns the part before, leaves the part after.
 * Without one, returns all and leaves the empty slice with at == NULL. */
sc_str sc_str_cut(sc_str *rest, char byte);

/* Decimal digits only, whole slice, no sign (u64) or an optional leading '-' (i64). */
bool sc_str_to_u64(sc_str s, uint64_t *out) SC_MUST_CHECK;
bool sc_str_to_i64(sc_str s, int64_t *out) SC_MUST_CHECK;

/* Go's strconv.ParseBool: 1 t T TRUE true True / 0 f F FALSE false False. */
bool sc_str_to_bool(sc_str s, bool *out) SC_MUST_CHECK;

/* True when `s` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool sc_str_is_utf8(sc_str s);
/* The length of its longest beginning that is. */
size_t sc_str_utf8_len(sc_str s);

/* 64-bit hash for tables in memory (not for anything a peer could attack by choosing keys: seeded).
 */
uint64_t sc_str_hash(sc_str s);

#endif
