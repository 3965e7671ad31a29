/* SPDX-License-Identifier: MIT
 *
 * State stores by name, keys, and everything that reads. Writing is in state_write.c,
 * transactions are in state_transaction.c.
 */
#include "block/state_internal.h"

#include <stdlib.h>

#include "core/clock.h"

#define SEPARATOR SC_STR("||")

static void on_got(sc_op *op);
static void on_bulk_got(sc_op *op);
static void on_queried(sc_op *op);

/* ---- stores ---- */

sc_states *sc_states_new(const sc_states_env *env)
{
    sc_states *states = sc_new(sc_states);

    states->env = *env;
    sc_arena_init(&states->mem, NULL);
    return states;
}

static void free_store(sc_state_store *store)
{
    sc_state_cipher_free(store->cipher);
    sc_outbox_free(store->outbox);
    free(store);
}

void sc_states_free(sc_states *states)
{
    for (uint32_t i = 0; i < states->count; i++)
        free_store(states->stores[i]);
    free(states->stores);
    sc_arena_deinit(&states->mem);
    free(states);
}

static bool has_separator(sc_str text)
{
    return sc_str_find_str(text, SEPARATOR) < text.len;
}

static sc_str lower(sc_str text, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        to[i] = text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] | 0x20) : text.at[i];
    return sc_str_of(to, text.len);
}

/* The word of `keyPrefix` to what stands in front of keys (state components, section 1.1). */
static sc_code read_prefix(sc_states *states, sc_state_store *store, sc_error *err)
{
    const sc_str *given =
        sc_pairs_get_nocase(store->state->instance->env.settings, SC_STR("keyPrefix"));
    sc_arena *mem = &states->mem;
    sc_str word = given ? lower(*given, mem) : SC_STR("appid");
    sc_str space = states->env.plain_namespace;

    if (has_separator(word))
        return sc_fail(err, SC_INVALID,
                       "failed to save lock keyprefix: api error: code = InvalidArgument desc = "
                       "input key/keyPrefix '%.*s' can't contain '||'",
                       SC_FMT(word));
    if (sc_str_eq(word, SC_STR("none")))
        return SC_OK;
    if (sc_str_eq(word, SC_STR("name")))
        word = store->name;
    else if (sc_str_eq(word, SC_STR("namespace")) && space.len > 0)
        word = sc_arena_fmt(mem, "%.*s.%.*s", SC_FMT(space), SC_FMT(states->env.app_id));
    else if (sc_str_eq(word, SC_STR("appid")) || sc_str_eq(word, SC_STR("namespace")))
        word = states->env.app_id;
    store->prefix = sc_arena_fmt(mem, "%.*s||", SC_FMT(word));
    return SC_OK;
}

static void init_stats(const sc_states *states, sc_state_store *store)
{
    static const char *const names[] = {"get",         "set",   "delete",     "bulk_get",
                                        "bulk_delete", "query", "transaction"};

    for (size_t i = 0; i < SC_STATE_COUNTS; i++)
        sc_operation_stats_init(&store->stats[i], states->env.metrics, SC_METRIC_STATE_COUNT,
                                store->name, sc_str_from(names[i]));
}

static void ignore_closed(void *user)
{
    (void)user;
}

sc_code sc_states_add(sc_states *states, const sc_component *component, const sc_component_env *env,
                      sc_error *err)
{
    sc_state_store *store = sc_new(sc_state_store);

    if (sc_state_open(component, env, &store->state, err) != SC_OK) {
        free(store);
        return err->code;
    }
    store->name = store->state->instance->env.name;
    if (read_prefix(states, store, err) != SC_OK ||
        sc_state_cipher_new(store->state->instance->env.settings,
                            store->state->instance->env.hidden, &store->cipher, err) != SC_OK) {
        sc_state_close(store->state, 0, ignore_closed, NULL);
        free_store(store);
        return err->code;
    }
    if (store->cipher)
        sc_log_info(states->env.log, "Automatic encryption enabled for state store %.*s",
                    SC_FMT(store->name));
    init_stats(states, store);
    store->outbox = sc_outbox_new(&(sc_outbox_env){.loop = states->env.loop,
                                                   .log = states->env.log,
                                                   .app_id = states->env.app_id,
                                                   .namespace_ = states->env.namespace_,
                                                   .pubsubs = states->env.pubsubs,
                                                   .random = states->env.random},
                                  store->state);
    states->stores = realloc(states->stores, (states->count + 1) * sizeof(states->stores[0]));
    if (!states->stores)
        sc_out_of_memory("components");
    states->stores[states->count++] = store;
    return SC_OK;
}

