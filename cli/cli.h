/* SPDX-License-Identifier: MIT
 *
 * The command line as a whole, for main.c.
 */
#ifndef SC_CLI_CLI_H
#define SC_CLI_CLI_H

#include "core/str.h"

/* What the command line needs from layers that it does not see. */
typedef struct cli_host {
    /* `pillion sidecar`: the arguments behind the command's name; returns the exit status. */
    int (*sidecar)(int count, char **args);
    /* True when this binary can open components of this type and version ("" is v1). */
    bool (*has_component)(sc_str type, sc_str version);
} cli_host;

/* `args[0]` is the name the program was called by: "dapr" or "pillion". Returns the exit status: 0,
 * 1 when the command failed, 255 when it was not understood; `run` returns its application's. */
int cli_main(int count, char **args, const cli_host *host);

#endif
