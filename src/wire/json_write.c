/* SPDX-License-Identifier: MIT
 *
 * Writing JSON with the escapes that Go's encoding/json uses.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/json.h"

/* True in all eight bytes: printable ASCII that needs no escape. A byte is compared with each
 * exception at once: x - 1 borrows into the top bit only where x was 0 (no byte here has its own
 * top bit set). */
static bool are_plain(uint64_t word)
{
    static const unsigned char escaped[] = {'"', '\\', '<', '>', '&'};
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t tops = ones << 7;
    uint64_t hit = word | (word - ones * 0x20);

    for (size_t i = 0; i < sizeof(escaped); i++)
        hit |= (word ^ (ones * escaped[i])) - ones;
    return (hit & tops) == 0;
}

/* Length of what may be copied as it is. */
static size_t plain_len(const unsigned char *at, size_t len)
{
    size_t i = 0;

    for (uint64_t word; len - i >= 8; i += 8) {
        memcpy(&word, at + i, 8);
        if (!are_plain(word))
            break;
    }
    while (i < len && at[i] >= 0x20 && at[i] < 0x80 && at[i] != '"' && at[i] != '\\' &&
           at[i] != '<' && at[i] != '>' && at[i] != '&')
        i++;
    return i;
}

static void add_ascii(sc_buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        sc_buf_add_str(out, SC_STR("\\\""));
        break;
    case '\\':
        sc_buf_add_str(out, SC_STR("\\\\"));
        break;
    case '\n':
        sc_buf_add_str(out, SC_STR("\\n"));
        break;
    case '\r':
        sc_buf_add_str(out, SC_STR("\\r"));
        break;
    case '\t':
        sc_buf_add_str(out, SC_STR("\\t"));
        break;
    case '\b':
        sc_buf_add_str(out, SC_STR("\\b"));
        break;
    case '\f':
        sc_buf_add_str(out, SC_STR("\\f"));
        break;
    default:
        sc_buf_add_fmt(out, "\\u%04x", c);
    }
}

/* One character beyond ASCII; returns the bytes it took. */
static size_t add_wide(sc_buf *out, const unsigned char *at, size_t len)
{
    for (size_t n = 2; n <= 4 && n <= len; n++) {
        if (!sc_str_is_utf8(sc_str_of(at, n)))
            continue;
        if (n == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] & 0xfe) == 0xa8)
            sc_buf_add_fmt(out, "\\u20%02x", at[2] == 0xa8 ? 0x28u : 0x29u);
        else
            sc_buf_add(out, at, n);
        return n;
    }
    sc_buf_add_str(out, SC_STR("\\ufffd"));
    return 1;
}

void sc_json_add_string(sc_buf *out, sc_str text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t left = text.len;

    sc_buf_add_byte(out, '"');
    while (left > 0) {
        size_t plain = plain_len(at, left);

        sc_buf_add(out, at, plain);
        at += plain;
        left -= plain;
        if (left == 0)
            break;
        if (*at < 0x80) {
            add_ascii(out, *at);
            at++;
            left--;
        } else {
            size_t wide = add_wide(out, at, left);

            at += wide;
            left -= wide;
        }
    }
    sc_buf_add_byte(out, '"');
}

