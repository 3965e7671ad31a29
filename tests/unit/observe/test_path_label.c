/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "observe/path_label.h"

typedef struct row {
    const char *path;
    const char *label;
} row;

static sc_path_labels *make(bool has_full_paths, const sc_str *patterns, uint32_t count)
{
    sc_path_label_settings settings = {
        .has_full_paths = has_full_paths, .patterns = patterns, .pattern_count = count};
    sc_path_labels *labels;
    sc_error err;

    if (sc_path_labels_new(&settings, &labels, &err) != SC_OK)
        fail_msg("%s", err.text);
    return labels;
}

static void check(sc_path_labels *labels, const row *rows, size_t count)
{
    char room[SC_PATH_LABEL_ROOM];

    for (size_t i = 0; i < count; i++) {
        sc_str label = sc_path_label(labels, sc_str_from(rows[i].path), room);

        if (!sc_str_eq(label, sc_str_from(rows[i].label)))
            fail_msg("%s: %.*s instead of %s", rows[i].path, SC_FMT(label), rows[i].label);
    }
    sc_path_labels_free(labels);
}

static void keys_and_ids_are_taken_out_of_full_paths(void **state)
{
    static const row rows[] = {
        {"/v1.0/state/st/key", "/v1.0/state/st"},
        {"/v1.0/state/st", "/v1.0/state/st"},
        {"/v1.0-alpha1/state/st/query", "/v1.0-alpha1/state/st"},
        {"/v1.0/secrets/vault/a/b", "/v1.0/secrets/vault"},
        {"/v1.0/actors/act/17/method/go", "/v1.0/actors/act/{id}/method"},
        {"/v1.0/actors/act/17/state", "/v1.0/actors/act/{id}/state"},
        {"/v1.0/actors/act/17", "/v1.0/actors/act/{id}"},
        {"actors/act/17/method/remind/r1", "actors/act/{id}/method/remind/r1"},
        {"/actors/act/17", "actors/act/{id}"},
        {"/v1.0/workflows/dapr/17", "/v1.0/workflows/dapr/{instanceId}"},
        {"/v1.0-beta1/workflows/dapr/order/start", "/v1.0-beta1/workflows/dapr/order/start"},
        {"/v1.0/workflows/dapr/17/pause", "/v1.0/workflows/dapr/{instanceId}/pause"},
        {"/v1.0/workflows/dapr/17/raiseEvent/paid",
         "/v1.0/workflows/dapr/{instanceId}/raiseEvent/{eventName}"},
        {"/v1.0/invoke/m2/method/a/b", "/v1.0/invoke/m2/method/a/b"},
        {"/v1.0/publish/ps/t", "/v1.0/publish/ps/t"},
        {"/v1.0//publish///ps/t", "/v1.0/publish/ps/t"},
        {"//v1.0/state//st/k", "/v1.0/state/st"},
        {"t1", "/t1"},
        {"", "/"},
        {"/", "/"},
        {"/v1.0/actors", "/v1.0/actors"},
        {"/v1.0/state", "/v1.0/state"},
    };

    (void)state;
    check(make(true, NULL, 0), rows, SC_ARRAY_LEN(rows));
}

static void without_full_paths_only_constant_ones_are_told_apart(void **state)
{
    static const row rows[] = {
        {"/v1.0/state/st/key", ""}, {"/orders", ""}, {"/dapr/config", "/dapr/config"},
        {"/healthz", "/healthz"},   {"/", ""},
    };

    (void)state;
    check(make(false, NULL, 0), rows, SC_ARRAY_LEN(rows));
}

/* The table R2 of the observability facts. */
static void patterns_name_what_they_match(void **state)
{
    static const sc_str patterns[] = {SC_STR_INIT("/orders/{id}"),
                                      SC_STR_INIT("/v1.0/state/{s}/{rest...}")};
    static const row rows[] = {
        {"/orders/9", "/orders/{id}"},
        {"/orders/9/items", ""},
        {"/orders/", ""},
        {"/v1.0/invoke/tb/method/orders/17", "/v1.0/invoke/{app_id}/method/orders/{id}"},
        {"/v1.0/invoke/tb/method/zz", ""},
        {"/v1.0/state/st", "/v1.0/state/{s}/{rest...}"},
        {"/v1.0/state/st/a/b", "/v1.0/state/{s}/{rest...}"},
        {"/nope", ""},
    };

    (void)state;
    check(make(false, patterns, 2), rows, SC_ARRAY_LEN(rows));
}

static void most_special_pattern_wins_and_the_rest_keeps_its_path(void **state)
{
    static const sc_str patterns[] = {SC_STR_INIT("/a/"), SC_STR_INIT("/a/{x}"),
                                      SC_STR_INIT("/a/b"), SC_STR_INIT("/a/b/{$}"),
                                      SC_STR_INIT("/a/b")};
    static const row rows[] = {
        {"/a/b", "/a/b"},  {"/a/c", "/a/{x}"},
        {"/a/c/d", "/a/"}, {"/a/b/", "/a/b/{$}"},
        {"/a", "/a/"},     {"/b", "/b"},
        {"/a/", "/a/"},    {"/v1.0/state/st/k", "/v1.0/state/st"},
    };

    (void)state;
    check(make(true, patterns, 5), rows, SC_ARRAY_LEN(rows));
}

static void patterns_that_match_short_paths_apply_after_shortening(void **state)
{
    static const sc_str patterns[] = {SC_STR_INIT("/v1.0/state/st")};
    static const row rows[] = {{"/v1.0/state/st/k", "/v1.0/state/st"}, {"/v1.0/state/other/k", ""}};

    (void)state;
    check(make(false, patterns, 1), rows, SC_ARRAY_LEN(rows));
}

static void malformed_and_conflicting_patterns_are_refused(void **state)
{
    static const sc_str bad[][2] = {
        {SC_STR_INIT("orders"), SC_STR_INIT("/x")},
        {SC_STR_INIT("/a{b}"), SC_STR_INIT("/x")},
        {SC_STR_INIT("/{}"), SC_STR_INIT("/x")},
        {SC_STR_INIT("/{a...}/b"), SC_STR_INIT("/x")},
        {SC_STR_INIT("/{$}/b"), SC_STR_INIT("/x")},
        {SC_STR_INIT("/a/{b"), SC_STR_INIT("/x")},
        {SC_STR_INIT("/a/{x}"), SC_STR_INIT("/a/{y}")},
        {SC_STR_INIT("/a/{x}"), SC_STR_INIT("/{y}/b")},
        {SC_STR_INIT("/a//b"), SC_STR_INIT("/x")},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        sc_path_label_settings settings = {.patterns = bad[i], .pattern_count = 2};
        sc_path_labels *labels;
        sc_error err;

        if (sc_path_labels_new(&settings, &labels, &err) != SC_INVALID)
            fail_msg("accepted: %.*s", SC_FMT(bad[i][0]));
        assert_true(strstr(err.text, "pattern") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_ids_are_taken_out_of_full_paths),
        cmocka_unit_test(without_full_paths_only_constant_ones_are_told_apart),
        cmocka_unit_test(patterns_name_what_they_match),
        cmocka_unit_test(most_special_pattern_wins_and_the_rest_keeps_its_path),
        cmocka_unit_test(patterns_that_match_short_paths_apply_after_shortening),
        cmocka_unit_test(malformed_and_conflicting_patterns_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
