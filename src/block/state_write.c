/* SPDX-License-Identifier: MIT
 *
 * Saving and deleting. Items of one request go to the store at the same time and succeed or fail
 * each by itself; the request tells of the failures together.
 */
#include "block/state_internal.h"
#include "core/clock.h"

#define MAX_PARALLEL 1000u /* writes of one request that are under way at a time */

/* Writes one item after the other until none is left. */
typedef struct writer {
    sc_state_write_op op; /* first: on_item_written gets it back by a cast */
    sc_state_write_request *req;
    size_t item;
} writer;

static void on_item_written(sc_op *op);
static void on_nothing_to_do(sc_op *op);
static void finish(sc_state_write_request *req);

/* ---- items ---- */

static sc_code read_options(const sc_state_item *item, sc_state_write *out, sc_error *err)
{
    if (sc_str_eq(item->concurrency, SC_STR("first-write")))
        out->concurrency = SC_FIRST_WRITE;
    else if (sc_str_eq(item->concurrency, SC_STR("last-write")))
        out->concurrency = SC_LAST_WRITE;
    else if (item->concurrency.len > 0)
        return sc_fail(err, SC_INVALID, "unrecognized concurrency model '%.*s'",
                       SC_FMT(sc_str_sub(item->concurrency, 0, 100)));
    if (sc_str_eq(item->consistency, SC_STR("strong")))
        out->consistency = SC_STRONG;
    else if (sc_str_eq(item->consistency, SC_STR("eventual")))
        out->consistency = SC_EVENTUAL;
    else if (item->consistency.len > 0)
        return sc_fail(err, SC_INVALID, "unrecognized consistency model '%.*s'",
                       SC_FMT(sc_str_sub(item->consistency, 0, 100)));
    return SC_OK;
}

/* What is stored is a text of ours then, whatever the item says that its value is. */
static sc_code encrypt(sc_state_store *store, const sc_state_item *item, sc_arena *mem,
                       sc_state_write *out, sc_error *err)
{
    sc_pairs *metadata = sc_arena_new(mem, sc_pairs);

    for (uint32_t i = 0; i < item->metadata.count; i++) {
        if (!sc_str_eq(item->metadata.at[i].name, SC_STR("contentType")))
            sc_pairs_add(metadata, mem, item->metadata.at[i].name, item->metadata.at[i].value);
    }
    out->metadata = metadata;
    out->is_json = false;
    return sc_state_cipher_seal(store->cipher, item->value, mem, &out->value, err);
}

sc_code sc_state_prepare(sc_state_store *store, const sc_state_item *item, bool is_delete,
                         sc_arena *mem, sc_state_write *out, sc_error *err)
{
    sc_error_clear(err);
    *out = (sc_state_write){.key = sc_state_stored_key(store, item->key, mem),
                            .value = item->value,
                            .etag = item->etag,
                            .metadata = &item->metadata,
                            .is_delete = is_delete,
                            .is_json = item->is_json};
    if (read_options(item, out, err) != SC_OK || is_delete || !store->cipher)
        return err->code;
    return encrypt(store, item, mem, out, err);
}

sc_str sc_state_write_story(sc_str text, sc_etag_fault fault, sc_arena *mem)
{
    static const char *const words[] = {
        [SC_ETAG_FINE] = "",
        [SC_ETAG_MISMATCH] = "possible etag mismatch. error from state store",
        [SC_ETAG_INVALID] = "invalid etag value",
    };

    return sc_arena_fmt(mem, "%s%s%.*s", words[fault],
                        fault != SC_ETAG_FINE && text.len > 0 ? ": " : "", SC_FMT(text));
}

/* ---- requests ---- */

/* Every key is looked at before the first item is written. */
static bool start(sc_states *states, sc_state_write_request *req)
{
    sc_arena *mem = &req->call->mem;

    req->states = states;
    req->store = sc_states_check_name(states, req->store_name, mem, &req->problem);
    if (!req->store)
        return false;
    for (size_t i = 0; i < req->count; i++) {
        if (!sc_state_check_key(req->store, req->items[i].key, mem, &req->problem))
            return false;
    }
    return req->count > 0;
}

static bool write_next(writer *one)
{
    sc_state_write_request *req = one->req;
    sc_arena *mem = &req->call->mem;

    if (req->next == req->count)
        return false;
    one->item = req->next++;
    one->op.etag_fault = SC_ETAG_FINE;
    sc_op_init(&one->op.op, sc_loop_ops(req->states->env.loop), mem, on_item_written);
    if (sc_state_prepare(req->store, &req->items[one->item], req->action != SC_STATE_SAVE, mem,
                         &one->op.write, &one->op.op.err) == SC_OK)
        sc_state_write_one(req->store->state, &one->op);
    else
        sc_op_finish(&one->op.op);
    return true;
}

