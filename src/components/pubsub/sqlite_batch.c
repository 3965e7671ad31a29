/* SPDX-License-Identifier: MIT
 *
 * One batch of pubsub.sqlite on the lane: publishes, verdicts, leases and fetches in one
 * transaction. It commits whole or fails whole.
 */
#include <stdlib.h>

#include "components/pubsub/sqlite_internal.h"
#include "core/clock.h"

/* ---- parts ---- */

static sc_list *jobs_of(sqlite_batch *batch)
{
    return batch->flush ? &batch->flush->jobs : &batch->jobs;
}

static sc_code put_jobs(sqlite_batch *batch, int64_t now_ms, sc_error *err)
{
    SC_LIST_EACH (jobs_of(batch), it) {
        sqlite_job *job = SC_CONTAINER_OF(it, sqlite_job, link);

        for (size_t i = 0; i < job->count; i++) {
            if (sc_sqlite_store_put(batch->owner->store, &job->messages[i], now_ms, err) != SC_OK)
                return err->code;
        }
    }
    return SC_OK;
}

static sc_code write_verdicts(sqlite_batch *batch, int64_t now_ms, sc_error *err)
{
    sc_sqlite_store *store = batch->owner->store;

    SC_LIST_EACH (&batch->verdicts, it) {
        const sqlite_delivery *one = SC_CONTAINER_OF(it, sqlite_delivery, link);
        int64_t pause_ms = one->verdict == SC_VERDICT_LATER ? batch->owner->conf->later_ms : 0;

        if (one->file != batch->owner->file)
            continue; /* its row went with the file that it came from */
        if ((one->verdict == SC_VERDICT_ACK
                 ? sc_sqlite_store_ack(store, one->group, one->seq, err)
                 : sc_sqlite_store_release(store, one->group, one->seq, now_ms + pause_ms, err)) !=
            SC_OK)
            return err->code;
    }
    return SC_OK;
}

static void take(void *self, const sc_sqlite_message *message)
{
    sqlite_sub *sub = self;
    sqlite_delivery *one = sc_new(sqlite_delivery);

    sc_arena_init(&one->mem, NULL);
    sc_list_init(&one->link);
    one->sub = sub;
    one->group = sub->group;
    one->file = sub->owner->file;
    one->seq = message->seq;
    one->delivery = (sc_delivery){
        .topic = sc_arena_str(&one->mem, message->topic),
        .payload = sc_arena_str(&one->mem, message->payload),
        .content_type = sc_arena_str(&one->mem, message->content_type),
        .message_id = sc_arena_fmt(&one->mem, "%lld", (long long)message->seq),
        .broker_attempts = message->attempt > 0 ? (uint32_t)message->attempt : 0,
    };
    if (message->metadata.len > 0) /* read on the loop */
        sc_pairs_add(&one->delivery.metadata, &one->mem, SC_STR("json"),
                     sc_arena_str(&one->mem, message->metadata));
    sc_list_add(&sub->fetched, &one->link);
}

static sc_code fetch(sqlite_pubsub *self, sqlite_sub *sub, int64_t now_ms, sc_error *err)
{
    if (sub->group == 0 &&
        sc_sqlite_store_group(self->store, sub->sub->topic, sub->name,
                              sc_str_eq(self->conf->initial_position, SC_STR("latest")),
                              &sub->group, err) != SC_OK)
        return err->code;
    return sc_sqlite_store_fetch(self->store, sub->group, sub->credit, now_ms, take, sub, err);
}

static sc_code fetch_all(sqlite_batch *batch, int64_t now_ms, sc_error *err)
{
    SC_LIST_EACH (&batch->subs, it) {
        if (fetch(batch->owner, SC_CONTAINER_OF(it, sqlite_sub, batch_link), now_ms, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

/* A look before the transaction: an idle subscriber takes no write lock. */
static sc_code has_work(sqlite_batch *batch, int64_t now_ms, bool *has, sc_error *err)
{
    *has = batch->publishes || !sc_list_is_empty(&batch->verdicts) || batch->renews || batch->trims;
    SC_LIST_EACH (&batch->subs, it) {
        sqlite_sub *sub = SC_CONTAINER_OF(it, sqlite_sub, batch_link);

        if (*has)
            break;
        *has = sub->group == 0;
        if (!*has &&
            sc_sqlite_store_has_work(batch->owner->store, sub->group, now_ms, has, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

/* A file that was taken away must not swallow what is written after that. */
static sc_code follow_file(sqlite_batch *batch, sc_error *err)
{
    if (sc_sqlite_store_follow(batch->owner->store, &batch->is_new_file, err) != SC_OK)
        return err->code;
    if (!batch->is_new_file)
        return SC_OK;
    batch->owner->file++;
    SC_LIST_EACH (&batch->subs, it)
        SC_CONTAINER_OF(it, sqlite_sub, batch_link)->group = 0;
    return SC_OK;
}

static sc_code run(sqlite_batch *batch, sc_error *err)
{
    sqlite_pubsub *self = batch->owner;
    int64_t now_ms = sc_clock_wall_ms();
    sc_sqlite_retention retention = {.max_age_ms = self->conf->retention_ms,
                                     .max_count = (int64_t)self->conf->retention_count,
                                     .hard_max_age_ms = self->conf->hard_retention_ms};
    bool has;

    if (follow_file(batch, err) != SC_OK || has_work(batch, now_ms, &has, err) != SC_OK)
        return err->code;
    if (!has)
        return SC_OK;
    if (sc_sqlite_store_begin(self->store, err) != SC_OK || put_jobs(batch, now_ms, err) != SC_OK ||
        write_verdicts(batch, now_ms, err) != SC_OK ||
        (batch->renews && sc_sqlite_store_renew(self->store, now_ms, err) != SC_OK) ||
        fetch_all(batch, now_ms, err) != SC_OK ||
        (batch->trims &&
         sc_sqlite_store_trim(self->store, &retention, now_ms, &batch->lost, err) != SC_OK))
        return err->code;
    return sc_sqlite_store_commit(self->store, err);
}

/* On to the disk, without a detour by the loop. */
void sc_sqlite_batch_pass_on(sqlite_batch *batch, const sc_error *err)
{
    sqlite_flush *flush = batch->flush;

    if (!flush)
        return;
    batch->flush = NULL;
    flush->lane.op.err = *err;
    flush->number = err->code == SC_OK ? sc_sqlite_sync_committed(batch->owner->sync) : 0;
    sc_lane_start(&flush->lane);
}

void sc_sqlite_batch_work(sc_lane_op *op)
{
    sqlite_batch *batch = (sqlite_batch *)op;
    sqlite_pubsub *self = batch->owner;

    if (run(batch, &op->op.err) != SC_OK)
        sc_sqlite_store_rollback(self->store);
    sc_sqlite_batch_pass_on(batch, &op->op.err);
    if (op->op.err.code == SC_OK && batch->publishes)
        sc_doorbell_ring_all(self->ringer);
}
