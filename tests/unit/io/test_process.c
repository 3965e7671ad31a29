/* SPDX-License-Identifier: MIT
 *
 * Child processes: what they say arrives, how they end is told, and nothing of what they started
 * stays.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "io/process.h"
#include "io/timer.h"

typedef struct child {
    sc_process *process;
    sc_buf said[3];
    bool has_exited;
    int status;
    int signum;
} child;

static sc_loop *loop;

static void on_output(void *self, int fd, const char *at, size_t len)
{
    sc_buf_add(&((child *)self)->said[fd], at, len);
}

static void on_exit_told(void *self, int status, int signum)
{
    child *c = self;

    assert_false(c->has_exited);
    c->has_exited = true;
    c->status = status;
    c->signum = signum;
}

static const sc_process_ops ops = {.on_output = on_output, .on_exit = on_exit_told};

static void on_tick(sc_timer *timer)
{
    sc_timer_start(timer, 10);
}

static sc_code start(child *c, const char *script, sc_process_io output, sc_error *err)
{
    const char *args[] = {"sh", "-c", script, NULL};
    sc_process_spec spec = {
        .file = "sh", .args = args, .io = {SC_PROCESS_NOTHING, output, output}, .size_from = -1};

    *c = (child){0};
    return sc_process_start(loop, &spec, &ops, c, &c->process, err);
}

/* Turns the loop, every 10 ms at least, until `is_there` holds. */
static void wait_for(bool (*is_there)(child *c), child *c)
{
    uint64_t end_ms = sc_loop_now_ms(loop) + 20000;
    sc_timer tick;

    sc_timer_init(&tick, loop, on_tick);
    sc_timer_start(&tick, 10);
    while (!is_there(c) && sc_loop_now_ms(loop) < end_ms)
        sc_loop_turn(loop, true);
    sc_timer_stop(&tick);
    assert_true(is_there(c));
}

static bool is_over(child *c)
{
    return c->has_exited && !sc_process_is_talking(c->process);
}
static bool has_spoken(child *c)
{
    return sc_str_find(sc_buf_str(&c->said[1]), '\n') < sc_buf_len(&c->said[1]);
}
static bool is_tree_gone(child *c)
{
    return sc_process_signal(c->process, 0) == 0;
}

static void finish(child *c)
{
    sc_process_close(c->process);
    sc_buf_deinit(&c->said[1]);
    sc_buf_deinit(&c->said[2]);
}

static void assert_said(child *c, int fd, const char *text)
{
    assert_int_equal(sc_buf_len(&c->said[fd]), strlen(text));
    assert_memory_equal(sc_buf_at(&c->said[fd]), text, strlen(text));
}

static void output_error_and_status_are_told(void **state)
{
    child c;
    sc_error err;

    (void)state;
    assert_int_equal(start(&c, "echo one; echo two >&2; exit 3", SC_PROCESS_PIPE, &err), SC_OK);
    wait_for(is_over, &c);
    assert_said(&c, 1, "one\n");
    assert_said(&c, 2, "two\n");
    assert_int_equal(c.status, 3);
    assert_int_equal(c.signum, 0);
    finish(&c);
}

static void a_terminal_of_its_own_is_its_controlling_terminal(void **state)
{
    child c;
    sc_error err;

    (void)state;
    assert_int_equal(
        start(&c, "test -t 1 && test -t 2 && echo yes >/dev/tty", SC_PROCESS_TERMINAL, &err),
        SC_OK);
    wait_for(is_over, &c);
    assert_said(&c, 1, "yes\n");
    assert_int_equal(c.status, 0);
    finish(&c);
}

