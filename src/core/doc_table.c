/* SPDX-License-Identifier: MIT
 *
 * Documents into structs, through tables.
 */
#include "core/doc_table.h"

#include "core/duration.h"

static sc_code read_value(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                          const sc_key *key, void *to);

bool sc_doc_says_nothing(const sc_doc *doc)
{
    if (!doc || doc->kind == SC_DOC_NULL)
        return true;
    if (doc->kind == SC_DOC_BOOL)
        return !doc->truth;
    if (doc->kind == SC_DOC_STRING)
        return doc->text.len == 0;
    if (doc->kind == SC_DOC_NUMBER)
        return false;
    SC_DOC_EACH (doc, it) {
        if (!sc_doc_says_nothing(it))
            return false;
    }
    return true;
}

static sc_code wrong(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                     const char *wanted)
{
    bool has_text = doc->kind == SC_DOC_STRING || doc->kind == SC_DOC_NUMBER;
    const char *what = doc->kind == SC_DOC_ARRAY    ? "a list"
                       : doc->kind == SC_DOC_OBJECT ? "a mapping"
                       : doc->kind == SC_DOC_BOOL   ? (doc->truth ? "'true'" : "'false'")
                                                    : "null";

    if (has_text)
        what = sc_arena_fmt(r->mem, "'%.*s'", SC_FMT(sc_str_sub(doc->text, 0, 100))).at;
    return sc_fail(r->err, SC_INVALID, "%s:%u:%u: %s is %s, not %s", r->file, doc->line,
                   doc->column, path, what, wanted);
}

/* ---- scalars ---- */

static sc_code read_text(const sc_doc_reader *r, const sc_doc *doc, const char *path, sc_str *to)
{
    if (doc->kind == SC_DOC_ARRAY || doc->kind == SC_DOC_OBJECT)
        return wrong(r, doc, path, "a text");
    *to = doc->kind == SC_DOC_BOOL && doc->text.len == 0
              ? (doc->truth ? SC_STR("true") : SC_STR("false"))
              : doc->text;
    return SC_OK;
}

static sc_code read_bool(const sc_doc_reader *r, const sc_doc *doc, const char *path, bool *to)
{
    if (doc->kind != SC_DOC_BOOL)
        return wrong(r, doc, path, "true or false");
    *to = doc->truth;
    return SC_OK;
}

static sc_code read_int(const sc_doc_reader *r, const sc_doc *doc, const char *path, int64_t *to)
{
    if (doc->kind != SC_DOC_NUMBER || !sc_str_to_i64(doc->text, to))
        return wrong(r, doc, path, "a whole number");
    return SC_OK;
}

static sc_code read_duration(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                             int64_t *ns)
{
    if (doc->kind == SC_DOC_NUMBER && sc_str_to_i64(doc->text, ns))
        return SC_OK;
    if (doc->kind == SC_DOC_STRING && sc_duration_parse(doc->text, ns))
        return SC_OK;
    return wrong(r, doc, path, "a duration like 500ms, 10s or 1h30m");
}

/* ---- collections ---- */

static sc_code read_map(const sc_doc_reader *r, const sc_doc *doc, const char *path, sc_pairs *to)
{
    sc_str value = SC_STR_NONE;

    if (doc->kind != SC_DOC_OBJECT)
        return wrong(r, doc, path, "a mapping");
    SC_DOC_EACH (doc, it) {
        if (read_text(r, it, sc_arena_fmt(r->mem, "%s.%.*s", path, SC_FMT(it->key)).at, &value) !=
            SC_OK)
            return r->err->code;
        sc_pairs_set(to, r->mem, it->key, value);
    }
    return SC_OK;
}

static sc_code read_element(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                            const sc_key *key, void *to)
{
    if (key->kind == SC_KEY_TEXTS)
        return read_text(r, doc, path, to);
    if (key->kind == SC_KEY_INTS)
        return read_int(r, doc, path, to);
    return sc_doc_read(r, doc, path, key->members, to);
}

