/* SPDX-License-Identifier: MIT
 *
 * `run`: one application with its sidecar, in the foreground. `run --run-file` goes on in
 * run_file.c and run_many.c.
 */
#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/run_file.h"
#include "cli/run_settings.h"
#include "cli/runner.h"

#define BLUE  "\x1b[94;1m"
#define FAINT "\x1b[2m"
#define WHITE "\x1b[97;1m"
#define PLAIN "\x1b[0m"

/* The runner first: its start gets the rest by a cast. */
typedef struct single_run {
    cli_runner runner;
    cli_run_settings *settings;
} single_run;

/* Lines of JSON stay lines of JSON. */
static sc_str prefix(const cli *c, const char *coloured, const char *plain)
{
    if (c->is_json)
        return SC_STR("");
    return sc_str_from(c->has_colour ? coloured : plain);
}

static bool start(cli_runner *runner, uint32_t index)
{
    single_run *run = (single_run *)runner;
    cli *c = runner->c;
    cli_pair_output output = {.app_prefix = prefix(c, BLUE "== APP == " PLAIN, "== APP == "),
                              .sidecar_prefix = prefix(c, FAINT "== DAPR == " PLAIN, "== DAPR == "),
                              .app_file = -1,
                              .sidecar_file = -1,
                              .shows_app = true,
                              .shows_sidecar = true,
                              .reads_input = true};
    sc_error err;

    if (cli_run_settle(c, runner->loop, run->settings, &err) != SC_OK) {
        return cli_refuse(c, "%s", err.text);
    }
    if (!run->settings->command)
        cli_putf(c, 1, "%sWARNING: no application command found.%s\n", c->has_colour ? WHITE : "",
                 c->has_colour ? PLAIN : "");
    if (cli_runner_start_pair(runner, index, run->settings, &output, NULL, &err))
        return true;
    return cli_refuse(c, "the sidecar cannot be started: %s", err.text);
}

static int run_one(cli *c, cli_run_settings *settings)
{
    single_run run = {.settings = settings};

    cli_runner_open(&run.runner, c);
    run.runner.start = start;
    run.runner.stop_text = "\nterminated signal received: shutting down";
    return cli_runner_run(&run.runner, 1);
}

/* What stands beside --run-file on the command line belongs into the file. */
static void warn_about_flags(cli *c, const cli_args *args)
{
    sc_str names = SC_STR("");

    for (const cli_flag *flag = cli_run_flags; flag->name; flag++) {
        if (cli_args_has(&cli_run, args, flag->name) && strcmp(flag->name, "run-file") != 0)
            names =
                sc_arena_fmt(&c->mem, "%.*s%s%s", SC_FMT(names), names.len ? ", " : "", flag->name);
    }
    if (names.len > 0)
        cli_say(c, CLI_WARNING,
                "The following flags are ignored when using --run-file and should be configured in "
                "the run file instead: %.*s",
                SC_FMT(names));
}

static int run_many(cli *c, sc_str path, const cli_args *args)
{
    cli_run_file file;
    sc_error err;

    if (args->count > 0)
        return cli_fail(c, "--run-file says what to run: \"%s\" is one command too many",
                        args->words[0]);
    warn_about_flags(c, args);
    if (cli_run_file_read(c, path, &file, &err) != SC_OK)
        return cli_fail(c, "Error getting apps from config file: %s", err.text);
    if (file.count == 0)
        return cli_fail(c, "No apps to run");
    return cli_run_file_run(c, &file);
}

static int run_run(cli *c, void *options, const cli_args *args)
{
    cli_run_settings *settings = options;

    if (settings->kubernetes)
        return cli_absent(c, "run --kubernetes");
    if (settings->run_file.len > 0)
        return run_many(c, settings->run_file, args);
    settings->command = args->count > 0 ? args->words : NULL;
    return run_one(c, settings);
}

const cli_command cli_run = {
    .name = "run",
    .summary = "Run an application with a sidecar",
    .words = "[--] [COMMAND [ARGUMENTS...]]",
    .about =
        "Starts a sidecar, then the command with the sidecar's ports in its environment "
        "(DAPR_HTTP_PORT, DAPR_GRPC_PORT, APP_ID, APP_PORT), and ends both together. Without a "
        "command only the sidecar runs, for an application that is started elsewhere. The exit "
        "status is the application's.",
    .examples = "dapr run --app-id orders --app-port 8000 -- python3 app.py\n"
                "dapr run --app-id orders --app-port 8000 --dapr-http-port 3500 "
                "--resources-path ./components -- ./orders\n"
                "dapr run --app-id probe --dapr-http-port 3500\n"
                "dapr run -f dapr.yaml\n",
    .flags = cli_run_flags,
    .options_size = sizeof(cli_run_settings),
    .run = run_run,
};
