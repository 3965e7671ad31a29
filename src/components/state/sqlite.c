/* SPDX-License-Identifier: MIT
 *
 * state.sqlite: one file, shared by all sidecars of the machine, in Dapr's schema.
 *
 * Reads and writes each have a lane with a connection of its own, so that no read waits for a disk.
 * What waits for a lane is gathered into one batch; the writes of a batch are one commit, within
 * which each succeeds or fails by itself. While it runs, the next one gathers.
 */
#include "components/state/sqlite_store.h"

#include "components/shared/sqlite_db.h"
#include "core/list.h"
#include "io/lane.h"
#include "io/timer.h"

#define MAX_WAITING 100000u /* jobs of one lane */

typedef struct sqlite_conf {
    sc_str connection;
    sc_str table;
    sc_str metadata_table;
    int64_t timeout_ms;
    int64_t busy_ms;
    bool disable_wal;
    int64_t cleanup_ms;
} sqlite_conf;

typedef enum job_kind {
    JOB_GET,
    JOB_BULK_GET,
    JOB_WRITE,
    JOB_TRANSACT,
} job_kind;

/* One op on its way through a lane. In the op's arena; while its batch runs it is the lane's. */
typedef struct job {
    sc_list link;
    job_kind kind;
    union {
        sc_op *op; /* each of the others begins with it */
        sc_state_get_op *get;
        sc_state_bulk_get_op *bulk;
        sc_state_write_op *write;
        sc_state_transact_op *transact;
    } of;
    sc_error err;
    sc_etag_fault etag_fault;
    sc_state_value *values; /* read, in `mem`; as many as keys */
    sc_arena mem;
} job;

typedef struct sqlite_state sqlite_state;

/* A lane with its connection, and what waits for it. */
typedef struct sqlite_lane {
    sc_lane_op op; /* first: the batch that runs */
    sqlite_state *owner;
    sc_lane *lane;
    sc_sqlite_state *store;
    sc_list waiting;
    uint32_t waiting_count;
    sc_list running;
    bool is_running;
    bool cleans; /* the batch deletes what is expired */
    bool more_to_clean;
    sc_turn_hook pump;
} sqlite_lane;

struct sqlite_state {
    const sqlite_conf *conf;
    const sc_component_env *env;
    sqlite_lane reads;
    sqlite_lane writes; /* reads too, where there is no file */
    bool is_memory;
    bool is_closing;
    sc_error last; /* of a batch that failed as a whole; SC_OK while all is well */
    sc_timer clean_timer;
    uint32_t closing;
    void (*on_closed)(void *user);
    void *user;
};

static void pump(sc_turn_hook *hook);
static void run_batch(sc_lane_op *op);
static void on_batch_done(sc_op *op);

/* ---- taking jobs ---- */

static void queue_job(sqlite_state *self, sqlite_lane *lane, job_kind kind, sc_op *op)
{
    job *one;

    if (self->is_closing) {
        sc_op_fail(op, SC_FAILED_PRECONDITION, "component is closed");
        return;
    }
    if (lane->waiting_count >= MAX_WAITING) {
        sc_op_fail(op, SC_EXHAUSTED, "%u requests wait for the file already", lane->waiting_count);
        return;
    }
    one = sc_arena_new(op->mem, job);
    one->kind = kind;
    one->of.op = op;
    sc_arena_init(&one->mem, NULL);
    sc_list_init(&one->link);
    sc_list_add(&lane->waiting, &one->link);
    lane->waiting_count++;
    if (!lane->is_running)
        sc_loop_at_turn_end(self->env->loop, &lane->pump);
}

static sqlite_lane *read_lane(sqlite_state *self)
{
    return self->is_memory ? &self->writes : &self->reads;
}

static void sqlite_get(void *at, sc_state_get_op *op)
{
    queue_job(at, read_lane(at), JOB_GET, &op->op);
}

static void sqlite_bulk_get(void *at, sc_state_bulk_get_op *op)
{
    queue_job(at, read_lane(at), JOB_BULK_GET, &op->op);
}

static void sqlite_write(void *at, sc_state_write_op *op)
{
    queue_job(at, &((sqlite_state *)at)->writes, JOB_WRITE, &op->op);
}

static void sqlite_transact(void *at, sc_state_transact_op *op)
{
    queue_job(at, &((sqlite_state *)at)->writes, JOB_TRANSACT, &op->op);
}

