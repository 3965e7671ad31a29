/* SPDX-License-Identifier: MIT
 *
 * Tables of state.sqlite, column by column those of Dapr's, so that sidecars of both kinds share a
 * file. A value of bytes is base64 text with is_binary set; JSON is stored as it is.
 */
#include "components/state/sqlite_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "components/shared/sqlite_db.h"
#include "core/clock.h"
#include "core/random.h"
#include "wire/base64.h"

#define MIGRATIONS    1 /* what the tables here are, in Dapr's count */
#define CLEAN_MAX     1000
#define PROGRESS_STEP 50000 /* instructions between two looks at the clock */

#define IS_LIVE "(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)"

/* STATEMENT(name, SQL), where %s is the table. Parameters: key, value, is_binary, etag, life as
 * "+5 seconds" or NULL, the etag that must be there. */
#define STATEMENTS                                                                                 \
    STATEMENT(GET, "SELECT value, is_binary, etag, unixepoch(expiration_time) FROM %s"             \
                   " WHERE key = ?1 AND " IS_LIVE)                                                 \
    STATEMENT(SET, "INSERT OR REPLACE INTO %s (key, value, is_binary, etag, update_time,"          \
                   " expiration_time) VALUES (?1, ?2, ?3, ?4, CURRENT_TIMESTAMP,"                  \
                   " datetime('now', ?5))")                                                        \
    STATEMENT(SET_FIRST,                                                                           \
              "INSERT INTO %s AS t (key, value, is_binary, etag, update_time, expiration_time)"    \
              " VALUES (?1, ?2, ?3, ?4, CURRENT_TIMESTAMP, datetime('now', ?5))"                   \
              " ON CONFLICT (key) DO UPDATE SET value = excluded.value,"                           \
              " is_binary = excluded.is_binary, etag = excluded.etag,"                             \
              " update_time = excluded.update_time, expiration_time = excluded.expiration_time"    \
              " WHERE t.expiration_time IS NOT NULL AND t.expiration_time <= CURRENT_TIMESTAMP")   \
    STATEMENT(SET_ETAG, "UPDATE %s SET value = ?2, is_binary = ?3, etag = ?4,"                     \
                        " update_time = CURRENT_TIMESTAMP, expiration_time = datetime('now', ?5)"  \
                        " WHERE key = ?1 AND etag = ?6 AND " IS_LIVE)                              \
    STATEMENT(DELETE, "DELETE FROM %s WHERE key = ?1")                                             \
    STATEMENT(DELETE_ETAG, "DELETE FROM %s WHERE key = ?1 AND etag = ?6")                          \
    STATEMENT(CLEAN, "DELETE FROM %s WHERE key IN (SELECT key FROM %s WHERE"                       \
                     " expiration_time IS NOT NULL AND expiration_time < CURRENT_TIMESTAMP"        \
                     " LIMIT ?1)")

enum {
#define STATEMENT(name, sql) SQL_##name,
    STATEMENTS
#undef STATEMENT
        SQL_COUNT
};

static const char *const sql_texts[] = {
#define STATEMENT(name, sql) sql,
    STATEMENTS
#undef STATEMENT
};

struct sc_sqlite_state {
    sc_sqlite_db db;
    sqlite3_stmt *statements[SQL_COUNT];
    sqlite3_stmt *claim; /* of the metadata table: whose turn it is to clean */
    sc_sqlite_state_settings settings;
    sc_arena mem;
    sc_random random;
    sc_buf text; /* a value as base64 */
    int64_t deadline_ms;
};

/* ---- opening ---- */

sc_code sc_sqlite_state_check(const sc_sqlite_state_settings *settings, sc_error *err)
{
    if (sc_sqlite_check_connection(settings->connection, err) != SC_OK ||
        sc_sqlite_check_identifier(settings->table, err) != SC_OK ||
        sc_sqlite_check_identifier(settings->metadata_table, err) != SC_OK)
        return err->code;
    if (settings->timeout_ms < 1000)
        return sc_fail(err, SC_INVALID, "invalid value for 'timeout': must be greater than 1s");
    return SC_OK;
}

