/* SPDX-License-Identifier: MIT
 *
 * The table of `run`, and what follows from it: the sidecar's arguments and the application's
 * environment.
 */
#include "cli/run_settings.h"

#include <stdlib.h>

#define S         cli_run_settings
#define PROTOCOLS "http https grpc grpcs h2c"

const cli_flag cli_run_flags[] = {
    CLI_TEXT(S, app_id, .name = "app-id", .letter = 'a', .value = "ID", .key = "appID",
             .is_per_app = true, .sidecar = "app-id",
             .help = "Name of the application for other applications (default: two random words)"),
    CLI_NUMBER(S, app_port, .name = "app-port", .letter = 'p', .value = "PORT", .initial = "-1",
               .key = "appPort", .is_per_app = true, .sidecar = "app-port",
               .help = "Port that the application listens on; -1: it does not"),
    CLI_TEXT(S, app_protocol, .name = "app-protocol", .letter = 'P', .value = "PROTOCOL",
             .initial = "http", .choices = PROTOCOLS, .key = "appProtocol",
             .sidecar = "app-protocol", .help = "Protocol of the application: " PROTOCOLS),
    CLI_TEXT(S, app_host, .name = "app-channel-address", .value = "HOST", .initial = "127.0.0.1",
             .key = "appChannelAddress", .is_per_app = true, .sidecar = "app-channel-address",
             .help = "Where the application listens"),
    CLI_NUMBER(S, app_max_concurrency, .name = "app-max-concurrency", .value = "N", .initial = "-1",
               .key = "appMaxConcurrency", .sidecar = "app-max-concurrency",
               .help = "Calls to the application at a time; -1: no limit"),
    CLI_NUMBER(S, http_port, .name = "dapr-http-port", .letter = 'H', .value = "PORT",
               .initial = "-1", .key = "daprHTTPPort", .is_per_app = true,
               .sidecar = "dapr-http-port", .help = "Port of the HTTP API; -1: a free one"),
    CLI_NUMBER(S, grpc_port, .name = "dapr-grpc-port", .letter = 'G', .value = "PORT",
               .initial = "-1", .key = "daprGRPCPort", .is_per_app = true,
               .sidecar = "dapr-grpc-port", .help = "Port of the gRPC API; -1: a free one"),
    CLI_NUMBER(S, internal_port, .name = "dapr-internal-grpc-port", .letter = 'I', .value = "PORT",
               .initial = "-1", .key = "daprInternalGRPCPort", .is_per_app = true,
               .sidecar = "dapr-internal-grpc-port",
               .help = "Port for other sidecars; -1: a free one"),
    CLI_NUMBER(S, metrics_port, .name = "metrics-port", .letter = 'M', .value = "PORT",
               .initial = "-1", .key = "metricsPort", .is_per_app = true, .sidecar = "metrics-port",
               .help = "Port of the metrics page; -1: a free one"),
    CLI_SWITCH(S, is_profiled, .name = "enable-profiling", .key = "enableProfiling",
               .sidecar = "enable-profiling", .help = "Serve profiles of the sidecar"),
    CLI_NUMBER(S, profile_port, .name = "profile-port", .value = "PORT", .initial = "-1",
               .key = "profilePort", .is_per_app = true, .sidecar = "profile-port",
               .help = "Port for profiles; -1: a free one"),
    CLI_TEXT(S, config, .name = "config", .letter = 'c', .value = "FILE", .choices = "@file",
             .key = "configFilePath", .sidecar = "config",
             .help = "Configuration resource (default: config.yaml of the Dapr folder, if it is "
                     "there)"),
    CLI_LIST(S, resources, .name = "resources-path", .value = "DIR", .choices = "@dir",
             .key = "resourcesPaths", .sidecar = "resources-path",
             .help = "Folder of components and other resources; may be repeated (default: "
                     "components of the Dapr folder)"),
    CLI_TEXT(S, components, .name = "components-path", .letter = 'd', .value = "DIR",
             .choices = "@dir",
             .deprecated = "This flag is deprecated and will be removed in the future releases. "
                           "Use \"resources-path\" flag instead",
             .help = "The older name of --resources-path"),
    CLI_TEXT(S, placement, .name = "placement-host-address", .value = "HOST",
             .key = "placementHostAddress", .sidecar = "placement-host-address",
             .help = "Placement service for actors (default: none)"),
    CLI_TEXT(S, scheduler, .name = "scheduler-host-address", .value = "HOST",
             .key = "schedulerHostAddress", .sidecar = "scheduler-host-address",
             .help = "Scheduler service for jobs (default: none)"),
    CLI_TEXT(S, log_level, .name = "log-level", .value = "LEVEL", .initial = "info",
             .choices = "debug info warn error fatal", .key = "logLevel", .sidecar = "log-level",
             .help = "Log level of the sidecar: debug info warn error fatal"),
    CLI_TEXT(S, max_body_size, .name = "max-body-size", .value = "SIZE", .initial = "4Mi",
             .key = "maxBodySize", .sidecar = "max-body-size", .help = "Largest request body"),
    CLI_TEXT(S, read_buffer_size, .name = "read-buffer-size", .value = "SIZE", .initial = "4Ki",
             .key = "readBufferSize", .sidecar = "read-buffer-size",
             .help = "Largest request head"),
    CLI_NUMBER(S, old_max_body_size, .name = "dapr-http-max-request-size", .value = "MB",
               .sidecar = "dapr-http-max-request-size",
               .deprecated = "use \"max-body-size\" flag instead",
               .help = "The older --max-body-size, in MiB"),
    CLI_NUMBER(S, old_read_buffer_size, .name = "dapr-http-read-buffer-size", .value = "KB",
               .sidecar = "dapr-http-read-buffer-size",
               .deprecated = "use \"read-buffer-size\" flag instead",
               .help = "The older --read-buffer-size, in KiB"),
    CLI_TEXT(S, socket_folder, .name = "unix-domain-socket", .letter = 'u', .value = "DIR",
             .choices = "@dir", .key = "unixDomainSocket", .is_per_app = true,
             .sidecar = "unix-domain-socket",
             .help = "Folder for Unix sockets that the sidecar listens on instead of ports"),
    CLI_SWITCH(S, checks_health, .name = "enable-app-health-check", .key = "enableAppHealthCheck",
               .sidecar = "enable-app-health-check", .help = "Probe the application's health"),
    CLI_TEXT(S, health_path, .name = "app-health-check-path", .value = "PATH",
             .key = "appHealthCheckPath", .sidecar = "app-health-check-path",
             .help = "Path of the probe (default /healthz)"),
    CLI_NUMBER(S, health_interval_s, .name = "app-health-probe-interval", .value = "SECONDS",
               .key = "appHealthProbeInterval", .sidecar = "app-health-probe-interval",
               .help = "Time between probes (default 5)"),
    CLI_NUMBER(S, health_timeout_ms, .name = "app-health-probe-timeout", .value = "MS",
               .key = "appHealthProbeTimeout", .sidecar = "app-health-probe-timeout",
               .help = "Limit for a probe, in milliseconds (default 500)"),
    CLI_NUMBER(S, health_threshold, .name = "app-health-threshold", .value = "N",
               .key = "appHealthThreshold", .sidecar = "app-health-threshold",
               .help = "Failed probes in a row until the application counts as ill (default 3)"),
    CLI_SWITCH(S, logs_api, .name = "enable-api-logging", .key = "enableApiLogging",
               .sidecar = "enable-api-logging", .help = "Log every call of the API"),
    CLI_TEXT(S, listen_addresses, .name = "dapr-listen-addresses", .value = "ADDRESSES",
             .key = "apiListenAddresses", .sidecar = "dapr-listen-addresses",
             .help = "Addresses of the APIs, ',' between (default: all)"),
    CLI_SWITCH(S, app_ssl, .name = "app-ssl", .key = "appSSL", .sidecar = "app-ssl",
               .deprecated = "Please use \"app-protocol\" flag with the value \"https\" or "
                             "\"grpcs\" instead",
               .help = "The application speaks TLS"),
    CLI_TEXT(S, run_file, .name = "run-file", .letter = 'f', .value = "FILE", .choices = "@file",
             .help = "Run the applications of this file, of dapr.yaml in this folder, or of "
                     "standard input (-)"),
    CLI_SWITCH(S, kubernetes, .name = "kubernetes", .letter = 'k', .is_hidden = true,
               .help = "Run on Kubernetes"),
    CLI_FLAGS_END,
};

