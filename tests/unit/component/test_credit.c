/* SPDX-License-Identifier: MIT
 *
 * Credit: the bound on all together, and that nobody goes without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "component/credit.h"

#define MANY 300u

typedef struct fixture {
    sc_loop *loop;
    sc_credit credit;
    sc_credit_taker takers[MANY];
} fixture;

static int stuck;
static sc_credit_taker *told;

static void on_stuck(sc_credit_taker *taker)
{
    (void)taker;
    stuck++;
}

static void on_more(sc_credit_taker *taker)
{
    told = taker;
}

static fixture *make(uint32_t takers, uint32_t max_messages, size_t max_bytes)
{
    fixture *f = sc_new(fixture);

    f->loop = sc_loop_new();
    sc_credit_init(&f->credit, f->loop, max_messages, max_bytes);
    for (uint32_t i = 0; i < takers; i++)
        sc_credit_join(&f->credit, &f->takers[i], 0);
    return f;
}

static void end(fixture *f, uint32_t takers)
{
    for (uint32_t i = 0; i < takers; i++)
        sc_credit_leave(&f->takers[i]);
    assert_int_equal(f->credit.taken, 0);
    assert_int_equal(f->credit.bytes, 0);
    sc_credit_deinit(&f->credit);
    assert_int_equal(sc_loop_close(&f->loop), 0);
    free(f);
}

/* Takes, and so many bytes come with each. */
static uint32_t fetch(sc_credit_taker *taker, uint32_t wanted, size_t bytes)
{
    uint32_t got = sc_credit_take(taker, wanted);

    for (uint32_t i = 0; i < got; i++)
        sc_credit_came(taker, bytes);
    return got;
}

static void a_single_taker_has_what_it_wants(void **state)
{
    fixture *f = make(1, 1000, 1u << 20);

    (void)state;
    f->takers[0].likely = 10;
    assert_int_equal(fetch(&f->takers[0], 100, 10), 100);
    assert_int_equal(fetch(&f->takers[0], 400, 10), 400);
    end(f, 1);
}

static void all_together_stay_below_the_bound(void **state)
{
    fixture *f = make(MANY, 1000, 1u << 30);
    uint32_t all = 0;
    uint32_t least = 1000;

    (void)state;
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < MANY; i++)
            all += fetch(&f->takers[i], 100, 1);
    }
    for (uint32_t i = 0; i < MANY; i++)
        least = f->takers[i].held < least ? f->takers[i].held : least;
    assert_in_range(all, 900, 1000 + MANY);
    assert_in_range(least, 1, 1000);
    end(f, MANY);
}

static void whoever_has_nothing_is_granted_one(void **state)
{
    fixture *f = make(2, 8, 100);

    (void)state;
    assert_int_equal(fetch(&f->takers[0], 100, 1000), 1); /* 64 KiB were to be expected */
    assert_int_equal(sc_credit_take(&f->takers[0], 100), 0);
    assert_int_equal(sc_credit_take(&f->takers[1], 100), 1);
    sc_credit_unused(&f->takers[1], 1);
    end(f, 2);
}

static void waiting_for_messages_takes_nothing_from_others(void **state)
{
    fixture *f = make(MANY, 1000, 1u << 30);

    (void)state;
    for (uint32_t i = 1; i < MANY; i++)
        assert_int_equal(sc_credit_take(&f->takers[i], sc_credit_part(&f->takers[i])), 1);
    assert_in_range(fetch(&f->takers[0], 1000, 1), 300, 1000);
    end(f, MANY);
}

static void what_is_held_of_the_own_part_is_not_waited_for_again(void **state)
{
    fixture *f = make(10, 1000, 1u << 30);

    (void)state;
    assert_int_equal(sc_credit_part(&f->takers[0]), 25);
    (void)fetch(&f->takers[0], 20, 1);
    assert_int_equal(sc_credit_part(&f->takers[0]), 5);
    (void)fetch(&f->takers[0], 20, 1);
    assert_int_equal(sc_credit_part(&f->takers[0]), 1);
    assert_int_equal(f->credit.taken, 15);
    end(f, 10);
}

static void large_messages_count_by_their_bytes(void **state)
{
    fixture *f = make(1, 1000, 1u << 20);

    (void)state;
    assert_in_range(fetch(&f->takers[0], 100, 100000), 1, 20);
    assert_in_range(sc_credit_take(&f->takers[0], 100), 0, 5);
    for (int i = 0; i < 8; i++)
        sc_credit_settled(&f->takers[0], 100000);
    end(f, 1);
}

static void who_got_less_is_told_when_there_is_more(void **state)
{
    fixture *f = make(2, 20, 1u << 30);

    (void)state;
    f->takers[1].on_more = on_more;
    told = NULL;
    while (fetch(&f->takers[0], 5, 1) > 0)
        ;
    (void)fetch(&f->takers[1], 50, 1);
    while (fetch(&f->takers[1], 50, 1) > 0)
        ;
    (void)sc_loop_turn(f->loop, false);
    told = NULL;
    (void)sc_credit_take(&f->takers[1], 50);
    sc_credit_settled(&f->takers[0], 1);
    (void)sc_loop_turn(f->loop, false);
    assert_ptr_equal(told, &f->takers[1]);
    end(f, 2);
}

static void who_can_get_nothing_before_it_settles_is_stuck(void **state)
{
    fixture *f = make(1, 4, 1u << 30);

    (void)state;
    f->takers[0].on_stuck = on_stuck;
    stuck = 0;
    assert_int_equal(sc_credit_take(&f->takers[0], 1), 1);
    sc_credit_came(&f->takers[0], 1);
    assert_int_equal(stuck, 0);
    while (fetch(&f->takers[0], 10, 1) > 0)
        assert_int_equal(stuck, 0);
    assert_int_equal(stuck, 1);
    end(f, 1);
}

static void what_does_not_come_is_free_again(void **state)
{
    fixture *f = make(1, 100, 1u << 30);
    uint32_t got = sc_credit_take(&f->takers[0], 90);

    (void)state;
    assert_in_range(got, 30, 90);
    sc_credit_unused(&f->takers[0], got);
    assert_int_equal(sc_credit_take(&f->takers[0], 90), got);
    end(f, 1);
}

static void who_asks_for_more_makes_room_for_it(void **state)
{
    fixture *f = make(0, 100, 1u << 30);

    (void)state;
    sc_credit_join(&f->credit, &f->takers[0], 5000);
    assert_int_equal(sc_credit_take(&f->takers[0], 5000), 5000);
    end(f, 1);
}

static void a_taker_of_no_credit_has_no_limit(void **state)
{
    sc_credit_taker alone = {0};

    (void)state;
    assert_int_equal(fetch(&alone, 1000000, 1), 1000000);
    sc_credit_settled(&alone, 1);
    sc_credit_unused(&alone, 7);
    sc_credit_leave(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_taker_has_what_it_wants),
        cmocka_unit_test(all_together_stay_below_the_bound),
        cmocka_unit_test(whoever_has_nothing_is_granted_one),
        cmocka_unit_test(waiting_for_messages_takes_nothing_from_others),
        cmocka_unit_test(what_is_held_of_the_own_part_is_not_waited_for_again),
        cmocka_unit_test(large_messages_count_by_their_bytes),
        cmocka_unit_test(who_got_less_is_told_when_there_is_more),
        cmocka_unit_test(who_can_get_nothing_before_it_settles_is_stuck),
        cmocka_unit_test(what_does_not_come_is_free_again),
        cmocka_unit_test(who_asks_for_more_makes_room_for_it),
        cmocka_unit_test(a_taker_of_no_credit_has_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
