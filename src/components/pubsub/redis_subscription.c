/* SPDX-License-Identifier: MIT
 *
 * Reading a stream through a consumer group. New entries come through a blocking read on a
 * connection of its own, asked for as many as the application may still take, though no more than
 * the subscription may wait for (component/credit.h): when that many were there, reads that do not
 * block fetch the rest. What is not acknowledged stays pending at the server: entries held here are
 * kept fresh there, all others that rest for processingTimeout, ours or those of a dead replica,
 * are claimed and delivered again.
 */
#include <stdlib.h>

#include "components/pubsub/redis_internal.h"
#include "wire/json.h"

#define BLOCK_MS          10000u
#define MIN_BLOCK_MS      1000u
#define DEFAULT_IN_FLIGHT 100u
#define CLOSE_LIMIT_MS    1000u /* for answers when everything else is settled */

static void step(sc_turn_hook *hook);
static void create_group(redis_sub *sub);
static void read_more(redis_sub *sub);
static void claim_more(redis_sub *sub);
static void tell_closed(redis_sub *sub);

static uint32_t max_in_flight(const redis_sub *sub)
{
    if (sub->of->max_in_flight_is_set)
        return sub->of->max_in_flight;
    return sub->self->conf->concurrency > 0 && sub->self->conf->concurrency < UINT32_MAX
               ? (uint32_t)sub->self->conf->concurrency
               : DEFAULT_IN_FLIGHT;
}

/* What the application could take now. A read that waits for new entries does not use it up:
 * entries at rest must be found meanwhile, and what comes in excess waits in `queued`. */
static uint32_t credit(const redis_sub *sub)
{
    uint32_t max = max_in_flight(sub);

    return sub->held_count < max ? max - sub->held_count : 0;
}

static uint32_t fetch_count(const redis_sub *sub)
{
    uint32_t count = credit(sub);
    uint64_t depth = sub->self->conf->queue_depth ? sub->self->conf->queue_depth : 100;

    return count > depth ? (uint32_t)depth : count;
}

static void on_more(sc_credit_taker *taker)
{
    redis_sub_wake(SC_CONTAINER_OF(taker, sc_pubsub_subscription, credit)->component_state);
}

void redis_sub_wake(redis_sub *sub)
{
    sc_loop_at_turn_end(sub->self->env->loop, &sub->step);
}

static void complain(redis_sub *sub, const sc_error *why)
{
    if (sub->of->on_trouble && !sub->is_closing)
        sub->of->on_trouble(sub->of, why);
}

/* ---- the group ---- */

static void encode_group(sc_redis_request *request, sc_buf *out)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, group);

    sc_redis_begin(out, 6);
    sc_redis_arg(out, SC_STR("XGROUP"));
    sc_redis_arg(out, SC_STR("CREATE"));
    sc_redis_arg(out, sub->topic);
    sc_redis_arg(out, sub->self->group);
    sc_redis_arg(out, SC_STR("0"));
    sc_redis_arg(out, SC_STR("MKSTREAM"));
}

static void on_group(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, group);

    sub->open_requests--;
    sub->is_creating = false;
    if (sub->is_closing) {
        redis_sub_wake(sub);
        return;
    }
    if (err && !sc_redis_is_error(reply, SC_STR("BUSYGROUP"))) {
        complain(sub, err);
        sc_timer_start(&sub->reclaim, 1000); /* tried again from there */
        return;
    }
    sub->has_group = true;
    redis_consumer_sweep(sub);
    if (sub->of->on_ready)
        sub->of->on_ready(sub->of);
    sc_timer_start(&sub->reclaim, 0);
    redis_sub_wake(sub);
}

static void create_group(redis_sub *sub)
{
    sc_error err;

    if (sub->is_creating || sub->has_group || sub->is_closing)
        return;
    sub->group = (sc_redis_request){.encode = encode_group,
                                    .done = on_group,
                                    .key = sub->topic,
                                    .size = 200,
                                    .is_repeatable = true};
    if (sc_redis_send(sub->self->client, &sub->group, &err) == SC_PENDING) {
        sub->is_creating = true;
        sub->open_requests++;
    } else {
        complain(sub, &err);
        sc_timer_start(&sub->reclaim, 1000);
    }
}

