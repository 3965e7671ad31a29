/* SPDX-License-Identifier: MIT
 *
 * Opens and closes the components of the resources: a row of `kinds` for each building block, from
 * the prefix of its types to the block that owns the instances.
 */
#include <unistd.h>

#include "sidecar/runtime_internal.h"
#include "sidecar/templates.h"

static sc_code open_secretstore(sc_runtime *rt, const sc_component *component,
                                const sc_component_env *env, sc_error *err);
static size_t secretstore_capabilities(const sc_runtime *rt, sc_str name,
                                       const char *names[SC_MAX_CAPABILITIES]);
static void close_secretstores(sc_runtime *rt);
static sc_code open_conversation(sc_runtime *rt, const sc_component *component,
                                 const sc_component_env *env, sc_error *err);
static void close_conversations(sc_runtime *rt);
static sc_code open_pubsub(sc_runtime *rt, const sc_component *component,
                           const sc_component_env *env, sc_error *err);
static size_t pubsub_capabilities(const sc_runtime *rt, sc_str name,
                                  const char *names[SC_MAX_CAPABILITIES]);
static void close_pubsubs(sc_runtime *rt);
static sc_code open_state(sc_runtime *rt, const sc_component *component,
                          const sc_component_env *env, sc_error *err);
static size_t state_capabilities(const sc_runtime *rt, sc_str name,
                                 const char *names[SC_MAX_CAPABILITIES]);
static void close_states(sc_runtime *rt);

typedef struct component_kind {
    const char *prefix; /* of spec.type */
    const char *noun;   /* Dapr's, in "couldn't find message bus" */
    sc_code (*open)(sc_runtime *rt, const sc_component *component, const sc_component_env *env,
                    sc_error *err); /* NULL: not implemented yet */
    /* As many names as returned; NULL: there are none. */
    size_t (*capabilities)(const sc_runtime *rt, sc_str name,
                           const char *names[SC_MAX_CAPABILITIES]);
    void (*close)(sc_runtime *rt); /* all of the kind; then close_next_kind */
} component_kind;

/* In the order in which one may need another: closed from the last to the first. */
static const component_kind kinds[] = {
    {"secretstores.", "secret store", open_secretstore, secretstore_capabilities,
     close_secretstores},
    {"pubsub.", "message bus", open_pubsub, pubsub_capabilities, close_pubsubs},
    {"state.", "state store", open_state, state_capabilities, close_states},
    {"bindings.", "binding", NULL, NULL, NULL},
    {"configuration.", "configuration store", NULL, NULL, NULL},
    {"lock.", "lock store", NULL, NULL, NULL},
    {"crypto.", "crypto provider", NULL, NULL, NULL},
    {"conversation.", "conversation", open_conversation, NULL, close_conversations},
    {"nameresolution.", "name resolver", NULL, NULL, NULL},
    {"middleware.", "middleware", NULL, NULL, NULL},
};

#define SECRET_STORES (&kinds[0]) /* opened first: the others may refer to secrets */

static sc_code open_one(sc_runtime *rt, uint32_t index, sc_error *err);
static sc_code open_parked(sc_runtime *rt, sc_str store, sc_error *err);

static const component_kind *kind_of(sc_str type)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if (sc_str_starts(type, sc_str_from(kinds[i].prefix)))
            return &kinds[i];
    }
    return NULL;
}

/* ---- opening ---- */

static sc_str version_of(const sc_component_spec *spec)
{
    return spec->version.len ? spec->version : SC_STR("v1");
}

/* The line of the metadata API for a component that is open now. */
static void list_component(sc_runtime *rt, const component_kind *kind,
                           const sc_component *component, sc_str name)
{
    sc_metadata_component *one = &rt->components[rt->metadata.component_count++];

    one->name = name;
    one->type = sc_str_from(component->type);
    one->version = sc_str_from(component->version);
    if (kind->capabilities)
        one->capability_count = kind->capabilities(rt, name, one->capabilities);
}

