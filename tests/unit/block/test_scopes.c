/* SPDX-License-Identifier: MIT
 *
 * Topic scoping: who may publish and subscribe to what (pub/sub semantics, section 9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block/scopes.h"

static sc_arena arena;

static sc_topic_rules rules_of(const char *name, const char *value, const char *name2,
                               const char *value2)
{
    sc_pairs settings = {0};

    sc_pairs_add(&settings, &arena, sc_str_from(name), sc_str_from(value));
    if (name2)
        sc_pairs_add(&settings, &arena, sc_str_from(name2), sc_str_from(value2));
    return sc_topic_rules_read(&settings, SC_STR("app"), &arena);
}

static bool may_publish(const sc_topic_rules *rules, const char *topic)
{
    return sc_topic_rules_allow(rules, &rules->publishing, sc_str_from(topic));
}

static bool may_subscribe(const sc_topic_rules *rules, const char *topic)
{
    return sc_topic_rules_allow(rules, &rules->subscribing, sc_str_from(topic));
}

static void without_settings_everything_is_allowed(void **state)
{
    sc_topic_rules rules = rules_of("other", "x", NULL, NULL);

    (void)state;
    assert_true(may_publish(&rules, "t"));
    assert_true(may_subscribe(&rules, "t"));
}

static void an_application_that_is_listed_has_its_topics_alone(void **state)
{
    sc_topic_rules rules =
        rules_of("PublishingScopes", " app = t1, t2 ; other=t3;app=t4;x", NULL, NULL);

    (void)state;
    assert_true(may_publish(&rules, "t1"));
    assert_true(may_publish(&rules, "t2"));
    assert_true(may_publish(&rules, "t4")); /* listed twice: both count */
    assert_false(may_publish(&rules, "t3"));
    assert_false(may_publish(&rules, "T1"));
    assert_true(may_subscribe(&rules, "t3")); /* each side has a list of its own */
}

static void one_that_is_not_listed_is_not_limited(void **state)
{
    sc_topic_rules rules = rules_of("subscriptionScopes", "App=t1;other=t2;app", NULL, NULL);

    (void)state;
    assert_true(may_subscribe(&rules, "t9")); /* names are case-sensitive; "app" has no '=' */
}

static void an_empty_list_allows_nothing(void **state)
{
    sc_topic_rules rules = rules_of("publishingScopes", "app=", NULL, NULL);

    (void)state;
    assert_false(may_publish(&rules, "t"));
    rules = rules_of("publishingScopes", "app=t1=t2", NULL, NULL);
    assert_true(may_publish(&rules, "t1"));
    assert_false(may_publish(&rules, "t2"));
}

static void allowed_topics_are_the_only_ones(void **state)
{
    sc_topic_rules rules = rules_of("allowedTopics", " a , b,", "publishingScopes", "app=c,a");

    (void)state;
    assert_true(may_publish(&rules, "a"));
    assert_false(may_publish(&rules, "b"));
    assert_false(may_publish(&rules, "c"));
    assert_true(may_subscribe(&rules, "b"));
    assert_false(may_subscribe(&rules, "c"));
}

static void protected_topics_need_an_entry(void **state)
{
    sc_topic_rules rules =
        rules_of("protectedTopics", "secret,other", "subscriptionScopes", "app=secret");

    (void)state;
    assert_true(may_subscribe(&rules, "secret"));
    assert_false(may_subscribe(&rules, "other"));
    assert_false(may_publish(&rules, "secret"));
    assert_true(may_publish(&rules, "plain"));
}

static int forget(void **state)
{
    (void)state;
    sc_arena_deinit(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_settings_everything_is_allowed),
        TEST(an_application_that_is_listed_has_its_topics_alone),
        TEST(one_that_is_not_listed_is_not_limited),
        TEST(an_empty_list_allows_nothing),
        TEST(allowed_topics_are_the_only_ones),
        TEST(protected_topics_need_an_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
