/* SPDX-License-Identifier: MIT
 *
 * Builds the sidecar up in the order of daprd's start-up sequence and runs the loop.
 */
#include "sidecar/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/file.h"
#include "sidecar/runtime_internal.h"
#include "sidecar/wait.h"

#define LEDGER_ENTRIES 4096u

/* The process ends here: the kernel takes back what was built so far. */
static void fatal(sc_runtime *rt, const char *text) SC_NORETURN;
static void fatal(sc_runtime *rt, const char *text)
{
    sc_log_write(&rt->log, SC_LOG_FATAL, "Fatal error from runtime: %s", text);
    _exit(1);
}

/* The file of --log-file, else standard output; -1 with the reason on the latter. */
static int open_log(const sc_options *options, sc_arena *mem, sc_error *err)
{
    const char *path = sc_arena_str(mem, options->log_file).at;
    int fd;

    if (options->log_file.len == 0)
        return STDOUT_FILENO;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        (void)sc_fail(err, SC_INVALID, "failed to open log file \"%s\": open %s: %s", path, path,
                      sc_file_error_text(errno));
    return fd;
}

static void set_up_log(sc_runtime *rt, int fd)
{
    char host[256] = "localhost";

    (void)gethostname(host, sizeof(host) - 1);
    rt->sink = (sc_log_sink){.fd = fd,
                             .level = rt->options.log_level,
                             .is_json = rt->options.log_as_json,
                             .is_terminal = isatty(fd) != 0 && !rt->options.log_as_json,
                             .app_id = rt->options.app_id,
                             .instance = sc_arena_str(&rt->mem, sc_str_from(host)),
                             .version = SC_STR(PILLION_VERSION),
                             .started_ms = sc_clock_wall_ms()};
    rt->log = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime"};
    rt->processor = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.processor"};
    rt->secret_log = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.processor.secret"};
    rt->authorizer_log = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.authorizer"};
    rt->subscriptions_log =
        (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.processor.subscription"};
    rt->health_log = (sc_log){.sink = &rt->sink, .scope = "dapr.apphealth"};
    rt->contrib = (sc_log){.sink = &rt->sink, .scope = "dapr.contrib"};
}

/* ---- servers ---- */

static sc_code open_http(sc_runtime *rt, const sc_listen *at, sc_error *err)
{
    sc_http_limits limits = sc_http_default_limits();
    sc_http_server *server;

    limits.max_body_len = rt->options.max_body_len;
    limits.max_head_len = (uint32_t)(rt->options.read_buffer_len + 4096);
    limits.no_http2 = rt->options.no_http2;
    if (sc_http_server_open(rt->loop, at, &limits, &sc_http_api_handler, &rt->api, &server, err) !=
        SC_OK)
        return sc_error_context(err,
                                "failed to start HTTP server: could not listen on any endpoint");
    rt->servers[rt->server_count++] = server;
    sc_log_info(&rt->log, "HTTP server listening on %s: %.*s",
                at->is_unix ? "UNIX socket" : "TCP address",
                SC_FMT(sc_listener_name(sc_http_server_listener(server))));
    return SC_OK;
}

/* Health and metadata for everybody (--dapr-public-port). */
static sc_code open_public(sc_runtime *rt, sc_error *err)
{
    sc_http_limits limits = sc_http_default_limits();
    sc_listen at = {.host = rt->options.public_host, .port = rt->options.public_port};
    sc_http_server *server;

    if (sc_http_server_open(rt->loop, &at, &limits, &sc_http_public_handler, &rt->api, &server,
                            err) != SC_OK)
        return sc_error_context(err, "--dapr-public-port %u", rt->options.public_port);
    rt->servers[rt->server_count++] = server;
    sc_log_info(&rt->log, "Public HTTP server listening on TCP address: %.*s",
                SC_FMT(sc_listener_name(sc_http_server_listener(server))));
    return SC_OK;
}

static sc_code open_grpc(sc_runtime *rt, const sc_listen *at, sc_error *err)
{
    sc_grpc_limits limits = {.max_message_len = rt->options.max_body_len,
                             .max_send_len = rt->options.max_body_len,
                             .max_head_len = 1u << 20,
                             .keepalive_ms = 10000,
                             .keepalive_timeout_ms = 5000,
                             .min_ping_interval_ms = 8000,
                             .idle_ms = 180000};
    sc_grpc_server *server;

    if (sc_grpc_server_open(rt->loop, at, &limits, &sc_grpc_api_service, &rt->api, &server, err) !=
        SC_OK)
        return sc_error_context(
            err, "failed to start API gRPC server: could not listen on any endpoint");
    rt->grpc_servers[rt->grpc_server_count++] = server;
    sc_log_info(&rt->log, "gRPC server listening on %s: %.*s",
                at->is_unix ? "UNIX socket" : "TCP address",
                SC_FMT(sc_listener_name(sc_grpc_server_listener(server))));
    return SC_OK;
}

typedef sc_code (*open_fn)(sc_runtime *rt, const sc_listen *at, sc_error *err);

/* One server on every listen address, or on one Unix socket. */
static sc_code open_everywhere(sc_runtime *rt, open_fn open, uint16_t port, const char *name,
                               sc_error *err)
{
    sc_str list = rt->options.listen_addresses.len ? rt->options.listen_addresses : SC_STR("");
    uint32_t count = 0;

    if (rt->options.unix_socket_folder.len > 0) {
        sc_listen at = {.is_unix = true,
                        .host = sc_arena_fmt(&rt->mem, "%.*s/dapr-%.*s-%s.socket",
                                             SC_FMT(rt->options.unix_socket_folder),
                                             SC_FMT(rt->options.app_id), name)};

        return open(rt, &at, err);
    }
    while (list.at && count++ < SC_MAX_LISTEN) {
        sc_str host = sc_str_trim(sc_str_cut(&list, ','));
        sc_listen at = {.port = port, .host = host};

        if (sc_str_starts(host, SC_STR("[")) && sc_str_ends(host, SC_STR("]")))
            at.host = sc_str_sub(host, 1, host.len - 1);
        if (sc_str_eq(host, SC_STR("localhost")))
            at.host = SC_STR("127.0.0.1");
        if (open(rt, &at, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

static sc_code open_servers(sc_runtime *rt, sc_error *err)
{
    const sc_options *o = &rt->options;

    if (open_everywhere(rt, open_grpc, o->grpc_port, "grpc", err) != SC_OK)
        return err->code;
    if (o->unix_socket_folder.len > 0)
        sc_log_info(&rt->log, "gRPC server is running on a Unix Domain Socket");
    else
        sc_log_info(&rt->log, "gRPC server is running on port %u", o->grpc_port);
    if (open_everywhere(rt, open_http, o->http_port, "http", err) != SC_OK)
        return err->code;
    if (o->unix_socket_folder.len > 0)
        sc_log_info(&rt->log, "HTTP server is running on a Unix Domain Socket");
    else
        sc_log_info(&rt->log, "HTTP server is running on port %u", o->http_port);
    sc_log_info(&rt->log, "The request body size parameter is: %llu bytes",
                (unsigned long long)o->max_body_len);
    return o->has_public_port ? open_public(rt, err) : SC_OK;
}

/* ---- the whole ---- */

static void on_api_shutdown(void *user, bool is_forced)
{
    sc_runtime *rt = user;

    if (is_forced) {
        sc_log_warn(&rt->log,
                    "Force shutdown requested, exiting immediately without graceful shutdown");
        _exit(1);
    }
    sc_log_info(&rt->log, "Shutdown requested via API");
    sc_runtime_stop(rt);
}

static void on_signal(void *self, int signum)
{
    sc_runtime *rt = self;
    const char *name = signum == SIGINT ? "interrupt" : "terminated";

    if (rt->is_stopping) {
        sc_log_write(&rt->log, SC_LOG_FATAL,
                     "Received signal '%s' during shutdown; exiting immediately", name);
        _exit(1);
    }
    sc_log_info(&rt->log, "Received signal '%s'; beginning shutdown", name);
    sc_runtime_stop(rt);
}

static void fill_metadata(sc_runtime *rt)
{
    sc_arena_init(&rt->metadata.mem, NULL);
    sc_list_init(&rt->metadata.streams);
    rt->metadata.app_id = rt->options.app_id;
    rt->metadata.version = SC_STR(PILLION_VERSION);
    rt->metadata.app_port = rt->options.app_port;
    rt->metadata.app_protocol = rt->options.app_protocol;
    rt->metadata.app_host = rt->options.app_host;
    rt->metadata.app_max_concurrency = rt->options.app_max_concurrency;
    rt->metadata.has_app_health = rt->options.checks_health;
    rt->metadata.app_health_path = rt->options.health_path;
    rt->metadata.app_health_interval_s = (uint32_t)rt->options.health_interval_s;
    rt->metadata.app_health_timeout_ms = (uint32_t)rt->options.health_timeout_ms;
    rt->metadata.app_health_threshold = (uint32_t)rt->options.health_threshold;
    rt->api = (sc_api){.loop = rt->loop,
                       .log = &rt->log,
                       .pubsubs = rt->pubsubs,
                       .states = rt->states,
                       .secretstores = rt->secretstores,
                       .ledger = rt->ledger,
                       .metadata = &rt->metadata,
                       .observe = &rt->observe,
                       .api_token = rt->options.api_token,
                       .allowed_origins = rt->options.allowed_origins,
                       .rules = rt->configuration.api,
                       .on_shutdown = on_api_shutdown,
                       .user = rt};
}

void sc_runtime_on_app_started(sc_runtime *rt)
{
    if (rt->metadata.is_ready) /* an application that came back */
        return;
    rt->metadata.is_ready = true;
    sc_log_info(&rt->log, "dapr initialized. Status: Running. Init Elapsed %llums",
                (unsigned long long)(sc_loop_now_ms(rt->loop) - rt->started_ms));
}

static sc_code build(sc_runtime *rt, sc_error *err)
{
    sc_options *o = &rt->options;

    if (sc_options_check(o, err) != SC_OK)
        return err->code;
    sc_options_export(o, &rt->mem);
    if (sc_configuration_load(o->configs.at, o->configs.count, &rt->log, &rt->mem,
                              &rt->configuration, err) != SC_OK)
        return err->code;
    if (!sc_str_eq(o->mode, SC_STR("standalone")))
        return sc_fail(err, SC_INVALID, "invalid mode: %.*s; standalone is the one there is",
                       SC_FMT(o->mode));
    if (sc_resources_load(o->resources.at, o->resources.count, o->app_id, o->plain_namespace,
                          &rt->log, &rt->mem, &rt->resources, err) != SC_OK)
        return err->code;
    sc_log_info(&rt->log, "standalone mode configured");
    sc_log_info(&rt->log, "app id: %.*s", SC_FMT(o->app_id));
    if (sc_runtime_open_metrics(rt, err) != SC_OK)
        return err->code;
    if (sc_runtime_open_components(rt, err) != SC_OK)
        return err->code;
    fill_metadata(rt);
    if (sc_app_channel_open(rt, err) != SC_OK)
        return err->code;
    return open_servers(rt, err);
}

static int run(sc_runtime *rt)
{
    sc_error err;

    sc_log_info(&rt->log, "Starting Dapr Runtime -- version %s -- commit ", PILLION_VERSION);
    sc_log_info(&rt->log, "Log level set to: %.*s", SC_FMT(rt->options.log_level_text));
    sc_options_warn(&rt->options, &rt->log);

    rt->loop = sc_loop_new();
    rt->started_ms = sc_loop_now_ms(rt->loop);
    rt->ledger = sc_ledger_new(LEDGER_ENTRIES);
    sc_random_init(&rt->random);
    if (build(rt, &err) != SC_OK)
        fatal(rt, err.text);
    rt->metadata.is_outbound_ready = true;
    rt->signals[0] = sc_signal_open(rt->loop, SIGINT, on_signal, rt);
    rt->signals[1] = sc_signal_open(rt->loop, SIGTERM, on_signal, rt);
    sc_app_start_begin(rt);
    sc_loop_run(rt->loop);
    if (sc_loop_close(&rt->loop) != 0)
        sc_log_warn(&rt->log, "something was still open at the end");
    sc_log_info(&rt->log, "Daprd shutdown gracefully");
    return rt->exit_code;
}

/* The log is open, or the process ends with one line that says why not. */
static int start(sc_runtime *rt)
{
    sc_error err;
    sc_code code = sc_options_read_early(&rt->options, &err);
    int fd = code == SC_OK ? open_log(&rt->options, &rt->mem, &err) : -1;

    set_up_log(rt, fd < 0 ? STDOUT_FILENO : fd);
    if (fd >= 0)
        return run(rt);
    sc_log_write(&rt->log, SC_LOG_FATAL, "%s", err.text);
    return 1;
}

static int wait_for_another(const sc_options *options)
{
    sc_error err;
    uint16_t port;

    if (sc_options_http_port(options, &port, &err) != SC_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    (void)sc_wait_outbound_ready(port); /* daprd ends with 0 even when time is up */
    return 0;
}

static int answer(sc_runtime *rt, int count, char **args)
{
    const sc_options *options = &rt->options;
    sc_error err;

    if (sc_options_parse(count, args, &rt->mem, &rt->options, &err) != SC_OK) {
        sc_options_print_usage();
        (void)fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    if (options->wants_help)
        sc_options_print_usage();
    else if (options->wants_version)
        (void)printf("%s\n", PILLION_VERSION);
    else if (options->wants_build_info)
        (void)printf("Version: %s\nGit Commit: %s\nGit Version: %s\n", PILLION_VERSION, "", "");
    else if (options->wants_wait)
        return wait_for_another(options);
    else
        return start(rt);
    return 0;
}

int sc_sidecar_main(int count, char **args)
{
    sc_runtime *rt = sc_new(sc_runtime);
    int code;

    sc_arena_init(&rt->mem, NULL);
    code = answer(rt, count, args);
    sc_ledger_free(rt->ledger);
    sc_observe_deinit(&rt->observe);
    sc_log_sink_deinit(&rt->sink);
    sc_arena_deinit(&rt->mem);
    free(rt);
    return code;
}