/* ---- on the lane ---- */

static bool is_write(const job *one)
{
    return one->kind == JOB_WRITE || one->kind == JOB_TRANSACT;
}

static void read_keys(sqlite_lane *lane, job *one, const sc_str *keys, size_t count)
{
    one->values = sc_arena_zero(&one->mem, (count + 1) * sizeof(one->values[0]));
    for (size_t i = 0; i < count; i++) {
        if (sc_sqlite_state_get(lane->store, keys[i], &one->mem, &one->values[i], &one->err) !=
            SC_OK)
            return;
    }
}

static void run_read(sqlite_lane *lane, job *one)
{
    if (one->kind == JOB_GET)
        read_keys(lane, one, &one->of.get->key, 1);
    else
        read_keys(lane, one, one->of.bulk->keys, one->of.bulk->count);
}

static sc_code run_transaction(sqlite_lane *lane, job *one)
{
    const sc_state_transact_op *op = one->of.transact;
    sc_code code = sc_sqlite_state_mark(lane->store, &one->err);

    if (code != SC_OK)
        return code;
    for (size_t i = 0; code == SC_OK && i < op->count; i++)
        code = sc_sqlite_state_write(lane->store, &op->writes[i], &one->etag_fault, &one->err);
    if (code == SC_OK)
        code = sc_sqlite_state_keep(lane->store, &one->err);
    if (code != SC_OK)
        sc_sqlite_state_undo(lane->store);
    return code;
}

static sc_code run_write(sqlite_lane *lane, job *one)
{
    return one->kind == JOB_TRANSACT ? run_transaction(lane, one)
                                     : sc_sqlite_state_write(lane->store, &one->of.write->write,
                                                             &one->etag_fault, &one->err);
}

static bool is_torn(const sqlite_lane *lane)
{
    return sc_sqlite_state_is_torn(lane->store);
}

/* What could have been written fails together. */
static void fail_writes(sqlite_lane *lane, const sc_error *why)
{
    SC_LIST_EACH (&lane->running, it) {
        job *one = SC_CONTAINER_OF(it, job, link);

        if (is_write(one) && (one->err.code == SC_OK || is_torn(lane)))
            one->err = *why;
    }
}

static sc_code write_all(sqlite_lane *lane, sc_error *err)
{
    SC_LIST_EACH (&lane->running, it) {
        job *one = SC_CONTAINER_OF(it, job, link);

        if (!is_write(one) || run_write(lane, one) == SC_OK || !is_torn(lane))
            continue;
        *err = one->err; /* a full disk, for example, ends the transaction at once */
        return err->code;
    }
    if (lane->cleans &&
        sc_sqlite_state_clean(lane->store, lane->owner->conf->cleanup_ms, lane->more_to_clean,
                              &lane->more_to_clean, err) != SC_OK)
        return err->code;
    return SC_OK;
}

static void run_batch(sc_lane_op *op)
{
    sqlite_lane *lane = (sqlite_lane *)op;
    sc_error *err = &op->op.err;
    bool writes = lane->cleans;

    SC_LIST_EACH (&lane->running, it) {
        job *one = SC_CONTAINER_OF(it, job, link);

        writes |= is_write(one);
        if (!is_write(one))
            run_read(lane, one);
    }
    if (!writes)
        return;
    if (sc_sqlite_state_begin(lane->store, err) == SC_OK && write_all(lane, err) == SC_OK &&
        sc_sqlite_state_commit(lane->store, err) == SC_OK)
        return;
    fail_writes(lane, err);
    sc_sqlite_state_rollback(lane->store);
}

/* ---- batches ---- */

static void finish_close(sqlite_state *self);

static void pump(sc_turn_hook *hook)
{
    sqlite_lane *lane = SC_CONTAINER_OF(hook, sqlite_lane, pump);
    sc_error err;

    if (lane->is_running)
        return;
    if (sc_list_is_empty(&lane->waiting) && !lane->cleans) {
        finish_close(lane->owner);
        return;
    }
    sc_list_move_all(&lane->running, &lane->waiting);
    lane->waiting_count = 0;
    lane->is_running = true;
    sc_op_init(&lane->op.op, sc_loop_ops(lane->owner->env->loop), NULL, on_batch_done);
    lane->op.work = run_batch;
    if (sc_lane_submit(lane->lane, &lane->op, &err) == SC_PENDING)
        return;
    SC_LIST_EACH (&lane->running, it)
        SC_CONTAINER_OF(it, job, link)->err = err;
    sc_op_fail(&lane->op.op, err.code, "%s", err.text);
}

