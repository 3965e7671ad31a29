/* SPDX-License-Identifier: MIT
 *
 * The life of a pair, in the order it runs: start, probe, application, metadata; stop, drain, end.
 * Each step has one timer; what ends a step early calls `advance` itself.
 */
#include "cli/pair.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/pair_internal.h"
#include "cli/print.h"

#define SIDECAR_LIMIT_MS 60000u /* to listen on a port */
#define PROBE_PAUSE_MS   10u
#define APP_GRACE_MS     5000u  /* between SIGTERM and SIGKILL, as Dapr's */
#define SIDECAR_GRACE_MS 10000u /* longer than its own limit for a graceful stop */
#define KILLED_LIMIT_MS  2000u  /* for the kernel to take away what was killed */
#define POLL_MS          50u
#define DRAIN_LIMIT_MS   500u /* for last words in a pipe that somebody still holds */
#define DRAIN_POLL_MS    2u

static void probe(cli_pair *pair);
static void start_app(cli_pair *pair);
static void begin_stop(cli_pair *pair);
static void stop_sidecar(cli_pair *pair);
static void advance(cli_pair *pair);
static void end(cli_pair *pair);
static void on_timer(sc_timer *timer);

static uint64_t now_ms(const cli_pair *pair)
{
    return sc_loop_now_ms(pair->loop);
}

/* ---- words ---- */

void cli_pair_say(cli_pair *pair, cli_mark mark, const char *fmt, ...)
{
    sc_buf line = {0};
    sc_str text;
    va_list args;

    va_start(args, fmt);
    text = cli_text_va(pair->c, fmt, args);
    va_end(args);
    if (!pair->output.is_quiet || pair->output.shows_sidecar)
        cli_say(pair->c, mark, "%s", text.at);
    else if (mark == CLI_FAILURE)
        cli_say(pair->c, mark, "App \"%.*s\": %s", SC_FMT(pair->settings->app_id), text.at);
    if (pair->output.is_quiet && pair->output.sidecar_file >= 0) {
        ssize_t written;

        cli_add_line(pair->c, mark, text, true, &line);
        written = write(pair->output.sidecar_file, sc_buf_at(&line), sc_buf_len(&line));
        (void)written;
    }
    sc_buf_deinit(&line);
}

static void on_app_output(void *self, int fd, const char *at, size_t len)
{
    cli_voice_feed(&((cli_pair *)self)->app_voices[fd - 1], at, len);
}

static void on_sidecar_output(void *self, int fd, const char *at, size_t len)
{
    cli_voice_feed(&((cli_pair *)self)->sidecar_voices[fd - 1], at, len);
}

static void open_voices(cli_pair *pair)
{
    const cli_pair_output *o = &pair->output;

    for (int i = 0; i < 2; i++) {
        cli_voice_init(&pair->app_voices[i], pair->loop, o->shows_app ? pair->console : NULL, i + 1,
                       o->app_prefix, o->app_file);
        cli_voice_init(&pair->sidecar_voices[i], pair->loop,
                       o->shows_sidecar ? pair->console : NULL, i + 1, o->sidecar_prefix,
                       o->sidecar_file);
    }
}

static void close_voices(cli_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        cli_voice_deinit(&pair->app_voices[i]);
        cli_voice_deinit(&pair->sidecar_voices[i]);
    }
}

