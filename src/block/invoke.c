/* SPDX-License-Identifier: MIT
 *
 * The way of an invocation: select, resolve, carry, and again if a peer failed (resiliency,
 * built-in policies). Nothing is tried again once the answer's head is there, nor with a body that
 * was not whole at the start.
 *
 * While nobody carries it, `waiting` stands in: it keeps what is written and says that it is
 * enough.
 */
#include "block/invoke.h"

#include <stdlib.h>

#include "core/clock.h"
#include "wire/url.h"

#define FAILOVERS_MAX 16u /* other instances tried at once, after connections that never were */

struct sc_invoker {
    sc_invoker_settings set;
    sc_retry_policy built_in; /* DaprBuiltInServiceRetries */
    sc_str forwarded;
    sc_invoke_stats *stats;
    sc_arena mem;
};

static void select_target(sc_invocation *inv);
static void resolve(sc_invocation *inv);
static void on_resolved(sc_op *op);
static void carry_to_found(sc_invocation *inv);
static void carry_to_peer(sc_invocation *inv);
static void carry(sc_invocation *inv, sc_invoke_target target);
static void on_carried(sc_op *op);
static void on_pause_over(sc_timer *timer);
static void finish(sc_invocation *inv);

static const sc_invoke_carrier waiting;

sc_invoker *sc_invoker_new(const sc_invoker_settings *settings)
{
    sc_invoker *invoker = sc_new(sc_invoker);
    bool is_v6 = sc_str_find(settings->host_ip, ':') < settings->host_ip.len;

    invoker->set = *settings;
    invoker->stats = sc_invoke_stats_new(settings->metrics);
    invoker->built_in = (sc_retry_policy){.duration_ms = 1000, .max_retries = 3};
    sc_arena_init(&invoker->mem, NULL);
    invoker->forwarded = sc_arena_fmt(
        &invoker->mem,
        is_v6 ? "for=\"[%.*s]\";by=\"[%.*s]\";host=%.*s" : "for=%.*s;by=%.*s;host=%.*s",
        SC_FMT(settings->host_ip), SC_FMT(settings->host_ip), SC_FMT(settings->host_name));
    return invoker;
}

void sc_invoker_free(sc_invoker *invoker)
{
    if (!invoker)
        return;
    sc_invoke_stats_free(invoker->stats);
    sc_arena_deinit(&invoker->mem);
    free(invoker);
}

sc_invoke_stats *sc_invoker_stats(const sc_invoker *invoker)
{
    return invoker->stats;
}

bool sc_invoker_has_app(const sc_invoker *invoker)
{
    return invoker->set.own.carrier != NULL;
}

sc_code sc_invoke_check_access(const sc_invoker *invoker, sc_str operation, sc_str verb,
                               sc_error *err)
{
    const sc_access_control *access = invoker->set.access;

    if (!access || sc_str_eq_nocase(access->default_action, SC_STR("allow")))
        return SC_OK;
    return sc_fail(err, SC_PERMISSION_DENIED,
                   "access control policy has denied access to id:  operation: %.*s verb: %.*s",
                   SC_FMT(operation), SC_FMT(verb));
}

/* ---- who and what is meant ---- */

sc_code sc_invoke_split_target(sc_str target, sc_str own, sc_str *app_id, sc_str *namespace_,
                               sc_error *err)
{
    sc_str rest = target;

    if (target.len == 0)
        return sc_fail(err, SC_INVALID, "app id is empty");
    *app_id = sc_str_cut(&rest, '.');
    *namespace_ = rest.at ? rest : own;
    if (rest.at && sc_str_find(rest, '.') < rest.len)
        return sc_fail(err, SC_INVALID, "invalid app id %.*s", SC_FMT(target));
    return SC_OK;
}

sc_code sc_invoke_clean_method(sc_str method, sc_arena *mem, sc_str *out, sc_error *err)
{
    bool has_slash = sc_str_starts(method, SC_STR("/"));
    sc_str clean;

    for (size_t i = 0; i < method.len; i++) {
        unsigned char c = (unsigned char)method.at[i];

        if (c == '#' || c == '?' || c == '\0')
            return sc_fail(err, SC_INVALID,
                           "invalid method: method contains forbidden character: \"%.*s\"",
                           SC_FMT(method));
        if (c < 0x20 || c == 0x7f)
            return sc_fail(err, SC_INVALID,
                           "invalid method: method contains control character at position %zu: "
                           "\"%.*s\"",
                           i, SC_FMT(method));
    }
    if (!has_slash) {
        sc_str parts[] = {SC_STR("/"), method};

        method = sc_arena_join(mem, parts, SC_ARRAY_LEN(parts));
    }
    clean = sc_url_clean_path(method, mem);
    *out = has_slash ? clean : sc_str_sub(clean, 1, clean.len);
    return SC_OK;
}

