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

typedef struct line_fields {
    sc_log_level level;
    sc_str message;
    sc_str scope;
    sc_str component;
} line_fields;

static void add_field(sc_buf *out, const char *before, const char *name, const char *after,
                      sc_str value)
{
    sc_buf_add_fmt(out, " %s%s%s=", before, name, after);
    if (is_bare(value))
        sc_buf_add_str(out, value);
    else
        add_quoted(out, value, false);
}

static void add_text_fields(const sc_log_sink *sink, const line_fields *fields, sc_buf *out)
{
    char colour[16] = "";
    const char *plain = sink->is_terminal ? "\x1b[0m" : "";

    if (sink->is_terminal)
        (void)snprintf(colour, sizeof(colour), "\x1b[%dm", colours[fields->level]);
    if (sink->app_id.len > 0)
        add_field(out, colour, "app_id", plain, sink->app_id);
    if (fields->component.len > 0)
        add_field(out, colour, "component", plain, fields->component);
    add_field(out, colour, "instance", plain, sink->instance);
    add_field(out, colour, "scope", plain, fields->scope);
    add_field(out, colour, "type", plain, SC_STR("log"));
    add_field(out, colour, "ver", plain, sink->version);
    sc_buf_add_byte(out, '\n');
}

static void add_text(const sc_log_sink *sink, const line_fields *fields, sc_str time, sc_buf *out)
{
    if (sink->is_terminal) {
        int64_t age_s = (sc_clock_wall_ms() - sink->started_ms) / 1000;

        sc_buf_add_fmt(out, "\x1b[%dm%s\x1b[0m[%04d] %-44.*s", colours[fields->level],
                       short_names[fields->level], (int)age_s, SC_FMT(fields->message));
    } else {
        sc_buf_add_fmt(out, "time=\"%.*s\" level=%s", SC_FMT(time), names[fields->level]);
        if (fields->message.len > 0)
            add_field(out, "", "msg", "", fields->message);
    }
    add_text_fields(sink, fields, out);
}

static void add_json_field(sc_buf *out, const char *name, sc_str value)
{
    sc_buf_add_fmt(out, "%c\"%s\":", sc_buf_len(out) > 0 ? ',' : '{', name);
    add_quoted(out, value, true);
}

static void add_json(const sc_log_sink *sink, const line_fields *fields, sc_str time, sc_buf *out)
{
    if (sink->app_id.len > 0)
        add_json_field(out, "app_id", sink->app_id);
    if (fields->component.len > 0)
        add_json_field(out, "component", fields->component);
    add_json_field(out, "instance", sink->instance);
    add_json_field(out, "level", sc_str_from(names[fields->level]));
    add_json_field(out, "msg", fields->message);
    add_json_field(out, "scope", fields->scope);
    add_json_field(out, "time", time);
    add_json_field(out, "type", SC_STR("log"));
    add_json_field(out, "ver", sink->version);
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
    line_fields fields = {.level = level};
    sc_log_sink *sink;
    char time[SC_CLOCK_TEXT_MAX];
    char *text = NULL;
    va_list args;
    int len;

    if (!sc_log_is_on(log, level))
        return;
    sink = log->sink;
    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0)
        return;
    fields.message = sc_str_of(text, (size_t)len);
    fields.scope = sc_str_from(log->scope);
    fields.component = log->component;
    sc_buf_clear(&sink->line);
    (sink->is_json ? add_json : add_text)(
        sink, &fields, sc_clock_format_ns(sc_clock_wall_ns(), time), &sink->line);
    write_out(sink->fd, sc_buf_str(&sink->line));
    sc_buf_reset(&sink->line, 4096);
    free(text);
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
