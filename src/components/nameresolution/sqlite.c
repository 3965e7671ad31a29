/* SPDX-License-Identifier: MIT
 *
 * nameresolution.sqlite: the sidecars that share one file, in Dapr's table.
 *
 * A sidecar writes its address there, and renews the row while it lives; a row that is not renewed
 * is a dead sidecar's, and nobody sees it any more. All that is done with the file runs on a lane;
 * only opening it waits, for busyTimeout at most, when nobody calls yet.
 */
#include <stdio.h>

#include "component/nameresolution.h"
#include "components/nameresolution/sqlite_hosts.h"
#include "core/random.h"
#include "io/lane.h"
#include "io/timer.h"

#define MAX_WAITING 1000u /* questions */
#define MAX_AGE_MS  1000u /* of an answer */
#define MAX_ADDRESS 300   /* of a host and its port */

typedef struct sqlite_conf {
    sc_str connection;
    sc_str table;
    sc_str metadata_table;
    int64_t update_ms;
    int64_t timeout_ms;
    int64_t busy_ms;
    int64_t cleanup_ms;
} sqlite_conf;

typedef struct sqlite_names {
    const sqlite_conf *conf;
    const sc_component_env *env;
    sc_sqlite_hosts_settings settings;
    sc_lane *lane;
    sc_sqlite_hosts *hosts; /* the lane's while something runs there */
    sc_sqlite_host own;     /* written once, before the lane sees it */
    char id[SC_UUID_LEN + 1];
    char address[MAX_ADDRESS];
    sc_op *announcing; /* not NULL: the row is being written for the first time */
    sc_timer renew_timer;
    sc_lane_op renewal;
    sc_lane_op removal;
    bool is_announced;
    bool is_renewing;
    bool has_failed; /* the last renewal did: it was said */
    void (*on_closed)(void *user);
    void *user;
} sqlite_names;

/* A question on its way. In the arena of `ask`. */
typedef struct question {
    sc_lane_op op;
    sqlite_names *owner;
    sc_resolve_op *ask;
    sc_arena mem; /* the lane's */
    sc_str *addresses;
    uint32_t count;
} question;

/* ---- opening ---- */

static sc_code check_times(const sqlite_conf *conf, sc_error *err)
{
    if (conf->timeout_ms < 1)
        return sc_fail(err, SC_INVALID, "timeout must be longer than 0");
    if (conf->update_ms % 1000 != 0)
        return sc_fail(err, SC_INVALID,
                       "updateInterval counts whole seconds, and is %lld ms: such as '5s'",
                       (long long)conf->update_ms);
    if (conf->update_ms < conf->timeout_ms + 1000)
        return sc_fail(err, SC_INVALID,
                       "updateInterval (%lld ms) must be at least a second longer than timeout "
                       "(%lld ms)",
                       (long long)conf->update_ms, (long long)conf->timeout_ms);
    if (conf->cleanup_ms < 0 || (conf->cleanup_ms > 0 && conf->cleanup_ms < 1000))
        return sc_fail(err, SC_INVALID,
                       "cleanupInterval is a second or more, or 0 for never, and is %lld ms",
                       (long long)conf->cleanup_ms);
    return SC_OK;
}

static void on_renew_due(sc_timer *timer);

static sc_code sqlite_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    sqlite_names *self = at;
    const sqlite_conf *set = conf;
    int64_t busy_ms = set->busy_ms < set->timeout_ms ? set->busy_ms : set->timeout_ms;

    self->conf = set;
    self->env = env;
    self->settings = (sc_sqlite_hosts_settings){.connection = set->connection,
                                                .table = set->table,
                                                .metadata_table = set->metadata_table,
                                                .busy_ms = busy_ms > 0 ? (uint32_t)busy_ms : 0,
                                                .life_s = set->update_ms / 1000,
                                                .cleanup_s = set->cleanup_ms / 1000};
    if (check_times(set, err) != SC_OK || sc_sqlite_hosts_check(&self->settings, err) != SC_OK ||
        sc_sqlite_hosts_open(&self->settings, &self->hosts, err) != SC_OK)
        return err->code;
    sc_timer_init(&self->renew_timer, env->loop, on_renew_due);
    self->lane = sc_lane_open(env->loop, "names.sqlite", MAX_WAITING);
    return SC_OK;
}

/* ---- this sidecar ---- */

/* So that one renewal may be late, or fail, before others take this sidecar for dead. */
static uint64_t renew_ms(const sqlite_names *self)
{
    int64_t latest = self->conf->update_ms - self->conf->timeout_ms;
    int64_t half = self->conf->update_ms / 2;

    return (uint64_t)(half < latest ? half : latest);
}

