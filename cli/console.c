/* SPDX-License-Identifier: MIT
 *
 * Two outlets: a stream each where the kernel can wait, else written at once (files, /dev/null).
 */
#include "cli/console.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/print.h"
#include "io/stream.h"

typedef struct outlet {
    cli_console *console;
    sc_stream *stream; /* NULL: written at once, or gone */
    bool is_gone;
    const void *open_by; /* who wrote the line that is not ended; NULL: it is */
} outlet;

struct cli_console {
    cli *c;
    const cli_console_ops *ops;
    void *self;
    outlet outlets[2];
    bool is_full;
    bool told_gone;
};

static void on_data(void *self, const char *at, size_t len)
{
    (void)self;
    (void)at;
    (void)len;
}

static void on_lost(void *self, const sc_error *why)
{
    outlet *to = self;
    cli_console *console = to->console;

    (void)why;
    sc_stream_close(to->stream);
    to->stream = NULL;
    to->is_gone = true;
    if (console->told_gone)
        return;
    console->told_gone = true;
    console->ops->on_gone(console->self);
}

static void on_drained(void *self)
{
    cli_console *console = ((outlet *)self)->console;

    if (!console->is_full)
        return;
    console->is_full = false;
    console->ops->on_drained(console->self);
}

static const sc_stream_ops stream_ops = {
    .on_data = on_data, .on_lost = on_lost, .on_drained = on_drained};

static void write_for_command(cli *c, int fd, sc_str text)
{
    cli_console_put(c->console, fd, c, text);
}

cli_console *cli_console_open(cli *c, sc_loop *loop, const cli_console_ops *ops, void *self)
{
    cli_console *console = sc_new(cli_console);

    console->c = c;
    console->ops = ops;
    console->self = self;
    for (int i = 0; i < 2; i++) {
        outlet *to = &console->outlets[i];
        sc_error err;

        to->console = console;
        if (sc_stream_open_output(loop, i + 1, &stream_ops, to, &to->stream, &err) != SC_OK)
            to->stream = NULL; /* a file: nothing to wait for */
    }
    c->console = console;
    c->write = write_for_command;
    return console;
}

static void put_raw(cli_console *console, outlet *to, int fd, sc_str text)
{
    if (to->is_gone)
        return;
    if (to->stream) {
        sc_stream_write(to->stream, text.at, text.len);
        if (!console->is_full && sc_stream_is_congested(to->stream)) {
            console->is_full = true;
            console->ops->on_full(console->self);
        }
        return;
    }
    console->c->write = NULL;
    cli_put(console->c, fd, text);
    console->c->write = write_for_command;
}

void cli_console_put(cli_console *console, int fd, const void *speaker, sc_str text)
{
    outlet *to = &console->outlets[fd == STDERR_FILENO];

    if (text.len == 0)
        return;
    if (to->open_by && to->open_by != speaker)
        put_raw(console, to, fd, SC_STR("\n"));
    to->open_by = text.at[text.len - 1] == '\n' ? NULL : speaker;
    put_raw(console, to, fd, text);
}

bool cli_console_is_open_line(const cli_console *console, int fd, const void *speaker)
{
    return console->outlets[fd == STDERR_FILENO].open_by == speaker;
}

bool cli_console_is_full(const cli_console *console)
{
    return console->is_full;
}

void cli_console_close(cli_console *console, uint64_t linger_ms)
{
    for (int i = 0; i < 2; i++) {
        outlet *to = &console->outlets[i];

        if (to->open_by)
            put_raw(console, to, i + 1, SC_STR("\n"));
        sc_stream_close_gently(to->stream, linger_ms);
    }
    console->c->write = NULL;
    console->c->console = NULL;
    free(console);
}
