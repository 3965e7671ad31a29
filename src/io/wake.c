/* SPDX-License-Identifier: MIT
 *
 * Wake-ups over libuv's async handle, which is all that other threads may touch of a loop.
 */
#include "io/wake.h"

#include <stdlib.h>

#include "io/io_internal.h"

struct sc_wake {
    uv_async_t uv;
    sc_loop *loop;
    void (*on_wake)(void *self);
    void *self;
};

static void on_async(uv_async_t *handle)
{
    sc_wake *wake = SC_CONTAINER_OF(handle, sc_wake, uv);

    wake->on_wake(wake->self);
}

sc_wake *sc_wake_open(sc_loop *loop, void (*on_wake)(void *self), void *self)
{
    sc_wake *wake = sc_new(sc_wake);

    wake->loop = loop;
    wake->on_wake = on_wake;
    wake->self = self;
    if (uv_async_init(&loop->uv, &wake->uv, on_async) != 0)
        sc_out_of_memory("wake-up of a loop");
    uv_unref((uv_handle_t *)&wake->uv);
    loop->open_handles++;
    return wake;
}

void sc_wake_send(sc_wake *wake)
{
    uv_async_send(&wake->uv);
}

void sc_wake_hold(sc_wake *wake, bool is_held)
{
    if (is_held)
        uv_ref((uv_handle_t *)&wake->uv);
    else
        uv_unref((uv_handle_t *)&wake->uv);
}

static void on_closed(uv_handle_t *handle)
{
    free(SC_CONTAINER_OF(handle, sc_wake, uv));
}

void sc_wake_close(sc_wake *wake)
{
    wake->loop->open_handles--;
    uv_close((uv_handle_t *)&wake->uv, on_closed);
}
