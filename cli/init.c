/* SPDX-License-Identifier: MIT
 *
 * `init`: prepares the Dapr folder. No containers and no downloads: the runtime is this program,
 * the broker a Redis that is there or the embedded one.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/http.h"
#include "cli/print.h"
#include "cli/redis.h"
#include "cli/resources.h"
#include "core/buf.h"
#include "wire/json.h"

#define ZIPKIN_PORT 9411u

typedef struct init_options {
    sc_str broker;
    sc_str redis;
    bool slim;
    bool kubernetes;
    /* Of Dapr's: nothing here runs in a container or is downloaded. */
    sc_str runtime_version;
    sc_str network;
    sc_str container_runtime;
    sc_str image_registry;
    sc_str image_variant;
    sc_str from_dir;
    sc_str scheduler_volume;
    sc_str scheduler_override;
    bool redis_stack;
} init_options;

#define NO_CONTAINERS "nothing runs in a container"

static const cli_flag flags[] = {
    CLI_TEXT(init_options, broker, .name = "broker", .value = "NAME", .choices = "redis embedded",
             .help = "redis or embedded (default: Redis where it answers or is installed)"),
    CLI_TEXT(init_options, redis, .name = "redis-host", .value = "HOST:PORT",
             .initial = "localhost:6379", .help = "The Redis to use; started if it is to run here"),
    CLI_SWITCH(init_options, slim, .name = "slim", .letter = 's',
               .help = "No components: only the folders and an empty configuration"),
    CLI_SWITCH(init_options, kubernetes, .name = "kubernetes", .letter = 'k', .is_hidden = true,
               .help = "On Kubernetes"),
    CLI_TEXT(init_options, runtime_version, .name = "runtime-version", .value = "VERSION",
             .without_effect = "the runtime is this program, version " PILLION_VERSION),
    CLI_TEXT(init_options, network, .name = "network", .value = "NAME",
             .without_effect = NO_CONTAINERS),
    CLI_TEXT(init_options, container_runtime, .name = "container-runtime", .value = "NAME",
             .without_effect = NO_CONTAINERS),
    CLI_TEXT(init_options, image_registry, .name = "image-registry", .value = "URL",
             .without_effect = NO_CONTAINERS),
    CLI_TEXT(init_options, image_variant, .name = "image-variant", .value = "NAME",
             .without_effect = NO_CONTAINERS),
    CLI_TEXT(init_options, from_dir, .name = "from-dir", .value = "DIR",
             .without_effect = "nothing is downloaded"),
    CLI_TEXT(init_options, scheduler_volume, .name = "scheduler-volume", .value = "NAME",
             .without_effect = NO_CONTAINERS),
    CLI_TEXT(init_options, scheduler_override, .name = "scheduler-override-broadcast-host-port",
             .value = "HOST:PORT", .without_effect = NO_CONTAINERS),
    CLI_SWITCH(init_options, redis_stack, .name = "redis-stack",
               .without_effect = "the Redis that is there is used"),
    CLI_FLAGS_END,
};

typedef enum broker { BROKER_NONE, BROKER_REDIS, BROKER_EMBEDDED } broker;

/* What is decided before anything is written. */
typedef struct setup {
    cli *c;
    const init_options *o;
    sc_str redis_host;
    uint16_t redis_port;
    broker broker;
    sc_str why;
    bool starts_redis;
    sc_str components; /* folders */
    sc_str redis_folder;
    sc_str data;
} setup;

static bool decide(setup *s);
static bool write_all(setup *s);
static bool link_runtime(setup *s);

/* ---- which broker ---- */

static bool read_address(setup *s)
{
    sc_str address = s->o->redis;
    size_t colon = address.len;
    uint64_t port;

    while (colon > 0 && address.at[colon - 1] != ':')
        colon--;
    if (colon < 2 || !sc_str_to_u64(sc_str_sub(address, colon, address.len), &port) || port == 0 ||
        port > UINT16_MAX) {
        return cli_refuse(s->c, "--redis-host is HOST:PORT, like localhost:6379, not '%.*s'",
                          SC_FMT(address));
    }
    s->redis_host = sc_arena_str(&s->c->mem, sc_str_sub(address, 0, colon - 1));
    s->redis_port = (uint16_t)port;
    return true;
}

