/* SPDX-License-Identifier: MIT
 *
 * Queries over documents that are at hand: filter, sort, page.
 */
#ifndef SC_COMPONENTS_STATE_IN_MEMORY_QUERY_H
#define SC_COMPONENTS_STATE_IN_MEMORY_QUERY_H

#include "component/state.h"

typedef struct sc_memory_query sc_memory_query;

/* A run of op->query; its results go to `op`. */
sc_memory_query *sc_memory_query_begin(sc_state_query_op *op);
/* Looks at one entry; what matches is copied. Values that are no JSON never match a filter. */
void sc_memory_query_offer(sc_memory_query *run, sc_str key, sc_state_value value);
/* Sorts and cuts the page. Without a sort, and among equals, rows come in the order of their keys.
 * A token that is no number fails the op with SC_INVALID. */
void sc_memory_query_end(sc_memory_query *run);

#endif
