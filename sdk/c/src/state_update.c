/* SPDX-License-Identifier: MIT
 *
 * Read, change, write: one call of several requests, over again as long as somebody else was
 * faster.
 */
#include <stdlib.h>

#include "state.h"

static const pillion_state_options no_state_options;

typedef struct update {
    pillion_state_options set; /* copies in call->mem */
    const char *store;
    const char *key;
    pillion_state_changer change;
    void *user;
    bool is_writing;
    uint32_t conflicts;
    pillion_state_value read;
    pillion_str written;
} update;

static void ask_update(pillion_call *call, update *plan, uint32_t pause_ms)
{
    plan->is_writing = false;
    state_ask(call, plan->store, plan->key, &plan->set);
    call_send(call, pause_ms);
}

/* Writes only when nobody did since: with the ETag that was read, or as the first write. */
static bool write_update(pillion_call *call, update *plan)
{
    pillion_state_change change = state_change_of(plan->key, plan->written, &plan->set);
    sc_buf body = {0}, path = {0};
    sc_error err;
    bool is_good;

    change.etag = plan->read.etag;
    change.concurrency = PILLION_FIRST_WRITE;
    sc_buf_add_byte(&body, '[');
    is_good = state_add_change(&body, &change, &err) == SC_OK;
    sc_buf_add_byte(&body, ']');
    if (is_good) {
        plan->is_writing = true;
        state_path(&path, "v1.0", plan->store, "");
        state_request(call, "POST", &path, sc_buf_str(&body), plan->set.headers,
                      plan->set.header_count);
        call_send(call, 0);
    } else {
        (void)error_take(&call->err, &err);
    }
    sc_buf_deinit(&body);
    return !is_good;
}

static void take_update(pillion_call *call, update *plan, pillion_str value)
{
    pillion_state_value *to = state_new_values(call, 1)->at;

    to->key = plan->key;
    to->value = value;
    to->is_found = plan->is_writing || plan->read.is_found;
}

static bool on_read(pillion_call *call, update *plan)
{
    char *changed;

    call->result = NULL;
    plan->read = (pillion_state_value){.key = plan->key,
                                       .is_found = call->err.status != 204,
                                       .value = pillion_text(""),
                                       .error = ""};
    if (plan->read.is_found)
        plan->read.value = str_out(sc_arena_str(&call->mem, str_in(call->body)));
    plan->read.etag = call_text(call, sc_str_from(pillion_call_header(call, "etag")));
    changed = plan->change(plan->user, &plan->read);
    if (!changed) {
        take_update(call, plan, plan->read.value);
        return true;
    }
    plan->written = str_out(sc_arena_str(&call->mem, sc_str_from(changed)));
    free(changed);
    return write_update(call, plan);
}

static bool finish_update(pillion_call *call)
{
    update *plan = call->plan;
    uint32_t pause_ms;

    if (!plan->is_writing)
        return call->err.code == PILLION_OK ? on_read(call, plan) : true;
    if (call->err.code == PILLION_OK) {
        take_update(call, plan, plan->written);
        return true;
    }
    pause_ms = loop_jitter(call->loop, plan->conflicts < 6 ? 1u << plan->conflicts : 64u);
    if (call->err.code != PILLION_ABORTED || call_time_left_ms(call) <= pause_ms)
        return true;
    plan->conflicts++;
    ask_update(call, plan, pause_ms);
    return false;
}

static const pillion_pair *keep_pairs(pillion_call *call, const pillion_pair *pairs, size_t count)
{
    pillion_pair *copy = sc_arena_zero(&call->mem, count * sizeof(pairs[0]) + 1);

    for (size_t i = 0; i < count; i++) {
        copy[i].name = call_text(call, sc_str_from(pairs[i].name));
        copy[i].value = call_text(call, sc_str_from(pairs[i].value));
    }
    return copy;
}

pillion_call *pillion_state_update(pillion_client *client, const char *store, const char *key,
                                   pillion_state_changer change, void *user,
                                   const pillion_state_options *options)
{
    const pillion_state_options *set = options ? options : &no_state_options;
    pillion_call *call = call_new(client, finish_update, set->timeout_ms);
    update *plan = sc_arena_new(&call->mem, update);

    if (!state_is_named(store) || !state_is_named(key))
        return state_refuse_names(call);
    plan->set = *set;
    plan->set.metadata = keep_pairs(call, set->metadata, set->metadata_count);
    plan->set.headers = keep_pairs(call, set->headers, set->header_count);
    plan->store = call_text(call, sc_str_from(store));
    plan->key = call_text(call, sc_str_from(key));
    plan->change = change;
    plan->user = user;
    call->plan = plan;
    ask_update(call, plan, 0);
    return call;
}
