/* SPDX-License-Identifier: MIT
 *
 * Every command: each in the file of its name.
 */
#ifndef SC_CLI_COMMANDS_H
#define SC_CLI_COMMANDS_H

#include "cli/command.h"

extern const cli_command cli_help;
extern const cli_command cli_run;
extern const cli_command cli_sidecar;
extern const cli_command cli_version;

#endif