/* ---- the sidecar's arguments ---- */

typedef struct arg_list {
    sc_arena *mem;
    const char **at;
    size_t count;
    size_t cap;
} arg_list;

static void add(arg_list *to, const char *text)
{
    if (to->count + 1 >= to->cap) {
        size_t cap = to->cap ? to->cap * 2 : 64;
        const char **grown = sc_arena_zero(to->mem, cap * sizeof(char *));

        if (to->count > 0)
            memcpy(grown, to->at, to->count * sizeof(char *));
        to->at = grown;
        to->cap = cap;
    }
    to->at[to->count++] = text;
}

/* Always two words: tools read the command line of running sidecars. */
static void add_flag(arg_list *to, const cli_flag *flag, sc_str value)
{
    add(to, sc_arena_fmt(to->mem, "--%s", flag->sidecar).at);
    add(to, sc_arena_str(to->mem, value).at);
}

/* What the sidecar would do anyway is not said. */
static void add_if_said(arg_list *to, const cli_flag *flag, const S *s)
{
    const void *value = (const char *)s + flag->offset;
    sc_str text;
    int64_t number;

    switch (flag->kind) {
    case CLI_FLAG_TEXT:
        text = *(const sc_str *)value;
        if (text.len > 0 && !sc_str_eq(text, sc_str_from(flag->initial)))
            add_flag(to, flag, text);
        break;
    case CLI_FLAG_NUMBER:
        number = *(const int64_t *)value;
        if (number > 0)
            add_flag(to, flag, sc_arena_fmt(to->mem, "%lld", (long long)number));
        break;
    case CLI_FLAG_SWITCH:
        if (*(const bool *)value)
            add(to, sc_arena_fmt(to->mem, "--%s", flag->sidecar).at);
        break;
    case CLI_FLAG_LIST:
        for (uint32_t i = 0; i < ((const cli_texts *)value)->count; i++)
            add_flag(to, flag, ((const cli_texts *)value)->at[i]);
        break;
    }
}

