/* SPDX-License-Identifier: MIT
 *
 * Secrets (Dapr: secrets building block): names to stores, scopes. Knows neither protocol nor
 * vendor. Values go into the answer and nowhere else.
 */
#ifndef SC_BLOCK_SECRET_H
#define SC_BLOCK_SECRET_H

#include "block/problem.h"
#include "block/secret_scopes.h"
#include "component/secretstore.h"
#include "observe/metric.h"

typedef struct sc_secretstores sc_secretstores;

/* What the block needs; outlives it. */
typedef struct sc_secretstores_env {
    sc_loop *loop;
    sc_metrics *metrics; /* may be NULL */
    const sc_secret_scope *scopes;
    uint32_t scope_count;
} sc_secretstores_env;

sc_secretstores *sc_secretstores_new(const sc_secretstores_env *env);
/* All stores are closed before. */
void sc_secretstores_free(sc_secretstores *stores);
/* Opens a store under env->name. Fails as sc_instance_set_open. */
sc_code sc_secretstores_add(sc_secretstores *stores, const sc_component *component,
                            const sc_component_env *env, sc_error *err) SC_MUST_CHECK;
bool sc_secretstores_has(const sc_secretstores *stores, sc_str name);
/* The names of what the store can do, as many as returned; static. */
size_t sc_secretstores_capabilities(const sc_secretstores *stores, sc_str name,
                                    const char *names[SC_MAX_CAPABILITIES]);
/* Closes every store; `on_closed` after the last. */
void sc_secretstores_close(sc_secretstores *stores, uint64_t linger_ms,
                           void (*on_closed)(void *user), void *user);

/* Starts the op at the store `name`, which is there. Scopes do not matter: for references in
 * resources. */
void sc_secretstores_get(sc_secretstores *stores, sc_str name, sc_secret_op *op);

/* One get. Made in the call's arena by a head; slices live as long as the call. */
typedef struct sc_secret_request {
    sc_call *call; /* the block holds a reference until `done` ran */
    sc_str store_name;
    sc_str key;
    sc_pairs metadata;
    void (*done)(struct sc_secret_request *req); /* once, later, on the loop */
    void *user;
    sc_problem problem; /* out */
    sc_secret_op op;    /* op.values: out, sorted by name */
    /* the block's own */
    const sc_instance *store;
    uint64_t started_ns;
} sc_secret_request;

void sc_secret_get(sc_secretstores *stores, sc_secret_request *req);

/* All secrets of a store that its scope lets through. */
typedef struct sc_bulk_secret_request {
    sc_call *call;
    sc_str store_name;
    sc_pairs metadata;
    void (*done)(struct sc_bulk_secret_request *req);
    void *user;
    sc_problem problem;   /* out */
    sc_bulk_secret_op op; /* op.secrets, op.count: out, sorted by key, their values by name */
    /* the block's own */
    sc_secretstores *stores;
    const sc_instance *store;
    uint64_t started_ns;
} sc_bulk_secret_request;

void sc_secret_bulk_get(sc_secretstores *stores, sc_bulk_secret_request *req);

#endif
