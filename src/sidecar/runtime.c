/* SPDX-License-Identifier: MIT
 *
 * Builds the sidecar up in the order of daprd's start-up sequence and runs the loop.
 */
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/yaml.h"
#include "sidecar/runtime_internal.h"

#define LEDGER_BYTES (384u * 1024u) /* some 5,000 entries */

void sc_runtime_fatal(sc_runtime *rt, const char *text)
{
    for (uint32_t i = 0; i < rt->server_count; i++) /* the files of Unix sockets go */
        sc_listener_close(sc_http_server_listener(rt->servers[i]));
    for (uint32_t i = 0; i < rt->grpc_server_count; i++)
        sc_listener_close(sc_grpc_server_listener(rt->grpc_servers[i]));
    sc_log_write(&rt->log, SC_LOG_FATAL, "Fatal error from runtime: %s", text);
    _exit(1);
}

sc_log_sink sc_runtime_sink(const sc_options *options, int fd, sc_arena *mem)
{
    char host[256] = "localhost";

    (void)gethostname(host, sizeof(host) - 1);
    return (sc_log_sink){.fd = fd,
                         .level = options->log_level,
                         .is_json = options->log_as_json,
                         .is_terminal = isatty(fd) != 0 && !options->log_as_json,
                         .app_id = options->app_id,
                         .instance = sc_arena_str(mem, sc_str_from(host)),
                         .version = SC_STR(PILLION_VERSION),
                         .started_ms = sc_clock_wall_ms()};
}

