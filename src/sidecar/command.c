/* SPDX-License-Identifier: MIT
 *
 * `pillion sidecar` and `daprd`: what ends at once (--help, --version, --wait), and the sidecar
 * itself, which a SIGHUP ends and begins anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/file.h"
#include "sidecar/runtime.h"
#include "sidecar/runtime_internal.h"
#include "sidecar/wait.h"

/* The file of --log-file, else standard output; -1 with the reason. */
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

/* The log is open, or the process ends with one line that says why not. */
static int run(sc_options *options, sc_arena *mem)
{
    sc_error err;
    sc_code code = sc_options_read_early(options, &err);
    int fd = code == SC_OK ? open_log(options, mem, &err) : -1;
    int exit_code;

    if (fd < 0) {
        sc_log_sink sink = sc_runtime_sink(options, STDOUT_FILENO, mem);
        sc_log log = {.sink = &sink, .scope = "dapr.runtime"};

        sc_log_write(&log, SC_LOG_FATAL, "%s", err.text);
        sc_log_sink_deinit(&sink);
        return 1;
    }
    exit_code = sc_runtime_run(options, fd, true);
    while (exit_code == SC_RUNTIME_RESTART)
        exit_code = sc_runtime_run(options, fd, false);
    return exit_code;
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

static int answer(sc_options *options, int count, char **args, sc_arena *mem)
{
    sc_error err;

    if (sc_options_parse(count, args, mem, options, &err) != SC_OK) {
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
        return run(options, mem);
    return 0;
}

int sc_sidecar_main(int count, char **args)
{
    sc_options options;
    sc_arena mem;
    int code;

    sc_arena_init(&mem, NULL);
    code = answer(&options, count, args, &mem);
    sc_arena_deinit(&mem);
    return code;
}