/* ---- entries ---- */

static void read_metadata(redis_message *message, sc_str text)
{
    sc_doc *doc;

    if (text.len <= 2 || /* "{}" */
        sc_json_parse(sc_arena_str(&message->mem, text), &message->mem, &doc, NULL, NULL) !=
            SC_OK ||
        doc->kind != SC_DOC_OBJECT)
        return;
    SC_DOC_EACH (doc, it)
        sc_pairs_add(&message->delivery.metadata, &message->mem, it->key, sc_doc_string(it));
}

static bool is_held(const redis_sub *sub, uint64_t ms, uint64_t seq)
{
    SC_LIST_EACH (&sub->held, it) {
        const redis_message *message = SC_CONTAINER_OF(it, redis_message, link);

        if (message->ms == ms && message->seq == seq)
            return true;
    }
    return false;
}

static sc_str field_of(const sc_redis_reply *fields, sc_str name)
{
    for (size_t i = 0; fields && i + 1 < fields->count; i += 2) {
        if (sc_str_eq(sc_redis_text(sc_redis_item(fields, i)), name))
            return sc_redis_text(sc_redis_item(fields, i + 1));
    }
    return SC_STR_NONE;
}

static sc_str keep(char *to, sc_str text)
{
    if (text.len > 0)
        memcpy(to, text.at, text.len);
    return sc_str_of(to, text.len);
}

static redis_message *new_message(redis_sub *sub, sc_str id, sc_str payload, uint32_t attempts)
{
    redis_message *message = sc_try_alloc(sizeof(*message) + payload.len + id.len);

    if (!message)
        sc_out_of_memory("message");
    *message = (redis_message){.sub = sub};
    message->delivery = (sc_delivery){.from = sub->of,
                                      .topic = sub->topic,
                                      .payload = keep(message->text, payload),
                                      .message_id = keep(message->text + payload.len, id),
                                      .broker_attempts = attempts,
                                      .settle = redis_settle};
    sc_arena_init(&message->mem, NULL);
    return message;
}

/* [id, [field, value, ...]] */
static void take_entry(redis_sub *sub, const sc_redis_reply *entry, uint32_t attempts)
{
    sc_str id = sc_redis_text(sc_redis_item(entry, 0));
    const sc_redis_reply *fields = sc_redis_item(entry, 1);
    redis_message *message;
    uint64_t ms;
    uint64_t seq;

    if (!sc_redis_parse_id(id, &ms, &seq) || is_held(sub, ms, seq))
        return;
    message = new_message(sub, id, field_of(fields, SC_STR("data")), attempts);
    message->ms = ms;
    message->seq = seq;
    read_metadata(message, field_of(fields, SC_STR("metadata")));
    sc_credit_came(&sub->of->credit, message->delivery.payload.len);
    sc_list_init(&message->link);
    sc_list_init(&message->wait);
    sc_list_add(&sub->held, &message->link);
    sc_list_add(&sub->queued, &message->wait);
    sub->held_count++;
}

static bool can_deliver(const redis_sub *sub)
{
    return !sub->is_closing && sub->in_flight < max_in_flight(sub) &&
           !sc_list_is_empty(&sub->queued);
}

static void deliver_one(redis_sub *sub)
{
    redis_message *message = SC_CONTAINER_OF(sub->queued.next, redis_message, wait);

    sc_list_remove(&message->wait);
    sub->in_flight++;
    sub->self->in_flight++;
    sub->of->deliver(sub->of, &message->delivery);
}

/* The topic that waited longest and has something, or NULL. */
static redis_sub *next_in_turn(redis_pubsub *self)
{
    SC_LIST_EACH (&self->subs, it) {
        redis_sub *sub = SC_CONTAINER_OF(it, redis_sub, link);

        if (can_deliver(sub))
            return sub;
    }
    return NULL;
}

