/* SPDX-License-Identifier: MIT
 *
 * One thread, one queue. Ops go over under a lock, finished ops come back under the same lock with
 * one wake-up of the loop for all that finished meanwhile.
 */
#include "io/lane.h"

#include <pthread.h>
#include <stdlib.h>

#include "io/io_internal.h"

struct sc_lane {
    sc_loop *loop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    uv_async_t wake;
    sc_op *waiting; /* FIFO; under `lock` */
    sc_op **waiting_tail;
    sc_op *finished; /* FIFO; under `lock` */
    sc_op **finished_tail;
    uint32_t open_ops; /* loop thread: submitted or expected, and not yet done */
    uint32_t max_waiting;
    bool is_ending;  /* under `lock` */
    bool is_closing; /* loop thread */
    void (*on_closed)(void *self);
    void *self;
    char name[16];
};

static sc_op *take(sc_lane *lane)
{
    sc_op *op;

    pthread_mutex_lock(&lane->lock);
    while (!lane->waiting && !lane->is_ending)
        pthread_cond_wait(&lane->more, &lane->lock);
    op = lane->waiting;
    if (op) {
        lane->waiting = op->next;
        if (!lane->waiting)
            lane->waiting_tail = &lane->waiting;
    }
    pthread_mutex_unlock(&lane->lock);
    return op;
}

static void give_back(sc_lane *lane, sc_op *op)
{
    op->next = NULL;
    pthread_mutex_lock(&lane->lock);
    *lane->finished_tail = op;
    lane->finished_tail = &op->next;
    pthread_mutex_unlock(&lane->lock);
    uv_async_send(&lane->wake);
}

static void *run(void *at)
{
    sc_lane *lane = at;
    sc_op *op;

    pthread_setname_np(pthread_self(), lane->name);
    while ((op = take(lane)) != NULL) {
        sc_lane_op *work = (sc_lane_op *)op;

        work->work(work);
        give_back(lane, op);
    }
    return NULL;
}

static void on_wake(uv_async_t *handle);

sc_lane *sc_lane_open(sc_loop *loop, const char *name, uint32_t max_waiting)
{
    sc_lane *lane = sc_new(sc_lane);
    pthread_attr_t attr;

    lane->loop = loop;
    lane->max_waiting = max_waiting;
    lane->waiting_tail = &lane->waiting;
    lane->finished_tail = &lane->finished;
    for (size_t i = 0; i < sizeof(lane->name) - 1 && name[i]; i++)
        lane->name[i] = name[i];
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->more, NULL);
    uv_async_init(&loop->uv, &lane->wake, on_wake);
    uv_unref((uv_handle_t *)&lane->wake);
    loop->open_handles++;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 512 * 1024);
    if (pthread_create(&lane->thread, &attr, run, lane) != 0)
        sc_out_of_memory("thread");
    pthread_attr_destroy(&attr);
    return lane;
}

sc_code sc_lane_expect(sc_lane *lane, sc_lane_op *op, sc_error *err)
{
    if (lane->is_closing)
        return sc_fail(err, SC_CANCELLED, "lane %s is closed", lane->name);
    if (lane->open_ops >= lane->max_waiting)
        return sc_fail(err, SC_EXHAUSTED, "%u operations are waiting already", lane->open_ops);
    if (lane->open_ops++ == 0)
        uv_ref((uv_handle_t *)&lane->wake);
    op->lane = lane;
    op->op.home = &lane->loop->ops;
    return SC_PENDING;
}

void sc_lane_start(sc_lane_op *op)
{
    sc_lane *lane = op->lane;

    op->op.next = NULL;
    pthread_mutex_lock(&lane->lock);
    *lane->waiting_tail = &op->op;
    lane->waiting_tail = &op->op.next;
    pthread_mutex_unlock(&lane->lock);
    pthread_cond_signal(&lane->more); /* the thread that wakes finds the lock free */
}

sc_code sc_lane_submit(sc_lane *lane, sc_lane_op *op, sc_error *err)
{
    sc_code code = sc_lane_expect(lane, op, err);

    if (code == SC_PENDING)
        sc_lane_start(op);
    return code;
}

static void on_freed(uv_handle_t *handle)
{
    sc_lane *lane = SC_CONTAINER_OF(handle, sc_lane, wake);

    lane->loop->open_handles--;
    pthread_mutex_destroy(&lane->lock);
    pthread_cond_destroy(&lane->more);
    if (lane->on_closed)
        lane->on_closed(lane->self);
    free(lane);
}

/* All ops came back: the thread sleeps or is about to; end it. */
static void end(sc_lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->is_ending = true;
    pthread_cond_signal(&lane->more);
    pthread_mutex_unlock(&lane->lock);
    pthread_join(lane->thread, NULL);
    uv_close((uv_handle_t *)&lane->wake, on_freed);
}

static void on_wake(uv_async_t *handle)
{
    sc_lane *lane = SC_CONTAINER_OF(handle, sc_lane, wake);
    sc_op *op;

    pthread_mutex_lock(&lane->lock);
    op = lane->finished;
    lane->finished = NULL;
    lane->finished_tail = &lane->finished;
    pthread_mutex_unlock(&lane->lock);
    while (op) {
        sc_op *next = op->next;

        if (--lane->open_ops == 0)
            uv_unref((uv_handle_t *)&lane->wake);
        sc_op_finish(op);
        op = next;
    }
    if (lane->is_closing && lane->open_ops == 0 && !lane->is_ending)
        end(lane);
}

void sc_lane_close(sc_lane *lane, void (*on_closed)(void *self), void *self)
{
    lane->is_closing = true;
    lane->on_closed = on_closed;
    lane->self = self;
    if (lane->open_ops == 0)
        end(lane);
}
