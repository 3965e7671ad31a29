/* SPDX-License-Identifier: MIT
 *
 * All timers of a loop in one binary heap with a single libuv timer under it.
 */
#include "io/timer.h"

#include <stdlib.h>

#include "io/io_internal.h"

static void place(sc_loop *loop, size_t at, sc_timer *timer)
{
    loop->timers[at] = timer;
    timer->slot = at + 1;
}

static void sift_up(sc_loop *loop, size_t at, sc_timer *timer)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (loop->timers[parent]->due_ms <= timer->due_ms)
            break;
        place(loop, at, loop->timers[parent]);
        at = parent;
    }
    place(loop, at, timer);
}

static void sift_down(sc_loop *loop, size_t at, sc_timer *timer)
{
    for (;;) {
        size_t child = at * 2 + 1;

        if (child >= loop->timer_count)
            break;
        if (child + 1 < loop->timer_count &&
            loop->timers[child + 1]->due_ms < loop->timers[child]->due_ms)
            child++;
        if (timer->due_ms <= loop->timers[child]->due_ms)
            break;
        place(loop, at, loop->timers[child]);
        at = child;
    }
    place(loop, at, timer);
}

/* The libuv timer follows the head of the heap, and never earlier than needed: a head that moved
 * later costs one empty wake-up instead of a restart per timer. */
static void follow_head(sc_loop *loop)
{
    uint64_t now = uv_now(&loop->uv);
    uint64_t due;

    if (loop->timer_count == 0) {
        uv_timer_stop(&loop->clock);
        return;
    }
    due = loop->timers[0]->due_ms;
    if (uv_is_active((uv_handle_t *)&loop->clock) && uv_timer_get_due_in(&loop->clock) + now <= due)
        return;
    uv_timer_start(&loop->clock, sc_timers_on_due, due > now ? due - now : 0, 0);
}

static void take_out(sc_loop *loop, sc_timer *timer)
{
    size_t at = timer->slot - 1;
    sc_timer *last = loop->timers[--loop->timer_count];

    timer->slot = 0;
    if (last == timer)
        return;
    if (at > 0 && last->due_ms < loop->timers[(at - 1) / 2]->due_ms)
        sift_up(loop, at, last);
    else
        sift_down(loop, at, last);
}

void sc_timers_on_due(uv_timer_t *clock)
{
    sc_loop *loop = SC_CONTAINER_OF(clock, sc_loop, clock);
    uint64_t now = uv_now(&loop->uv);
    size_t most =
        loop->timer_count; /* a timer that restarts itself with 0 waits for the next turn */

    for (size_t i = 0; i < most && loop->timer_count > 0 && loop->timers[0]->due_ms <= now; i++) {
        sc_timer *timer = loop->timers[0];

        take_out(loop, timer);
        timer->on_due(timer);
    }
    follow_head(loop);
}

void sc_timer_init(sc_timer *timer, sc_loop *loop, void (*on_due)(sc_timer *timer))
{
    *timer = (sc_timer){.loop = loop, .on_due = on_due};
}

void sc_timer_start(sc_timer *timer, uint64_t delay_ms)
{
    sc_loop *loop = timer->loop;
    uint64_t now = uv_now(&loop->uv);

    if (timer->slot)
        take_out(loop, timer);
    timer->due_ms = delay_ms > UINT64_MAX - now ? UINT64_MAX : now + delay_ms;
    if (loop->timer_count == loop->timer_cap) {
        loop->timer_cap = loop->timer_cap ? loop->timer_cap * 2 : 64;
        loop->timers = realloc(loop->timers, loop->timer_cap * sizeof(loop->timers[0]));
        if (!loop->timers)
            sc_out_of_memory("timers");
    }
    loop->timer_count++;
    sift_up(loop, loop->timer_count - 1, timer);
    follow_head(loop);
}

void sc_timer_stop(sc_timer *timer)
{
    if (!timer->slot)
        return;
    take_out(timer->loop, timer);
    if (timer->loop->timer_count == 0)
        uv_timer_stop(&timer->loop->clock);
}