static void set_up_log(sc_runtime *rt, int fd)
{
    rt->sink = sc_runtime_sink(&rt->options, fd, &rt->mem);
    rt->log = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime"};
    rt->processor = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.processor"};
    rt->secret_log = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.processor.secret"};
    rt->authorizer_log = (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.authorizer"};
    rt->subscriptions_log =
        (sc_log){.sink = &rt->sink, .scope = "dapr.runtime.processor.subscription"};
    rt->health_log = (sc_log){.sink = &rt->sink, .scope = "dapr.apphealth"};
    rt->contrib = (sc_log){.sink = &rt->sink, .scope = "dapr.contrib"};
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
    rt->metadata.app_health_path = sc_str_starts(rt->options.app_protocol, SC_STR("grpc"))
                                       ? SC_STR_NONE
                                       : rt->options.health_path;
    rt->metadata.app_health_interval_s = (uint32_t)rt->options.health_interval_s;
    rt->metadata.app_health_timeout_ms = (uint32_t)rt->options.health_timeout_ms;
    rt->metadata.app_health_threshold = (uint32_t)rt->options.health_threshold;
    rt->api = (sc_api){.loop = rt->loop,
                       .log = &rt->log,
                       .pubsubs = rt->pubsubs,
                       .states = rt->states,
                       .secretstores = rt->secretstores,
                       .conversations = rt->conversations,
                       .ledger = rt->ledger,
                       .endpoints = rt->endpoints,
                       .metadata = &rt->metadata,
                       .observe = &rt->observe,
                       .max_body_len = rt->options.max_body_len,
                       .api_token = rt->options.api_token,
                       .allowed_origins = rt->options.allowed_origins,
                       .rules = rt->configuration.api,
                       .on_shutdown = sc_runtime_on_api_shutdown,
                       .user = rt};
}

void sc_runtime_on_app_started(sc_runtime *rt)
{
    if (rt->metadata.is_ready) /* an application that came back */
        return;
    rt->metadata.is_ready = true;
    sc_states_start_outboxes(rt->states);
    sc_log_info(&rt->log, "dapr initialized. Status: Running. Init Elapsed %llums",
                (unsigned long long)(sc_loop_now_ms(rt->loop) - rt->started_ms));
}

void sc_runtime_on_announced(sc_runtime *rt)
{
    rt->metadata.is_outbound_ready = true;
    sc_yaml_rest();
    sc_give_back_free_memory(); /* what only the start needed */
    sc_app_start_begin(rt);
}

static void log_files(const sc_runtime *rt)
{
    sc_buf files = {0};

    for (uint32_t i = 0; i < rt->options.configs.count; i++)
        sc_buf_add_fmt(&files, "%s%.*s", i > 0 ? ", " : "", SC_FMT(rt->options.configs.at[i]));
    if (sc_buf_len(&files) > 0)
        sc_log_debug(&rt->log, "Loading config from file(s): %.*s", SC_FMT(sc_buf_str(&files)));
    else
        sc_log_info(&rt->log, "loading default configuration");
    sc_buf_deinit(&files);
}

/* What is asked for before anything is opened. */
static sc_code read_all(sc_runtime *rt, sc_error *err)
{
    sc_options *o = &rt->options;

    if (sc_options_check(o, err) != SC_OK)
        return err->code;
    sc_options_export(o, &rt->mem);
    log_files(rt);
    if (sc_configuration_load(o->configs.at, o->configs.count, &rt->log, &rt->mem,
                              &rt->configuration, err) != SC_OK)
        return err->code;
    if (!sc_str_eq(o->mode, SC_STR("standalone")))
        return sc_fail(err, SC_INVALID, "invalid mode: %.*s; standalone is the one there is",
                       SC_FMT(o->mode));
    return sc_resources_load(o->resources.at, o->resources.count, o->app_id, o->plain_namespace,
                             &rt->log, &rt->mem, &rt->resources, err);
}

/* Services that Dapr has outside of the sidecar, and that this one does without. */
static void log_absent_services(sc_runtime *rt)
{
    sc_log actors = sc_runtime_log(rt, "dapr.runtime.actor");
    sc_log jobs = sc_runtime_log(rt, "dapr.runtime.scheduler.watchhosts");

    if (rt->options.placement_addresses.len == 0)
        sc_log_warn(&actors, "Actor runtime disabled: api error: code = Unavailable desc = "
                             "placement service is not configured. Actors and Workflow APIs will "
                             "be unavailable");
    if (rt->options.schedulers.count == 0)
        sc_log_warn(&jobs, "No scheduler host addresses provided. Scheduler disabled");
}

static void log_features(const sc_runtime *rt)
{
    sc_buf names = {0};

    for (uint32_t i = 0; i < rt->metadata.feature_count; i++)
        sc_buf_add_fmt(&names, " %.*s", SC_FMT(rt->metadata.features[i]));
    if (sc_buf_len(&names) > 0)
        sc_log_info(&rt->log, "Enabled features:%.*s", SC_FMT(sc_buf_str(&names)));
    sc_buf_deinit(&names);
}

static sc_code build(sc_runtime *rt, sc_error *err)
{
    if (read_all(rt, err) != SC_OK)
        return err->code;
    rt->metadata.features =
        sc_configuration_list_features(&rt->configuration, &rt->mem, &rt->metadata.feature_count);
    log_features(rt);
    log_absent_services(rt);
    sc_log_info(&rt->log, "standalone mode configured");
    sc_log_info(&rt->log, "app id: %.*s", SC_FMT(rt->options.app_id));
    sc_runtime_reserve_peer_port(rt);
    if (sc_runtime_open_metrics(rt, err) != SC_OK)
        return err->code;
    sc_runtime_open_names(rt);
    if (sc_runtime_open_components(rt, err) != SC_OK)
        return err->code;
    sc_runtime_open_endpoints(rt);
    sc_log_info(&rt->log, "Loading Declarative Subscriptions…");
    for (uint32_t i = 0; i < rt->resources.subscription_count; i++)
        sc_log_info(&rt->log, "Found Subscription: %.*s",
                    SC_FMT(rt->resources.subscriptions[i].name));
    fill_metadata(rt);
    if (sc_app_channel_open(rt, err) != SC_OK)
        return err->code;
    sc_runtime_open_invocation(rt);
    return SC_OK;
}

/* Unlike every other sidecar's, also one of the same application on this machine. */
static sc_str make_instance_id(sc_runtime *rt)
{
    static const char hex[] = "0123456789abcdef";
    char suffix[9] = "";

    for (size_t i = 0; i < 8; i++)
        suffix[i] = hex[sc_random_below(&rt->random, 16)];
    return sc_arena_fmt(&rt->mem, "%.*s-%ld-%s", SC_FMT(rt->sink.instance), (long)getpid(), suffix);
}

/* ---- the loop ---- */

static void begin(sc_runtime *rt, bool is_first)
{
    sc_log security = sc_runtime_log(rt, "dapr.runtime.security");

    if (is_first) {
        sc_log_info(&rt->log, "Starting Dapr Runtime -- version %s -- commit ", PILLION_VERSION);
        sc_log_info(&rt->log, "Log level set to: %.*s", SC_FMT(rt->options.log_level_text));
    }
    sc_options_warn(&rt->options, &rt->log);
    sc_runtime_take_descriptors(rt);
    sc_log_warn(&security, "mTLS is disabled. Skipping certificate request and tls validation");
    rt->loop = sc_loop_new();
    sc_loop_gives_back(rt->loop);
    rt->started_ms = sc_loop_now_ms(rt->loop);
    rt->ledger = sc_ledger_new(LEDGER_BYTES);
    sc_random_init(&rt->random);
    rt->instance_id = make_instance_id(rt);
    sc_runtime_watch_signals(rt);
}

int sc_runtime_run(const sc_options *options, int log_fd, bool is_first)
{
    sc_runtime *rt = sc_new(sc_runtime);
    sc_error err;
    int code;

    sc_arena_init(&rt->mem, NULL);
    rt->options = *options;
    set_up_log(rt, log_fd);
    begin(rt, is_first);
    if (build(rt, &err) != SC_OK)
        sc_runtime_fatal(rt, err.text);
    sc_servers_open(rt);
    sc_runtime_take_signals(rt);
    sc_loop_run(rt->loop);
    if (sc_loop_close(&rt->loop) != 0)
        sc_log_warn(&rt->log, "something was still open at the end");
    if (!rt->is_restarting)
        sc_log_info(&rt->log, "Daprd shutdown gracefully");
    code = rt->is_restarting ? SC_RUNTIME_RESTART : 0;
    sc_proxy_free(rt->proxy); /* a call that waited for a name may end with the last turn */
    sc_invoker_free(rt->invoker);
    sc_ledger_free(rt->ledger);
    sc_observe_deinit(&rt->observe);
    sc_log_sink_deinit(&rt->sink);
    sc_arena_deinit(&rt->mem);
    free(rt);
    return code;
}
