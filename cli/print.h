/* SPDX-License-Identifier: MIT
 *
 * Status lines as Dapr prints them, and plain text.
 */
#ifndef SC_CLI_PRINT_H
#define SC_CLI_PRINT_H

#include <stdarg.h>

#include "cli/command.h"
#include "core/buf.h"

typedef enum cli_mark {
    CLI_SUCCESS, /* stdout */
    CLI_FAILURE, /* stderr */
    CLI_WARNING, /* stdout */
    CLI_PENDING, /* stdout */
    CLI_INFO,    /* stdout */
} cli_mark;

/* "✅  text\n", or one JSON object with --log-as-json. */
void cli_say(cli *c, cli_mark mark, const char *fmt, ...) SC_PRINTF(3, 4);
/* The same as text, into `out`; `is_bare` leaves the symbol out, as in log files. */
void cli_add_line(const cli *c, cli_mark mark, sc_str text, bool is_bare, sc_buf *out);
/* A failure line; returns the exit status 1. */
int cli_fail(cli *c, const char *fmt, ...) SC_PRINTF(2, 3);
/* The same for a step of a command; returns false. */
bool cli_refuse(cli *c, const char *fmt, ...) SC_PRINTF(2, 3);
/* printf into c->mem. */
sc_str cli_text_va(cli *c, const char *fmt, va_list args) SC_PRINTF(2, 0);
/* Text on descriptor 1 or 2 as it is. */
void cli_put(cli *c, int fd, sc_str text);
void cli_putf(cli *c, int fd, const char *fmt, ...) SC_PRINTF(3, 4);

#endif
