/* SPDX-License-Identifier: MIT
 *
 * Opens and closes pub/sub instances, and gives every broker a bulk publish.
 */
#include "component/pubsub.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/duration.h"

sc_code sc_pubsub_open(const sc_component *component, const sc_component_env *env, sc_pubsub **out,
                       sc_error *err)
{
    const sc_pubsub_ops *ops = component->pubsub;
    sc_instance *instance;

    if (sc_instance_open(component, ops->open, ops->close, env, &instance, err) != SC_OK)
        return err->code;
    *out = sc_new(sc_pubsub);
    **out = (sc_pubsub){.instance = instance, .ops = ops, .self = instance->self};
    return SC_OK;
}

void sc_pubsub_close(sc_pubsub *pubsub, uint64_t linger_ms, void (*on_closed)(void *user),
                     void *user)
{
    sc_instance *instance = pubsub->instance;

    free(pubsub);
    sc_instance_close(instance, linger_ms, on_closed, user);
}

/* ---- bulk publish for brokers that have none ---- */

typedef struct single_publish {
    sc_publish_op op; /* first: on_published gets it back by a cast */
    struct bulk_fallback *all;
    sc_bulk_entry *entry;
} single_publish;

typedef struct bulk_fallback {
    sc_bulk_publish_op *op;
    size_t waiting;
    size_t failed;
} bulk_fallback;

static void on_published(sc_op *op)
{
    single_publish *single = (single_publish *)op;
    bulk_fallback *all = single->all;

    single->entry->err = op->err;
    if (op->err.code != SC_OK && all->failed++ == 0)
        all->op->op.err = op->err;
    if (--all->waiting == 0)
        sc_op_finish(&all->op->op);
}

static void publish_one_by_one(sc_pubsub *pubsub, sc_bulk_publish_op *op)
{
    bulk_fallback *all = sc_arena_new(op->op.mem, bulk_fallback);

    *all = (bulk_fallback){.op = op, .waiting = op->count};
    if (op->count == 0)
        sc_op_finish(&op->op);
    for (size_t i = 0; i < op->count; i++) {
        single_publish *single = sc_arena_new(op->op.mem, single_publish);

        sc_op_init(&single->op.op, op->op.home, op->op.mem, on_published);
        single->op.topic = op->topic;
        single->op.payload = op->entries[i].payload;
        single->op.content_type = op->entries[i].content_type;
        single->op.metadata = op->entries[i].metadata;
        single->all = all;
        single->entry = &op->entries[i];
        sc_pubsub_publish(pubsub, &single->op);
    }
}

void sc_pubsub_bulk_publish(sc_pubsub *pubsub, sc_bulk_publish_op *op)
{
    if (pubsub->ops->bulk_publish)
        pubsub->ops->bulk_publish(pubsub->self, op);
    else
        publish_one_by_one(pubsub, op);
}

/* ---- publish later ---- */

sc_code sc_pubsub_delay(const sc_pairs *metadata, uint64_t *delay_ms, sc_error *err)
{
    const sc_str *delay = metadata ? sc_pairs_get_nocase(metadata, SC_STR("delay")) : NULL;
    const sc_str *at = metadata ? sc_pairs_get_nocase(metadata, SC_STR("deliverAt")) : NULL;
    int64_t n;

    *delay_ms = 0;
    if (delay) {
        uint64_t seconds;

        if (sc_str_to_u64(*delay, &seconds) && seconds <= INT64_MAX / 1000)
            *delay_ms = seconds * 1000;
        else if (sc_duration_parse(*delay, &n) && n >= 0)
            *delay_ms = (uint64_t)n / 1000000;
        else
            return sc_fail(err, SC_INVALID,
                           "metadata delay: '%.*s' is not a duration like 30s or 5m",
                           SC_FMT(sc_str_sub(*delay, 0, 100)));
        return SC_OK;
    }
    if (at) {
        if (!sc_clock_parse(*at, &n))
            return sc_fail(err, SC_INVALID,
                           "metadata deliverAt: '%.*s' is not a time like 2026-01-02T03:04:05Z",
                           SC_FMT(sc_str_sub(*at, 0, 100)));
        n -= sc_clock_wall_ms();
        *delay_ms = n > 0 ? (uint64_t)n : 0;
    }
    return SC_OK;
}
