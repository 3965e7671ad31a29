/* SPDX-License-Identifier: MIT
 *
 * What service invocation needs: the name resolver that the Configuration names, the connections to
 * other sidecars, and the port for them.
 */
#include <unistd.h>

#include "core/env.h"
#include "io/host.h"
#include "sidecar/runtime_internal.h"

#define STABLE_PORT_FIRST 47300u
#define STABLE_PORT_LAST  65534u

static sc_str local_component = SC_STR_INIT("local");

/* Whether names are looked up on this machine alone. */
static bool is_local(const sc_runtime *rt)
{
    sc_str component = rt->configuration.name_resolution.component;

    return component.len == 0 || sc_str_eq(component, local_component);
}

/* ---- the name resolver ---- */

/* A scalar of the free-form configuration as the text that a settings table reads. */
static bool scalar_text(const sc_doc *doc, sc_str *text)
{
    if (doc->kind == SC_DOC_BOOL)
        *text = doc->truth ? SC_STR("true") : SC_STR("false");
    else if (doc->kind == SC_DOC_STRING || doc->kind == SC_DOC_NUMBER)
        *text = doc->text;
    else
        return false;
    return true;
}

static sc_code read_settings(sc_runtime *rt, sc_pairs *settings, sc_error *err)
{
    const sc_doc *doc = rt->configuration.name_resolution.configuration;

    if (!doc || doc->kind == SC_DOC_NULL)
        return SC_OK;
    if (doc->kind != SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID,
                       "spec.nameResolution.configuration must be a map of settings, and is a %s",
                       sc_doc_kind_name(doc->kind));
    SC_DOC_EACH (doc, it) {
        sc_str text;

        if (!scalar_text(it, &text))
            return sc_fail(err, SC_INVALID,
                           "spec.nameResolution.configuration: '%.*s' must be a text, a number or "
                           "a truth value, and is a %s",
                           SC_FMT(it->key), sc_doc_kind_name(it->kind));
        sc_pairs_add(settings, &rt->mem, it->key, text);
    }
    return SC_OK;
}

static sc_code open_names(sc_runtime *rt, const sc_component *component, sc_str name, sc_error *err)
{
    sc_pairs settings = {0};
    sc_component_env env = {.loop = rt->loop,
                            .log = &rt->contrib,
                            .name = name,
                            .app_id = rt->options.app_id,
                            .namespace_ = rt->options.namespace_,
                            .instance_id = rt->instance_id,
                            .settings = &settings};

    if (read_settings(rt, &settings, err) != SC_OK)
        return err->code;
    return sc_names_open(component, &env, &rt->names, err);
}

/* As for the registry that nobody asked for, on a machine without a folder for it. */
static void warn_of_loneliness(const sc_runtime *rt, const sc_error *err)
{
    sc_log_warn(&rt->log,
                "%s. Other sidecars of this machine and this one do not find each other; set "
                "XDG_RUNTIME_DIR to a folder of this user",
                err->text);
}

static sc_str resolver_version(const sc_runtime *rt)
{
    sc_str version = rt->configuration.name_resolution.version;

    return version.len > 0 ? version : SC_STR("v1");
}

/* The sidecar runs on without it, as Dapr does. */
static void log_failure(const sc_runtime *rt, sc_str name, const sc_error *err)
{
    sc_log_error(&rt->log,
                 "[INIT_COMPONENT_FAILURE]: initialization error occurred for nr (%.*s/%.*s): %s",
                 SC_FMT(name), SC_FMT(resolver_version(rt)), err->text);
}

void sc_runtime_open_names(sc_runtime *rt)
{
    const sc_name_resolution_spec *spec = &rt->configuration.name_resolution;
    sc_str name = spec->component.len > 0 ? spec->component : local_component;
    sc_str version = resolver_version(rt);
    sc_str type = sc_arena_fmt(&rt->mem, "nameresolution.%.*s", SC_FMT(name));
    const sc_component *component = sc_component_find(sc_components, type, version);
    sc_error err;

    if (!component)
        sc_log_error(&rt->log,
                     "[CREATE_COMPONENT_FAILURE]: initialization error occurred for nr "
                     "(%.*s/%.*s): couldn't find name resolver %.*s/%.*s",
                     SC_FMT(name), SC_FMT(version), SC_FMT(name), SC_FMT(version));
    else if (open_names(rt, component, name, &err) == SC_OK)
        sc_log_info(&rt->log, "Initialized name resolution to %.*s", SC_FMT(name));
    else if (spec->component.len == 0)
        warn_of_loneliness(rt, &err);
    else
        log_failure(rt, name, &err);
}