/* The type of the component in a file that is there already; empty: no such file or component. */
static sc_str type_there(setup *s, const char *name)
{
    cli_resources all = {0};
    const cli_resource *one;
    sc_error err;

    if (!cli_folder_exists(s->components) ||
        cli_resources_read(s->c, s->components, &all, &err) != SC_OK)
        return SC_STR_NONE;
    one = cli_resources_find(&all, SC_STR("Component"), sc_str_from(name));
    return one ? one->type : SC_STR_NONE;
}

static bool use(setup *s, broker which, const char *fmt, sc_str detail)
{
    s->broker = which;
    s->why = sc_arena_fmt(&s->c->mem, "%s%.*s", fmt, SC_FMT(detail));
    return true;
}

/* Redis, or why not. */
static bool try_redis(setup *s, const char **why_not)
{
    cli_redis_state state = cli_redis_ask(s->redis_host, s->redis_port);

    if (state == CLI_REDIS_ANSWERS)
        return use(s, BROKER_REDIS, "because redis-server answers on ", s->o->redis);
    if (state == CLI_REDIS_LOCKED)
        *why_not = "the Redis there asks for a password";
    else if (state == CLI_REDIS_STRANGER)
        *why_not = "what answers there is no Redis";
    else if (!cli_redis_is_local(s->redis_host))
        *why_not = "no Redis answers there";
    else if (!cli_redis_is_installed())
        *why_not = "no redis-server answers there and none is installed";
    else {
        s->starts_redis = true;
        return use(s, BROKER_REDIS, "because redis-server is installed", SC_STR(""));
    }
    return false;
}

static bool decide(setup *s)
{
    sc_str there = type_there(s, "pubsub");
    bool wants_redis = sc_str_eq(s->o->broker, SC_STR("redis"));
    bool wants_embedded = sc_str_eq(s->o->broker, SC_STR("embedded"));
    const char *why_not = NULL;

    if (s->o->broker.len > 0 && !wants_redis && !wants_embedded)
        return cli_refuse(s->c, "--broker is redis or embedded, not '%.*s'", SC_FMT(s->o->broker));
    if (s->o->broker.len > 0 && there.len > 0 &&
        !sc_str_eq(there, wants_redis ? SC_STR("pubsub.redis") : SC_STR("pubsub.sqlite")))
        return cli_refuse(s->c,
                          "%.*s/pubsub.yaml is there and names %.*s: remove it, or '%s uninstall "
                          "--all', before --broker %.*s",
                          SC_FMT(s->components), SC_FMT(there), s->c->name, SC_FMT(s->o->broker));
    if (wants_embedded)
        return use(s, BROKER_EMBEDDED, "as asked for", SC_STR(""));
    if (there.len > 0 && !sc_str_eq(there, SC_STR("pubsub.redis")))
        return use(s, BROKER_NONE, "because pubsub.yaml is there and names ", there);
    if (try_redis(s, &why_not))
        return true;
    if (wants_redis || there.len > 0)
        return cli_refuse(s->c,
                          "Redis on %.*s cannot be used: %s; install redis-server, name another "
                          "with --redis-host, or use --broker embedded",
                          SC_FMT(s->o->redis), why_not);
    return use(s, BROKER_EMBEDDED,
               sc_arena_fmt(&s->c->mem, "because of Redis on %.*s: ", SC_FMT(s->o->redis)).at,
               sc_str_from(why_not));
}

/* ---- files ---- */

/* Never writes over what is there. */
static bool write_file(setup *s, sc_str path, sc_str text)
{
    sc_error err;

    switch (cli_file_create(s->c, path, text, &err)) {
    case SC_OK:
        return true;
    case SC_ALREADY_EXISTS:
        cli_say(s->c, CLI_INFO, "%.*s was there and stays as it is.", SC_FMT(path));
        return true;
    default:
        return cli_refuse(s->c, "%s", err.text);
    }
}

