/* SPDX-License-Identifier: MIT
 *
 * pubsub.sqlite: the embedded broker. One file, shared by all sidecars of the machine; topics are
 * ordered, durable logs with consumer groups, leases, redelivery, time to live and delay.
 *
 * This half runs on the loop: it gathers work for the next batch (sqlite_batch.c), hands out what a
 * batch fetched and completes what it wrote. A failed batch fails its publishes; its verdicts stay
 * for the next.
 */
#include <stdlib.h>

#include "components/pubsub/sqlite_internal.h"
#include "core/clock.h"
#include "core/file.h"
#include "wire/json.h"

#define MAX_WAITING   100000u /* messages that wait for a commit */
#define MAX_FETCH     1000u
#define TRIM_EVERY_MS 10000u

static void pump(sc_turn_hook *hook);
static void on_batch_done(sc_op *op);
static void on_poll(sc_timer *timer);
static void settle(sc_delivery *delivery, sc_verdict verdict);

static void wake(sqlite_pubsub *self)
{
    if (!self->is_running && !self->is_failing)
        sc_loop_at_turn_end(self->loop, &self->pump);
}

/* ---- publishing ---- */

static sc_str metadata_text(const sc_pairs *metadata, sc_arena *mem)
{
    sc_buf out = {0};
    sc_str text;

    if (!metadata || metadata->count == 0)
        return SC_STR_NONE;
    sc_json_add_pairs(&out, metadata);
    text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

static sc_code fill(sc_sqlite_message *message, sc_str topic, sc_str payload, sc_str content_type,
                    const sc_pairs *metadata, sc_arena *mem, sc_error *err)
{
    const sc_str *ttl = metadata ? sc_pairs_get(metadata, SC_STR("ttlInSeconds")) : NULL;
    uint64_t delay_ms = 0;
    int64_t ttl_s;
    int64_t now_ms = sc_clock_wall_ms();

    if (sc_pubsub_delay(metadata, &delay_ms, err) != SC_OK)
        return err->code;
    *message = (sc_sqlite_message){.topic = topic,
                                   .payload = payload,
                                   .content_type = content_type,
                                   .metadata = metadata_text(metadata, mem)};
    if (delay_ms > 0)
        message->visible_ms = now_ms + (int64_t)delay_ms;
    if (ttl && sc_str_to_i64(*ttl, &ttl_s) && ttl_s > 0 && ttl_s < INT64_MAX / 2000)
        message->expires_ms = now_ms + ttl_s * 1000;
    return SC_OK;
}

static void queue_job(sqlite_pubsub *self, sqlite_job *job)
{
    if (self->is_failing) { /* known to be of no use; the next try is a second away at most */
        sc_op_fail(job->op, self->last.code, "%s", self->last.text);
        return;
    }
    sc_list_init(&job->link);
    sc_list_add(&self->jobs, &job->link);
    self->waiting += (uint32_t)job->count;
    wake(self);
}

static bool has_room(const sqlite_pubsub *self, size_t count, sc_op *op)
{
    if (self->is_closing)
        sc_op_fail(op, SC_FAILED_PRECONDITION, "component is closed");
    else if (self->waiting + count > MAX_WAITING)
        sc_op_fail(op, SC_EXHAUSTED, "%u messages wait for the disk already", self->waiting);
    else
        return true;
    return false;
}

static void sqlite_publish(void *at, sc_publish_op *op)
{
    sqlite_pubsub *self = at;
    sqlite_job *job;

    if (!has_room(self, 1, &op->op))
        return;
    job = sc_arena_new(op->op.mem, sqlite_job);
    job->op = &op->op;
    job->messages = sc_arena_new(op->op.mem, sc_sqlite_message);
    job->count = 1;
    if (fill(job->messages, op->topic, op->payload, op->content_type, op->metadata, op->op.mem,
             &op->op.err) == SC_OK)
        queue_job(self, job);
    else
        sc_op_finish(&op->op);
}

/* All entries in one transaction: all or none is stored. */
static void sqlite_bulk_publish(void *at, sc_bulk_publish_op *op)
{
    sqlite_pubsub *self = at;
    sc_arena *mem = op->op.mem;
    sqlite_job *job;
    bool is_good = true;

    if (!has_room(self, op->count, &op->op)) {
        for (size_t i = 0; i < op->count; i++)
            op->entries[i].err = op->op.err;
        return;
    }
    job = sc_arena_new(mem, sqlite_job);
    job->op = &op->op;
    job->messages = sc_arena_zero(mem, (op->count + 1) * sizeof(sc_sqlite_message));
    job->count = op->count;
    for (size_t i = 0; i < op->count; i++) {
        sc_bulk_entry *entry = &op->entries[i];

        is_good &= fill(&job->messages[i], op->topic, entry->payload, entry->content_type,
                        entry->metadata, mem, &entry->err) == SC_OK;
    }
    if (is_good) {
        job->bulk = op;
        queue_job(self, job);
        return;
    }
    for (size_t i = 0; i < op->count; i++) {
        if (op->entries[i].err.code == SC_OK)
            (void)sc_fail(&op->entries[i].err, SC_ABORTED, "another entry of the call is wrong");
    }
    sc_op_fail(&op->op, SC_INVALID, "an entry of the call is wrong");
}

/* ---- deliveries ---- */

static void free_delivery(sqlite_delivery *one)
{
    sc_list_remove(&one->link);
    sc_arena_deinit(&one->mem);
    free(one);
}

static void read_metadata(sqlite_delivery *one)
{
    const sc_str *text = sc_pairs_get(&one->delivery.metadata, SC_STR("json"));
    sc_pairs all = {0};
    sc_doc *doc;

    if (!text)
        return;
    if (sc_json_parse(*text, &one->mem, &doc, NULL, NULL) == SC_OK) {
        SC_DOC_EACH (doc, it)
            sc_pairs_add(&all, &one->mem, it->key, it->text);
    }
    one->delivery.metadata = all;
}

static void hand_out(sqlite_sub *sub)
{
    SC_LIST_EACH_SAFE (&sub->fetched, it) {
        sqlite_delivery *one = SC_CONTAINER_OF(it, sqlite_delivery, link);

        sc_list_remove(&one->link);
        sub->in_flight++;
        sub->credit--;
        sc_credit_came(&sub->sub->credit, one->delivery.payload.len);
        if (sub->is_closing) {
            settle(&one->delivery, SC_VERDICT_ABANDON);
            continue;
        }
        read_metadata(one);
        one->delivery.from = sub->sub;
        one->delivery.settle = settle;
        sub->sub->deliver(sub->sub, &one->delivery);
    }
    sc_credit_unused(&sub->sub->credit, sub->credit);
}

static void settle(sc_delivery *delivery, sc_verdict verdict)
{
    sqlite_delivery *one = (sqlite_delivery *)delivery;
    sqlite_sub *sub = one->sub;

    one->verdict = verdict;
    sub->in_flight--;
    sc_credit_settled(&sub->sub->credit, delivery->payload.len);
    sub->unsettled_writes++;
    sub->wants_fetch = true;
    sc_list_add(&sub->owner->verdicts, &one->link);
    wake(sub->owner);
}

/* ---- batches ---- */

static uint32_t credit_of(const sqlite_sub *sub)
{
    uint32_t max = sub->sub->max_in_flight;
    uint32_t credit = sub->in_flight < max ? max - sub->in_flight : 0;

    if (sub->is_closing || !sub->wants_fetch)
        return 0;
    return sc_credit_take(&sub->sub->credit, credit > MAX_FETCH ? MAX_FETCH : credit);
}

static void on_more(sc_credit_taker *taker)
{
    const sqlite_sub *sub = SC_CONTAINER_OF(taker, sc_pubsub_subscription, credit)->component_state;

    wake(sub->owner);
}

static bool anything_in_flight(const sqlite_pubsub *self)
{
    SC_LIST_EACH (&self->subs, it) {
        if (SC_CONTAINER_OF(it, sqlite_sub, link)->in_flight > 0)
            return true;
    }
    return false;
}

static bool gather(sqlite_pubsub *self)
{
    sqlite_batch *batch = &self->batch;
    uint64_t now_ms = sc_loop_now_ms(self->loop);
    bool has_subs = false;

    batch->publishes = !sc_list_is_empty(&self->jobs);
    sc_list_move_all(&batch->jobs, &self->jobs);
    sc_list_move_all(&batch->verdicts, &self->verdicts);
    SC_LIST_EACH (&self->subs, it) {
        sqlite_sub *sub = SC_CONTAINER_OF(it, sqlite_sub, link);

        sub->credit = credit_of(sub);
        if (sub->credit == 0)
            continue;
        sub->wants_fetch = false;
        has_subs = true;
        sc_list_add(&batch->subs, &sub->batch_link);
    }
    batch->renews =
        anything_in_flight(self) && now_ms - self->renewed_ms >= (uint64_t)self->conf->lease_ms / 3;
    batch->trims = now_ms - self->trimmed_ms >= TRIM_EVERY_MS;
    batch->lost = 0;
    batch->is_new_file = false;
    if (batch->renews)
        self->renewed_ms = now_ms;
    if (batch->trims)
        self->trimmed_ms = now_ms;
    return has_subs || batch->renews || batch->trims || batch->publishes ||
           !sc_list_is_empty(&batch->verdicts);
}

static void finish_unsubscribe(sqlite_sub *sub)
{
    sc_pubsub_subscription *of = sub->sub;

    SC_LIST_EACH_SAFE (&sub->owner->verdicts, it) { /* left when the file cannot be written */
        sqlite_delivery *one = SC_CONTAINER_OF(it, sqlite_delivery, link);

        if (one->sub == sub)
            free_delivery(one);
    }
    sc_list_remove(&sub->link);
    free(sub);
    of->component_state = NULL;
    of->closed(of);
}

static void finish_close(sqlite_pubsub *self);

/* What waited for the last commit. */
static void finish_ends(sqlite_pubsub *self)
{
    SC_LIST_EACH_SAFE (&self->subs, it) {
        sqlite_sub *sub = SC_CONTAINER_OF(it, sqlite_sub, link);

        if (sub->is_closing && sub->in_flight == 0 &&
            (sub->unsettled_writes == 0 || self->is_failing))
            finish_unsubscribe(sub);
    }
    if (self->is_closing && sc_list_is_empty(&self->jobs) && self->flushes == 0 &&
        (sc_list_is_empty(&self->verdicts) || self->is_failing))
        finish_close(self);
}

static void finish_jobs(sqlite_pubsub *self, sc_list *jobs, const sc_error *why)
{
    while (!sc_list_is_empty(jobs)) {
        sqlite_job *job = SC_CONTAINER_OF(jobs->next, sqlite_job, link);

        sc_list_remove(&job->link);
        self->waiting -= (uint32_t)job->count;
        job->op->err = *why;
        for (size_t i = 0; job->bulk && i < job->count; i++)
            job->bulk->entries[i].err = *why;
        sc_op_finish(job->op);
    }
}

/* ---- flushes ---- */

static void flush_work(sc_lane_op *op)
{
    const sqlite_flush *flush = (sqlite_flush *)op;

    if (flush->number > 0)
        op->op.err.code = sc_sqlite_sync_run(flush->owner->sync, flush->number, &op->op.err);
}

static void on_flushed(sc_op *op)
{
    sqlite_flush *flush = (sqlite_flush *)op;
    sqlite_pubsub *self = flush->owner;

    self->flushes--;
    if (op->err.code != SC_OK && flush->number > 0)
        sc_log_error(self->env->log, "pubsub %.*s: publishes cannot be confirmed: %s",
                     SC_FMT(self->env->name), op->err.text);
    finish_jobs(self, &flush->jobs, &op->err);
    free(flush);
    if (!self->is_running)
        finish_ends(self);
}

/* The batch's publishes are confirmed when the disk has them. */
static void expect_flush(sqlite_pubsub *self)
{
    sqlite_batch *batch = &self->batch;
    sqlite_flush *flush = sc_new(sqlite_flush);
    sc_error err;

    flush->owner = self;
    sc_list_init(&flush->jobs);
    sc_list_move_all(&flush->jobs, &batch->jobs);
    sc_op_init(&flush->lane.op, sc_loop_ops(self->loop), NULL, on_flushed);
    flush->lane.work = flush_work;
    self->flushes++;
    if (sc_lane_expect(self->disk, &flush->lane, &err) == SC_PENDING) {
        batch->flush = flush;
        return;
    }
    batch->publishes = false;
    sc_op_fail(&flush->lane.op, err.code, "%s", err.text);
}

/* ---- the start of a batch ---- */

static void pump(sc_turn_hook *hook)
{
    sqlite_pubsub *self = SC_CONTAINER_OF(hook, sqlite_pubsub, pump);
    sqlite_batch *batch = &self->batch;
    sc_error err;

    if (self->is_running)
        return;
    if (!gather(self)) {
        finish_ends(self);
        return;
    }
    if (batch->publishes && self->disk)
        expect_flush(self);
    self->is_running = true;
    sc_op_init(&batch->lane.op, sc_loop_ops(self->loop), NULL, on_batch_done);
    batch->lane.work = sc_sqlite_batch_work;
    if (sc_lane_submit(self->lane, &batch->lane, &err) != SC_PENDING)
        sc_op_fail(&batch->lane.op, err.code, "%s", err.text);
}

/* ---- the end of a batch ---- */

static void on_batch_failed(sqlite_pubsub *self, const sc_error *why)
{
    sqlite_batch *batch = &self->batch;

    self->is_failing = true;
    self->last = *why;
    finish_jobs(self, &batch->jobs, why);
    sc_sqlite_batch_pass_on(batch, why); /* left when it did not reach the lane */
    sc_list_move_all(&self->verdicts, &batch->verdicts);
    SC_LIST_EACH_SAFE (&batch->subs, it) {
        sqlite_sub *sub = SC_CONTAINER_OF(it, sqlite_sub, batch_link);

        sc_list_remove(it);
        sub->wants_fetch = true;
        if (!sub->is_live || batch->is_new_file)
            sub->group = 0; /* its row went with the transaction */
        while (!sc_list_is_empty(&sub->fetched))
            free_delivery(SC_CONTAINER_OF(sub->fetched.next, sqlite_delivery, link));
        sc_credit_unused(&sub->sub->credit, sub->credit);
        if (!sub->is_closing && sub->sub->on_trouble)
            sub->sub->on_trouble(sub->sub, why);
    }
}

static void on_batch_written(sqlite_pubsub *self)
{
    sqlite_batch *batch = &self->batch;
    sc_error none = {.code = SC_OK};

    self->is_failing = false;
    finish_jobs(self, &batch->jobs, &none);
    SC_LIST_EACH_SAFE (&batch->verdicts, it) {
        sqlite_delivery *one = SC_CONTAINER_OF(it, sqlite_delivery, link);

        one->sub->unsettled_writes--;
        free_delivery(one);
    }
    SC_LIST_EACH_SAFE (&batch->subs, it) {
        sqlite_sub *sub = SC_CONTAINER_OF(it, sqlite_sub, batch_link);

        sc_list_remove(it);
        sub->wants_fetch |= !sc_list_is_empty(&sub->fetched); /* there may be more */
        if (!sub->is_live) {
            sub->is_live = true;
            if (sub->sub->on_ready && !sub->is_closing)
                sub->sub->on_ready(sub->sub);
        }
        hand_out(sub);
    }
    SC_LIST_EACH (&self->subs, it)
        SC_CONTAINER_OF(it, sqlite_sub, link)->wants_fetch |= batch->publishes;
    if (batch->lost > 0)
        sc_log_error(self->env->log,
                     "pubsub %.*s: hardRetentionPeriod removed %lld messages that a consumer group "
                     "had not acknowledged",
                     SC_FMT(self->env->name), (long long)batch->lost);
}

/* The groups of subscriptions that were not in the batch are those of the file that is gone. */
static void on_new_file(sqlite_pubsub *self)
{
    SC_LIST_EACH (&self->subs, it) {
        sqlite_sub *sub = SC_CONTAINER_OF(it, sqlite_sub, link);

        if (sc_list_is_empty(&sub->batch_link)) {
            sub->group = 0;
            sub->wants_fetch = true;
        }
    }
    sc_log_error(self->env->log,
                 "pubsub %.*s: %.*s was removed or replaced while it was in use: what it held went "
                 "with it; going on with the file that is there now",
                 SC_FMT(self->env->name), SC_FMT(self->conf->file));
}

static void on_batch_done(sc_op *op)
{
    sqlite_pubsub *self = SC_CONTAINER_OF(op, sqlite_pubsub, batch.lane.op);

    self->is_running = false;
    if (self->batch.is_new_file)
        on_new_file(self);
    if (op->err.code == SC_OK)
        on_batch_written(self);
    else
        on_batch_failed(self, &op->err);
    finish_ends(self);
    wake(self);
}

static void on_ring(void *at)
{
    sqlite_pubsub *self = at;

    SC_LIST_EACH (&self->subs, it)
        SC_CONTAINER_OF(it, sqlite_sub, link)->wants_fetch = true;
    wake(self);
}

/* Due waits, lost rings, leases to renew, a file that is well again. */
static void on_poll(sc_timer *timer)
{
    sqlite_pubsub *self = SC_CONTAINER_OF(timer, sqlite_pubsub, poll);

    self->is_failing = false;
    on_ring(self);
    sc_timer_start(&self->poll, (uint64_t)self->conf->poll_ms);
}

/* ---- subscriptions ---- */

static sc_code sqlite_subscribe(void *at, sc_pubsub_subscription *of, sc_error *err)
{
    sqlite_pubsub *self = at;
    sqlite_sub *sub = sc_new(sqlite_sub);

    (void)err;
    sub->owner = self;
    sub->sub = of;
    sub->name = self->conf->consumer_id.len ? self->conf->consumer_id : self->env->app_id;
    sub->wants_fetch = true;
    sc_list_init(&sub->batch_link);
    sc_list_init(&sub->fetched);
    sc_list_init(&sub->link);
    sc_list_add(&self->subs, &sub->link);
    of->component_state = sub;
    of->credit.on_more = on_more;
    wake(self);
    return SC_OK;
}

static void sqlite_unsubscribe(void *at, sc_pubsub_subscription *of)
{
    sqlite_pubsub *self = at;
    sqlite_sub *sub = of->component_state;

    sub->is_closing = true;
    sc_loop_at_turn_end(self->loop, &self->pump);
}

/* ---- life ---- */

static void place_bell(sqlite_pubsub *self)
{
    sc_str path = sc_sqlite_store_path(self->store);
    sc_str folder = sc_file_folder(path);
    sc_str name = sc_str_sub(path, folder.len, path.len);
    sc_str prefix = sc_arena_fmt(&self->mem, "%.*s-bell-", SC_FMT(name));
    sc_str own;
    sc_error err;

    own = sc_arena_fmt(&self->mem, "%.*s%08llx", SC_FMT(prefix),
                       (unsigned long long)(sc_str_hash(self->env->instance_id) & 0xffffffffu));
    self->ringer = sc_doorbell_ringer_new(folder, prefix, own);
    path = sc_arena_fmt(&self->mem, "%.*s%.*s", SC_FMT(folder), SC_FMT(own));
    if (sc_doorbell_open(self->loop, path, on_ring, self, &self->bell, &err) != SC_OK)
        sc_log_warn(self->env->log,
                    "pubsub %.*s: messages of other processes are looked for every "
                    "%lld ms only: %s",
                    SC_FMT(self->env->name), (long long)self->conf->poll_ms, err.text);
}

static sc_code sqlite_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    sqlite_pubsub *self = at;
    sc_sqlite_store_settings settings;

    self->conf = conf;
    self->env = env;
    self->loop = env->loop;
    if (sc_str_starts(self->conf->file, SC_STR(":memory:")) || self->conf->lease_ms < 1000 ||
        self->conf->poll_ms < 10)
        return sc_fail(err, SC_INVALID,
                       "connectionString must name a file (pubsub.in-memory keeps nothing), "
                       "leaseDuration be 1s at least and pollInterval 10ms");
    settings = (sc_sqlite_store_settings){.file = self->conf->file,
                                          .busy_ms = (uint32_t)self->conf->busy_ms,
                                          .lease_ms = self->conf->lease_ms,
                                          .owner = env->instance_id};
    if (sc_sqlite_store_open(&settings, &self->store, err) != SC_OK)
        return err->code;
    sc_arena_init(&self->mem, NULL);
    sc_list_init(&self->jobs);
    sc_list_init(&self->verdicts);
    sc_list_init(&self->subs);
    sc_list_init(&self->batch.jobs);
    sc_list_init(&self->batch.verdicts);
    sc_list_init(&self->batch.subs);
    self->batch.owner = self;
    self->pump.run = pump;
    self->lane = sc_lane_open(self->loop, "pubsub.sqlite", 4);
    if (sc_str_eq(self->conf->synchronous, SC_STR("full"))) {
        self->disk = sc_lane_open(self->loop, "pubsub.disk", MAX_WAITING);
        self->sync = sc_sqlite_sync_new(sc_sqlite_store_path(self->store));
    }
    place_bell(self);
    sc_timer_init(&self->poll, self->loop, on_poll);
    sc_timer_start(&self->poll, (uint64_t)self->conf->poll_ms);
    return SC_OK;
}

