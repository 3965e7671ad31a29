/* SPDX-License-Identifier: MIT
 *
 * Starts and stops subscriptions. One that cannot start is tried again for ever, as in Dapr; the
 * others run meanwhile.
 */
#include "block/subscription.h"

#include <stdlib.h>

#include "block/subscription_internal.h"

#define FIRST_RESTART_MS 300u
#define MAX_RESTART_MS   30000u

static void try_start(sc_subscription *sub);
static void on_restart_due(sc_timer *timer);

/* ---- specifications ---- */

sc_subscription_spec sc_subscription_spec_copy(const sc_subscription_spec *spec, sc_arena *mem)
{
    sc_subscription_spec copy = *spec;

    copy.name = sc_arena_str(mem, spec->name);
    copy.pubsub_name = sc_arena_str(mem, spec->pubsub_name);
    copy.topic = sc_arena_str(mem, spec->topic);
    copy.dead_letter_topic = sc_arena_str(mem, spec->dead_letter_topic);
    copy.metadata = sc_pairs_copy(&spec->metadata, mem);
    copy.routes = sc_arena_zero(mem, (spec->route_count + 1) * sizeof(sc_route));
    for (uint32_t i = 0; i < spec->route_count; i++) {
        copy.routes[i].match = sc_arena_str(mem, spec->routes[i].match);
        copy.routes[i].path = sc_arena_str(mem, spec->routes[i].path);
    }
    return copy;
}

static sc_str setting(const sc_subscription_spec *spec, const char *name)
{
    const sc_str *value = sc_pairs_get_nocase(&spec->metadata, sc_str_from(name));

    return value ? *value : SC_STR_NONE;
}

static sc_code check_value(const sc_subscription_spec *spec, const char *name, bool ok,
                           const char *wanted, sc_error *err)
{
    if (ok)
        return SC_OK;
    return sc_fail(err, SC_INVALID,
                   "subscription to topic '%.*s' on pubsub '%.*s': metadata %s '%.*s' is not %s",
                   SC_FMT(spec->topic), SC_FMT(spec->pubsub_name), name,
                   SC_FMT(setting(spec, name)), wanted);
}

static bool read_max_in_flight(const sc_subscription_spec *spec, uint64_t *max)
{
    sc_str text = setting(spec, "maxInFlight");

    *max = 0;
    return text.len == 0 || (sc_str_to_u64(text, max) && *max > 0 && *max <= 100000);
}

static bool read_raw(const sc_subscription_spec *spec, bool *is_raw)
{
    const sc_str *text = sc_pairs_get(&spec->metadata, SC_STR("rawPayload"));

    *is_raw = false;
    return !text || text->len == 0 || sc_str_to_bool(*text, is_raw);
}

static bool read_content_mode(const sc_subscription_spec *spec, bool *is_binary)
{
    sc_str text = setting(spec, "contentMode");

    *is_binary = sc_str_eq_nocase(text, SC_STR("binary"));
    return *is_binary || text.len == 0 || sc_str_eq_nocase(text, SC_STR("structured"));
}

/* One program a route, NULL where there is nothing to match; NULL when one cannot be read. */
static sc_cel **compile_matches(const sc_subscription_spec *spec, sc_arena *mem, sc_error *err)
{
    sc_cel **all = sc_arena_zero(mem, (spec->route_count + 1) * sizeof(sc_cel *));

    sc_error_clear(err);
    for (uint32_t i = 0; i < spec->route_count; i++) {
        if (sc_str_trim(spec->routes[i].match).len == 0 ||
            sc_cel_compile(spec->routes[i].match, mem, &all[i], err) == SC_OK)
            continue;
        (void)sc_error_context(err, "routing rule for topic '%.*s' on pubsub '%.*s', match",
                               SC_FMT(spec->topic), SC_FMT(spec->pubsub_name));
        return NULL;
    }
    return all;
}

