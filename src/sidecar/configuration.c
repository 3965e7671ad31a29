/* SPDX-License-Identifier: MIT
 *
 * Configuration files through tables, then the checks that concern several keys at once.
 */
#include "sidecar/configuration.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/doc_table.h"
#include "core/env.h"
#include "core/file.h"
#include "core/yaml.h"

/* What a file is read into: spec.metrics is laid over spec.metric when all files are in. */
typedef struct reading {
    sc_configuration conf; /* first: the tables of the parts address it */
    const sc_doc *metrics;
} reading;

static sc_code load_file(const sc_doc_reader *r, reading *to);
static sc_code check(const sc_configuration *conf, sc_error *err);

/* ---- tables ---- */

#define LATER .is_later = true
#define OBJECT(name_, keys, ...)                                                                   \
    {                                                                                              \
        .name = (name_), .kind = SC_KEY_OBJECT, .members = (keys), __VA_ARGS__                     \
    }

static const sc_key api_rule_keys[] = {
    SC_KEY(sc_api_rule, name, TEXT, "name"),
    SC_KEY(sc_api_rule, version, TEXT, "version"),
    SC_KEY(sc_api_rule, protocol, TEXT, "protocol"),
    SC_KEYS_END,
};
static const sc_key api_keys[] = {
    SC_KEY_OF_LIST(sc_api_rules, allowed, LIST, "allowed", .members = api_rule_keys),
    SC_KEY_OF_LIST(sc_api_rules, denied, LIST, "denied", .members = api_rule_keys),
    SC_KEYS_END,
};

static const sc_key secret_scope_keys[] = {
    {.kind = SC_KEY_LINE, .offset = offsetof(sc_secret_scope, line)},
    SC_KEY(sc_secret_scope, store, TEXT, "storeName"),
    SC_KEY(sc_secret_scope, default_access, TEXT, "defaultAccess"),
    SC_KEY_OF_LIST(sc_secret_scope, allowed, TEXTS, "allowedSecrets"),
    SC_KEY_OF_LIST(sc_secret_scope, denied, TEXTS, "deniedSecrets"),
    SC_KEYS_END,
};
static const sc_key secrets_keys[] = {
    SC_KEY_OF_LIST(sc_configuration, secret_scopes, LIST, "scopes", .members = secret_scope_keys),
    SC_KEYS_END,
};

static const sc_key name_resolution_keys[] = {
    SC_KEY(sc_name_resolution_spec, component, TEXT, "component"),
    SC_KEY(sc_name_resolution_spec, version, TEXT, "version"),
    SC_KEY(sc_name_resolution_spec, configuration, DOC, "configuration"),
    SC_KEYS_END,
};

static const sc_key handler_keys[] = {
    SC_KEY(sc_middleware_spec, name, TEXT, "name"),
    SC_KEY(sc_middleware_spec, type, TEXT, "type"),
    SC_KEY(sc_middleware_spec, version, TEXT, "version"),
    SC_KEY_IGNORED("selector"),
    SC_KEYS_END,
};
static const sc_key http_pipeline_keys[] = {
    SC_KEY_OF_LIST(sc_configuration, http_pipeline, LIST, "handlers", .members = handler_keys),
    SC_KEYS_END,
};
static const sc_key app_http_pipeline_keys[] = {
    SC_KEY_OF_LIST(sc_configuration, app_http_pipeline, LIST, "handlers", .members = handler_keys),
    SC_KEYS_END,
};

static const sc_key label_rule_keys[] = {
    SC_KEY(sc_metric_label_rule, name, TEXT, "name"),
    SC_KEY(sc_metric_label_rule, regex, MAP, "regex"),
    SC_KEYS_END,
};
static const sc_key metric_rule_keys[] = {
    SC_KEY(sc_metric_rule, name, TEXT, "name"),
    SC_KEY_OF_LIST(sc_metric_rule, labels, LIST, "labels", .members = label_rule_keys),
    SC_KEYS_END,
};
static const sc_key metric_http_keys[] = {
    SC_KEY(sc_metric_http_settings, increased_cardinality, BOOL, "increasedCardinality",
           .given_offset = offsetof(sc_metric_http_settings, has_increased_cardinality)),
    SC_KEY(sc_metric_http_settings, excludes_verbs, BOOL, "excludeVerbs"),
    SC_KEY_OF_LIST(sc_metric_http_settings, path_matching, TEXTS, "pathMatching"),
    SC_KEYS_END,
};
static const sc_key metric_keys[] = {
    SC_KEY(sc_metric_settings, is_enabled, BOOL, "enabled"),
    SC_KEY(sc_metric_settings, records_error_codes, BOOL, "recordErrorCodes"),
    SC_KEY(sc_metric_settings, http, OBJECT, "http", .members = metric_http_keys),
    SC_KEY_OF_LIST(sc_metric_settings, latency_buckets, INTS, "latencyDistributionBuckets"),
    SC_KEY_OF_LIST(sc_metric_settings, rules, LIST, "rules", .members = metric_rule_keys),
    SC_KEYS_END,
};

