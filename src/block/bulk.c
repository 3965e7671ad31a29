/* SPDX-License-Identifier: MIT
 *
 * One group for each route. A group goes out when it is full or when its first message has waited
 * long enough.
 */
#include "block/bulk.h"

#include <stdlib.h>

#include "core/clock.h"
#include "io/timer.h"

typedef struct bulk_group {
    sc_list link;
    struct sc_bulk *owner;
    sc_str path; /* of the subscription: lives longer */
    sc_event_op **entries;
    uint32_t count;
    sc_timer wait;
} bulk_group;

typedef struct bulk_call {
    sc_bulk_event_op op; /* first */
    sc_bulk *owner;
    uint64_t started_ns;
    sc_arena mem;
} bulk_call;

struct sc_bulk {
    sc_loop *loop;
    sc_random *random;
    sc_event_sink inner;
    sc_ingress_stats *stats;
    uint32_t max_messages;
    uint32_t max_await_ms;
    sc_list groups;
};

sc_bulk *sc_bulk_new(sc_loop *loop, sc_random *random, const sc_event_sink *inner,
                     uint32_t max_messages, uint32_t max_await_ms, sc_ingress_stats *stats)
{
    sc_bulk *bulk = sc_new(sc_bulk);

    bulk->loop = loop;
    bulk->random = random;
    bulk->inner = *inner;
    bulk->stats = stats;
    bulk->max_messages = max_messages ? max_messages : SC_BULK_MAX_MESSAGES;
    bulk->max_await_ms = max_await_ms ? max_await_ms : SC_BULK_MAX_AWAIT_MS;
    sc_list_init(&bulk->groups);
    return bulk;
}

/* ---- the call ---- */

static unsigned outcome_of(const sc_event_op *entry)
{
    if (entry->op.err.code != SC_OK || entry->answer == SC_APP_RETRY)
        return 1u << SC_INGRESS_RETRY;
    return 1u << (entry->answer == SC_APP_DROP ? SC_INGRESS_DROP : SC_INGRESS_SUCCESS);
}

static void on_answered(sc_op *op)
{
    bulk_call *call = (bulk_call *)op;
    unsigned outcomes = 0;

    for (size_t i = 0; i < call->op.count; i++) {
        sc_event_op *entry = call->op.entries[i];

        if (op->err.code != SC_OK) {
            entry->op.err = op->err;
            entry->answer = SC_APP_RETRY;
        }
        outcomes |= outcome_of(entry);
        sc_op_finish(&entry->op);
    }
    sc_ingress_stats_record_bulk(call->owner->stats, outcomes, call->started_ns);
    sc_arena_deinit(&call->mem);
    free(call);
}

static void send_group(bulk_group *group)
{
    sc_bulk *bulk = group->owner;
    bulk_call *call;
    char *id;

    sc_timer_stop(&group->wait);
    if (group->count == 0)
        return;
    call = sc_new(bulk_call);
    call->owner = bulk;
    call->started_ns = sc_clock_mono_ns();
    sc_arena_init(&call->mem, sc_loop_arenas(bulk->loop));
    id = sc_arena_alloc(&call->mem, SC_UUID_LEN + 1);
    sc_random_uuid(bulk->random, id);
    call->op = (sc_bulk_event_op){
        .entries = sc_arena_alloc(&call->mem, group->count * sizeof(call->op.entries[0])),
        .count = group->count,
        .id = sc_str_of(id, SC_UUID_LEN),
        .pubsub_name = group->entries[0]->event->pubsub_name,
        .topic = group->entries[0]->event->topic,
        .path = group->path};
    memcpy(call->op.entries, group->entries, group->count * sizeof(group->entries[0]));
    group->count = 0;
    sc_op_init(&call->op.op, sc_loop_ops(bulk->loop), &call->mem, on_answered);
    bulk->inner.deliver_bulk(bulk->inner.self, &call->op);
}

/* ---- gathering ---- */

static void on_waited(sc_timer *timer)
{
    send_group(SC_CONTAINER_OF(timer, bulk_group, wait));
}

static bulk_group *group_of(sc_bulk *bulk, sc_str path)
{
    bulk_group *group;

    SC_LIST_EACH (&bulk->groups, it) {
        group = SC_CONTAINER_OF(it, bulk_group, link);
        if (sc_str_eq(group->path, path))
            return group;
    }
    group = sc_new(bulk_group);
    group->owner = bulk;
    group->path = path;
    group->entries = calloc(bulk->max_messages, sizeof(group->entries[0]));
    if (!group->entries)
        abort();
    sc_timer_init(&group->wait, bulk->loop, on_waited);
    sc_list_init(&group->link);
    sc_list_add(&bulk->groups, &group->link);
    return group;
}

static void deliver(void *self, sc_event_op *op)
{
    sc_bulk *bulk = self;
    bulk_group *group = group_of(bulk, op->path);

    if (op->entry_id[0] == '\0') {
        sc_random_uuid(bulk->random, op->entry_id);
        op->entry_id[SC_UUID_LEN] = '\0';
    }
    group->entries[group->count++] = op;
    if (group->count >= bulk->max_messages)
        send_group(group);
    else if (group->count == 1)
        sc_timer_start(&group->wait, bulk->max_await_ms);
}

sc_event_sink sc_bulk_sink(sc_bulk *bulk)
{
    return (sc_event_sink){.deliver = deliver, .self = bulk};
}

void sc_bulk_flush(sc_bulk *bulk)
{
    SC_LIST_EACH (&bulk->groups, it)
        send_group(SC_CONTAINER_OF(it, bulk_group, link));
}

void sc_bulk_free(sc_bulk *bulk)
{
    if (!bulk)
        return;
    while (!sc_list_is_empty(&bulk->groups)) {
        bulk_group *group = SC_CONTAINER_OF(bulk->groups.next, bulk_group, link);

        sc_timer_stop(&group->wait);
        sc_list_remove(&group->link);
        free(group->entries);
        free(group);
    }
    free(bulk);
}
