/* SPDX-License-Identifier: MIT
 *
 * A connection to an SQLite file for components that share one between processes: opening, waiting
 * for others, statements, errors. Used by one thread at a time.
 */
#ifndef SC_COMPONENTS_SHARED_SQLITE_DB_H
#define SC_COMPONENTS_SHARED_SQLITE_DB_H

#include <sqlite3.h>

#include "core/arena.h"
#include "core/error.h"

/* Pages that a connection keeps: 512 KB. The system keeps the file's pages anyway; with SQLite's
 * 2 MB a publish took no less time. */
#define SC_SQLITE_CACHE "PRAGMA cache_size = -512"

typedef struct sc_sqlite_db {
    sqlite3 *handle;
    uint32_t busy_ms; /* how long to wait for another process's transaction */
    uint64_t busy_since_ms;
    bool is_waiting_once; /* busy_since_ms is not of the last wait, but of the first */
    uint64_t device;      /* which file it is; 0: in memory */
    uint64_t inode;
} sc_sqlite_db;

/* Opens or creates the file: a path or a file: URI, NUL-terminated. `db` stays at its address.
 * Fails with SC_UNAVAILABLE naming it and SQLite's reason. */
sc_code sc_sqlite_open(sc_sqlite_db *db, const char *file, uint32_t busy_ms,
                       sc_error *err) SC_MUST_CHECK;
/* Until it is called with false, busy_ms is for all that is done, not for each statement. Returns
 * how it was before. */
bool sc_sqlite_wait_once(sc_sqlite_db *db, bool waits_once);
void sc_sqlite_close(sc_sqlite_db *db); /* all statements are finalized before */

/* ---- connection strings: a path or a file: URI, "?_pragma=name(value)" as Dapr's driver takes it
 */

/* Fails with SC_INVALID for none, or for options that a component sets itself. */
sc_code sc_sqlite_check_connection(sc_str connection, sc_error *err) SC_MUST_CHECK;
/* Fails with SC_INVALID for what is no name of a table. */
sc_code sc_sqlite_check_identifier(sc_str name, sc_error *err) SC_MUST_CHECK;
/* True when the connection names no file. */
bool sc_sqlite_is_memory(sc_str connection);
/* True when its options let nobody write. */
bool sc_sqlite_is_read_only(sc_str connection);
/* Opens it as sc_sqlite_open, sets the journal's mode and the cache and runs its pragmas. What it
 * needs while it does lives in `mem`. */
sc_code sc_sqlite_open_connection(sc_sqlite_db *db, sc_str connection, uint32_t busy_ms,
                                  bool has_wal, sc_arena *mem, sc_error *err) SC_MUST_CHECK;
/* What a metadata table of Dapr's says under `key` as a number; 0: nothing, or no such row. */
sc_code sc_sqlite_read_level(const sc_sqlite_db *db, sc_str metadata_table, const char *key,
                             sc_arena *mem, int *level, sc_error *err) SC_MUST_CHECK;

/* ---- while it is open ---- */

/* True when the path no longer leads to the open file: it was removed, or another stands there.
 * What is written then is lost with the process. */
bool sc_sqlite_is_replaced(const sc_sqlite_db *db);

/* The story of the last failure, with the file and a way out where there is one: SC_EXHAUSTED for a
 * full disk, else SC_UNAVAILABLE. */
sc_code sc_sqlite_fail(const sc_sqlite_db *db, const char *doing, sc_error *err);
/* Statements without rows, as text. */
sc_code sc_sqlite_run(sc_sqlite_db *db, const char *sql, sc_error *err) SC_MUST_CHECK;
/* Ends the transaction that is open, if any. */
void sc_sqlite_rollback(const sc_sqlite_db *db);

/* Prepares `count` statements that are kept. Fails as sc_sqlite_run. */
sc_code sc_sqlite_prepare(const sc_sqlite_db *db, const char *const *texts, size_t count,
                          sqlite3_stmt **out, sc_error *err) SC_MUST_CHECK;
void sc_sqlite_bind_text(sqlite3_stmt *at, int index, sc_str text);
/* Runs one that returns no rows, and resets it. */
sc_code sc_sqlite_finish(const sc_sqlite_db *db, sqlite3_stmt *at, const char *doing,
                         sc_error *err) SC_MUST_CHECK;
/* A column of the row at hand; good until the statement moves on. */
sc_str sc_sqlite_column(sqlite3_stmt *at, int index);

#endif
