/* SPDX-License-Identifier: MIT
 *
 * What was registered for a text that requests bring along: a path, a topic, a method. Finding it
 * again looks at the length and the last bytes, then compares once; it neither hashes the text nor
 * allocates. Holds up to a limit of texts: whoever fills it keeps memory bounded whatever peers
 * send.
 */
#ifndef SC_OBSERVE_LABEL_TABLE_H
#define SC_OBSERVE_LABEL_TABLE_H

#include "core/arena.h"

typedef struct sc_label_slot {
    sc_str text; /* at NULL: free */
    void *value;
} sc_label_slot;

/* Zeroed: empty. */
typedef struct sc_label_table {
    sc_label_slot *slots;
    uint32_t cap; /* a power of two, or 0 */
    uint32_t count;
} sc_label_table;

#define SC_LABEL_TABLE_MAX 1000u

void sc_label_table_deinit(sc_label_table *table);
/* NULL when absent. */
void *sc_label_table_get(const sc_label_table *table, sc_str text);
/* `text` is copied into `mem`, which outlives the table; it is not in the table yet. False, and
 * nothing is kept, when SC_LABEL_TABLE_MAX texts are in it. */
bool sc_label_table_put(sc_label_table *table, sc_arena *mem, sc_str text, void *value);

#endif
