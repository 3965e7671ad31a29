/* SPDX-License-Identifier: MIT
 *
 * Tables of nameresolution.sqlite, column by column those of Dapr's, so that sidecars of both kinds
 * share a file. The namespace is always empty, as there.
 */
#include "components/nameresolution/sqlite_hosts.h"

#include <stdlib.h>

#include "components/shared/sqlite_db.h"

#define MIGRATIONS 1 /* what the tables here are, in Dapr's count */

enum { SQL_ADD, SQL_RENEW, SQL_REMOVE, SQL_CLAIM, SQL_CLEAN, SQL_FIND, SQL_COUNT };

struct sc_sqlite_hosts {
    sc_sqlite_db db;
    const sc_sqlite_hosts_settings *settings;
    sqlite3_stmt *statements[SQL_COUNT];
};

sc_code sc_sqlite_hosts_check(const sc_sqlite_hosts_settings *settings, sc_error *err)
{
    if (sc_sqlite_check_connection(settings->connection, err) != SC_OK ||
        sc_sqlite_check_identifier(settings->table, err) != SC_OK ||
        sc_sqlite_check_identifier(settings->metadata_table, err) != SC_OK)
        return err->code;
    if (sc_sqlite_is_memory(settings->connection))
        return sc_fail(err, SC_INVALID,
                       "connectionString '%.*s' is memory of this process, where no other sidecar "
                       "sees it: name a file",
                       SC_FMT(settings->connection));
    if (sc_sqlite_is_read_only(settings->connection))
        return sc_fail(err, SC_INVALID,
                       "connectionString '%.*s' lets nobody write, and sidecars write themselves "
                       "there: take mode=ro and immutable=1 away",
                       SC_FMT(settings->connection));
    return SC_OK;
}

/* ---- opening ---- */

static sc_code make_tables(sc_sqlite_hosts *hosts, sc_arena *mem, sc_error *err)
{
    sc_str table = hosts->settings->table;
    sc_str metadata = hosts->settings->metadata_table;
    const char *first = sc_arena_fmt(mem,
                                     "CREATE TABLE IF NOT EXISTS %.*s ("
                                     "key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
                                     SC_FMT(metadata))
                            .at;
    const char *rest =
        sc_arena_fmt(mem,
                     "CREATE TABLE IF NOT EXISTS %.*s (registration_id TEXT NOT NULL PRIMARY KEY,"
                     " address TEXT NOT NULL, app_id TEXT NOT NULL, namespace TEXT NOT NULL,"
                     " last_update INTEGER NOT NULL);"
                     "CREATE UNIQUE INDEX IF NOT EXISTS %.*s_address_idx ON %.*s (address);"
                     "CREATE INDEX IF NOT EXISTS %.*s_last_update_idx ON %.*s (last_update);"
                     "INSERT OR REPLACE INTO %.*s (key, value) VALUES ('nr-migrations', '%d')",
                     SC_FMT(table), SC_FMT(table), SC_FMT(table), SC_FMT(table), SC_FMT(table),
                     SC_FMT(metadata), MIGRATIONS)
            .at;
    int level;

    if (sc_sqlite_run(&hosts->db, "BEGIN EXCLUSIVE", err) != SC_OK ||
        sc_sqlite_run(&hosts->db, first, err) != SC_OK ||
        sc_sqlite_read_level(&hosts->db, metadata, "nr-migrations", mem, &level, err) != SC_OK)
        return err->code;
    if (level > MIGRATIONS)
        return sc_fail(err, SC_FAILED_PRECONDITION,
                       "the tables are of version %d, this program knows %d", level, MIGRATIONS);
    if (level < MIGRATIONS && sc_sqlite_run(&hosts->db, rest, err) != SC_OK)
        return err->code;
    return sc_sqlite_run(&hosts->db, "COMMIT", err);
}

/* Parameters: id, address, app id; of CLAIM, CLEAN and FIND a number of seconds. */
static sc_code prepare_all(sc_sqlite_hosts *hosts, sc_arena *mem, sc_error *err)
{
    sc_str table = hosts->settings->table;
    const char *texts[SQL_COUNT] = {
        [SQL_ADD] = sc_arena_fmt(mem,
                                 "REPLACE INTO %.*s (registration_id, address, app_id, namespace,"
                                 " last_update) VALUES (?1, ?2, ?3, '', unixepoch())",
                                 SC_FMT(table))
                        .at,
        [SQL_RENEW] = sc_arena_fmt(mem,
                                   "UPDATE %.*s SET last_update = unixepoch()"
                                   " WHERE registration_id = ?1 AND address = ?2",
                                   SC_FMT(table))
                          .at,
        [SQL_REMOVE] =
            sc_arena_fmt(mem, "DELETE FROM %.*s WHERE registration_id = ?1 AND address = ?2",
                         SC_FMT(table))
                .at,
        [SQL_CLAIM] = sc_arena_fmt(mem,
                                   "INSERT INTO %.*s AS m (key, value)"
                                   " VALUES ('nr-last-cleanup', CURRENT_TIMESTAMP)"
                                   " ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP"
                                   " WHERE unixepoch() - unixepoch(m.value) >= ?1",
                                   SC_FMT(hosts->settings->metadata_table))
                          .at,
        [SQL_CLEAN] = sc_arena_fmt(mem, "DELETE FROM %.*s WHERE last_update <= unixepoch() - ?1",
                                   SC_FMT(table))
                          .at,
        [SQL_FIND] = sc_arena_fmt(mem,
                                  "SELECT address FROM %.*s WHERE app_id = ?3"
                                  " AND last_update > unixepoch() - ?1 ORDER BY address",
                                  SC_FMT(table))
                         .at,
    };

    return sc_sqlite_prepare(&hosts->db, texts, SQL_COUNT, hosts->statements, err);
}

