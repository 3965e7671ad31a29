/* SPDX-License-Identifier: MIT
 *
 * State management (Dapr: state API): names to stores, key prefixes, ETags and options, encryption
 * of values, transactions and their outbox, queries. Knows neither protocol nor vendor.
 *
 * Every request is made in the call's arena by a head; its slices live as long as the call, of
 * which the block holds a reference until `done` ran: once, later, on the loop.
 */
#ifndef SC_BLOCK_STATE_H
#define SC_BLOCK_STATE_H

#include "block/outbox.h"
#include "block/problem.h"
#include "block/pubsub.h"
#include "block/state_cipher.h"
#include "component/state.h"
#include "observe/operation_stats.h"

/* Items or keys of one request. A head refuses more before it makes them. */
#define SC_STATE_MAX_ITEMS 65536u

typedef struct sc_states sc_states;

/* What the block needs; lives as long as the block. */
typedef struct sc_states_env {
    sc_loop *loop;
    sc_log *log;
    sc_str app_id;
    sc_str namespace_;      /* NAMESPACE, or "default" */
    sc_str plain_namespace; /* NAMESPACE as it is; may be empty */
    sc_pubsubs *pubsubs;    /* for the outbox */
    sc_random *random;
    sc_metrics *metrics; /* may be NULL */
} sc_states_env;

/* What is counted apart, under Dapr's names. */
typedef enum sc_state_counted {
    SC_STATE_COUNTS_GET,
    SC_STATE_COUNTS_SET,
    SC_STATE_COUNTS_DELETE,
    SC_STATE_COUNTS_BULK_GET,
    SC_STATE_COUNTS_BULK_DELETE,
    SC_STATE_COUNTS_QUERY,
    SC_STATE_COUNTS_TRANSACTION,
    SC_STATE_COUNTS,
} sc_state_counted;

/* One component as the block keeps it. */
typedef struct sc_state_store {
    sc_state *state;
    sc_str name;
    sc_str prefix;           /* in front of every key, "||" included; empty: none */
    sc_state_cipher *cipher; /* NULL: values are stored as they are */
    sc_outbox *outbox;       /* NULL: transactions publish nothing */
    sc_operation_stats stats[SC_STATE_COUNTS];
} sc_state_store;

sc_states *sc_states_new(const sc_states_env *env);
/* All stores are closed before. */
void sc_states_free(sc_states *states);
/* Opens a component under `env->name`. Fails with SC_INVALID for settings of the runtime's own
 * (keyPrefix...), or as sc_state_open. */
sc_code sc_states_add(sc_states *states, const sc_component *component, const sc_component_env *env,
                      sc_error *err) SC_MUST_CHECK;
sc_state_store *sc_states_find(const sc_states *states, sc_str name);
/* The outboxes read their internal topics from now on / no longer; `on_stopped` runs later. */
void sc_states_start_outboxes(sc_states *states);
void sc_states_stop_outboxes(sc_states *states, void (*on_stopped)(void *user), void *user);
/* Closes every store; `on_closed` after the last. */
void sc_states_close(sc_states *states, uint64_t linger_ms, void (*on_closed)(void *user),
                     void *user);

/* The store called `name`, or NULL and `problem` is set. For heads that must know before they read
 * the body. */
sc_state_store *sc_states_check_name(const sc_states *states, sc_str name, sc_arena *mem,
                                     sc_problem *problem);
/* The same for a transaction: the store must be able to. */
sc_state_store *sc_states_check_transactional(const sc_states *states, sc_str name, sc_arena *mem,
                                              sc_problem *problem);
/* And for a query. */
sc_state_store *sc_states_check_queryable(const sc_states *states, sc_str name, sc_arena *mem,
                                          sc_problem *problem);

/* ---- reading ---- */

typedef struct sc_state_get_request {
    sc_call *call;
    sc_str store_name;
    sc_str key; /* the application's, without prefix; so it is everywhere below */
    sc_str consistency;
    sc_pairs metadata;
    void (*done)(struct sc_state_get_request *req);
    void *user;
    sc_problem problem;   /* out */
    sc_state_value value; /* out */
    /* the block's own */
    sc_state_store *store;
    uint64_t started_ns;
    sc_state_get_op op;
} sc_state_get_request;