static sc_code read_list(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                         const sc_key *key, void *to)
{
    uint32_t count = 0;
    char *list;

    if (doc->kind != SC_DOC_ARRAY)
        return wrong(r, doc, path, "a list");
    list = sc_arena_zero(r->mem, (doc->count + 1) * key->size);
    SC_DOC_EACH (doc, it) {
        const char *at = sc_arena_fmt(r->mem, "%s[%u]", path, count).at;

        if (read_element(r, it, at, key, list + count++ * key->size) != SC_OK)
            return r->err->code;
    }
    memcpy((char *)to + key->offset, &list, sizeof(list));
    memcpy((char *)to + key->count_offset, &count, sizeof(count));
    return SC_OK;
}

/* ---- mappings ---- */

static sc_code read_value(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                          const sc_key *key, void *to)
{
    void *at = (char *)to + key->offset;

    switch (key->kind) {
    case SC_KEY_TEXT:
        return read_text(r, doc, path, at);
    case SC_KEY_BOOL:
        return read_bool(r, doc, path, at);
    case SC_KEY_INT:
        return read_int(r, doc, path, at);
    case SC_KEY_DURATION:
        return read_duration(r, doc, path, at);
    case SC_KEY_DOC:
        *(const sc_doc **)at = doc;
        return SC_OK;
    case SC_KEY_MAP:
        return read_map(r, doc, path, at);
    case SC_KEY_OBJECT:
        return sc_doc_read(r, doc, path, key->members, at);
    case SC_KEY_TEXTS:
    case SC_KEY_INTS:
    case SC_KEY_LIST:
        return read_list(r, doc, path, key, to);
    case SC_KEY_SKIP:
    case SC_KEY_LINE:
    case SC_KEY_END:
        break;
    }
    return SC_OK;
}

static const sc_key *find(const sc_key *keys, sc_str name, bool any_case)
{
    for (const sc_key *key = keys; key->kind != SC_KEY_END; key++) {
        sc_str own = sc_str_from(key->name);

        if (any_case ? sc_str_eq_nocase(own, name) : sc_str_eq(own, name))
            return key;
    }
    return NULL;
}

static void warn_unknown(const sc_doc_reader *r, const sc_doc *doc, const char *path,
                         const sc_key *keys)
{
    const sc_key *meant = find(keys, doc->key, true);

    if (meant)
        sc_log_warn(r->log, "%s:%u:%u: %s is not a known key and has no effect; write '%s'",
                    r->file, doc->line, doc->column, path, meant->name);
    else
        sc_log_warn(r->log, "%s:%u:%u: %s is not a known key and has no effect", r->file, doc->line,
                    doc->column, path);
}

static void note_line(const sc_key *keys, const sc_doc *doc, void *to)
{
    for (const sc_key *key = keys; key->kind != SC_KEY_END; key++) {
        if (key->kind == SC_KEY_LINE)
            *(uint32_t *)(void *)((char *)to + key->offset) = doc->line;
    }
}

sc_code sc_doc_read(const sc_doc_reader *r, const sc_doc *doc, const char *path, const sc_key *keys,
                    void *to)
{
    if (doc->kind == SC_DOC_NULL)
        return SC_OK;
    if (doc->kind != SC_DOC_OBJECT)
        return wrong(r, doc, path[0] ? path : "the document", "a mapping");
    note_line(keys, doc, to);
    SC_DOC_EACH (doc, it) {
        const sc_key *key = find(keys, it->key, false);
        const char *at =
            sc_arena_fmt(r->mem, "%s%s%.*s", path, path[0] ? "." : "", SC_FMT(it->key)).at;

        if (!key) {
            warn_unknown(r, it, at, keys);
            continue;
        }
        if (it->kind == SC_DOC_NULL)
            continue;
        if (key->is_later && !sc_doc_says_nothing(it))
            sc_log_warn(r->log, "%s:%u:%u: %s is not implemented yet and has no effect", r->file,
                        it->line, it->column, at);
        if (read_value(r, it, at, key, to) != SC_OK)
            return r->err->code;
        if (key->given_offset)
            *((bool *)to + key->given_offset) = true;
    }
    return SC_OK;
}