/* The settings as the component gets them: references followed, templates replaced. */
static sc_code prepare_settings(sc_runtime *rt, const sc_component_spec *spec, sc_arena *mem,
                                sc_pairs *settings, sc_component_env *env, sc_error *err)
{
    sc_pairs *hidden = sc_arena_new(mem, sc_pairs);
    sc_value_source source = {.loop = rt->loop,
                              .stores = rt->secretstores,
                              .log = &rt->processor,
                              .secrets = &rt->secret_log,
                              .kind = "Component",
                              .owner = spec->name,
                              .namespace_ = spec->namespace_,
                              .timeout_ms = spec->init_timeout_ms};
    sc_template_env templates = {
        .app_id = rt->options.app_id, .namespace_ = rt->options.namespace_, .random = &rt->random};

    sc_values_resolve(&spec->settings, &source, mem, settings, hidden);
    env->settings = settings;
    env->hidden = hidden;
    env->names_namespace = sc_templates_name_namespace(settings);
    return sc_templates_fill(settings, &templates, mem, err);
}

static sc_code open_instance(sc_runtime *rt, const component_kind *kind,
                             const sc_component *component, const sc_component_spec *spec,
                             sc_error *err)
{
    sc_log log = rt->contrib;
    sc_pairs settings;
    sc_component_env env = {.loop = rt->loop,
                            .log = &log,
                            .name = spec->name,
                            .app_id = rt->options.app_id,
                            .namespace_ = rt->options.namespace_,
                            .instance_id = rt->instance_id};
    sc_arena mem;
    sc_code code;

    sc_arena_init(&mem, NULL);
    log.component =
        sc_arena_fmt(&mem, "%.*s (%s/%s)", SC_FMT(spec->name), component->type, component->version);
    code = prepare_settings(rt, spec, &mem, &settings, &env, err);
    if (code == SC_OK)
        code = kind->open(rt, component, &env, err);
    sc_arena_deinit(&mem);
    return code;
}

static sc_code open_component(sc_runtime *rt, const component_kind *kind,
                              const sc_component_spec *spec, sc_error *err)
{
    const sc_component *component = sc_component_find(sc_components, spec->type, spec->version);
    sc_str version = version_of(spec);

    if (!component)
        return sc_fail(err, SC_NOT_FOUND,
                       "[CREATE_COMPONENT_FAILURE]: initialization error occurred for %.*s "
                       "(%.*s/%.*s): couldn't find %s %.*s/%.*s (declared at %.*s)",
                       SC_FMT(spec->name), SC_FMT(spec->type), SC_FMT(version), kind->noun,
                       SC_FMT(spec->type), SC_FMT(version), SC_FMT(spec->place));
    if (open_instance(rt, kind, component, spec, err) != SC_OK)
        return sc_error_context(
            err, "[INIT_COMPONENT_FAILURE]: initialization error occurred for %.*s (%.*s/%.*s)",
            SC_FMT(spec->name), SC_FMT(spec->type), SC_FMT(version));
    list_component(rt, kind, component, spec->name);
    return SC_OK;
}

static void count_failure(sc_runtime *rt, const sc_component_spec *spec, const char *reason)
{
    sc_series_add(sc_metrics_series_of(rt->observe.metrics, SC_METRIC_COMPONENT_INIT_FAIL_TOTAL,
                                       spec->type, spec->name, sc_str_from(reason)));
}

/* An unknown type counts as both kinds of failure, as in Dapr. */
static void count_opening(sc_runtime *rt, const sc_component_spec *spec, sc_code code)
{
    sc_metrics *metrics = rt->observe.metrics;

    if (code == SC_OK) {
        sc_series_add(sc_metrics_series_plain(metrics, SC_METRIC_COMPONENT_LOADED));
        sc_series_add(sc_metrics_series_of(metrics, SC_METRIC_COMPONENT_INIT_TOTAL, spec->type));
        return;
    }
    if (!sc_component_find(sc_components, spec->type, spec->version))
        count_failure(rt, spec, "creation");
    count_failure(rt, spec, "init");
}