static sc_component_state sqlite_state(void *at, sc_error *why)
{
    const sqlite_pubsub *self = at;

    if (self->is_failing && why)
        *why = self->last;
    return self->is_failing ? SC_COMPONENT_LOST : SC_COMPONENT_READY;
}

static void on_disk_closed(void *at)
{
    sqlite_pubsub *self = at;

    sc_sqlite_sync_free(self->sync);
    sc_sqlite_store_close(self->store);
    sc_doorbell_ringer_free(self->ringer);
    sc_arena_deinit(&self->mem);
    self->on_closed(self->user);
}

static void on_lane_closed(void *at)
{
    sqlite_pubsub *self = at;

    if (self->disk)
        sc_lane_close(self->disk, on_disk_closed, self);
    else
        on_disk_closed(self);
}

static void finish_close(sqlite_pubsub *self)
{
    if (!self->on_closed || !self->lane)
        return;
    SC_LIST_EACH_SAFE (&self->verdicts, it)
        free_delivery(SC_CONTAINER_OF(it, sqlite_delivery, link));
    sc_timer_stop(&self->poll);
    sc_loop_forget_hook(&self->pump);
    sc_doorbell_close(self->bell);
    sc_lane_close(self->lane, on_lane_closed, self);
    self->lane = NULL;
}

