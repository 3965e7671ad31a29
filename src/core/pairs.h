/* SPDX-License-Identifier: MIT
 *
 * sc_pairs: an ordered list of name and value, as in message metadata, headers and labels.
 * Grows in an arena; names and values are borrowed (copy them into the arena when they must stay).
 */
#ifndef SC_CORE_PAIRS_H
#define SC_CORE_PAIRS_H

#include "core/arena.h"

typedef struct sc_pair {
    sc_str name;
    sc_str value;
} sc_pair;

typedef struct sc_pairs {
    sc_pair *at;
    uint32_t count;
    uint32_t cap;
} sc_pairs;

void sc_pairs_add(sc_pairs *pairs, sc_arena *mem, sc_str name, sc_str value);
/* Replaces the first pair of exactly this name, or adds one. */
void sc_pairs_set(sc_pairs *pairs, sc_arena *mem, sc_str name, sc_str value);
/* The first value under exactly this name / under the name in any ASCII case; NULL when absent. */
const sc_str *sc_pairs_get(const sc_pairs *pairs, sc_str name);
const sc_str *sc_pairs_get_nocase(const sc_pairs *pairs, sc_str name);
/* A deep copy in `mem`. */
sc_pairs sc_pairs_copy(const sc_pairs *pairs, sc_arena *mem);
/* Orders by name, memcmp order, stable. */
void sc_pairs_sort(sc_pairs *pairs);

#endif
