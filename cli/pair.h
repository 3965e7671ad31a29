/* SPDX-License-Identifier: MIT
 *
 * One application with its sidecar, from start to end: the sidecar first, the application when the
 * sidecar listens; at the end the application first, with all that it started, then the sidecar.
 */
#ifndef SC_CLI_PAIR_H
#define SC_CLI_PAIR_H

#include "cli/console.h"
#include "cli/run_settings.h"
#include "cli/voice.h"
#include "io/process.h"
#include "io/stream.h"
#include "net/http_client.h"

typedef enum cli_pair_step {
    CLI_PAIR_NEW,
    CLI_PAIR_WAITING, /* for the sidecar to listen */
    CLI_PAIR_UP,      /* both run */
    CLI_PAIR_STOPPING_APP,
    CLI_PAIR_STOPPING_SIDECAR,
    CLI_PAIR_ENDED,
} cli_pair_step;

typedef struct cli_pair cli_pair;

typedef struct cli_pair_ops {
    void (*on_up)(cli_pair *pair);    /* started, and the metadata is set; at most once */
    void (*on_ended)(cli_pair *pair); /* nothing of it is left; once */
} cli_pair_ops;

/* How a process ended. */
typedef struct cli_pair_end {
    int status;
    int signum; /* 0: it exited with `status` */
} cli_pair_end;

/* Where its words go. Prefixes include colours. */
typedef struct cli_pair_output {
    sc_str app_prefix;
    sc_str sidecar_prefix;
    int app_file; /* log files; -1: none */
    int sidecar_file;
    bool shows_app; /* on the console */
    bool shows_sidecar;
    bool is_quiet;    /* the status lines go where the sidecar's go, without symbols in a file */
    bool reads_input; /* the application gets this program's standard input */
} cli_pair_output;

struct cli_pair {
    cli *c;
    sc_loop *loop;
    cli_console *console;
    const cli_run_settings *settings;
    cli_pair_output output;
    const cli_pair_ops *ops;
    void *user;        /* the owner's */
    sc_pairs metadata; /* further entries for the sidecar's: run template, log files */

    cli_pair_step step;
    bool is_up;         /* on_up was called */
    bool is_stopping;   /* the application ran when the stop began: how it ends is our doing */
    bool is_stop_asked; /* by a signal: the end is no failure */
    bool is_hurried;    /* asked twice: no patience */
    int exit_status;    /* of the whole, once it has ended */
    sc_process *app;
    sc_process *sidecar;
    cli_voice app_voices[2];
    cli_voice sidecar_voices[2];
    sc_timer timer;    /* polling, and the limit of a step */
    uint64_t limit_ms; /* loop clock */
    sc_stream *probe;  /* is the sidecar listening? */
    int probed;        /* 0: HTTP, 1: gRPC */
    bool is_killed;    /* the limit of the step has passed */
    bool is_draining;  /* it has exited; last words may be in its pipe */
    cli_pair_end app_end;
    cli_pair_end sidecar_end;
    sc_http_client *client;
    sc_call *call;
    uint32_t next_put;
    uint32_t put_failures;
};

/* Starts the sidecar; everything else follows on the loop. `pair` is zeroed but for its first group
 * of members. Fails, and nothing is left, when the sidecar cannot be started. */
sc_code cli_pair_start(cli_pair *pair, sc_error *err) SC_MUST_CHECK;
/* Ends both in order; asked again, at once. */
void cli_pair_stop(cli_pair *pair);
void cli_pair_pause_output(cli_pair *pair);
void cli_pair_resume_output(cli_pair *pair);
/* The terminal has another size. */
void cli_pair_resize(cli_pair *pair);

#endif
