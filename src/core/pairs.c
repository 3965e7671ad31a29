/* SPDX-License-Identifier: MIT
 *
 * Lists of name and value.
 */
#include "core/pairs.h"

void sc_pairs_add(sc_pairs *pairs, sc_arena *mem, sc_str name, sc_str value)
{
    if (pairs->count == pairs->cap) {
        uint32_t cap = pairs->cap ? pairs->cap * 2 : 8;
        sc_pair *grown = sc_arena_alloc(mem, cap * sizeof(*grown));

        if (pairs->count)
            memcpy(grown, pairs->at, pairs->count * sizeof(*grown));
        pairs->at = grown;
        pairs->cap = cap;
    }
    pairs->at[pairs->count++] = (sc_pair){name, value};
}

void sc_pairs_set(sc_pairs *pairs, sc_arena *mem, sc_str name, sc_str value)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (sc_str_eq(pairs->at[i].name, name)) {
            pairs->at[i].value = value;
            return;
        }
    }
    sc_pairs_add(pairs, mem, name, value);
}

const sc_str *sc_pairs_get(const sc_pairs *pairs, sc_str name)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        if (sc_str_eq(pairs->at[i].name, name))
            return &pairs->at[i].value;
    return NULL;
}

const sc_str *sc_pairs_get_nocase(const sc_pairs *pairs, sc_str name)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        if (sc_str_eq_nocase(pairs->at[i].name, name))
            return &pairs->at[i].value;
    return NULL;
}

sc_pairs sc_pairs_copy(const sc_pairs *pairs, sc_arena *mem)
{
    sc_pairs copy = {0};

    for (uint32_t i = 0; i < pairs->count; i++)
        sc_pairs_add(&copy, mem, sc_arena_str(mem, pairs->at[i].name),
                     sc_arena_str(mem, pairs->at[i].value));
    return copy;
}

void sc_pairs_sort(sc_pairs *pairs)
{
    for (uint32_t i = 1; i < pairs->count; i++) {
        sc_pair pair = pairs->at[i];
        uint32_t to = i;

        for (; to > 0 && sc_str_cmp(pairs->at[to - 1].name, pair.name) > 0; to--)
            pairs->at[to] = pairs->at[to - 1];
        pairs->at[to] = pair;
    }
}
