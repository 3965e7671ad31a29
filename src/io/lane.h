/* SPDX-License-Identifier: MIT
 *
 * A lane: one thread and one bounded queue for a library that blocks. Work never overlaps on a
 * lane; completions run on the loop.
 */
#ifndef SC_IO_LANE_H
#define SC_IO_LANE_H

#include "io/loop.h"

typedef struct sc_lane sc_lane;

typedef struct sc_lane_op {
    sc_op op;
    sc_lane *lane; /* where it was submitted */
    /* On the lane's thread. Sets op.err when it fails. Touches nothing but what the op points to.
     */
    void (*work)(struct sc_lane_op *op);
} sc_lane_op;

/* `name` shows in thread lists (15 bytes at most). */
sc_lane *sc_lane_open(sc_loop *loop, const char *name, uint32_t max_waiting);
/* Queues `op` behind everything already waiting. Returns SC_PENDING: op->op.done runs once, later,
 * on the loop. Fails with SC_EXHAUSTED, and does not queue, when `max_waiting` ops are waiting.
 * Loop thread only. */
sc_code sc_lane_submit(sc_lane *lane, sc_lane_op *op, sc_error *err) SC_MUST_CHECK;
/* The halves of sc_lane_submit, for an op that the work on another lane queues: sc_lane_expect has
 * the same results and is for the loop thread only; it must be followed by one sc_lane_start, from
 * any thread. */
sc_code sc_lane_expect(sc_lane *lane, sc_lane_op *op, sc_error *err) SC_MUST_CHECK;
void sc_lane_start(sc_lane_op *op);
/* Finishes what is queued or expected, then ends the thread; `on_closed` runs on the loop. */
void sc_lane_close(sc_lane *lane, void (*on_closed)(void *self), void *self);

#endif