/* ---- addresses ---- */

static sc_str unbracketed(sc_str host)
{
    if (sc_str_starts(host, SC_STR("[")) && sc_str_ends(host, SC_STR("]")))
        return sc_str_sub(host, 1, host.len - 1);
    return sc_str_eq(host, SC_STR("localhost")) ? SC_STR("127.0.0.1") : host;
}

/* DAPR_HOST_IP, else what the machine knows of itself; a machine alone has loopback. */
static void find_host(sc_runtime *rt)
{
    char text[SC_HOST_TEXT_MAX];
    sc_str given = sc_env_get("DAPR_HOST_IP");

    if (given.len > 0)
        rt->host_ip = given;
    else if (sc_host_address(text))
        rt->host_ip = sc_arena_str(&rt->mem, sc_str_from(text));
    else
        rt->host_ip = SC_STR("127.0.0.1");
}

/* Where the internal port listens. Dapr: everywhere. Sidecars that only those of this machine can
 * find have no reason to. */
sc_str sc_runtime_internal_host(const sc_runtime *rt)
{
    if (rt->options.internal_host.len > 0)
        return unbracketed(rt->options.internal_host);
    return is_local(rt) ? SC_STR("127.0.0.1") : SC_STR("");
}

static bool is_loopback(sc_str host)
{
    return sc_str_starts(host, SC_STR("127.")) || sc_str_eq(host, SC_STR("::1"));
}

static sc_str announced_host(const sc_runtime *rt)
{
    sc_str host = sc_runtime_internal_host(rt);

    return host.len > 0 && (is_local(rt) || is_loopback(host)) ? host : rt->host_ip;
}

/* The same for the same application started again in the same place, so that peers find it where it
 * was (runtime, "internal gRPC port"). */
static uint16_t stable_port(sc_runtime *rt)
{
    char folder[4096];
    const char *at = getcwd(folder, sizeof(folder));
    sc_str text = sc_arena_fmt(&rt->mem, "%.*s|%s|%u|%.*s", SC_FMT(rt->options.app_id),
                               at ? at : "", (unsigned)getuid(), SC_FMT(rt->sink.instance));
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.at[i]) * 1099511628211u;
    return (uint16_t)(STABLE_PORT_FIRST + hash % (STABLE_PORT_LAST - STABLE_PORT_FIRST + 1));
}

/* ---- the internal port ---- */

sc_code sc_runtime_open_peer_port(sc_runtime *rt, uint16_t port, sc_error *err)
{
    sc_listen at = {.host = sc_runtime_internal_host(rt), .port = port};
    sc_grpc_limits limits = {.max_message_len = rt->options.max_body_len,
                             .max_head_len = 1u << 20,
                             .max_streams = 10000,
                             .max_connections = rt->max_connections,
                             .keepalive_ms = 10000,
                             .keepalive_timeout_ms = 5000,
                             .min_ping_interval_ms = 8000,
                             .idle_ms = 180000};

    if (sc_grpc_server_open(rt->loop, &at, &limits, &sc_peer_service, &rt->peer_port,
                            &rt->peer_server, err) != SC_OK)
        return err->code;
    rt->grpc_servers[rt->grpc_server_count++] = rt->peer_server;
    return SC_OK;
}

void sc_runtime_reserve_peer_port(sc_runtime *rt)
{
    uint16_t port = rt->options.internal_port;
    sc_error err;

    if (sc_runtime_open_peer_port(rt, port > 0 ? port : stable_port(rt), &err) == SC_OK)
        return;
    if (port == 0 && sc_runtime_open_peer_port(rt, 0, &err) == SC_OK)
        return;
    sc_log_warn(&rt->log, "the port for other sidecars is not free yet: %s", err.text);
}

/* ---- the whole ---- */

/* Policies are for callers by name, and names are proven by certificates. */
static void warn_of_policies(const sc_runtime *rt)
{
    const sc_access_control *access = &rt->configuration.access_control;

    if (access->policies_count > 0)
        sc_log_warn(&rt->log,
                    "spec.accessControl lists policies, but without mutual TLS nobody knows who "
                    "calls: the defaultAction '%.*s' counts for every caller",
                    SC_FMT(access->default_action));
}

