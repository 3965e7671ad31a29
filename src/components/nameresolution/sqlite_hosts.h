/* SPDX-License-Identifier: MIT
 *
 * The file of nameresolution.sqlite, with the table of Dapr's resolver of that name: one row for
 * each sidecar, good as long as it is renewed. One connection, used by one thread at a time. Times
 * are whole seconds of the machine's clock.
 */
#ifndef SC_COMPONENTS_NAMERESOLUTION_SQLITE_HOSTS_H
#define SC_COMPONENTS_NAMERESOLUTION_SQLITE_HOSTS_H

#include "core/arena.h"
#include "core/error.h"

typedef struct sc_sqlite_hosts sc_sqlite_hosts;

typedef struct sc_sqlite_hosts_settings {
    sc_str connection; /* as in components/shared/sqlite_db.h */
    sc_str table;
    sc_str metadata_table;
    uint32_t busy_ms;
    int64_t life_s;    /* a row that was not renewed for so long is a dead sidecar's */
    int64_t cleanup_s; /* how often such rows are deleted; 0: never */
} sc_sqlite_hosts_settings;

/* A row. */
typedef struct sc_sqlite_host {
    sc_str id;      /* unique */
    sc_str address; /* "host:port"; unique too: who announces it last has it */
    sc_str app_id;
} sc_sqlite_host;

/* Checks names and options. Fails with SC_INVALID. */
sc_code sc_sqlite_hosts_check(const sc_sqlite_hosts_settings *settings,
                              sc_error *err) SC_MUST_CHECK;
/* Opens or creates the file and its tables, and waits busy_ms for others at most; `settings` lives
 * as long as the result. Fails as sc_sqlite_open, or when the tables are of a later version. */
sc_code sc_sqlite_hosts_open(const sc_sqlite_hosts_settings *settings, sc_sqlite_hosts **out,
                             sc_error *err) SC_MUST_CHECK;
void sc_sqlite_hosts_close(sc_sqlite_hosts *hosts);
/* True when the path leads to another file now, or to none. */
bool sc_sqlite_hosts_is_replaced(const sc_sqlite_hosts *hosts);

sc_code sc_sqlite_hosts_add(sc_sqlite_hosts *hosts, const sc_sqlite_host *host,
                            sc_error *err) SC_MUST_CHECK;
/* The row counts as alive from now on; one that somebody deleted is written anew. */
sc_code sc_sqlite_hosts_renew(sc_sqlite_hosts *hosts, const sc_sqlite_host *host,
                              sc_error *err) SC_MUST_CHECK;
sc_code sc_sqlite_hosts_remove(sc_sqlite_hosts *hosts, const sc_sqlite_host *host,
                               sc_error *err) SC_MUST_CHECK;
/* Deletes rows of the dead; only the first of the sidecars on the file does it within `cleanup_s`.
 */
sc_code sc_sqlite_hosts_clean(sc_sqlite_hosts *hosts, sc_error *err) SC_MUST_CHECK;
/* The addresses of the living sidecars of `app_id`, in `mem`; none is no failure. */
sc_code sc_sqlite_hosts_find(sc_sqlite_hosts *hosts, sc_str app_id, sc_arena *mem,
                             sc_str **addresses, uint32_t *count, sc_error *err) SC_MUST_CHECK;

#endif
