/* SPDX-License-Identifier: MIT
 *
 * The names of replicas in a consumer group: a sidecar that ends takes its own away, and those of
 * sidecars that died long ago are taken away by the next one that starts.
 *
 * Deleting a consumer makes the server forget what is pending for it, so it is done only when
 * nothing is and nothing can come: a blocking read has returned, and no other subscription here
 * uses the name on the same stream.
 */
#include <stdlib.h>

#include "components/pubsub/redis_internal.h"

enum {
    READ_END_LIMIT_MS = 1000,
    UNBLOCK_MAX = 10, /* the read may reach the server behind the order to end it */
    DEAD_AFTER = 5,   /* times as long as a living one can be silent */
    SWEPT_MAX = 100,
};

static void unblock(redis_sub *sub);

static bool send(redis_sub *sub, void (*encode)(sc_redis_request *request, sc_buf *out),
                 void (*done)(sc_redis_request *request, const sc_redis_reply *reply,
                              const sc_error *err))
{
    sc_error err;

    sub->consumer =
        (sc_redis_request){.encode = encode, .done = done, .key = sub->topic, .size = 256};
    if (sc_redis_send(sub->self->client, &sub->consumer, &err) != SC_PENDING)
        return false;
    sub->open_requests++;
    return true;
}

/* ---- the read that waits ---- */

/* What it may still have been given stays pending, and with it the consumer. */
static void give_up(redis_sub *sub)
{
    sub->leaving = REDIS_LEFT;
    sc_redis_link_close(sub->reader);
    sub->reader = NULL;
    sub->is_reading = false;
    redis_sub_wake(sub);
}

void redis_consumer_end_read(redis_sub *sub)
{
    if (!sub->is_reading) {
        redis_consumer_on_read_ended(sub);
    } else if (!sc_redis_client_is_ready(sub->self->client) ||
               sc_redis_link_client_id(sub->reader) == 0) {
        give_up(sub);
    } else {
        sub->leaving = REDIS_READ_ENDS;
        sc_timer_start(&sub->reclaim, READ_END_LIMIT_MS);
        unblock(sub);
    }
}

void redis_consumer_on_limit(redis_sub *sub)
{
    if (sub->leaving == REDIS_READ_ENDS)
        give_up(sub);
}

void redis_consumer_on_read_ended(redis_sub *sub)
{
    sc_timer_stop(&sub->reclaim);
    sub->leaving = REDIS_MAY_LEAVE;
}

static void encode_unblock(sc_redis_request *request, sc_buf *out)
{
    const redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, consumer);

    sc_redis_begin(out, 3);
    sc_redis_arg(out, SC_STR("CLIENT"));
    sc_redis_arg(out, SC_STR("UNBLOCK"));
    sc_redis_arg_u64(out, (uint64_t)sc_redis_link_client_id(sub->reader));
}

static void on_unblocked(sc_redis_request *request, const sc_redis_reply *reply,
                         const sc_error *err)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, consumer);

    sub->open_requests--;
    redis_sub_wake(sub);
    if (sub->leaving != REDIS_READ_ENDS)
        return;
    if (err)
        give_up(sub); /* the user may not do that */
    else if (reply->number == 0 && ++sub->unblock_count < UNBLOCK_MAX)
        unblock(sub);
}

static void unblock(redis_sub *sub)
{
    if (!send(sub, encode_unblock, on_unblocked))
        give_up(sub);
}

/* ---- leaving ---- */

static bool is_name_shared(const redis_sub *sub)
{
    SC_LIST_EACH (&sub->self->subs, it) {
        const redis_sub *other = SC_CONTAINER_OF(it, redis_sub, link);

        if (other != sub && sc_str_eq(other->topic, sub->topic))
            return true;
    }
    return false;
}

static void encode_delete(sc_redis_request *request, sc_buf *out)
{
    const redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, consumer);

    sc_redis_begin(out, 5);
    sc_redis_arg(out, SC_STR("XGROUP"));
    sc_redis_arg(out, SC_STR("DELCONSUMER"));
    sc_redis_arg(out, sub->topic);
    sc_redis_arg(out, sub->self->group);
    sc_redis_arg(out, sub->self->env->instance_id);
}

static void on_deleted(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, consumer);

    (void)reply;
    (void)err; /* then it stays and is swept one day */
    sub->open_requests--;
    redis_sub_wake(sub);
}

static void encode_pending(sc_redis_request *request, sc_buf *out)
{
    const redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, consumer);

    sc_redis_begin(out, 7);
    sc_redis_arg(out, SC_STR("XPENDING"));
    sc_redis_arg(out, sub->topic);
    sc_redis_arg(out, sub->self->group);
    sc_redis_arg(out, SC_STR("-"));
    sc_redis_arg(out, SC_STR("+"));
    sc_redis_arg_u64(out, 1);
    sc_redis_arg(out, sub->self->env->instance_id);
}

static void on_pending(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    redis_sub *sub = SC_CONTAINER_OF(request, redis_sub, consumer);
    bool is_free = !err && reply->kind == SC_REDIS_ARRAY && reply->count == 0;

    sub->open_requests--;
    sub->leaving = REDIS_LEFT;
    if (is_free && !is_name_shared(sub))
        (void)send(sub, encode_delete, on_deleted);
    redis_sub_wake(sub);
}

