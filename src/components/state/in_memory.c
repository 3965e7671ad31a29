/* SPDX-License-Identifier: MIT
 *
 * state.in-memory: a hash table inside one sidecar; nothing survives it. An entry with a time to
 * live owns a timer that removes it, so nothing sweeps.
 */
#include <stdlib.h>

#include "components/state/in_memory_query.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/map.h"
#include "core/random.h"
#include "io/timer.h"

typedef struct in_memory {
    sc_loop *loop;
    sc_map entries;
    sc_random random;
    sc_op closing;
    void (*on_closed)(void *user);
    void *user;
} in_memory;

typedef struct entry {
    in_memory *owner;
    sc_bytes *value;
    char etag[SC_UUID_LEN + 1];
    int64_t expires_ms; /* wall clock; 0: never */
    sc_timer timer;
    size_t key_len;
    char key[];
} entry;

/* ---- entries ---- */

static sc_str key_of(const entry *one)
{
    return sc_str_of(one->key, one->key_len);
}

static void free_entry(entry *one)
{
    sc_timer_stop(&one->timer);
    sc_bytes_unref(one->value);
    free(one);
}

static void on_expired(sc_timer *timer)
{
    entry *one = SC_CONTAINER_OF(timer, entry, timer);

    (void)sc_map_remove(&one->owner->entries, key_of(one));
    free_entry(one);
}

/* The entry under `key`, unless it is expired: its timer may be late. */
static entry *find(const in_memory *self, sc_str key)
{
    entry *one = sc_map_get(&self->entries, key);

    return one && one->expires_ms > 0 && one->expires_ms <= sc_clock_wall_ms() ? NULL : one;
}

static entry *make(in_memory *self, sc_str key)
{
    entry *one = sc_alloc_zero(sizeof(*one) + key.len + 1);

    one->owner = self;
    one->key_len = key.len;
    memcpy(one->key, key.at, key.len);
    sc_timer_init(&one->timer, self->loop, on_expired);
    (void)sc_map_put(&self->entries, key, one);
    return one;
}

/* Borrows from the entry. */
static sc_state_value value_of(const entry *one)
{
    return (sc_state_value){.is_found = true,
                            .value = sc_bytes_str(one->value),
                            .etag = sc_str_of(one->etag, SC_UUID_LEN),
                            .expires_s = one->expires_ms / 1000};
}

/* ---- writing ---- */

/* A write that passed its checks. */
typedef struct checked_write {
    const sc_state_write *write;
    sc_bytes *value;    /* NULL: a delete */
    int64_t expires_ms; /* 0: never */
} checked_write;

static sc_code check_etag(const in_memory *self, const sc_state_write *write, sc_etag_fault *fault,
                          sc_error *err)
{
    const entry *one;

    if (write->etag.len == 0 && (write->is_delete || write->concurrency != SC_FIRST_WRITE))
        return SC_OK;
    one = find(self, write->key);
    *fault = SC_ETAG_MISMATCH;
    if (write->etag.len == 0 && one)
        return sc_fail(err, SC_ABORTED, "item already exists and no etag was passed");
    if (write->etag.len > 0 && !one)
        return sc_fail(err, SC_ABORTED, "state not exist or expired for key=%.*s",
                       SC_FMT(write->key));
    if (one && !sc_str_eq(write->etag, sc_str_of(one->etag, SC_UUID_LEN)))
        return sc_fail(err, SC_ABORTED,
                       "state etag not match for key=%.*s: current=%s, expect=%.*s",
                       SC_FMT(write->key), one->etag, SC_FMT(write->etag));
    *fault = SC_ETAG_FINE;
    return SC_OK;
}

static sc_code check(const in_memory *self, const sc_state_write *write, checked_write *out,
                     sc_etag_fault *fault, sc_error *err)
{
    sc_state_ttl ttl;

    *out = (checked_write){.write = write};
    if (check_etag(self, write, fault, err) != SC_OK || write->is_delete)
        return err->code;
    if (sc_state_read_ttl(write->metadata, "strconv.Atoi", &ttl, err) != SC_OK)
        return err->code;
    if (ttl.seconds > 0 &&
        (__builtin_mul_overflow(ttl.seconds, 1000, &out->expires_ms) ||
         __builtin_add_overflow(out->expires_ms, sc_clock_wall_ms(), &out->expires_ms)))
        out->expires_ms = 0; /* past the end of time */
    out->value = sc_bytes_copy(write->value);
    if (!out->value)
        return sc_fail(err, SC_EXHAUSTED, "no memory for a value of %zu bytes", write->value.len);
    return SC_OK;
}