static bool submit_renewal(sqlite_names *self, void (*done)(sc_op *op), sc_error *err);
static void on_announced(sc_op *op);

/* The first renewal writes the row. */
static sc_code sqlite_announce(void *at, const sc_announcement *what, sc_error *err)
{
    sqlite_names *self = at;
    bool is_v6 = sc_str_find(what->host, ':') < what->host.len;
    sc_random random;
    int len = snprintf(self->address, sizeof(self->address), is_v6 ? "[%.*s]:%u" : "%.*s:%u",
                       SC_FMT(what->host), what->port);

    if (len < 0 || (size_t)len >= sizeof(self->address))
        return sc_fail(err, SC_INVALID, "the host '%.*s' is too long for an address",
                       SC_FMT(what->host));
    sc_random_init(&random);
    sc_random_uuid(&random, self->id);
    self->own = (sc_sqlite_host){.id = sc_str_of(self->id, SC_UUID_LEN),
                                 .address = sc_str_of(self->address, (size_t)len),
                                 .app_id = what->app_id};
    if (!submit_renewal(self, on_announced, err))
        return err->code;
    self->announcing = what->op;
    self->is_announced = true;
    return SC_PENDING;
}

static void on_announced(sc_op *op)
{
    sqlite_names *self = SC_CONTAINER_OF(op, sqlite_names, renewal.op);

    self->is_renewing = false;
    self->has_failed = op->err.code != SC_OK;
    if (self->is_announced) /* and not withdrawn already */
        sc_timer_start(&self->renew_timer, renew_ms(self));
    self->announcing->err = op->err;
    sc_op_finish(self->announcing);
}

/* When the file was removed, or another was put there, all sidecars meet in the new one. */
static sc_code reopen(sqlite_names *self, sc_error *err)
{
    sc_sqlite_hosts *hosts;

    if (sc_sqlite_hosts_open(&self->settings, &hosts, err) != SC_OK)
        return err->code;
    sc_sqlite_hosts_close(self->hosts);
    self->hosts = hosts;
    return SC_OK;
}

static void run_renewal(sc_lane_op *op)
{
    sqlite_names *self = SC_CONTAINER_OF(op, sqlite_names, renewal);
    sc_error *err = &op->op.err;

    if (sc_sqlite_hosts_is_replaced(self->hosts) && reopen(self, err) != SC_OK)
        return;
    if (sc_sqlite_hosts_renew(self->hosts, &self->own, err) == SC_OK && self->conf->cleanup_ms > 0)
        err->code = sc_sqlite_hosts_clean(self->hosts, err);
}

static void on_renewed(sc_op *op)
{
    sqlite_names *self = SC_CONTAINER_OF(op, sqlite_names, renewal.op);
    bool has_failed = op->err.code != SC_OK;

    self->is_renewing = false;
    if (has_failed && !self->has_failed)
        sc_log_error(self->env->log,
                     "this sidecar could not be renewed in the name resolver's file, others lose "
                     "it until it can: %s",
                     op->err.text);
    else if (!has_failed && self->has_failed)
        sc_log_info(self->env->log, "this sidecar is in the name resolver's file again");
    self->has_failed = has_failed;
}

static bool submit_renewal(sqlite_names *self, void (*done)(sc_op *op), sc_error *err)
{
    sc_op_init(&self->renewal.op, sc_loop_ops(self->env->loop), NULL, done);
    self->renewal.work = run_renewal;
    self->is_renewing = sc_lane_submit(self->lane, &self->renewal, err) == SC_PENDING;
    return self->is_renewing;
}

static void on_renew_due(sc_timer *timer)
{
    sqlite_names *self = SC_CONTAINER_OF(timer, sqlite_names, renew_timer);
    sc_error err;

    sc_timer_start(timer, renew_ms(self));
    if (!self->is_renewing)
        (void)submit_renewal(self, on_renewed, &err);
}

static void run_removal(sc_lane_op *op)
{
    sqlite_names *self = SC_CONTAINER_OF(op, sqlite_names, removal);

    op->op.err.code = sc_sqlite_hosts_remove(self->hosts, &self->own, &op->op.err);
}

static void on_removed(sc_op *op)
{
    sqlite_names *self = SC_CONTAINER_OF(op, sqlite_names, removal.op);

    if (op->err.code != SC_OK)
        sc_log_warn(self->env->log,
                    "this sidecar stays in the name resolver's file until it is taken for dead: %s",
                    op->err.text);
}