static sc_state_value copied(const sc_state_value *from, sc_arena *mem)
{
    sc_state_value to = *from;

    to.value = sc_arena_str(mem, from->value);
    to.etag = sc_arena_str(mem, from->etag);
    return to;
}

static void give_results(job *one)
{
    sc_arena *mem = one->of.op->mem;

    switch (one->kind) {
    case JOB_GET:
        one->of.get->out = copied(one->values, mem);
        break;
    case JOB_BULK_GET: {
        sc_state_bulk_get_op *bulk = one->of.bulk;

        bulk->rows = sc_arena_zero(mem, (bulk->count + 1) * sizeof(bulk->rows[0]));
        bulk->row_count = bulk->count;
        for (size_t i = 0; i < bulk->count; i++)
            bulk->rows[i] =
                (sc_state_row){.key = bulk->keys[i], .value = copied(&one->values[i], mem)};
        break;
    }
    case JOB_WRITE:
        one->of.write->etag_fault = one->etag_fault;
        break;
    case JOB_TRANSACT:
        one->of.transact->etag_fault = one->etag_fault;
        break;
    }
}

static void finish_job(job *one)
{
    sc_op *op = one->of.op;

    sc_list_remove(&one->link);
    op->err = one->err;
    if (op->err.code == SC_OK || is_write(one))
        give_results(one);
    sc_arena_deinit(&one->mem);
    sc_op_finish(op);
}

static void on_batch_done(sc_op *op)
{
    sqlite_lane *lane = SC_CONTAINER_OF(op, sqlite_lane, op.op);
    sqlite_state *self = lane->owner;

    lane->is_running = false;
    self->last = op->err;
    while (!sc_list_is_empty(&lane->running))
        finish_job(SC_CONTAINER_OF(lane->running.next, job, link));
    if (lane->cleans && op->err.code != SC_OK) {
        sc_log_warn(self->env->log, "expired state could not be deleted, next time: %s",
                    op->err.text);
        lane->more_to_clean = false;
    }
    lane->cleans = lane->more_to_clean && !self->is_closing;
    sc_loop_at_turn_end(self->env->loop, &lane->pump);
}

static void on_clean_due(sc_timer *timer)
{
    sqlite_state *self = SC_CONTAINER_OF(timer, sqlite_state, clean_timer);

    self->writes.cleans = true;
    sc_loop_at_turn_end(self->env->loop, &self->writes.pump);
    sc_timer_start(timer, (uint64_t)self->conf->cleanup_ms);
}

/* ---- life ---- */

static sc_code open_lane(sqlite_state *self, sqlite_lane *lane, bool is_reader, sc_error *err)
{
    const sqlite_conf *conf = self->conf;
    sc_sqlite_state_settings settings = {.connection = conf->connection,
                                         .table = conf->table,
                                         .metadata_table = conf->metadata_table,
                                         .busy_ms = conf->busy_ms > 0 ? (uint32_t)conf->busy_ms : 0,
                                         .timeout_ms = conf->timeout_ms,
                                         .has_wal = !conf->disable_wal,
                                         .is_reader = is_reader};

    if (sc_sqlite_state_check(&settings, err) != SC_OK ||
        sc_sqlite_state_open(&settings, &lane->store, err) != SC_OK)
        return err->code;
    lane->owner = self;
    lane->pump.run = pump;
    sc_list_init(&lane->waiting);
    sc_list_init(&lane->running);
    lane->lane = sc_lane_open(self->env->loop, is_reader ? "state.sqlite r" : "state.sqlite w", 4);
    return SC_OK;
}

static sc_code sqlite_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    sqlite_state *self = at;

    self->conf = conf;
    self->env = env;
    self->is_memory = sc_sqlite_is_memory(self->conf->connection);
    if (open_lane(self, &self->writes, false, err) != SC_OK)
        return err->code;
    if (!self->is_memory && open_lane(self, &self->reads, true, err) != SC_OK) {
        sc_lane_close(self->writes.lane, NULL, NULL);
        sc_sqlite_state_close(self->writes.store);
        return err->code;
    }
    sc_timer_init(&self->clean_timer, env->loop, on_clean_due);
    if (self->conf->cleanup_ms > 0)
        sc_timer_start(&self->clean_timer, (uint64_t)self->conf->cleanup_ms);
    return SC_OK;
}

