/* SPDX-License-Identifier: MIT
 *
 * Reading JSON: the runtime's documents, with every text ending in NUL. A pillion_json is an sc_doc
 * under another name; the root stands in a struct that owns them all.
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "internal.h"
#include "wire/json.h"

typedef struct root {
    sc_arena mem;
    sc_doc doc; /* what the user holds */
} root;

/* Texts that are slices of the copy get their NUL where the quote or comma behind them stood. */
static sc_str end_text(sc_arena *mem, sc_str text, char *copy, size_t len)
{
    if (text.len == 0)
        return SC_STR("");
    if (text.at < copy || text.at >= copy + len)
        return sc_arena_str(mem, text);
    copy[(size_t)(text.at - copy) + text.len] = '\0';
    return text;
}

/* Depth is bounded by the parser. */
static void end_texts(sc_arena *mem, sc_doc *doc, char *copy, size_t len)
{
    doc->key = end_text(mem, doc->key, copy, len);
    if (doc->kind == SC_DOC_STRING || doc->kind == SC_DOC_NUMBER)
        doc->text = end_text(mem, doc->text, copy, len);
    for (sc_doc *it = doc->first; it; it = it->next)
        end_texts(mem, it, copy, len);
}

const sc_doc *json_read(sc_arena *mem, sc_str text, sc_error *err)
{
    char *copy = sc_arena_try(mem, text.len + 1);
    sc_doc *doc = NULL;
    sc_str rest;

    if (!copy) {
        (void)sc_fail(err, SC_EXHAUSTED, "no memory for %zu bytes of JSON", text.len);
        return NULL;
    }
    if (text.len > 0)
        memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (sc_json_parse(sc_str_of(copy, text.len), mem, &doc, &rest, err) != SC_OK)
        return NULL;
    rest = sc_str_trim(rest);
    if (rest.len > 0) {
        (void)sc_fail(err, SC_INVALID, "%zu bytes follow the JSON value", rest.len);
        return NULL;
    }
    end_texts(mem, doc, copy, text.len);
    return doc;
}

pillion_json *pillion_json_parse(pillion_str text, pillion_error *err)
{
    root *self = sc_new(root);
    const sc_doc *doc;
    sc_error why;

    sc_arena_init(&self->mem, NULL);
    doc = json_read(&self->mem, str_in(text), &why);
    if (!doc) {
        (void)error_take(err, &why);
        sc_arena_deinit(&self->mem);
        free(self);
        return NULL;
    }
    error_clear(err);
    self->doc = *doc;
    return (pillion_json *)&self->doc;
}

void pillion_json_free(pillion_json *document)
{
    root *self;

    if (!document)
        return;
    self = SC_CONTAINER_OF((sc_doc *)document, root, doc);
    sc_arena_deinit(&self->mem);
    free(self);
}

/* ---- a way through it ---- */

pillion_json_kind pillion_json_kind_of(const pillion_json *value)
{
    static const pillion_json_kind kinds[] = {
        [SC_DOC_NULL] = PILLION_JSON_NULL,     [SC_DOC_BOOL] = PILLION_JSON_BOOL,
        [SC_DOC_NUMBER] = PILLION_JSON_NUMBER, [SC_DOC_STRING] = PILLION_JSON_STRING,
        [SC_DOC_ARRAY] = PILLION_JSON_ARRAY,   [SC_DOC_OBJECT] = PILLION_JSON_OBJECT,
    };

    return value ? kinds[json_doc(value)->kind] : PILLION_JSON_MISSING;
}

const pillion_json *pillion_json_get(const pillion_json *object, const char *name)
{
    return json_of(sc_doc_get(json_doc(object), sc_str_from(name)));
}

const pillion_json *pillion_json_at(const pillion_json *array, size_t index)
{
    return index > UINT32_MAX ? NULL : json_of(sc_doc_at(json_doc(array), (uint32_t)index));
}

/* A reference token of RFC 6901: "~1" is '/', "~0" is '~'. */
static bool token_is(sc_str token, sc_str name)
{
    size_t at = 0;

    for (size_t i = 0; i < token.len; i++, at++) {
        char c = token.at[i];

        if (c == '~' && i + 1 < token.len && (token.at[i + 1] == '0' || token.at[i + 1] == '1'))
            c = token.at[++i] == '1' ? '/' : '~';
        if (at >= name.len || name.at[at] != c)
            return false;
    }
    return at == name.len;
}

