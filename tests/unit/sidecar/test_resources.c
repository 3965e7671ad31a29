/* SPDX-License-Identifier: MIT
 *
 * Resource folders: which files and documents count, in which order, for whom; what is warned about
 * and what ends the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sidecar/resources.h"

#define COMPONENT(name, more)                                                                      \
    "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " name "}\n"                  \
    "spec: {type: pubsub.redis, version: v1}\n" more
#define SUBSCRIPTION(version, name, spec)                                                          \
    "apiVersion: dapr.io/" version "\nkind: Subscription\nmetadata: {name: " name "}\nspec:"       \
    "\n" spec
#define ENDPOINT(name, spec)                                                                       \
    "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: " name "}\nspec:\n" spec

static sc_arena arena;
static sc_resources all;
static sc_error err;
static char log_text[16384];
static char folder[64];

static const char *path_of(const char *name)
{
    return sc_arena_fmt(&arena, "%s/%s", folder, name).at;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static sc_code load_for(const char *app_id, const char *namespace_)
{
    sc_str at = sc_str_from(folder);
    FILE *out = tmpfile();
    sc_log_sink sink = {.fd = fileno(out), .level = SC_LOG_INFO};
    sc_log log = {.sink = &sink, .scope = "test"};
    sc_code code;
    size_t len;

    sc_error_clear(&err);
    code = sc_resources_load(&at, 1, sc_str_from(app_id), sc_str_from(namespace_), &log, &arena,
                             &all, &err);
    rewind(out);
    len = fread(log_text, 1, sizeof(log_text) - 1, out);
    log_text[len] = '\0';
    (void)fclose(out);
    sc_log_sink_deinit(&sink);
    return code;
}

static sc_code load(void)
{
    return load_for("orders", "");
}

static sc_code load_one(const char *text)
{
    put("a.yaml", text);
    return load();
}

static void assert_text(sc_str have, const char *want)
{
    if (!sc_str_eq(have, sc_str_from(want)))
        fail_msg("'%.*s' is not '%s'", SC_FMT(have), want);
}

static void assert_logged(const char *part)
{
    if (!strstr(log_text, part))
        fail_msg("'%s' is not in the log:\n%s", part, log_text);
}

/* ---- files ---- */

static void files_are_read_in_the_order_of_their_names(void **state)
{
    (void)state;
    put("b.yml", COMPONENT("second", ""));
    put("a.YAML", COMPONENT("first", ""));
    put(".c.yaml", COMPONENT("hidden", ""));
    put("d.json", "{}");
    put("e.txt", "x");
    put(".other", "x");
    assert_int_equal(mkdir(path_of("sub.yaml"), 0755), 0);
    put("sub.yaml/a.yaml", COMPONENT("deeper", ""));
    assert_int_equal(symlink("b.yml", path_of("link.yaml")), 0);
    assert_int_equal(load(), SC_INVALID); /* the link leads to a name that is taken */
    assert_int_equal(unlink(path_of("link.yaml")), 0);
    assert_int_equal(load(), SC_OK);
    assert_int_equal(all.component_count, 3);
    assert_text(all.components[0].name, "hidden");
    assert_text(all.components[1].name, "first");
    assert_text(all.components[2].name, "second");
    assert_logged("A non-YAML Component file d.json was detected, it will not be loaded");
    assert_logged("A non-YAML Component file e.txt was detected");
    assert_null(strstr(log_text, ".other"));
}

static void what_cannot_be_opened_is_passed_over(void **state)
{
    (void)state;
    put("b.yaml", COMPONENT("b", ""));
    assert_int_equal(symlink("nowhere", path_of("a.yaml")), 0);
    assert_int_equal(mkdir(path_of("d"), 0755), 0);
    assert_int_equal(symlink("d", path_of("c.yaml")), 0);
    assert_int_equal(load(), SC_OK);
    assert_int_equal(all.component_count, 1);
    assert_logged("a.yaml: no such file or directory");
    assert_logged("c.yaml: is a directory");
}

static void a_missing_folder_ends_the_start(void **state)
{
    (void)state;
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(load(), SC_NOT_FOUND);
    assert_string_equal(err.text, sc_arena_fmt(&arena,
                                               "failed to load components: open %s: no such "
                                               "file or directory",
                                               folder)
                                      .at);
}

/* ---- documents ---- */