sc_code sc_subscription_spec_check(const sc_subscription_spec *spec, sc_error *err)
{
    sc_arena mem;
    uint64_t max;
    bool flag;

    sc_arena_init(&mem, NULL);
    (void)compile_matches(spec, &mem, err);
    sc_arena_deinit(&mem);
    if (err->code != SC_OK)
        return err->code;
    if (spec->bulk_max_messages > 10000)
        return sc_fail(err, SC_INVALID,
                       "bulkSubscribe for topic '%.*s': maxMessagesCount %u is not in 1..10000",
                       SC_FMT(spec->topic), spec->bulk_max_messages);
    if (check_value(spec, "maxInFlight", read_max_in_flight(spec, &max), "in 1..100000", err) !=
            SC_OK ||
        check_value(spec, "rawPayload", read_raw(spec, &flag), "true or false", err) != SC_OK)
        return err->code;
    return check_value(spec, "contentMode", read_content_mode(spec, &flag), "structured or binary",
                       err);
}

/* ---- life ---- */

static void on_deliver(sc_pubsub_subscription *broker, sc_delivery *delivery)
{
    sc_delivery_start(SC_CONTAINER_OF(broker, sc_subscription, broker), delivery);
}

static void on_ready(sc_pubsub_subscription *broker)
{
    sc_subscription *sub = SC_CONTAINER_OF(broker, sc_subscription, broker);

    sc_log_debug(sc_pubsubs_env_of(sub->pubsubs)->log,
                 "subscription to topic %.*s on pubsub %.*s is live", SC_FMT(sub->spec.topic),
                 SC_FMT(sub->spec.pubsub_name));
}

static void on_trouble(sc_pubsub_subscription *broker, const sc_error *why)
{
    sc_subscription *sub = SC_CONTAINER_OF(broker, sc_subscription, broker);

    if (sc_log_gate_pass(&sub->complaints, 5000))
        sc_log_warn(sc_pubsubs_env_of(sub->pubsubs)->log,
                    "subscription to topic %.*s on pubsub %.*s: %s", SC_FMT(sub->spec.topic),
                    SC_FMT(sub->spec.pubsub_name), why->text);
}

/* Nothing more comes before the application has answered what there is: a bulk does not wait. */
static void on_stuck(sc_credit_taker *taker)
{
    sc_bulk_flush(SC_CONTAINER_OF(taker, sc_subscription, broker.credit)->bulk);
}

static void on_closed_op(sc_op *op)
{
    sc_subscription *sub = SC_CONTAINER_OF(op, sc_subscription, closed);
    void (*on_closed)(void *user) = sub->on_closed;
    void *user = sub->user;

    sc_timer_stop(&sub->restart);
    sc_bulk_free(sub->bulk);
    sc_arena_deinit(&sub->mem);
    free(sub);
    if (on_closed)
        on_closed(user);
}

static void on_broker_closed(sc_pubsub_subscription *broker)
{
    sc_credit_leave(&broker->credit);
    sc_op_finish(&SC_CONTAINER_OF(broker, sc_subscription, broker)->closed);
}

/* A batch must be able to fill. */
static uint32_t credit_of(const sc_subscription_spec *spec, uint64_t max_in_flight)
{
    uint32_t batch = spec->bulk_max_messages ? spec->bulk_max_messages : SC_BULK_MAX_MESSAGES;
    uint32_t credit = max_in_flight ? (uint32_t)max_in_flight : 100;

    return spec->is_bulk && batch > credit ? batch : credit;
}

sc_code sc_subscription_open(sc_pubsubs *pubsubs, const sc_subscription_spec *spec,
                             const sc_event_sink *sink, sc_subscription **out, sc_error *err)
{
    sc_loop *loop = sc_pubsubs_env_of(pubsubs)->loop;
    sc_subscription *sub;
    uint64_t max;

    if (sc_subscription_spec_check(spec, err) != SC_OK)
        return err->code;
    sub = sc_new(sc_subscription);
    sc_arena_init(&sub->mem, NULL);
    sub->pubsubs = pubsubs;
    sub->spec = sc_subscription_spec_copy(spec, &sub->mem);
    sub->matches = compile_matches(&sub->spec, &sub->mem, err);
    sub->stats = (sc_ingress_stats){.metrics = sc_pubsubs_env_of(pubsubs)->metrics,
                                    .component = sub->spec.pubsub_name,
                                    .topic = sub->spec.topic};
    sub->sink = *sink;
    if (spec->is_bulk && sink->deliver_bulk) {
        sub->bulk = sc_bulk_new(loop, sc_pubsubs_env_of(pubsubs)->random, sink,
                                spec->bulk_max_messages, spec->bulk_max_await_ms, &sub->stats);
        sub->sink = sc_bulk_sink(sub->bulk);
    }
    sub->retry = sc_retry_delivery_default();
    sc_list_init(&sub->flows);
    (void)read_raw(spec, &sub->is_raw);
    (void)read_content_mode(spec, &sub->is_binary_mode);
    (void)read_max_in_flight(spec, &max);
    sub->broker = (sc_pubsub_subscription){
        .metadata = &sub->spec.metadata,
        .max_in_flight = credit_of(spec, max),
        .max_in_flight_is_set = max > 0 || spec->is_bulk,
        .deliver = on_deliver,
        .on_ready = on_ready,
        .on_trouble = on_trouble,
        .closed = on_broker_closed,
    };
    sc_credit_join(sc_pubsubs_credit(pubsubs), &sub->broker.credit,
                   sub->broker.max_in_flight_is_set ? sub->broker.max_in_flight : 0);
    if (sub->bulk)
        sub->broker.credit.on_stuck = on_stuck;
    sc_op_init(&sub->closed, sc_loop_ops(loop), NULL, on_closed_op);
    sc_timer_init(&sub->restart, loop, on_restart_due);
    sub->restart_ms = FIRST_RESTART_MS;
    *out = sub;
    try_start(sub);
    return SC_OK;
}