static sc_component_state sqlite_component_state(void *at, sc_error *why)
{
    const sqlite_state *self = at;

    if (self->last.code == SC_OK)
        return SC_COMPONENT_READY;
    if (why)
        *why = self->last;
    return SC_COMPONENT_LOST;
}

static uint32_t sqlite_features(void *at)
{
    (void)at;
    return SC_STATE_ETAG | SC_STATE_TRANSACTIONAL | SC_STATE_TTL;
}

static void on_lane_closed(void *at)
{
    sqlite_lane *lane = at;
    sqlite_state *self = lane->owner;

    sc_sqlite_state_close(lane->store);
    if (--self->closing == 0)
        self->on_closed(self->user);
}

static void close_lane(sqlite_state *self, sqlite_lane *lane)
{
    self->closing++;
    sc_loop_forget_hook(&lane->pump);
    sc_lane_close(lane->lane, on_lane_closed, lane);
    lane->lane = NULL;
}

/* After the last batch of both lanes. */
static void finish_close(sqlite_state *self)
{
    if (!self->is_closing || !self->writes.lane || self->writes.is_running ||
        self->reads.is_running || !sc_list_is_empty(&self->writes.waiting) ||
        (!self->is_memory && !sc_list_is_empty(&self->reads.waiting)))
        return;
    sc_timer_stop(&self->clean_timer);
    close_lane(self, &self->writes);
    if (!self->is_memory)
        close_lane(self, &self->reads);
}

static void sqlite_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    sqlite_state *self = at;

    (void)linger_ms; /* one commit, bounded by busyTimeout and timeout */
    self->is_closing = true;
    self->writes.cleans &= self->writes.is_running;
    self->on_closed = on_closed;
    self->user = user;
    sc_loop_at_turn_end(self->env->loop, &self->writes.pump);
}

static const sc_field fields[] = {
    SC_FIELD(sqlite_conf, connection, STR, "connectionString", .aliases = "url",
             .help = "Path of the file (or a file: URI), shared by all sidecars of the machine; "
                     "made when missing. :memory: keeps nothing."),
    SC_FIELD(sqlite_conf, timeout_ms, DURATION, "timeout", .aliases = "timeoutInSeconds",
             .initial = "20s", .plain_unit_ms = 1000,
             .help = "Limit for one statement; 1s at least."),
    SC_FIELD(sqlite_conf, busy_ms, DURATION, "busyTimeout", .initial = "2s", .plain_unit_ms = 1000,
             .help = "How long to wait for another process's transaction."),
    SC_FIELD(sqlite_conf, disable_wal, BOOL, "disableWAL", .initial = "false",
             .help = "Keep a rollback journal instead of a write-ahead log, for files on a "
                     "network share."),
    SC_FIELD(sqlite_conf, table, STR, "tableName", .initial = "state",
             .help = "Table of the items."),
    SC_FIELD(sqlite_conf, metadata_table, STR, "metadataTableName", .initial = "metadata",
             .help = "Table of the schema's version and the last clean-up."),
    SC_FIELD(sqlite_conf, cleanup_ms, DURATION, "cleanupInterval",
             .aliases = "cleanupIntervalInSeconds", .initial = "0", .plain_unit_ms = 1000,
             .help = "How often expired rows are deleted; 0: never (they are not read either "
                     "way)."),
    SC_FIELD_END,
};

static const sc_state_ops ops = {
    .open = sqlite_open,
    .state = sqlite_component_state,
    .features = sqlite_features,
    .get = sqlite_get,
    .write = sqlite_write,
    .bulk_get = sqlite_bulk_get,
    .transact = sqlite_transact,
    .close = sqlite_close,
};

#define SQLITE_COMPONENT(name)                                                                     \
    {                                                                                              \
        .type = (name), .version = "v1", .title = "SQLite", .fields = fields,                      \
        .conf_size = sizeof(sqlite_conf), .self_size = sizeof(sqlite_state), .state = &ops,        \
    }

extern const sc_component sc_state_sqlite;
const sc_component sc_state_sqlite = SQLITE_COMPONENT("state.sqlite");
/* Dapr's other name for it. */
extern const sc_component sc_state_sqlite3;
const sc_component sc_state_sqlite3 = SQLITE_COMPONENT("state.sqlite3");
