/* SPDX-License-Identifier: MIT
 *
 * Standard output and error of `run` on its loop: a terminal that is stopped or a slow reader never
 * blocks it, lines of several programs do not run into each other, and a reader that is gone is
 * noticed. While it is open the status lines of the command go through it too.
 */
#ifndef SC_CLI_CONSOLE_H
#define SC_CLI_CONSOLE_H

#include "cli/command.h"
#include "io/loop.h"

typedef struct cli_console cli_console;

typedef struct cli_console_ops {
    void (*on_gone)(void *self);    /* nobody reads any more; once */
    void (*on_full)(void *self);    /* stop producing ... */
    void (*on_drained)(void *self); /* ... until this */
} cli_console_ops;

cli_console *cli_console_open(cli *c, sc_loop *loop, const cli_console_ops *ops, void *self);
/* Text on descriptor 1 or 2. When the last text there has not ended its line and came from somebody
 * else than `speaker`, the line is ended first. */
void cli_console_put(cli_console *console, int fd, const void *speaker, sc_str text);
/* True when the speaker's own line is the last and has not ended. */
bool cli_console_is_open_line(const cli_console *console, int fd, const void *speaker);
bool cli_console_is_full(const cli_console *console);
/* Writes what waits, for `linger_ms` at most, then closes; the loop runs dry afterwards. */
void cli_console_close(cli_console *console, uint64_t linger_ms);

#endif