/* "exit status 1", "signal: killed": as Go describes an end. */
static const char *end_text(const cli_pair_end *end, char *text, size_t max)
{
    if (end->signum == 0) {
        (void)snprintf(text, max, "exit status %d", end->status);
        return text;
    }
    (void)snprintf(text, max, "signal: %s", strsignal(end->signum));
    for (char *at = text; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return text;
}

/* ---- the sidecar ---- */

static void on_sidecar_exit(void *self, int status, int signum)
{
    cli_pair *pair = self;

    pair->sidecar_end = (cli_pair_end){status, signum};
    if (pair->step >= CLI_PAIR_STOPPING_APP) {
        advance(pair);
        return;
    }
    if (status != 0 || signum != 0)
        pair->exit_status = 1;
    begin_stop(pair);
}

static void announce_sidecar_end(cli_pair *pair)
{
    const cli_pair_end *end = &pair->sidecar_end;
    char text[64];

    if (pair->is_killed)
        cli_pair_say(pair, CLI_WARNING, "Dapr did not end by itself and was killed");
    else if (end->status == 0 && end->signum == 0)
        cli_pair_say(pair, CLI_SUCCESS, "Exited Dapr successfully");
    else
        cli_pair_say(pair, CLI_FAILURE, "The daprd process exited with error code: %s",
                     end_text(end, text, sizeof(text)));
}

static const sc_process_ops sidecar_ops = {.on_output = on_sidecar_output,
                                           .on_exit = on_sidecar_exit};

static void announce(cli_pair *pair)
{
    const cli_run_settings *s = pair->settings;

    if (s->socket_folder.len == 0) {
        cli_pair_say(pair, CLI_INFO, "Starting Dapr with id %.*s. HTTP Port: %lld. gRPC Port: %lld",
                     SC_FMT(s->app_id), (long long)s->http_port, (long long)s->grpc_port);
        return;
    }
    cli_pair_say(pair, CLI_WARNING, "Unix domain sockets are currently a preview feature");
    cli_pair_say(pair, CLI_INFO,
                 "Starting Dapr with id %.*s. HTTP Socket: %.*s. gRPC Socket: %.*s.",
                 SC_FMT(s->app_id), SC_FMT(cli_run_socket(pair->c, s, "http")),
                 SC_FMT(cli_run_socket(pair->c, s, "grpc")));
}

sc_code cli_pair_start(cli_pair *pair, sc_error *err)
{
    const cli_run_settings *s = pair->settings;
    sc_process_spec spec = {.file = "/proc/self/exe",
                            .args = cli_run_sidecar_args(pair->c, s),
                            .env = cli_run_sidecar_env(pair->c, s),
                            .folder = s->folder.len ? s->folder.at : NULL,
                            .io = {SC_PROCESS_NOTHING, SC_PROCESS_PIPE, SC_PROCESS_PIPE},
                            .size_from = -1};

    sc_timer_init(&pair->timer, pair->loop, on_timer);
    open_voices(pair);
    announce(pair);
    if (sc_process_start(pair->loop, &spec, &sidecar_ops, pair, &pair->sidecar, err) != SC_OK) {
        close_voices(pair);
        return err->code;
    }
    pair->step = CLI_PAIR_WAITING;
    pair->limit_ms = now_ms(pair) + SIDECAR_LIMIT_MS;
    probe(pair);
    return SC_OK;
}

/* ---- is it listening? ---- */

static const char *probed_name(const cli_pair *pair)
{
    return pair->probed == 0 ? "HTTP" : "GRPC";
}

static void probe_next(cli_pair *pair)
{
    if (pair->probed++ == 0) {
        pair->limit_ms = now_ms(pair) + SIDECAR_LIMIT_MS;
        probe(pair);
        return;
    }
    cli_pair_say(pair, CLI_INFO, "Dapr sidecar is up and running.");
    start_app(pair);
}

static void on_probe_connected(void *self)
{
    cli_pair *pair = self;

    sc_stream_close(pair->probe);
    pair->probe = NULL;
    probe_next(pair);
}

static void on_probe_data(void *self, const char *at, size_t len)
{
    (void)self;
    (void)at;
    (void)len;
}

static void on_probe_lost(void *self, const sc_error *why)
{
    cli_pair *pair = self;

    sc_stream_close(pair->probe);
    pair->probe = NULL;
    if (now_ms(pair) < pair->limit_ms) {
        sc_timer_start(&pair->timer, PROBE_PAUSE_MS);
        return;
    }
    cli_pair_say(pair, CLI_WARNING, "Dapr sidecar is not listening on %s port: %s",
                 probed_name(pair), why->text);
    cli_pair_say(pair, CLI_WARNING, "Dapr sidecar might not be responding.");
    start_app(pair);
}

static const sc_stream_ops probe_ops = {
    .on_connected = on_probe_connected, .on_data = on_probe_data, .on_lost = on_probe_lost};

static void probe_again(cli_pair *pair)
{
    sc_dial to = cli_pair_dial(pair, pair->probed == 0 ? "http" : "grpc");

    pair->probe = sc_stream_connect(pair->loop, &to, &probe_ops, pair);
}

static void probe(cli_pair *pair)
{
    sc_dial to = cli_pair_dial(pair, pair->probed == 0 ? "http" : "grpc");

    if (to.is_unix)
        cli_pair_say(pair, CLI_INFO, "Checking if Dapr sidecar is listening on %s socket %.*s",
                     probed_name(pair), SC_FMT(to.host));
    else
        cli_pair_say(pair, CLI_INFO, "Checking if Dapr sidecar is listening on %s port %u",
                     probed_name(pair), to.port);
    probe_again(pair);
}

/* ---- the application ---- */

static void on_app_exit(void *self, int status, int signum)
{
    cli_pair *pair = self;

    pair->app_end = (cli_pair_end){status, signum};
    if (pair->step >= CLI_PAIR_STOPPING_APP) {
        advance(pair);
        return;
    }
    pair->exit_status = signum ? 128 + signum : status;
    begin_stop(pair);
}

static void announce_app_end(cli_pair *pair)
{
    const cli_pair_end *end = &pair->app_end;
    char text[64];

    if (!pair->app)
        return;
    if (pair->is_stopping || (end->status == 0 && end->signum == 0))
        cli_pair_say(pair, CLI_SUCCESS, "Exited App successfully");
    else if (end->signum == 0)
        cli_pair_say(pair, CLI_FAILURE, "The App process exited with error code: %d", end->status);
    else
        cli_pair_say(pair, CLI_FAILURE, "The App process was terminated by %s",
                     end_text(end, text, sizeof(text)));
}

static const sc_process_ops app_ops = {.on_output = on_app_output, .on_exit = on_app_exit};

static sc_process_io app_io(const cli_pair *pair, int fd)
{
    return pair->output.shows_app && isatty(fd) ? SC_PROCESS_TERMINAL : SC_PROCESS_PIPE;
}

/* A terminal's input is for the program in front: behind it, reading would take it away. */
static sc_process_io app_input(const cli_pair *pair)
{
    bool is_behind = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) != getpgrp();

    return pair->output.reads_input && !is_behind ? SC_PROCESS_INHERIT : SC_PROCESS_NOTHING;
}