/* Ends the invocation with what is in `err`; later, as always. */
static void fail(sc_invocation *inv, bool is_rpc_error, const sc_error *err)
{
    inv->op.op.err = *err;
    inv->op.is_rpc_error = is_rpc_error;
    inv->is_cancelled = true; /* no further attempt */
    sc_op_finish(&inv->op.op);
}

static void begin(sc_invoker *invoker, sc_invocation *inv)
{
    inv->invoker = invoker;
    inv->op.target.carrier = &waiting;
    inv->is_body_whole = !inv->op.is_body_open;
    inv->plain_metadata = inv->op.ask.metadata;
    inv->op.ask.version = 1;
    sc_timer_init(&inv->pause, invoker->set.loop, on_pause_over);
    sc_op_init(&inv->op.op, sc_loop_ops(invoker->set.loop), &inv->call->mem, on_carried);
    sc_call_ref(inv->call);
}

static bool take_method(sc_invocation *inv)
{
    sc_error err;

    if (sc_invoke_clean_method(inv->op.ask.method, &inv->call->mem, &inv->op.ask.method, &err) ==
        SC_OK)
        return true;
    fail(inv, true, &err);
    return false;
}

void sc_invoke(sc_invoker *invoker, sc_invocation *inv)
{
    begin(invoker, inv);
    if (take_method(inv))
        select_target(inv);
}

static void carry_to_own(sc_invocation *inv, const char *none)
{
    const sc_invoker_settings *set = &inv->invoker->set;
    sc_error err;

    if (!set->own.carrier) {
        (void)sc_fail(&err, SC_INTERNAL, "%s", none);
        fail(inv, false, &err);
    } else if (set->is_app_unhealthy && *set->is_app_unhealthy) {
        (void)sc_fail(&err, SC_INTERNAL, "app is not in a healthy state");
        fail(inv, true, &err);
    } else {
        carry(inv, set->own);
    }
}

void sc_invoke_own(sc_invoker *invoker, sc_invocation *inv)
{
    begin(invoker, inv);
    inv->app_id = invoker->set.app_id;
    carry_to_own(inv, "app channel is not initialized");
}

/* Dapr looks its own name up like any other: not found is not called. */
static bool looks_up_own(const sc_invoker_settings *set)
{
    return set->names ? !sc_names_is_withdrawn(set->names) : set->needs_names;
}

static void select_target(sc_invocation *inv)
{
    const sc_invoker_settings *set = &inv->invoker->set;
    bool is_own;
    sc_error err;

    if (sc_invoke_split_target(inv->target, set->namespace_, &inv->app_id, &inv->target_namespace,
                               &err) != SC_OK) {
        fail(inv, false, &err);
        return;
    }
    is_own =
        sc_str_eq(inv->app_id, set->app_id) && sc_str_eq(inv->target_namespace, set->namespace_);
    inv->is_to_peer = !is_own;
    if (is_own && !looks_up_own(set))
        carry_to_found(inv);
    else
        resolve(inv);
}

/* ---- by name ---- */

static void resolve(sc_invocation *inv)
{
    sc_name_op *name = &inv->name;
    sc_code code;
    sc_error err;

    if (!inv->invoker->set.names) {
        (void)sc_fail(&err, SC_FAILED_PRECONDITION, "name resolver not initialized");
        fail(inv, false, &err);
        return;
    }
    inv->op.target.carrier = &waiting;
    *name = (sc_name_op){.app_id = inv->app_id, .namespace_ = inv->target_namespace};
    sc_op_init(&name->op, inv->op.op.home, &inv->call->mem, on_resolved);
    code = sc_names_look_up(inv->invoker->set.names, name);
    inv->is_resolving = code == SC_PENDING;
    if (code == SC_OK)
        carry_to_found(inv);
    else if (code != SC_PENDING)
        sc_op_finish(&name->op);
}

