/* SPDX-License-Identifier: MIT
 *
 * The receiving half of the outbox: an event of the internal topic waits for its marker in the
 * store, is published to the public topic, and then both are done with.
 *
 * The marker may come after the event, for the transaction runs behind the publish; it is looked
 * for with growing pauses.
 */
#include "block/outbox_internal.h"
#include "io/timer.h"
#include "wire/cloudevent.h"

#define MAX_IN_FLIGHT 1000u
#define FIRST_LOOK_MS 50u
#define PAUSE_MS      500u /* then three times longer each, */
#define MAX_PAUSE_MS  3000u
#define PATIENCE_MS   10000u /* in all; as in Dapr */

/* One event, from delivery to verdict. In a call of its own. */
typedef struct relay_flow {
    sc_call *call;
    sc_outbox *outbox;
    sc_delivery *delivery;
    sc_list link; /* in outbox->flows */
    sc_timer timer;
    sc_str id;
    uint64_t waited_ms;
    uint64_t pause_ms; /* the last one */
    sc_state_get_op get;
    sc_publish_op publish;
    sc_state_write_op remove;
} relay_flow;

static void on_delivery(sc_pubsub_subscription *sub, sc_delivery *delivery);
static void on_due(sc_timer *timer);
static void on_looked(sc_op *op);
static void on_published(sc_op *op);
static void on_removed(sc_op *op);
static void on_closed(sc_pubsub_subscription *sub);

/* ---- life ---- */

static void on_trouble(sc_pubsub_subscription *sub, const sc_error *why)
{
    sc_outbox *outbox = sub->user;

    sc_log_warn(outbox->env.log, "outbox: cannot read topic %.*s of pubsub %.*s: %s",
                SC_FMT(outbox->internal_topic), SC_FMT(outbox->pubsub), why->text);
}

void sc_outbox_start(sc_outbox *outbox)
{
    sc_pubsub_entry *entry = sc_pubsubs_find(outbox->env.pubsubs, outbox->pubsub);
    static const sc_pairs no_metadata = {0};
    sc_error err;

    if (!entry) {
        sc_log_error(outbox->env.log,
                     "outbox of state store %.*s: pubsub %.*s is not found, its events are not "
                     "published",
                     SC_FMT(outbox->store->instance->env.name), SC_FMT(outbox->pubsub));
        return;
    }
    outbox->subscription = (sc_pubsub_subscription){
        .topic = sc_pubsub_broker_topic(outbox->env.pubsubs, entry, outbox->internal_topic,
                                        &outbox->mem),
        .metadata = &no_metadata,
        .max_in_flight = MAX_IN_FLIGHT,
        .max_in_flight_is_set = true,
        .deliver = on_delivery,
        .on_trouble = on_trouble,
        .closed = on_closed,
        .user = outbox,
    };
    sc_credit_join(sc_pubsubs_credit(outbox->env.pubsubs), &outbox->subscription.credit, 0);
    if (entry->pubsub->ops->subscribe(entry->pubsub->self, &outbox->subscription, &err) != SC_OK) {
        sc_credit_leave(&outbox->subscription.credit);
        on_trouble(&outbox->subscription, &err);
        return;
    }
    outbox->from = entry;
}

static void on_stop_done(sc_op *op)
{
    sc_outbox *outbox = SC_CONTAINER_OF(op, sc_outbox, stopped);

    outbox->on_stopped(outbox->user);
}

static void finish(relay_flow *flow, sc_verdict verdict)
{
    sc_call *call = flow->call;

    sc_timer_stop(&flow->timer);
    sc_list_remove(&flow->link);
    flow->delivery->settle(flow->delivery, verdict);
    sc_call_unref(call);
}

void sc_outbox_stop(sc_outbox *outbox, void (*on_stopped)(void *user), void *user)
{
    outbox->is_stopping = true;
    outbox->on_stopped = on_stopped;
    outbox->user = user;
    sc_op_init(&outbox->stopped, sc_loop_ops(outbox->env.loop), NULL, on_stop_done);
    if (!outbox->from) {
        sc_op_finish(&outbox->stopped);
        return;
    }
    outbox->from->pubsub->ops->unsubscribe(outbox->from->pubsub->self, &outbox->subscription);
    SC_LIST_EACH_SAFE (&outbox->flows, it) {
        relay_flow *flow = SC_CONTAINER_OF(it, relay_flow, link);

        if (sc_timer_is_running(&flow->timer))
            finish(flow, SC_VERDICT_ABANDON);
    }
}

static void on_closed(sc_pubsub_subscription *sub)
{
    sc_outbox *outbox = sub->user;

    outbox->from = NULL;
    sc_credit_leave(&sub->credit);
    sc_op_finish(&outbox->stopped);
}

/* ---- one event ---- */