static void start_app(cli_pair *pair)
{
    const cli_run_settings *s = pair->settings;
    sc_process_spec spec = {
        .args = s->command,
        .env = cli_run_app_env(pair->c, s),
        .folder = s->folder.len ? s->folder.at : NULL,
        .io = {app_input(pair), app_io(pair, STDOUT_FILENO), app_io(pair, STDERR_FILENO)},
        .size_from = STDOUT_FILENO};
    sc_error err;

    pair->step = CLI_PAIR_UP;
    if (s->command && s->command[0]) {
        spec.file = s->command[0];
        if (sc_process_start(pair->loop, &spec, &app_ops, pair, &pair->app, &err) != SC_OK) {
            cli_pair_say(pair, CLI_FAILURE, "Failed to %s command %s: %s",
                         err.code == SC_NOT_FOUND ? "find" : "start", spec.file, err.text);
            cli_pair_say(pair, CLI_SUCCESS, "Start App failed, try to stop Dapr successfully");
            pair->app = NULL;
            pair->exit_status = 1;
            begin_stop(pair);
            return;
        }
    }
    cli_pair_put_metadata(pair);
}

/* ---- the end ---- */

void cli_pair_stop(cli_pair *pair)
{
    pair->is_hurried = pair->is_stop_asked;
    pair->is_stop_asked = true;
    if (pair->step < CLI_PAIR_STOPPING_APP)
        begin_stop(pair);
    else
        advance(pair);
}

static void begin_stop(cli_pair *pair)
{
    sc_stream_close(pair->probe);
    pair->probe = NULL;
    cli_pair_drop_metadata(pair);
    pair->step = CLI_PAIR_STOPPING_APP;
    pair->limit_ms = now_ms(pair) + APP_GRACE_MS;
    pair->is_stopping = pair->app && !sc_process_has_exited(pair->app);
    if (pair->app)
        (void)sc_process_signal(pair->app, SIGTERM);
    advance(pair);
}

