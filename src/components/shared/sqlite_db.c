/* SPDX-License-Identifier: MIT
 *
 * SQLite with its return codes turned into errors that tell a story.
 */
#include "components/shared/sqlite_db.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "core/clock.h"
#include "core/file.h"

static uint64_t clock_ms(void)
{
    return sc_clock_mono_ns() / 1000000;
}

/* Short naps: transactions of other sidecars take a millisecond or so. The limit is one of time,
 * for on a busy machine a nap may take many times what was asked for. */
static int on_busy(void *self, int tries)
{
    sc_sqlite_db *db = self;
    struct timespec nap = {.tv_nsec = tries < 10 ? 100000 : 1000000};
    uint64_t now_ms = clock_ms();

    if (tries == 0 && !db->is_waiting_once)
        db->busy_since_ms = now_ms;
    if (now_ms - db->busy_since_ms >= db->busy_ms)
        return 0;
    (void)nanosleep(&nap, NULL);
    return 1;
}

bool sc_sqlite_wait_once(sc_sqlite_db *db, bool waits_once)
{
    bool before = db->is_waiting_once;

    if (waits_once && !before)
        db->busy_since_ms = clock_ms();
    db->is_waiting_once = waits_once;
    return before;
}

static void note_file(sc_sqlite_db *db)
{
    const char *path = sqlite3_db_filename(db->handle, "main");
    struct stat now;

    db->device = db->inode = 0;
    if (!path || !path[0] || stat(path, &now) != 0)
        return;
    db->device = (uint64_t)now.st_dev;
    db->inode = (uint64_t)now.st_ino;
}

sc_code sc_sqlite_open(sc_sqlite_db *db, const char *file, uint32_t busy_ms, sc_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(file, &db->handle, flags, NULL);

    db->busy_ms = busy_ms;
    if (rc != SQLITE_OK)
        return sc_fail(err, SC_UNAVAILABLE, "cannot open '%s': %s (%s)", file,
                       db->handle ? sqlite3_errmsg(db->handle) : "out of memory",
                       sc_file_error_text(db->handle ? sqlite3_system_errno(db->handle) : ENOMEM));
    (void)sqlite3_busy_handler(db->handle, on_busy, db);
    note_file(db);
    return SC_OK;
}

/* ---- connection strings ---- */

static sc_str options_of(sc_str connection)
{
    size_t at = sc_str_find(connection, '?');

    return sc_str_sub(connection, at + 1, connection.len);
}

static bool has_option(sc_str connection, sc_str option)
{
    sc_str options = options_of(connection);

    return sc_str_find_str(options, option) < options.len;
}

sc_code sc_sqlite_check_connection(sc_str connection, sc_error *err)
{
    static const char *const ours[] = {"busy_timeout", "journal_mode", "foreign_keys"};

    if (connection.len == 0)
        return sc_fail(err, SC_INVALID, "missing connection string");
    for (size_t i = 0; i < SC_ARRAY_LEN(ours); i++) {
        char option[64];
        int len = snprintf(option, sizeof(option), "_pragma=%s", ours[i]);

        if (has_option(connection, sc_str_of(option, (size_t)len)))
            return sc_fail(err, SC_INVALID, "found forbidden option '%s' in the connection string",
                           option);
    }
    return SC_OK;
}

sc_code sc_sqlite_check_identifier(sc_str name, sc_error *err)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return sc_fail(err, SC_INVALID, "invalid identifier: %.*s", SC_FMT(name));
    }
    return name.len > 0 ? SC_OK : sc_fail(err, SC_INVALID, "invalid identifier: ");
}

bool sc_sqlite_is_memory(sc_str connection)
{
    sc_str file = sc_str_sub(connection, 0, sc_str_find(connection, '?'));

    return sc_str_eq(file, SC_STR(":memory:")) || sc_str_eq(file, SC_STR("file::memory:")) ||
           has_option(connection, SC_STR("mode=memory"));
}

bool sc_sqlite_is_read_only(sc_str connection)
{
    return has_option(connection, SC_STR("mode=ro")) ||
           has_option(connection, SC_STR("immutable=1"));
}

