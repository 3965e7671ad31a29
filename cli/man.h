/* SPDX-License-Identifier: MIT
 *
 * The manual page, from the tables of the commands.
 */
#ifndef SC_CLI_MAN_H
#define SC_CLI_MAN_H

#include "cli/command.h"
#include "core/buf.h"

/* Appends pillion(1) in man(7) macros. */
void cli_man_page(const cli *c, sc_buf *out);

#endif
