/* SPDX-License-Identifier: MIT
 *
 * Between pair.c and pair_metadata.c.
 */
#ifndef SC_CLI_PAIR_INTERNAL_H
#define SC_CLI_PAIR_INTERNAL_H

#include "cli/pair.h"
#include "cli/print.h"

/* A status line: on the console, or where the sidecar's lines go when the pair is quiet. */
void cli_pair_say(cli_pair *pair, cli_mark mark, const char *fmt, ...) SC_PRINTF(3, 4);
/* Where the sidecar's API of this kind ("http", "grpc") is reached. */
sc_dial cli_pair_dial(const cli_pair *pair, const char *kind);

/* Tells the sidecar who started it and what: entry by entry, then says that all is up. Goes on
 * where it stopped when called again. */
void cli_pair_put_metadata(cli_pair *pair);
void cli_pair_drop_metadata(cli_pair *pair);

#endif
