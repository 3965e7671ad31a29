/* SPDX-License-Identifier: MIT
 *
 * The lines of `version`, which the flag -v prints too.
 */
#ifndef SC_CLI_VERSION_H
#define SC_CLI_VERSION_H

#include "cli/command.h"

void cli_version_print(cli *c);

#endif
