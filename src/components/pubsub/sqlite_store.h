/* SPDX-License-Identifier: MIT
 *
 * The file of the embedded broker: schema and statements. One connection, used by one thread at a
 * time (the lane's, once the component runs). Times are wall-clock milliseconds.
 */
#ifndef SC_COMPONENTS_PUBSUB_SQLITE_STORE_H
#define SC_COMPONENTS_PUBSUB_SQLITE_STORE_H

#include "core/arena.h"
#include "core/error.h"

typedef struct sc_sqlite_store sc_sqlite_store;

typedef struct sc_sqlite_store_settings {
    sc_str file;      /* a path or a file: URI */
    uint32_t busy_ms; /* how long to wait for another process's transaction */
    int64_t lease_ms; /* how long a message handed out stays with its taker unless renewed */
    sc_str owner;     /* names this sidecar in leases */
} sc_sqlite_store_settings;

/* Opens or creates the file. Fails with SC_UNAVAILABLE naming it and SQLite's reason. */
sc_code sc_sqlite_store_open(const sc_sqlite_store_settings *settings, sc_sqlite_store **out,
                             sc_error *err) SC_MUST_CHECK;
void sc_sqlite_store_close(sc_sqlite_store *store);
/* When the file was removed, or another stands in its place: opens what is there now, and says so.
 * Groups and deliveries of before mean nothing then. Fails as sc_sqlite_store_open. */
sc_code sc_sqlite_store_follow(sc_sqlite_store *store, bool *is_new, sc_error *err) SC_MUST_CHECK;
/* The absolute path of the file. */
sc_str sc_sqlite_store_path(const sc_sqlite_store *store);

/* Everything that changes the file happens between these. What is committed outlives this process
 * at once, and the power once it was synced (sqlite_sync.h). */
sc_code sc_sqlite_store_begin(sc_sqlite_store *store, sc_error *err) SC_MUST_CHECK;
sc_code sc_sqlite_store_commit(sc_sqlite_store *store, sc_error *err) SC_MUST_CHECK;
void sc_sqlite_store_rollback(sc_sqlite_store *store);

typedef struct sc_sqlite_message {
    int64_t seq;
    sc_str topic;
    sc_str payload;
    sc_str content_type;
    sc_str metadata;    /* a JSON object of strings, or empty */
    int64_t visible_ms; /* not delivered before; 0: now */
    int64_t expires_ms; /* not delivered after; 0: never */
    int64_t attempt;    /* out: how often it was handed out, this time included */
} sc_sqlite_message;

sc_code sc_sqlite_store_put(sc_sqlite_store *store, const sc_sqlite_message *message,
                            int64_t now_ms, sc_error *err) SC_MUST_CHECK;
/* The group of this name on this topic, made when new: it starts with the oldest message kept, or
 * after the newest when `from_newest`. Inside a transaction. */
sc_code sc_sqlite_store_group(sc_sqlite_store *store, sc_str topic, sc_str name, bool from_newest,
                              int64_t *group, sc_error *err) SC_MUST_CHECK;
/* Whether the group has something to hand out now. Reads only. */
sc_code sc_sqlite_store_has_work(sc_sqlite_store *store, int64_t group, int64_t now_ms, bool *has,
                                 sc_error *err) SC_MUST_CHECK;
/* Takes a lease on up to `max` messages: first those whose wait or lease is over, then new ones in
 * order. `take` gets each; its slices are good during the call only. */
sc_code sc_sqlite_store_fetch(sc_sqlite_store *store, int64_t group, uint32_t max, int64_t now_ms,
                              void (*take)(void *self, const sc_sqlite_message *message),
                              void *self, sc_error *err) SC_MUST_CHECK;
/* Done with: never handed to this group again. */
sc_code sc_sqlite_store_ack(sc_sqlite_store *store, int64_t group, int64_t seq,
                            sc_error *err) SC_MUST_CHECK;
/* Not done: free for any replica from `not_before_ms` on. */
sc_code sc_sqlite_store_release(sc_sqlite_store *store, int64_t group, int64_t seq,
                                int64_t not_before_ms, sc_error *err) SC_MUST_CHECK;
/* Renews the leases of this sidecar. */
sc_code sc_sqlite_store_renew(sc_sqlite_store *store, int64_t now_ms, sc_error *err) SC_MUST_CHECK;

typedef struct sc_sqlite_retention {
    int64_t max_age_ms;      /* acknowledged messages older than this go; 0: no limit */
    int64_t max_count;       /* of a topic: acknowledged messages beyond this go; 0: no limit */
    int64_t hard_max_age_ms; /* the same for messages that nobody acknowledged; 0: they stay */
} sc_sqlite_retention;

/* Deletes what the retention allows, a bounded number at a time. `*lost`: how many of them some
 * group had not acknowledged. Inside a transaction. */
sc_code sc_sqlite_store_trim(sc_sqlite_store *store, const sc_sqlite_retention *retention,
                             int64_t now_ms, int64_t *lost, sc_error *err) SC_MUST_CHECK;

#endif