static void sqlite_withdraw(void *at)
{
    sqlite_names *self = at;
    sc_error err;

    if (!self->is_announced)
        return;
    self->is_announced = false;
    sc_timer_stop(&self->renew_timer);
    sc_op_init(&self->removal.op, sc_loop_ops(self->env->loop), NULL, on_removed);
    self->removal.work = run_removal;
    if (sc_lane_submit(self->lane, &self->removal, &err) != SC_PENDING)
        sc_op_fail(&self->removal.op, err.code, "%s", err.text);
}

/* ---- others ---- */

static void run_question(sc_lane_op *op)
{
    question *q = SC_CONTAINER_OF(op, question, op);

    op->op.err.code = sc_sqlite_hosts_find(q->owner->hosts, q->ask->app_id, &q->mem, &q->addresses,
                                           &q->count, &op->op.err);
}

static void on_answered(sc_op *op)
{
    question *q = SC_CONTAINER_OF(op, question, op.op);
    sc_resolve_op *ask = q->ask;
    sc_str *addresses = sc_arena_alloc(ask->op.mem, (q->count + 1) * sizeof(addresses[0]));

    for (uint32_t i = 0; i < q->count; i++)
        addresses[i] = sc_arena_str(ask->op.mem, q->addresses[i]);
    ask->addresses = addresses;
    ask->count = q->count;
    ask->op.err = op->err;
    if (op->err.code == SC_OK && q->count == 0)
        (void)sc_fail(&ask->op.err, SC_NOT_FOUND, "no host found with the given ID");
    sc_arena_deinit(&q->mem);
    sc_op_finish(&ask->op);
}

static sc_code sqlite_resolve(void *at, sc_resolve_op *op)
{
    sqlite_names *self = at;
    question *q = sc_arena_new(op->op.mem, question);

    *q = (question){.owner = self, .ask = op};
    sc_arena_init(&q->mem, NULL);
    q->op.work = run_question;
    sc_op_init(&q->op.op, sc_loop_ops(self->env->loop), NULL, on_answered);
    return sc_lane_submit(self->lane, &q->op, &op->op.err);
}

/* ---- the end ---- */

static void on_lane_closed(void *at)
{
    sqlite_names *self = at;

    sc_sqlite_hosts_close(self->hosts);
    self->on_closed(self->user);
}

static void sqlite_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    sqlite_names *self = at;

    (void)linger_ms; /* a few statements, bounded by busyTimeout and timeout */
    sqlite_withdraw(self);
    self->on_closed = on_closed;
    self->user = user;
    sc_lane_close(self->lane, on_lane_closed, self);
}

static const sc_field fields[] = {
    SC_FIELD(sqlite_conf, connection, STR, "connectionString",
             .help = "Path of the file (or a file: URI), the same for all sidecars; made when "
                     "missing."),
    SC_FIELD(sqlite_conf, table, STR, "tableName", .initial = "hosts",
             .help = "Table of the sidecars."),
    SC_FIELD(sqlite_conf, metadata_table, STR, "metadataTableName", .initial = "metadata",
             .help = "Table of the schema's version and the last clean-up."),
    SC_FIELD(sqlite_conf, update_ms, DURATION, "updateInterval", .initial = "5s",
             .plain_unit_ms = 1000,
             .help = "A sidecar that did not renew its row for so long is not found any more; "
                     "whole seconds, at least one more than timeout."),
    SC_FIELD(sqlite_conf, timeout_ms, DURATION, "timeout", .initial = "1s", .plain_unit_ms = 1000,
             .help = "Limit for one statement, most of which may be waiting for others."),
    SC_FIELD(sqlite_conf, busy_ms, DURATION, "busyTimeout", .initial = "800ms",
             .plain_unit_ms = 1000,
             .help = "How long to wait for another process's transaction; not longer than "
                     "timeout."),
    SC_FIELD(sqlite_conf, cleanup_ms, DURATION, "cleanupInterval", .initial = "1h",
             .plain_unit_ms = 1000,
             .help = "How often rows of dead sidecars are deleted; 0: never (they are not found "
                     "either way)."),
    SC_FIELD_END,
};

static const sc_nameresolution_ops ops = {
    .open = sqlite_open,
    .announce = sqlite_announce,
    .withdraw = sqlite_withdraw,
    .resolve = sqlite_resolve,
    .close = sqlite_close,
    .max_age_ms = MAX_AGE_MS,
};

extern const sc_component sc_nameresolution_sqlite;
const sc_component sc_nameresolution_sqlite = {
    .type = "nameresolution.sqlite",
    .version = "v1",
    .title = "SQLite",
    .fields = fields,
    .conf_size = sizeof(sqlite_conf),
    .self_size = sizeof(sqlite_names),
    .nameresolution = &ops,
};