static void what_cannot_start_says_why(void **state)
{
    const char *args[] = {"x", NULL};
    sc_process_spec spec = {.file = "no-such-program", .args = args, .size_from = -1};
    sc_process *process = NULL;
    sc_error err;

    (void)state;
    assert_int_equal(sc_process_start(loop, &spec, &ops, NULL, &process, &err), SC_NOT_FOUND);
    assert_string_equal(err.text, "exec: \"no-such-program\": executable file not found in $PATH");
    spec.file = "/etc/passwd";
    assert_int_equal(sc_process_start(loop, &spec, &ops, NULL, &process, &err),
                     SC_PERMISSION_DENIED);
    assert_string_equal(err.text, "fork/exec /etc/passwd: permission denied");
    spec.file = "sh";
    spec.folder = "/no/such/folder";
    assert_int_equal(sc_process_start(loop, &spec, &ops, NULL, &process, &err), SC_NOT_FOUND);
    assert_string_equal(err.text, "chdir /no/such/folder: no such file or directory");
    assert_null(process);
}

static void a_signal_reaches_everything_it_started(void **state)
{
    child c;
    sc_error err;

    (void)state;
    assert_int_equal(
        start(&c, "sleep 100 & (sleep 100 & echo here; sleep 100)", SC_PROCESS_PIPE, &err), SC_OK);
    wait_for(has_spoken, &c);
    assert_true(sc_process_signal(c.process, 0) >= 4);
    (void)sc_process_signal(c.process, SIGTERM);
    wait_for(is_over, &c);
    assert_int_equal(c.signum, SIGTERM);
    wait_for(is_tree_gone, &c);
    finish(&c);
}

static void what_outlives_its_parent_is_found_by_its_session(void **state)
{
    child c;
    sc_error err;

    (void)state;
    assert_int_equal(start(&c, "trap '' TERM; sleep 100 >/dev/null 2>&1 & echo on; exit 0",
                           SC_PROCESS_PIPE, &err),
                     SC_OK);
    wait_for(is_over, &c);
    assert_int_equal(sc_process_signal(c.process, SIGTERM), 1); /* which it ignores */
    (void)sc_process_signal(c.process, SIGKILL);
    wait_for(is_tree_gone, &c);
    finish(&c);
}

static bool all_gone(child *c)
{
    (void)c;
    return sc_process_signal_all(loop, 0) == 0;
}

static void a_daemon_that_left_its_session_comes_back(void **state)
{
    child c;
    sc_error err;

    (void)state;
    sc_process_adopt_orphans(loop);
    assert_int_equal(
        start(&c, "setsid sleep 100 >/dev/null 2>&1 & sleep 0.2; echo on", SC_PROCESS_PIPE, &err),
        SC_OK);
    wait_for(is_over, &c);
    wait_for(is_tree_gone, &c);
    assert_int_equal(sc_process_signal_all(loop, SIGKILL), 1);
    wait_for(all_gone, &c);
    finish(&c);
}

static void a_paused_process_waits_and_loses_nothing(void **state)
{
    child c;
    sc_error err;

    (void)state;
    assert_int_equal(start(&c, "i=0; while [ $i -lt 30000 ]; do echo 0123456789; i=$((i+1)); done",
                           SC_PROCESS_PIPE, &err),
                     SC_OK);
    wait_for(has_spoken, &c);
    sc_process_pause(c.process);
    assert_false(c.has_exited); /* 330,000 bytes do not fit into a pipe */
    sc_process_resume(c.process);
    wait_for(is_over, &c);
    assert_int_equal(sc_buf_len(&c.said[1]), 330000);
    finish(&c);
}

static int set_up(void **state)
{
    (void)state;
    loop = sc_loop_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(sc_loop_close(&loop), 0);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(output_error_and_status_are_told),
        TEST(a_terminal_of_its_own_is_its_controlling_terminal),
        TEST(what_cannot_start_says_why),
        TEST(a_signal_reaches_everything_it_started),
        TEST(what_outlives_its_parent_is_found_by_its_session),
        TEST(a_daemon_that_left_its_session_comes_back),
        TEST(a_paused_process_waits_and_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