static sc_code start_at_broker(sc_subscription *sub, sc_error *err)
{
    const sc_subscription_spec *spec = &sub->spec;

    sub->entry = sc_pubsubs_find(sub->pubsubs, spec->pubsub_name);
    if (!sub->entry)
        return sc_fail(err, SC_NOT_FOUND, "pubsub %.*s is not found", SC_FMT(spec->pubsub_name));
    if (!sc_topic_rules_allow(&sub->entry->rules, &sub->entry->rules.subscribing, spec->topic))
        return sc_fail(err, SC_PERMISSION_DENIED,
                       "subscription to topic '%.*s' on pubsub '%.*s' is not allowed",
                       SC_FMT(spec->topic), SC_FMT(spec->pubsub_name));
    sub->broker.topic = sc_pubsub_broker_topic(sub->pubsubs, sub->entry, spec->topic, &sub->mem);
    return sub->entry->pubsub->ops->subscribe(sub->entry->pubsub->self, &sub->broker, err);
}

static void try_start(sc_subscription *sub)
{
    const sc_pubsubs_env *env = sc_pubsubs_env_of(sub->pubsubs);
    bool is_first = sub->restart_ms == FIRST_RESTART_MS;
    sc_error err;

    if (start_at_broker(sub, &err) == SC_OK) {
        sub->is_started = true;
        return;
    }
    if (is_first)
        sc_log_error(env->log, "Failed to start subscription for pubsub %.*s, topic %.*s: %s",
                     SC_FMT(sub->spec.pubsub_name), SC_FMT(sub->spec.topic), err.text);
    else
        sc_log_warn(env->log,
                    "Retry failed for subscription pubsub %.*s, topic %.*s: %s. Will retry.",
                    SC_FMT(sub->spec.pubsub_name), SC_FMT(sub->spec.topic), err.text);
    sc_timer_start(&sub->restart, sc_random_jitter(env->random, sub->restart_ms));
    sub->restart_ms = sub->restart_ms * 2 > MAX_RESTART_MS ? MAX_RESTART_MS : sub->restart_ms * 2;
}

static void on_restart_due(sc_timer *timer)
{
    try_start(SC_CONTAINER_OF(timer, sc_subscription, restart));
}

const sc_subscription_spec *sc_subscription_spec_of(const sc_subscription *sub)
{
    return &sub->spec;
}

uint32_t sc_subscription_in_flight(const sc_subscription *sub)
{
    return sub->in_flight;
}

void sc_subscription_close(sc_subscription *sub, void (*on_closed)(void *user), void *user)
{
    if (sub->is_closing)
        return;
    sub->is_closing = true;
    sub->on_closed = on_closed;
    sub->user = user;
    sc_timer_stop(&sub->restart);
    if (!sub->is_started) {
        sc_credit_leave(&sub->broker.credit);
        sc_op_finish(&sub->closed);
        return;
    }
    sub->entry->pubsub->ops->unsubscribe(sub->entry->pubsub->self, &sub->broker);
    sc_deliveries_release(sub);
    if (sub->bulk)
        sc_bulk_flush(sub->bulk);
}
