/* SPDX-License-Identifier: MIT
 *
 * pubsub.in-memory: topics inside one sidecar. Nothing is stored; every subscription gets its own
 * copy of what is published while it exists. A message the application could not take is offered
 * again for as long as the process lives.
 */
#include <stdlib.h>

#include "component/pubsub.h"
#include "io/timer.h"

#define MAX_QUEUED     10000u
#define MAX_QUEUED_LEN (64u * 1024u * 1024u)
#define LATER_MS       60000u

typedef struct in_memory {
    sc_loop *loop;
    const sc_component_env *env;
    sc_list subs;
    sc_list delayed; /* publishes that wait for their time */
    bool is_closed;
    sc_op closing;
    void (*on_closed)(void *user);
    void *user;
} in_memory;

typedef struct memory_sub {
    sc_list link;
    in_memory *owner;
    sc_pubsub_subscription *sub;
    sc_list queue;
    sc_list later; /* released by the block; each has its timer */
    uint32_t queued;
    size_t queued_len;
    uint32_t in_flight;
    bool is_closing;
    sc_turn_hook pump;
} memory_sub;

/* One subscription's copy of a message. */
typedef struct memory_message {
    sc_delivery delivery; /* first: settle() gets it back by a cast */
    sc_list link;
    memory_sub *sub;
    sc_bytes *payload;
    sc_arena mem;
    sc_timer again;
} memory_message;

typedef struct delayed_publish {
    sc_list link;
    in_memory *owner;
    sc_timer timer;
    sc_arena mem;
    sc_bytes *payload;
    sc_str topic;
    sc_str content_type;
    sc_pairs metadata;
} delayed_publish;

static void pump(sc_turn_hook *hook);
static void settle(sc_delivery *delivery, sc_verdict verdict);

/* ---- messages ---- */

static void free_message(memory_message *message)
{
    sc_timer_stop(&message->again);
    sc_bytes_unref(message->payload);
    sc_arena_deinit(&message->mem);
    free(message);
}

static void queue_message(memory_sub *sub, memory_message *message)
{
    sc_list_add(&sub->queue, &message->link);
    sub->queued++;
    sub->queued_len += message->payload->len;
    sc_loop_at_turn_end(sub->owner->loop, &sub->pump);
}

static void on_again(sc_timer *timer)
{
    memory_message *message = SC_CONTAINER_OF(timer, memory_message, again);

    sc_list_remove(&message->link);
    message->delivery.broker_attempts++;
    queue_message(message->sub, message);
}

static memory_message *new_message(memory_sub *sub, sc_bytes *payload, sc_str content_type,
                                   const sc_pairs *metadata)
{
    memory_message *message = sc_new(memory_message);

    sc_arena_init(&message->mem, sc_loop_arenas(sub->owner->loop));
    message->sub = sub;
    message->payload = sc_bytes_ref(payload);
    sc_list_init(&message->link);
    sc_timer_init(&message->again, sub->owner->loop, on_again);
    message->delivery = (sc_delivery){
        .from = sub->sub,
        .topic = sub->sub->topic,
        .payload = sc_bytes_str(payload),
        .broker_attempts = 1,
        .settle = settle,
    };
    (void)content_type; /* none is reported, as in Dapr: the rule for application/json applies */
    if (metadata && metadata->count > 0)
        message->delivery.metadata = sc_pairs_copy(metadata, &message->mem);
    return message;
}

/* ---- handing over ---- */

static void finish_unsubscribe(memory_sub *sub)
{
    sc_pubsub_subscription *of = sub->sub;

    sc_list_remove(&sub->link);
    free(sub);
    of->component_state = NULL;
    of->closed(of);
}

