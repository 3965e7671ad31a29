/* SPDX-License-Identifier: MIT
 *
 * The queue through which every completion goes.
 */
#include "core/op.h"

#include <stdarg.h>
#include <stdio.h>

void sc_op_queue_init(sc_op_queue *queue, void (*wake)(sc_op_queue *queue))
{
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->wake = wake;
}

size_t sc_op_queue_run(sc_op_queue *queue, size_t max)
{
    size_t ran = 0;

    while (queue->head && ran < max) {
        sc_op *op = queue->head;

        queue->head = op->next;
        if (!queue->head)
            queue->tail = &queue->head;
        op->next = NULL;
        ran++;
        op->done(op);
    }
    return ran;
}

void sc_op_finish(sc_op *op)
{
    sc_op_queue *queue = op->home;
    bool was_empty = queue->head == NULL;

    op->next = NULL;
    *queue->tail = op;
    queue->tail = &op->next;
    if (was_empty && queue->wake)
        queue->wake(queue);
}

void sc_op_fail(sc_op *op, sc_code code, const char *fmt, ...)
{
    va_list args;

    op->err.code = code;
    va_start(args, fmt);
    vsnprintf(op->err.text, sizeof(op->err.text), fmt, args);
    va_end(args);
    sc_op_finish(op);
}
