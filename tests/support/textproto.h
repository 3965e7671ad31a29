/* SPDX-License-Identifier: MIT
 *
 * Reads protobuf's text format (https://protobuf.dev/reference/protobuf/textformat-spec/) into a
 * tree, as far as test data needs it.
 */
#ifndef TESTS_SUPPORT_TEXTPROTO_H
#define TESTS_SUPPORT_TEXTPROTO_H

#include <stdlib.h>

#include "core/arena.h"

/* A field: a message has fields below it, a scalar a text (strings without quotes and escapes). */
typedef struct textproto {
    sc_str name;
    sc_str text;
    bool is_message;
    bool is_quoted;
    struct textproto *first; /* fields of a message, in order */
    struct textproto *next;
} textproto;

typedef struct textproto_reader {
    sc_str rest;
    sc_arena *mem;
    bool is_broken;
} textproto_reader;

static inline textproto *textproto_fields(textproto_reader *r, char end);

static inline void textproto_skip(textproto_reader *r)
{
    for (;;) {
        r->rest = sc_str_trim(r->rest);
        if (r->rest.len > 0 && (r->rest.at[0] == ',' || r->rest.at[0] == ';'))
            r->rest = sc_str_sub(r->rest, 1, r->rest.len);
        else if (r->rest.len > 0 && r->rest.at[0] == '#')
            (void)sc_str_cut(&r->rest, '\n');
        else
            return;
    }
}

static inline char textproto_peek(textproto_reader *r)
{
    textproto_skip(r);
    return r->rest.len > 0 ? r->rest.at[0] : '\0';
}

static inline bool textproto_take(textproto_reader *r, char byte)
{
    if (textproto_peek(r) != byte)
        return false;
    r->rest = sc_str_sub(r->rest, 1, r->rest.len);
    return true;
}

static inline size_t textproto_escape(const char *at, char *to)
{
    static const char from[] = "abfnrtv\\'\"?";
    static const char what[] = "\a\b\f\n\r\t\v\\'\"?";
    const char *plain = strchr(from, at[0]);
    char digits[4] = "";

    if (at[0] == 'x' || at[0] == 'X') {
        memcpy(digits, at + 1, 2);
        *to = (char)strtoul(digits, NULL, 16);
        return 3;
    }
    if (at[0] >= '0' && at[0] <= '7') {
        size_t len = strspn(at, "01234567");

        len = len > 3 ? 3 : len;
        memcpy(digits, at, len);
        *to = (char)strtoul(digits, NULL, 8);
        return len;
    }
    *to = plain ? what[plain - from] : at[0];
    return 1;
}

/* \uXXXX or \UXXXXXXXX as UTF-8; the bytes written, 0: it is another escape. */
static inline size_t textproto_rune(const char *at, char *to)
{
    size_t digits = at[0] == 'u' ? 4 : at[0] == 'U' ? 8 : 0;
    char text[9] = "";
    unsigned long rune;

    if (digits == 0)
        return 0;
    memcpy(text, at + 1, digits);
    rune = strtoul(text, NULL, 16);
    if (rune < 0x80) {
        to[0] = (char)rune;
        return 1;
    }
    if (rune < 0x800) {
        to[0] = (char)(0xc0 | rune >> 6);
        to[1] = (char)(0x80 | (rune & 63));
        return 2;
    }
    if (rune < 0x10000) {
        to[0] = (char)(0xe0 | rune >> 12);
        to[1] = (char)(0x80 | (rune >> 6 & 63));
        to[2] = (char)(0x80 | (rune & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | rune >> 18);
    to[1] = (char)(0x80 | (rune >> 12 & 63));
    to[2] = (char)(0x80 | (rune >> 6 & 63));
    to[3] = (char)(0x80 | (rune & 63));
    return 4;
}

/* Strings beside each other are one. */
static inline sc_str textproto_string(textproto_reader *r)
{
    char *to = sc_arena_alloc(r->mem, r->rest.len + 1);
    size_t len = 0;

    while (textproto_peek(r) == '"' || textproto_peek(r) == '\'') {
        char quote = r->rest.at[0];
        size_t at = 1;

        while (at < r->rest.len && r->rest.at[at] != quote) {
            if (r->rest.at[at] != '\\') {
                to[len++] = r->rest.at[at++];
                continue;
            }
            size_t rune = textproto_rune(r->rest.at + at + 1, to + len);

            if (rune > 0)
                at += r->rest.at[at + 1] == 'u' ? 6 : 10;
            else
                at += 1 + textproto_escape(r->rest.at + at + 1, &to[len]);
            len += rune > 0 ? rune : 1;
        }
        r->rest = sc_str_sub(r->rest, at + 1, r->rest.len);
    }
    return sc_str_of(to, len);
}

static inline void textproto_value(textproto_reader *r, textproto *field)
{
    char first = textproto_peek(r);
    size_t len;

    if (first == '{' || first == '<') {
        (void)textproto_take(r, first);
        field->is_message = true;
        field->first = textproto_fields(r, first == '{' ? '}' : '>');
    } else if (first == '"' || first == '\'') {
        field->is_quoted = true;
        field->text = textproto_string(r);
    } else {
        len = strcspn(r->rest.at, " \t\r\n,;}>]#");
        field->text = sc_str_sub(r->rest, 0, len);
        r->rest = sc_str_sub(r->rest, len, r->rest.len);
        r->is_broken = r->is_broken || len == 0;
    }
}

/* "name", or "[type.googleapis.com/x.Y]" of an Any without its host. */
static inline sc_str textproto_name(textproto_reader *r)
{
    bool is_any = textproto_take(r, '[');
    size_t len = strcspn(r->rest.at, is_any ? "]" : " \t\r\n:{<[");
    sc_str name = sc_str_sub(r->rest, 0, len);

    r->rest = sc_str_sub(r->rest, len + is_any, r->rest.len);
    while (is_any && sc_str_find(name, '/') < name.len)
        (void)sc_str_cut(&name, '/');
    return name;
}

static inline textproto *textproto_fields(textproto_reader *r, char end)
{
    textproto *first = NULL;
    textproto **last = &first;

    while (!r->is_broken && textproto_peek(r) != end) {
        sc_str name = textproto_name(r);
        bool is_list;

        (void)textproto_take(r, ':');
        is_list = textproto_take(r, '[');
        r->is_broken = name.len == 0;
        do {
            textproto *field = sc_arena_new(r->mem, textproto);

            if (is_list && textproto_take(r, ']'))
                break;
            field->name = name;
            textproto_value(r, field);
            *last = field;
            last = &field->next;
        } while (is_list && !r->is_broken);
    }
    if (end != '\0')
        r->is_broken = r->is_broken || !textproto_take(r, end);
    return first;
}

/* The fields of `text`, which ends with a NUL behind its length; NULL when it cannot be read. */
static inline textproto *textproto_read(sc_str text, sc_arena *mem)
{
    textproto_reader r = {.rest = text, .mem = mem};
    textproto *first = textproto_fields(&r, '\0');

    return r.is_broken ? NULL : first;
}

/* The first field of this name, or NULL. */
static inline const textproto *textproto_get(const textproto *fields, const char *name)
{
    for (; fields; fields = fields->next) {
        if (sc_str_eq(fields->name, sc_str_from(name)))
            return fields;
    }
    return NULL;
}

static inline sc_str textproto_text(const textproto *fields, const char *name)
{
    const textproto *field = textproto_get(fields, name);

    return field ? field->text : SC_STR_NONE;
}

#endif
