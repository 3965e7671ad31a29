/* SPDX-License-Identifier: MIT
 *
 * Opens the channel to the application in the protocol that --app-protocol names. As in Dapr, the
 * certificate of a local application is not verified.
 */
#include "sidecar/runtime_internal.h"

typedef struct protocol {
    sc_str name;
    bool is_grpc;
    bool is_tls;
    sc_http_version version;
} protocol;

static const protocol protocols[] = {
    {SC_STR_INIT("http"), false, false, SC_HTTP_1_1},
    {SC_STR_INIT("https"), false, true, SC_HTTP_1_1},
    {SC_STR_INIT("h2c"), false, false, SC_HTTP_2},
    {SC_STR_INIT("grpc"), true, false, SC_HTTP_2},
    {SC_STR_INIT("grpcs"), true, true, SC_HTTP_2},
};

/* sc_options_check let only these names through. */
static const protocol *find(sc_str name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(protocols); i++) {
        if (sc_str_eq(protocols[i].name, name))
            return &protocols[i];
    }
    return &protocols[0];
}

static sc_code open_tls(sc_runtime *rt, const protocol *with, sc_error *err)
{
    sc_tls_settings tls = {.skip_verify = true, .alpn = with->is_grpc ? SC_STR("h2") : SC_STR_NONE};

    if (sc_tls_context_new(&tls, &rt->app_tls, err) == SC_OK)
        return SC_OK;
    return sc_error_context(err, "app-protocol %.*s", SC_FMT(with->name));
}

static void open_grpc(sc_runtime *rt, uint32_t max_concurrency)
{
    sc_app_grpc_settings settings = {.host = rt->options.app_host,
                                     .port = rt->options.app_port,
                                     .tls = rt->app_tls,
                                     .api_token = rt->options.app_api_token,
                                     .max_concurrency = max_concurrency,
                                     .max_body_len = rt->options.max_body_len,
                                     .stats = rt->observe.grpc_client,
                                     .log = &rt->subscriptions_log};

    rt->app_grpc = sc_app_grpc_open(rt->loop, &settings);
}

static void open_http(sc_runtime *rt, sc_http_version version, uint32_t max_concurrency)
{
    sc_app_http_settings settings = {.host = rt->options.app_host,
                                     .log = &rt->subscriptions_log,
                                     .port = rt->options.app_port,
                                     .version = version,
                                     .tls = rt->app_tls,
                                     .api_token = rt->options.app_api_token,
                                     .stats = rt->observe.http_client,
                                     .max_concurrency = max_concurrency};

    rt->app = sc_app_http_open(rt->loop, &settings);
}

sc_code sc_app_channel_open(sc_runtime *rt, sc_error *err)
{
    const protocol *with = find(rt->options.app_protocol);
    int64_t max = rt->options.app_max_concurrency;

    if (rt->options.app_port == 0) {
        sc_log log = sc_runtime_log(rt, "dapr.runtime.channels");

        sc_log_warn(&log, "App channel is not initialized. Did you configure an app-port?");
        return SC_OK;
    }
    if (with->is_tls && open_tls(rt, with, err) != SC_OK)
        return err->code;
    if (with->is_grpc)
        open_grpc(rt, max > 0 ? (uint32_t)max : 0);
    else
        open_http(rt, with->version, max > 0 ? (uint32_t)max : 0);
    return SC_OK;
}

/* It may speak gRPC all the same: connected when first needed. */
sc_grpc_channel *sc_app_channel_open_proxied(sc_runtime *rt)
{
    sc_tls_settings tls = {.skip_verify = true, .alpn = SC_STR("h2")};
    sc_grpc_channel_settings settings = {
        .dial = {.host = rt->options.app_host, .port = rt->options.app_port, .timeout_ms = 5000},
        .max_message_len = rt->options.max_body_len,
        .keepalive_ms = 10000,
    };
    sc_tls_context *context = NULL;
    sc_error err;

    if (rt->app_tls && sc_tls_context_new(&tls, &context, &err) == SC_OK)
        settings.dial.tls = context;
    rt->app_proxied = sc_grpc_channel_open(rt->loop, &settings);
    sc_tls_context_unref(context); /* the channel counts its own */
    return rt->app_proxied;
}

static void close_channel(sc_runtime *rt, void (*on_closed)(void *user))
{
    if (rt->app)
        sc_app_http_close(rt->app, on_closed, rt);
    else if (rt->app_grpc)
        sc_app_grpc_close(rt->app_grpc, on_closed, rt);
    else
        on_closed(rt);
}

static void on_proxied_closed(void *user)
{
    sc_runtime *rt = user;

    close_channel(rt, rt->on_app_channel_closed);
}

void sc_app_channel_close(sc_runtime *rt, void (*on_closed)(void *user))
{
    sc_tls_context_unref(rt->app_tls); /* the channel counts its own */
    rt->app_tls = NULL;
    rt->on_app_channel_closed = on_closed;
    if (rt->app_proxied)
        sc_grpc_channel_close(rt->app_proxied, on_proxied_closed, rt);
    else
        close_channel(rt, on_closed);
}
