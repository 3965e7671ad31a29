/* SPDX-License-Identifier: MIT
 *
 * What a plain scalar means.
 */
#include <stdlib.h>

#include "core/number.h"
#include "core/yaml_internal.h"

static bool is_one_of(sc_str text, const char *words)
{
    sc_str rest = sc_str_from(words);

    while (rest.at) {
        if (sc_str_eq(text, sc_str_cut(&rest, ' ')))
            return true;
    }
    return false;
}

static size_t skip_digits(sc_str text, size_t at)
{
    while (at < text.len && text.at[at] >= '0' && text.at[at] <= '9')
        at++;
    return at;
}

/* A number in decimal: digits, a fraction, an exponent. With `any_point` the point may stand at
 * either end. */
static bool is_decimal(sc_str text, bool any_point)
{
    size_t from = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    size_t at = skip_digits(text, from);
    size_t count = at - from;

    if (count == 0 && !any_point)
        return false;
    if (at < text.len && text.at[at] == '.') {
        size_t fraction = at + 1;

        at = skip_digits(text, fraction);
        count += at - fraction;
    }
    if (count == 0)
        return false;
    if (at < text.len && (text.at[at] | 0x20) == 'e') {
        size_t exponent = at + 1;

        if (exponent < text.len && (text.at[exponent] == '-' || text.at[exponent] == '+'))
            exponent++;
        at = skip_digits(text, exponent);
        if (at == exponent)
            return false;
    }
    return at == text.len;
}

/* True when it is null or a truth value. */
static bool type_word(sc_doc *doc, const char *yes, const char *no)
{
    if (doc->text.len == 0 || is_one_of(doc->text, "~ null Null NULL"))
        doc->kind = SC_DOC_NULL;
    else if (is_one_of(doc->text, yes))
        doc->kind = SC_DOC_BOOL, doc->truth = true;
    else if (is_one_of(doc->text, no))
        doc->kind = SC_DOC_BOOL;
    else
        return false;
    return true;
}

void sc_yaml_type_plain(sc_doc *doc)
{
    if (!type_word(doc, "true True TRUE yes Yes YES on On ON",
                   "false False FALSE no No NO off Off OFF") &&
        is_decimal(doc->text, false))
        doc->kind = SC_DOC_NUMBER;
}

/* The text without the "_" that YAML 1.1 allows in numbers. */
static sc_str without_lines(sc_str text, sc_arena *mem)
{
    char *copy;
    size_t len = 0;

    if (!memchr(text.at, '_', text.len))
        return text;
    copy = sc_arena_alloc(mem, text.len + 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '_')
            copy[len++] = text.at[i];
    }
    copy[len] = '\0';
    return sc_str_of(copy, len);
}

static void type_number(sc_doc *doc, sc_arena *mem)
{
    sc_str text = without_lines(doc->text, mem);
    char formatted[SC_DOUBLE_TEXT_MAX];
    bool is_negative;
    uint64_t n;
    double d;

    if (text.len == 0 || !memchr("+-.0123456789", text.at[0], 13))
        return;
    if (sc_int_parse(text, &is_negative, &n)) {
        doc->kind = SC_DOC_NUMBER;
        doc->text =
            sc_arena_fmt(mem, "%s%llu", is_negative && n > 0 ? "-" : "", (unsigned long long)n);
        return;
    }
    if (!is_decimal(text, true))
        return;
    d = strtod(sc_arena_str(mem, text).at, NULL);
    if (d - d != 0) /* beyond what a double holds */
        return;
    doc->kind = SC_DOC_NUMBER;
    doc->text = sc_arena_str(mem, sc_double_format(d, -6, formatted));
}

void sc_yaml_type_kubernetes(sc_doc *doc, sc_arena *mem)
{
    if (!type_word(doc, "true True TRUE yes Yes YES on On ON y Y",
                   "false False FALSE no No NO off Off OFF n N"))
        type_number(doc, mem);
    else if (doc->kind == SC_DOC_BOOL)
        doc->text = doc->truth ? SC_STR("true") : SC_STR("false");
}
