/* SPDX-License-Identifier: MIT
 *
 * Configuration files: what each key becomes, how files lie one over the other, what is warned
 * about, and errors that name the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/env.h"
#include "sidecar/configuration.h"

static sc_arena arena;
static sc_configuration conf;
static sc_error err;
static char log_text[16384];

/* Loads `count` texts as files given in this order; the log is in log_text. */
static sc_code load(const char *const *texts, uint32_t count)
{
    char paths[3][64];
    sc_str files[3];
    FILE *out = tmpfile();
    sc_log_sink sink = {.fd = fileno(out), .level = SC_LOG_INFO};
    sc_log log = {.sink = &sink, .scope = "test"};
    sc_code code;
    size_t len;

    for (uint32_t i = 0; i < count; i++) {
        int fd;

        (void)snprintf(paths[i], sizeof(paths[i]), "/tmp/test_configuration_XXXXXX");
        fd = mkstemp(paths[i]);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        close(fd);
        files[i] = sc_str_from(paths[i]);
    }
    sc_error_clear(&err);
    code = sc_configuration_load(files, count, &log, &arena, &conf, &err);
    for (uint32_t i = 0; i < count; i++)
        unlink(paths[i]);
    rewind(out);
    len = fread(log_text, 1, sizeof(log_text) - 1, out);
    log_text[len] = '\0';
    (void)fclose(out);
    sc_log_sink_deinit(&sink);
    return code;
}

static sc_code load_one(const char *text)
{
    return load(&text, 1);
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

static void without_files_the_defaults_hold(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, 0), SC_OK);
    assert_true(conf.metric.is_enabled);
    assert_true(conf.metric.http.increased_cardinality);
    assert_false(conf.metric.http.has_increased_cardinality);
    assert_true(conf.tracing.otel_is_secure);
    assert_text(conf.access_control.default_action, "allow");
    assert_text(conf.access_control.trust_domain, "public");
    assert_false(sc_configuration_has_feature(&conf, SC_STR("ActorStateTTL")));
    assert_string_equal(log_text, "");
}

static void every_part_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        load_one("apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec:\n"
                 "  api:\n    allowed:\n    - {name: state, version: v1.0, protocol: http}\n"
                 "    - {name: invoke, version: v1}\n"
                 "    denied: [{name: publish, version: v1, protocol: grpc}]\n"
                 "  secrets:\n    scopes:\n    - storeName: s\n      defaultAccess: Deny\n"
                 "      allowedSecrets: [a, 7]\n      deniedSecrets: [b]\n"
                 "  nameResolution: {component: sqlite, version: v1, configuration: {a: 1}}\n"
                 "  httpPipeline: {handlers: [{name: n, type: middleware.http.x, version: v2}]}\n"
                 "  appHttpPipeline: {handlers: [{name: m, type: middleware.http.y}]}\n"
                 "  metric:\n    enabled: false\n    recordErrorCodes: true\n"
                 "    http: {increasedCardinality: true, excludeVerbs: true, pathMatching: [/a]}\n"
                 "    latencyDistributionBuckets: [1, 20]\n"
                 "    rules: [{name: r, labels: [{name: l, regex: {x: 'a+', y: b}}]}]\n"
                 "  tracing:\n    samplingRate: 0.5\n    stdout: true\n"
                 "    zipkin: {endpointAddress: 'http://z'}\n"
                 "    otel: {endpointAddress: o, protocol: grpc, isSecure: false, headers: ['k=v'],"
                 " timeout: 1500ms}\n"
                 "  logging: {apiLogging: {enabled: true, obfuscateURLs: true, omitHealthChecks: "
                 "true}}\n"
                 "  accessControl:\n    defaultAction: deny\n    trustDomain: td\n    policies:\n"
                 "    - {appId: a, defaultAction: allow, trustDomain: p, namespace: n,\n"
                 "       operations: [{name: /op, httpVerb: [GET, '*'], action: allow}]}\n"
                 "  features: [{name: HotReload, enabled: false}, {name: X, enabled: true}]\n"
                 "  components: {deny: [bindings.smtp, state.redis/v1]}\n"
                 "  wasm: {strictSandbox: true}\n  mtls: {enabled: true}\n"),
        SC_OK);
    assert_int_equal(conf.api.allowed_count, 2);
    assert_text(conf.api.allowed[0].version, "v1.0");
    assert_text(conf.api.allowed[1].name, "invoke");
    assert_text(conf.api.denied[0].protocol, "grpc");
    assert_int_equal(conf.secret_scopes_count, 1);
    assert_text(conf.secret_scopes[0].allowed[1], "7");
    assert_int_equal(conf.secret_scopes[0].line, 12);
    assert_text(conf.name_resolution.component, "sqlite");
    assert_int_equal(conf.name_resolution.configuration->kind, SC_DOC_OBJECT);
    assert_text(conf.http_pipeline[0].version, "v2");
    assert_text(conf.app_http_pipeline[0].type, "middleware.http.y");
    assert_false(conf.metric.is_enabled);
    assert_true(conf.metric.http.has_increased_cardinality);
    assert_text(conf.metric.http.path_matching[0], "/a");
    assert_int_equal(conf.metric.latency_buckets[1], 20);
    assert_text(*sc_pairs_get(&conf.metric.rules[0].labels[0].regex, SC_STR("x")), "a+");
    assert_text(conf.tracing.sampling_rate, "0.5");
    assert_text(conf.tracing.zipkin_address, "http://z");
    assert_false(conf.tracing.otel_is_secure);
    assert_int_equal(conf.tracing.otel_timeout_ns, 1500000000);
    assert_true(conf.api_log.omits_health_checks);
    assert_text(conf.access_control.policies[0].operations[0].verbs[1], "*");
    assert_false(sc_configuration_has_feature(&conf, SC_STR("HotReload")));
    assert_true(sc_configuration_has_feature(&conf, SC_STR("X")));
    assert_text(conf.denied_components[1], "state.redis/v1");
    assert_true(conf.strict_wasm);
    assert_logged("spec.mtls is for the command line only");
}

