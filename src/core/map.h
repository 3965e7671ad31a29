/* SPDX-License-Identifier: MIT
 *
 * A hash table from byte strings to pointers. Keys are copied; values are borrowed.
 */
#ifndef SC_CORE_MAP_H
#define SC_CORE_MAP_H

#include "core/str.h"

typedef struct sc_map_slot {
    uint64_t hash;
    char *key; /* heap copy, NULL when free */
    size_t key_len;
    void *value;
} sc_map_slot;

typedef struct sc_map {
    sc_map_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
} sc_map;

void sc_map_init(sc_map *map);
void sc_map_deinit(sc_map *map); /* does not touch the values */

void *sc_map_get(const sc_map *map, sc_str key); /* NULL when absent */
/* Puts `value` (not NULL) under `key` and returns the value it replaced, or NULL. */
void *sc_map_put(sc_map *map, sc_str key, void *value);
void *sc_map_remove(sc_map *map, sc_str key); /* the value, or NULL */

/* Walks in no particular order: start with *at = 0; false at the end. The map must not change
 * meanwhile. */
bool sc_map_next(const sc_map *map, size_t *at, sc_str *key, void **value);

#endif