/* A component whose secret store is not there yet waits for it. */
static bool waits_for_store(sc_runtime *rt, uint32_t index)
{
    const sc_component_spec *spec = &rt->resources.components[index];
    sc_str store = spec->settings.secret_store;

    if (!sc_values_need_secrets(&spec->settings) || sc_secretstores_has(rt->secretstores, store))
        return false;
    sc_log_warn(&rt->processor, "Component %.*s references a secret store that isn't loaded: %.*s",
                SC_FMT(spec->name), SC_FMT(store));
    rt->parked[index] = true;
    return true;
}

static sc_code open_one(sc_runtime *rt, uint32_t index, sc_error *err)
{
    const sc_component_spec *spec = &rt->resources.components[index];
    const component_kind *kind = kind_of(spec->type);
    sc_str version = version_of(spec);
    sc_code code;

    if (!kind)
        return sc_fail(err, SC_INVALID, "process component %.*s error: incorrect type %.*s",
                       SC_FMT(spec->name), SC_FMT(spec->type));
    if (!kind->open) {
        sc_log_error(&rt->processor,
                     "Component %.*s (%.*s/%.*s) at %.*s is not loaded: this kind of component is "
                     "not implemented yet",
                     SC_FMT(spec->name), SC_FMT(spec->type), SC_FMT(version), SC_FMT(spec->place));
        return SC_OK;
    }
    if (waits_for_store(rt, index))
        return SC_OK;
    code = open_component(rt, kind, spec, err);
    count_opening(rt, spec, code);
    if (code == SC_OK) {
        sc_log_info(&rt->processor, "Component loaded: %.*s (%.*s/%.*s)", SC_FMT(spec->name),
                    SC_FMT(spec->type), SC_FMT(version));
        return kind == SECRET_STORES ? open_parked(rt, spec->name, err) : SC_OK;
    }
    sc_log_error(&rt->processor, "Failed to init component %.*s (%.*s/%.*s): %s",
                 SC_FMT(spec->name), SC_FMT(spec->type), SC_FMT(version), err->text);
    (void)sc_error_context(err, "process component %.*s error", SC_FMT(spec->name));
    if (!spec->ignore_errors)
        return err->code;
    sc_log_error(&rt->processor, "Ignoring error processing component: %s", err->text);
    return SC_OK;
}