/* Hands over as much as the application takes. `concurrency` is a limit on all topics together,
 * which then take turns. */
static void deliver_queued(redis_sub *sub)
{
    redis_pubsub *self = sub->self;
    redis_sub *next;

    if (self->conf->concurrency == 0) {
        while (can_deliver(sub))
            deliver_one(sub);
        return;
    }
    while (self->in_flight < self->conf->concurrency && (next = next_in_turn(self)) != NULL) {
        sc_list_remove(&next->link);
        sc_list_add(&self->subs, &next->link);
        deliver_one(next);
    }
}

/* What a request brought that had asked for `*asked`. */
static void hold_entries(redis_sub *sub, const sc_redis_reply *entries, uint32_t *asked,
                         uint32_t attempts)
{
    uint32_t before = sub->held_count;

    for (size_t i = 0; entries && i < entries->count && i < *asked; i++)
        take_entry(sub, sc_redis_item(entries, i), attempts);
    sc_credit_unused(&sub->of->credit, *asked - (sub->held_count - before));
    *asked = 0;
}

/* ---- new entries ---- */

/* readTimeout is also the length of a blocking read, as in Dapr. */
uint64_t redis_sub_block_ms(const redis_sub *sub)
{
    int64_t set = sub->self->conf->redis.read_timeout_ms;

    if (set <= 0)
        return BLOCK_MS;
    return set < MIN_BLOCK_MS ? MIN_BLOCK_MS : (uint64_t)set;
}

static void encode_read(sc_redis_request *request, sc_buf *out)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, read);

    sc_redis_begin(out, sub->is_waiting ? 11 : 9);
    sc_redis_arg(out, SC_STR("XREADGROUP"));
    sc_redis_arg(out, SC_STR("GROUP"));
    sc_redis_arg(out, sub->self->group);
    sc_redis_arg(out, sub->self->env->instance_id);
    sc_redis_arg(out, SC_STR("COUNT"));
    sc_redis_arg_u64(out, sub->read_count);
    if (sub->is_waiting) {
        sc_redis_arg(out, SC_STR("BLOCK"));
        sc_redis_arg_u64(out, redis_sub_block_ms(sub));
    }
    sc_redis_arg(out, SC_STR("STREAMS"));
    sc_redis_arg(out, sub->topic);
    sc_redis_arg(out, SC_STR(">"));
}

static void forget_group(redis_sub *sub)
{
    sc_log_warn(sub->self->env->log, "redis streams: recreating group %.*s for stream %.*s",
                SC_FMT(sub->self->group), SC_FMT(sub->topic));
    sub->has_group = false;
    create_group(sub);
}

static void on_read(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, read);
    const sc_redis_reply *entries =
        err ? NULL : sc_redis_item(sc_redis_item(reply, 0), 1); /* NIL: nothing came */

    sub->is_reading = false;
    sub->has_more = entries && entries->count >= sub->read_count;
    hold_entries(sub, entries, &sub->read_count, 1);
    if (sub->is_closing) {
        redis_return_queued(sub);
        if (reply)
            redis_consumer_on_read_ended(sub);
        redis_sub_wake(sub);
    } else if (err && (sc_redis_is_error(reply, SC_STR("NOGROUP")) ||
                       sc_redis_is_error(reply, SC_STR("UNBLOCKED")))) { /* the stream is gone */
        forget_group(sub);
    } else if (err) {
        complain(sub, err);
        if (reply) /* the server refused: not again at once */
            sc_timer_start(&sub->reclaim, 1000);
    } else {
        deliver_queued(sub);
        redis_sub_wake(sub);
    }
}

