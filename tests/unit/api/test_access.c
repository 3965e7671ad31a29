/* SPDX-License-Identifier: MIT
 *
 * API access lists: what a rule takes away or leaves, on each protocol.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/access.h"

#define RULE(name_, version_, protocol_)                                                           \
    (sc_api_rule)                                                                                  \
    {                                                                                              \
        SC_STR(name_), SC_STR(version_), SC_STR(protocol_)                                         \
    }

static bool has_route(const sc_api_rules *rules, const char *route)
{
    return sc_api_has_route(rules, sc_str_from(route));
}

static bool has_method(const sc_api_rules *rules, const char *method)
{
    return sc_api_has_method(rules, sc_str_from(method));
}

static void without_rules_everything_is_there(void **state)
{
    sc_api_rules rules = {0};

    (void)state;
    assert_true(has_route(&rules, "v1.0/state/{store}/{key}"));
    assert_true(has_method(&rules, "GetState"));
    assert_true(has_method(&rules, "NoSuchMethod"));
}

static void an_allowed_group_leaves_only_itself_on_its_protocol(void **state)
{
    static const char *const versions[] = {"v1", "v1.0"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(versions); i++) {
        sc_api_rule rule = {SC_STR("state"), sc_str_from(versions[i]), SC_STR("HTTP")};
        sc_api_rules rules = {.allowed = &rule, .allowed_count = 1};

        assert_true(has_route(&rules, "v1.0/state/{store}/{key}"));
        assert_true(has_route(&rules, "v1.0/state/{store}"));
        assert_false(has_route(&rules, "v1.0-alpha1/state/{store}/query"));
        assert_false(has_route(&rules, "v1.0/invoke/{id}/method/{method...}"));
        assert_false(has_route(&rules, "v1.0/metadata"));
        assert_true(has_method(&rules, "PublishEvent"));
    }
}

static void stages_are_groups_of_their_own(void **state)
{
    sc_api_rule denied[] = {RULE("state", "v1alpha1", "http"), RULE("lock", "v1.0-alpha1", "http"),
                            RULE("workflows", "v1beta1", "http")};
    sc_api_rules rules = {.denied = denied, .denied_count = 3};

    (void)state;
    assert_false(has_route(&rules, "v1.0-alpha1/state/{store}/query"));
    assert_false(has_route(&rules, "v1.0-alpha1/lock/{store}"));
    assert_false(has_route(&rules, "v1.0-beta1/workflows/{rest...}"));
    assert_true(has_route(&rules, "v1.0/state/{store}"));
    assert_true(has_route(&rules, "v1.0-alpha1/workflows/{rest...}"));
    assert_true(has_route(&rules, "v1.0-alpha1/unlock/{store}"));
}

static void the_older_form_is_a_beginning(void **state)
{
    sc_api_rule denied[] = {RULE("publish/bulk", "v1.0", "http"), RULE("meta", "v1.0", "http"),
                            RULE("secrets", "v1", "grpc"), RULE("jobs", "v2", "http")};
    sc_api_rules rules = {.denied = denied, .denied_count = 4};

    (void)state;
    assert_false(has_route(&rules, "v1.0/publish/bulk/{pubsub}/{topic...}"));
    assert_true(has_route(&rules, "v1.0/publish/{pubsub}/{topic...}"));
    assert_false(has_route(&rules, "v1.0/metadata/{key}"));
    assert_true(has_route(&rules, "v1.0/secrets/{store}/{key}"));
    assert_true(has_route(&rules, "v1.0/jobs/{name}"));
}

static void denied_wins_over_allowed(void **state)
{
    sc_api_rule allowed[] = {RULE("state", "v1", "http"), RULE("publish", "v1", "http"),
                             RULE("state", "v1", "grpc")};
    sc_api_rule denied[] = {RULE("state", "v1", "http"), RULE("state", "v1", "grpc")};
    sc_api_rules rules = {allowed, 3, denied, 2};

    (void)state;
    assert_false(has_route(&rules, "v1.0/state/{store}"));
    assert_true(has_route(&rules, "v1.0/publish/{pubsub}/{topic...}"));
    assert_false(has_route(&rules, "v1.0/metadata"));
    assert_false(has_method(&rules, "GetState"));
    assert_false(has_method(&rules, "PublishEvent"));
}

static void grpc_groups_hold_their_methods(void **state)
{
    sc_api_rule denied[] = {RULE("publish", "v1", "grpc"), RULE("actors", "v1", "grpc")};
    sc_api_rules rules = {.denied = denied, .denied_count = 2};

    (void)state;
    assert_false(has_method(&rules, "PublishEvent"));
    assert_false(has_method(&rules, "BulkPublishEvent"));
    assert_true(has_method(&rules, "BulkPublishEventAlpha1"));
    assert_false(has_method(&rules, "InvokeActor"));
    assert_true(has_method(&rules, "SubscribeActorEventsAlpha1"));
}

static void grpc_rules_that_name_nothing_do_not_count(void **state)
{
    sc_api_rule rule[] = {RULE("state", "v1", "GRPC"), RULE("state", "v1.0", "grpc"),
                          RULE("nothing", "v1", "grpc"), RULE("state", "v1", "")};
    sc_api_rules rules = {.allowed = rule, .allowed_count = 4};

    (void)state;
    assert_true(has_method(&rules, "PublishEvent"));
    rules = (sc_api_rules){.denied = rule, .denied_count = 4};
    assert_true(has_method(&rules, "GetState"));
    rule[0].protocol = SC_STR("grpc");
    rules = (sc_api_rules){.allowed = rule, .allowed_count = 4};
    assert_true(has_method(&rules, "GetState"));
    assert_false(has_method(&rules, "PublishEvent"));
    assert_false(has_method(&rules, "NoSuchMethod"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_everything_is_there),
        cmocka_unit_test(an_allowed_group_leaves_only_itself_on_its_protocol),
        cmocka_unit_test(stages_are_groups_of_their_own),
        cmocka_unit_test(the_older_form_is_a_beginning),
        cmocka_unit_test(denied_wins_over_allowed),
        cmocka_unit_test(grpc_groups_hold_their_methods),
        cmocka_unit_test(grpc_rules_that_name_nothing_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