static int on_progress(void *self)
{
    const sc_sqlite_state *store = self;

    return store->deadline_ms > 0 && sc_clock_wall_ms() > store->deadline_ms;
}

/* The level that the tables of the file are at; 0: there are none. */
static sc_code read_level(sc_sqlite_state *store, int *level, sc_error *err)
{
    if (sc_sqlite_read_level(&store->db, store->settings.metadata_table, "migrations", &store->mem,
                             level, err) != SC_OK)
        return err->code;
    if (*level > MIGRATIONS)
        return sc_fail(err, SC_FAILED_PRECONDITION,
                       "the tables are of version %d, this program knows %d", *level, MIGRATIONS);
    return SC_OK;
}

static sc_code make_tables(sc_sqlite_state *store, sc_error *err)
{
    sc_str table = store->settings.table;
    sc_str metadata = store->settings.metadata_table;
    const char *first = sc_arena_fmt(&store->mem,
                                     "CREATE TABLE IF NOT EXISTS %.*s ("
                                     "key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
                                     SC_FMT(metadata))
                            .at;
    const char *rest =
        sc_arena_fmt(&store->mem,
                     "CREATE TABLE IF NOT EXISTS %.*s (key TEXT NOT NULL PRIMARY KEY,"
                     " value TEXT NOT NULL, is_binary BOOLEAN NOT NULL, etag TEXT NOT NULL,"
                     " expiration_time TIMESTAMP DEFAULT NULL,"
                     " update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);"
                     "INSERT OR REPLACE INTO %.*s (key, value) VALUES ('migrations', '%d')",
                     SC_FMT(table), SC_FMT(metadata), MIGRATIONS)
            .at;
    int level;

    if (sc_sqlite_run(&store->db, "BEGIN EXCLUSIVE", err) != SC_OK ||
        sc_sqlite_run(&store->db, first, err) != SC_OK || read_level(store, &level, err) != SC_OK ||
        (level < MIGRATIONS && sc_sqlite_run(&store->db, rest, err) != SC_OK))
        return err->code;
    return sc_sqlite_run(&store->db, "COMMIT", err);
}

static sc_code prepare_all(sc_sqlite_state *store, sc_error *err)
{
    const char *table = sc_arena_str(&store->mem, store->settings.table).at;
    const char *texts[SQL_COUNT];
    const char *claim =
        sc_arena_fmt(&store->mem,
                     "INSERT INTO %.*s AS m (key, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP)"
                     " ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP WHERE"
                     " (unixepoch(CURRENT_TIMESTAMP) - unixepoch(m.value)) * 1000 > ?1",
                     SC_FMT(store->settings.metadata_table))
            .at;

    for (size_t i = 0; i < SQL_COUNT; i++) {
        sc_str rest = sc_str_from(sql_texts[i]);
        sc_buf text = {0};

        while (rest.at) { /* "%s" is the only mark in the texts */
            sc_buf_add_str(&text, sc_str_cut(&rest, '%'));
            if (!rest.at)
                break;
            sc_buf_add_str(&text, sc_str_from(table));
            rest = sc_str_sub(rest, 1, rest.len);
        }
        texts[i] = sc_arena_str(&store->mem, sc_buf_str(&text)).at;
        sc_buf_deinit(&text);
    }
    if (sc_sqlite_prepare(&store->db, texts, SQL_COUNT, store->statements, err) != SC_OK ||
        (!store->settings.is_reader &&
         sc_sqlite_prepare(&store->db, &claim, 1, &store->claim, err) != SC_OK))
        return err->code;
    return SC_OK;
}

