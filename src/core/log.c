/* SPDX-License-Identifier: MIT
 *
 * The three layouts of a line. Fields are written in the order of their names, as logrus sorts
 * them.
 */
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"

static const char *const names[] = {"debug", "info", "warning", "error", "fatal"};
static const char *const short_names[] = {"DEBU", "INFO", "WARN", "ERRO", "FATA"};
static const int colours[] = {37, 36, 33, 31, 31};

bool sc_log_level_from(sc_str text, sc_log_level *level)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (sc_str_eq_nocase(text, sc_str_from(names[i]))) {
            *level = (sc_log_level)i;
            return true;
        }
    }
    if (!sc_str_eq_nocase(text, SC_STR("warn")))
        return false;
    *level = SC_LOG_WARN;
    return true;
}

void sc_log_sink_deinit(sc_log_sink *sink)
{
    sc_buf_deinit(&sink->line);
}

static bool is_bare(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("-._/@^+", c))))
            return false;
    }
    return true;
}

static void add_escape(sc_buf *out, unsigned char c, bool is_json)
{
    if (c == '"' || c == '\\')
        sc_buf_add_fmt(out, "\\%c", c);
    else if (c == '\n')
        sc_buf_add_str(out, SC_STR("\\n"));
    else if (c == '\t')
        sc_buf_add_str(out, SC_STR("\\t"));
    else if (c == '\r')
        sc_buf_add_str(out, SC_STR("\\r"));
    else
        sc_buf_add_fmt(out, is_json ? "\\u%04x" : "\\x%02x", c);
}

/* Go's %q, or a JSON string with HTML characters escaped. */
static void add_quoted(sc_buf *out, sc_str text, bool is_json)
{
    bool is_text = sc_str_is_utf8(text);

    sc_buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool is_html = is_json && (c == '<' || c == '>' || c == '&');

        if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f || is_html || (c >= 0x80 && !is_text))
            add_escape(out, c, is_json);
        else
            sc_buf_add_byte(out, (char)c);
    }
    sc_buf_add_byte(out, '"');
}

#define MAX_FIELDS 16u

/* The line under way: what stands in front of the other fields in the text layouts, and those,
 * ordered by name. */
typedef struct line {
    sc_log_level level;
    sc_str time;
    sc_str message;
    sc_log_field fields[MAX_FIELDS];
    size_t count;
} line;

static void put(line *to, sc_log_field field)
{
    size_t at = to->count;

    if (to->count == MAX_FIELDS)
        return;
    for (; at > 0 && strcmp(to->fields[at - 1].name, field.name) > 0; at--)
        to->fields[at] = to->fields[at - 1];
    to->fields[at] = field;
    to->count++;
}

static void put_text(line *to, const char *name, sc_str text)
{
    put(to, (sc_log_field){.name = name, .text = text});
}

/* What every line carries. */
static void put_own(line *to, const sc_log *log)
{
    const sc_log_sink *sink = log->sink;

    if (sink->app_id.len > 0)
        put_text(to, "app_id", sink->app_id);
    if (log->component.len > 0)
        put_text(to, "component", log->component);
    put_text(to, "instance", sink->instance);
    put_text(to, "scope", sc_str_from(log->scope));
    put_text(to, "type", SC_STR("log"));
    put_text(to, "ver", sink->version);
}

static void add_value(sc_buf *out, const sc_log_field *field, bool is_json)
{
    if (field->is_number)
        sc_buf_add_fmt(out, "%lld", (long long)field->number);
    else if (!is_json && is_bare(field->text))
        sc_buf_add_str(out, field->text);
    else
        add_quoted(out, field->text, is_json);
}

static void add_head(const sc_log_sink *sink, const line *from, sc_buf *out)
{
    sc_log_field message = {.text = from->message};

    if (sink->is_terminal) {
        int64_t age_s = (sc_clock_wall_ms() - sink->started_ms) / 1000;

        sc_buf_add_fmt(out, "\x1b[%dm%s\x1b[0m[%04d] %-44.*s", colours[from->level],
                       short_names[from->level], (int)age_s, SC_FMT(from->message));
        return;
    }
    sc_buf_add_fmt(out, "time=\"%.*s\" level=%s", SC_FMT(from->time), names[from->level]);
    if (from->message.len > 0) {
        sc_buf_add_str(out, SC_STR(" msg="));
        add_value(out, &message, false);
    }
}

static void add_text(const sc_log_sink *sink, line *from, sc_buf *out)
{
    add_head(sink, from, out);
    for (size_t i = 0; i < from->count; i++) {
        if (sink->is_terminal)
            sc_buf_add_fmt(out, " \x1b[%dm%s\x1b[0m=", colours[from->level], from->fields[i].name);
        else
            sc_buf_add_fmt(out, " %s=", from->fields[i].name);
        add_value(out, &from->fields[i], false);
    }
    sc_buf_add_byte(out, '\n');
}

static void add_json(const sc_log_sink *sink, line *from, sc_buf *out)
{
    (void)sink;
    put_text(from, "level", sc_str_from(names[from->level]));
    put_text(from, "msg", from->message);
    put_text(from, "time", from->time);
    for (size_t i = 0; i < from->count; i++) {
        sc_buf_add_fmt(out, "%c\"%s\":", i > 0 ? ',' : '{', from->fields[i].name);
        add_value(out, &from->fields[i], true);
    }
    sc_buf_add_str(out, SC_STR("}\n"));
}

/* A log that cannot be written must not stop the work: what does not go out is lost. */
static void write_out(int fd, sc_str text)
{
    while (text.len > 0) {
        ssize_t done = write(fd, text.at, text.len);

        if (done <= 0)
            return;
        text = sc_str_sub(text, (size_t)done, text.len);
    }
}

void sc_log_write(const sc_log *log, sc_log_level level, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    if (!sc_log_is_on(log, level))
        return;
    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    sc_log_write_fields(log, level, sc_str_of(text, (size_t)len), NULL, 0);
    free(text);
}

void sc_log_write_fields(const sc_log *log, sc_log_level level, sc_str message,
                         const sc_log_field *fields, size_t count)
{
    sc_log_sink *sink = log ? log->sink : NULL;
    line one = {.level = level, .message = message};
    char time[SC_CLOCK_TEXT_MAX];

    if (!sink)
        return;
    one.time = sc_clock_format_ns(sc_clock_wall_ns(), time);
    put_own(&one, log);
    for (size_t i = 0; i < count; i++)
        put(&one, fields[i]);
    sc_buf_clear(&sink->line);
    (sink->is_json ? add_json : add_text)(sink, &one, &sink->line);
    write_out(sink->fd, sc_buf_str(&sink->line));
    sc_buf_reset(&sink->line, 4096);
}

bool sc_log_gate_pass(sc_log_gate *gate, int64_t every_ms)
{
    int64_t now = sc_clock_wall_ms();

    if (now < gate->open_at_ms) {
        gate->held_back++;
        return false;
    }
    gate->open_at_ms = now + every_ms;
    return true;
}
