/* SPDX-License-Identifier: MIT
 *
 * Open addressing with linear probing; removal shifts the following slots back, so there are no
 * tombstones. Invariant: at most three quarters of the slots are taken.
 */
#include "core/map.h"

#include <stdlib.h>

void sc_map_init(sc_map *map)
{
    *map = (sc_map){0};
}

void sc_map_deinit(sc_map *map)
{
    for (size_t i = 0; i < map->cap; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = (sc_map){0};
}

/* The slot of `key`, or the free one where it would go. */
static size_t find_slot(const sc_map *map, sc_str key, uint64_t hash)
{
    size_t at = (size_t)hash & (map->cap - 1);

    while (map->slots[at].key) {
        const sc_map_slot *slot = &map->slots[at];

        if (slot->hash == hash && sc_str_eq(sc_str_of(slot->key, slot->key_len), key))
            break;
        at = (at + 1) & (map->cap - 1);
    }
    return at;
}

static void grow(sc_map *map)
{
    sc_map old = *map;

    map->cap = old.cap ? old.cap * 2 : 8;
    map->slots = sc_alloc_zero(map->cap * sizeof(*map->slots));
    for (size_t i = 0; i < old.cap; i++) {
        size_t at = (size_t)old.slots[i].hash & (map->cap - 1);

        if (!old.slots[i].key)
            continue;
        while (map->slots[at].key)
            at = (at + 1) & (map->cap - 1);
        map->slots[at] = old.slots[i];
    }
    free(old.slots);
}

void *sc_map_get(const sc_map *map, sc_str key)
{
    return map->count ? map->slots[find_slot(map, key, sc_str_hash(key))].value : NULL;
}

void *sc_map_put(sc_map *map, sc_str key, void *value)
{
    uint64_t hash = sc_str_hash(key);
    sc_map_slot *slot;
    void *old;

    if ((map->count + 1) * 4 > map->cap * 3)
        grow(map);
    slot = &map->slots[find_slot(map, key, hash)];
    old = slot->value;
    if (!slot->key) {
        slot->key = sc_alloc_zero(key.len + 1);
        if (key.len)
            memcpy(slot->key, key.at, key.len);
        slot->key_len = key.len;
        slot->hash = hash;
        map->count++;
    }
    slot->value = value;
    return old;
}

void *sc_map_remove(sc_map *map, sc_str key)
{
    size_t mask = map->cap - 1;
    size_t hole, at;
    void *value;

    if (map->count == 0)
        return NULL;
    hole = find_slot(map, key, sc_str_hash(key));
    if (!map->slots[hole].key)
        return NULL;
    value = map->slots[hole].value;
    free(map->slots[hole].key);
    map->slots[hole] = (sc_map_slot){0};
    map->count--;
    for (at = (hole + 1) & mask; map->slots[at].key; at = (at + 1) & mask) {
        size_t home = (size_t)map->slots[at].hash & mask;

        /* A slot may move into the hole unless its home lies cyclically in (hole, at]. */
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        map->slots[hole] = map->slots[at];
        map->slots[at] = (sc_map_slot){0};
        hole = at;
    }
    return value;
}

bool sc_map_next(const sc_map *map, size_t *at, sc_str *key, void **value)
{
    for (; *at < map->cap; (*at)++) {
        const sc_map_slot *slot = &map->slots[*at];

        if (!slot->key)
            continue;
        *key = sc_str_of(slot->key, slot->key_len);
        *value = slot->value;
        (*at)++;
        return true;
    }
    return false;
}