/* True once the limit of a step is behind us; kills then, and gives the kernel a little time. */
static bool is_overdue(cli_pair *pair, sc_process *process)
{
    bool is_late = now_ms(pair) >= pair->limit_ms || pair->is_hurried;

    if (is_late && !pair->is_killed) {
        pair->is_killed = true;
        pair->limit_ms = now_ms(pair) + KILLED_LIMIT_MS;
        pair->is_hurried = false;
        (void)sc_process_signal(process, SIGKILL);
        return false;
    }
    return is_late;
}

/* True when all that an ended process said has been read, or somebody holds its pipe for long. */
static bool is_drained(cli_pair *pair, const sc_process *process)
{
    if (!process || !sc_process_is_talking(process))
        return true;
    if (!pair->is_draining) {
        pair->is_draining = true;
        pair->limit_ms = now_ms(pair) + DRAIN_LIMIT_MS;
    }
    return now_ms(pair) >= pair->limit_ms;
}

/* The steps of a stop: each looks whether its end is reached, and waits when it is not. */
static void advance(cli_pair *pair)
{
    if (pair->step == CLI_PAIR_STOPPING_APP) {
        if (pair->app && sc_process_signal(pair->app, 0) > 0 && !is_overdue(pair, pair->app)) {
            sc_timer_start(&pair->timer, POLL_MS);
            return;
        }
        if (!is_drained(pair, pair->app)) {
            sc_timer_start(&pair->timer, DRAIN_POLL_MS);
            return;
        }
        announce_app_end(pair);
        stop_sidecar(pair);
    }
    if (!sc_process_has_exited(pair->sidecar) && !is_overdue(pair, pair->sidecar)) {
        sc_timer_start(&pair->timer, POLL_MS);
        return;
    }
    if (!is_drained(pair, pair->sidecar)) {
        sc_timer_start(&pair->timer, DRAIN_POLL_MS);
        return;
    }
    announce_sidecar_end(pair);
    end(pair);
}

static void stop_sidecar(cli_pair *pair)
{
    pair->step = CLI_PAIR_STOPPING_SIDECAR;
    pair->is_killed = pair->is_draining = false;
    pair->limit_ms = now_ms(pair) + SIDECAR_GRACE_MS;
    if (!sc_process_has_exited(pair->sidecar))
        (void)sc_process_signal(pair->sidecar, SIGTERM);
}

static void end(cli_pair *pair)
{
    const cli_run_settings *s = pair->settings;

    pair->step = CLI_PAIR_ENDED;
    sc_timer_stop(&pair->timer);
    sc_process_close(pair->app);
    sc_process_close(pair->sidecar);
    close_voices(pair);
    if (s->socket_folder.len > 0) { /* left behind when the sidecar was killed */
        (void)unlink(cli_run_socket(pair->c, s, "http").at);
        (void)unlink(cli_run_socket(pair->c, s, "grpc").at);
    }
    pair->ops->on_ended(pair);
}

static void on_timer(sc_timer *timer)
{
    cli_pair *pair = SC_CONTAINER_OF(timer, cli_pair, timer);

    if (pair->step == CLI_PAIR_WAITING)
        probe_again(pair);
    else if (pair->step == CLI_PAIR_UP)
        cli_pair_put_metadata(pair);
    else
        advance(pair);
}

/* ---- on the way ---- */

void cli_pair_pause_output(cli_pair *pair)
{
    if (pair->app)
        sc_process_pause(pair->app);
    if (pair->sidecar)
        sc_process_pause(pair->sidecar);
}

void cli_pair_resume_output(cli_pair *pair)
{
    if (pair->app)
        sc_process_resume(pair->app);
    if (pair->sidecar)
        sc_process_resume(pair->sidecar);
}

void cli_pair_resize(cli_pair *pair)
{
    if (pair->app)
        sc_process_resize(pair->app, STDOUT_FILENO);
}
