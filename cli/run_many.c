/* SPDX-License-Identifier: MIT
 *
 * The applications of a multi-app file, run together: each with its colour on the console and its
 * log files in <folder>/.dapr/logs.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/format.h"
#include "cli/print.h"
#include "cli/run_file.h"
#include "cli/runner.h"
#include "core/clock.h"

/* The runner first: its start gets the rest by a cast. */
typedef struct many_runs {
    cli_runner runner;
    const cli_run_file *file;
    int *logs; /* two descriptors an application, -1: none */
} many_runs;

static bool goes_to_file(sc_str destination)
{
    return !sc_str_eq(destination, SC_STR("console"));
}

static bool goes_to_console(sc_str destination)
{
    return !sc_str_eq(destination, SC_STR("file"));
}

/* "== APP - orders == " in the colour of its turn. */
static sc_str prefix(cli *c, const char *who, sc_str app_id, uint32_t index)
{
    static const int colours[] = {94, 92, 95, 96, 93, 91};

    if (c->is_json)
        return SC_STR("");
    if (!c->has_colour)
        return sc_arena_fmt(&c->mem, "== %s - %.*s == ", who, SC_FMT(app_id));
    return sc_arena_fmt(&c->mem, "\x1b[%d;1m== %s - %.*s == \x1b[0m",
                        colours[index % SC_ARRAY_LEN(colours)], who, SC_FMT(app_id));
}

/* Opens <folder>/.dapr/logs/<id>_<what>_<time>.log and notes its path in the metadata. */
static bool open_log(many_runs *run, const cli_run_settings *s, const char *what, const char *key,
                     int *fd, sc_pairs *metadata)
{
    cli *c = run->runner.c;
    sc_str folder = sc_arena_fmt(&c->mem, "%.*s/.dapr/logs", SC_FMT(s->folder));
    sc_str path =
        sc_arena_fmt(&c->mem, "%.*s/%.*s_%s_%.*s.log", SC_FMT(folder), SC_FMT(s->app_id), what,
                     SC_FMT(cli_local_time(c, sc_clock_wall_ms() / 1000, "%Y%m%d%H%M%S")));
    sc_error err;

    if (cli_folder_create(c, folder, &err) != SC_OK)
        return cli_refuse(c, "Error starting Dapr and app (\"%.*s\"): %s", SC_FMT(s->app_id),
                          err.text);
    *fd = open(path.at, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (*fd < 0)
        return cli_refuse(c, "Error starting Dapr and app (\"%.*s\"): open %s: %s",
                          SC_FMT(s->app_id), path.at, cli_reason(errno));
    sc_pairs_add(metadata, &c->mem, sc_str_from(key), path);
    return true;
}

static bool open_logs(many_runs *run, const cli_run_settings *s, int logs[2], sc_pairs *metadata)
{
    if (goes_to_file(s->app_log) && !open_log(run, s, "app", "appLogPath", &logs[0], metadata))
        return false;
    return !goes_to_file(s->sidecar_log) ||
           open_log(run, s, "daprd", "daprdLogPath", &logs[1], metadata);
}

static void describe_run(many_runs *run, sc_pairs *metadata)
{
    sc_arena *mem = &run->runner.c->mem;

    if (run->file->path.len > 0)
        sc_pairs_add(metadata, mem, SC_STR("runTemplatePath"), run->file->path);
    if (run->file->name.len > 0)
        sc_pairs_add(metadata, mem, SC_STR("runTemplateName"), run->file->name);
}

static sc_str file_name(const cli_run_file *file)
{
    return file->path.len ? file->path : SC_STR("standard input");
}

static bool start(cli_runner *runner, uint32_t index)
{
    many_runs *run = (many_runs *)runner;
    cli *c = runner->c;
    cli_run_settings *s = &run->file->apps[index];
    int *logs = &run->logs[index * 2];
    sc_pairs metadata = {0};
    cli_pair_output output;
    sc_error err;

    cli_say(c, CLI_INFO, "Validating config and starting app \"%.*s\"", SC_FMT(s->app_id));
    if (cli_run_settle(c, runner->loop, s, &err) != SC_OK)
        return cli_refuse(c, "Error validating run config for app \"%.*s\" present in %.*s: %s",
                          SC_FMT(s->app_id), SC_FMT(file_name(run->file)), err.text);
    if (!s->command)
        cli_say(c, CLI_WARNING, "No application command found for app \"%.*s\" present in %.*s",
                SC_FMT(s->app_id), SC_FMT(file_name(run->file)));
    describe_run(run, &metadata);
    if (!open_logs(run, s, logs, &metadata))
        return false;
    output = (cli_pair_output){.app_prefix = prefix(c, "APP", s->app_id, index),
                               .sidecar_prefix = prefix(c, "DAPR", s->app_id, index),
                               .app_file = logs[0],
                               .sidecar_file = logs[1],
                               .shows_app = goes_to_console(s->app_log),
                               .shows_sidecar = goes_to_console(s->sidecar_log),
                               .is_quiet = true};
    if (cli_runner_start_pair(runner, index, s, &output, &metadata, &err))
        return true;
    return cli_refuse(c, "Error starting Dapr and app (\"%.*s\"): %s", SC_FMT(s->app_id), err.text);
}

static void on_up(cli_runner *runner, const cli_pair *pair)
{
    const cli_run_settings *s = pair->settings;
    cli *c = runner->c;

    cli_say(c, CLI_INFO, "Started Dapr with app id \"%.*s\". HTTP Port: %lld. gRPC Port: %lld",
            SC_FMT(s->app_id), (long long)s->http_port, (long long)s->grpc_port);
    if (goes_to_file(s->app_log) || goes_to_file(s->sidecar_log))
        cli_say(c, CLI_INFO, "Writing log files to directory : %.*s/.dapr/logs", SC_FMT(s->folder));
}

int cli_run_file_run(cli *c, const cli_run_file *file)
{
    many_runs run = {.file = file};
    int code;

    run.logs = sc_arena_alloc(&c->mem, (file->count * 2 + 1) * sizeof(int));
    for (uint32_t i = 0; i < file->count * 2; i++)
        run.logs[i] = -1;
    cli_runner_open(&run.runner, c);
    run.runner.start = start;
    run.runner.on_up = on_up;
    run.runner.stop_text =
        "\nReceived signal to stop Dapr and app processes. Shutting down Dapr and "
        "app processes.";
    code = cli_runner_run(&run.runner, file->count);
    for (uint32_t i = 0; i < file->count * 2; i++) {
        if (run.logs[i] >= 0)
            (void)close(run.logs[i]);
    }
    return code;
}