sc_state_store *sc_states_find(const sc_states *states, sc_str name)
{
    for (uint32_t i = 0; i < states->count; i++) {
        if (sc_str_eq(states->stores[i]->name, name))
            return states->stores[i];
    }
    return NULL;
}

static void on_all_closed(sc_op *op)
{
    sc_states *states = SC_CONTAINER_OF(op, sc_states, closed);

    states->on_closed(states->user);
}

static void on_one_closed(void *user)
{
    sc_states *states = user;

    if (--states->closing == 0)
        sc_op_finish(&states->closed);
}

/* For a round over all stores that calls back when the last is through. */
static void begin_round(sc_states *states, void (*on_done)(void *user), void *user)
{
    states->on_closed = on_done;
    states->user = user;
    states->closing = states->count + 1;
    sc_op_init(&states->closed, sc_loop_ops(states->env.loop), NULL, on_all_closed);
}

void sc_states_start_outboxes(sc_states *states)
{
    for (uint32_t i = 0; i < states->count; i++) {
        if (states->stores[i]->outbox)
            sc_outbox_start(states->stores[i]->outbox);
    }
}

void sc_states_stop_outboxes(sc_states *states, void (*on_stopped)(void *user), void *user)
{
    begin_round(states, on_stopped, user);
    for (uint32_t i = 0; i < states->count; i++) {
        if (states->stores[i]->outbox)
            sc_outbox_stop(states->stores[i]->outbox, on_one_closed, states);
        else
            on_one_closed(states);
    }
    on_one_closed(states);
}

void sc_states_close(sc_states *states, uint64_t linger_ms, void (*on_closed)(void *user),
                     void *user)
{
    begin_round(states, on_closed, user);
    for (uint32_t i = 0; i < states->count; i++)
        sc_state_close(states->stores[i]->state, linger_ms, on_one_closed, states);
    on_one_closed(states);
}

/* ---- names ---- */

sc_state_store *sc_states_check_name(const sc_states *states, sc_str name, sc_arena *mem,
                                     sc_problem *problem)
{
    sc_state_store *store = sc_states_find(states, name);

    if (store)
        return store;
    if (states->count == 0)
        sc_problem_set(problem, mem, SC_REASON_STATE_NOT_CONFIGURED,
                       "state store %.*s is not configured", SC_FMT(name));
    else
        sc_problem_set(problem, mem, SC_REASON_STATE_NOT_FOUND, "state store %.*s is not found",
                       SC_FMT(name));
    return NULL;
}

sc_state_store *sc_states_check_transactional(const sc_states *states, sc_str name, sc_arena *mem,
                                              sc_problem *problem)
{
    sc_state_store *store = sc_states_check_name(states, name, mem, problem);

    if (!store || store->state->ops->transact)
        return store;
    sc_problem_set(problem, mem, SC_REASON_STATE_NO_TRANSACTIONS,
                   "state store %.*s doesn't support transactions", SC_FMT(name));
    problem->resource_name = store->name;
    problem->help_text = "Check the list of state stores and the features they support";
    problem->help_url =
        "https://docs.dapr.io/reference/components-reference/supported-state-stores/";
    return NULL;
}

sc_state_store *sc_states_check_queryable(const sc_states *states, sc_str name, sc_arena *mem,
                                          sc_problem *problem)
{
    sc_state_store *store = sc_states_check_name(states, name, mem, problem);

    if (!store || store->state->ops->query)
        return store;
    sc_problem_set(problem, mem, SC_REASON_STATE_NO_QUERY, "state store does not support querying");
    problem->resource_name = store->name;
    return NULL;
}