static void good_documents_around_a_bad_one_are_kept(void **state)
{
    (void)state;
    assert_int_equal(
        load_one("# a comment\n---\n" COMPONENT("a", "") "---\na: [\n--- # more\n"
                                                         "---\n\n---\n" COMPONENT("b", "")),
        SC_OK);
    assert_int_equal(all.component_count, 2);
    assert_text(all.components[1].name, "b");
    assert_logged("daprd load Component error when parsing manifests yaml resource in ");
    assert_logged("a.yaml:9:"); /* where the bracket stays open */
    assert_text(sc_str_sub(all.components[1].place, all.components[1].place.len - 2, 99), "13");
}

static void names_of_fields_match_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(load_one("ApiVersion: dapr.io/v1alpha1\nKIND: Component\nMetadata: {Name: y}\n"
                              "SPEC: {Type: a.b, VERSION: 2, ignoreerrors: yes, initTimeout: 2s}\n"
                              "auth: {secretstore: s}\n"),
                     SC_OK);
    assert_text(all.components[0].name, "true"); /* as YAML 1.1 has it */
    assert_text(all.components[0].version, "2");
    assert_true(all.components[0].ignore_errors);
    assert_int_equal(all.components[0].init_timeout_ms, 2000);
    assert_text(all.components[0].settings.secret_store, "s");
}

static void metadata_values_become_text(void **state)
{
    sc_value_spec *at;

    (void)state;
    assert_int_equal(
        load_one(COMPONENT(
            "x", "") "---\napiVersion: dapr.io/v1alpha1\nkind: Component\n"
                     "metadata: {name: c}\nspec:\n  type: a.b\n  metadata:\n"
                     "  - {name: a, value: 1.50}\n  - {name: b, value: yes}\n"
                     "  - {name: c, value: 0777}\n  - {name: d, value: {b: 1, a: [x, y]}}\n"
                     "  - {name: e, value: ~}\n  - {name: 5, value: \"0x10\"}\n"),
        SC_OK);
    at = all.components[1].settings.at;
    assert_text(at[0].text, "1.5");
    assert_text(at[1].text, "true");
    assert_text(at[2].text, "511");
    assert_text(at[3].text, "{\"a\":[\"x\",true],\"b\":1}");
    assert_text(at[4].text, "");
    assert_text(at[5].name, "5");
    assert_text(at[5].text, "0x10");
}

static void what_is_no_resource_of_ours_is_warned_about(void **state)
{
    (void)state;
    assert_int_equal(
        load_one("apiVersion: dapr.io/v1\nkind: Component\nmetadata: {name: x}\nspec: {type: a.b}\n"
                 "---\nkind: Component\n---\n- a\n---\njust text\n---\napiVersion: apps/v1\n"
                 "kind: Deployment\n---\napiVersion: dapr.io/v1alpha1\nkind: Resiliency\n"
                 "---\napiVersion: dapr.io/v1alpha1\nkind: Resiliency\nscopes: [other]\n"
                 "---\napiVersion: dapr.io/v1alpha1\nkind: Configuration\n"),
        SC_OK);
    assert_int_equal(all.component_count, 0);
    assert_logged("a.yaml:1: a Component of apiVersion 'dapr.io/v1' has no effect; write "
                  "'apiVersion: dapr.io/v1alpha1'");
    assert_logged("a.yaml:6: a document without apiVersion has no effect");
    assert_logged("a document without kind has no effect");
    assert_logged("a resource of kind Deployment (apps/v1) is not known and has no effect");
    assert_logged("a.yaml:15: resources of kind Resiliency are not implemented yet");
    assert_null(strstr(log_text, "a.yaml:18: "));
    assert_logged("a Configuration has no effect in a resources folder; name the file with");
}

