/* SPDX-License-Identifier: MIT
 *
 * The Redis that `init` uses: one that answers, or a redis-server that it starts in the background
 * and that `uninstall` stops.
 */
#ifndef SC_CLI_REDIS_H
#define SC_CLI_REDIS_H

#include "cli/command.h"

typedef enum cli_redis_state {
    CLI_REDIS_ABSENT,   /* nothing listens there */
    CLI_REDIS_ANSWERS,  /* PONG */
    CLI_REDIS_LOCKED,   /* a Redis that wants a password */
    CLI_REDIS_STRANGER, /* something that is no Redis */
} cli_redis_state;

/* Asks the server at `host`:`port`. */
cli_redis_state cli_redis_ask(sc_str host, uint16_t port);
/* True when redis-server is in the PATH. */
bool cli_redis_is_installed(void);
/* True for names of this machine, where a server can be started. */
bool cli_redis_is_local(sc_str host);

/* Starts redis-server in the background, on the loopback, durable, with its files in `folder`,
 * which is made, and waits until it answers. */
sc_code cli_redis_start(cli *c, sc_str folder, uint16_t port, sc_error *err) SC_MUST_CHECK;
/* The pid of the server that was started for `folder` and still runs, else 0. */
int cli_redis_pid(cli *c, sc_str folder);
/* Ends it and waits until it is gone. */
sc_code cli_redis_stop(cli *c, sc_str folder, sc_error *err) SC_MUST_CHECK;

#endif