sc_code sc_sqlite_state_open(const sc_sqlite_state_settings *settings, sc_sqlite_state **out,
                             sc_error *err)
{
    sc_sqlite_state *store = sc_new(sc_sqlite_state);

    sc_arena_init(&store->mem, NULL);
    sc_random_init(&store->random);
    store->settings = *settings;
    if (sc_sqlite_open_connection(&store->db, settings->connection, settings->busy_ms,
                                  settings->has_wal, &store->mem, err) == SC_OK) {
        sqlite3_progress_handler(store->db.handle, PROGRESS_STEP, on_progress, store);
        if ((settings->is_reader || sc_sqlite_is_read_only(settings->connection) ||
             make_tables(store, err) == SC_OK) &&
            prepare_all(store, err) == SC_OK) {
            *out = store;
            return SC_OK;
        }
        (void)sc_error_context(err, "cannot open '%.*s'", SC_FMT(settings->connection));
    }
    sc_sqlite_state_close(store);
    return err->code;
}

void sc_sqlite_state_close(sc_sqlite_state *store)
{
    for (int i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_finalize(store->claim);
    sc_sqlite_close(&store->db);
    sc_buf_deinit(&store->text);
    sc_arena_deinit(&store->mem);
    free(store);
}

/* ---- transactions ---- */

static void set_deadline(sc_sqlite_state *store)
{
    store->deadline_ms = sc_clock_wall_ms() + store->settings.timeout_ms;
}

sc_code sc_sqlite_state_begin(sc_sqlite_state *store, sc_error *err)
{
    set_deadline(store);
    return sc_sqlite_run(&store->db, "BEGIN IMMEDIATE", err);
}

sc_code sc_sqlite_state_commit(sc_sqlite_state *store, sc_error *err)
{
    set_deadline(store);
    return sc_sqlite_run(&store->db, "COMMIT", err);
}

void sc_sqlite_state_rollback(sc_sqlite_state *store)
{
    store->deadline_ms = 0;
    sc_sqlite_rollback(&store->db);
}

bool sc_sqlite_state_is_torn(const sc_sqlite_state *store)
{
    return sqlite3_get_autocommit(store->db.handle) != 0;
}

sc_code sc_sqlite_state_mark(sc_sqlite_state *store, sc_error *err)
{
    return sc_sqlite_run(&store->db, "SAVEPOINT part", err);
}

sc_code sc_sqlite_state_keep(sc_sqlite_state *store, sc_error *err)
{
    return sc_sqlite_run(&store->db, "RELEASE part", err);
}

void sc_sqlite_state_undo(sc_sqlite_state *store)
{
    (void)sqlite3_exec(store->db.handle, "ROLLBACK TO part; RELEASE part", NULL, NULL, NULL);
}

/* ---- rows ---- */

static sqlite3_stmt *statement(sc_sqlite_state *store, int which)
{
    sqlite3_stmt *at = store->statements[which];

    (void)sqlite3_reset(at);
    set_deadline(store);
    return at;
}

sc_code sc_sqlite_state_get(sc_sqlite_state *store, sc_str key, sc_arena *mem, sc_state_value *out,
                            sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_GET);
    sc_code code = SC_OK;
    sc_str text;
    int rc;

    *out = (sc_state_value){0};
    sc_sqlite_bind_text(at, 1, key);
    rc = sqlite3_step(at);
    if (rc == SQLITE_ROW) {
        text = sc_sqlite_column(at, 0);
        out->is_found = true;
        out->etag = sc_arena_str(mem, sc_sqlite_column(at, 2));
        out->expires_s = sqlite3_column_int64(at, 3);
        if (sqlite3_column_int(at, 1) == 0)
            out->value = sc_arena_str(mem, text);
        else if (!sc_base64_decode(text, mem, &out->value))
            code = sc_fail(err, SC_DATA_LOSS, "the value of key %.*s is no base64", SC_FMT(key));
    } else if (rc != SQLITE_DONE) {
        code = sc_sqlite_fail(&store->db, "get", err);
    }
    (void)sqlite3_reset(at);
    return code;
}

