/* SPDX-License-Identifier: MIT
 *
 * A loop that tests turn until something happened, with a guard against waiting for ever, and a
 * scripted peer: a blocking socket on 127.0.0.1 that says raw bytes.
 */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/loop.h"
#include "io/stream.h"
#include "io/timer.h"

#define GUARD_MS 20000u

typedef struct guard {
    sc_timer timer;
    sc_turn_hook hook; /* keeps the turn in which the timer fires from waiting for more */
    bool is_over;
} guard;

static inline void on_guard_hook(sc_turn_hook *hook)
{
    (void)hook;
}

static inline void on_guard(sc_timer *timer)
{
    guard *g = SC_CONTAINER_OF(timer, guard, timer);

    g->is_over = true;
    sc_loop_at_turn_end(timer->loop, &g->hook);
}

/* Turns the loop until `*done`; fails the test after GUARD_MS. */
static inline void turn_until(sc_loop *loop, const bool *done)
{
    guard g = {.hook.run = on_guard_hook};

    sc_timer_init(&g.timer, loop, on_guard);
    sc_timer_start(&g.timer, GUARD_MS);
    while (!*done && !g.is_over)
        sc_loop_turn(loop, true);
    sc_timer_stop(&g.timer);
    sc_loop_forget_hook(&g.hook);
    assert_true(*done);
}

/* Turns the loop for `ms`. */
static inline void turn_for(sc_loop *loop, uint64_t ms)
{
    guard g = {.hook.run = on_guard_hook};

    sc_timer_init(&g.timer, loop, on_guard);
    sc_timer_start(&g.timer, ms);
    while (!g.is_over)
        sc_loop_turn(loop, true);
    sc_loop_forget_hook(&g.hook);
}

static inline void set_true(void *flag)
{
    *(bool *)flag = true;
}

/* ---- a peer that says what it is told ---- */

static inline int peer_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* A listening socket on a free port. */
static inline int peer_listen(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *port = ntohs(at.sin_port);
    return fd;
}

static inline int peer_accept(sc_loop *loop, int listener)
{
    for (int i = 0; i < 5000; i++) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            return fd;
        }
        turn_for(loop, 1);
    }
    fail_msg("nobody connected");
    return -1;
}

static inline void peer_say(sc_loop *loop, int fd, const void *at, size_t len)
{
    const char *from = at;

    for (int i = 0; i < 100000 && len; i++) {
        ssize_t n = send(fd, from, len, MSG_NOSIGNAL);

        if (n > 0) {
            from += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EAGAIN) {
            return; /* the other side has closed: tests see that on reading */
        } else {
            turn_for(loop, 1);
        }
    }
}

/* Reads up to `max` bytes until the other side closes (returns true) or `enough` bytes are there.
 */
static inline bool peer_hear(sc_loop *loop, int fd, char *to, size_t max, size_t enough,
                             size_t *len)
{
    *len = 0;
    for (int i = 0; i < 10000; i++) {
        ssize_t n = max > *len ? recv(fd, to + *len, max - *len, 0) : -1;

        if (n == 0 || (n < 0 && errno != EAGAIN))
            return true;
        if (n > 0)
            *len += (size_t)n;
        if (*len >= enough)
            return false;
        turn_for(loop, 1);
    }
    return false;
}

#endif
