/* SPDX-License-Identifier: MIT
 *
 * Opens and closes state stores, gives every store a bulk get, and reads what all stores read alike
 * from an item's metadata.
 */
#include "component/state.h"

#include <stdlib.h>

#define MAX_PARALLEL 1000u /* single gets at a time, whatever the request asks for */

/* ---- life ---- */

sc_code sc_state_open(const sc_component *component, const sc_component_env *env, sc_state **out,
                      sc_error *err)
{
    const sc_state_ops *ops = component->state;
    sc_instance *instance;

    if (sc_instance_open(component, ops->open, ops->close, env, &instance, err) != SC_OK)
        return err->code;
    *out = sc_new(sc_state);
    **out = (sc_state){.instance = instance, .ops = ops, .self = instance->self};
    return SC_OK;
}

void sc_state_close(sc_state *state, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    sc_instance *instance = state->instance;

    free(state);
    sc_instance_close(instance, linger_ms, on_closed, user);
}

size_t sc_state_capabilities(const sc_state *state, const char *names[SC_MAX_CAPABILITIES])
{
    static const struct {
        uint32_t feature;
        const char *name;
    } rows[] = {
        {SC_STATE_ETAG, "ETAG"},
        {SC_STATE_TRANSACTIONAL, "TRANSACTIONAL"},
        {SC_STATE_TTL, "TTL"},
        {SC_STATE_QUERY, "QUERY_API"},
        {SC_STATE_ETAG | SC_STATE_TRANSACTIONAL, "ACTOR"},
    };
    uint32_t features = state->ops->features(state->self);
    size_t count = 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if ((features & rows[i].feature) == rows[i].feature)
            names[count++] = rows[i].name;
    }
    return count;
}

/* ---- bulk get for stores that have none ---- */

typedef struct bulk_fallback {
    sc_state *state;
    sc_state_bulk_get_op *op;
    size_t next; /* key */
    size_t waiting;
} bulk_fallback;

/* Reads one key after the other until none is left. */
typedef struct bulk_reader {
    sc_state_get_op get; /* first: on_got gets it back by a cast */
    bulk_fallback *all;
    sc_state_row *row;
} bulk_reader;

static void on_got(sc_op *op);

static bool read_next(bulk_reader *reader)
{
    bulk_fallback *all = reader->all;
    sc_state_bulk_get_op *bulk = all->op;

    if (all->next == bulk->count)
        return false;
    reader->row = &bulk->rows[all->next];
    reader->row->key = bulk->keys[all->next++];
    reader->get = (sc_state_get_op){.key = reader->row->key, .metadata = bulk->metadata};
    sc_op_init(&reader->get.op, bulk->op.home, bulk->op.mem, on_got);
    sc_state_get(all->state, &reader->get);
    return true;
}

static void on_got(sc_op *op)
{
    bulk_reader *reader = (bulk_reader *)op;
    bulk_fallback *all = reader->all;

    if (op->err.code == SC_OK)
        reader->row->value = reader->get.out;
    else
        reader->row->error = sc_arena_str(all->op->op.mem, sc_str_from(op->err.text));
    if (!read_next(reader) && --all->waiting == 0)
        sc_op_finish(&all->op->op);
}

static void get_one_by_one(sc_state *state, sc_state_bulk_get_op *op)
{
    sc_arena *mem = op->op.mem;
    bulk_fallback *all = sc_arena_new(mem, bulk_fallback);
    size_t readers = op->count < MAX_PARALLEL ? op->count : MAX_PARALLEL;

    if (op->parallelism > 0 && op->parallelism < readers)
        readers = op->parallelism;
    op->rows = sc_arena_zero(mem, (op->count + 1) * sizeof(op->rows[0]));
    op->row_count = op->count;
    *all = (bulk_fallback){.state = state, .op = op, .waiting = readers};
    if (readers == 0)
        sc_op_finish(&op->op);
    for (size_t i = 0; i < readers; i++) {
        bulk_reader *reader = sc_arena_new(mem, bulk_reader);

        reader->all = all;
        (void)read_next(reader);
    }
}

void sc_state_bulk_get(sc_state *state, sc_state_bulk_get_op *op)
{
    if (state->ops->bulk_get)
        state->ops->bulk_get(state->self, op);
    else
        get_one_by_one(state, op);
}

/* ---- metadata of items ---- */

static bool is_number(sc_str text)
{
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+'))
        text = sc_str_sub(text, 1, text.len);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    }
    return text.len > 0;
}

sc_code sc_go_parse_int(sc_str text, const char *func, int64_t *out, sc_error *err)
{
    sc_str digits = sc_str_starts(text, SC_STR("+")) ? sc_str_sub(text, 1, text.len) : text;

    if (!is_number(text))
        return sc_fail(err, SC_INVALID, "%s: parsing \"%.*s\": invalid syntax", func,
                       SC_FMT(sc_str_sub(text, 0, 100)));
    if (!sc_str_to_i64(digits, out))
        return sc_fail(err, SC_INVALID, "%s: parsing \"%.*s\": value out of range", func,
                       SC_FMT(sc_str_sub(text, 0, 100)));
    return SC_OK;
}

sc_code sc_state_read_ttl(const sc_pairs *metadata, const char *func, sc_state_ttl *ttl,
                          sc_error *err)
{
    const sc_str *text = metadata ? sc_pairs_get(metadata, SC_STR("ttlInSeconds")) : NULL;

    *ttl = (sc_state_ttl){.is_set = text && text->len > 0};
    return ttl->is_set ? sc_go_parse_int(*text, func, &ttl->seconds, err) : SC_OK;
}

bool sc_state_wants_document(const sc_pairs *metadata)
{
    const sc_str *type = metadata ? sc_pairs_get(metadata, SC_STR("contentType")) : NULL;

    return type && sc_str_eq(*type, SC_STR("application/json"));
}