static void apply(in_memory *self, checked_write *checked)
{
    const sc_state_write *write = checked->write;
    entry *one = sc_map_get(&self->entries, write->key);

    if (write->is_delete) {
        if (one)
            on_expired(&one->timer);
        return;
    }
    if (!one)
        one = make(self, write->key);
    sc_bytes_unref(one->value);
    one->value = checked->value;
    checked->value = NULL;
    one->expires_ms = checked->expires_ms;
    sc_random_uuid(&self->random, one->etag);
    sc_timer_stop(&one->timer);
    if (one->expires_ms > 0)
        sc_timer_start(&one->timer, (uint64_t)(one->expires_ms - sc_clock_wall_ms()));
}

static void in_memory_write(void *at, sc_state_write_op *op)
{
    checked_write checked;

    if (check(at, &op->write, &checked, &op->etag_fault, &op->op.err) == SC_OK)
        apply(at, &checked);
    sc_bytes_unref(checked.value);
    sc_op_finish(&op->op);
}

/* All ETags are looked at before anything changes, as in Dapr. */
static void in_memory_transact(void *at, sc_state_transact_op *op)
{
    checked_write *all = sc_arena_zero(op->op.mem, (op->count + 1) * sizeof(all[0]));
    sc_error *err = &op->op.err;

    for (size_t i = 0; err->code == SC_OK && i < op->count; i++)
        (void)check(at, &op->writes[i], &all[i], &op->etag_fault, err);
    for (size_t i = 0; err->code == SC_OK && i < op->count; i++)
        apply(at, &all[i]);
    for (size_t i = 0; i < op->count; i++)
        sc_bytes_unref(all[i].value);
    sc_op_finish(&op->op);
}

/* ---- reading ---- */

static void in_memory_get(void *at, sc_state_get_op *op)
{
    const entry *one = find(at, op->key);

    if (one) {
        op->out = value_of(one);
        op->out.value = sc_arena_str(op->op.mem, op->out.value);
        op->out.etag = sc_arena_str(op->op.mem, op->out.etag);
    }
    sc_op_finish(&op->op);
}

static void in_memory_query(void *at, sc_state_query_op *op)
{
    in_memory *self = at;
    sc_memory_query *run = sc_memory_query_begin(op);
    size_t slot = 0;
    sc_str key;
    void *value;

    while (sc_map_next(&self->entries, &slot, &key, &value)) {
        if (sc_str_starts(key, op->key_prefix) && find(self, key))
            sc_memory_query_offer(run, key, value_of(value));
    }
    sc_memory_query_end(run);
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
    sc_map_init(&self->entries);
    sc_random_init(&self->random);
    return SC_OK;
}

static sc_component_state in_memory_state(void *at, sc_error *why)
{
    (void)at;
    (void)why;
    return SC_COMPONENT_READY;
}

static uint32_t in_memory_features(void *at)
{
    (void)at;
    return SC_STATE_ETAG | SC_STATE_TRANSACTIONAL | SC_STATE_TTL | SC_STATE_QUERY;
}

static void on_closing_done(sc_op *op)
{
    in_memory *self = SC_CONTAINER_OF(op, in_memory, closing);

    self->on_closed(self->user);
}

static void in_memory_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    in_memory *self = at;
    size_t slot = 0;
    sc_str key;
    void *value;

    (void)linger_ms;
    self->on_closed = on_closed;
    self->user = user;
    while (sc_map_next(&self->entries, &slot, &key, &value))
        free_entry(value);
    sc_map_deinit(&self->entries);
    sc_op_init(&self->closing, sc_loop_ops(self->loop), NULL, on_closing_done);
    sc_op_finish(&self->closing);
}

static const sc_field fields[] = {SC_FIELD_END};

static const sc_state_ops ops = {
    .open = in_memory_open,
    .state = in_memory_state,
    .features = in_memory_features,
    .get = in_memory_get,
    .write = in_memory_write,
    .transact = in_memory_transact,
    .query = in_memory_query,
    .close = in_memory_close,
};

extern const sc_component sc_state_in_memory;
const sc_component sc_state_in_memory = {
    .type = "state.in-memory",
    .version = "v1",
    .title = "In-memory",
    .fields = fields,
    .self_size = sizeof(in_memory),
    .state = &ops,
};