/* A number of seconds as SQLite's datetime adds them; NULL: for ever. */
static sc_code bind_life(sqlite3_stmt *at, const sc_state_write *write, char *text, size_t max,
                         sc_error *err)
{
    sc_state_ttl ttl;
    int len;

    if (sc_state_read_ttl(write->metadata, "strconv.ParseInt", &ttl, err) != SC_OK)
        return sc_error_context(err,
                                "error parsing TTL: incorrect value for metadata 'ttlInSeconds'");
    if (ttl.seconds < -1 || ttl.seconds > INT32_MAX)
        return sc_fail(err, SC_INVALID,
                       "error parsing TTL: incorrect value for metadata 'ttlInSeconds': must be -1 "
                       "or greater");
    if (ttl.seconds <= 0) {
        (void)sqlite3_bind_null(at, 5);
        return SC_OK;
    }
    len = snprintf(text, max, "+%lld seconds", (long long)ttl.seconds);
    sc_sqlite_bind_text(at, 5, sc_str_of(text, (size_t)len));
    return SC_OK;
}

static void bind_value(sc_sqlite_state *store, sqlite3_stmt *at, const sc_state_write *write)
{
    sc_buf_clear(&store->text);
    if (!write->is_json)
        sc_base64_add(&store->text, write->value);
    sc_sqlite_bind_text(at, 2, write->is_json ? write->value : sc_buf_str(&store->text));
    (void)sqlite3_bind_int(at, 3, !write->is_json);
}

static int which_statement(const sc_state_write *write)
{
    if (write->is_delete)
        return write->etag.len > 0 ? SQL_DELETE_ETAG : SQL_DELETE;
    if (write->etag.len > 0)
        return SQL_SET_ETAG;
    return write->concurrency == SC_FIRST_WRITE ? SQL_SET_FIRST : SQL_SET;
}

sc_code sc_sqlite_state_write(sc_sqlite_state *store, const sc_state_write *write,
                              sc_etag_fault *fault, sc_error *err)
{
    int which = which_statement(write);
    sqlite3_stmt *at = statement(store, which);
    char etag[SC_UUID_LEN + 1];
    char life[40];

    sc_sqlite_bind_text(at, 1, write->key);
    if (!write->is_delete) {
        if (bind_life(at, write, life, sizeof(life), err) != SC_OK)
            return err->code;
        bind_value(store, at, write);
        sc_random_uuid(&store->random, etag);
        sc_sqlite_bind_text(at, 4, sc_str_of(etag, SC_UUID_LEN));
    }
    if (write->etag.len > 0)
        sc_sqlite_bind_text(at, 6, write->etag);
    if (sc_sqlite_finish(&store->db, at, write->is_delete ? "delete" : "set", err) != SC_OK)
        return err->code;
    sc_buf_reset(&store->text, 65536);
    if (which == SQL_SET || which == SQL_DELETE || sqlite3_changes(store->db.handle) > 0)
        return SC_OK;
    *fault = SC_ETAG_MISMATCH;
    return sc_fail(err, SC_ABORTED, "%s", ""); /* SQLite has nothing to say about it */
}

/* ---- cleaning ---- */

static sc_code claim(sc_sqlite_state *store, int64_t interval_ms, bool *is_ours, sc_error *err)
{
    (void)sqlite3_reset(store->claim);
    (void)sqlite3_bind_int64(store->claim, 1, interval_ms - 100);
    if (sc_sqlite_finish(&store->db, store->claim, "claim the clean-up", err) != SC_OK)
        return err->code;
    *is_ours = sqlite3_changes(store->db.handle) > 0;
    return SC_OK;
}

sc_code sc_sqlite_state_clean(sc_sqlite_state *store, int64_t interval_ms, bool goes_on, bool *more,
                              sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_CLEAN);
    bool is_ours = goes_on;

    *more = false;
    if (!goes_on && claim(store, interval_ms, &is_ours, err) != SC_OK)
        return err->code;
    if (!is_ours)
        return SC_OK;
    (void)sqlite3_bind_int(at, 1, CLEAN_MAX);
    if (sc_sqlite_finish(&store->db, at, "delete what is expired", err) != SC_OK)
        return err->code;
    *more = sqlite3_changes(store->db.handle) == CLEAN_MAX;
    return SC_OK;
}