static const sc_key zipkin_keys[] = {
    SC_KEY(sc_tracing_settings, zipkin_address, TEXT, "endpointAddress"),
    SC_KEYS_END,
};
static const sc_key otel_keys[] = {
    SC_KEY(sc_tracing_settings, otel_address, TEXT, "endpointAddress"),
    SC_KEY(sc_tracing_settings, otel_protocol, TEXT, "protocol"),
    SC_KEY(sc_tracing_settings, otel_is_secure, BOOL, "isSecure"),
    SC_KEY_OF_LIST(sc_tracing_settings, otel_headers, TEXTS, "headers"),
    SC_KEY(sc_tracing_settings, otel_timeout_ns, DURATION, "timeout"),
    SC_KEYS_END,
};
static const sc_key tracing_keys[] = {
    SC_KEY(sc_tracing_settings, sampling_rate, TEXT, "samplingRate"),
    SC_KEY(sc_tracing_settings, to_stdout, BOOL, "stdout", LATER),
    OBJECT("zipkin", zipkin_keys, LATER),
    OBJECT("otel", otel_keys, LATER),
    SC_KEYS_END,
};

static const sc_key operation_keys[] = {
    SC_KEY(sc_access_operation, name, TEXT, "name"),
    SC_KEY_OF_LIST(sc_access_operation, verbs, TEXTS, "httpVerb"),
    SC_KEY(sc_access_operation, action, TEXT, "action"),
    SC_KEYS_END,
};
static const sc_key policy_keys[] = {
    {.kind = SC_KEY_LINE, .offset = offsetof(sc_access_policy, line)},
    SC_KEY(sc_access_policy, app_id, TEXT, "appId"),
    SC_KEY(sc_access_policy, trust_domain, TEXT, "trustDomain"),
    SC_KEY(sc_access_policy, namespace_, TEXT, "namespace"),
    SC_KEY(sc_access_policy, default_action, TEXT, "defaultAction"),
    SC_KEY_OF_LIST(sc_access_policy, operations, LIST, "operations", .members = operation_keys),
    SC_KEYS_END,
};
static const sc_key access_control_keys[] = {
    SC_KEY(sc_access_control, default_action, TEXT, "defaultAction"),
    SC_KEY(sc_access_control, trust_domain, TEXT, "trustDomain"),
    SC_KEY_OF_LIST(sc_access_control, policies, LIST, "policies", .members = policy_keys),
    SC_KEYS_END,
};

static const sc_key feature_keys[] = {
    SC_KEY(sc_feature, name, TEXT, "name"),
    SC_KEY(sc_feature, is_enabled, BOOL, "enabled"),
    SC_KEYS_END,
};
static const sc_key components_keys[] = {
    SC_KEY_OF_LIST(sc_configuration, denied_components, TEXTS, "deny"),
    SC_KEYS_END,
};
static const sc_key api_log_keys[] = {
    SC_KEY(sc_api_log_settings, is_enabled, BOOL, "enabled"),
    SC_KEY(sc_api_log_settings, obfuscates_urls, BOOL, "obfuscateURLs"),
    SC_KEY(sc_api_log_settings, omits_health_checks, BOOL, "omitHealthChecks"),
    SC_KEYS_END,
};
static const sc_key logging_keys[] = {
    SC_KEY(sc_configuration, api_log, OBJECT, "apiLogging", .members = api_log_keys),
    SC_KEYS_END,
};
static const sc_key wasm_keys[] = {
    SC_KEY(sc_configuration, strict_wasm, BOOL, "strictSandbox"),
    SC_KEYS_END,
};
static const sc_key mtls_keys[] = {
    SC_KEY(sc_configuration, wants_mtls, BOOL, "enabled"),
    SC_KEY_IGNORED("workloadCertTTL"),
    SC_KEY_IGNORED("allowedClockSkew"),
    SC_KEY_IGNORED("sentryAddress"),
    SC_KEY_IGNORED("controlPlaneTrustDomain"),
    SC_KEY_IGNORED("tokenValidators"),
    SC_KEYS_END,
};