static void pump(sc_turn_hook *hook)
{
    memory_sub *sub = SC_CONTAINER_OF(hook, memory_sub, pump);
    uint32_t max = sub->sub->max_in_flight_is_set ? sub->sub->max_in_flight : 1;

    if (sub->is_closing) {
        if (sub->in_flight == 0)
            finish_unsubscribe(sub);
        return;
    }
    while (sub->in_flight < max && !sc_list_is_empty(&sub->queue) &&
           sc_credit_take(&sub->sub->credit, 1) > 0) {
        memory_message *message = SC_CONTAINER_OF(sub->queue.next, memory_message, link);

        sc_credit_came(&sub->sub->credit, message->payload->len);
        sc_list_remove(&message->link);
        sub->queued--;
        sub->queued_len -= message->payload->len;
        sub->in_flight++;
        sub->sub->deliver(sub->sub, &message->delivery);
    }
}

static void settle(sc_delivery *delivery, sc_verdict verdict)
{
    memory_message *message = (memory_message *)delivery;
    memory_sub *sub = message->sub;

    sub->in_flight--;
    sc_credit_settled(&sub->sub->credit, message->payload->len);
    if (verdict == SC_VERDICT_LATER && !sub->is_closing) {
        sc_list_add(&sub->later, &message->link);
        sc_timer_start(&message->again, LATER_MS);
    } else if (verdict == SC_VERDICT_ABANDON && !sub->is_closing) {
        queue_message(sub, message);
    } else {
        free_message(message);
    }
    sc_loop_at_turn_end(sub->owner->loop, &sub->pump);
}

/* ---- publishing ---- */

static bool matches(sc_str pattern, sc_str topic)
{
    if (sc_str_eq(pattern, topic))
        return true;
    return sc_str_ends(pattern, SC_STR("*")) && topic.len >= pattern.len &&
           sc_str_starts(topic, sc_str_sub(pattern, 0, pattern.len - 1));
}

static bool has_room(const in_memory *self, sc_str topic, size_t len)
{
    SC_LIST_EACH (&self->subs, it) {
        const memory_sub *sub = SC_CONTAINER_OF(it, memory_sub, link);

        if (!sub->is_closing && matches(sub->sub->topic, topic) &&
            (sub->queued >= MAX_QUEUED || sub->queued_len + len > MAX_QUEUED_LEN))
            return false;
    }
    return true;
}

static void hand_out(in_memory *self, sc_str topic, sc_bytes *payload, sc_str content_type,
                     const sc_pairs *metadata)
{
    SC_LIST_EACH (&self->subs, it) {
        memory_sub *sub = SC_CONTAINER_OF(it, memory_sub, link);

        if (!sub->is_closing && matches(sub->sub->topic, topic))
            queue_message(sub, new_message(sub, payload, content_type, metadata));
    }
}

static void free_delayed(delayed_publish *delayed)
{
    sc_timer_stop(&delayed->timer);
    sc_list_remove(&delayed->link);
    sc_bytes_unref(delayed->payload);
    sc_arena_deinit(&delayed->mem);
    free(delayed);
}

static void on_delay_over(sc_timer *timer)
{
    delayed_publish *delayed = SC_CONTAINER_OF(timer, delayed_publish, timer);

    hand_out(delayed->owner, delayed->topic, delayed->payload, delayed->content_type,
             &delayed->metadata);
    free_delayed(delayed);
}

static void put_off(in_memory *self, const sc_publish_op *op, sc_bytes *payload, uint64_t delay_ms)
{
    delayed_publish *delayed = sc_new(delayed_publish);

    sc_arena_init(&delayed->mem, NULL);
    sc_list_init(&delayed->link);
    delayed->owner = self;
    delayed->payload = sc_bytes_ref(payload);
    delayed->topic = sc_arena_str(&delayed->mem, op->topic);
    delayed->content_type = sc_arena_str(&delayed->mem, op->content_type);
    delayed->metadata = sc_pairs_copy(op->metadata, &delayed->mem);
    sc_timer_init(&delayed->timer, self->loop, on_delay_over);
    sc_timer_start(&delayed->timer, delay_ms);
    sc_list_add(&self->delayed, &delayed->link);
}

