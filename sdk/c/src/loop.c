/* SPDX-License-Identifier: MIT
 *
 * The loop as users see it: the runtime's own, with a mailbox for other threads and with SIGPIPE
 * kept away from a program that may not ignore it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core/random.h"
#include "internal.h"
#include "io/wake.h"

typedef struct posted {
    struct posted *next;
    void (*run)(void *user);
    void *user;
} posted;

struct pillion_loop {
    sc_loop *sc;
    sc_wake *wake;
    sc_timer limit; /* of the step under way */
    sc_random random;
    uint32_t open; /* clients, applications and timers */
    bool is_running;
    bool is_limit_over;
    atomic_bool stop;
    pthread_mutex_t lock;
    posted *mail; /* FIFO; under `lock` */
    posted **mail_tail;
};

static void run_mail(void *at)
{
    pillion_loop *loop = at;
    posted *next;

    pthread_mutex_lock(&loop->lock);
    next = loop->mail;
    loop->mail = NULL;
    loop->mail_tail = &loop->mail;
    pthread_mutex_unlock(&loop->lock);
    while (next) {
        posted *now = next;

        next = now->next;
        now->run(now->user);
        free(now);
    }
    if (atomic_load(&loop->stop))
        loop_look(loop);
}

static void on_limit(sc_timer *timer)
{
    pillion_loop *loop = SC_CONTAINER_OF(timer, pillion_loop, limit);

    loop->is_limit_over = true;
    loop_look(loop);
}

pillion_loop *pillion_loop_new(void)
{
    pillion_loop *loop = sc_new(pillion_loop);

    loop->sc = sc_loop_new();
    loop->wake = sc_wake_open(loop->sc, run_mail, loop);
    loop->mail_tail = &loop->mail;
    sc_timer_init(&loop->limit, loop->sc, on_limit);
    sc_random_init(&loop->random);
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

void pillion_loop_free(pillion_loop *loop)
{
    int left;

    if (!loop)
        return;
    assert(!loop->is_running);
    run_mail(loop);
    while (loop_turn(loop,
                     -1)) /* connections that still send their last bytes, for a second at most */
        ;
    assert(loop->open == 0); /* a client, application or timer was not freed */
    sc_wake_close(loop->wake);
    left = sc_loop_close(&loop->sc);
    assert(left == 0);
    (void)left;
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

/* ---- turns ---- */

/* A write to a peer that is gone raises SIGPIPE, which would end a program that did not ask for it.
 * It is blocked for this thread during a turn, and eaten when the turn raised it. */
static bool block_pipe(sigset_t *before)
{
    sigset_t pipe_only, pending;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, before);
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

static void unblock_pipe(const sigset_t *before, bool was_pending)
{
    static const struct timespec at_once;
    sigset_t pipe_only, pending;

    sigpending(&pending);
    if (!was_pending && sigismember(&pending, SIGPIPE) == 1) {
        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        (void)sigtimedwait(&pipe_only, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

bool loop_turn(pillion_loop *loop, int timeout_ms)
{
    bool is_alive = sc_loop_is_alive(loop->sc);
    sigset_t before;
    bool was_pending = block_pipe(&before);

    loop->is_running = true;
    loop->is_limit_over = false;
    if (!is_alive)
        sc_wake_hold(loop->wake, true);
    if (is_alive && timeout_ms > 0)
        sc_timer_start(&loop->limit, (uint64_t)timeout_ms);
    (void)sc_loop_turn(loop->sc, is_alive && timeout_ms != 0);
    sc_timer_stop(&loop->limit);
    if (!is_alive)
        sc_wake_hold(loop->wake, false);
    loop->is_running = false;
    unblock_pipe(&before, was_pending);
    return sc_loop_is_alive(loop->sc);
}

void pillion_loop_run(pillion_loop *loop)
{
    assert(!loop->is_running);
    while (!loop_take_stop(loop) && loop_turn(loop, -1))
        ;
}

bool pillion_loop_step(pillion_loop *loop, int timeout_ms)
{
    assert(!loop->is_running);
    return loop_turn(loop, timeout_ms);
}

void pillion_loop_stop(pillion_loop *loop)
{
    atomic_store(&loop->stop, true);
    sc_wake_send(loop->wake);
}

bool loop_take_stop(pillion_loop *loop)
{
    return atomic_exchange(&loop->stop, false);
}

bool loop_is_running(const pillion_loop *loop)
{
    return loop->is_running;
}

void loop_look(pillion_loop *loop)
{
    sc_loop_stop(loop->sc);
}

int pillion_loop_fd(const pillion_loop *loop)
{
    return sc_loop_poll_fd(loop->sc);
}

int pillion_loop_timeout_ms(const pillion_loop *loop)
{
    return sc_loop_poll_timeout_ms(loop->sc);
}

/* ---- what lives on it ---- */

sc_loop *loop_sc(const pillion_loop *loop)
{
    return loop->sc;
}

void loop_hold(pillion_loop *loop)
{
    loop->open++;
}

void loop_release(pillion_loop *loop)
{
    assert(loop->open > 0);
    loop->open--;
    loop_look(loop);
}

uint32_t loop_jitter(pillion_loop *loop, uint32_t ms)
{
    return (uint32_t)sc_random_jitter(&loop->random, ms);
}

bool loop_is_alone(const pillion_loop *loop)
{
    return loop->open <= 1;
}

void pillion_loop_post(pillion_loop *loop, void (*run)(void *user), void *user)
{
    posted *mail = sc_new(posted);

    mail->run = run;
    mail->user = user;
    pthread_mutex_lock(&loop->lock);
    *loop->mail_tail = mail;
    loop->mail_tail = &mail->next;
    pthread_mutex_unlock(&loop->lock);
    sc_wake_send(loop->wake);
}

/* ---- timers ---- */

struct pillion_timer {
    sc_timer sc;
    pillion_loop *loop;
    void (*run)(void *user);
    void *user;
};

static void free_timer(pillion_timer *timer)
{
    sc_timer_stop(&timer->sc);
    loop_release(timer->loop);
    free(timer);
}

static void on_due(sc_timer *sc)
{
    pillion_timer *timer = SC_CONTAINER_OF(sc, pillion_timer, sc);
    void (*run)(void *user) = timer->run;
    void *user = timer->user;

    free_timer(timer);
    run(user);
}

pillion_timer *pillion_timer_start(pillion_loop *loop, uint32_t delay_ms, void (*run)(void *user),
                                   void *user)
{
    pillion_timer *timer = sc_new(pillion_timer);

    timer->loop = loop;
    timer->run = run;
    timer->user = user;
    sc_timer_init(&timer->sc, loop->sc, on_due);
    sc_timer_start(&timer->sc, delay_ms);
    loop_hold(loop);
    return timer;
}

void pillion_timer_stop(pillion_timer *timer)
{
    if (timer)
        free_timer(timer);
}
