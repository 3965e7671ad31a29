/* SPDX-License-Identifier: MIT
 *
 * The foreground part of `run`. SIGHUP counts as a request to stop, unless the program was started
 * with nohup; so does a reader of our output that went away.
 */
#include "cli/runner.h"

#include <signal.h>
#include <unistd.h>

#include "cli/print.h"

#define LINGER_MS      2000u
#define SWEEP_POLL_MS  20u
#define SWEEP_GRACE_MS 2000u

static void stop_all(cli_runner *runner);
static void on_sweep(sc_timer *timer);

/* ---- events ---- */

static void on_signal(void *self, int signum)
{
    cli_runner *runner = self;

    if (signum == SIGWINCH) {
        for (uint32_t i = 0; i < runner->started; i++)
            cli_pair_resize(runner->pairs[i]);
        return;
    }
    if (!runner->is_stop_asked && runner->stop_text)
        cli_say(runner->c, CLI_INFO, "%s", runner->stop_text);
    runner->exit_status = 0;
    runner->is_stop_asked = true;
    stop_all(runner);
}

static void on_gone(void *self)
{
    cli_runner *runner = self;

    runner->is_stop_asked = true;
    stop_all(runner);
}

static void on_full(void *self)
{
    cli_runner *runner = self;

    for (uint32_t i = 0; i < runner->started; i++)
        cli_pair_pause_output(runner->pairs[i]);
}

static void on_drained(void *self)
{
    cli_runner *runner = self;

    for (uint32_t i = 0; i < runner->started; i++)
        cli_pair_resume_output(runner->pairs[i]);
}

static const cli_console_ops console_ops = {
    .on_gone = on_gone, .on_full = on_full, .on_drained = on_drained};

static void stop_all(cli_runner *runner)
{
    for (uint32_t i = 0; i < runner->started; i++) {
        if (runner->pairs[i]->step != CLI_PAIR_ENDED)
            cli_pair_stop(runner->pairs[i]);
    }
}

/* ---- pairs ---- */

static bool is_over(const cli_runner *runner)
{
    return runner->ended == runner->started &&
           (runner->is_stop_asked || runner->started == runner->pair_count);
}

static void start_next(cli_runner *runner)
{
    if (runner->started == runner->pair_count || runner->is_stop_asked)
        return;
    if (runner->start(runner, runner->started))
        return;
    runner->exit_status = 1;
    runner->is_stop_asked = true;
    stop_all(runner);
    if (is_over(runner))
        sc_timer_start(&runner->sweep, 0);
}

static void on_up(cli_pair *pair)
{
    cli_runner *runner = pair->user;

    if (runner->on_up)
        runner->on_up(runner, pair);
    start_next(runner);
}

/* A pair that fails before it is up ends the whole; later, only itself. */
static void on_ended(cli_pair *pair)
{
    cli_runner *runner = pair->user;
    bool has_failed = pair->exit_status != 0 && !pair->is_stop_asked;

    runner->ended++;
    if (has_failed)
        runner->exit_status = pair->exit_status;
    if (has_failed && !pair->is_up && !runner->is_stop_asked) {
        runner->is_stop_asked = true;
        stop_all(runner);
    } else if (!pair->is_up) {
        start_next(runner);
    }
    if (is_over(runner))
        sc_timer_start(&runner->sweep, 0);
}

static const cli_pair_ops pair_ops = {.on_up = on_up, .on_ended = on_ended};

bool cli_runner_start_pair(cli_runner *runner, uint32_t index, const cli_run_settings *settings,
                           const cli_pair_output *output, const sc_pairs *metadata, sc_error *err)
{
    cli_pair *pair = sc_arena_new(&runner->c->mem, cli_pair);

    pair->c = runner->c;
    pair->loop = runner->loop;
    pair->console = runner->console;
    pair->settings = settings;
    pair->output = *output;
    pair->ops = &pair_ops;
    pair->user = runner;
    if (metadata)
        pair->metadata = *metadata;
    runner->pairs[index] = pair;
    if (cli_pair_start(pair, err) != SC_OK)
        return false;
    runner->started++;
    return true;
}

/* ---- the whole ---- */

void cli_runner_open(cli_runner *runner, cli *c)
{
    static const int watched[CLI_RUNNER_SIGNALS] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGWINCH};
    struct sigaction now;

    runner->c = c;
    runner->loop = sc_loop_new();
    runner->console = cli_console_open(c, runner->loop, &console_ops, runner);
    for (uint32_t i = 0; i < CLI_RUNNER_SIGNALS; i++) {
        if (sigaction(watched[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            continue;
        runner->signals[i] = sc_signal_open(runner->loop, watched[i], on_signal, runner);
    }
    runner->has_input_mode = tcgetattr(STDIN_FILENO, &runner->input_mode) == 0;
    sc_timer_init(&runner->sweep, runner->loop, on_sweep);
    sc_process_adopt_orphans(runner->loop);
}

static void close_all(cli_runner *runner)
{
    for (uint32_t i = 0; i < CLI_RUNNER_SIGNALS; i++)
        sc_signal_close(runner->signals[i]);
    cli_console_close(runner->console, LINGER_MS);
}

/* All pairs have ended: what their programs left behind elsewhere ends too. */
static void on_sweep(sc_timer *timer)
{
    cli_runner *runner = SC_CONTAINER_OF(timer, cli_runner, sweep);
    uint64_t now = sc_loop_now_ms(runner->loop);
    size_t living;

    if (runner->sweep_limit_ms == 0) {
        runner->sweep_limit_ms = now + SWEEP_GRACE_MS;
        living = sc_process_signal_all(runner->loop, SIGTERM);
    } else if (now >= runner->sweep_limit_ms) {
        living = runner->is_sweep_killing ? 0 : sc_process_signal_all(runner->loop, SIGKILL);
        runner->is_sweep_killing = true;
        runner->sweep_limit_ms = now + SWEEP_GRACE_MS;
    } else {
        living = sc_process_signal_all(runner->loop, 0);
    }
    if (living > 0)
        sc_timer_start(timer, SWEEP_POLL_MS);
    else
        close_all(runner);
}

int cli_runner_run(cli_runner *runner, uint32_t count)
{
    runner->pairs = sc_arena_zero(&runner->c->mem, (count + 1) * sizeof(cli_pair *));
    runner->pair_count = count;
    if (count == 0)
        sc_timer_start(&runner->sweep, 0);
    else
        start_next(runner);
    sc_loop_run(runner->loop);
    if (runner->has_input_mode) /* an application that was killed may have left it strange */
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &runner->input_mode);
    if (sc_loop_close(&runner->loop) != 0 && runner->exit_status == 0)
        runner->exit_status = 1;
    return runner->exit_status;
}