static void in_memory_publish(void *at, sc_publish_op *op)
{
    in_memory *self = at;
    uint64_t delay_ms = 0;
    sc_bytes *payload;

    if (self->is_closed) {
        sc_op_fail(&op->op, SC_FAILED_PRECONDITION, "component is closed");
        return;
    }
    if (sc_pubsub_delay(op->metadata, &delay_ms, &op->op.err) != SC_OK) {
        sc_op_finish(&op->op);
        return;
    }
    payload = has_room(self, op->topic, op->payload.len) ? sc_bytes_copy(op->payload) : NULL;
    if (!payload) {
        sc_op_fail(&op->op, SC_EXHAUSTED,
                   "a subscriber of topic %.*s has %u messages or %u bytes waiting already",
                   SC_FMT(op->topic), MAX_QUEUED, MAX_QUEUED_LEN);
        return;
    }
    if (delay_ms > 0)
        put_off(self, op, payload, delay_ms);
    else
        hand_out(self, op->topic, payload, op->content_type, op->metadata);
    sc_bytes_unref(payload);
    sc_op_finish(&op->op);
}

/* ---- life ---- */

static sc_code in_memory_open(void *at, const void *conf, const sc_component_env *env,
                              sc_error *err)
{
    in_memory *self = at;

    (void)conf;
    (void)err;
    self->loop = env->loop;
    self->env = env;
    sc_list_init(&self->subs);
    sc_list_init(&self->delayed);
    return SC_OK;
}

static sc_component_state in_memory_state(void *at, sc_error *why)
{
    (void)at;
    (void)why;
    return SC_COMPONENT_READY;
}

static void on_more(sc_credit_taker *taker)
{
    memory_sub *sub = SC_CONTAINER_OF(taker, sc_pubsub_subscription, credit)->component_state;

    sc_loop_at_turn_end(sub->owner->loop, &sub->pump);
}

static sc_code in_memory_subscribe(void *at, sc_pubsub_subscription *of, sc_error *err)
{
    in_memory *self = at;
    memory_sub *sub = sc_new(memory_sub);

    (void)err;
    sub->owner = self;
    sub->sub = of;
    sub->pump.run = pump;
    sc_list_init(&sub->queue);
    sc_list_init(&sub->later);
    sc_list_init(&sub->link);
    sc_list_add(&self->subs, &sub->link);
    of->component_state = sub;
    of->credit.on_more = on_more;
    if (of->on_ready)
        of->on_ready(of);
    return SC_OK;
}

static void drop_all(sc_list *messages)
{
    while (!sc_list_is_empty(messages)) {
        memory_message *message = SC_CONTAINER_OF(messages->next, memory_message, link);

        sc_list_remove(&message->link);
        free_message(message);
    }
}

static void in_memory_unsubscribe(void *at, sc_pubsub_subscription *of)
{
    in_memory *self = at;
    memory_sub *sub = of->component_state;

    sub->is_closing = true;
    drop_all(&sub->queue);
    drop_all(&sub->later);
    sc_loop_at_turn_end(self->loop, &sub->pump);
}

static void on_closing_done(sc_op *op)
{
    in_memory *self = SC_CONTAINER_OF(op, in_memory, closing);

    self->on_closed(self->user);
}

static void in_memory_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    in_memory *self = at;

    (void)linger_ms;
    self->is_closed = true;
    self->on_closed = on_closed;
    self->user = user;
    while (!sc_list_is_empty(&self->delayed))
        free_delayed(SC_CONTAINER_OF(self->delayed.next, delayed_publish, link));
    sc_op_init(&self->closing, sc_loop_ops(self->loop), NULL, on_closing_done);
    sc_op_finish(&self->closing);
}

static const sc_field fields[] = {SC_FIELD_END};

static const sc_pubsub_ops ops = {
    .features = SC_PUBSUB_WILDCARDS | SC_PUBSUB_DELAY,
    .open = in_memory_open,
    .state = in_memory_state,
    .publish = in_memory_publish,
    .subscribe = in_memory_subscribe,
    .unsubscribe = in_memory_unsubscribe,
    .close = in_memory_close,
};

extern const sc_component sc_pubsub_in_memory;
const sc_component sc_pubsub_in_memory = {
    .type = "pubsub.in-memory",
    .version = "v1",
    .title = "In-memory",
    .fields = fields,
    .self_size = sizeof(in_memory),
    .pubsub = &ops,
};