void sc_states_write(sc_states *states, sc_state_write_request *req)
{
    sc_call_ref(req->call);
    if (!start(states, req)) {
        sc_op_init(&req->nothing, sc_loop_ops(states->env.loop), &req->call->mem, on_nothing_to_do);
        sc_op_finish(&req->nothing);
        return;
    }
    req->started_ns = sc_clock_mono_ns();
    req->waiting = req->count < MAX_PARALLEL ? req->count : MAX_PARALLEL;
    for (size_t i = req->waiting; i > 0; i--) {
        writer *one = sc_call_make(req->call, writer);

        one->req = req;
        (void)write_next(one);
    }
}

static void on_nothing_to_do(sc_op *op)
{
    finish(SC_CONTAINER_OF(op, sc_state_write_request, nothing));
}

/* ---- failures ---- */

static const struct {
    sc_reason reasons[3]; /* by sc_etag_fault */
    const char *words;
    sc_state_counted counted;
} actions[] = {
    [SC_STATE_SAVE] = {{SC_REASON_STATE_SAVE, SC_REASON_STATE_SAVE_MISMATCH,
                        SC_REASON_STATE_SAVE_INVALID},
                       "failed saving state in state store",
                       SC_STATE_COUNTS_SET},
    [SC_STATE_DELETE] = {{SC_REASON_STATE_DELETE, SC_REASON_STATE_DELETE_MISMATCH,
                          SC_REASON_STATE_DELETE_INVALID},
                         "failed deleting state with key",
                         SC_STATE_COUNTS_DELETE},
    [SC_STATE_BULK_DELETE] = {{SC_REASON_STATE_BULK_DELETE, SC_REASON_STATE_BULK_DELETE_MISMATCH,
                               SC_REASON_STATE_BULK_DELETE_INVALID},
                              "failed deleting state in state store",
                              SC_STATE_COUNTS_BULK_DELETE},
};

/* Kept until all items are written. */
static void note(sc_state_write_request *req, const writer *one)
{
    const sc_error *err = &one->op.op.err;
    bool is_worse =
        !req->failures || (one->op.etag_fault != SC_ETAG_FINE &&
                           (req->worst_fault == SC_ETAG_FINE || one->item < req->worst));

    if (!req->failures)
        req->failures = sc_arena_zero(&req->call->mem, req->count * sizeof(req->failures[0]));
    req->failures[one->item] = sc_arena_fmt(&req->call->mem, "%s", err->text);
    if (!is_worse)
        return;
    req->worst = one->item;
    req->worst_fault = one->op.etag_fault;
}

static sc_str all_stories(const sc_state_write_request *req)
{
    sc_buf all = {0};
    sc_str text;

    for (size_t i = 0; i < req->count; i++) {
        if (req->failures[i].at && sc_buf_len(&all) > 0)
            sc_buf_add_byte(&all, '\n');
        sc_buf_add_str(&all, req->failures[i]);
    }
    text = sc_arena_str(&req->call->mem, sc_buf_str(&all));
    sc_buf_deinit(&all);
    return text;
}

/* One ETag failure among several is told alone; Dapr says its words twice then. */
static sc_str story_of(const sc_state_write_request *req)
{
    sc_arena *mem = &req->call->mem;
    sc_str story;

    if (req->worst_fault == SC_ETAG_FINE)
        return all_stories(req);
    story = sc_state_write_story(req->failures[req->worst], req->worst_fault, mem);
    return req->count == 1 ? story : sc_state_write_story(story, req->worst_fault, mem);
}

static void tell(sc_state_write_request *req)
{
    sc_str subject = req->action == SC_STATE_DELETE ? req->items[0].key : req->store->name;

    if (req->failures)
        sc_problem_set(&req->problem, &req->call->mem,
                       actions[req->action].reasons[req->worst_fault], "%s %.*s: %.*s",
                       actions[req->action].words, SC_FMT(subject), SC_FMT(story_of(req)));
}

static void on_item_written(sc_op *op)
{
    writer *one = (writer *)op;
    sc_state_write_request *req = one->req;

    if (op->err.code != SC_OK)
        note(req, one);
    if (write_next(one) || --req->waiting > 0)
        return;
    tell(req);
    sc_state_count(req->store, actions[req->action].counted, sc_problem_is_none(&req->problem),
                   req->started_ns);
    finish(req);
}

static void finish(sc_state_write_request *req)
{
    sc_call *call = req->call;

    req->done(req);
    sc_call_unref(call);
}
