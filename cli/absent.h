/* SPDX-License-Identifier: MIT
 *
 * What Dapr has and this program does not have yet.
 */
#ifndef SC_CLI_ABSENT_H
#define SC_CLI_ABSENT_H

#include "cli/command.h"

/* Says so in one line; returns the exit status 1. */
int cli_absent(cli *c, const char *what);

#endif
