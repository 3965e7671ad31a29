/* SPDX-License-Identifier: MIT
 *
 * Transactions: upserts and deletes that the store applies together.
 */
#include "block/state_internal.h"

static void on_transacted(sc_op *op);

static void failed(sc_state_transaction_request *req, sc_str story)
{
    sc_problem_set(&req->problem, &req->call->mem, SC_REASON_STATE_TRANSACTION,
                   "error while executing state transaction: %.*s", SC_FMT(story));
}

static bool read_operation(sc_state_transaction_request *req, const sc_state_item *item,
                           bool *is_delete)
{
    *is_delete = sc_str_eq(item->operation, SC_STR("delete"));
    if (*is_delete || sc_str_eq(item->operation, SC_STR("upsert")))
        return true;
    sc_problem_set(&req->problem, &req->call->mem, SC_REASON_STATE_OPERATION,
                   "operation type %.*s not supported", SC_FMT(item->operation));
    return false;
}

static bool start(sc_states *states, sc_state_transaction_request *req)
{
    sc_arena *mem = &req->call->mem;
    sc_state_write *writes;
    bool is_delete;
    sc_error err;

    req->store = sc_states_check_transactional(states, req->store_name, mem, &req->problem);
    if (!req->store)
        return false;
    writes = sc_arena_zero(mem, (req->count + 1) * sizeof(writes[0]));
    for (size_t i = 0; i < req->count; i++) {
        if (!read_operation(req, &req->items[i], &is_delete))
            return false;
        if (sc_state_prepare(req->store, &req->items[i], is_delete, mem, &writes[i], &req->problem,
                             &err) == SC_OK)
            continue;
        if (sc_problem_is_none(&req->problem))
            failed(req, sc_str_from(err.text));
        return false;
    }
    req->op.writes = writes;
    req->op.count = req->count;
    return req->count > 0;
}

void sc_states_transact(sc_states *states, sc_state_transaction_request *req)
{
    sc_call_ref(req->call);
    req->states = states;
    sc_op_init(&req->op.op, sc_loop_ops(states->env.loop), &req->call->mem, on_transacted);
    if (start(states, req))
        req->store->state->ops->transact(req->store->state->base.self, &req->op);
    else
        sc_op_finish(&req->op.op);
}

static void on_transacted(sc_op *op)
{
    sc_state_transaction_request *req = SC_CONTAINER_OF(op, sc_state_transaction_request, op.op);
    sc_call *call = req->call;

    if (op->err.code != SC_OK)
        failed(req, sc_state_write_story(&op->err, req->op.etag_fault, &call->mem));
    req->done(req);
    sc_call_unref(call);
}