static void later_files_lie_over_earlier_ones(void **state)
{
    const char *files[] = {
        "spec:\n  metrics: {http: {excludeVerbs: true}}\n  metric: {enabled: true}\n"
        "  features: [{name: A, enabled: true}]\n  accessControl: {defaultAction: deny}\n",
        "spec:\n  metric: {enabled: false, http: {excludeVerbs: false}, rules: null}\n"
        "  features: [{name: B, enabled: true}]\n",
    };

    (void)state;
    assert_int_equal(load(files, 2), SC_OK);
    assert_false(conf.metric.is_enabled);
    assert_true(conf.metric.http.excludes_verbs); /* metrics is over metric, whichever file */
    assert_false(sc_configuration_has_feature(&conf, SC_STR("A")));
    assert_true(sc_configuration_has_feature(&conf, SC_STR("B")));
    assert_text(conf.access_control.default_action, "deny");
    assert_text(conf.access_control.trust_domain, "public");
}

static void features_that_are_on_are_listed_once(void **state)
{
    uint32_t count;
    sc_str *names;

    (void)state;
    assert_int_equal(load_one("spec:\n  features:\n  - {name: A, enabled: true}\n"
                              "  - {name: HotReload, enabled: true}\n  - {name: B, enabled: true}\n"
                              "  - {name: A, enabled: true}\n  - {name: B, enabled: false}\n"),
                     SC_OK);
    names = sc_configuration_list_features(&conf, &arena, &count);
    assert_int_equal(count, 1);
    assert_text(names[0], "A");
    assert_logged("HotReload is not implemented yet and has no effect; send the sidecar SIGHUP");
}

static void variables_are_put_in(void **state)
{
    (void)state;
    assert_int_equal(setenv("TEST_CONF_STORE", "vault", 1), 0);
    assert_int_equal(load_one("spec:\n  secrets:\n    scopes:\n    - storeName: "
                              "${TEST_CONF_STORE}-$TEST_CONF_STORE$TEST_CONF_NONE\n"),
                     SC_OK);
    assert_text(conf.secret_scopes[0].store, "vault-vault");
}

static void expansion_is_that_of_go(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"", ""},         {"a$", "a$"},           {"$$b", "b"},       {"a $ b", "a $ b"},
        {"${}x", "x"},    {"${open", "open"},     {"$.x", "$.x"},     {"${TEST_X}y", "valuey"},
        {"$TEST_Xy", ""}, {"$TEST_X.", "value."}, {"^a$|b", "^a$|b"}, {"$1a", "a"},
    };

    (void)state;
    assert_int_equal(setenv("TEST_X", "value", 1), 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_buf out = {0};

        sc_env_expand(sc_str_from(rows[i].text), &out);
        assert_text(sc_buf_len(&out) ? sc_buf_str(&out) : SC_STR(""), rows[i].want);
        sc_buf_deinit(&out);
    }
}

static void only_the_first_configuration_of_a_file_counts(void **state)
{
    (void)state;
    assert_int_equal(load_one("# nothing yet\n---\nkind: Component\nspec: {type: x}\n---\n"
                              "kind: Configuration\nspec: {metric: {enabled: false}}\n---\n"
                              "kind: Configuration\nspec: {metric: {enabled: true}}\n"),
                     SC_OK);
    assert_false(conf.metric.is_enabled);
    assert_logged("a Component is no Configuration");
    assert_logged("only the first Configuration of a file counts");
    assert_int_equal(load_one("# nothing\n"), SC_OK);
    assert_logged("holds no Configuration");
}

static void unknown_keys_are_named(void **state)
{
    (void)state;
    assert_int_equal(load_one("spec:\n  metric: {Enabled: false}\n  nonsense: 1\n"), SC_OK);
    assert_true(conf.metric.is_enabled);
    assert_logged("spec.metric.Enabled is not a known key and has no effect; write 'enabled'");
    assert_logged(":3:13: spec.nonsense is not a known key");
}