bool redis_consumer_leave(redis_sub *sub)
{
    if (sub->leaving == REDIS_READ_ENDS)
        return true;
    if (sub->leaving != REDIS_MAY_LEAVE || !sub->has_group || is_name_shared(sub) ||
        !sc_redis_client_is_ready(sub->self->client))
        return false;
    sub->leaving = REDIS_ASKS;
    return send(sub, encode_pending, on_pending);
}

/* ---- those that did not leave ---- */

/* One consumer to delete; the request for the list of them when `name` is empty. Freed when
 * answered. */
typedef struct sweep_request {
    sc_redis_request request; /* first */
    redis_sub *sub;
    size_t name_len;
    char name[];
} sweep_request;

static void encode_list(sc_redis_request *request, sc_buf *out)
{
    const redis_sub *sub = ((sweep_request *)request)->sub;

    sc_redis_begin(out, 4);
    sc_redis_arg(out, SC_STR("XINFO"));
    sc_redis_arg(out, SC_STR("CONSUMERS"));
    sc_redis_arg(out, sub->topic);
    sc_redis_arg(out, sub->self->group);
}

static void encode_sweep(sc_redis_request *request, sc_buf *out)
{
    const sweep_request *sweep = (const sweep_request *)request;

    sc_redis_begin(out, 5);
    sc_redis_arg(out, SC_STR("XGROUP"));
    sc_redis_arg(out, SC_STR("DELCONSUMER"));
    sc_redis_arg(out, sweep->sub->topic);
    sc_redis_arg(out, sweep->sub->self->group);
    sc_redis_arg(out, sc_str_of(sweep->name, sweep->name_len));
}

static void on_swept(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    sweep_request *sweep = (sweep_request *)request;

    (void)reply;
    (void)err; /* the next sidecar tries again */
    sweep->sub->open_requests--;
    redis_sub_wake(sweep->sub);
    free(sweep);
}

static void start_sweep(redis_sub *sub, sc_str name,
                        void (*encode)(sc_redis_request *request, sc_buf *out),
                        void (*done)(sc_redis_request *request, const sc_redis_reply *reply,
                                     const sc_error *err))
{
    sweep_request *sweep = sc_alloc_zero(sizeof(*sweep) + name.len);
    sc_error err;

    sweep->sub = sub;
    sweep->name_len = name.len;
    if (name.len > 0)
        memcpy(sweep->name, name.at, name.len);
    sweep->request = (sc_redis_request){
        .encode = encode, .done = done, .key = sub->topic, .size = 256 + name.len};
    sub->open_requests++;
    if (sc_redis_send(sub->self->client, &sweep->request, &err) != SC_PENDING)
        done(&sweep->request, NULL, &err);
}

/* "<host>-<pid>-<8 hex digits>": the instance ID of a sidecar; Dapr's consumers are not ours to
 * delete. */
static bool is_instance_name(sc_str name)
{
    size_t digits = 0;

    if (name.len < 11 || name.at[name.len - 9] != '-')
        return false;
    for (size_t i = name.len - 8; i < name.len; i++) {
        if (!strchr("0123456789abcdef", name.at[i]))
            return false;
    }
    name.len -= 9;
    while (name.len > 0 && name.at[name.len - 1] >= '0' && name.at[name.len - 1] <= '9') {
        name.len--;
        digits++;
    }
    return digits > 0 && name.len > 0 && name.at[name.len - 1] == '-';
}

/* A number of [name, ..., "pending", 0, "idle", 123, ...], or `fallback`. */
static int64_t figure(const sc_redis_reply *consumer, sc_str name, int64_t fallback)
{
    for (size_t i = 0; i + 1 < consumer->count; i += 2) {
        const sc_redis_reply *value = sc_redis_item(consumer, i + 1);

        if (sc_str_eq(sc_redis_text(sc_redis_item(consumer, i)), name) &&
            value->kind == SC_REDIS_NUMBER)
            return value->number;
    }
    return fallback;
}

static void on_listed(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    sweep_request *sweep = (sweep_request *)request;
    redis_sub *sub = sweep->sub;
    const redis_conf *conf = sub->self->conf;
    int64_t rest_ms = conf->processing_timeout_ms > 0 ? conf->processing_timeout_ms : 60000;
    int64_t dead_ms = DEAD_AFTER * ((int64_t)redis_sub_block_ms(sub) + rest_ms);
    size_t swept = 0;

    for (size_t i = 0; !err && !sub->is_closing && i < reply->count && swept < SWEPT_MAX; i++) {
        const sc_redis_reply *consumer = sc_redis_item(reply, i);
        sc_str name = sc_redis_text(sc_redis_item(consumer, 1));

        if (!is_instance_name(name) || sc_str_eq(name, sub->self->env->instance_id) ||
            figure(consumer, SC_STR("pending"), 1) != 0 ||
            figure(consumer, SC_STR("idle"), 0) < dead_ms)
            continue;
        start_sweep(sub, name, encode_sweep, on_swept);
        swept++;
    }
    if (swept > 0)
        sc_log_info(sub->self->env->log,
                    "redis streams: %zu consumers of sidecars that are gone are removed from group "
                    "%.*s of stream %.*s",
                    swept, SC_FMT(sub->self->group), SC_FMT(sub->topic));
    on_swept(request, reply, err);
}

void redis_consumer_sweep(redis_sub *sub)
{
    if (sub->has_swept || sub->is_closing)
        return;
    sub->has_swept = true;
    start_sweep(sub, SC_STR_NONE, encode_list, on_listed);
}
