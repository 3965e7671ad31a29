/* SPDX-License-Identifier: MIT
 *
 * `logs`: the log files that a multi-app run keeps.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/instances.h"
#include "cli/print.h"
#include "io/process.h"

#define FOLLOW_PAUSE_MS 100

typedef struct logs_options {
    sc_str app_id;
    bool shows_app;
    bool follows;
    bool kubernetes;
} logs_options;

static const cli_flag flags[] = {
    CLI_TEXT(logs_options, app_id, .name = "app-id", .letter = 'a', .value = "ID",
             .is_required = true, .choices = "@app", .help = "Whose log"),
    CLI_SWITCH(logs_options, shows_app, .name = "app",
               .help = "The application's log instead of its sidecar's"),
    CLI_SWITCH(logs_options, follows, .name = "follow", .letter = 'f',
               .help = "Go on until the application ends"),
    CLI_SWITCH(logs_options, kubernetes, .name = "kubernetes", .letter = 'k', .is_hidden = true,
               .help = "On Kubernetes"),
    CLI_FLAGS_END,
};

/* The newest log of an application that was run from this folder; empty: none. Its name ends with
 * the time. */
static sc_str newest_here(cli *c, const logs_options *o)
{
    sc_str start =
        sc_arena_fmt(&c->mem, "%.*s_%s_", SC_FMT(o->app_id), o->shows_app ? "app" : "daprd");
    DIR *dir = opendir(".dapr/logs");
    struct dirent *entry;
    sc_str best = SC_STR_NONE;

    while (dir && (entry = readdir(dir)) != NULL) {
        sc_str name = sc_str_from(entry->d_name);

        if (sc_str_starts(name, start) && sc_str_cmp(name, best) > 0)
            best = sc_arena_str(&c->mem, name);
    }
    if (dir)
        (void)closedir(dir);
    return best.len ? sc_arena_fmt(&c->mem, ".dapr/logs/%.*s", SC_FMT(best)) : best;
}

static sc_code find_log(cli *c, const logs_options *o, const cli_instance *one, sc_str *path,
                        sc_error *err)
{
    if (one)
        *path = o->shows_app ? one->app_log : one->sidecar_log;
    else
        *path = newest_here(c, o);
    if (path->len > 0)
        return SC_OK;
    if (!one)
        return sc_fail(
            err, SC_NOT_FOUND,
            "couldn't find app id %.*s: it does not run, and .dapr/logs of this folder has "
            "no log of it",
            SC_FMT(o->app_id));
    if (one->cli_pid > 0)
        return sc_fail(
            err, SC_NOT_FOUND,
            "app id %.*s keeps no log file: it writes to the terminal of process %d; '%s "
            "run -f' keeps files",
            SC_FMT(o->app_id), one->cli_pid, c->name);
    return sc_fail(err, SC_NOT_FOUND,
                   "app id %.*s keeps no log file that is known here: its sidecar (process %d) was "
                   "started without '%s run -f'",
                   SC_FMT(o->app_id), one->sidecar_pid, c->name);
}

static bool is_running(int pid)
{
    sc_process_facts facts;

    return sc_process_look(pid, &facts) && !facts.is_dead;
}

/* Prints what there is, and what comes until process `pid` ends (0: no more). */
static sc_code copy(cli *c, int fd, int pid, sc_error *err)
{
    static const struct timespec pause = {.tv_nsec = FOLLOW_PAUSE_MS * 1000000L};
    bool was_running = true;
    char text[65536];

    for (;;) {
        ssize_t len = read(fd, text, sizeof(text));

        if (len < 0)
            return sc_fail(err, SC_UNAVAILABLE, "%s", cli_reason(errno));
        if (len > 0) {
            cli_put(c, 1, sc_str_of(text, (size_t)len));
            continue;
        }
        if (pid == 0 || !was_running)
            return SC_OK;
        was_running = is_running(pid); /* one more look after its end */
        (void)nanosleep(&pause, NULL);
    }
}

static int run_logs(cli *c, void *self, const cli_args *args)
{
    const logs_options *o = self;
    const cli_instance *one;
    cli_instances all;
    sc_str path;
    sc_error err;
    sc_code code;
    int fd;

    (void)args;
    if (o->kubernetes)
        return cli_absent(c, "logs --kubernetes");
    all = cli_instances_find(c);
    one = cli_instances_get(&all, o->app_id);
    if (find_log(c, o, one, &path, &err) != SC_OK)
        return cli_fail(c, "%s", err.text);
    fd = open(sc_arena_str(&c->mem, path).at, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(c, "open %.*s: %s", SC_FMT(path), cli_reason(errno));
    code = copy(c, fd, one && o->follows ? one->sidecar_pid : 0, &err);
    (void)close(fd);
    return code == SC_OK ? 0 : cli_fail(c, "read %.*s: %s", SC_FMT(path), err.text);
}

const cli_command cli_logs = {
    .name = "logs",
    .summary = "Show the log of a sidecar or an application",
    .about =
        "'dapr run -f' keeps log files, in .dapr/logs of each application's folder; the newest "
        "ones in the folder where this is typed are found after the application has ended, too.",
    .examples = "dapr logs --app-id orders\n"
                "dapr logs -a orders --app --follow\n",
    .flags = flags,
    .options_size = sizeof(logs_options),
    .run = run_logs,
};