static void on_resolved(sc_op *op)
{
    sc_invocation *inv = SC_CONTAINER_OF(op, sc_invocation, name.op);

    inv->is_resolving = false;
    if (inv->is_cancelled) {
        sc_op_finish(&inv->op.op);
    } else if (op->err.code == SC_OK) {
        carry_to_found(inv);
    } else if (inv->has_failed) { /* it was there: what it failed with is the story */
        inv->op.op.err = inv->last;
        inv->op.story = inv->last_story;
        inv->op.is_rpc_error = true;
        inv->op.is_unreached = false; /* there is no other to try at once */
        sc_op_finish(&inv->op.op);
    } else {
        fail(inv, false, &op->err);
    }
}

static void carry_to_found(sc_invocation *inv)
{
    if (inv->is_to_peer)
        carry_to_peer(inv);
    else
        carry_to_own(inv, "cannot invoke local endpoint: app channel not initialized");
}

/* ---- other sidecars ---- */

/* The caller's headers and what the sidecar says about the caller (HTTP API, "added"). */
static void add_forwarding(sc_invocation *inv)
{
    const sc_invoker_settings *set = &inv->invoker->set;
    sc_arena *mem = &inv->call->mem;
    sc_pairs all = {.cap = inv->plain_metadata.count + 8};

    all.at = sc_arena_alloc(mem, all.cap * sizeof(all.at[0]));
    if (inv->plain_metadata.count > 0)
        memcpy(all.at, inv->plain_metadata.at, inv->plain_metadata.count * sizeof(all.at[0]));
    all.count = inv->plain_metadata.count;
    sc_pairs_add(&all, mem, SC_STR("x-forwarded-for"), set->host_ip);
    sc_pairs_add(&all, mem, SC_STR("x-forwarded-host"), set->host_name);
    sc_pairs_add(&all, mem, SC_STR("forwarded"), inv->invoker->forwarded);
    sc_pairs_add(&all, mem, SC_STR("dapr-caller-app-id"), set->app_id);
    sc_pairs_add(&all, mem, SC_STR("dapr-caller-namespace"), set->namespace_);
    sc_pairs_add(&all, mem, SC_STR("dapr-callee-app-id"), inv->app_id);
    sc_pairs_add(&all, mem, SC_STR("destination-app-id"), inv->app_id);
    inv->op.ask.metadata = all;
}

static void carry_to_peer(sc_invocation *inv)
{
    sc_peer *peer;
    sc_error err;

    if (!inv->has_failed)
        add_forwarding(inv);
    if (sc_peers_get(inv->invoker->set.peers, inv->name.address, &peer, &err) != SC_OK) {
        fail(inv, false, &err);
        return;
    }
    inv->started_ns = sc_clock_mono_ns();
    sc_invoke_stats_sent(inv->invoker->stats, inv->app_id);
    carry(inv, sc_peer_target(peer));
}

/* ---- attempts ---- */

static void carry(sc_invocation *inv, sc_invoke_target target)
{
    sc_invoke_op *op = &inv->op;

    sc_error_clear(&op->op.err);
    op->target = target;
    op->is_rpc_error = op->is_unreached = false;
    sc_invoke_start(op);
    if (!op->is_body_open)
        return;
    if (sc_buf_len(&inv->held) > 0)
        sc_invoke_write(op, sc_buf_at(&inv->held), sc_buf_len(&inv->held));
    sc_buf_deinit(&inv->held);
    if (inv->is_body_whole)
        sc_invoke_write_end(op);
    else if (op->events->on_drained)
        op->events->on_drained(op);
}

/* A failure of the peer, not of its application, and nothing came of it yet. */
static bool may_try_again(const sc_invocation *inv)
{
    const sc_invoke_op *op = &inv->op;

    return inv->is_to_peer && op->is_rpc_error && !op->has_head && !op->is_body_open &&
           op->body_len != SC_HTTP_LEN_UNKNOWN && !inv->is_cancelled &&
           (op->op.err.code == SC_UNAVAILABLE || op->op.err.code == SC_UNAUTHENTICATED);
}

static void give_up_retrying(sc_invocation *inv)
{
    sc_arena *mem = &inv->call->mem;

    inv->failure = sc_arena_fmt(mem, "failed to invoke target %.*s after %u retries. Error: %.*s",
                                SC_FMT(inv->app_id), inv->retry.attempts - 1,
                                SC_FMT(sc_invoke_failure(&inv->op, mem)));
    inv->op.is_rpc_error = false;
}

