/* SPDX-License-Identifier: MIT
 *
 * Work on lanes: in order, bounded, handed from one lane to the next, and waited for at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/lane.h"

typedef struct job {
    sc_lane_op lane;  /* first */
    struct job *next; /* that the work starts; or NULL */
    int worked_as;    /* its place among all that worked */
    int done_as;
} job;

static sc_loop *loop;
static int worked; /* lanes that share it never work at the same time here */
static int done;
static int closed;

static void work(sc_lane_op *op)
{
    job *at = (job *)op;

    (void)usleep(1000);
    at->worked_as = ++worked;
    if (at->next)
        sc_lane_start(&at->next->lane);
}

static void on_done(sc_op *op)
{
    ((job *)op)->done_as = ++done;
}

static void on_closed(void *self)
{
    (void)self;
    closed++;
}

static void init(job *at)
{
    *at = (job){.lane.work = work};
    sc_op_init(&at->lane.op, sc_loop_ops(loop), NULL, on_done);
}

static void run_until_empty(void)
{
    while (sc_loop_turn(loop, true))
        ;
}

static void close_and_run(sc_lane *lane)
{
    sc_lane_close(lane, on_closed, NULL);
    run_until_empty();
    assert_int_equal(closed, 1);
}

static void works_in_order_and_finishes_before_it_closes(void **state)
{
    sc_lane *lane = sc_lane_open(loop, "test", 8);
    sc_error err;
    job jobs[8];

    (void)state;
    for (int i = 0; i < 8; i++) {
        init(&jobs[i]);
        assert_int_equal(sc_lane_submit(lane, &jobs[i].lane, &err), SC_PENDING);
    }
    assert_int_equal(done, 0);
    close_and_run(lane);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(jobs[i].worked_as, i + 1);
        assert_int_equal(jobs[i].done_as, i + 1);
    }
}

static void takes_no_more_than_it_was_told(void **state)
{
    sc_lane *lane = sc_lane_open(loop, "test", 2);
    sc_error err;
    job jobs[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        init(&jobs[i]);
    assert_int_equal(sc_lane_submit(lane, &jobs[0].lane, &err), SC_PENDING);
    assert_int_equal(sc_lane_expect(lane, &jobs[1].lane, &err), SC_PENDING);
    assert_int_equal(sc_lane_submit(lane, &jobs[2].lane, &err), SC_EXHAUSTED);
    assert_int_equal(sc_lane_expect(lane, &jobs[2].lane, &err), SC_EXHAUSTED);
    sc_lane_start(&jobs[1].lane);
    close_and_run(lane);
    assert_int_equal(done, 2);
}

static void work_of_one_lane_starts_work_of_another(void **state)
{
    sc_lane *first = sc_lane_open(loop, "first", 1);
    sc_lane *second = sc_lane_open(loop, "second", 1);
    sc_error err;
    job jobs[2];

    (void)state;
    init(&jobs[0]);
    init(&jobs[1]);
    jobs[0].next = &jobs[1];
    assert_int_equal(sc_lane_expect(second, &jobs[1].lane, &err), SC_PENDING);
    assert_int_equal(sc_lane_submit(first, &jobs[0].lane, &err), SC_PENDING);
    sc_lane_close(second, on_closed, NULL); /* waits for what it expects */
    run_until_empty();
    assert_int_equal(jobs[0].worked_as, 1);
    assert_int_equal(jobs[1].worked_as, 2);
    assert_int_equal(done, 2);
    assert_int_equal(closed, 1);
    closed = 0;
    close_and_run(first);
}

static int set_up(void **state)
{
    (void)state;
    loop = sc_loop_new();
    worked = done = closed = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return sc_loop_close(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(works_in_order_and_finishes_before_it_closes),
        TEST(takes_no_more_than_it_was_told),
        TEST(work_of_one_lane_starts_work_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
