/* SPDX-License-Identifier: MIT
 *
 * A loop that was busy and is quiet again gives back what it kept for reuse: chunks of arenas, and
 * the heap's free pages. Work is counted in reads, of 4 KiB at most, and in connections that come
 * and go; only a loop that did some is looked at. Giving back takes a tenth of a millisecond after
 * a usual load, five of them after ten thousand connections.
 */
#include "io/io_internal.h"

#define SOME_WORK  200u
#define LOOK_MS    1000u
#define QUIET_WORK 20u /* between two looks; or an eighth of the most there was */

static void on_look(uv_timer_t *handle)
{
    sc_loop *loop = SC_CONTAINER_OF(handle, sc_loop, rest);
    uint32_t work = loop->work;

    loop->work = 0;
    if (work > loop->most_work)
        loop->most_work = work;
    if (work > QUIET_WORK && work > loop->most_work / 8)
        return;
    loop->most_work = 0;
    uv_timer_stop(&loop->rest);
    sc_arena_pool_deinit(&loop->arenas);
    sc_give_back_free_memory();
}

void sc_loop_gives_back(sc_loop *loop)
{
    loop->gives_back = true;
}

void sc_loop_watch_work(sc_loop *loop)
{
    if (loop->gives_back && loop->work >= SOME_WORK && !uv_is_active((uv_handle_t *)&loop->rest))
        uv_timer_start(&loop->rest, on_look, LOOK_MS, LOOK_MS);
}
