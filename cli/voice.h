/* SPDX-License-Identifier: MIT
 *
 * What one program says: cut into lines, each with the program's prefix on the console and as it is
 * in its log file.
 */
#ifndef SC_CLI_VOICE_H
#define SC_CLI_VOICE_H

#include "cli/console.h"
#include "core/buf.h"
#include "io/timer.h"

typedef struct cli_voice {
    cli_console *console; /* NULL: not shown */
    int console_fd;       /* 1 or 2 */
    sc_str prefix;        /* "== APP == ", colour included; lives as long as the voice */
    int file;             /* -1: none; the owner's */
    sc_buf line;          /* what came after the last line feed */
    size_t shown;         /* bytes of it that are on the console */
    sc_timer pause; /* a line that waits for its end is shown as it is: it may be a question */
} cli_voice;

void cli_voice_init(cli_voice *voice, sc_loop *loop, cli_console *console, int console_fd,
                    sc_str prefix, int file);
void cli_voice_feed(cli_voice *voice, const char *at, size_t len);
/* Ends a last line without a line feed, and gives back memory. */
void cli_voice_deinit(cli_voice *voice);

#endif
