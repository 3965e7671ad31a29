/* SPDX-License-Identifier: MIT
 *
 * Document trees. Members are a list: objects here are small, and a walk keeps their order.
 */
#include "core/doc.h"

sc_doc *sc_doc_new(sc_arena *mem, sc_doc_kind kind)
{
    sc_doc *node = sc_arena_new(mem, sc_doc);

    node->kind = kind;
    return node;
}

sc_doc *sc_doc_new_string(sc_arena *mem, sc_str text)
{
    sc_doc *node = sc_doc_new(mem, SC_DOC_STRING);

    node->text = text;
    return node;
}

void sc_doc_add(sc_doc *parent, sc_doc *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

void sc_doc_put(sc_doc *object, sc_str key, sc_doc *child)
{
    child->key = key;
    sc_doc_add(object, child);
}

const sc_doc *sc_doc_get(const sc_doc *object, sc_str key)
{
    const sc_doc *found = NULL;

    if (!sc_doc_is(object, SC_DOC_OBJECT))
        return NULL;
    SC_DOC_EACH (object, it) {
        if (sc_str_eq(it->key, key))
            found = it;
    }
    return found;
}

const sc_doc *sc_doc_get_nocase(const sc_doc *object, sc_str key)
{
    const sc_doc *found = NULL;

    if (!sc_doc_is(object, SC_DOC_OBJECT))
        return NULL;
    SC_DOC_EACH (object, it) {
        if (sc_str_eq_nocase(it->key, key))
            found = it;
    }
    return found;
}

const sc_doc *sc_doc_at(const sc_doc *array, uint32_t index)
{
    if (!sc_doc_is(array, SC_DOC_ARRAY))
        return NULL;
    SC_DOC_EACH (array, it) {
        if (index-- == 0)
            return it;
    }
    return NULL;
}

sc_str sc_doc_string(const sc_doc *node)
{
    return sc_doc_is(node, SC_DOC_STRING) ? node->text : SC_STR_NONE;
}

const char *sc_doc_kind_name(sc_doc_kind kind)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};

    return names[kind];
}