static void read_more(redis_sub *sub)
{
    uint32_t part = sc_credit_part(&sub->of->credit);
    uint32_t wanted = fetch_count(sub);
    sc_error err;

    if (sub->is_reading || !sub->has_group || sub->is_closing ||
        !sc_redis_link_is_ready(sub->reader))
        return;
    if (!sub->has_more && wanted > part)
        wanted = part;
    sub->read_count = sc_credit_take(&sub->of->credit, wanted);
    if (sub->read_count == 0)
        return;
    sub->is_waiting = sub->read_count <= part;
    sub->read = (sc_redis_request){.encode = encode_read,
                                   .done = on_read,
                                   .key = sub->topic,
                                   .size = 256,
                                   .block_ms = sub->is_waiting ? redis_sub_block_ms(sub) : 0};
    if (sc_redis_link_send(sub->reader, &sub->read, &err) == SC_PENDING)
        sub->is_reading = true;
    else
        hold_entries(sub, NULL, &sub->read_count, 0);
}

/* ---- entries at rest ---- */

static void encode_claim(sc_redis_request *request, sc_buf *out)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, claim);

    sc_redis_begin(out, 8);
    sc_redis_arg(out, SC_STR("XAUTOCLAIM"));
    sc_redis_arg(out, sub->topic);
    sc_redis_arg(out, sub->self->group);
    sc_redis_arg(out, sub->self->env->instance_id);
    sc_redis_arg_u64(out, (uint64_t)sub->self->conf->processing_timeout_ms);
    sc_redis_arg(out, sub->claim_from);
    sc_redis_arg(out, SC_STR("COUNT"));
    sc_redis_arg_u64(out, sub->claim_count);
}

/* The server dropped what it had handed out: nobody can have it any more. */
static void tell_trimmed(const redis_sub *sub, const sc_redis_reply *ids)
{
    sc_str first = sc_redis_text(sc_redis_item(ids, 0));

    if (ids && ids->count > 0)
        sc_log_warn(sub->self->env->log,
                    "redis streams: %zu messages of stream %.*s (%.*s...) are lost: they were "
                    "trimmed or deleted there before group %.*s had acknowledged them",
                    ids->count, SC_FMT(sub->topic), SC_FMT(first), SC_FMT(sub->self->group));
}

static void on_claimed(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, claim);
    sc_str next = sc_redis_text(sc_redis_item(reply, 0));

    sub->open_requests--;
    sub->is_claiming = false;
    if (!sub->is_told)
        hold_entries(sub, err ? NULL : sc_redis_item(reply, 1), &sub->claim_count, 0);
    if (sub->is_closing) {
        redis_return_queued(sub);
        redis_sub_wake(sub);
        return;
    }
    if (err) {
        if (sc_redis_is_error(reply, SC_STR("NOGROUP")))
            forget_group(sub);
        else
            complain(sub, err);
        return;
    }
    deliver_queued(sub);
    tell_trimmed(sub, sc_redis_item(reply, 2));
    if (next.len > 0 && next.len < sizeof(sub->claim_text) && !sc_str_eq(next, SC_STR("0-0"))) {
        memcpy(sub->claim_text, next.at, next.len);
        sub->claim_from = sc_str_of(sub->claim_text, next.len);
        claim_more(sub);
    } else {
        sub->claim_from = SC_STR("0-0");
    }
    redis_sub_wake(sub);
}

bool redis_sub_reclaims(const redis_sub *sub)
{
    return sub->self->conf->processing_timeout_ms > 0 && sub->self->conf->redeliver_interval_ms > 0;
}

static void claim_more(redis_sub *sub)
{
    sc_error err;

    if (sub->is_claiming || !sub->has_group || sub->is_closing || !redis_sub_reclaims(sub))
        return;
    sub->claim_count = sc_credit_take(&sub->of->credit, fetch_count(sub));
    if (sub->claim_count == 0)
        return;
    sub->claim = (sc_redis_request){
        .encode = encode_claim, .done = on_claimed, .key = sub->topic, .size = 256};
    if (sc_redis_send(sub->self->client, &sub->claim, &err) == SC_PENDING) {
        sub->is_claiming = true;
        sub->open_requests++;
    } else {
        hold_entries(sub, NULL, &sub->claim_count, 0);
    }
}

