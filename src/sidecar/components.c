/* SPDX-License-Identifier: MIT
 *
 * Opens and closes the components of the resources: in which order, with which settings, and what
 * is said when one cannot be opened.
 */

#include "sidecar/component_kinds.h"
#include "sidecar/templates.h"

static sc_code open_one(sc_runtime *rt, uint32_t index, sc_error *err);
static sc_code open_parked(sc_runtime *rt, sc_str store, sc_error *err);

/* ---- opening ---- */

static sc_str version_of(const sc_component_spec *spec)
{
    return spec->version.len ? spec->version : SC_STR("v1");
}

/* The line of the metadata API for a component that is open now. */
static void list_component(sc_runtime *rt, const sc_component_kind *kind,
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

static sc_code open_instance(sc_runtime *rt, const sc_component_kind *kind,
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

/* Dapr's name of a component in messages: "name (type/version)". */
static sc_str log_name(const sc_component_spec *spec, sc_arena *mem)
{
    return sc_arena_fmt(mem, "%.*s (%.*s%s%.*s)", SC_FMT(spec->name), SC_FMT(spec->type),
                        spec->version.len > 0 ? "/" : "", SC_FMT(spec->version));
}

/* The cause alone is in `err` when it fails. */
static sc_code open_component(sc_runtime *rt, const sc_component_kind *kind,
                              const sc_component_spec *spec, sc_error *err)
{
    const sc_component *component = sc_component_find(sc_components, spec->type, spec->version);
    sc_str version = version_of(spec);

    if (!component)
        return sc_fail(err, SC_NOT_FOUND, "couldn't find %s %.*s/%.*s (declared at %.*s)",
                       kind->noun, SC_FMT(spec->type), SC_FMT(version), SC_FMT(spec->place));
    if (open_instance(rt, kind, component, spec, err) != SC_OK)
        return err->code;
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

/* A component is not there: that ends the start, unless it says ignoreErrors. `why` is whole, where
 * the error may be cut. */
static sc_code give_up(sc_runtime *rt, const sc_component_spec *spec, sc_code code, sc_str why,
                       sc_error *err)
{
    if (spec->ignore_errors) {
        sc_log_error(&rt->processor, "Ignoring error processing component: %.*s", SC_FMT(why));
        return SC_OK;
    }
    sc_log_warn(&rt->processor, "Error processing component, daprd will exit gracefully: %.*s",
                SC_FMT(why));
    return sc_fail(err, code, "%.*s", SC_FMT(why));
}

static sc_code tell_failure(sc_runtime *rt, const sc_component_spec *spec, sc_error *err)
{
    bool is_known = sc_component_find(sc_components, spec->type, spec->version) != NULL;
    sc_str name = log_name(spec, &rt->mem);
    sc_str cause = sc_arena_fmt(&rt->mem, "[%s]: initialization error occurred for %.*s: %s",
                                is_known ? "INIT_COMPONENT_FAILURE" : "CREATE_COMPONENT_FAILURE",
                                SC_FMT(name), err->text);
    sc_str why = sc_arena_fmt(&rt->mem,
                              "process component %.*s error: [INIT_COMPONENT_FAILURE]: "
                              "initialization error occurred for %.*s: %.*s",
                              SC_FMT(spec->name), SC_FMT(name), SC_FMT(cause));

    sc_log_error(&rt->processor, "Failed to init component %.*s: %.*s", SC_FMT(name),
                 SC_FMT(cause));
    return give_up(rt, spec, err->code, why, err);
}

static sc_code open_one(sc_runtime *rt, uint32_t index, sc_error *err)
{
    const sc_component_spec *spec = &rt->resources.components[index];
    const sc_component_kind *kind = sc_component_kind_of(spec->type);
    sc_str name = log_name(spec, &rt->mem);
    sc_code code;

    if (!kind)
        return give_up(rt, spec, SC_INVALID,
                       sc_arena_fmt(&rt->mem, "process component %.*s error: incorrect type %.*s",
                                    SC_FMT(spec->name), SC_FMT(spec->type)),
                       err);
    if (!kind->open) {
        sc_log_error(&rt->processor,
                     "Component %.*s at %.*s is not loaded: this kind of component is not "
                     "implemented yet",
                     SC_FMT(name), SC_FMT(spec->place));
        return SC_OK;
    }
    if (waits_for_store(rt, index))
        return SC_OK;
    code = open_component(rt, kind, spec, err);
    count_opening(rt, spec, code);
    if (code != SC_OK)
        return tell_failure(rt, spec, err);
    sc_log_info(&rt->processor, "Component loaded: %.*s", SC_FMT(name));
    return sc_component_kind_is_first(kind) ? open_parked(rt, spec->name, err) : SC_OK;
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

        if (sc_component_kind_is_first(sc_component_kind_of(spec->type)) != are_stores ||
            is_denied(rt, spec))
            continue;
        if (open_one(rt, i, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

sc_code sc_runtime_open_components(sc_runtime *rt, sc_error *err)
{
    rt->components =
        sc_arena_zero(&rt->mem, (rt->resources.component_count + 1) * sizeof(rt->components[0]));
    rt->parked = sc_arena_zero(&rt->mem, rt->resources.component_count + 1);
    rt->metadata.components = rt->components;
    sc_component_kinds_make(rt);
    sc_log_info(&rt->log, "Loading components…");
    if (open_pass(rt, true, err) != SC_OK || open_pass(rt, false, err) != SC_OK)
        return err->code;
    tell_parked(rt);
    sc_log_info(&rt->log, "Waiting for all outstanding components to be processed…");
    sc_log_info(&rt->log, "All outstanding components processed");
    return SC_OK;
}

/* ---- closing ---- */

void sc_runtime_close_components(sc_runtime *rt)
{
    for (uint32_t i = rt->metadata.component_count; i > 0; i--) {
        const sc_metadata_component *one = &rt->components[i - 1];

        sc_log_info(&rt->log, "Shutting down component %.*s (%.*s/%.*s)", SC_FMT(one->name),
                    SC_FMT(one->type), SC_FMT(one->version));
    }
    sc_component_kinds_close(rt);
}
