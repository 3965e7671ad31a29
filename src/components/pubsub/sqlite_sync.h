/* SPDX-License-Identifier: MIT
 *
 * Brings what is committed to an embedded broker's file onto the disk, from a thread of its own
 * while the next transaction is written.
 *
 * SQLite commits in WAL mode without waiting for the disk (synchronous = NORMAL: the file is whole
 * after a power failure, but the last commits may be missing). Syncing the write-ahead log after
 * the commit and before the confirmation makes that as durable as synchronous = FULL. Frames that
 * were checkpointed meanwhile are on the disk already: SQLite syncs the log before and the file
 * after it moves them.
 */
#ifndef SC_COMPONENTS_PUBSUB_SQLITE_SYNC_H
#define SC_COMPONENTS_PUBSUB_SQLITE_SYNC_H

#include "core/error.h"
#include "core/str.h"

typedef struct sc_sqlite_sync sc_sqlite_sync;

/* For the database at `path`, which need not have a log yet. */
sc_sqlite_sync *sc_sqlite_sync_new(sc_str path);
void sc_sqlite_sync_free(sc_sqlite_sync *sync);
/* A transaction was committed: returns its number, from 1. The writing thread. */
uint64_t sc_sqlite_sync_committed(sc_sqlite_sync *sync);
/* On return transaction `number` is on the disk, as all that were committed when the sync began
 * that served it: it returns at once when an earlier call did, and what that call returned. Numbers
 * come in order. Waits for the disk. Fails with SC_UNAVAILABLE and the system's reason. The syncing
 * thread. */
sc_code sc_sqlite_sync_run(sc_sqlite_sync *sync, uint64_t number, sc_error *err) SC_MUST_CHECK;

#endif
