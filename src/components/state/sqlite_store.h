/* SPDX-License-Identifier: MIT
 *
 * The file of state.sqlite, with the tables of Dapr's component of that name: schema and
 * statements. One connection, used by one thread at a time. Times are the file's own: UTC text to
 * the second.
 */
#ifndef SC_COMPONENTS_STATE_SQLITE_STORE_H
#define SC_COMPONENTS_STATE_SQLITE_STORE_H

#include "component/state.h"

typedef struct sc_sqlite_state sc_sqlite_state;

typedef struct sc_sqlite_state_settings {
    sc_str connection; /* a path or a file: URI; "?_pragma=name(value)" as Dapr's driver takes it */
    sc_str table;
    sc_str metadata_table;
    uint32_t busy_ms;
    int64_t timeout_ms; /* a statement is cut after that */
    bool has_wal;
    bool is_reader; /* makes no tables */
} sc_sqlite_state_settings;

/* Checks names and options. Fails with SC_INVALID. */
sc_code sc_sqlite_state_check(const sc_sqlite_state_settings *settings,
                              sc_error *err) SC_MUST_CHECK;
/* Opens or creates the file and its tables. Fails as sc_sqlite_open, or when the tables are of a
 * later version. */
sc_code sc_sqlite_state_open(const sc_sqlite_state_settings *settings, sc_sqlite_state **out,
                             sc_error *err) SC_MUST_CHECK;
void sc_sqlite_state_close(sc_sqlite_state *store);

/* Several writes are one commit between these. */
sc_code sc_sqlite_state_begin(sc_sqlite_state *store, sc_error *err) SC_MUST_CHECK;
sc_code sc_sqlite_state_commit(sc_sqlite_state *store, sc_error *err) SC_MUST_CHECK;
void sc_sqlite_state_rollback(sc_sqlite_state *store);
/* True when a failure ended the transaction by itself, and all that was in it. */
bool sc_sqlite_state_is_torn(const sc_sqlite_state *store);
/* Part of a transaction that may be undone alone. */
sc_code sc_sqlite_state_mark(sc_sqlite_state *store, sc_error *err) SC_MUST_CHECK;
sc_code sc_sqlite_state_keep(sc_sqlite_state *store, sc_error *err) SC_MUST_CHECK;
void sc_sqlite_state_undo(sc_sqlite_state *store);

/* The value under `key`, in `mem`. */
sc_code sc_sqlite_state_get(sc_sqlite_state *store, sc_str key, sc_arena *mem, sc_state_value *out,
                            sc_error *err) SC_MUST_CHECK;
sc_code sc_sqlite_state_write(sc_sqlite_state *store, const sc_state_write *write,
                              sc_etag_fault *fault, sc_error *err) SC_MUST_CHECK;
/* Deletes expired rows, a bounded number. Only the first of the sidecars on the file does it within
 * `interval_ms`, and goes on while `*more`. In a transaction. */
sc_code sc_sqlite_state_clean(sc_sqlite_state *store, int64_t interval_ms, bool goes_on, bool *more,
                              sc_error *err) SC_MUST_CHECK;

#endif