/* `text` is C's "%.17e": digits and exponent; written as Go's 'f' or 'e' format. */
static void add_digits(sc_buf *out, const char *text, double magnitude)
{
    const char *e = strchr(text, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    char digits[32];
    int count = 0;

    if (*text == '-') {
        sc_buf_add_byte(out, '-');
        text++;
    }
    for (const char *at = text; at < e; at++) {
        if (*at != '.')
            digits[count++] = *at;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
        sc_buf_add(out, digits, 1);
        if (count > 1)
            sc_buf_add_fmt(out, ".%.*s", count - 1, digits + 1);
        sc_buf_add_fmt(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        sc_buf_add_fmt(out, "0.%.*s%.*s", -exponent - 1, "00000000", count, digits);
    } else {
        for (int i = 0; i <= exponent || i < count; i++) {
            if (i == exponent + 1)
                sc_buf_add_byte(out, '.');
            sc_buf_add_byte(out, i < count ? digits[i] : '0');
        }
    }
}

/* Tries ever more digits until the text reads back as the number. */
static void add_shortest(sc_buf *out, double number, bool is_float)
{
    char text[40];

    if (isnan(number) || isinf(number)) {
        sc_buf_add_str(out, isnan(number) ? SC_STR("\"NaN\"")
                            : number > 0  ? SC_STR("\"Infinity\"")
                                          : SC_STR("\"-Infinity\""));
        return;
    }
    for (int digits = 0; digits < 17; digits++) {
        double back;

        (void)snprintf(text, sizeof(text), "%.*e", digits, number);
        back = is_float ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (memcmp(&back, &number, sizeof(back)) == 0)
            break;
    }
    add_digits(out, text, fabs(number));
}

void sc_json_add_double(sc_buf *out, double number)
{
    if (number > -1e15 && number < 1e15 && number == (double)(int64_t)number &&
        !(number == 0 && signbit(number)))
        sc_buf_add_fmt(out, "%lld", (long long)number);
    else
        add_shortest(out, number, false);
}

void sc_json_add_float(sc_buf *out, float number)
{
    add_shortest(out, (double)number, true);
}

void sc_json_add_repaired(sc_buf *out, sc_str value)
{
    const unsigned char *at = (const unsigned char *)value.at;

    for (size_t left = value.len; left > 0;) {
        size_t plain = 0;
        size_t wide;

        while (plain < left && at[plain] < 0x80)
            plain++;
        sc_buf_add(out, at, plain);
        at += plain;
        left -= plain;
        wide = left > 0 ? add_wide(out, at, left) : 0;
        at += wide;
        left -= wide;
    }
}

void sc_json_add_pairs(sc_buf *out, const sc_pairs *pairs)
{
    sc_buf_add_byte(out, '{');
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (i > 0)
            sc_buf_add_byte(out, ',');
        sc_json_add_string(out, pairs->at[i].name);
        sc_buf_add_byte(out, ':');
        sc_json_add_string(out, pairs->at[i].value);
    }
    sc_buf_add_byte(out, '}');
}

typedef struct ranked_member {
    const sc_doc *doc;
    uint32_t rank; /* place in the source: the last of duplicates wins */
} ranked_member;

static int by_key(const void *a, const void *b)
{
    const ranked_member *one = a;
    const ranked_member *two = b;
    int order = sc_str_cmp(one->doc->key, two->doc->key);

    return order ? order : (one->rank > two->rank) - (one->rank < two->rank);
}

static void add_member(sc_buf *out, const sc_doc *member, bool is_first, bool is_sorted)
{
    if (!is_first)
        sc_buf_add_byte(out, ',');
    sc_json_add_string(out, member->key);
    sc_buf_add_byte(out, ':');
    sc_json_add_doc(out, member, is_sorted);
}

static void add_sorted(sc_buf *out, const sc_doc *object)
{
    ranked_member *members = sc_alloc_zero((object->count + 1) * sizeof(members[0]));
    uint32_t count = 0;
    bool is_first = true;

    SC_DOC_EACH (object, it) {
        members[count] = (ranked_member){it, count};
        count++;
    }
    qsort(members, count, sizeof(members[0]), by_key);
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count && sc_str_eq(members[i].doc->key, members[i + 1].doc->key))
            continue;
        add_member(out, members[i].doc, is_first, true);
        is_first = false;
    }
    free(members);
}

void sc_json_add_doc(sc_buf *out, const sc_doc *doc, bool is_sorted)
{
    switch (doc->kind) {
    case SC_DOC_NULL:
        sc_buf_add_str(out, SC_STR("null"));
        break;
    case SC_DOC_BOOL:
        sc_buf_add_str(out, doc->truth ? SC_STR("true") : SC_STR("false"));
        break;
    case SC_DOC_NUMBER:
        sc_buf_add_str(out, doc->text);
        break;
    case SC_DOC_STRING:
        sc_json_add_string(out, doc->text);
        break;
    case SC_DOC_ARRAY:
        sc_buf_add_byte(out, '[');
        SC_DOC_EACH (doc, it) {
            if (it != doc->first)
                sc_buf_add_byte(out, ',');
            sc_json_add_doc(out, it, is_sorted);
        }
        sc_buf_add_byte(out, ']');
        break;
    case SC_DOC_OBJECT:
        sc_buf_add_byte(out, '{');
        if (is_sorted) {
            add_sorted(out, doc);
        } else {
            SC_DOC_EACH (doc, it)
                add_member(out, it, it == doc->first, false);
        }
        sc_buf_add_byte(out, '}');
        break;
    }
}
