/* SPDX-License-Identifier: MIT
 *
 * Calls: counted, and their memory goes all at once.
 */
#include "core/call.h"

sc_call *sc_call_new(sc_arena_pool *pool, sc_op_queue *home)
{
    sc_arena mem;
    sc_call *call;

    sc_arena_init(&mem, pool);
    call = sc_arena_new(&mem, sc_call);
    call->mem = mem;
    call->home = home;
    call->refs = 1;
    return call;
}

void sc_call_unref(sc_call *call)
{
    sc_arena mem;

    assert(call->refs > 0);
    if (--call->refs > 0)
        return;
    if (call->on_free)
        call->on_free(call);
    mem = call->mem; /* the call lives in its own arena */
    sc_arena_deinit(&mem);
}
