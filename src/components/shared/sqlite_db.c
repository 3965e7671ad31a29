/* SPDX-License-Identifier: MIT
 *
 * SQLite with its return codes turned into errors that tell a story.
 */
#include "components/shared/sqlite_db.h"

#include <time.h>

/* Short naps: transactions of other sidecars take a millisecond or so. */
static int on_busy(void *self, int tries)
{
    const sc_sqlite_db *db = self;
    long nap_us = tries < 10 ? 100 : 1000;
    struct timespec nap = {.tv_nsec = nap_us * 1000};
    long slept_ms = tries < 10 ? 1 : tries - 8;

    if (slept_ms > (long)db->busy_ms)
        return 0;
    (void)nanosleep(&nap, NULL);
    return 1;
}

sc_code sc_sqlite_open(sc_sqlite_db *db, const char *file, uint32_t busy_ms, sc_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(file, &db->handle, flags, NULL);

    db->busy_ms = busy_ms;
    if (rc != SQLITE_OK)
        return sc_fail(err, SC_UNAVAILABLE, "cannot open '%s': %s", file,
                       db->handle ? sqlite3_errmsg(db->handle) : "out of memory");
    (void)sqlite3_busy_handler(db->handle, on_busy, db);
    return SC_OK;
}

void sc_sqlite_close(sc_sqlite_db *db)
{
    (void)sqlite3_close(db->handle);
    db->handle = NULL;
}

sc_code sc_sqlite_fail(const sc_sqlite_db *db, const char *doing, sc_error *err)
{
    int code = sqlite3_errcode(db->handle);

    return sc_fail(err, code == SQLITE_FULL ? SC_EXHAUSTED : SC_UNAVAILABLE, "sqlite: %s: %s%s",
                   doing, sqlite3_errmsg(db->handle),
                   code == SQLITE_BUSY ? " (another process holds the file; see busyTimeout)" : "");
}

sc_code sc_sqlite_run(const sc_sqlite_db *db, const char *sql, sc_error *err)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return SC_OK;
    return sc_sqlite_fail(db, sql, err);
}

void sc_sqlite_rollback(const sc_sqlite_db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
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
