/* SPDX-License-Identifier: MIT
 *
 * What the parts of pubsub.sqlite share: sqlite.c on the loop, sqlite_batch.c on the lane that
 * writes, sqlite_sync.c on the lane that waits for the disk.
 *
 * Everything that waits is gathered into one batch, which is one transaction; while it runs, the
 * next one gathers. What a batch holds belongs to the lane until it is done. Its publishes go from
 * there to the lane that waits for the disk and come back to the loop on their own; meanwhile the
 * next batch is written already.
 */
#ifndef SC_COMPONENTS_PUBSUB_SQLITE_INTERNAL_H
#define SC_COMPONENTS_PUBSUB_SQLITE_INTERNAL_H

#include "component/pubsub.h"
#include "components/pubsub/sqlite_store.h"
#include "components/pubsub/sqlite_sync.h"
#include "io/dgram.h"
#include "io/lane.h"
#include "io/timer.h"

typedef struct sqlite_conf {
    sc_str file;
    sc_str consumer_id;
    sc_str synchronous;
    sc_str initial_position;
    int64_t busy_ms;
    int64_t lease_ms;
    int64_t later_ms;
    int64_t poll_ms;
    int64_t retention_ms;
    uint64_t retention_count;
    int64_t hard_retention_ms;
} sqlite_conf;

/* One publish, or the entries of one bulk publish. In the op's arena. */
typedef struct sqlite_job {
    sc_list link;
    sc_op *op;
    sc_sqlite_message *messages;
    sc_bulk_publish_op *bulk; /* NULL: a single publish */
    size_t count;
} sqlite_job;

/* One delivery, from fetch to the commit that holds its verdict. Own block of the heap. */
typedef struct sqlite_delivery {
    sc_delivery delivery; /* first: settle() gets it back by a cast */
    sc_list link;
    struct sqlite_sub *sub;
    int64_t group;
    int64_t seq;
    uint32_t file; /* which of the files that stood at the path */
    sc_verdict verdict;
    sc_arena mem;
} sqlite_delivery;

typedef struct sqlite_sub {
    sc_list link;
    struct sqlite_pubsub *owner;
    sc_pubsub_subscription *sub;
    sc_str name;   /* of the consumer group */
    int64_t group; /* 0: not made yet */
    uint32_t in_flight;
    uint32_t unsettled_writes; /* verdicts that are not committed yet */
    bool wants_fetch;
    bool is_live;
    bool is_closing;
    /* the batch's, while one runs */
    sc_list batch_link;
    uint32_t credit;
    sc_list fetched;
} sqlite_sub;

/* The publishes of one batch on their way to the disk. The batch's work starts it; own block of the
 * heap. */
typedef struct sqlite_flush {
    sc_lane_op lane; /* first */
    struct sqlite_pubsub *owner;
    sc_list jobs;
    uint64_t number; /* of the transaction that has them; 0: it failed, and why is told already */
} sqlite_flush;

typedef struct sqlite_batch {
    sc_lane_op lane; /* first */
    struct sqlite_pubsub *owner;
    sc_list jobs;
    sqlite_flush *flush; /* has the jobs, when they wait for the disk; else NULL */
    bool publishes;
    sc_list verdicts;
    sc_list subs; /* that fetch */
    bool renews;
    bool trims;
    bool is_new_file; /* out: the old one was removed or replaced */
    int64_t lost;
} sqlite_batch;

typedef struct sqlite_pubsub {
    const sc_component_env *env;
    const sqlite_conf *conf;
    sc_loop *loop;
    sc_lane *lane;
    sc_sqlite_store *store;
    sc_doorbell *bell;
    sc_arena mem;
    sc_doorbell_ringer *ringer; /* the lane's, once it runs */
    sc_list jobs;               /* waiting for the next batch */
    uint32_t waiting;           /* messages that are not confirmed */
    sc_list verdicts;
    sc_list subs;
    sqlite_batch batch;
    sc_lane *disk; /* NULL: nobody waits for it */
    sc_sqlite_sync *sync;
    uint32_t flushes; /* under way */
    uint32_t file;    /* counts the files that stood at the path; the batch's, while one runs */
    bool is_running;
    bool is_failing; /* the last batch failed: the next waits for the timer */
    bool is_closing;
    sc_error last; /* why, while failing */
    uint64_t renewed_ms;
    uint64_t trimmed_ms;
    sc_turn_hook pump;
    sc_timer poll;
    void (*on_closed)(void *user);
    void *user;
} sqlite_pubsub;

/* sqlite_batch.c: runs on the lane. */
void sc_sqlite_batch_work(sc_lane_op *op);
/* Starts the batch's flush, if it has one. `err` is how its transaction ended. */
void sc_sqlite_batch_pass_on(sqlite_batch *batch, const sc_error *err);

#endif