static sc_str component_head(setup *s, const char *name, const char *type)
{
    return sc_arena_fmt(&s->c->mem,
                        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: %s\n"
                        "spec:\n  type: %s\n  version: v1\n  metadata:\n",
                        name, type);
}

static sc_str redis_component(setup *s, const char *name, const char *type)
{
    return sc_arena_fmt(&s->c->mem,
                        "%.*s  - name: redisHost\n    value: %.*s\n"
                        "  - name: redisPassword\n    value: \"\"\n",
                        SC_FMT(component_head(s, name, type)), SC_FMT(s->o->redis));
}

static sc_str sqlite_component(setup *s, const char *name, const char *type, const char *file)
{
    sc_str path = sc_arena_fmt(&s->c->mem, "%.*s/%s", SC_FMT(s->data), file);
    sc_buf quoted = {0};
    sc_str text;

    sc_json_add_string(&quoted, path);
    text = sc_arena_fmt(&s->c->mem, "%.*s  - name: connectionString\n    value: %.*s\n",
                        SC_FMT(component_head(s, name, type)), SC_FMT(sc_buf_str(&quoted)));
    sc_buf_deinit(&quoted);
    return text;
}

static bool write_component(setup *s, const char *name, sc_str text)
{
    return write_file(s, sc_arena_fmt(&s->c->mem, "%.*s/%s.yaml", SC_FMT(s->components), name),
                      text);
}

static bool write_components(setup *s)
{
    static const char actors[] = "  - name: actorStateStore\n    value: \"true\"\n";
    sc_str pubsub;
    sc_str state;

    if (s->broker == BROKER_REDIS) {
        pubsub = redis_component(s, "pubsub", "pubsub.redis");
        state = redis_component(s, "statestore", "state.redis");
    } else {
        pubsub = sqlite_component(s, "pubsub", "pubsub.sqlite", "pubsub.db");
        state = sqlite_component(s, "statestore", "state.sqlite", "state.db");
    }
    return write_component(s, "pubsub", pubsub) &&
           write_component(s, "statestore",
                           sc_arena_fmt(&s->c->mem, "%.*s%s", SC_FMT(state), actors));
}

/* Spans go to the Zipkin that is there; without one nothing is traced. */
static bool write_config(setup *s)
{
    sc_str path = sc_arena_fmt(&s->c->mem, "%.*s/config.yaml", SC_FMT(s->c->root));
    sc_error err;
    bool has_zipkin = !s->o->slim && cli_can_connect(SC_STR("localhost"), ZIPKIN_PORT, &err);

    return write_file(s, path,
                      sc_arena_fmt(&s->c->mem,
                                   "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n"
                                   "  name: daprConfig\nspec:%s",
                                   has_zipkin ? "\n  tracing:\n    samplingRate: \"1\"\n"
                                                "    zipkin:\n      endpointAddress: "
                                                "http://localhost:9411/api/v2/spans\n"
                                              : " {}\n"));
}

static bool write_all(setup *s)
{
    sc_error err;

    if (cli_folder_create(s->c, s->components, &err) != SC_OK ||
        (s->broker == BROKER_EMBEDDED && cli_folder_create(s->c, s->data, &err) != SC_OK))
        return cli_refuse(s->c, "%s", err.text);
    if (!s->o->slim && s->broker != BROKER_NONE && !write_components(s))
        return false;
    return write_config(s) && link_runtime(s);
}