static sc_code set_pragmas(sc_sqlite_db *db, sc_str connection, bool has_wal, sc_arena *mem,
                           sc_error *err)
{
    const char *mode = has_wal ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE";
    sc_str options = options_of(connection);

    if (!sc_sqlite_is_memory(connection) && !sc_sqlite_is_read_only(connection) &&
        sc_sqlite_run(db, mode, err) != SC_OK)
        return err->code;
    if (sc_sqlite_run(db, SC_SQLITE_CACHE, err) != SC_OK)
        return err->code;
    while (options.len > 0) {
        sc_str option = sc_str_cut(&options, '&');
        sc_str name = sc_str_cut(&option, '=');

        if (sc_str_eq(name, SC_STR("_pragma")) &&
            sc_sqlite_run(db, sc_arena_fmt(mem, "PRAGMA %.*s", SC_FMT(option)).at, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

sc_code sc_sqlite_open_connection(sc_sqlite_db *db, sc_str connection, uint32_t busy_ms,
                                  bool has_wal, sc_arena *mem, sc_error *err)
{
    bool is_uri =
        sc_str_starts(connection, SC_STR("file:")) || sc_str_starts(connection, SC_STR(":memory:"));
    sc_str name = sc_arena_fmt(mem, "%s%.*s", is_uri ? "" : "file:", SC_FMT(connection));

    if (sc_sqlite_open(db, name.at, busy_ms, err) != SC_OK)
        return err->code;
    if (set_pragmas(db, connection, has_wal, mem, err) != SC_OK)
        return sc_error_context(err, "cannot open '%.*s'", SC_FMT(connection));
    return SC_OK;
}

sc_code sc_sqlite_read_level(const sc_sqlite_db *db, sc_str metadata_table, const char *key,
                             sc_arena *mem, int *level, sc_error *err)
{
    const char *sql =
        sc_arena_fmt(mem, "SELECT value FROM %.*s WHERE key = '%s'", SC_FMT(metadata_table), key)
            .at;
    sqlite3_stmt *at = NULL;

    *level = 0;
    if (sc_sqlite_prepare(db, &sql, 1, &at, err) != SC_OK)
        return err->code;
    if (sqlite3_step(at) == SQLITE_ROW)
        *level = sqlite3_column_int(at, 0);
    (void)sqlite3_finalize(at);
    return SC_OK;
}

/* ---- while it is open ---- */

bool sc_sqlite_is_replaced(const sc_sqlite_db *db)
{
    struct stat now;

    if (!db->device && !db->inode)
        return false;
    return stat(sqlite3_db_filename(db->handle, "main"), &now) != 0 ||
           (uint64_t)now.st_dev != db->device || (uint64_t)now.st_ino != db->inode;
}

void sc_sqlite_close(sc_sqlite_db *db)
{
    (void)sqlite3_close(db->handle);
    db->handle = NULL;
}

static const char *way_out(int code)
{
    switch (code) {
    case SQLITE_BUSY:
        return ": another process holds it, see busyTimeout";
    case SQLITE_FULL:
        return ": make room on its disk";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ": restore it from a copy, or move it away to begin anew";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return ": check who may write there";
    default:
        return "";
    }
}

sc_code sc_sqlite_fail(const sc_sqlite_db *db, const char *doing, sc_error *err)
{
    int code = sqlite3_errcode(db->handle);
    const char *path = sqlite3_db_filename(db->handle, "main");

    return sc_fail(err, code == SQLITE_FULL ? SC_EXHAUSTED : SC_UNAVAILABLE,
                   "sqlite: %.100s: %s (%s%s)", doing, sqlite3_errmsg(db->handle),
                   path && path[0] ? path : "in memory", way_out(code));
}

/* Where waiting could be a deadlock SQLite says busy without asking the handler, as it does for
 * journal_mode when several open a new file at once. Outside of a transaction nobody waits for us.
 */
sc_code sc_sqlite_run(sc_sqlite_db *db, const char *sql, sc_error *err)
{
    bool was_waiting_once = sc_sqlite_wait_once(db, true);
    int tries = 0;
    int rc;

    do
        rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    while (rc == SQLITE_BUSY && sqlite3_get_autocommit(db->handle) && on_busy(db, tries++));
    (void)sc_sqlite_wait_once(db, was_waiting_once);
    return rc == SQLITE_OK ? SC_OK : sc_sqlite_fail(db, sql, err);
}

void sc_sqlite_rollback(const sc_sqlite_db *db)
{
    if (db->handle && !sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

sc_code sc_sqlite_prepare(const sc_sqlite_db *db, const char *const *texts, size_t count,
                          sqlite3_stmt **out, sc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (sqlite3_prepare_v3(db->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i],
                               NULL) != SQLITE_OK)
            return sc_sqlite_fail(db, texts[i], err);
    }
    return SC_OK;
}

void sc_sqlite_bind_text(sqlite3_stmt *at, int index, sc_str text)
{
    (void)sqlite3_bind_text64(at, index, text.len ? text.at : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

sc_code sc_sqlite_finish(const sc_sqlite_db *db, sqlite3_stmt *at, const char *doing, sc_error *err)
{
    int rc = sqlite3_step(at);
    sc_code code = rc == SQLITE_DONE || rc == SQLITE_ROW ? SC_OK : sc_sqlite_fail(db, doing, err);

    (void)sqlite3_reset(at);
    return code;
}

sc_str sc_sqlite_column(sqlite3_stmt *at, int index)
{
    const void *bytes = sqlite3_column_blob(at, index);

    return sc_str_of(bytes, (size_t)sqlite3_column_bytes(at, index));
}
