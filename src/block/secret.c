/* SPDX-License-Identifier: MIT
 *
 * Secrets: finds the store, asks the scope, asks the store. A secret that is denied looks the same
 * whether it exists or not.
 */
#include "block/secret.h"

#include <stdlib.h>

#include "core/clock.h"
#include "observe/operation_stats.h"

struct sc_secretstores {
    sc_secretstores_env env;
    sc_instance_set set;
    sc_arena mem;
};

/* instance->extra */
typedef struct store_stats {
    sc_operation_stats get;
    sc_operation_stats bulk_get;
} store_stats;

static void on_got(sc_op *op);
static void on_got_all(sc_op *op);

/* ---- stores ---- */

sc_secretstores *sc_secretstores_new(const sc_secretstores_env *env)
{
    sc_secretstores *stores = sc_new(sc_secretstores);

    stores->env = *env;
    sc_arena_init(&stores->mem, NULL);
    return stores;
}

void sc_secretstores_free(sc_secretstores *stores)
{
    sc_arena_deinit(&stores->mem);
    free(stores);
}

sc_code sc_secretstores_add(sc_secretstores *stores, const sc_component *component,
                            const sc_component_env *env, sc_error *err)
{
    const sc_secretstore_ops *ops = component->secretstore;
    store_stats *stats;

    if (sc_instance_set_open(&stores->set, component, ops->open, ops->close, env, err) != SC_OK)
        return err->code;
    stats = sc_arena_new(&stores->mem, store_stats);
    sc_operation_stats_init(&stats->get, stores->env.metrics, SC_METRIC_SECRET_COUNT, env->name,
                            SC_STR("get"));
    sc_operation_stats_init(&stats->bulk_get, stores->env.metrics, SC_METRIC_SECRET_COUNT,
                            env->name, SC_STR("bulk_get"));
    sc_instance_set_find(&stores->set, env->name)->extra = stats;
    return SC_OK;
}

bool sc_secretstores_has(const sc_secretstores *stores, sc_str name)
{
    return sc_instance_set_find(&stores->set, name) != NULL;
}

size_t sc_secretstores_capabilities(const sc_secretstores *stores, sc_str name,
                                    const char *names[SC_MAX_CAPABILITIES])
{
    const sc_instance *store = sc_instance_set_find(&stores->set, name);
    const sc_secretstore_ops *ops = store ? store->component->secretstore : NULL;

    return ops && ops->capabilities ? ops->capabilities(store->self, names) : 0;
}

void sc_secretstores_close(sc_secretstores *stores, uint64_t linger_ms,
                           void (*on_closed)(void *user), void *user)
{
    sc_instance_set_close(&stores->set, stores->env.loop, linger_ms, on_closed, user);
}

void sc_secretstores_get(sc_secretstores *stores, sc_str name, sc_secret_op *op)
{
    const sc_instance *store = sc_instance_set_find(&stores->set, name);

    store->component->secretstore->get(store->self, op);
}

/* The store, or NULL with the problem set. */
static const sc_instance *find(const sc_secretstores *stores, sc_str name, sc_arena *mem,
                               sc_problem *problem)
{
    const sc_instance *store = sc_instance_set_find(&stores->set, name);

    if (stores->set.count == 0)
        (void)sc_problem_set(problem, mem, SC_REASON_SECRET_STORES_NOT_CONFIGURED,
                             "secret store is not configured");
    else if (!store)
        (void)sc_problem_set(problem, mem, SC_REASON_SECRET_STORE_NOT_FOUND,
                             "failed finding secret store with key %.*s", SC_FMT(name));
    return store;
}

static bool is_allowed(const sc_secretstores *stores, sc_str store_name, sc_str key)
{
    return sc_secret_is_allowed(stores->env.scopes, stores->env.scope_count, store_name, key);
}

/* ---- one ---- */

/* Starts the request; false: `problem` is set. */
static bool start_get(sc_secretstores *stores, sc_secret_request *req)
{
    sc_arena *mem = &req->call->mem;
    const sc_instance *store = find(stores, req->store_name, mem, &req->problem);

    if (!store)
        return false;
    if (!is_allowed(stores, req->store_name, req->key)) {
        (void)sc_problem_set(&req->problem, mem, SC_REASON_SECRET_DENIED,
                             "access denied by policy to get \"%.*s\" from \"%.*s\"",
                             SC_FMT(req->key), SC_FMT(req->store_name));
        return false;
    }
    req->op.key = req->key;
    req->op.metadata = &req->metadata;
    req->store = store;
    req->started_ns = sc_clock_mono_ns();
    store->component->secretstore->get(store->self, &req->op);
    return true;
}

void sc_secret_get(sc_secretstores *stores, sc_secret_request *req)
{
    sc_call_ref(req->call);
    sc_op_init(&req->op.op, sc_loop_ops(stores->env.loop), &req->call->mem, on_got);
    if (!start_get(stores, req))
        sc_op_finish(&req->op.op);
}

static void on_got(sc_op *op)
{
    sc_secret_request *req = SC_CONTAINER_OF(op, sc_secret_request, op.op);
    sc_call *call = req->call;

    if (req->store)
        sc_operation_stats_record(&((store_stats *)req->store->extra)->get, op->err.code == SC_OK,
                                  req->started_ns);
    if (op->err.code != SC_OK)
        (void)sc_problem_set(&req->problem, &call->mem, SC_REASON_SECRET_GET,
                             "failed getting secret with key %.*s from secret store %.*s: %s",
                             SC_FMT(req->key), SC_FMT(req->store_name), op->err.text);
    sc_pairs_sort(&req->op.values);
    req->done(req);
    sc_call_unref(call);
}

/* ---- all ---- */

void sc_secret_bulk_get(sc_secretstores *stores, sc_bulk_secret_request *req)
{
    const sc_instance *store;

    sc_call_ref(req->call);
    req->stores = stores;
    req->started_ns = sc_clock_mono_ns();
    sc_op_init(&req->op.op, sc_loop_ops(stores->env.loop), &req->call->mem, on_got_all);
    store = find(stores, req->store_name, &req->call->mem, &req->problem);
    req->store = store;
    req->op.metadata = &req->metadata;
    if (store)
        store->component->secretstore->bulk_get(store->self, &req->op);
    else
        sc_op_finish(&req->op.op);
}

static int by_key(const void *a, const void *b)
{
    return sc_str_cmp(((const sc_secret *)a)->key, ((const sc_secret *)b)->key);
}

static void filter(sc_bulk_secret_request *req)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < req->op.count; i++) {
        sc_secret *secret = &req->op.secrets[i];

        if (!is_allowed(req->stores, req->store_name, secret->key))
            continue;
        sc_pairs_sort(&secret->values);
        req->op.secrets[kept++] = *secret;
    }
    req->op.count = kept;
    if (kept > 0)
        qsort(req->op.secrets, kept, sizeof(req->op.secrets[0]), by_key);
}

static void on_got_all(sc_op *op)
{
    sc_bulk_secret_request *req = SC_CONTAINER_OF(op, sc_bulk_secret_request, op.op);
    sc_call *call = req->call;

    if (req->store)
        sc_operation_stats_record(&((store_stats *)req->store->extra)->bulk_get,
                                  op->err.code == SC_OK, req->started_ns);
    if (op->err.code != SC_OK)
        (void)sc_problem_set(&req->problem, &call->mem, SC_REASON_SECRET_GET,
                             "failed getting secrets from secret store %.*s: %s",
                             SC_FMT(req->store_name), op->err.text);
    else
        filter(req);
    req->done(req);
    sc_call_unref(call);
}