static void names_are_segments_of_paths(void **state)
{
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {
        {"a/b", "invalid name \\\"a/b\\\" for \\\"Component\\\": may not contain '/'"},
        {"'%'", "may not contain '%'"},
        {".", "may not be '.'"},
        {"..", "may not be '..'"},
        {"''", "metadata.name is missing"},
        {"[a]", "metadata.name is missing"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_str text =
            sc_arena_fmt(&arena,
                         "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: "
                         "%s}\nspec: {type: a.b}\n",
                         rows[i].name);

        assert_int_equal(load_one(text.at), SC_OK);
        assert_int_equal(all.component_count, 0);
        assert_logged(rows[i].want);
    }
    assert_int_equal(load_one(COMPONENT("Some Name.x_1", "")), SC_OK);
    assert_text(all.components[0].name, "Some Name.x_1");
}

/* ---- for whom ---- */

static void others_resources_are_passed_over(void **state)
{
    (void)state;
    put("a.yaml",
        COMPONENT("a", "scopes: [other]\n") "---\n" COMPONENT(
            "b",
            "scopes: [orders, x]\n") "---\n" COMPONENT("c",
                                                       "scopes: []\n") "---\napiVersion: "
                                                                       "dapr.io/v1alpha1\nkind: "
                                                                       "Component\n"
                                                                       "metadata: {name: d, "
                                                                       "namespace: prod}\nspec: "
                                                                       "{type: a.b}\n");
    assert_int_equal(load(), SC_OK);
    assert_int_equal(all.component_count, 3); /* without NAMESPACE every namespace counts */
    assert_int_equal(load_for("orders", "test"), SC_OK);
    assert_int_equal(all.component_count, 2);
    assert_text(all.components[0].name, "b");
    assert_int_equal(load_for("other", "prod"), SC_OK);
    assert_int_equal(all.component_count, 3);
    assert_string_equal(log_text, "");
}

static void a_name_is_taken_by_the_first_that_is_for_us(void **state)
{
    (void)state;
    assert_int_equal(load_one(COMPONENT("a", "scopes: [other]\n") "---\n" COMPONENT("a", "")),
                     SC_OK);
    assert_int_equal(load_one(COMPONENT("a", "") "---\n" COMPONENT(
                         "a", "scopes: [other]\n") "---\n"
                                                   "apiVersion: dapr.io/v1alpha1\nkind: "
                                                   "Component\nmetadata: {name: a}\n"
                                                   "spec: {type: x.y}\n"),
                     SC_INVALID);
    assert_true(
        sc_str_starts(sc_str_from(err.text),
                      SC_STR("failed to load components: duplicate definition of Component "
                             "name a (pubsub.redis/v1) with existing a (pubsub.redis/v1)")));
    assert_non_null(strstr(err.text, "\nduplicate definition of Component name a (x.y) with "));
}

static void a_component_without_a_type_ends_the_start(void **state)
{
    (void)state;
    assert_int_equal(load_one("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: a}\n"
                              "spec: {}\n"),
                     SC_INVALID);
    assert_non_null(strstr(err.text, "process component a error: "));
    assert_non_null(strstr(err.text, "a.yaml:1: spec.type is missing"));
}

/* ---- subscriptions ---- */

static void subscriptions_have_two_forms(void **state)
{
    const sc_subscription_spec *one;

    (void)state;
    assert_int_equal(
        load_one(SUBSCRIPTION(
            "v1alpha1", "a",
            "  {pubsubname: p, topic: t, route: /r, "
            "routes: {default: /x}, metadata: {rawPayload: true}}\n") "---\n" SUBSCRIPTION("v2alpha"
                                                                                           "1",
                                                                                           "b",
                                                                                           "  "
                                                                                           "pubsubn"
                                                                                           "ame: "
                                                                                           "p\n  "
                                                                                           "topic: "
                                                                                           "u\n  "
                                                                                           "deadLet"
                                                                                           "terTopi"
                                                                                           "c: d\n"
                                                                                           "  "
                                                                                           "route: "
                                                                                           "/none\n"
                                                                                           "  "
                                                                                           "routes:"
                                                                                           "\n    "
                                                                                           "default"
                                                                                           ": "
                                                                                           "/last\n"
                                                                                           "    "
                                                                                           "rules:"
                                                                                           "\n"
                                                                                           "    - "
                                                                                           "{match:"
                                                                                           " event."
                                                                                           "type "
                                                                                           "== "
                                                                                           "'a', "
                                                                                           "path: "
                                                                                           "/a}\n"
                                                                                           "  "
                                                                                           "bulkSub"
                                                                                           "scribe:"
                                                                                           " {"
                                                                                           "enabled"
                                                                                           ": "
                                                                                           "true, "
                                                                                           "maxMess"
                                                                                           "agesCou"
                                                                                           "nt: 7, "
                                                                                           "maxAwai"
                                                                                           "tDurati"
                                                                                           "onMs: "
                                                                                           "9}\n") "---\n" SUBSCRIPTION("v2alpha1",
                                                                                                                        "c",
                                                                                                                        "  {pubsubname: p, topic: v}\n")),
        SC_OK);
    assert_int_equal(all.subscription_count, 3);
    one = &all.subscriptions[0];
    assert_int_equal(one->route_count, 1);
    assert_text(one->routes[0].path, "/r");
    assert_text(*sc_pairs_get(&one->metadata, SC_STR("rawPayload")), "true");
    one = &all.subscriptions[1];
    assert_int_equal(one->route_count, 2);
    assert_text(one->routes[0].match, "event.type == 'a'");
    assert_text(one->routes[1].path, "/last");
    assert_text(one->dead_letter_topic, "d");
    assert_true(one->is_bulk);
    assert_int_equal(one->bulk_max_messages, 7);
    assert_int_equal(one->bulk_max_await_ms, 9);
    assert_int_equal(all.subscriptions[2].route_count, 0);
    assert_logged("spec.routes has no effect in a Subscription of dapr.io/v1alpha1");
    assert_logged("spec.route has no effect in a Subscription of dapr.io/v2alpha1");
}

static void a_later_subscription_of_one_name_replaces_the_earlier(void **state)
{
    (void)state;
    assert_int_equal(load_one(
                         SUBSCRIPTION("v1alpha1", "a", "  {pubsubname: p, topic: t, route: /1}\n") "---\n" SUBSCRIPTION(
                             "v1alpha1", "''",
                             "  {pubsubname: p, topic: n}\n") "---\n" SUBSCRIPTION("v1alpha1", "''",
                                                                                   "  "
                                                                                   "{pubsubname: "
                                                                                   "p, topic: "
                                                                                   "m}\n") "---"
                                                                                           "\n" SUBSCRIPTION(
                                                                                               "v2a"
                                                                                               "lph"
                                                                                               "a1",
                                                                                               "a",
                                                                                               "  "
                                                                                               "{pu"
                                                                                               "bsu"
                                                                                               "bna"
                                                                                               "me:"
                                                                                               " p,"
                                                                                               " to"
                                                                                               "pic"
                                                                                               ": "
                                                                                               "u}"
                                                                                               "\n")),
                     SC_OK);
    assert_int_equal(all.subscription_count, 3);
    assert_text(all.subscriptions[0].topic, "u");
    assert_text(all.subscriptions[2].topic, "m");
    assert_logged("this Subscription replaces an earlier one of the name a");
}

static void wrong_subscriptions_name_place_and_way_out(void **state)
{
    static const struct {
        const char *spec;
        const char *want;
    } rows[] = {
        {"  {topic: t}\n", "a.yaml:5:4: spec.pubsubname is missing"},
        {"  {pubsubname: p}\n", "spec.topic is missing"},
        {"  {pubsubname: [p], topic: t}\n", "pubsubname is a text, not a list"},
        {"  {pubsubname: p, topic: t, routes: /x}\n", "routes is a mapping"},
        {"  {pubsubname: p, topic: t, routes: {rules: /x}}\n", "spec.routes.rules is a list of"},
        {"  {pubsubname: p, topic: t, routes: {rules: [/x]}}\n", "a rule is a mapping"},
        {"  {pubsubname: p, topic: t, metadata: [a]}\n", "metadata is a mapping"},
        {"  {pubsubname: p, topic: t, metadata: {a: [b]}}\n", "spec.metadata 'a' is a text"},
        {"  {pubsubname: p, topic: t, bulkSubscribe: {enabled: 'true'}}\n",
         "enabled is true or false"},
        {"  {pubsubname: p, topic: t, bulkSubscribe: {maxMessagesCount: -1}}\n",
         "maxMessagesCount is a whole number"},
        {"  x\n", "spec is a mapping"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_str text = sc_arena_fmt(&arena, SUBSCRIPTION("v2alpha1", "a", "%s"), rows[i].spec);

        assert_int_equal(load_one(text.at), SC_OK);
        assert_int_equal(all.subscription_count, 0);
        assert_logged("daprd load Subscription error when parsing manifests yaml resource in ");
        assert_logged(rows[i].want);
    }
}

static void a_rule_that_does_not_compile_ends_the_start(void **state)
{
    (void)state;
    assert_int_equal(load_one(SUBSCRIPTION("v2alpha1", "a",
                                           "  {pubsubname: p, topic: t, routes: {rules: [{match: "
                                           "event.type ==, path: /a}]}}\n")),
                     SC_INVALID);
    assert_non_null(strstr(err.text, "a.yaml:1: "));
    assert_int_equal(load_one(SUBSCRIPTION("v2alpha1", "a",
                                           "  {pubsubname: p, topic: t, routes: {rules: [{match: "
                                           "event.type ==, path: /a}]}}\nscopes: [other]\n")),
                     SC_OK);
}

/* ---- endpoints ---- */

static void endpoints_are_read(void **state)
{
    const sc_endpoint_spec *one;

    (void)state;
    assert_int_equal(
        load_one(ENDPOINT(
            "e",
            "  baseUrl: https://h:1/p\n  headers:\n  - {name: A, value: 5}\n"
            "  - {name: B, secretKeyRef: {name: s, key: k}}\n  - {name: C, envRef: V}\n"
            "  clientTLS:\n    rootCA: {value: PEM}\n"
            "    privateKey: {secretKeyRef: {name: t}}\n    renegotiation: Never\n"
            "auth: {secretStore: vault}\n") "---\n" ENDPOINT("f",
                                                             "  baseUrl: http://h\nscopes: "
                                                             "[other]\n") "---\n" ENDPOINT("e",
                                                                                           "  "
                                                                                           "baseUrl"
                                                                                           ": "
                                                                                           "http://"
                                                                                           "again"
                                                                                           "\n")),
        SC_OK);
    assert_int_equal(all.endpoint_count, 1);
    one = &all.endpoints[0];
    assert_text(one->base_url, "https://h:1/p");
    assert_int_equal(one->headers.count, 3);
    assert_text(one->headers.at[0].text, "5");
    assert_text(one->headers.at[1].secret_key, "k");
    assert_text(one->headers.secret_store, "vault");
    assert_true(one->headers.at[2].has_env);
    assert_int_equal(one->tls.count, 2);
    assert_text(one->tls.at[0].name, "rootCA");
    assert_text(one->tls.at[1].secret_key, "t");
    assert_text(one->tls.secret_store, "vault");
    assert_text(one->renegotiation, "Never");
    assert_logged("duplicate definition of HTTPEndpoint name e with existing e");
}

static void wrong_endpoints_are_named(void **state)
{
    static const struct {
        const char *spec;
        const char *want;
    } rows[] = {
        {"  {}\n", "spec.baseUrl is http:// or https:// with a host"},
        {"  {baseUrl: ftp://h}\n", "a.yaml:5:13: spec.baseUrl is http:// or https://"},
        {"  {baseUrl: 'http:///x'}\n", "spec.baseUrl is"},
        {"  {baseUrl: http://h, headers: [{value: x}]}\n", "an entry of spec.headers has no name"},
        {"  {baseUrl: http://h, clientTLS: {rootCA: PEM}}\n", "a value is a mapping"},
        {"  {baseUrl: http://h, clientTLS: {renegotiation: Always}}\n", "renegotiation is Never, "},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        assert_int_equal(load_one(sc_arena_fmt(&arena, ENDPOINT("e", "%s"), rows[i].spec).at),
                         SC_OK);
        assert_int_equal(all.endpoint_count, 0);
        assert_logged(rows[i].want);
    }
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/test_resources_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    sc_str command = sc_arena_fmt(&arena, "rm -rf '%s'", folder);

    (void)state;
    if (system(command.at) != 0)
        return -1;
    sc_arena_deinit(&arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_read_in_the_order_of_their_names),
        TEST(what_cannot_be_opened_is_passed_over),
        TEST(a_missing_folder_ends_the_start),
        TEST(good_documents_around_a_bad_one_are_kept),
        TEST(names_of_fields_match_in_any_case),
        TEST(metadata_values_become_text),
        TEST(what_is_no_resource_of_ours_is_warned_about),
        TEST(names_are_segments_of_paths),
        TEST(others_resources_are_passed_over),
        TEST(a_name_is_taken_by_the_first_that_is_for_us),
        TEST(a_component_without_a_type_ends_the_start),
        TEST(subscriptions_have_two_forms),
        TEST(a_later_subscription_of_one_name_replaces_the_earlier),
        TEST(wrong_subscriptions_name_place_and_way_out),
        TEST(a_rule_that_does_not_compile_ends_the_start),
        TEST(endpoints_are_read),
        TEST(wrong_endpoints_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
