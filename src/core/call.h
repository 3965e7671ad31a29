/* SPDX-License-Identifier: MIT
 *
 * sc_call: one request, delivery or timer firing. It owns the arena in which everything of it
 * lives, and is counted: each running op holds a reference, so the memory stays until the last op
 * ended, also when the peer went away long before. Loop thread only.
 */
#ifndef SC_CORE_CALL_H
#define SC_CORE_CALL_H

#include "core/arena.h"
#include "core/op.h"

typedef struct sc_call {
    sc_arena mem; /* first; the call itself lives in it */
    sc_op_queue *home;
    uint32_t refs;
    void (*on_free)(struct sc_call *call); /* may be NULL; runs before the arena goes */
    void *owner;                           /* for on_free */
} sc_call;

/* A call with one reference, living in an arena of `pool`. */
sc_call *sc_call_new(sc_arena_pool *pool, sc_op_queue *home);
static inline sc_call *sc_call_ref(sc_call *call)
{
    call->refs++;
    return call;
}
void sc_call_unref(sc_call *call);

/* Zeroed memory that lives as long as the call. */
#define sc_call_make(call, type) ((type *)sc_arena_zero(&(call)->mem, sizeof(type)))

#endif
