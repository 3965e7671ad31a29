/* SPDX-License-Identifier: MIT
 *
 * One scanner for both uses: with an arena it builds a document on the way, without one it only
 * moves through the bytes. Depth is bounded, so the recursion is.
 */
#include "wire/json.h"

#include <stdio.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef struct scanner {
    const unsigned char *start;
    const unsigned char *at;
    const unsigned char *end;
    sc_arena *mem; /* NULL: validate only */
    sc_error *err;
    uint32_t depth;
    bool has_bad_bytes; /* in a string: not UTF-8 */
} scanner;

static bool scan_value(scanner *s, sc_doc **out);

/* ---- bytes ---- */

static sc_code fail_at(scanner *s, const char *where)
{
    uint32_t line = 1;
    const unsigned char *from = s->start;

    if (s->at >= s->end)
        return sc_fail(s->err, SC_INVALID, "unexpected end of JSON input");
    for (const unsigned char *p = s->start; p < s->at; p++) {
        if (*p == '\n') {
            line++;
            from = p + 1;
        }
    }
    if (*s->at >= ' ' && *s->at < 0x7f)
        return sc_fail(s->err, SC_INVALID, "invalid character '%c' %s (line %u, column %zu)",
                       *s->at, where, line, (size_t)(s->at - from) + 1);
    return sc_fail(s->err, SC_INVALID, "invalid character '\\x%02x' %s (line %u, column %zu)",
                   *s->at, where, line, (size_t)(s->at - from) + 1);
}

static bool bad(scanner *s, const char *where)
{
    (void)fail_at(s, where);
    return false;
}

static void skip_space(scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* ---- strings ---- */

/* The first byte of a string that is not plain: '"', '\\', a control character or beyond ASCII. */
#if defined(__SSE2__)
static const unsigned char *skip_blocks(const unsigned char *at, const unsigned char *end)
{
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');

    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash));
        /* bytes are signed here: those beyond ASCII are below the space, too */
        int hits = _mm_movemask_epi8(_mm_or_si128(hit, _mm_cmplt_epi8(block, space)));

        if (hits)
            return at + __builtin_ctz((unsigned)hits);
    }
    return at;
}
#else
/* True when none of the eight bytes is one of them. */
static bool are_plain(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                   ((word - ones * 0x20) & ~word) | word;

    return (hit & tops) == 0;
}

static const unsigned char *skip_blocks(const unsigned char *at, const unsigned char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, at, 8);
        if (!are_plain(word))
            break;
    }
    return at;
}
#endif

static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    at = skip_blocks(at, end);
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_escape(scanner *s)
{
    static const char simple[] = "\"\\/bfnrt";

    s->at++;
    if (s->at >= s->end)
        return bad(s, "");
    if (*s->at != 'u') {
        if (*s->at == '\0' || !memchr(simple, *s->at, sizeof(simple) - 1))
            return bad(s, "in string escape code");
        s->at++;
        return true;
    }
    s->at++;
    for (int i = 0; i < 4; i++, s->at++) {
        if (s->at >= s->end || !is_hex(*s->at))
            return bad(s, "in \\u hexadecimal character escape");
    }
    return true;
}

