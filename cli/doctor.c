/* SPDX-License-Identifier: MIT
 *
 * `doctor`: looks for what keeps applications from working, and says how to mend it. Each finding
 * is a line: a tick, a warning, or a failure, which makes the exit status 1.
 */
#include <unistd.h>

#include "cli/commands.h"
#include "cli/doctor_internal.h"
#include "cli/files.h"
#include "cli/print.h"
#include "core/module.h"
#include "io/stream.h"

static const cli_flag flags[] = {
    CLI_LIST(doctor_options, folders, .name = "resources-path", .value = "DIR", .choices = "@dir",
             .help = "Folder of resources to check (default: components of the Dapr folder)"),
    CLI_TEXT(doctor_options, app_id, .name = "app-id", .letter = 'a', .value = "ID",
             .choices = "@app", .help = "Running application to check (default: all)"),
    CLI_FLAGS_END,
};

/* ---- this program and its folder ---- */

static void check_program(doctor *d)
{
    sc_error err;

    doctor_good(d, "Version %s", PILLION_VERSION);
    if (!sc_module_load("tls", &err))
        doctor_warn(d, "TLS cannot be used: %s", err.text);
}

static void check_folder(doctor *d)
{
    cli *c = d->c;
    sc_str components = sc_arena_fmt(&c->mem, "%.*s/components", SC_FMT(c->root));
    sc_str config = sc_arena_fmt(&c->mem, "%.*s/config.yaml", SC_FMT(c->root));

    if (!cli_folder_exists(components)) {
        doctor_warn(d, "%.*s is not there: run '%s init', or name folders with --resources-path",
                    SC_FMT(components), c->name);
        return;
    }
    if (access(components.at, R_OK | X_OK) != 0)
        doctor_bad(d, "%.*s cannot be read: 'chmod -R u+rX %.*s'", SC_FMT(components),
                   SC_FMT(c->root));
    else
        doctor_good(d, "Dapr folder %.*s", SC_FMT(c->root));
    if (!cli_file_exists(config))
        doctor_warn(d, "%.*s is not there: sidecars run with the default configuration",
                    SC_FMT(config));
}

/* ---- ports ---- */

static void on_accept(void *self, sc_stream *stream)
{
    (void)self;
    sc_stream_close(stream);
}

static bool is_free(uint16_t port)
{
    sc_listen at = {.port = port};
    sc_listener *listener = NULL;
    sc_loop *loop = sc_loop_new();
    sc_error err;
    bool can_listen = sc_listener_open(loop, &at, on_accept, NULL, &listener, &err) == SC_OK;

    sc_listener_close(listener);
    (void)sc_loop_close(&loop);
    return can_listen;
}

static const cli_instance *owner_of(const doctor *d, uint16_t port)
{
    for (uint32_t i = 0; i < d->running.count; i++) {
        const cli_instance *one = &d->running.at[i];

        if (one->http_port == port || one->grpc_port == port || one->app_port == port)
            return one;
    }
    return NULL;
}

static void check_ports(doctor *d)
{
    static const uint16_t ports[] = {3500, 50001, 9090};
    static const char *const meanings[] = {"HTTP API", "gRPC API", "metrics"};

    for (size_t i = 0; i < SC_ARRAY_LEN(ports); i++) {
        const cli_instance *owner = owner_of(d, ports[i]);

        if (is_free(ports[i]))
            doctor_good(d, "Port %u (%s) is free", ports[i], meanings[i]);
        else if (owner)
            doctor_good(d, "Port %u (%s) is used by %.*s", ports[i], meanings[i],
                        SC_FMT(owner->app_id));
        else
            doctor_warn(d,
                        "Port %u (%s) is used by another program: '%s run' picks a free one, a "
                        "sidecar alone needs --%s",
                        ports[i], meanings[i], d->c->name,
                        i == 0   ? "dapr-http-port"
                        : i == 1 ? "dapr-grpc-port"
                                 : "metrics-port");
    }
}

/* ---- findings ---- */

void doctor_note(doctor *d, cli_mark mark, const char *fmt, ...)
{
    va_list args;
    sc_str text;

    va_start(args, fmt);
    text = cli_text_va(d->c, fmt, args);
    va_end(args);
    if (mark == CLI_FAILURE)
        d->failures++;
    else if (mark == CLI_WARNING)
        d->warnings++;
    cli_say(d->c, mark, "%.*s", SC_FMT(text));
}

static int run_doctor(cli *c, void *self, const cli_args *args)
{
    doctor d = {.c = c, .options = self};

    (void)args;
    d.running = cli_instances_find(c);
    check_program(&d);
    check_folder(&d);
    check_ports(&d);
    doctor_check_resources(&d);
    doctor_check_running(&d);
    if (d.failures > 0)
        return cli_fail(c, "%u to mend, %u to know", d.failures, d.warnings);
    if (d.warnings > 0)
        cli_say(c, CLI_INFO, "Nothing is broken; %u to know", d.warnings);
    else
        cli_say(c, CLI_SUCCESS, "All is well");
    return 0;
}

const cli_command cli_doctor = {
    .name = "doctor",
    .summary = "Look for what keeps applications from working",
    .about =
        "Checks the Dapr folder, the ports, the resources with their brokers and subscriptions, "
        "and the applications that run: whether they listen and have the routes that they "
        "subscribed with. Says what is wrong and how to mend it.",
    .examples = "dapr doctor\n"
                "dapr doctor --resources-path ./components\n"
                "dapr doctor --app-id orders\n",
    .flags = flags,
    .options_size = sizeof(doctor_options),
    .run = run_doctor,
};
