/* SPDX-License-Identifier: MIT
 *
 * state.redis: what redis.c (life and reading), redis_write.c and redis_query.c share.
 */
#ifndef SC_COMPONENTS_STATE_REDIS_INTERNAL_H
#define SC_COMPONENTS_STATE_REDIS_INTERNAL_H

#include "component/state.h"
#include "components/shared/redis_client.h"
#include "core/log.h"

typedef struct redis_state_conf {
    sc_redis_settings redis;
    sc_str ttl; /* ttlInSeconds */
    sc_str query_indexes;
    int64_t max_retries; /* the older names; -2: not set */
    sc_str max_retry_backoff;
} redis_state_conf;

typedef enum sc_redis_script {
    SC_REDIS_SAVE,  /* one value into a hash */
    SC_REDIS_WRITE, /* everything else */
    SC_REDIS_SCRIPTS,
} sc_redis_script;

/* What a server can do, learned after each connection. */
typedef struct redis_state_server {
    char shas[SC_REDIS_SCRIPTS][41]; /* "": not loaded, it is sent whole */
    bool has_json;
    uint64_t replicas; /* connected to it */
    uint64_t asked_ms; /* when the replicas were counted; loop clock */
} redis_state_server;

/* A question to a server that just came up. */
typedef struct redis_question {
    sc_redis_request request; /* first: the answer gets it back by a cast */
    struct redis_state *self;
    bool is_asked;
} redis_question;

typedef struct redis_state {
    const redis_state_conf *conf;
    const sc_component_env *env;
    sc_redis_settings settings; /* conf->redis with the older names applied */
    sc_redis_client *client;
    redis_state_server server;
    sc_redis_link *strong; /* for writes that wait for replicas, so that others do not; or NULL */
    sc_list apart;         /* writes under way on it */
    sc_log_gate replica_gate;
    const sc_doc *indexes; /* queryIndexes, an array; NULL: none */
    sc_arena mem;
    redis_question load_scripts[SC_REDIS_SCRIPTS];
    redis_question probe_json;
    redis_question count_replicas;
    bool was_ready;
    void (*on_closed)(void *user);
    void *user;
} redis_state;

/* redis_write.c */
sc_str sc_redis_state_script(sc_redis_script which);
void sc_redis_state_write(void *at, sc_state_write_op *op);
void sc_redis_state_transact(void *at, sc_state_transact_op *op);
/* Fails the writes that wait on the strong connection, which was closed. */
void sc_redis_state_abandon(redis_state *self);
/* How an item is kept: as a JSON document, or as a hash. */
bool sc_redis_state_keeps_document(const redis_state *self, const sc_pairs *metadata);

/* redis.c: counts the replicas anew when that was long ago. */
void sc_redis_state_count_replicas(redis_state *self);

/* redis_query.c */
void sc_redis_state_query(void *at, sc_state_query_op *op);
/* Reads queryIndexes. Fails with SC_INVALID. */
sc_code sc_redis_state_read_indexes(redis_state *self, sc_error *err) SC_MUST_CHECK;
/* Makes the indexes at a server that has the module. */
void sc_redis_state_make_indexes(redis_state *self);
/* Splits the JSON of a document as we keep it: {"data":...,"version":n}. */
bool sc_redis_state_split_document(sc_str text, sc_str *data, sc_str *version);

#endif
