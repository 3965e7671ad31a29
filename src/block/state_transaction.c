/* SPDX-License-Identifier: MIT
 *
 * Transactions: upserts and deletes that the store applies together; before that, where the store
 * has an outbox, the events of it are published to its internal topic.
 */
#include "block/state_internal.h"
#include "core/clock.h"

static void on_events_sent(sc_outbox_send *send);
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
    bool is_delete;
    sc_error err;

    req->store = sc_states_check_transactional(states, req->store_name, mem, &req->problem);
    if (!req->store)
        return false;
    req->writes = sc_arena_zero(mem, (req->count * 2 + 1) * sizeof(req->writes[0]));
    req->op.writes = req->writes;
    for (size_t i = 0; i < req->count; i++) {
        if (!read_operation(req, &req->items[i], &is_delete))
            return false;
        if (req->store->outbox && sc_outbox_is_projection(&req->items[i]))
            continue;
        if (!sc_state_check_key(req->store, req->items[i].key, mem, &req->problem))
            return false;
        if (sc_state_prepare(req->store, &req->items[i], is_delete, mem,
                             &req->writes[req->op.count++], &err) == SC_OK)
            continue;
        failed(req, sc_str_from(err.text));
        return false;
    }
    return req->op.count > 0;
}

static void transact(sc_state_transaction_request *req)
{
    req->started_ns = sc_clock_mono_ns();
    req->store->state->ops->transact(req->store->state->self, &req->op);
}

void sc_states_transact(sc_states *states, sc_state_transaction_request *req)
{
    sc_call_ref(req->call);
    req->states = states;
    sc_op_init(&req->op.op, sc_loop_ops(states->env.loop), &req->call->mem, on_transacted);
    if (!start(states, req)) {
        sc_op_finish(&req->op.op);
    } else if (req->store->outbox) {
        req->send = (sc_outbox_send){.call = req->call,
                                     .items = req->items,
                                     .count = req->count,
                                     .traceparent = req->traceparent,
                                     .tracestate = req->tracestate,
                                     .done = on_events_sent,
                                     .user = req};
        sc_outbox_publish(req->store->outbox, &req->send);
    } else {
        transact(req);
    }
}

static void on_events_sent(sc_outbox_send *send)
{
    sc_state_transaction_request *req = send->user;
    sc_arena *mem = &req->call->mem;

    if (send->err.code != SC_OK) {
        sc_problem_set(&req->problem, mem, SC_REASON_STATE_OUTBOX,
                       "error while publishing outbox message: %s", send->err.text);
        sc_problem_info(&req->problem, mem, SC_STR("appID"), req->states->env.app_id);
        sc_problem_info(&req->problem, mem, SC_STR("error"),
                        sc_arena_str(mem, sc_str_from(send->err.text)));
        sc_op_finish(&req->op.op);
        return;
    }
    for (size_t i = 0; i < send->marker_count; i++)
        req->writes[req->op.count++] = send->markers[i];
    transact(req);
}

static void on_transacted(sc_op *op)
{
    sc_state_transaction_request *req = SC_CONTAINER_OF(op, sc_state_transaction_request, op.op);
    sc_call *call = req->call;

    if (req->started_ns)
        sc_state_count(req->store, SC_STATE_COUNTS_TRANSACTION, op->err.code == SC_OK,
                       req->started_ns);
    if (op->err.code != SC_OK)
        failed(req,
               sc_state_write_story(sc_str_from(op->err.text), req->op.etag_fault, &call->mem));
    req->done(req);
    sc_call_unref(call);
}
