/* SPDX-License-Identifier: MIT
 *
 * A document: the tree that JSON bodies and YAML resources are read into. Lives in an arena, is not
 * changed once built, keeps the order of keys and the text of numbers.
 */
#ifndef SC_CORE_DOC_H
#define SC_CORE_DOC_H

#include "core/arena.h"

typedef enum sc_doc_kind {
    SC_DOC_NULL,
    SC_DOC_BOOL,
    SC_DOC_NUMBER, /* `text` as written */
    SC_DOC_STRING, /* `text`, unescaped */
    SC_DOC_ARRAY,
    SC_DOC_OBJECT,
} sc_doc_kind;

typedef struct sc_doc {
    sc_doc_kind kind;
    bool truth;    /* SC_DOC_BOOL */
    uint32_t line; /* where it stood, from 1; 0: unknown */
    uint32_t column;
    sc_str key;           /* as a member of an object */
    sc_str text;          /* SC_DOC_NUMBER, SC_DOC_STRING */
    struct sc_doc *first; /* members or elements, in order */
    struct sc_doc *last;
    struct sc_doc *next; /* sibling */
    uint32_t count;      /* of members or elements */
} sc_doc;

sc_doc *sc_doc_new(sc_arena *mem, sc_doc_kind kind);
sc_doc *sc_doc_new_string(sc_arena *mem, sc_str text);
/* Appends; `child` must not have a parent yet. */
void sc_doc_add(sc_doc *parent, sc_doc *child);
void sc_doc_put(sc_doc *object, sc_str key, sc_doc *child);

/* The last member of this name (JSON: last of duplicates wins), or NULL. NULL in, NULL out. */
const sc_doc *sc_doc_get(const sc_doc *object, sc_str key);
/* The same for a name in any ASCII case. */
const sc_doc *sc_doc_get_nocase(const sc_doc *object, sc_str key);
const sc_doc *sc_doc_at(const sc_doc *array, uint32_t index);
/* The text of a string, else the empty slice. */
sc_str sc_doc_string(const sc_doc *node);
static inline bool sc_doc_is(const sc_doc *node, sc_doc_kind kind)
{
    return node && node->kind == kind;
}
/* "null", "boolean", "number", "string", "array", "object". */
const char *sc_doc_kind_name(sc_doc_kind kind);

/* Members by a name of ours; the text of one that is a string. */
static inline const sc_doc *sc_doc_member(const sc_doc *object, const char *key)
{
    return sc_doc_get(object, sc_str_from(key));
}
static inline sc_str sc_doc_member_text(const sc_doc *object, const char *key)
{
    return sc_doc_string(sc_doc_member(object, key));
}

#define SC_DOC_EACH(parent, it) for (const sc_doc *it = (parent)->first; it; it = it->next)

#endif
