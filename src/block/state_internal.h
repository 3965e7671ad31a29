/* SPDX-License-Identifier: MIT
 *
 * What the files of the state block share: keys and items on their way to a store.
 */
#ifndef SC_BLOCK_STATE_INTERNAL_H
#define SC_BLOCK_STATE_INTERNAL_H

#include "block/state.h"

struct sc_states {
    sc_states_env env;
    sc_state_store **stores;
    uint32_t count;
    sc_arena mem;
    uint32_t closing; /* stores, or before that outboxes, that are still open */
    void (*on_closed)(void *user);
    void *user;
    sc_op closed;
};

/* False: the key holds the separator, and `problem` says so. */
bool sc_state_check_key(const sc_state_store *store, sc_str key, sc_arena *mem,
                        sc_problem *problem);
/* A key that was checked as it is stored. */
sc_str sc_state_stored_key(const sc_state_store *store, sc_str key, sc_arena *mem);
/* The application's key of a stored one: what stands between the first and the second separator. */
sc_str sc_state_own_key(sc_str stored);

/* Counts one request that the store was asked, with its time. */
static inline void sc_state_count(sc_state_store *store, sc_state_counted what, bool is_success,
                                  uint64_t started_ns)
{
    sc_operation_stats_record(&store->stats[what], is_success, started_ns);
}

/* Makes the component's write of an item whose key was checked: key, options, value. Fails with
 * what is wrong with the item. */
sc_code sc_state_prepare(sc_state_store *store, const sc_state_item *item, bool is_delete,
                         sc_arena *mem, sc_state_write *out, sc_error *err) SC_MUST_CHECK;

/* The words for a failed write: the store's, with Dapr's in front when its ETag is at fault. */
sc_str sc_state_write_story(sc_str text, sc_etag_fault fault, sc_arena *mem);

#endif