static void on_delivery(sc_pubsub_subscription *sub, sc_delivery *delivery)
{
    sc_outbox *outbox = sub->user;
    sc_call *call = sc_loop_call(outbox->env.loop);
    relay_flow *flow = sc_call_make(call, relay_flow);
    sc_cloudevent event;
    sc_error err;

    flow->call = call;
    flow->outbox = outbox;
    flow->delivery = delivery;
    sc_list_init(&flow->link);
    sc_list_add(&outbox->flows, &flow->link);
    sc_timer_init(&flow->timer, outbox->env.loop, on_due);
    if (sc_cloudevent_parse(delivery->payload, &event, &err) == SC_OK)
        flow->id = sc_cloudevent_text(event.id, &call->mem);
    /* Settled later, never inside this call. What has no id is told and dropped then. */
    sc_timer_start(&flow->timer, FIRST_LOOK_MS);
}

static void on_due(sc_timer *timer)
{
    relay_flow *flow = SC_CONTAINER_OF(timer, relay_flow, timer);
    sc_outbox *outbox = flow->outbox;

    if (flow->id.len == 0) {
        sc_log_error(outbox->env.log,
                     "outbox: a message on topic %.*s is no event of an outbox, it is dropped",
                     SC_FMT(outbox->internal_topic));
        finish(flow, SC_VERDICT_ACK);
        return;
    }
    flow->get = (sc_state_get_op){.key = flow->id};
    sc_op_init(&flow->get.op, sc_loop_ops(outbox->env.loop), &flow->call->mem, on_looked);
    sc_state_get(outbox->store, &flow->get);
}

/* False: it waited long enough. */
static bool look_again(relay_flow *flow)
{
    if (flow->waited_ms >= PATIENCE_MS)
        return false;
    flow->pause_ms = flow->pause_ms == 0 ? PAUSE_MS : flow->pause_ms * 3;
    if (flow->pause_ms > MAX_PAUSE_MS)
        flow->pause_ms = MAX_PAUSE_MS;
    flow->waited_ms += flow->pause_ms;
    sc_timer_start(&flow->timer, flow->pause_ms);
    return true;
}

static void publish(relay_flow *flow)
{
    sc_outbox *outbox = flow->outbox;
    sc_arena *mem = &flow->call->mem;
    sc_pairs target = {0};
    sc_buf out = {0};
    sc_str event;

    sc_pairs_add(&target, mem, SC_STR("topic"), outbox->publish_topic);
    sc_pairs_add(&target, mem, SC_STR("pubsubname"), outbox->publish_pubsub);
    (void)sc_cloudevent_extend(flow->delivery->payload, &target, SC_STR_NONE, mem, &out);
    event = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    sc_op_init(&flow->publish.op, sc_loop_ops(outbox->env.loop), mem, on_published);
    sc_outbox_put(outbox, outbox->publish_pubsub, outbox->publish_topic, event, mem,
                  &flow->publish);
}

static void on_looked(sc_op *op)
{
    relay_flow *flow = SC_CONTAINER_OF(op, relay_flow, get.op);
    sc_outbox *outbox = flow->outbox;

    if (op->err.code == SC_OK && flow->get.out.is_found) {
        publish(flow);
    } else if (outbox->is_stopping) {
        finish(flow, SC_VERDICT_ABANDON);
    } else if (!look_again(flow)) {
        bool drops = outbox->discards && op->err.code == SC_OK;

        sc_log_warn(outbox->env.log, "outbox: no marker for event %.*s in state store %.*s%s%s: %s",
                    SC_FMT(flow->id), SC_FMT(outbox->store->instance->env.name),
                    op->err.code ? ": " : "", op->err.text,
                    drops ? "it is dropped" : "it is looked for again later");
        finish(flow, drops ? SC_VERDICT_ACK : SC_VERDICT_LATER);
    }
}

static void note(const relay_flow *flow, const sc_error *err)
{
    sc_ledger_note entry = {.step =
                                err->code == SC_OK ? SC_LEDGER_PUBLISHED : SC_LEDGER_PUBLISH_FAILED,
                            .id = flow->id,
                            .pubsub = flow->outbox->publish_pubsub,
                            .topic = flow->outbox->publish_topic,
                            .reason = sc_str_from(err->text)};

    sc_ledger_write(sc_pubsubs_env_of(flow->outbox->env.pubsubs)->ledger, &entry);
}

static void on_published(sc_op *op)
{
    relay_flow *flow = SC_CONTAINER_OF(op, relay_flow, publish.op);
    sc_outbox *outbox = flow->outbox;

    note(flow, &op->err);
    if (op->err.code != SC_OK) {
        sc_log_error(outbox->env.log, "outbox: event %.*s could not be published: %s",
                     SC_FMT(flow->id), op->err.text);
        finish(flow, outbox->is_stopping ? SC_VERDICT_ABANDON : SC_VERDICT_LATER);
        return;
    }
    flow->remove.write = (sc_state_write){.key = flow->id, .is_delete = true};
    sc_op_init(&flow->remove.op, sc_loop_ops(outbox->env.loop), &flow->call->mem, on_removed);
    sc_state_write_one(outbox->store, &flow->remove);
}

/* The event is out: a marker that stays behind does no harm. */
static void on_removed(sc_op *op)
{
    relay_flow *flow = SC_CONTAINER_OF(op, relay_flow, remove.op);

    if (op->err.code != SC_OK)
        sc_log_warn(flow->outbox->env.log, "outbox: the marker of event %.*s stays: %s",
                    SC_FMT(flow->id), op->err.text);
    finish(flow, SC_VERDICT_ACK);
}
