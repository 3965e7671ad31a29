/* SPDX-License-Identifier: MIT
 *
 * `uninstall`: undoes `init`. Data and components stay unless --all is given.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/print.h"
#include "cli/redis.h"

#define NO_CONTAINERS "nothing runs in a container"

typedef struct uninstall_options {
    bool all;
    bool kubernetes;
    sc_str network;
    sc_str container_runtime;
} uninstall_options;

static const cli_flag flags[] = {
    CLI_SWITCH(uninstall_options, all, .name = "all",
               .help = "Remove the whole Dapr folder, with components and data"),
    CLI_SWITCH(uninstall_options, kubernetes, .name = "kubernetes", .letter = 'k',
               .is_hidden = true, .help = "From Kubernetes"),
    CLI_TEXT(uninstall_options, network, .name = "network", .value = "NAME",
             .without_effect = NO_CONTAINERS),
    CLI_TEXT(uninstall_options, container_runtime, .name = "container-runtime", .value = "NAME",
             .without_effect = NO_CONTAINERS),
    CLI_FLAGS_END,
};

static bool stop_redis(cli *c)
{
    sc_str folder = sc_arena_fmt(&c->mem, "%.*s/redis", SC_FMT(c->root));
    int pid = cli_redis_pid(c, folder);
    sc_error err;

    if (pid == 0)
        return true;
    cli_say(c, CLI_INFO, "Stopping redis-server (PID %d)", pid);
    if (cli_redis_stop(c, folder, &err) == SC_OK)
        return true;
    return cli_refuse(c, "Error removing Dapr: %s", err.text);
}

/* The link that `init` made; a runtime of Dapr's own is not ours to remove. */
static void remove_link(cli *c)
{
    sc_str folder = sc_arena_fmt(&c->mem, "%.*s/bin", SC_FMT(c->root));
    const char *link = sc_arena_fmt(&c->mem, "%.*s/daprd", SC_FMT(folder)).at;
    char there[PATH_MAX];

    if (!cli_folder_exists(folder)) {
        cli_say(c, CLI_WARNING, "WARNING: %.*s does not exist", SC_FMT(folder));
        return;
    }
    if (readlink(link, there, sizeof(there)) > 0)
        (void)unlink(link);
    cli_say(c, CLI_INFO, "Removing directory: %.*s", SC_FMT(folder));
    if (rmdir(folder.at) != 0)
        cli_say(c, CLI_WARNING, "%.*s holds more than was put there; --all removes it",
                SC_FMT(folder));
}

/* True for a folder that looks like ours: a slip in --runtime-path must not cost a home. */
static bool is_dapr_folder(cli *c)
{
    return cli_folder_exists(sc_arena_fmt(&c->mem, "%.*s/components", SC_FMT(c->root))) ||
           cli_file_exists(sc_arena_fmt(&c->mem, "%.*s/config.yaml", SC_FMT(c->root))) ||
           cli_folder_exists(sc_arena_fmt(&c->mem, "%.*s/bin", SC_FMT(c->root)));
}

static bool remove_root(cli *c)
{
    sc_error err;

    if (!is_dapr_folder(c)) {
        cli_say(c, CLI_WARNING, "WARNING: %.*s does not exist", SC_FMT(c->root));
        return true;
    }
    cli_say(c, CLI_INFO, "Removing directory: %.*s", SC_FMT(c->root));
    if (cli_folder_remove(c, c->root, &err) == SC_OK)
        return true;
    return cli_refuse(c, "Error removing Dapr: %s", err.text);
}

static int run_uninstall(cli *c, void *self, const cli_args *args)
{
    const uninstall_options *o = self;

    (void)args;
    if (o->kubernetes)
        return cli_absent(c, "uninstall --kubernetes");
    cli_say(c, CLI_INFO, "Removing Dapr from your machine...");
    if (!stop_redis(c))
        return 1;
    remove_link(c);
    if (o->all && !remove_root(c))
        return 1;
    cli_say(c, CLI_SUCCESS, "Dapr has been removed successfully");
    return 0;
}

const cli_command cli_uninstall = {
    .name = "uninstall",
    .summary = "Undo init",
    .about =
        "Stops the redis-server that 'dapr init' started. Components, configuration and data stay "
        "where they are unless --all is given.",
    .examples = "dapr uninstall\n"
                "dapr uninstall --all\n",
    .flags = flags,
    .options_size = sizeof(uninstall_options),
    .run = run_uninstall,
};
