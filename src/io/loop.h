/* SPDX-License-Identifier: MIT
 *
 * The event loop: one thread, all protocol work. Hides libuv from everybody above io/.
 *
 * A turn: events are read, completions (sc_op) run, then the turn-end hooks run; a stream with
 * bytes to send is such a hook, so all that one turn produced for a peer leaves in one write.
 */
#ifndef SC_IO_LOOP_H
#define SC_IO_LOOP_H

#include "core/call.h"
#include "core/list.h"
#include "core/op.h"

typedef struct sc_loop sc_loop;

/* Work to do once at the end of this turn. Embedded in the struct that wants it. */
typedef struct sc_turn_hook {
    sc_list link; /* zeroed or sc_list_init before first use; managed by the loop */
    void (*run)(struct sc_turn_hook *hook);
    bool queued;
} sc_turn_hook;

sc_loop *sc_loop_new(void);
/* Runs until sc_loop_stop or until nothing is left to wait for. */
void sc_loop_run(sc_loop *loop);
/* Runs one turn; waits for an event when `wait`. Returns false when nothing is left. For tests. */
bool sc_loop_turn(sc_loop *loop, bool wait);
void sc_loop_stop(sc_loop *loop);
/* True while something is open that keeps sc_loop_run going. */
bool sc_loop_is_alive(const sc_loop *loop);
/* For a loop inside another one: a descriptor that is readable when a turn has something to do, and
 * how long to wait for it at most (-1: for ever). */
int sc_loop_poll_fd(const sc_loop *loop);
int sc_loop_poll_timeout_ms(const sc_loop *loop);
/* Frees the loop; returns the number of handles still open (0 in a correct program). */
int sc_loop_close(sc_loop **loop);

/* Where ops of this loop complete. */
sc_op_queue *sc_loop_ops(sc_loop *loop);
/* Chunks for arenas used on this loop. */
sc_arena_pool *sc_loop_arenas(sc_loop *loop);
/* A new call on this loop. */
sc_call *sc_loop_call(sc_loop *loop);
/* Monotonic milliseconds as of the start of this turn: the loop clock of every `_ms` deadline. */
uint64_t sc_loop_now_ms(const sc_loop *loop);

/* Queues `hook` for the end of this turn; nothing when it is queued already. */
void sc_loop_at_turn_end(sc_loop *loop, sc_turn_hook *hook);
/* Takes it back. Call before freeing the struct around it. */
void sc_loop_forget_hook(sc_turn_hook *hook);

/* Calls `on_signal(self, signum)` on the loop; keeps the loop alive only while `keep_alive`. */
typedef struct sc_signal_watch sc_signal_watch;
sc_signal_watch *sc_signal_open(sc_loop *loop, int signum,
                                void (*on_signal)(void *self, int signum), void *self);
void sc_signal_close(sc_signal_watch *watch);

/* Free memory goes back to the system when the loop was busy and is quiet again. For a process that
 * is ours: its whole heap is gone through. */
void sc_loop_gives_back(sc_loop *loop);

/* The struct uv_loop_s behind it; for files of io/ and for component modules only. */
struct uv_loop_s *sc_loop_uv(sc_loop *loop);

#endif