static void what_asks_for_nothing_is_not_warned_about(void **state)
{
    (void)state;
    assert_int_equal(load_one("spec:\n  workflow:\n  httpPipeline: {handlers: []}\n"
                              "  tracing: {stdout: false, samplingRate: ''}\n"
                              "  mtls: {enabled: false, workloadCertTTL: 24h}\n"),
                     SC_OK);
    assert_string_equal(log_text, "");
    assert_int_equal(load_one("spec:\n  workflow: {maxConcurrentActivityInvocations: 3}\n"), SC_OK);
    assert_logged("spec.workflow is not implemented yet and has no effect");
}

static void wrong_values_name_place_key_and_way_out(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"spec:\n  metric:\n    enabled: [1]\n",
         ":3:15: spec.metric.enabled is a list, not true or"},
        {"spec: {metric: {enabled: 'true'}}", "spec.metric.enabled is 'true', not true or false"},
        {"spec: {metric: {latencyDistributionBuckets: [1, x]}}",
         "spec.metric.latencyDistributionBuckets[1] is 'x', not a whole number"},
        {"spec: {api: {allowed: {name: state}}}", "spec.api.allowed is a mapping, not a list"},
        {"spec: {api: {allowed: [state]}}", "spec.api.allowed[0] is 'state', not a mapping"},
        {"spec: {api: {denied: [{name: [a]}]}}", "spec.api.denied[0].name is a list, not a text"},
        {"spec: {tracing: {otel: {timeout: soon}}}", "is 'soon', not a duration like 500ms"},
        {"spec: {metrics: {enabled: no matter}}", "spec.metrics.enabled is 'no matter'"},
        {"spec: 7", "spec is '7', not a mapping"},
        {"- a", "the document is a list, not a mapping"},
        {"spec: {a: b\n", ":2:1: "},
        {"spec: {secrets: {scopes: [{storeName: s}, {storeName: s}]}}",
         "error loading configuration: s storeName is repeated in secrets configuration"},
        {"spec: {secrets: {scopes: [{storeName: s, defaultAccess: maybe}]}}",
         "error loading configuration: defaultAccess maybe can be either allow or deny"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        assert_int_equal(load_one(rows[i].text), SC_INVALID);
        if (!strstr(err.text, rows[i].want))
            fail_msg("'%s' is not in '%s'", rows[i].want, err.text);
        assert_non_null(strstr(err.text, "error loading configuration: "));
    }
}

static void policies_need_application_domain_and_namespace(void **state)
{
    (void)state;
    assert_int_equal(load_one("spec:\n  accessControl:\n    policies:\n"
                              "    - {appId: a, namespace: n}\n    - {appId: b}\n    - {}\n"),
                     SC_INVALID);
    assert_string_equal(err.text,
                        "invalid access control spec. missing trustdomain for apps: [a b], missing "
                        "namespace for apps: [b], missing app name on at least one of the app "
                        "policies: true");
}

static void a_missing_file_is_named(void **state)
{
    sc_str file = SC_STR("/nowhere/c.yaml");
    sc_log log = {0};

    (void)state;
    assert_int_equal(sc_configuration_load(&file, 1, &log, &arena, &conf, &err), SC_NOT_FOUND);
    assert_string_equal(err.text, "error loading configuration: stat /nowhere/c.yaml: no such file "
                                  "or directory");
}

static void scopes_decide_on_secrets(void **state)
{
    sc_str a = SC_STR("a");
    sc_str b = SC_STR("b");
    sc_secret_scope scopes[] = {
        {.store = SC_STR("only"),
         .allowed = &a,
         .allowed_count = 1,
         .denied = &a,
         .denied_count = 1},
        {.store = SC_STR("except"), .denied = &b, .denied_count = 1},
        {.store = SC_STR("none"), .default_access = SC_STR("DENY")},
    };
    static const struct {
        const char *store;
        const char *key;
        bool is_allowed;
    } rows[] = {{"only", "a", true},    {"only", "b", false}, {"except", "a", true},
                {"except", "b", false}, {"none", "a", false}, {"other", "b", true}};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++)
        assert_int_equal(
            sc_secret_is_allowed(scopes, 3, sc_str_from(rows[i].store), sc_str_from(rows[i].key)),
            rows[i].is_allowed);
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
        TEST(without_files_the_defaults_hold),
        TEST(every_part_is_read),
        TEST(later_files_lie_over_earlier_ones),
        TEST(features_that_are_on_are_listed_once),
        TEST(variables_are_put_in),
        TEST(expansion_is_that_of_go),
        TEST(only_the_first_configuration_of_a_file_counts),
        TEST(unknown_keys_are_named),
        TEST(what_asks_for_nothing_is_not_warned_about),
        TEST(wrong_values_name_place_key_and_way_out),
        TEST(policies_need_application_domain_and_namespace),
        TEST(a_missing_file_is_named),
        TEST(scopes_decide_on_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