static void sqlite_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    sqlite_pubsub *self = at;

    (void)linger_ms; /* one commit, bounded by busyTimeout */
    self->is_closing = true;
    self->on_closed = on_closed;
    self->user = user;
    sc_loop_at_turn_end(self->loop, &self->pump);
}

static const sc_field fields[] = {
    SC_FIELD(sqlite_conf, file, STR, "connectionString", .flags = SC_FIELD_REQUIRED,
             .help = "Path of the file (or a file: URI), shared by all sidecars of the machine; "
                     "made when missing."),
    SC_FIELD(
        sqlite_conf, consumer_id, STR, "consumerID",
        .help = "Name of the consumer group; replicas that share it compete. Default: the app id."),
    SC_FIELD(sqlite_conf, synchronous, CHOICE, "synchronous", .initial = "full",
             .choices = "full|normal",
             .help = "full: a publish is on disk when it is confirmed; normal: a power failure may "
                     "lose the last ones."),
    SC_FIELD(sqlite_conf, initial_position, CHOICE, "initialPosition", .initial = "earliest",
             .choices = "earliest|latest",
             .help = "Where a new consumer group starts: with the oldest message kept, or after "
                     "the newest."),
    SC_FIELD(sqlite_conf, busy_ms, DURATION, "busyTimeout", .initial = "5s", .plain_unit_ms = 1,
             .help = "How long to wait for another process's transaction."),
    SC_FIELD(sqlite_conf, lease_ms, DURATION, "leaseDuration", .initial = "30s",
             .plain_unit_ms = 1000,
             .help = "How long a message stays with a sidecar that died; living ones renew."),
    SC_FIELD(sqlite_conf, later_ms, DURATION, "redeliverInterval", .initial = "15s",
             .plain_unit_ms = 1000,
             .help = "Pause before a message that used up its retries is offered again."),
    SC_FIELD(sqlite_conf, poll_ms, DURATION, "pollInterval", .initial = "1s", .plain_unit_ms = 1,
             .help = "How often to look for messages whose time came or whose wake-up was lost."),
    SC_FIELD(sqlite_conf, retention_ms, DURATION, "retentionPeriod", .initial = "168h",
             .plain_unit_ms = 1000,
             .help =
                 "Messages that every consumer group acknowledged are kept so long; 0: for ever."),
    SC_FIELD(sqlite_conf, retention_count, U64, "retentionCount", .initial = "0",
             .help = "Acknowledged messages kept per topic; 0: no limit."),
    SC_FIELD(sqlite_conf, hard_retention_ms, DURATION, "hardRetentionPeriod", .initial = "0",
             .plain_unit_ms = 1000,
             .help = "Messages older than this go even when a group has not acknowledged them, "
                     "with an error in the log; 0: never."),
    SC_FIELD_END,
};

static const sc_pubsub_ops ops = {
    .features = SC_PUBSUB_TTL | SC_PUBSUB_BULK_PUBLISH | SC_PUBSUB_DELAY,
    .open = sqlite_open,
    .state = sqlite_state,
    .publish = sqlite_publish,
    .bulk_publish = sqlite_bulk_publish,
    .subscribe = sqlite_subscribe,
    .unsubscribe = sqlite_unsubscribe,
    .close = sqlite_close,
};

extern const sc_component sc_pubsub_sqlite;
const sc_component sc_pubsub_sqlite = {
    .type = "pubsub.sqlite",
    .version = "v1",
    .title = "Embedded broker (SQLite)",
    .fields = fields,
    .conf_size = sizeof(sqlite_conf),
    .self_size = sizeof(sqlite_pubsub),
    .pubsub = &ops,
};