/* Tools look for the runtime here. */
static bool link_runtime(setup *s)
{
    sc_str folder = sc_arena_fmt(&s->c->mem, "%.*s/bin", SC_FMT(s->c->root));
    sc_str link = sc_arena_fmt(&s->c->mem, "%.*s/daprd", SC_FMT(folder));
    char own[PATH_MAX];
    char there[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    sc_error err;

    if (cli_folder_create(s->c, folder, &err) != SC_OK)
        return cli_refuse(s->c, "%s", err.text);
    own[len > 0 ? len : 0] = '\0';
    len = readlink(link.at, there, sizeof(there) - 1);
    there[len > 0 ? len : 0] = '\0';
    if (len > 0 && !cli_file_exists(link)) /* of a program that was moved */
        (void)unlink(link.at);
    if (symlink(own, link.at) == 0 || strcmp(own, there) == 0) {
        cli_say(s->c, CLI_INFO, "daprd binary has been installed to %.*s.", SC_FMT(folder));
        return true;
    }
    if (errno != EEXIST)
        return cli_refuse(s->c, "symlink %s: %s", link.at, cli_reason(errno));
    cli_say(s->c, CLI_INFO, "%s was there and stays as it is; '%s run' does not use it.", link.at,
            s->c->name);
    return true;
}

/* ---- the command ---- */

static bool start_redis(setup *s)
{
    sc_error err;

    if (s->starts_redis && cli_redis_start(s->c, s->redis_folder, s->redis_port, &err) != SC_OK)
        return cli_refuse(s->c, "%s; use --broker embedded to do without Redis", err.text);
    return true;
}

static void say_broker(setup *s)
{
    if (s->broker == BROKER_REDIS)
        cli_say(s->c, CLI_INFO, "Using Redis on %.*s, %.*s.", SC_FMT(s->o->redis), SC_FMT(s->why));
    else if (s->broker == BROKER_EMBEDDED)
        cli_say(s->c, CLI_INFO, "Using the embedded broker and state store in %.*s, %.*s.",
                SC_FMT(s->data), SC_FMT(s->why));
    else
        cli_say(s->c, CLI_INFO, "Using the components that are there, %.*s.", SC_FMT(s->why));
}

static void say_redis(setup *s)
{
    int pid = s->broker == BROKER_REDIS ? cli_redis_pid(s->c, s->redis_folder) : 0;

    if (pid > 0)
        cli_say(s->c, CLI_INFO,
                "redis-server is running in the background (PID %d, files in %.*s); '%s uninstall' "
                "stops it.",
                pid, SC_FMT(s->redis_folder), s->c->name);
}

static int run_init(cli *c, void *self, const cli_args *args)
{
    const init_options *o = self;
    setup s = {.c = c,
               .o = o,
               .components = sc_arena_fmt(&c->mem, "%.*s/components", SC_FMT(c->root)),
               .redis_folder = sc_arena_fmt(&c->mem, "%.*s/redis", SC_FMT(c->root)),
               .data = sc_arena_fmt(&c->mem, "%.*s/data", SC_FMT(c->root))};

    (void)args;
    if (o->kubernetes)
        return cli_absent(c, "init --kubernetes");
    if (o->slim && o->broker.len > 0)
        return cli_fail(c, "--slim makes no components, --broker chooses them: give one of both");
    cli_say(c, CLI_PENDING, "Making the jump to hyperspace...");
    cli_say(c, CLI_INFO, "Installing runtime version %s", PILLION_VERSION);
    if (!o->slim) {
        if (!read_address(&s) || !decide(&s))
            return 1;
        say_broker(&s);
    }
    if (!start_redis(&s) || !write_all(&s))
        return 1;
    cli_say(c, CLI_SUCCESS, "Completed components set up in %.*s.", SC_FMT(s.components));
    say_redis(&s);
    cli_say(c, CLI_SUCCESS, "Success! Dapr is up and running. To get started: %s run --help",
            c->name);
    return 0;
}

const cli_command cli_init = {
    .name = "init",
    .summary = "Prepare this machine: the Dapr folder, its components and a broker",
    .about =
        "Makes ~/.dapr with components/pubsub.yaml, components/statestore.yaml and config.yaml, "
        "without containers and downloads. They name Redis where a redis-server answers on "
        "localhost:6379, or is installed: then it is started in the background and stopped by "
        "'dapr uninstall'. Otherwise they name the embedded broker and state store. What is "
        "there already is never written over.",
    .examples = "dapr init\n"
                "dapr init --broker embedded\n"
                "dapr init --slim\n",
    .flags = flags,
    .options_size = sizeof(init_options),
    .run = run_init,
};
