/* SPDX-License-Identifier: MIT
 *
 * Open addressing by a fingerprint of the text: its length and its last eight bytes, where paths
 * and topics differ. At most half of the slots are taken; nothing is ever removed.
 */
#include "observe/label_table.h"

#include <stdlib.h>

static uint64_t fingerprint(sc_str text)
{
    uint64_t tail = 0;
    size_t len = text.len < sizeof(tail) ? text.len : sizeof(tail);

    if (len > 0)
        memcpy(&tail, text.at + text.len - len, len);
    tail = (tail ^ text.len) * 0x9e3779b97f4a7c15u;
    return tail ^ (tail >> 32);
}

/* The slot of `text`, or the free one where it would go. */
static sc_label_slot *slot_of(const sc_label_table *table, sc_str text)
{
    uint64_t at = fingerprint(text);

    for (;; at++) {
        sc_label_slot *slot = &table->slots[at & (table->cap - 1)];

        if (!slot->text.at || sc_str_eq(slot->text, text))
            return slot;
    }
}

void *sc_label_table_get(const sc_label_table *table, sc_str text)
{
    return table->cap ? slot_of(table, text)->value : NULL;
}

static void grow(sc_label_table *table)
{
    sc_label_table old = *table;

    table->cap = old.cap ? old.cap * 2 : 8;
    table->slots = sc_alloc_zero(table->cap * sizeof(table->slots[0]));
    for (uint32_t i = 0; i < old.cap; i++) {
        if (old.slots[i].text.at)
            *slot_of(table, old.slots[i].text) = old.slots[i];
    }
    free(old.slots);
}

bool sc_label_table_put(sc_label_table *table, sc_arena *mem, sc_str text, void *value)
{
    if (table->count == SC_LABEL_TABLE_MAX)
        return false;
    if (table->count * 2 >= table->cap)
        grow(table);
    *slot_of(table, text) = (sc_label_slot){sc_arena_str(mem, text), value};
    table->count++;
    return true;
}

void sc_label_table_deinit(sc_label_table *table)
{
    free(table->slots);
    *table = (sc_label_table){0};
}