/* ---- keys ---- */

bool sc_state_check_key(const sc_state_store *store, sc_str key, sc_arena *mem, sc_problem *problem)
{
    if (!has_separator(key))
        return true;
    sc_problem_set(problem, mem, SC_REASON_STATE_ILLEGAL_KEY,
                   "input key/keyPrefix '%.*s' can't contain '||'", SC_FMT(key));
    problem->resource_name = store->name;
    problem->is_bad_request = true;
    problem->bad_field = key;
    return false;
}

sc_str sc_state_stored_key(const sc_state_store *store, sc_str key, sc_arena *mem)
{
    sc_str parts[] = {store->prefix, key};

    return store->prefix.len ? sc_arena_join(mem, parts, 2) : key;
}

sc_str sc_state_own_key(sc_str stored)
{
    size_t at = sc_str_find_str(stored, SEPARATOR);
    sc_str rest;

    if (at == stored.len)
        return stored;
    rest = sc_str_sub(stored, at + SEPARATOR.len, stored.len);
    return sc_str_sub(rest, 0, sc_str_find_str(rest, SEPARATOR));
}

/* A read knows no wrong consistency: other texts are as good as none. */
static sc_consistency consistency_of(sc_str text)
{
    if (sc_str_eq(text, SC_STR("strong")))
        return SC_STRONG;
    return sc_str_eq(text, SC_STR("eventual")) ? SC_EVENTUAL : SC_CONSISTENCY_UNSET;
}

/* Fails as sc_state_cipher_unseal. */
static sc_code decrypt(const sc_state_store *store, sc_state_value *value, sc_arena *mem,
                       sc_error *err)
{
    if (!store->cipher || !value->is_found)
        return SC_OK;
    return sc_state_cipher_unseal(store->cipher, store->name, value->value, mem, &value->value,
                                  err);
}

static void finish_rows(const sc_state_store *store, sc_state_row *rows, size_t count,
                        sc_arena *mem)
{
    sc_error err;

    for (size_t i = 0; i < count; i++) {
        rows[i].key = sc_state_own_key(rows[i].key);
        if (decrypt(store, &rows[i].value, mem, &err) == SC_OK)
            continue;
        rows[i].value = (sc_state_value){0};
        rows[i].error = sc_arena_str(mem, sc_str_from(err.text));
    }
}

/* ---- one key ---- */

void sc_states_get(sc_states *states, sc_state_get_request *req)
{
    sc_arena *mem = &req->call->mem;

    sc_call_ref(req->call);
    sc_op_init(&req->op.op, sc_loop_ops(states->env.loop), mem, on_got);
    req->store = sc_states_check_name(states, req->store_name, mem, &req->problem);
    if (!req->store || !sc_state_check_key(req->store, req->key, mem, &req->problem)) {
        sc_op_finish(&req->op.op);
        return;
    }
    req->op.key = sc_state_stored_key(req->store, req->key, mem);
    req->op.metadata = &req->metadata;
    req->op.consistency = consistency_of(req->consistency);
    req->started_ns = sc_clock_mono_ns();
    sc_state_get(req->store->state, &req->op);
}

static void on_got(sc_op *op)
{
    sc_state_get_request *req = SC_CONTAINER_OF(op, sc_state_get_request, op.op);
    sc_call *call = req->call;

    if (req->started_ns)
        sc_state_count(req->store, SC_STATE_COUNTS_GET, op->err.code == SC_OK, req->started_ns);
    req->value = req->op.out;
    if (op->err.code != SC_OK ||
        (req->store && decrypt(req->store, &req->value, &call->mem, &op->err) != SC_OK))
        sc_problem_set(&req->problem, &call->mem, SC_REASON_STATE_GET,
                       "fail to get %.*s from state store %.*s: %s", SC_FMT(req->key),
                       SC_FMT(req->store->name), op->err.text);
    req->done(req);
    sc_call_unref(call);
}

