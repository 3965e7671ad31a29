/* SPDX-License-Identifier: MIT
 *
 * One-shot and repeating timers on the loop clock. Embedded in the struct that waits. Stopping is
 * synchronous: after sc_timer_stop returns, the struct around it may be freed. Timers are kept in
 * one ordered set of the loop with a single libuv timer under it, so a timer costs no handle.
 */
#ifndef SC_IO_TIMER_H
#define SC_IO_TIMER_H

#include "io/loop.h"

typedef struct sc_timer {
    sc_loop *loop;
    void (*on_due)(struct sc_timer *timer); /* on the loop; may start or stop any timer */
    uint64_t due_ms;
    size_t slot; /* place in the loop's heap + 1; 0 when not running */
} sc_timer;

void sc_timer_init(sc_timer *timer, sc_loop *loop, void (*on_due)(sc_timer *timer));
/* Due `delay_ms` from now; restarts a running one. */
void sc_timer_start(sc_timer *timer, uint64_t delay_ms);
void sc_timer_stop(sc_timer *timer); /* nothing when it is not running */
static inline bool sc_timer_is_running(const sc_timer *timer)
{
    return timer->slot != 0;
}

#endif