sc_code sc_sqlite_hosts_open(const sc_sqlite_hosts_settings *settings, sc_sqlite_hosts **out,
                             sc_error *err)
{
    sc_sqlite_hosts *hosts = sc_new(sc_sqlite_hosts);
    sc_arena mem;
    sc_code code;

    sc_arena_init(&mem, NULL);
    hosts->settings = settings;
    (void)sc_sqlite_wait_once(&hosts->db, true);
    code = sc_sqlite_open_connection(&hosts->db, settings->connection, settings->busy_ms, true,
                                     &mem, err);
    if (code == SC_OK) {
        code = make_tables(hosts, &mem, err);
        if (code == SC_OK)
            code = prepare_all(hosts, &mem, err);
        if (code != SC_OK)
            (void)sc_error_context(err, "cannot open '%.*s'", SC_FMT(settings->connection));
    }
    (void)sc_sqlite_wait_once(&hosts->db, false);
    sc_arena_deinit(&mem);
    if (code == SC_OK)
        *out = hosts;
    else
        sc_sqlite_hosts_close(hosts);
    return code;
}

void sc_sqlite_hosts_close(sc_sqlite_hosts *hosts)
{
    for (int i = 0; i < SQL_COUNT; i++)
        (void)sqlite3_finalize(hosts->statements[i]);
    sc_sqlite_close(&hosts->db);
    free(hosts);
}

bool sc_sqlite_hosts_is_replaced(const sc_sqlite_hosts *hosts)
{
    return sc_sqlite_is_replaced(&hosts->db);
}

/* ---- rows ---- */

static sc_code run_on(sc_sqlite_hosts *hosts, int which, const sc_sqlite_host *host,
                      const char *doing, sc_error *err)
{
    sqlite3_stmt *at = hosts->statements[which];

    sc_sqlite_bind_text(at, 1, host->id);
    sc_sqlite_bind_text(at, 2, host->address);
    if (which == SQL_ADD)
        sc_sqlite_bind_text(at, 3, host->app_id);
    return sc_sqlite_finish(&hosts->db, at, doing, err);
}

sc_code sc_sqlite_hosts_add(sc_sqlite_hosts *hosts, const sc_sqlite_host *host, sc_error *err)
{
    return run_on(hosts, SQL_ADD, host, "register a sidecar", err);
}

sc_code sc_sqlite_hosts_renew(sc_sqlite_hosts *hosts, const sc_sqlite_host *host, sc_error *err)
{
    if (run_on(hosts, SQL_RENEW, host, "renew a registration", err) != SC_OK)
        return err->code;
    return sqlite3_changes(hosts->db.handle) > 0 ? SC_OK : sc_sqlite_hosts_add(hosts, host, err);
}

sc_code sc_sqlite_hosts_remove(sc_sqlite_hosts *hosts, const sc_sqlite_host *host, sc_error *err)
{
    return run_on(hosts, SQL_REMOVE, host, "remove a registration", err);
}

static sc_code run_for(sc_sqlite_hosts *hosts, int which, int64_t seconds, const char *doing,
                       sc_error *err)
{
    (void)sqlite3_bind_int64(hosts->statements[which], 1, seconds);
    return sc_sqlite_finish(&hosts->db, hosts->statements[which], doing, err);
}

/* A sidecar whose row goes while it lives is cut off (Dapr's ends then), so the rows are given the
 * longer of both times. */
sc_code sc_sqlite_hosts_clean(sc_sqlite_hosts *hosts, sc_error *err)
{
    int64_t every = hosts->settings->cleanup_s;
    int64_t life = hosts->settings->life_s;

    if (run_for(hosts, SQL_CLAIM, every, "claim the clean-up", err) != SC_OK)
        return err->code;
    if (sqlite3_changes(hosts->db.handle) == 0)
        return SC_OK; /* another's turn */
    return run_for(hosts, SQL_CLEAN, every > life ? every : life, "delete dead registrations", err);
}

sc_code sc_sqlite_hosts_find(sc_sqlite_hosts *hosts, sc_str app_id, sc_arena *mem,
                             sc_str **addresses, uint32_t *count, sc_error *err)
{
    sqlite3_stmt *at = hosts->statements[SQL_FIND];
    uint32_t cap = 0;
    int rc;

    *count = 0;
    *addresses = NULL;
    (void)sqlite3_bind_int64(at, 1, hosts->settings->life_s);
    sc_sqlite_bind_text(at, 3, app_id);
    while ((rc = sqlite3_step(at)) == SQLITE_ROW) {
        if (*count == cap) {
            sc_str *grown = sc_arena_alloc(mem, (cap * 2 + 4) * sizeof(grown[0]));

            if (*count > 0)
                memcpy(grown, *addresses, *count * sizeof(grown[0]));
            *addresses = grown;
            cap = cap * 2 + 4;
        }
        (*addresses)[(*count)++] = sc_arena_str(mem, sc_sqlite_column(at, 0));
    }
    if (rc != SQLITE_DONE)
        (void)sc_sqlite_fail(&hosts->db, "find sidecars", err);
    (void)sqlite3_reset(at);
    return rc == SQLITE_DONE ? SC_OK : err->code;
}