/* Length of the well-formed UTF-8 sequence at `at`, or 0 (RFC 3629). */
static size_t sequence_len(const unsigned char *at, const unsigned char *end)
{
    size_t left = (size_t)(end - at);

    if (at[0] >= 0xc2 && at[0] <= 0xdf)
        return left >= 2 && (at[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((at[0] & 0xf0) == 0xe0) {
        if (left < 3 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80)
            return 0;
        return (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ? 0 : 3;
    }
    if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        if (left < 4 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80 || (at[3] & 0xc0) != 0x80)
            return 0;
        return (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f) ? 0 : 4;
    }
    return 0;
}

/* At the opening quote; leaves behind the closing one. `*clean`: no escapes, all UTF-8. */
static bool scan_string(scanner *s, bool *clean)
{
    *clean = true;
    s->at++;
    for (;;) {
        size_t len;

        s->at = skip_plain(s->at, s->end);
        if (s->at >= s->end)
            return bad(s, "");
        if (*s->at == '"') {
            s->at++;
            return true;
        }
        if (*s->at == '\\') {
            *clean = false;
            if (!scan_escape(s))
                return false;
            continue;
        }
        if (*s->at < 0x20)
            return bad(s, "in string literal");
        len = sequence_len(s->at, s->end);
        if (len == 0) {
            *clean = false; /* replaced when it is read, as in Go */
            s->has_bad_bytes = true;
        }
        s->at += len ? len : 1;
    }
}

static uint32_t hex4(const unsigned char *at)
{
    uint32_t n = 0;

    for (int i = 0; i < 4; i++) {
        unsigned char c = at[i];

        n = n << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return n;
}

static char *put_utf8(char *to, uint32_t rune)
{
    if (rune < 0x80) {
        *to++ = (char)rune;
    } else if (rune < 0x800) {
        *to++ = (char)(0xc0 | rune >> 6);
        *to++ = (char)(0x80 | (rune & 0x3f));
    } else if (rune < 0x10000) {
        *to++ = (char)(0xe0 | rune >> 12);
        *to++ = (char)(0x80 | (rune >> 6 & 0x3f));
        *to++ = (char)(0x80 | (rune & 0x3f));
    } else {
        *to++ = (char)(0xf0 | rune >> 18);
        *to++ = (char)(0x80 | (rune >> 12 & 0x3f));
        *to++ = (char)(0x80 | (rune >> 6 & 0x3f));
        *to++ = (char)(0x80 | (rune & 0x3f));
    }
    return to;
}

/* Behind "\u": the rune, with its surrogate pair; moves `*at` past it. */
static uint32_t read_unicode(const unsigned char **at, const unsigned char *end)
{
    uint32_t rune = hex4(*at);
    uint32_t low;

    *at += 4;
    if (rune < 0xd800 || rune > 0xdfff)
        return rune;
    if (rune > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return 0xfffd;
    low = hex4(*at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    *at += 6;
    return 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
}

static char simple_escape(unsigned char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return (char)c;
    }
}

/* The bytes between the quotes of a scanned string. A broken byte becomes three, so room is 3 x. */
static sc_str unescape(sc_str inner, sc_arena *mem)
{
    const unsigned char *at = (const unsigned char *)inner.at;
    const unsigned char *end = at + inner.len;
    char *start = sc_arena_alloc(mem, inner.len * 3 + 1);
    char *to = start;

    while (at < end) {
        const unsigned char *plain = skip_plain(at, end);
        size_t len = (size_t)(plain - at);

        memcpy(to, at, len);
        to += len;
        at = plain;
        if (at >= end)
            break;
        if (*at != '\\') {
            len = sequence_len(at, end);
            if (len) {
                memcpy(to, at, len);
                to += len;
            } else {
                to = put_utf8(to, 0xfffd);
            }
            at += len ? len : 1;
        } else if (at[1] == 'u') {
            at += 2;
            to = put_utf8(to, read_unicode(&at, end));
        } else {
            *to++ = simple_escape(at[1]);
            at += 2;
        }
    }
    return sc_str_of(start, (size_t)(to - start));
}

static bool read_string(scanner *s, sc_str *out)
{
    const unsigned char *from = s->at + 1;
    bool clean;

    if (!scan_string(s, &clean))
        return false;
    *out = sc_str_of(from, (size_t)(s->at - 1 - from));
    if (s->mem && !clean)
        *out = unescape(*out, s->mem);
    return true;
}

/* ---- the other scalars ---- */

static bool scan_digits(scanner *s, const char *where)
{
    const unsigned char *from = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from || bad(s, where);
}

static bool scan_number(scanner *s)
{
    if (*s->at == '-')
        s->at++;
    if (s->at < s->end && *s->at == '0')
        s->at++;
    else if (!scan_digits(s, "in numeric literal"))
        return false;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!scan_digits(s, "after decimal point in numeric literal"))
            return false;
    }
    if (s->at < s->end && (*s->at | 0x20) == 'e') {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        return scan_digits(s, "in exponent of numeric literal");
    }
    return true;
}

static bool scan_word(scanner *s, const char *word)
{
    for (const char *c = word; *c; c++, s->at++) {
        if (s->at >= s->end || *s->at != (unsigned char)*c)
            return bad(s, "in literal");
    }
    return true;
}

static bool scan_scalar(scanner *s, sc_doc **out)
{
    const unsigned char *from = s->at;
    sc_doc_kind kind = SC_DOC_NUMBER;
    bool ok;

    if (*s->at == 't' || *s->at == 'f') {
        kind = SC_DOC_BOOL;
        ok = scan_word(s, *s->at == 't' ? "true" : "false");
    } else if (*s->at == 'n') {
        kind = SC_DOC_NULL;
        ok = scan_word(s, "null");
    } else if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9')) {
        ok = scan_number(s);
    } else {
        return bad(s, "looking for beginning of value");
    }
    if (ok && s->mem) {
        *out = sc_doc_new(s->mem, kind);
        (*out)->truth = *from == 't';
        (*out)->text = sc_str_of(from, (size_t)(s->at - from));
    }
    return ok;
}

/* ---- arrays and objects ---- */

static bool enter(scanner *s, sc_doc_kind kind, sc_doc **out)
{
    if (++s->depth > SC_JSON_MAX_DEPTH) {
        (void)sc_fail(s->err, SC_INVALID, "exceeded max depth of %u", SC_JSON_MAX_DEPTH);
        return false;
    }
    if (s->mem)
        *out = sc_doc_new(s->mem, kind);
    s->at++;
    skip_space(s);
    return true;
}

/* After an element: true when there is another; `*ok` false when it is malformed. */
static bool has_more(scanner *s, unsigned char close, const char *where, bool *ok)
{
    skip_space(s);
    *ok = s->at < s->end && (*s->at == ',' || *s->at == close);
    if (!*ok) {
        (void)bad(s, where);
        return false;
    }
    s->depth -= *s->at == close;
    return *s->at++ == ',';
}

static bool scan_array(scanner *s, sc_doc **out)
{
    sc_doc *element = NULL;
    bool ok;

    if (!enter(s, SC_DOC_ARRAY, out))
        return false;
    if (s->at < s->end && *s->at == ']') {
        s->at++;
        s->depth--;
        return true;
    }
    do {
        skip_space(s);
        if (!scan_value(s, &element))
            return false;
        if (s->mem)
            sc_doc_add(*out, element);
    } while (has_more(s, ']', "after array element", &ok));
    return ok;
}

static bool scan_object(scanner *s, sc_doc **out)
{
    sc_doc *member = NULL;
    sc_str key;
    bool ok;

    if (!enter(s, SC_DOC_OBJECT, out))
        return false;
    if (s->at < s->end && *s->at == '}') {
        s->at++;
        s->depth--;
        return true;
    }
    do {
        skip_space(s);
        if (s->at >= s->end || *s->at != '"')
            return bad(s, "looking for beginning of object key string");
        if (!read_string(s, &key))
            return false;
        skip_space(s);
        if (s->at >= s->end || *s->at != ':')
            return bad(s, "after object key");
        s->at++;
        skip_space(s);
        if (!scan_value(s, &member))
            return false;
        if (s->mem)
            sc_doc_put(*out, key, member);
    } while (has_more(s, '}', "after object key:value pair", &ok));
    return ok;
}

static bool scan_value(scanner *s, sc_doc **out)
{
    if (s->at >= s->end)
        return bad(s, "");
    if (*s->at == '{')
        return scan_object(s, out);
    if (*s->at == '[')
        return scan_array(s, out);
    if (*s->at == '"') {
        sc_str text;

        if (!read_string(s, &text))
            return false;
        if (s->mem)
            *out = sc_doc_new_string(s->mem, text);
        return true;
    }
    return scan_scalar(s, out);
}

static sc_code run(sc_str text, sc_arena *mem, sc_doc **out, sc_str *value, sc_str *rest,
                   bool *is_utf8, sc_error *err)
{
    sc_error unused;
    scanner s = {.start = (const unsigned char *)text.at, .mem = mem, .err = err ? err : &unused};
    const unsigned char *from;

    if (text.len == 0)
        return sc_fail(err, SC_INVALID, "unexpected end of JSON input");
    s.at = s.start;
    s.end = s.start + text.len;
    skip_space(&s);
    from = s.at;
    if (!scan_value(&s, out))
        return SC_INVALID;
    if (value)
        *value = sc_str_of(from, (size_t)(s.at - from));
    skip_space(&s);
    if (rest)
        *rest = sc_str_of(s.at, (size_t)(s.end - s.at));
    if (is_utf8)
        *is_utf8 = !s.has_bad_bytes;
    return SC_OK;
}

sc_code sc_json_scan(sc_str text, sc_str *value, sc_str *rest, sc_error *err)
{
    return run(text, NULL, NULL, value, rest, NULL, err);
}

sc_code sc_json_scan_utf8(sc_str text, sc_str *value, bool *is_utf8, sc_error *err)
{
    return run(text, NULL, NULL, value, NULL, is_utf8, err);
}

bool sc_json_is_valid(sc_str text)
{
    sc_str value;
    sc_str rest;

    return sc_json_scan(text, &value, &rest, NULL) == SC_OK && rest.len == 0;
}

sc_code sc_json_parse(sc_str text, sc_arena *mem, sc_doc **out, sc_str *rest, sc_error *err)
{
    sc_doc *doc = NULL;
    sc_code code = run(text, mem, &doc, NULL, rest, NULL, err);

    if (code == SC_OK)
        *out = doc;
    return code;
}

bool sc_json_next_member(sc_str *at, sc_str *key, sc_str *value)
{
    sc_error unused;
    scanner s = {.start = (const unsigned char *)at->at, .err = &unused};
    const unsigned char *from;
    bool clean;

    s.at = s.start;
    s.end = s.start + at->len;
    skip_space(&s);
    if (s.at >= s.end || (*s.at != '{' && *s.at != ','))
        return false;
    s.at++;
    skip_space(&s);
    if (s.at >= s.end || *s.at != '"')
        return false;
    from = s.at + 1;
    if (!scan_string(&s, &clean))
        return false;
    *key = sc_str_of(from, (size_t)(s.at - 1 - from));
    skip_space(&s);
    if (s.at >= s.end || *s.at++ != ':')
        return false;
    skip_space(&s);
    from = s.at;
    if (!scan_value(&s, NULL))
        return false;
    *value = sc_str_of(from, (size_t)(s.at - from));
    *at = sc_str_of(s.at, (size_t)(s.end - s.at));
    return true;
}

bool sc_json_next_element(sc_str *at, sc_str *element)
{
    sc_error unused;
    scanner s = {.start = (const unsigned char *)at->at, .err = &unused};
    const unsigned char *from;

    s.at = s.start;
    s.end = s.start + at->len;
    skip_space(&s);
    if (s.at >= s.end || (*s.at != '[' && *s.at != ','))
        return false;
    s.at++;
    skip_space(&s);
    from = s.at;
    if (from < s.end && *from == ']')
        return false;
    if (!scan_value(&s, NULL))
        return false;
    *element = sc_str_of(from, (size_t)(s.at - from));
    *at = sc_str_of(s.at, (size_t)(s.end - s.at));
    return true;
}

sc_str sc_json_unquote(sc_str raw, sc_arena *mem)
{
    sc_str inner = sc_str_sub(raw, 1, raw.len > 0 ? raw.len - 1 : 0);

    if (raw.len < 2 || raw.at[0] != '"')
        return SC_STR_NONE;
    if (!memchr(inner.at, '\\', inner.len) && sc_str_is_utf8(inner))
        return inner;
    return unescape(inner, mem);
}
