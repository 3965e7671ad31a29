/* SPDX-License-Identifier: MIT
 *
 * `stop`: ends applications by telling the command line that runs them, and waits until they are
 * gone.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/instances.h"
#include "cli/print.h"
#include "io/process.h"

#define PATIENCE_MS 20000 /* longer than what `run` gives an application and a sidecar to end */
#define POLL_MS     10

typedef struct stop_options {
    cli_texts app_ids;
    sc_str run_file;
    bool kubernetes;
} stop_options;

static const cli_flag flags[] = {
    CLI_LIST(stop_options, app_ids, .name = "app-id", .letter = 'a', .value = "ID",
             .choices = "@app", .help = "Application to stop; may be repeated"),
    CLI_TEXT(stop_options, run_file, .name = "run-file", .letter = 'f', .value = "FILE",
             .choices = "@file", .help = "Stop what was started from this multi-app file"),
    CLI_SWITCH(stop_options, kubernetes, .name = "kubernetes", .letter = 'k', .is_hidden = true,
               .help = "On Kubernetes"),
    CLI_FLAGS_END,
};

static bool is_gone(int pid)
{
    sc_process_facts facts;

    return pid <= 0 || !sc_process_look(pid, &facts) || facts.is_dead;
}

/* True when both are gone in time. */
static bool wait_for_end(int pid, int sidecar_pid)
{
    static const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};

    for (int waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
        if (is_gone(pid) && is_gone(sidecar_pid))
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static bool is_shared(const cli_instances *all, const cli_instance *one)
{
    for (uint32_t i = 0; i < all->count; i++) {
        if (&all->at[i] != one && all->at[i].cli_pid == one->cli_pid)
            return true;
    }
    return false;
}

/* One application of several that a command line runs is stopped by its own sidecar. */
static int pid_to_stop(const cli_instances *all, const cli_instance *one)
{
    return is_shared(all, one) ? one->sidecar_pid : cli_instance_main_pid(one);
}

static int stop_one(cli *c, const cli_instances *all, sc_str app_id)
{
    const cli_instance *one = cli_instances_get(all, app_id);
    int pid;

    if (!one)
        return cli_fail(c, "failed to stop app id %.*s: couldn't find app id %.*s; running: %.*s",
                        SC_FMT(app_id), SC_FMT(app_id), SC_FMT(cli_instances_names(c, all)));
    pid = pid_to_stop(all, one);
    if (kill(pid, SIGTERM) != 0 && errno != ESRCH)
        return cli_fail(c, "failed to stop app id %.*s: kill %d: %s", SC_FMT(app_id), pid,
                        cli_reason(errno));
    if (!wait_for_end(pid, one->sidecar_pid))
        return cli_fail(c,
                        "failed to stop app id %.*s: process %d has not ended after %d s; "
                        "'kill -9 %d' ends it at once",
                        SC_FMT(app_id), pid, PATIENCE_MS / 1000, pid);
    cli_say(c, CLI_SUCCESS, "app stopped successfully: %.*s", SC_FMT(app_id));
    return 0;
}

/* The name under which a run of `path` is known. */
static sc_str absolute(cli *c, sc_str path)
{
    char full[PATH_MAX];

    if (cli_folder_exists(path))
        path = sc_arena_fmt(&c->mem, "%.*s/dapr.yaml", SC_FMT(path));
    path = sc_arena_str(&c->mem, cli_path_from(c, SC_STR(""), path));
    return realpath(path.at, full) ? sc_arena_str(&c->mem, sc_str_from(full)) : path;
}

static int stop_file(cli *c, const cli_instances *all, sc_str path)
{
    sc_str file = absolute(c, path);
    uint32_t found = 0;
    int failed = 0;

    for (uint32_t i = 0; i < all->count; i++) {
        if (!sc_str_eq(all->at[i].run_file, file))
            continue;
        found++;
        if (kill(cli_instance_main_pid(&all->at[i]), SIGTERM) != 0 && errno != ESRCH)
            failed = errno;
    }
    if (found == 0)
        return cli_fail(c,
                        "Failed to stop Dapr and app processes: couldn't find apps with run file "
                        "\"%.*s\"",
                        SC_FMT(file));
    for (uint32_t i = 0; i < all->count && !failed; i++) {
        if (sc_str_eq(all->at[i].run_file, file) &&
            !wait_for_end(cli_instance_main_pid(&all->at[i]), all->at[i].sidecar_pid))
            failed = ETIMEDOUT;
    }
    if (failed)
        return cli_fail(c, "Failed to stop Dapr and app processes of \"%.*s\": %s", SC_FMT(file),
                        cli_reason(failed));
    cli_say(c, CLI_SUCCESS, "Dapr and app processes stopped successfully");
    return 0;
}

static int run_stop(cli *c, void *self, const cli_args *args)
{
    const stop_options *options = self;
    cli_instances all;
    int code = 0;

    if (options->kubernetes)
        return cli_absent(c, "stop --kubernetes");
    if (args->count == 0 && options->app_ids.count == 0 && options->run_file.len == 0)
        return cli_fail(c,
                        "nothing to stop: name applications ('%s list' shows them) or a file "
                        "with --run-file",
                        c->name);
    all = cli_instances_find(c);
    if (options->run_file.len > 0)
        code = stop_file(c, &all, options->run_file);
    for (uint32_t i = 0; i < options->app_ids.count; i++)
        code |= stop_one(c, &all, options->app_ids.at[i]);
    for (uint32_t i = 0; i < args->count; i++)
        code |= stop_one(c, &all, sc_str_from(args->words[i]));
    return code;
}

const cli_command cli_stop = {
    .name = "stop",
    .summary = "Stop applications and their sidecars",
    .words = "[APP-ID...]",
    .about =
        "Returns when they are gone: the application gets five seconds to end by itself, then the "
        "sidecar finishes what it has under way.",
    .examples = "dapr stop --app-id orders\n"
                "dapr stop orders shop\n"
                "dapr stop -f dapr.yaml\n",
    .choices = "@app",
    .flags = flags,
    .options_size = sizeof(stop_options),
    .run = run_stop,
};