static const sc_key spec_keys[] = {
    SC_KEY(sc_configuration, api, OBJECT, "api", .members = api_keys),
    OBJECT("secrets", secrets_keys),
    SC_KEY(sc_configuration, name_resolution, OBJECT, "nameResolution",
           .members = name_resolution_keys),
    OBJECT("httpPipeline", http_pipeline_keys, LATER),
    OBJECT("appHttpPipeline", app_http_pipeline_keys, LATER),
    SC_KEY(sc_configuration, metric, OBJECT, "metric", .members = metric_keys),
    SC_KEY(reading, metrics, DOC, "metrics"),
    SC_KEY(sc_configuration, tracing, OBJECT, "tracing", .members = tracing_keys),
    OBJECT("logging", logging_keys),
    SC_KEY(sc_configuration, access_control, OBJECT, "accessControl",
           .members = access_control_keys),
    SC_KEY_OF_LIST(sc_configuration, features, LIST, "features", .members = feature_keys),
    OBJECT("components", components_keys),
    OBJECT("wasm", wasm_keys, LATER),
    OBJECT("mtls", mtls_keys),
    SC_KEY_NOT_YET("workflow"),
    SC_KEYS_END,
};
static const sc_key document_keys[] = {
    SC_KEY_IGNORED("apiVersion"),
    SC_KEY_IGNORED("kind"),
    SC_KEY_IGNORED("metadata"),
    OBJECT("spec", spec_keys),
    SC_KEYS_END,
};

/* ---- files ---- */

static void set_defaults(sc_configuration *conf)
{
    *conf = (sc_configuration){
        .metric = {.is_enabled = true, .http = {.increased_cardinality = true}},
        .tracing = {.otel_is_secure = true},
        .access_control = {.default_action = SC_STR("allow"), .trust_domain = SC_STR("public")},
    };
}

sc_code sc_configuration_load(const sc_str *files, uint32_t file_count, const sc_log *log,
                              sc_arena *mem, sc_configuration *out, sc_error *err)
{
    reading *readings = sc_arena_zero(mem, (file_count + 1) * sizeof(reading));
    reading *all = &readings[file_count];
    sc_doc_reader r = {.log = log, .mem = mem, .err = err};

    set_defaults(&all->conf);
    for (uint32_t i = 0; i < file_count; i++) {
        r.file = sc_arena_str(mem, files[i]).at;
        all->metrics = NULL;
        if (load_file(&r, all) != SC_OK)
            return sc_error_context(err, "error loading configuration");
        readings[i].metrics = all->metrics;
    }
    for (uint32_t i = 0; i < file_count; i++) {
        r.file = sc_arena_str(mem, files[i]).at;
        if (readings[i].metrics && sc_doc_read(&r, readings[i].metrics, "spec.metrics", metric_keys,
                                               &all->conf.metric) != SC_OK)
            return sc_error_context(err, "error loading configuration");
    }
    if (check(&all->conf, err) != SC_OK)
        return err->code;
    if (sc_configuration_has_feature(&all->conf, SC_STR("HotReload")))
        sc_log_warn(log, "spec.features: HotReload is not implemented yet and has no effect; send "
                         "the sidecar SIGHUP to read the resources anew");
    if (all->conf.wants_mtls)
        sc_log_warn(log, "spec.mtls is for the command line only and has no effect here; ask for "
                         "mutual TLS with --enable-mtls");
    *out = all->conf;
    return SC_OK;
}

/* The document that counts, or NULL. */
static const sc_doc *pick(const sc_doc_reader *r, const sc_doc *all)
{
    const sc_doc *found = NULL;

    SC_DOC_EACH (all, doc) {
        sc_str kind = sc_doc_string(sc_doc_get(doc, SC_STR("kind")));
        bool is_other = kind.len > 0 && !sc_str_eq(kind, SC_STR("Configuration"));

        if (!found && !is_other)
            found = doc;
        else if (is_other)
            sc_log_warn(r->log,
                        "%s:%u: a %.*s is no Configuration and has no effect here; put it into a "
                        "folder of --resources-path",
                        r->file, doc->line, SC_FMT(kind));
        else
            sc_log_warn(r->log,
                        "%s:%u: only the first Configuration of a file counts; give this one a "
                        "file and a --config of its own",
                        r->file, doc->line);
    }
    return found;
}

