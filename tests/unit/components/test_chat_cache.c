/* SPDX-License-Identifier: MIT
 *
 * Kept answers: how long, how many, and which go first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "components/shared/chat_cache.h"

static sc_chat_cache cache;

static int set_up(void **state)
{
    (void)state;
    sc_chat_cache_init(&cache, 1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sc_chat_cache_deinit(&cache);
    return 0;
}

static void put(const char *request, const char *answer, uint64_t now_ms)
{
    sc_chat_cache_put(&cache, sc_str_from(request), sc_str_from(answer), now_ms);
}

static void assert_kept(const char *request, uint64_t now_ms, const char *want)
{
    sc_str answer = SC_STR("none");

    assert_int_equal(sc_chat_cache_get(&cache, sc_str_from(request), now_ms, &answer),
                     want != NULL);
    if (want)
        assert_true(sc_str_eq(answer, sc_str_from(want)));
}

static void an_answer_is_kept_for_its_time(void **state)
{
    (void)state;
    put("a", "1", 100);
    assert_kept("a", 1099, "1");
    assert_kept("b", 1099, NULL);
    assert_kept("a", 1100, NULL);
    assert_int_equal(cache.len, 0);
}

static void the_newest_answer_counts(void **state)
{
    (void)state;
    put("a", "1", 0);
    put("a", "22", 500);
    assert_kept("a", 1200, "22");
    assert_int_equal(cache.len, 3);
    assert_int_equal(cache.by_request.count, 1);
}

static void the_oldest_go_first_when_there_are_too_many(void **state)
{
    char name[16];

    (void)state;
    for (unsigned i = 0; i <= SC_CHAT_CACHE_MAX_COUNT; i++) {
        (void)snprintf(name, sizeof(name), "%u", i);
        put(name, name, i / 10);
    }
    assert_int_equal(cache.by_request.count, SC_CHAT_CACHE_MAX_COUNT);
    assert_kept("0", 101, NULL);
    assert_kept("1", 101, "1");
}

static void the_oldest_go_first_when_they_are_too_long(void **state)
{
    size_t len = SC_CHAT_CACHE_MAX_LEN / 2;
    char *text = calloc(1, len);

    (void)state;
    put("a", "1", 0);
    sc_chat_cache_put(&cache, SC_STR("b"), sc_str_of(text, len), 0);
    assert_kept("a", 1, "1");
    sc_chat_cache_put(&cache, SC_STR("c"), sc_str_of(text, len), 0);
    assert_kept("a", 1, NULL);
    assert_kept("b", 1, NULL);
    assert_true(cache.len <= SC_CHAT_CACHE_MAX_LEN);
    sc_chat_cache_put(&cache, sc_str_of(text, len), sc_str_of(text, len), 0);
    assert_int_equal(cache.by_request.count, 1);
    free(text);
}

static void without_a_time_nothing_is_kept(void **state)
{
    (void)state;
    cache.ttl_ms = 0;
    put("a", "1", 0);
    assert_kept("a", 0, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_kept_for_its_time),
        TEST(the_newest_answer_counts),
        TEST(the_oldest_go_first_when_there_are_too_many),
        TEST(the_oldest_go_first_when_they_are_too_long),
        TEST(without_a_time_nothing_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
