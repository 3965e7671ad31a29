/* SPDX-License-Identifier: MIT
 *
 * Completion scripts. They ask the program itself (`__complete`), so they are short and never out
 * of date.
 */
#ifndef SC_CLI_COMPLETION_H
#define SC_CLI_COMPLETION_H

#include "cli/command.h"
#include "core/buf.h"

/* Appends the script of "bash", "zsh" or "fish" for a program called `name`; false for another
 * shell. */
bool cli_completion_script(const char *shell, const char *name, sc_buf *out) SC_MUST_CHECK;

#endif
