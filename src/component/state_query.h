/* SPDX-License-Identifier: MIT
 *
 * A query as Dapr's state query API (alpha) writes it: filter, sort, page. Parsed once by the
 * block; each store turns the tree into its own language.
 */
#ifndef SC_COMPONENT_STATE_QUERY_H
#define SC_COMPONENT_STATE_QUERY_H

#include "core/doc.h"
#include "core/error.h"

typedef enum sc_filter_kind {
    SC_FILTER_EQ,
    SC_FILTER_NEQ,
    SC_FILTER_GT,
    SC_FILTER_GTE,
    SC_FILTER_LT,
    SC_FILTER_LTE,
    SC_FILTER_IN,
    SC_FILTER_AND,
    SC_FILTER_OR,
} sc_filter_kind;

typedef struct sc_filter {
    sc_filter_kind kind;
    sc_str path;              /* of a comparison: "person.org" */
    const sc_doc *value;      /* of a comparison: a scalar; of IN: an array of scalars */
    struct sc_filter **parts; /* of AND and OR: at least one */
    uint32_t part_count;
} sc_filter;

typedef struct sc_query_sort {
    sc_str path;
    bool is_descending;
} sc_query_sort;

typedef struct sc_state_query {
    const sc_filter *filter; /* NULL: everything */
    sc_query_sort *sorts;
    uint32_t sort_count;
    uint64_t limit; /* 0: none */
    sc_str token;   /* where the last page ended; empty: the start */
} sc_state_query;

/* Reads the document `text`; the query lives in `mem` and borrows from `text`.
 * Fails with SC_INVALID and what is wrong. */
sc_code sc_state_query_parse(sc_str text, sc_arena *mem, sc_state_query *out,
                             sc_error *err) SC_MUST_CHECK;

/* The value at `path` ("person.org") of a document, or NULL. */
const sc_doc *sc_state_query_at(const sc_doc *doc, sc_str path);

#endif
