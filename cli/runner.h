/* SPDX-License-Identifier: MIT
 *
 * Pairs run together in the foreground: one loop, one console, the signals, and at the end nothing
 * left behind.
 */
#ifndef SC_CLI_RUNNER_H
#define SC_CLI_RUNNER_H

#include <termios.h>

#include "cli/pair.h"

#define CLI_RUNNER_SIGNALS 5u

typedef struct cli_runner cli_runner;

struct cli_runner {
    cli *c;
    sc_loop *loop;
    cli_console *console;
    sc_signal_watch *signals[CLI_RUNNER_SIGNALS];
    cli_pair **pairs;
    uint32_t pair_count;
    uint32_t started;
    uint32_t ended;
    bool is_stop_asked;
    int exit_status;
    const char *stop_text; /* said when a signal asks to stop */
    /* Starts pair `index`; false: it failed, and said so. */
    bool (*start)(cli_runner *runner, uint32_t index);
    /* A pair is up; may be NULL. */
    void (*on_up)(cli_runner *runner, const cli_pair *pair);
    sc_timer sweep;
    uint64_t sweep_limit_ms;
    bool is_sweep_killing;
    struct termios input_mode;
    bool has_input_mode;
};

/* Opens loop, console and signals; `runner` is zeroed. From now on status lines are gathered. */
void cli_runner_open(cli_runner *runner, cli *c);
/* Starts `count` pairs one after another, runs until all have ended, and returns the exit status.
 * Closes the runner. */
int cli_runner_run(cli_runner *runner, uint32_t count);
/* Starts a pair of this runner with `settings`, for `start`. */
bool cli_runner_start_pair(cli_runner *runner, uint32_t index, const cli_run_settings *settings,
                           const cli_pair_output *output, const sc_pairs *metadata,
                           sc_error *err) SC_MUST_CHECK;

#endif
