/* SPDX-License-Identifier: MIT
 *
 * An asynchronous operation: inputs, outputs and completion in one struct of the caller's.
 *
 * A typed op (sc_publish_op, ...) has an sc_op as its first field. Whoever starts it keeps it alive
 * until op->done ran. Completion comes once, later, on the loop: never inside the call that started
 * the op, however simple the case.
 */
#ifndef SC_CORE_OP_H
#define SC_CORE_OP_H

#include "core/arena.h"
#include "core/error.h"

typedef struct sc_op sc_op;

/* Finished ops that wait for their done() on one loop. Loop thread only. */
typedef struct sc_op_queue {
    sc_op *head;
    sc_op **tail;
    void (*wake)(struct sc_op_queue *queue); /* called when the queue was empty; may be NULL */
} sc_op_queue;

struct sc_op {
    void (*done)(sc_op *op); /* once, on the loop, never inside the call that started it */
    sc_op_queue *home;       /* where the completion is queued: the loop's */
    sc_arena *mem;           /* scratch and results; belongs to whoever holds the op */
    sc_op *next;             /* link for the queue that holds the op now */
    sc_error err;            /* err.code is SC_OK on success */
};

void sc_op_queue_init(sc_op_queue *queue, void (*wake)(sc_op_queue *queue));
/* Runs done() of all ops queued now and of those they finish, up to `max`; returns how many ran. */
size_t sc_op_queue_run(sc_op_queue *queue, size_t max);

/* Prepares `op` for a start. */
static inline void sc_op_init(sc_op *op, sc_op_queue *home, sc_arena *mem, void (*done)(sc_op *op))
{
    op->done = done;
    op->home = home;
    op->mem = mem;
    op->next = NULL;
    sc_error_clear(&op->err);
}

/* Queues the completion; op->err says how it went. Loop thread only. */
void sc_op_finish(sc_op *op);
/* Sets the error and finishes. */
void sc_op_fail(sc_op *op, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);

#endif
