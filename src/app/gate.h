/* SPDX-License-Identifier: MIT
 *
 * At most so many calls to the application at a time (Dapr: app-max-concurrency); the rest wait in
 * the order they came.
 */
#ifndef SC_APP_GATE_H
#define SC_APP_GATE_H

#include "core/list.h"
#include "core/op.h"

typedef struct sc_gate_entry {
    sc_list link;
    void (*start)(struct sc_gate_entry *entry);
    sc_op *op; /* what fails when it never starts */
} sc_gate_entry;

typedef struct sc_gate {
    uint32_t max; /* 0: no limit */
    uint32_t running;
    sc_list waiting;
} sc_gate;

static inline void sc_gate_init(sc_gate *gate, uint32_t max)
{
    gate->max = max;
    gate->running = 0;
    sc_list_init(&gate->waiting);
}

/* Starts now, or when a place is free. */
static inline void sc_gate_enter(sc_gate *gate, sc_gate_entry *entry)
{
    sc_list_init(&entry->link);
    if (gate->max > 0 && gate->running >= gate->max) {
        sc_list_add(&gate->waiting, &entry->link);
        return;
    }
    gate->running++;
    entry->start(entry);
}

/* The first that waits, taken out of the line; NULL: nobody. */
static inline sc_gate_entry *sc_gate_take(sc_gate *gate)
{
    sc_gate_entry *entry;

    if (sc_list_is_empty(&gate->waiting))
        return NULL;
    entry = SC_CONTAINER_OF(gate->waiting.next, sc_gate_entry, link);
    sc_list_remove(&entry->link);
    return entry;
}

/* A started call ended. */
static inline void sc_gate_leave(sc_gate *gate)
{
    sc_gate_entry *next;

    gate->running--;
    next = gate->running < gate->max ? sc_gate_take(gate) : NULL;
    if (next) {
        gate->running++;
        next->start(next);
    }
}

/* The channel closes: who still waits fails. */
static inline void sc_gate_close(sc_gate *gate)
{
    sc_gate_entry *entry;

    while ((entry = sc_gate_take(gate)) != NULL)
        sc_op_fail(entry->op, SC_CANCELLED, "the sidecar is shutting down");
}

/* True when `entry` still waited: it is out of the line and will not start. */
static inline bool sc_gate_cancel(sc_gate_entry *entry)
{
    if (sc_list_is_empty(&entry->link))
        return false;
    sc_list_remove(&entry->link);
    return true;
}

#endif
