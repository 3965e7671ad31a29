/* SPDX-License-Identifier: MIT
 *
 * Status lines and plain text. Written at once, unless `run` has put its console in between.
 */
#include "cli/print.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "wire/json.h"

typedef struct mark_text {
    const char *symbol;
    const char *status;
} mark_text;

static const mark_text marks[] = {
    [CLI_SUCCESS] = {"✅  ", "success"}, [CLI_FAILURE] = {"❌  ", "failure"},
    [CLI_WARNING] = {"⚠  ", "warning"}, [CLI_PENDING] = {"⌛  ", "pending"},
    [CLI_INFO] = {"ℹ️  ", "info"},
};

void cli_put(cli *c, int fd, sc_str text)
{
    if (c->write) {
        c->write(c, fd, text);
        return;
    }
    while (text.len > 0) {
        ssize_t written = write(fd, text.at, text.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nobody reads any more */
        text = sc_str_sub(text, (size_t)written, text.len);
    }
}

sc_str cli_text_va(cli *c, const char *fmt, va_list args)
{
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        return SC_STR("");
    text = sc_arena_alloc(&c->mem, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    return sc_str_of(text, (size_t)len);
}

void cli_putf(cli *c, int fd, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    cli_put(c, fd, cli_text_va(c, fmt, args));
    va_end(args);
}

void cli_add_line(const cli *c, cli_mark mark, sc_str text, bool is_bare, sc_buf *out)
{
    char time[SC_CLOCK_TEXT_MAX];

    if (c->is_json) {
        sc_buf_add_fmt(out, "{\"time\":\"%.*s\",\"status\":\"%s\",\"msg\":",
                       SC_FMT(sc_clock_format_ns(sc_clock_wall_ns(), time)), marks[mark].status);
        sc_json_add_string(out, text);
        sc_buf_add_str(out, SC_STR("}\n"));
        return;
    }
    if (!is_bare)
        sc_buf_add_str(out, sc_str_from(marks[mark].symbol));
    sc_buf_add_str(out, text);
    sc_buf_add_byte(out, '\n');
}

static void say_va(cli *c, cli_mark mark, const char *fmt, va_list args) SC_PRINTF(3, 0);
static void say_va(cli *c, cli_mark mark, const char *fmt, va_list args)
{
    sc_buf line = {0};

    cli_add_line(c, mark, cli_text_va(c, fmt, args), false, &line);
    cli_put(c, mark == CLI_FAILURE ? STDERR_FILENO : STDOUT_FILENO, sc_buf_str(&line));
    sc_buf_deinit(&line);
}

void cli_say(cli *c, cli_mark mark, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say_va(c, mark, fmt, args);
    va_end(args);
}

int cli_fail(cli *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say_va(c, CLI_FAILURE, fmt, args);
    va_end(args);
    return 1;
}

bool cli_refuse(cli *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say_va(c, CLI_FAILURE, fmt, args);
    va_end(args);
    return false;
}
