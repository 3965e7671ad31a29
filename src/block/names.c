/* SPDX-License-Identifier: MIT
 *
 * Look-ups. A resolver that remembers by itself is asked every time; what another one says is kept
 * for its max_age_ms, and after that used on while it is asked again, so that no call waits for a
 * list that is known.
 */
#include "block/names.h"

#include <stdlib.h>

#include "core/list.h"
#include "core/map.h"

#define DOUBT_MS    1000u /* how long a failed address is passed over, if there are others */
#define STALE_MS    5000u /* a list this much older than its age is not used any more */
#define ENTRIES_MAX 1000u /* remembered applications; more are asked for each time */

typedef struct sc_name_entry {
    sc_names *names;
    sc_resolve_op ask; /* running while is_asking */
    sc_arena asked;    /* its memory */
    sc_arena mem;      /* of the list */
    char *key;
    sc_str app_id; /* in `key` */
    sc_str namespace_;
    sc_str *addresses;
    uint32_t count;
    uint64_t read_ms; /* loop clock */
    sc_list waiting;  /* of waiter */
    bool is_asking;
} sc_name_entry;

typedef struct waiter {
    sc_list link;
    sc_name_op *op;
} waiter;

struct sc_names {
    sc_instance *instance;
    const sc_nameresolution_ops *ops;
    sc_loop *loop;
    sc_map entries; /* of sc_name_entry */
    sc_map doubted; /* addresses, to when they are past it, as a pointer-sized number */
    uint32_t turn;
    bool is_withdrawn;
    void (*on_closed)(void *user);
    void *user;
};

static void on_resolved(sc_op *op);

sc_code sc_names_open(const sc_component *component, const sc_component_env *env, sc_names **out,
                      sc_error *err)
{
    sc_names *names = sc_new(sc_names);

    names->ops = component->nameresolution;
    names->loop = env->loop;
    sc_map_init(&names->entries);
    sc_map_init(&names->doubted);
    if (sc_instance_open(component, names->ops->open, names->ops->close, env, &names->instance,
                         err) != SC_OK) {
        free(names);
        return err->code;
    }
    *out = names;
    return SC_OK;
}

sc_code sc_names_announce(sc_names *names, const sc_announcement *what, sc_error *err)
{
    if (!names->ops->announce)
        return SC_OK;
    return names->ops->announce(names->instance->self, what, err);
}

void sc_names_withdraw(sc_names *names)
{
    names->is_withdrawn = true;
    if (names->ops->withdraw)
        names->ops->withdraw(names->instance->self);
}

bool sc_names_is_withdrawn(const sc_names *names)
{
    return names->is_withdrawn;
}

/* ---- choosing ---- */

static bool is_doubted(sc_names *names, sc_str address)
{
    void *until = names->doubted.count > 0 ? sc_map_get(&names->doubted, address) : NULL;

    if (!until)
        return false;
    if (sc_loop_now_ms(names->loop) < (uint64_t)(uintptr_t)until)
        return true;
    (void)sc_map_remove(&names->doubted, address);
    return false;
}

/* The next in turn that did not fail lately; if all did, the next in turn. */
static void choose(sc_names *names, sc_name_op *op, const sc_str *addresses, uint32_t count)
{
    uint32_t first = names->turn++ % count;
    uint32_t good = 0;
    sc_str chosen = addresses[first];

    for (uint32_t i = 0; i < count; i++) {
        sc_str one = addresses[(first + i) % count];

        if (count > 1 && is_doubted(names, one))
            continue;
        if (good++ == 0)
            chosen = one;
    }
    op->address = sc_arena_str(op->op.mem, chosen);
    op->is_last = good <= 1;
}

/* ---- resolvers that remember by themselves ---- */

static void on_asked(sc_op *done)
{
    sc_name_op *op = SC_CONTAINER_OF(done, sc_name_op, ask.op);

    if (done->err.code == SC_OK)
        choose(op->names, op, op->ask.addresses, op->ask.count);
    else
        op->op.err = done->err;
    sc_op_finish(&op->op);
}

static sc_code look_up_there(sc_names *names, sc_name_op *op)
{
    sc_code code;

    op->names = names;
    op->ask = (sc_resolve_op){.app_id = op->app_id, .namespace_ = op->namespace_};
    sc_op_init(&op->ask.op, op->op.home, op->op.mem, on_asked);
    code = names->ops->resolve(names->instance->self, &op->ask);
    if (code == SC_OK)
        choose(names, op, op->ask.addresses, op->ask.count);
    else if (code != SC_PENDING)
        op->op.err = op->ask.op.err;
    return code;
}

/* ---- resolvers that do not ---- */

static sc_name_entry *entry_of(sc_names *names, const sc_name_op *op)
{
    sc_str parts[] = {op->namespace_, SC_STR("/"), op->app_id};
    sc_str key = sc_arena_join(op->op.mem, parts, SC_ARRAY_LEN(parts));
    sc_name_entry *entry = sc_map_get(&names->entries, key);

    if (entry)
        return entry;
    entry = sc_new(sc_name_entry);
    entry->names = names;
    entry->key = sc_alloc_zero(key.len + 1);
    memcpy(entry->key, key.at, key.len);
    entry->namespace_ = sc_str_of(entry->key, op->namespace_.len);
    entry->app_id = sc_str_of(entry->key + op->namespace_.len + 1, op->app_id.len);
    sc_arena_init(&entry->mem, NULL);
    sc_arena_init(&entry->asked, NULL);
    sc_list_init(&entry->waiting);
    (void)sc_map_put(&names->entries, key, entry);
    return entry;
}

