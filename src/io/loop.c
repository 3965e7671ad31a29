/* SPDX-License-Identifier: MIT
 *
 * The loop over libuv. The end of a turn (completions, then hooks, until both are empty) runs from
 * a check handle after events were read and from a prepare handle before the next wait, so whatever
 * caused work, it leaves before the loop sleeps.
 */
#include "io/loop.h"

#include <stdlib.h>

#include "io/io_internal.h"

#define OPS_PER_TURN     4096u
#define ROUNDS_PER_TURN  16
#define FREE_CHUNKS_KEPT 512u

static void finish_turn(sc_loop *loop);

static void on_before_poll(uv_prepare_t *handle)
{
    finish_turn(SC_CONTAINER_OF(handle, sc_loop, before_poll));
}

static void on_after_poll(uv_check_t *handle)
{
    sc_loop *loop = SC_CONTAINER_OF(handle, sc_loop, after_poll);

    finish_turn(loop);
    sc_loop_watch_work(loop);
}

static void on_again(uv_idle_t *handle)
{
    (void)handle; /* it only keeps the poll from waiting */
}

/* The first op queued outside the end of a turn: do not sleep on it. */
static void on_op_queued(sc_op_queue *queue)
{
    sc_loop *loop = SC_CONTAINER_OF(queue, sc_loop, ops);

    uv_idle_start(&loop->again, on_again);
}

sc_loop *sc_loop_new(void)
{
    sc_loop *loop = sc_new(sc_loop);

    if (uv_loop_init(&loop->uv) != 0)
        sc_out_of_memory("event loop");
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_idle_init(&loop->uv, &loop->again);
    uv_timer_init(&loop->uv, &loop->clock);
    uv_timer_init(&loop->uv, &loop->rest);
    uv_unref((uv_handle_t *)&loop->rest);
    uv_prepare_start(&loop->before_poll, on_before_poll);
    uv_check_start(&loop->after_poll, on_after_poll);
    uv_unref((uv_handle_t *)&loop->before_poll);
    uv_unref((uv_handle_t *)&loop->after_poll);
    sc_op_queue_init(&loop->ops, on_op_queued);
    sc_arena_pool_init(&loop->arenas, FREE_CHUNKS_KEPT);
    sc_list_init(&loop->hooks);
    sc_list_init(&loop->processes);
    return loop;
}

static bool run_hooks(sc_loop *loop)
{
    sc_list now;
    bool any = false;

    sc_list_init(&now);
    sc_list_move_all(&now, &loop->hooks);
    while (!sc_list_is_empty(&now)) {
        sc_turn_hook *hook = SC_CONTAINER_OF(now.next, sc_turn_hook, link);

        sc_list_remove(&hook->link);
        hook->queued = false;
        hook->run(hook);
        any = true;
    }
    return any;
}

static void finish_turn(sc_loop *loop)
{
    if (loop->is_finishing_turn)
        return;
    loop->is_finishing_turn = true;
    for (int round = 0; round < ROUNDS_PER_TURN; round++) {
        bool any = sc_op_queue_run(&loop->ops, OPS_PER_TURN) > 0;

        any = run_hooks(loop) || any;
        if (!any)
            break;
    }
    loop->is_finishing_turn = false;
    if (loop->ops.head || !sc_list_is_empty(&loop->hooks))
        uv_idle_start(&loop->again, on_again);
    else
        uv_idle_stop(&loop->again);
}

void sc_loop_run(sc_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

bool sc_loop_turn(sc_loop *loop, bool wait)
{
    return uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
}

void sc_loop_stop(sc_loop *loop)
{
    uv_stop(&loop->uv);
}

bool sc_loop_is_alive(const sc_loop *loop)
{
    return uv_loop_alive(&loop->uv) != 0;
}

int sc_loop_poll_fd(const sc_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int sc_loop_poll_timeout_ms(const sc_loop *loop)
{
    return sc_loop_is_alive(loop) ? uv_backend_timeout(&loop->uv) : -1;
}

int sc_loop_close(sc_loop **at)
{
    sc_loop *loop = *at;
    int busy = UV_EBUSY;
    int open;

    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->again, NULL);
    uv_close((uv_handle_t *)&loop->clock, NULL);
    uv_close((uv_handle_t *)&loop->rest, NULL);
    for (int i = 0; i < 100 && (busy = uv_loop_close(&loop->uv)) != 0; i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    open = (int)loop->open_handles + (int)loop->timer_count + (busy ? 1 : 0);
    if (open > 0)
        return open; /* something may still point here: leave it */
    sc_arena_pool_deinit(&loop->arenas);
    free(loop->timers);
    free(loop->read_buffer);
    free(loop);
    *at = NULL;
    return 0;
}

sc_op_queue *sc_loop_ops(sc_loop *loop)
{
    return &loop->ops;
}

sc_arena_pool *sc_loop_arenas(sc_loop *loop)
{
    return &loop->arenas;
}

sc_call *sc_loop_call(sc_loop *loop)
{
    return sc_call_new(&loop->arenas, &loop->ops);
}

uint64_t sc_loop_now_ms(const sc_loop *loop)
{
    return uv_now(&loop->uv);
}

void sc_loop_at_turn_end(sc_loop *loop, sc_turn_hook *hook)
{
    if (hook->queued)
        return;
    hook->queued = true;
    sc_list_init(&hook->link);
    sc_list_add(&loop->hooks, &hook->link);
    if (!loop->is_finishing_turn)
        uv_idle_start(&loop->again, on_again);
}

void sc_loop_forget_hook(sc_turn_hook *hook)
{
    if (!hook->queued)
        return;
    sc_list_remove(&hook->link);
    hook->queued = false;
}

struct uv_loop_s *sc_loop_uv(sc_loop *loop)
{
    return &loop->uv;
}

char *sc_loop_read_buffer(sc_loop *loop)
{
    if (!loop->read_buffer)
        loop->read_buffer = sc_alloc_zero(SC_READ_BUFFER_LEN);
    return loop->read_buffer;
}

/* ---- signals ---- */

struct sc_signal_watch {
    uv_signal_t uv;
    void (*on_signal)(void *self, int signum);
    void *self;
};

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    sc_signal_watch *watch = SC_CONTAINER_OF(handle, sc_signal_watch, uv);

    watch->on_signal(watch->self, signum);
}

sc_signal_watch *sc_signal_open(sc_loop *loop, int signum,
                                void (*on_signal)(void *self, int signum), void *self)
{
    sc_signal_watch *watch = sc_new(sc_signal_watch);

    watch->on_signal = on_signal;
    watch->self = self;
    uv_signal_init(&loop->uv, &watch->uv);
    uv_signal_start(&watch->uv, on_uv_signal, signum);
    uv_unref((uv_handle_t *)&watch->uv);
    loop->open_handles++;
    return watch;
}

static void on_signal_closed(uv_handle_t *handle)
{
    free(SC_CONTAINER_OF(handle, sc_signal_watch, uv));
}

void sc_signal_close(sc_signal_watch *watch)
{
    if (!watch)
        return;
    SC_CONTAINER_OF(watch->uv.loop, sc_loop, uv)->open_handles--;
    uv_close((uv_handle_t *)&watch->uv, on_signal_closed);
}