/* True when there is another attempt, now or after a pause. */
static bool try_again(sc_invocation *inv)
{
    const sc_invoker_settings *set = &inv->invoker->set;
    uint64_t pause_ms;

    if (!may_try_again(inv))
        return false;
    inv->last = inv->op.op.err;
    inv->last_story = inv->op.story;
    inv->has_failed = true;
    if (inv->op.is_unreached && !inv->name.is_last && inv->failovers++ < FAILOVERS_MAX) {
        inv->op.story = SC_STR_NONE;
        resolve(inv);
        return true;
    }
    if (!sc_retry_next(&inv->invoker->built_in, &inv->retry, sc_random_unit(set->random),
                       &pause_ms)) {
        give_up_retrying(inv);
        return false;
    }
    if (inv->retry.attempts == 1)
        sc_log_warn(set->log,
                    "Error processing operation DaprBuiltInServiceRetries. Retrying in %llus…",
                    (unsigned long long)pause_ms / 1000);
    inv->op.target.carrier = &waiting;
    inv->op.story = SC_STR_NONE;
    sc_timer_start(&inv->pause, pause_ms);
    return true;
}

static void on_pause_over(sc_timer *timer)
{
    resolve(SC_CONTAINER_OF(timer, sc_invocation, pause));
}

static void count_attempt(sc_invocation *inv)
{
    const sc_invoke_op *op = &inv->op;

    if (inv->started_ns > 0)
        sc_invoke_stats_returned(inv->invoker->stats, inv->app_id,
                                 op->has_head ? op->answer.status : (int)op->op.err.code,
                                 inv->started_ns);
    inv->started_ns = 0;
}

static void on_carried(sc_op *op)
{
    sc_invocation *inv = (sc_invocation *)op;

    count_attempt(inv);
    if (inv->is_to_peer && inv->name.address.len > 0 &&
        (op->err.code == SC_UNAVAILABLE || op->err.code == SC_UNAUTHENTICATED)) {
        sc_peers_drop(inv->invoker->set.peers, inv->name.address);
        sc_names_doubt(inv->invoker->set.names, inv->name.address);
    }
    if (op->err.code == SC_OK || !try_again(inv))
        finish(inv);
}

static void finish(sc_invocation *inv)
{
    sc_call *call = inv->call;

    if (inv->op.op.err.code != SC_OK && inv->failure.len == 0)
        inv->failure = sc_invoke_failure(&inv->op, &call->mem);
    sc_buf_deinit(&inv->held);
    inv->done(inv);
    sc_call_unref(call);
}

/* ---- nobody carries it ---- */

static sc_invocation *of(sc_invoke_op *op)
{
    return (sc_invocation *)op;
}

static void wait_write(sc_invoke_op *op, const void *at, size_t len)
{
    sc_buf_add(&of(op)->held, at, len);
}

static void wait_write_end(sc_invoke_op *op)
{
    of(op)->is_body_whole = true;
}

static bool wait_is_congested(sc_invoke_op *op)
{
    (void)op;
    return true; /* on_drained follows when there is a carrier */
}

static void wait_set_paused(sc_invoke_op *op, bool is_paused)
{
    (void)op;
    (void)is_paused;
}

static void wait_cancel(sc_invoke_op *op)
{
    sc_invocation *inv = of(op);

    if (inv->is_resolving || inv->is_cancelled)
        return; /* completion is under way */
    if (sc_timer_is_running(&inv->pause)) {
        sc_timer_stop(&inv->pause);
        sc_op_fail(&op->op, SC_CANCELLED, "context canceled");
    }
}

static const sc_invoke_carrier waiting = {
    .write = wait_write,
    .write_end = wait_write_end,
    .is_congested = wait_is_congested,
    .set_paused = wait_set_paused,
    .cancel = wait_cancel,
};

void sc_invocation_cancel(sc_invocation *inv)
{
    bool was_cancelled = inv->is_cancelled;

    if (!was_cancelled)
        sc_invoke_cancel(&inv->op);
    inv->is_cancelled = true;
    if (!was_cancelled && inv->is_resolving)
        (void)sc_fail(&inv->op.op.err, SC_CANCELLED, "context canceled");
}