static void on_reclaim_due(sc_timer *timer)
{
    redis_sub *sub = SC_CONTAINER_OF(timer, redis_sub, reclaim);
    int64_t every = sub->self->conf->redeliver_interval_ms;

    if (sub->is_closing) {
        redis_consumer_on_limit(sub);
        if (sub->held_count == 0)
            tell_closed(sub);
        return;
    }
    create_group(sub);
    claim_more(sub);
    redis_sub_wake(sub);
    sc_timer_start(timer, every > 0 ? (uint64_t)every : 15000);
}

/* ---- life ---- */

/* The block is free of it; the memory stays for requests that a silent server still has. */
static void tell_closed(redis_sub *sub)
{
    sc_pubsub_subscription *of = sub->of;

    sub->is_told = true;
    sc_timer_stop(&sub->freshen);
    sc_timer_stop(&sub->reclaim);
    sc_redis_link_close(sub->reader);
    sub->reader = NULL;
    sc_list_remove(&sub->link);
    redis_sub_wake(sub);
    of->component_state = NULL;
    of->closed(of);
}

static void step_closing(redis_sub *sub)
{
    if (sub->held_count > 0)
        return;
    if (sub->open_requests == 0 && !sub->is_told && !redis_consumer_leave(sub))
        tell_closed(sub);
    if (!sub->is_told && !sc_timer_is_running(&sub->reclaim))
        sc_timer_start(&sub->reclaim, CLOSE_LIMIT_MS);
    if (sub->open_requests == 0 && sub->is_told) {
        sc_loop_forget_hook(&sub->step);
        free((void *)(uintptr_t)sub->topic.at);
        free(sub);
    }
}

static void step(sc_turn_hook *hook)
{
    redis_sub *sub = SC_CONTAINER_OF(hook, redis_sub, step);

    redis_send_acks(sub);
    if (sub->is_closing) {
        if (!sub->is_told)
            deliver_queued(sub); /* what it leaves free of the concurrency */
        step_closing(sub);
        return;
    }
    deliver_queued(sub);
    read_more(sub);
}

static void on_link_ready(void *at)
{
    redis_sub *sub = at;

    create_group(sub);
    redis_sub_wake(sub);
}

static void on_link_lost(void *at, const sc_error *why)
{
    redis_sub *sub = at;

    sub->is_reading = sub->has_more = false;
    sub->has_group = false; /* the server may come back without it */
    if (sub->leaving == REDIS_READ_ENDS)
        sub->leaving = REDIS_LEFT; /* who knows what the read had */
    complain(sub, why);
    redis_sub_wake(sub);
}

static sc_str copy_of(sc_str text)
{
    char *copy = sc_alloc_zero(text.len + 1);

    memcpy(copy, text.at, text.len);
    return sc_str_of(copy, text.len);
}

sc_code redis_subscribe(void *at, sc_pubsub_subscription *of, sc_error *err)
{
    static const sc_redis_link_ops ops = {on_link_ready, on_link_lost};
    redis_pubsub *self = at;
    redis_sub *sub = sc_new(redis_sub);

    (void)err;
    sub->self = self;
    sub->of = of;
    sub->topic = copy_of(of->topic);
    sub->step.run = step;
    sub->claim_from = SC_STR("0-0");
    sc_list_init(&sub->held);
    sc_list_init(&sub->queued);
    sc_list_init(&sub->acked);
    sc_list_add(&self->subs, &sub->link);
    sc_timer_init(&sub->reclaim, self->env->loop, on_reclaim_due);
    sc_timer_init(&sub->freshen, self->env->loop, redis_on_freshen_due);
    of->component_state = sub;
    of->credit.on_more = on_more;
    if (redis_sub_reclaims(sub))
        sc_timer_start(&sub->freshen, (uint64_t)self->conf->processing_timeout_ms / 3 + 1);
    sub->reader = sc_redis_link_open(self->client, sub->topic, &ops, sub);
    return SC_OK;
}

void redis_unsubscribe(void *at, sc_pubsub_subscription *of)
{
    redis_sub *sub = of->component_state;

    (void)at;
    sub->is_closing = true;
    sc_timer_stop(&sub->reclaim);
    redis_consumer_end_read(sub);
    redis_return_queued(sub);
    redis_sub_wake(sub);
}