/* ---- several keys ---- */

static bool start_bulk_get(sc_states *states, sc_state_bulk_get_request *req)
{
    sc_arena *mem = &req->call->mem;

    req->store = sc_states_check_name(states, req->store_name, mem, &req->problem);
    if (!req->store)
        return false;
    for (size_t i = 0; i < req->count; i++) {
        if (!sc_state_check_key(req->store, req->keys[i], mem, &req->problem))
            return false;
        req->keys[i] = sc_state_stored_key(req->store, req->keys[i], mem);
    }
    req->op.keys = req->keys;
    req->op.count = req->count;
    req->op.parallelism = req->parallelism > 0 ? (size_t)req->parallelism : 0;
    req->op.metadata = &req->metadata;
    return req->count > 0;
}

void sc_states_bulk_get(sc_states *states, sc_state_bulk_get_request *req)
{
    sc_call_ref(req->call);
    sc_op_init(&req->op.op, sc_loop_ops(states->env.loop), &req->call->mem, on_bulk_got);
    req->started_ns = start_bulk_get(states, req) ? sc_clock_mono_ns() : 0;
    if (req->started_ns)
        sc_state_bulk_get(req->store->state, &req->op);
    else
        sc_op_finish(&req->op.op);
}

static void on_bulk_got(sc_op *op)
{
    sc_state_bulk_get_request *req = SC_CONTAINER_OF(op, sc_state_bulk_get_request, op.op);
    sc_call *call = req->call;

    if (req->started_ns)
        sc_state_count(req->store, SC_STATE_COUNTS_BULK_GET, op->err.code == SC_OK,
                       req->started_ns);
    if (op->err.code != SC_OK)
        sc_problem_set(&req->problem, &call->mem, SC_REASON_STATE_BULK_GET, "%s", op->err.text);
    req->rows = req->op.rows;
    req->row_count = req->op.row_count;
    finish_rows(req->store, req->rows, req->row_count, &call->mem);
    req->done(req);
    sc_call_unref(call);
}

/* ---- queries ---- */

static void query_failed(sc_state_query_request *req, const char *before, const sc_error *why)
{
    sc_problem_set(&req->problem, &req->call->mem, SC_REASON_STATE_QUERY,
                   "state store %.*s query failed: %s%s", SC_FMT(req->store->name), before,
                   why->text);
    req->problem.resource_name = req->store->name;
}

static bool start_query(sc_states *states, sc_state_query_request *req)
{
    sc_arena *mem = &req->call->mem;
    sc_error err;

    req->store = sc_states_check_queryable(states, req->store_name, mem, &req->problem);
    if (!req->store)
        return false;
    if (sc_state_query_parse(req->text, mem, &req->query, &err) != SC_OK) {
        query_failed(req, "failed to parse JSON query body: ", &err);
        return false;
    }
    req->op.query = &req->query;
    req->op.key_prefix = req->store->prefix;
    req->op.metadata = &req->metadata;
    return true;
}

void sc_states_query(sc_states *states, sc_state_query_request *req)
{
    sc_call_ref(req->call);
    sc_op_init(&req->op.op, sc_loop_ops(states->env.loop), &req->call->mem, on_queried);
    req->started_ns = start_query(states, req) ? sc_clock_mono_ns() : 0;
    if (req->started_ns)
        req->store->state->ops->query(req->store->state->self, &req->op);
    else
        sc_op_finish(&req->op.op);
}

static void on_queried(sc_op *op)
{
    sc_state_query_request *req = SC_CONTAINER_OF(op, sc_state_query_request, op.op);
    sc_call *call = req->call;

    if (req->started_ns)
        sc_state_count(req->store, SC_STATE_COUNTS_QUERY, op->err.code == SC_OK, req->started_ns);
    if (op->err.code != SC_OK)
        query_failed(req, "", &op->err);
    req->rows = req->op.rows;
    req->row_count = req->op.row_count;
    req->token = req->op.token;
    finish_rows(req->store, req->rows, req->row_count, &call->mem);
    req->done(req);
    sc_call_unref(call);
}
