/* SPDX-License-Identifier: MIT
 *
 * What is told to the server of entries that were read: done with (XACK), still being worked on, or
 * free for any replica (XCLAIM with and without an idle time).
 */
#include <stdlib.h>

#include "components/pubsub/redis_internal.h"

/* XACK, or XCLAIM to keep fresh or to give back, of some entries. Freed when answered. */
typedef struct id_request {
    sc_redis_request request; /* first */
    struct redis_sub *sub;
    enum { ID_ACK, ID_FRESH, ID_GIVE_BACK } what;
    size_t count;
    struct {
        uint64_t ms;
        uint64_t seq;
    } ids[];
} id_request;

static void encode_ids(sc_redis_request *request, sc_buf *out)
{
    const id_request *ids = (const id_request *)request;
    const redis_pubsub *self = ids->sub->self;
    size_t extra = ids->what == ID_ACK ? 0 : ids->what == ID_FRESH ? 3 : 5;

    sc_redis_begin(out, 3 + ids->count + extra);
    sc_redis_arg(out, ids->what == ID_ACK ? SC_STR("XACK") : SC_STR("XCLAIM"));
    sc_redis_arg(out, ids->sub->topic);
    sc_redis_arg(out, self->group);
    if (ids->what != ID_ACK) {
        sc_redis_arg(out, self->env->instance_id);
        sc_redis_arg(out, SC_STR("0"));
    }
    for (size_t i = 0; i < ids->count; i++)
        sc_redis_arg_id(out, ids->ids[i].ms, ids->ids[i].seq);
    if (ids->what ==
        ID_GIVE_BACK) { /* as if it had rested long enough: any replica may have it now */
        sc_redis_arg(out, SC_STR("IDLE"));
        sc_redis_arg_u64(out, (uint64_t)self->conf->processing_timeout_ms);
    }
    if (ids->what != ID_ACK)
        sc_redis_arg(out, SC_STR("JUSTID"));
}

static void on_ids_done(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    id_request *ids = (id_request *)request;
    redis_sub *sub = ids->sub;

    (void)reply;
    sub->open_requests--;
    if (err && ids->what == ID_ACK)
        sc_log_warn(sub->self->env->log,
                    "redis streams: %zu messages of stream %.*s are not acknowledged and may "
                    "come again: %s",
                    ids->count, SC_FMT(sub->topic), err->text);
    free(ids);
    redis_sub_wake(sub);
}

static id_request *new_ids(redis_sub *sub, size_t max)
{
    id_request *ids = sc_alloc_zero(sizeof(id_request) + max * sizeof(ids->ids[0]));

    ids->sub = sub;
    ids->request = (sc_redis_request){.encode = encode_ids,
                                      .done = on_ids_done,
                                      .key = sub->topic,
                                      .size = 200 + max * 40,
                                      .is_repeatable = true};
    return ids;
}

static void send_ids(id_request *ids)
{
    redis_sub *sub = ids->sub;
    sc_error err;

    sub->open_requests++;
    if (sc_redis_send(sub->self->client, &ids->request, &err) != SC_PENDING)
        on_ids_done(&ids->request, NULL, &err);
}

static void free_message(redis_message *message)
{
    sc_list_remove(&message->link);
    sc_arena_deinit(&message->mem);
    free(message);
}

/* Lets any replica have it now. */
static void give_back(const redis_message *message)
{
    id_request *ids;

    if (!redis_sub_reclaims(message->sub))
        return;
    ids = new_ids(message->sub, 1);
    ids->what = ID_GIVE_BACK;
    ids->ids[0].ms = message->ms;
    ids->ids[0].seq = message->seq;
    ids->count = 1;
    send_ids(ids);
}

void redis_settle(sc_delivery *delivery, sc_verdict verdict)
{
    redis_message *message = (redis_message *)delivery;
    redis_sub *sub = message->sub;

    sub->held_count--;
    sub->in_flight--;
    sub->self->in_flight--;
    sc_credit_settled(&sub->of->credit, delivery->payload.len);
    sc_list_remove(&message->link);
    redis_sub_wake(sub);
    if (verdict == SC_VERDICT_ACK) {
        sc_list_add(&sub->acked, &message->link);
        sub->acked_count++;
        return;
    }
    if (verdict == SC_VERDICT_ABANDON)
        give_back(message);
    free_message(message); /* it stays pending and is claimed when it has rested */
}

void redis_return_queued(redis_sub *sub)
{
    while (!sc_list_is_empty(&sub->queued)) {
        redis_message *message = SC_CONTAINER_OF(sub->queued.next, redis_message, wait);

        sc_list_remove(&message->wait);
        sub->held_count--;
        sc_credit_settled(&sub->of->credit, message->delivery.payload.len);
        give_back(message);
        free_message(message);
    }
}

void redis_send_acks(redis_sub *sub)
{
    id_request *ids;

    if (sub->acked_count == 0)
        return;
    ids = new_ids(sub, sub->acked_count);
    ids->what = ID_ACK;
    while (!sc_list_is_empty(&sub->acked)) {
        redis_message *message = SC_CONTAINER_OF(sub->acked.next, redis_message, link);

        ids->ids[ids->count].ms = message->ms;
        ids->ids[ids->count++].seq = message->seq;
        free_message(message);
    }
    sub->acked_count = 0;
    send_ids(ids);
}

void redis_on_freshen_due(sc_timer *timer)
{
    redis_sub *sub = SC_CONTAINER_OF(timer, redis_sub, freshen);
    id_request *ids;

    sc_timer_start(timer, (uint64_t)sub->self->conf->processing_timeout_ms / 3 + 1);
    if (sub->held_count == 0)
        return;
    ids = new_ids(sub, sub->held_count);
    ids->what = ID_FRESH;
    SC_LIST_EACH (&sub->held, it) {
        const redis_message *message = SC_CONTAINER_OF(it, redis_message, link);

        ids->ids[ids->count].ms = message->ms;
        ids->ids[ids->count++].seq = message->seq;
    }
    send_ids(ids);
}
