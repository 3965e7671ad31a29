/* SPDX-License-Identifier: MIT
 *
 * The event loop that clients and applications run on. A program that only makes blocking calls
 * never sees one: its client has its own.
 *
 * Three ways to run it: pillion_loop_run (the library's own main loop), pillion_loop_step (your
 * loop calls it now and then), or pillion_loop_fd with pillion_loop_timeout_ms (your poll, epoll,
 * GLib or libuv loop waits for it, then calls pillion_loop_step(loop, 0)).
 */
#ifndef PILLION_LOOP_H
#define PILLION_LOOP_H

#include "pillion/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pillion_loop pillion_loop;

PILLION_API pillion_loop *pillion_loop_new(void) PILLION_CHECK;
/* Free its clients, applications and timers first. Runs the loop until they have closed; callbacks
 * that are still due (with PILLION_CANCELLED) come within. Not inside a callback. */
PILLION_API void pillion_loop_free(pillion_loop *loop);

/* Runs until pillion_loop_stop, or until nothing is left to wait for: no open client, application
 * or timer. Not inside a callback of the same loop. */
PILLION_API void pillion_loop_run(pillion_loop *loop);
/* Does what is due; waits for the first event up to `timeout_ms` (0: does not wait, -1: as long as
 * it takes). False when nothing is left to wait for. Not inside a callback of the same loop. */
PILLION_API bool pillion_loop_step(pillion_loop *loop, int timeout_ms);
/* Makes pillion_loop_run return soon. From any thread, and from signal handlers. */
PILLION_API void pillion_loop_stop(pillion_loop *loop);

/* Readable when there may be something to do. It belongs to the loop; only poll it. */
PILLION_API int pillion_loop_fd(const pillion_loop *loop);
/* How long to wait on the descriptor at most before the next step; -1: as long as it takes. Ask
 * anew before each wait. */
PILLION_API int pillion_loop_timeout_ms(const pillion_loop *loop);

/* Runs `run(user)` on the loop's thread, soon and in the order posted. From any thread. What was
 * posted is run at the latest inside pillion_loop_free. Does not keep pillion_loop_run going. */
PILLION_API void pillion_loop_post(pillion_loop *loop, void (*run)(void *user), void *user);

/* Runs `run(user)` once, `delay_ms` from now. The timer is gone when `run` is called; stop it
 * before only. */
typedef struct pillion_timer pillion_timer;
PILLION_API pillion_timer *pillion_timer_start(pillion_loop *loop, uint32_t delay_ms,
                                               void (*run)(void *user), void *user);
PILLION_API void pillion_timer_stop(pillion_timer *timer);

#ifdef __cplusplus
}
#endif
#endif