static void open_proxy(sc_runtime *rt)
{
    sc_proxy_settings settings = {.loop = rt->loop,
                                  .app_id = rt->options.app_id,
                                  .namespace_ = rt->options.namespace_,
                                  .invoker = rt->invoker,
                                  .names = rt->names,
                                  .peers = rt->peers,
                                  .api_token = rt->options.api_token,
                                  .app_api_token = rt->options.app_api_token};

    if (rt->app)
        settings.own = sc_app_channel_open_proxied(rt);
    else if (rt->app_grpc)
        settings.own = sc_app_grpc_channel(rt->app_grpc);
    rt->proxy = rt->api.proxy = sc_proxy_new(&settings);
}

void sc_runtime_open_invocation(sc_runtime *rt)
{
    sc_peers_settings peers = {.max_message_len = rt->options.max_body_len};
    sc_invoker_settings invoker = {.loop = rt->loop,
                                   .log = &rt->log,
                                   .app_id = rt->options.app_id,
                                   .namespace_ = rt->options.namespace_,
                                   .host_name = rt->sink.instance,
                                   .access = &rt->configuration.access_control,
                                   .random = &rt->random,
                                   .metrics = rt->observe.metrics};

    warn_of_policies(rt);
    find_host(rt);
    rt->peers = sc_peers_open(rt->loop, &peers);
    invoker.host_ip = rt->host_ip;
    invoker.names = rt->names;
    invoker.needs_names = rt->configuration.name_resolution.component.len > 0;
    invoker.peers = rt->peers;
    if (rt->app)
        invoker.own = sc_app_http_target(rt->app);
    else if (rt->app_grpc)
        invoker.own = sc_app_grpc_target(rt->app_grpc);
    if (rt->options.checks_health) {
        rt->health.is_unhealthy = true; /* until a probe says otherwise */
        invoker.is_app_unhealthy = &rt->health.is_unhealthy;
    }
    rt->invoker = rt->api.invoker = sc_invoker_new(&invoker);
    open_proxy(rt);
    rt->peer_port = (sc_peer_port){.loop = rt->loop,
                                   .log = &rt->log,
                                   .app_id = rt->options.app_id,
                                   .invoker = rt->invoker,
                                   .proxy = rt->proxy,
                                   .observe = &rt->observe,
                                   .max_body_len = rt->options.max_body_len};
}

static void on_announced(sc_op *op);

void sc_runtime_announce(sc_runtime *rt)
{
    sc_op *op = &rt->announcing;
    sc_announcement what = {.app_id = rt->options.app_id,
                            .namespace_ = rt->options.namespace_,
                            .host = announced_host(rt),
                            .port = sc_listener_port(sc_grpc_server_listener(rt->peer_server)),
                            .op = op};

    sc_op_init(op, sc_loop_ops(rt->loop), &rt->mem, on_announced);
    if (!rt->names || sc_names_announce(rt->names, &what, &op->err) != SC_PENDING)
        sc_op_finish(op);
}

static void on_announced(sc_op *op)
{
    sc_runtime *rt = SC_CONTAINER_OF(op, sc_runtime, announcing);
    sc_str component = rt->configuration.name_resolution.component;

    if (rt->is_stopping)
        return;
    if (op->err.code != SC_OK && component.len == 0) {
        warn_of_loneliness(rt, &op->err);
    } else if (op->err.code != SC_OK) {
        (void)sc_error_context(&op->err, "others do not find this sidecar");
        log_failure(rt, component, &op->err);
    }
    sc_runtime_on_announced(rt);
}

void sc_runtime_withdraw(sc_runtime *rt)
{
    if (rt->names)
        sc_names_withdraw(rt->names);
}

static void on_names_closed(void *user)
{
    sc_runtime_close_components(user);
}

static void on_peers_closed(void *user)
{
    sc_runtime *rt = user;

    if (rt->names)
        sc_names_close(rt->names, SC_LINGER_MS, on_names_closed, rt);
    else
        on_names_closed(rt);
}

static void on_endpoints_closed(void *user)
{
    sc_runtime *rt = user;

    sc_peers_close(rt->peers, on_peers_closed, rt);
}

void sc_runtime_close_invocation(sc_runtime *rt)
{
    sc_endpoints_close(rt->endpoints, on_endpoints_closed, rt);
}
