/* SPDX-License-Identifier: MIT
 *
 * Borrowed slices: comparing, searching, cutting and reading numbers.
 */
#include "core/str.h"

static inline char lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

bool sc_str_eq_nocase(sc_str a, sc_str b)
{
    if (a.len != b.len)
        return false;
    if (sc_str_eq(a, b)) /* as most are written */
        return true;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

int sc_str_cmp(sc_str a, sc_str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.at, b.at, shared) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool sc_str_starts(sc_str s, sc_str prefix)
{
    return s.len >= prefix.len && sc_str_eq(sc_str_sub(s, 0, prefix.len), prefix);
}

bool sc_str_starts_nocase(sc_str s, sc_str prefix)
{
    return s.len >= prefix.len && sc_str_eq_nocase(sc_str_sub(s, 0, prefix.len), prefix);
}

bool sc_str_ends(sc_str s, sc_str suffix)
{
    return s.len >= suffix.len && sc_str_eq(sc_str_sub(s, s.len - suffix.len, s.len), suffix);
}

size_t sc_str_find(sc_str s, char byte)
{
    const char *hit = s.len ? memchr(s.at, byte, s.len) : NULL;

    return hit ? (size_t)(hit - s.at) : s.len;
}

size_t sc_str_find_str(sc_str s, sc_str part)
{
    const char *found;

    if (part.len == 0)
        return 0;
    found = s.len >= part.len ? memmem(s.at, s.len, part.at, part.len) : NULL;
    return found ? (size_t)(found - s.at) : s.len;
}

sc_str sc_str_sub(sc_str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (sc_str){s.at ? s.at + from : NULL, to - from};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

sc_str sc_str_trim(sc_str s)
{
    while (s.len && is_blank(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

sc_str sc_str_cut(sc_str *rest, char byte)
{
    size_t at = sc_str_find(*rest, byte);
    sc_str head = sc_str_sub(*rest, 0, at);

    *rest = at == rest->len ? SC_STR_NONE : sc_str_sub(*rest, at + 1, rest->len);
    return head;
}

bool sc_str_to_u64(sc_str s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.len == 0 || s.len > 20)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.at[i] - '0'), &n))
            return false;
    }
    *out = n;
    return true;
}

bool sc_str_to_i64(sc_str s, int64_t *out)
{
    bool negative = s.len && s.at[0] == '-';
    uint64_t n;

    if (!sc_str_to_u64(negative ? sc_str_sub(s, 1, s.len) : s, &n))
        return false;
    if (negative ? n > (uint64_t)INT64_MAX + 1 : n > (uint64_t)INT64_MAX)
        return false;
    *out = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool sc_str_to_bool(sc_str s, bool *out)
{
    static const sc_str yes[] = {SC_STR_INIT("1"),    SC_STR_INIT("t"),    SC_STR_INIT("T"),
                                 SC_STR_INIT("TRUE"), SC_STR_INIT("true"), SC_STR_INIT("True")};
    static const sc_str no[] = {SC_STR_INIT("0"),     SC_STR_INIT("f"),     SC_STR_INIT("F"),
                                SC_STR_INIT("FALSE"), SC_STR_INIT("false"), SC_STR_INIT("False")};

    for (size_t i = 0; i < SC_ARRAY_LEN(yes); i++) {
        if (sc_str_eq(s, yes[i]) || sc_str_eq(s, no[i])) {
            *out = sc_str_eq(s, yes[i]);
            return true;
        }
    }
    return false;
}

/* Length of the well-formed sequence at `p`, 0 when there is none (RFC 3629 section 4). */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (left < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

size_t sc_str_utf8_len(sc_str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    size_t i = 0;

    while (i < s.len) {
        size_t n;

        for (uint64_t word; s.len - i >= sizeof(word); i += sizeof(word)) { /* ASCII, mostly */
            memcpy(&word, p + i, sizeof(word));
            if (word & 0x8080808080808080u)
                break;
        }
        n = i < s.len ? utf8_sequence(p + i, s.len - i) : 0;

        if (n == 0)
            break;
        i += n;
    }
    return i;
}

bool sc_str_is_utf8(sc_str s)
{
    return sc_str_utf8_len(s) == s.len;
}

uint64_t sc_str_hash(sc_str s)
{
    /* FNV-1a with a final mix; the address of a function is this process's seed (ASLR). */
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)(uintptr_t)&sc_str_hash;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.at[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}