static sc_code load_file(const sc_doc_reader *r, reading *to)
{
    sc_buf raw = {0};
    sc_buf text = {0};
    sc_doc *all = NULL;
    const sc_doc *doc;
    struct stat info;
    sc_code code;

    if (stat(r->file, &info) != 0)
        return sc_fail(r->err, SC_NOT_FOUND, "stat %s: %s", r->file, sc_file_error_text(errno));
    code = sc_file_read(r->file, SC_YAML_MAX_LEN, &raw, r->err);
    if (code == SC_OK) {
        sc_env_expand(sc_buf_str(&raw), &text);
        code = sc_yaml_parse(sc_buf_str(&text), r->file, r->mem, &all, r->err);
    }
    sc_buf_deinit(&raw);
    sc_buf_deinit(&text);
    if (code != SC_OK)
        return code;
    doc = pick(r, all);
    if (!doc) {
        sc_log_warn(r->log, "%s holds no Configuration and has no effect", r->file);
        return SC_OK;
    }
    return sc_doc_read(r, doc, "", document_keys, to);
}

/* ---- checks ---- */

static sc_code check_secrets(const sc_configuration *conf, sc_error *err)
{
    for (uint32_t i = 0; i < conf->secret_scopes_count; i++) {
        const sc_secret_scope *one = &conf->secret_scopes[i];

        for (uint32_t before = 0; before < i; before++) {
            if (sc_str_eq(conf->secret_scopes[before].store, one->store))
                return sc_fail(err, SC_INVALID,
                               "error loading configuration: %.*s storeName is repeated in secrets "
                               "configuration (lines %u and %u); put them together",
                               SC_FMT(one->store), conf->secret_scopes[before].line, one->line);
        }
        if (one->default_access.len > 0 &&
            !sc_str_eq_nocase(one->default_access, SC_STR("allow")) &&
            !sc_str_eq_nocase(one->default_access, SC_STR("deny")))
            return sc_fail(err, SC_INVALID,
                           "error loading configuration: defaultAccess %.*s can be either allow or "
                           "deny (line %u)",
                           SC_FMT(one->default_access), one->line);
    }
    return SC_OK;
}

/* "[a b]" of the policies that lack `what`. */
static void name_lacking(const sc_access_control *access, size_t offset, char *to, size_t max)
{
    size_t len = (size_t)snprintf(to, max, "[");

    for (uint32_t i = 0; i < access->policies_count; i++) {
        const sc_access_policy *one = &access->policies[i];
        const sc_str *value = (const void *)((const char *)one + offset);

        if (one->app_id.len > 0 && value->len == 0 && len < max)
            len += (size_t)snprintf(to + len, max - len, "%s%.*s", len > 1 ? " " : "",
                                    SC_FMT(one->app_id));
    }
    if (len < max)
        (void)snprintf(to + len, max - len, "]");
}

static sc_code check_access(const sc_access_control *access, sc_error *err)
{
    char no_domain[120];
    char no_namespace[120];
    bool is_wrong = false;
    bool has_nameless = false;

    for (uint32_t i = 0; i < access->policies_count; i++) {
        const sc_access_policy *one = &access->policies[i];

        has_nameless |= one->app_id.len == 0;
        is_wrong |= one->app_id.len == 0 || one->trust_domain.len == 0 || one->namespace_.len == 0;
    }
    if (!is_wrong)
        return SC_OK;
    name_lacking(access, offsetof(sc_access_policy, trust_domain), no_domain, sizeof(no_domain));
    name_lacking(access, offsetof(sc_access_policy, namespace_), no_namespace,
                 sizeof(no_namespace));
    return sc_fail(err, SC_INVALID,
                   "invalid access control spec. missing trustdomain for apps: %s, missing "
                   "namespace for apps: %s, missing app name on at least one of the app policies: "
                   "%s",
                   no_domain, no_namespace, has_nameless ? "true" : "false");
}

static sc_code check(const sc_configuration *conf, sc_error *err)
{
    if (check_secrets(conf, err) != SC_OK)
        return err->code;
    return check_access(&conf->access_control, err);
}

bool sc_configuration_has_feature(const sc_configuration *conf, sc_str name)
{
    for (uint32_t i = conf->features_count; i-- > 0;) {
        if (sc_str_eq(conf->features[i].name, name))
            return conf->features[i].is_enabled;
    }
    return false;
}

sc_str *sc_configuration_list_features(const sc_configuration *conf, sc_arena *mem, uint32_t *count)
{
    sc_str *names = sc_arena_zero(mem, (conf->features_count + 1) * sizeof(sc_str));

    *count = 0;
    for (uint32_t i = 0; i < conf->features_count; i++) {
        sc_str name = conf->features[i].name;
        bool is_listed = sc_str_eq(name, SC_STR("HotReload"));

        for (uint32_t before = 0; before < *count; before++)
            is_listed |= sc_str_eq(names[before], name);
        if (!is_listed && sc_configuration_has_feature(conf, name))
            names[(*count)++] = name;
    }
    return names;
}
