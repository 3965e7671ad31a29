/* SPDX-License-Identifier: MIT
 *
 * What the files of io/ share: the loop's insides. No other folder includes this.
 */
#ifndef SC_IO_IO_INTERNAL_H
#define SC_IO_IO_INTERNAL_H

#include <uv.h>

#include "io/loop.h"
#include "io/timer.h"

#define SC_READ_BUFFER_LEN 65536u

struct sc_loop {
    uv_loop_t uv;
    uv_prepare_t before_poll; /* both run the end of a turn; neither keeps the loop alive */
    uv_check_t after_poll;
    uv_idle_t again;  /* active while completions are left over: the next poll does not wait */
    uv_timer_t clock; /* due with the first timer of the heap */
    uv_timer_t rest;  /* runs while the loop is busy and gives_back; does not keep it alive */
    uint32_t work;    /* since the last look: see loop_rest.c */
    uint32_t most_work;
    bool gives_back;
    sc_op_queue ops;
    sc_arena_pool arenas;
    sc_list hooks;
    sc_timer **timers; /* binary heap by due_ms */
    size_t timer_count;
    size_t timer_cap;
    sc_list processes;            /* of sc_process, while they are open */
    uv_signal_t *on_child;        /* SIGCHLD; NULL while there are none */
    uint64_t children_since_tick; /* older children are not ours to end */
    uint32_t open_handles; /* streams, listeners, signals, lanes: what sc_loop_close reports */
    bool is_finishing_turn;
    char *read_buffer; /* shared by all streams; taken with the first */
};

void sc_timers_on_due(uv_timer_t *clock);
/* loop_rest.c: at the end of a turn. */
void sc_loop_watch_work(sc_loop *loop);
/* The buffer all reads of this loop go through. */
char *sc_loop_read_buffer(sc_loop *loop);
/* Sets what a connected socket of ours has: no Nagle, and no pacing on the loopback. */
void sc_tcp_tune(uv_tcp_t *tcp);
/* "connect: connection refused": what Go prints for a libuv error. */
const char *sc_uv_text(int uv_error);

#endif