void sc_states_get(sc_states *states, sc_state_get_request *req);

typedef struct sc_state_bulk_get_request {
    sc_call *call;
    sc_str store_name;
    sc_str *keys; /* the block writes the stored keys over them */
    size_t count;
    int64_t parallelism; /* 0 and below: no limit */
    sc_pairs metadata;
    void (*done)(struct sc_state_bulk_get_request *req);
    void *user;
    sc_problem problem; /* out */
    sc_state_row *rows; /* out: in the order of the store */
    size_t row_count;
    /* the block's own */
    sc_state_store *store;
    uint64_t started_ns;
    sc_state_bulk_get_op op;
} sc_state_bulk_get_request;

void sc_states_bulk_get(sc_states *states, sc_state_bulk_get_request *req);

typedef struct sc_state_query_request {
    sc_call *call;
    sc_str store_name;
    sc_str text; /* the query document */
    sc_pairs metadata;
    void (*done)(struct sc_state_query_request *req);
    void *user;
    sc_problem problem; /* out */
    sc_state_row *rows; /* out */
    size_t row_count;
    sc_str token; /* out */
    /* the block's own */
    sc_state_store *store;
    uint64_t started_ns;
    sc_state_query query;
    sc_state_query_op op;
} sc_state_query_request;

void sc_states_query(sc_states *states, sc_state_query_request *req);

/* ---- writing ---- */

/* One upsert or delete as the application asks for it. */
typedef struct sc_state_item {
    sc_str key;
    sc_str value;
    sc_str etag;        /* empty: none */
    sc_str concurrency; /* "first-write", "last-write" or empty; others are refused */
    sc_str consistency; /* "strong", "eventual" or empty; others are refused */
    sc_pairs metadata;
    sc_str content_type; /* what the item says besides its metadata; for the outbox */
    bool is_json;        /* `value` is one valid JSON text, else bytes */
    sc_str operation;    /* of a transaction: "upsert" or "delete"; others are refused */
} sc_state_item;

typedef enum sc_state_action {
    SC_STATE_SAVE,
    SC_STATE_DELETE, /* exactly one item */
    SC_STATE_BULK_DELETE,
} sc_state_action;

/* Items are independent: some may be written although the request fails. */
typedef struct sc_state_write_request {
    sc_call *call;
    sc_str store_name;
    sc_state_action action;
    sc_state_item *items;
    size_t count;
    void (*done)(struct sc_state_write_request *req);
    void *user;
    sc_problem problem; /* out */
    /* the block's own */
    sc_states *states;
    sc_state_store *store;
    uint64_t started_ns;
    size_t next;      /* item to write */
    size_t waiting;   /* writers at work */
    sc_str *failures; /* by item; NULL: none so far */
    /* The first item with a fault of its ETag decides how the request is answered; without one all
     * failures are told. */
    size_t worst;
    sc_etag_fault worst_fault;
    sc_op nothing; /* completes a request without items, or one that is refused */
} sc_state_write_request;

void sc_states_write(sc_states *states, sc_state_write_request *req);

typedef struct sc_state_transaction_request {
    sc_call *call;
    sc_str store_name;
    sc_state_item *items;
    size_t count;
    sc_pairs metadata;  /* of the request as a whole */
    sc_str traceparent; /* valid, or empty; for the outbox */
    sc_str tracestate;
    void (*done)(struct sc_state_transaction_request *req);
    void *user;
    sc_problem problem; /* out */
    /* the block's own */
    sc_states *states;
    sc_state_store *store;
    uint64_t started_ns;    /* of the store's part; 0: it was not asked */
    sc_state_write *writes; /* room for a marker each */
    sc_outbox_send send;
    sc_state_transact_op op;
} sc_state_transaction_request;

void sc_states_transact(sc_states *states, sc_state_transaction_request *req);

#endif