const char **cli_run_sidecar_args(cli *c, const S *s)
{
    arg_list list = {.mem = &c->mem};

    add(&list, "daprd"); /* what tools look for in the list of processes */
    for (const cli_flag *flag = cli_run_flags; flag->name; flag++) {
        if (flag->sidecar)
            add_if_said(&list, flag, s);
    }
    if (c->is_json)
        add(&list, "--log-as-json");
    return list.at;
}

/* ---- the application ---- */

static const char *protocol_with_tls(const S *s)
{
    if (s->app_ssl && sc_str_eq(s->app_protocol, SC_STR("http")))
        return "https";
    if (s->app_ssl && sc_str_eq(s->app_protocol, SC_STR("grpc")))
        return "grpcs";
    return s->app_protocol.at;
}

static void set_env(arg_list *to, const char *name, sc_str value)
{
    sc_str start = sc_arena_fmt(to->mem, "%s=", name);
    const char *entry = sc_arena_fmt(to->mem, "%s%.*s", start.at, SC_FMT(value)).at;

    for (size_t i = 0; i < to->count; i++) {
        if (sc_str_starts(sc_str_from(to->at[i]), start)) {
            to->at[i] = entry;
            return;
        }
    }
    add(to, entry);
}

static arg_list own_env(cli *c)
{
    extern char **environ;
    arg_list list = {.mem = &c->mem};

    for (char **at = environ; *at; at++)
        add(&list, *at);
    return list;
}

const char **cli_run_sidecar_env(cli *c, const S *s)
{
    arg_list list;

    if (s->folder.len == 0 || getenv("DAPR_HOST_IP"))
        return NULL;
    list = own_env(c);
    set_env(&list, "DAPR_HOST_IP", SC_STR("127.0.0.1"));
    return list.at;
}

const char **cli_run_app_env(cli *c, const S *s)
{
    arg_list list = own_env(c);

    set_env(&list, "APP_ID", s->app_id);
    set_env(&list, "APP_CHANNEL_ADDRESS", s->app_host);
    if (s->app_port > 0)
        set_env(&list, "APP_PORT", sc_arena_fmt(&c->mem, "%lld", (long long)s->app_port));
    set_env(&list, "DAPR_HTTP_PORT", sc_arena_fmt(&c->mem, "%lld", (long long)s->http_port));
    set_env(&list, "DAPR_GRPC_PORT", sc_arena_fmt(&c->mem, "%lld", (long long)s->grpc_port));
    set_env(&list, "DAPR_METRICS_PORT", sc_arena_fmt(&c->mem, "%lld", (long long)s->metrics_port));
    set_env(&list, "APP_PROTOCOL", sc_str_from(protocol_with_tls(s)));
    for (uint32_t i = 0; i < s->env.count; i++)
        set_env(&list, sc_arena_str(&c->mem, s->env.at[i].name).at, s->env.at[i].value);
    return list.at;
}

sc_str cli_run_command_text(cli *c, const S *s)
{
    sc_str text = SC_STR("");

    for (const char **at = s->command; at && *at; at++)
        text = sc_arena_fmt(&c->mem, "%.*s%s%s", SC_FMT(text), at == s->command ? "" : " ", *at);
    return text;
}

sc_str cli_run_socket(cli *c, const S *s, const char *kind)
{
    return sc_arena_fmt(&c->mem, "%.*s/dapr-%.*s-%s.socket", SC_FMT(s->socket_folder),
                        SC_FMT(s->app_id), kind);
}
