/* SPDX-License-Identifier: MIT
 *
 * Lines with a prefix. A carriage return before the line feed is dropped; colours go to terminals,
 * not into files.
 */
#include "cli/voice.h"

#include <unistd.h>

#define LINE_MAX_LEN 65536u
#define PAUSE_MS     150u

static void on_pause(sc_timer *timer);

void cli_voice_init(cli_voice *voice, sc_loop *loop, cli_console *console, int console_fd,
                    sc_str prefix, int file)
{
    *voice =
        (cli_voice){.console = console, .console_fd = console_fd, .prefix = prefix, .file = file};
    sc_timer_init(&voice->pause, loop, on_pause);
}

/* Shows what is not on the console yet. */
static void show(cli_voice *voice, sc_str line, bool is_ended)
{
    sc_buf text = {0};

    if (!voice->console)
        return;
    if (voice->shown == 0 || !cli_console_is_open_line(voice->console, voice->console_fd, voice))
        sc_buf_add_str(&text, voice->prefix);
    sc_buf_add_str(&text, sc_str_sub(line, voice->shown, line.len));
    if (is_ended)
        sc_buf_add_byte(&text, '\n');
    cli_console_put(voice->console, voice->console_fd, voice, sc_buf_str(&text));
    sc_buf_deinit(&text);
    voice->shown = is_ended ? 0 : line.len;
}

/* Index behind the escape sequence that begins at `at` (ECMA-48: CSI, OSC, two bytes). */
static size_t skip_escape(sc_str line, size_t at)
{
    char kind = at + 1 < line.len ? line.at[at + 1] : '\0';

    at += 2;
    if (kind == '[') {
        while (at < line.len && (line.at[at] < 0x40 || line.at[at] > 0x7e))
            at++;
        return at + 1;
    }
    if (kind == ']') {
        while (at < line.len && line.at[at] != '\a' && line.at[at] != '\x1b')
            at++;
        return at < line.len && line.at[at] == '\x1b' ? at + 2 : at + 1;
    }
    return at;
}

static void keep(cli_voice *voice, sc_str line)
{
    sc_buf text = {0};
    ssize_t written;

    if (voice->file < 0)
        return;
    for (size_t i = 0; i < line.len;) {
        if (line.at[i] == '\x1b') {
            i = skip_escape(line, i);
            continue;
        }
        sc_buf_add_byte(&text, line.at[i++]);
    }
    sc_buf_add_byte(&text, '\n');
    written = write(voice->file, sc_buf_at(&text), sc_buf_len(&text));
    (void)written; /* a full disk must not stop the application */
    sc_buf_deinit(&text);
}

static void end_line(cli_voice *voice)
{
    sc_str line = sc_buf_str(&voice->line);

    if (sc_str_ends(line, SC_STR("\r")))
        line = sc_str_sub(line, 0, line.len - 1);
    show(voice, line, true);
    keep(voice, line);
    sc_buf_reset(&voice->line, LINE_MAX_LEN);
}

void cli_voice_feed(cli_voice *voice, const char *at, size_t len)
{
    sc_str rest = sc_str_of(at, len);

    while (rest.len > 0) {
        size_t line = sc_str_find(rest, '\n');

        sc_buf_add(&voice->line, rest.at, line);
        if (line < rest.len || sc_buf_len(&voice->line) > LINE_MAX_LEN)
            end_line(voice);
        rest = sc_str_sub(rest, line < rest.len ? line + 1 : line, rest.len);
    }
    if (sc_buf_len(&voice->line) > voice->shown)
        sc_timer_start(&voice->pause, PAUSE_MS);
    else
        sc_timer_stop(&voice->pause);
}

static void on_pause(sc_timer *timer)
{
    cli_voice *voice = SC_CONTAINER_OF(timer, cli_voice, pause);

    show(voice, sc_buf_str(&voice->line), false);
}

void cli_voice_deinit(cli_voice *voice)
{
    sc_timer_stop(&voice->pause);
    if (sc_buf_len(&voice->line) > 0)
        end_line(voice);
    sc_buf_deinit(&voice->line);
}