static void free_entry(sc_name_entry *entry)
{
    sc_arena_deinit(&entry->mem);
    sc_arena_deinit(&entry->asked);
    free(entry->key);
    free(entry);
}

static void remove_entry(sc_name_entry *entry)
{
    sc_str key = sc_str_from(entry->key);

    (void)sc_map_remove(&entry->names->entries, key);
    free_entry(entry);
}

static void keep(sc_name_entry *entry)
{
    const sc_resolve_op *ask = &entry->ask;

    sc_arena_deinit(&entry->mem);
    entry->addresses = sc_arena_alloc(&entry->mem, (ask->count + 1) * sizeof(sc_str));
    entry->count = ask->count;
    for (uint32_t i = 0; i < ask->count; i++)
        entry->addresses[i] = sc_arena_str(&entry->mem, ask->addresses[i]);
    entry->read_ms = sc_loop_now_ms(entry->names->loop);
}

/* Starts a question. SC_OK or a failure when it was answered at once. */
static sc_code ask(sc_name_entry *entry)
{
    sc_names *names = entry->names;
    sc_code code;

    entry->ask = (sc_resolve_op){.app_id = entry->app_id, .namespace_ = entry->namespace_};
    sc_op_init(&entry->ask.op, sc_loop_ops(names->loop), &entry->asked, on_resolved);
    code = names->ops->resolve(names->instance->self, &entry->ask);
    entry->is_asking = code == SC_PENDING;
    if (code == SC_OK)
        keep(entry);
    return code;
}

static sc_code wait_for(sc_name_entry *entry, sc_name_op *op)
{
    waiter *wait = sc_arena_new(op->op.mem, waiter);

    wait->op = op;
    sc_list_add(&entry->waiting, &wait->link);
    return SC_PENDING;
}

static sc_code look_up_known(sc_names *names, sc_name_op *op)
{
    sc_name_entry *entry = entry_of(names, op);
    uint64_t age = sc_loop_now_ms(names->loop) - entry->read_ms;
    sc_code code;

    if (entry->count > 0 && age < names->ops->max_age_ms + STALE_MS) {
        choose(names, op, entry->addresses, entry->count);
        if (age >= names->ops->max_age_ms && !entry->is_asking)
            (void)ask(entry);
        return SC_OK;
    }
    code = entry->is_asking ? SC_PENDING : ask(entry);
    if (code == SC_PENDING)
        return wait_for(entry, op);
    if (code == SC_OK) {
        choose(names, op, entry->addresses, entry->count);
        return SC_OK;
    }
    op->op.err = entry->ask.op.err;
    remove_entry(entry);
    return code;
}

static void on_resolved(sc_op *done)
{
    sc_name_entry *entry = SC_CONTAINER_OF(done, sc_name_entry, ask.op);
    bool is_found = done->err.code == SC_OK;

    entry->is_asking = false;
    if (is_found)
        keep(entry);
    while (!sc_list_is_empty(&entry->waiting)) {
        sc_name_op *op = SC_CONTAINER_OF(entry->waiting.next, waiter, link)->op;

        sc_list_remove(entry->waiting.next);
        if (is_found)
            choose(entry->names, op, entry->addresses, entry->count);
        else
            op->op.err = done->err;
        sc_op_finish(&op->op);
    }
    sc_arena_deinit(&entry->asked);
    if (!is_found || entry->names->entries.count > ENTRIES_MAX)
        remove_entry(entry);
}

sc_code sc_names_look_up(sc_names *names, sc_name_op *op)
{
    return names->ops->max_age_ms > 0 ? look_up_known(names, op) : look_up_there(names, op);
}

void sc_names_doubt(sc_names *names, sc_str address)
{
    uint64_t until = sc_loop_now_ms(names->loop) + DOUBT_MS;
    size_t walk = 0;
    void *value;
    sc_str key;

    if (names->doubted.count >= ENTRIES_MAX) /* mostly of sidecars long gone */
        sc_map_deinit(&names->doubted);
    (void)sc_map_put(&names->doubted, address, (void *)(uintptr_t)until);
    while (sc_map_next(&names->entries, &walk, &key, &value))
        ((sc_name_entry *)value)->read_ms = 0; /* what is remembered counts no more */
    if (names->ops->doubt)
        names->ops->doubt(names->instance->self, address);
}

/* ---- the end ---- */

static void on_instance_closed(void *user)
{
    sc_names *names = user;
    void (*on_closed)(void *) = names->on_closed;
    void *closed_user = names->user;
    size_t walk = 0;
    void *value;
    sc_str key;

    while (sc_map_next(&names->entries, &walk, &key, &value))
        free_entry(value);
    sc_map_deinit(&names->entries);
    sc_map_deinit(&names->doubted);
    free(names);
    on_closed(closed_user);
}

void sc_names_close(sc_names *names, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    names->on_closed = on_closed;
    names->user = user;
    sc_instance_close(names->instance, linger_ms, on_instance_closed, names);
}