/* Those that waited for the secret store that is open now. */
static sc_code open_parked(sc_runtime *rt, sc_str store, sc_error *err)
{
    for (uint32_t i = 0; i < rt->resources.component_count; i++) {
        if (!rt->parked[i] || !sc_str_eq(rt->resources.components[i].settings.secret_store, store))
            continue;
        rt->parked[i] = false;
        if (open_one(rt, i, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

static void tell_parked(sc_runtime *rt)
{
    for (uint32_t i = 0; i < rt->resources.component_count; i++) {
        const sc_component_spec *spec = &rt->resources.components[i];
        sc_str store = spec->settings.secret_store;

        if (!rt->parked[i])
            continue;
        if (store.len == 0)
            sc_log_error(&rt->processor,
                         "Component %.*s at %.*s is not loaded: it has a secretKeyRef, and nothing "
                         "says which secret store; add auth.secretStore",
                         SC_FMT(spec->name), SC_FMT(spec->place));
        else
            sc_log_error(&rt->processor,
                         "Component %.*s at %.*s is not loaded: its auth.secretStore names %.*s, "
                         "and no secret store of that name was loaded",
                         SC_FMT(spec->name), SC_FMT(spec->place), SC_FMT(store));
    }
}

/* spec.components.deny of the Configuration: "type" or "type/version", letter by letter. */
static bool is_denied(sc_runtime *rt, const sc_component_spec *spec)
{
    const sc_configuration *conf = &rt->configuration;
    sc_str with_version =
        sc_arena_fmt(&rt->mem, "%.*s/%.*s", SC_FMT(spec->type), SC_FMT(spec->version));
    bool is_hit = conf->denied_components_count > 0 && spec->version.len == 0;

    for (uint32_t i = 0; i < conf->denied_components_count; i++)
        is_hit = is_hit || sc_str_eq(conf->denied_components[i], spec->type) ||
                 sc_str_eq(conf->denied_components[i], with_version);
    if (!is_hit)
        return false;
    if (spec->version.len == 0)
        sc_log_warn(&rt->authorizer_log,
                    "component '%.*s' at %.*s cannot be loaded: with spec.components.deny in the "
                    "Configuration a component needs spec.version",
                    SC_FMT(spec->name), SC_FMT(spec->place));
    else
        sc_log_warn(
            &rt->authorizer_log,
            "component '%.*s' cannot be loaded because components of type '%.*s (%.*s)' are "
            "not allowed",
            SC_FMT(spec->name), SC_FMT(spec->name), SC_FMT(with_version));
    return true;
}

/* The secret stores, or all the others. */
static sc_code open_pass(sc_runtime *rt, bool are_stores, sc_error *err)
{
    for (uint32_t i = 0; i < rt->resources.component_count; i++) {
        const sc_component_spec *spec = &rt->resources.components[i];

        if ((kind_of(spec->type) == SECRET_STORES) != are_stores || is_denied(rt, spec))
            continue;
        if (open_one(rt, i, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

/* The owners of the instances, empty. */
static void make_blocks(sc_runtime *rt)
{
    sc_pubsubs_env pubsubs = {.loop = rt->loop,
                              .log = &rt->subscriptions_log,
                              .app_id = rt->options.app_id,
                              .namespace_ = rt->options.namespace_,
                              .ledger = rt->ledger,
                              .metrics = rt->observe.metrics,
                              .tracer = &rt->observe.tracer,
                              .random = &rt->random};

    rt->secretstores = sc_secretstores_new(
        &(sc_secretstores_env){.loop = rt->loop,
                               .metrics = rt->observe.metrics,
                               .scopes = rt->configuration.secret_scopes,
                               .scope_count = rt->configuration.secret_scopes_count});
    rt->conversations = sc_conversations_new(rt->loop, rt->observe.metrics);
    rt->pubsubs = sc_pubsubs_new(&pubsubs);
    rt->states = sc_states_new(&(sc_states_env){.loop = rt->loop,
                                                .log = &rt->processor,
                                                .app_id = rt->options.app_id,
                                                .namespace_ = rt->options.namespace_,
                                                .plain_namespace = rt->options.plain_namespace,
                                                .pubsubs = rt->pubsubs,
                                                .random = &rt->random});
}

sc_code sc_runtime_open_components(sc_runtime *rt, sc_error *err)
{
    static const char hex[] = "0123456789abcdef";
    char suffix[9] = "";

    for (size_t i = 0; i < 8; i++)
        suffix[i] = hex[sc_random_below(&rt->random, 16)];
    rt->instance_id =
        sc_arena_fmt(&rt->mem, "%.*s-%ld-%s", SC_FMT(rt->sink.instance), (long)getpid(), suffix);
    rt->components =
        sc_arena_zero(&rt->mem, (rt->resources.component_count + 1) * sizeof(rt->components[0]));
    rt->parked = sc_arena_zero(&rt->mem, rt->resources.component_count + 1);
    rt->metadata.components = rt->components;
    make_blocks(rt);
    sc_log_info(&rt->log, "Loading components…");
    if (open_pass(rt, true, err) != SC_OK || open_pass(rt, false, err) != SC_OK)
        return err->code;
    tell_parked(rt);
    sc_log_info(&rt->log, "Waiting for all outstanding components to be processed…");
    sc_log_info(&rt->log, "All outstanding components processed");
    return SC_OK;
}

/* ---- closing ---- */

static void close_next_kind(sc_runtime *rt)
{
    while (rt->closing_kind > 0) {
        const component_kind *kind = &kinds[--rt->closing_kind];

        if (kind->close) {
            kind->close(rt);
            return;
        }
    }
    sc_runtime_on_components_closed(rt);
}

void sc_runtime_close_components(sc_runtime *rt)
{
    for (uint32_t i = rt->metadata.component_count; i > 0; i--) {
        const sc_metadata_component *one = &rt->components[i - 1];

        sc_log_info(&rt->log, "Shutting down component %.*s (%.*s/%.*s)", SC_FMT(one->name),
                    SC_FMT(one->type), SC_FMT(one->version));
    }
    rt->closing_kind = SC_ARRAY_LEN(kinds);
    close_next_kind(rt);
}

/* ---- secret stores ---- */

static sc_code open_secretstore(sc_runtime *rt, const sc_component *component,
                                const sc_component_env *env, sc_error *err)
{
    return sc_secretstores_add(rt->secretstores, component, env, err);
}

static size_t secretstore_capabilities(const sc_runtime *rt, sc_str name,
                                       const char *names[SC_MAX_CAPABILITIES])
{
    return sc_secretstores_capabilities(rt->secretstores, name, names);
}

static void on_secretstores_closed(void *user)
{
    sc_runtime *rt = user;

    sc_secretstores_free(rt->secretstores);
    close_next_kind(rt);
}

static void close_secretstores(sc_runtime *rt)
{
    sc_secretstores_close(rt->secretstores, SC_LINGER_MS, on_secretstores_closed, rt);
}

/* ---- conversation ---- */

static sc_code open_conversation(sc_runtime *rt, const sc_component *component,
                                 const sc_component_env *env, sc_error *err)
{
    return sc_conversations_add(rt->conversations, component, env, err);
}

static void on_conversations_closed(void *user)
{
    sc_runtime *rt = user;

    sc_conversations_free(rt->conversations);
    close_next_kind(rt);
}

static void close_conversations(sc_runtime *rt)
{
    sc_conversations_close(rt->conversations, SC_LINGER_MS, on_conversations_closed, rt);
}

/* ---- pub/sub ---- */

static sc_code open_pubsub(sc_runtime *rt, const sc_component *component,
                           const sc_component_env *env, sc_error *err)
{
    return sc_pubsubs_add(rt->pubsubs, component, env, err);
}

static size_t pubsub_capabilities(const sc_runtime *rt, sc_str name,
                                  const char *names[SC_MAX_CAPABILITIES])
{
    return sc_pubsub_capabilities(sc_pubsubs_find(rt->pubsubs, name), names);
}

static void on_pubsubs_closed(void *user)
{
    sc_runtime *rt = user;

    sc_pubsubs_free(rt->pubsubs);
    close_next_kind(rt);
}

static void close_pubsubs(sc_runtime *rt)
{
    sc_pubsubs_close(rt->pubsubs, SC_LINGER_MS, on_pubsubs_closed, rt);
}

/* ---- state ---- */

static sc_code open_state(sc_runtime *rt, const sc_component *component,
                          const sc_component_env *env, sc_error *err)
{
    return sc_states_add(rt->states, component, env, err);
}

static size_t state_capabilities(const sc_runtime *rt, sc_str name,
                                 const char *names[SC_MAX_CAPABILITIES])
{
    return sc_state_capabilities(sc_states_find(rt->states, name)->state, names);
}

static void on_states_closed(void *user)
{
    sc_runtime *rt = user;

    sc_states_free(rt->states);
    close_next_kind(rt);
}

static void close_states(sc_runtime *rt)
{
    sc_states_close(rt->states, SC_LINGER_MS, on_states_closed, rt);
}