static const sc_doc *step_to(const sc_doc *doc, sc_str token)
{
    const sc_doc *found = NULL;
    uint64_t index;

    if (sc_doc_is(doc, SC_DOC_ARRAY))
        return sc_str_to_u64(token, &index) && index <= UINT32_MAX &&
                       (token.len == 1 || token.at[0] != '0')
                   ? sc_doc_at(doc, (uint32_t)index)
                   : NULL;
    if (!sc_doc_is(doc, SC_DOC_OBJECT))
        return NULL;
    SC_DOC_EACH (doc, it) {
        if (token_is(token, it->key))
            found = it;
    }
    return found;
}

const pillion_json *pillion_json_find(const pillion_json *value, const char *pointer)
{
    const sc_doc *doc = json_doc(value);
    sc_str rest = sc_str_from(pointer);

    if (rest.len > 0 && rest.at[0] != '/')
        return NULL;
    while (doc && rest.len > 0) {
        sc_str token;

        rest = sc_str_sub(rest, 1, rest.len);
        token = sc_str_sub(rest, 0, sc_str_find(rest, '/'));
        doc = step_to(doc, token);
        rest = sc_str_sub(rest, token.len, rest.len);
    }
    return json_of(doc);
}

size_t pillion_json_count(const pillion_json *value)
{
    return value ? json_doc(value)->count : 0;
}

const pillion_json *pillion_json_first(const pillion_json *value)
{
    return value ? json_of(json_doc(value)->first) : NULL;
}

const pillion_json *pillion_json_next(const pillion_json *value)
{
    return value ? json_of(json_doc(value)->next) : NULL;
}

const char *pillion_json_name(const pillion_json *member)
{
    return member ? json_doc(member)->key.at : "";
}

/* ---- values ---- */

const char *pillion_json_string(const pillion_json *value, const char *fallback)
{
    return sc_doc_is(json_doc(value), SC_DOC_STRING) ? json_doc(value)->text.at : fallback;
}

pillion_str pillion_json_str(const pillion_json *value)
{
    return str_out(sc_doc_string(json_doc(value)));
}

/* strtod reads the decimal point of the program's locale. */
static bool read_double(const char *text, double *out)
{
    const char *dot = strchr(text, '.');
    char *end;

    *out = strtod(text, &end);
    if (*end != '\0') {
        sc_buf local = {0};
        bool is_whole;

        if (!dot || end != dot)
            return false;
        sc_buf_add_fmt(&local, "%.*s%s%s", (int)(dot - text), text, localeconv()->decimal_point,
                       dot + 1);
        sc_buf_add_byte(&local, '\0');
        *out = strtod(sc_buf_at(&local), &end);
        is_whole = *end == '\0';
        sc_buf_deinit(&local);
        if (!is_whole)
            return false;
    }
    return isfinite(*out);
}

double pillion_json_double(const pillion_json *value, double fallback)
{
    double number;

    return sc_doc_is(json_doc(value), SC_DOC_NUMBER) &&
                   read_double(json_doc(value)->text.at, &number)
               ? number
               : fallback;
}

int64_t pillion_json_int(const pillion_json *value, int64_t fallback)
{
    const double exact = 9007199254740992.0; /* 2^53: beyond it doubles skip integers */
    double number;
    int64_t whole;

    if (!sc_doc_is(json_doc(value), SC_DOC_NUMBER))
        return fallback;
    if (sc_str_to_i64(json_doc(value)->text, &whole))
        return whole;
    if (!read_double(json_doc(value)->text.at, &number) || number != floor(number) ||
        fabs(number) > exact)
        return fallback;
    return (int64_t)number;
}

bool pillion_json_bool(const pillion_json *value, bool fallback)
{
    return sc_doc_is(json_doc(value), SC_DOC_BOOL) ? json_doc(value)->truth : fallback;
}

char *pillion_json_print(const pillion_json *value)
{
    sc_buf out = {0};

    if (value)
        sc_json_add_doc(&out, json_doc(value), false);
    sc_buf_add_byte(&out, '\0');
    return out.mem; /* nothing was eaten: it begins there */
}
