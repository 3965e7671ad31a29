/* SPDX-License-Identifier: MIT
 *
 * Log lines in the layouts of daprd: logrus text (plain or for a terminal) and JSON. One line is
 * one write. There is no global log: a sink is made at start and loggers with a scope point to it.
 */
#ifndef SC_CORE_LOG_H
#define SC_CORE_LOG_H

#include "core/buf.h"

typedef enum sc_log_level {
    SC_LOG_DEBUG,
    SC_LOG_INFO,
    SC_LOG_WARN,
    SC_LOG_ERROR,
    SC_LOG_FATAL,
} sc_log_level;

/* Where lines go, and what every line carries. Loop thread only. */
typedef struct sc_log_sink {
    int fd;
    sc_log_level level; /* lines below it are dropped */
    bool is_json;
    bool is_terminal; /* the coloured form */
    sc_str app_id;    /* empty: left out */
    sc_str instance;  /* host name */
    sc_str version;
    int64_t started_ms; /* for the terminal form */
    sc_buf line;        /* reused */
} sc_log_sink;

/* A logger of one scope ("dapr.runtime"). A value: copy it freely. */
typedef struct sc_log {
    sc_log_sink *sink; /* NULL: everything is dropped */
    const char *scope;
    sc_str component; /* "N (T/V)" of a component's own lines; empty: none */
} sc_log;

/* "debug" "info" "warn" "warning" "error" "fatal", any case. */
bool sc_log_level_from(sc_str text, sc_log_level *level) SC_MUST_CHECK;
void sc_log_sink_deinit(sc_log_sink *sink);

void sc_log_write(const sc_log *log, sc_log_level level, const char *fmt, ...) SC_PRINTF(3, 4);

/* One more field of a line, beside those that every line carries. */
typedef struct sc_log_field {
    const char *name;
    sc_str text;
    int64_t number;
    bool is_number; /* `number` counts, not `text` */
} sc_log_field;
/* A line with up to seven more fields, whatever the sink's level. */
void sc_log_write_fields(const sc_log *log, sc_log_level level, sc_str message,
                         const sc_log_field *fields, size_t count);
static inline bool sc_log_is_on(const sc_log *log, sc_log_level level)
{
    return log && log->sink && level >= log->sink->level;
}
#define sc_log_debug(log, ...)                                                                     \
    (sc_log_is_on((log), SC_LOG_DEBUG) ? sc_log_write((log), SC_LOG_DEBUG, __VA_ARGS__) : (void)0)
#define sc_log_info(log, ...)  sc_log_write((log), SC_LOG_INFO, __VA_ARGS__)
#define sc_log_warn(log, ...)  sc_log_write((log), SC_LOG_WARN, __VA_ARGS__)
#define sc_log_error(log, ...) sc_log_write((log), SC_LOG_ERROR, __VA_ARGS__)

/* Lets the same complaint through once in `every_ms`, so that a flood of failures is one line.
 * Starts zeroed. */
typedef struct sc_log_gate {
    int64_t open_at_ms;
    uint64_t held_back; /* since the last line; the caller may print it */
} sc_log_gate;
bool sc_log_gate_pass(sc_log_gate *gate, int64_t every_ms);

#endif
