/* SPDX-License-Identifier: MIT
 *
 * Waits until the application listens, asks for its configuration and its programmatic
 * subscriptions, merges these with the declarative ones and starts them (runtime, start-up
 * sequence, steps 16 to 18).
 */
#include <stdlib.h>

#include "block/programmatic.h"
#include "sidecar/runtime_internal.h"
#include "wire/proto.h"

#define DIAL_LIMIT_MS 500u
#define DIAL_PAUSE_MS 100u
#define ASK_ATTEMPTS  4u

static void dial(sc_runtime *rt);
static void on_pause_over(sc_timer *timer);
static void ask(sc_runtime *rt);
static void ask_http(sc_runtime *rt);
static void ask_grpc(sc_runtime *rt);
static void on_asked(sc_op *op);
static void on_asked_grpc(sc_op *op);
static bool is_wanted(sc_runtime *rt);
static void list_declarative(sc_runtime *rt);
static void start_all(sc_runtime *rt, const sc_subscription_spec *more, uint32_t count);

static void on_connected(void *self)
{
    sc_runtime *rt = self;

    sc_stream_close(rt->start.probe);
    rt->start.probe = NULL;
    sc_log_info(&rt->log, "application discovered on port %u", rt->options.app_port);
    if (rt->options.app_max_concurrency > 0)
        sc_log_info(&rt->log, "app max concurrency set to %lld",
                    (long long)rt->options.app_max_concurrency);
    if (!rt->options.checks_health) {
        sc_app_start_ask(rt);
        return;
    }
    sc_runtime_on_app_started(rt);
    sc_app_health_begin(rt);
}

void sc_app_start_ask(sc_runtime *rt)
{
    if (sc_runtime_is_ending(rt))
        return;
    if (rt->start.is_asking) /* the answer that is under way will do */
        return;
    rt->start.asked = 0;
    rt->start.is_asking = true;
    sc_arena_deinit(&rt->start.mem); /* of the last time */
    if (rt->app && !rt->has_asked_config)
        sc_app_config_ask(rt);
    else
        ask(rt);
}

void sc_app_start_ask_subscriptions(sc_runtime *rt)
{
    if (is_wanted(rt))
        ask(rt);
}

static void on_data(void *self, const char *at, size_t len)
{
    (void)self;
    (void)at;
    (void)len;
}

static void on_lost(void *self, const sc_error *why)
{
    sc_runtime *rt = self;

    sc_stream_close(rt->start.probe);
    rt->start.probe = NULL;
    if (sc_str_starts(sc_str_from(why->text), SC_STR("tls: ")) && !rt->start.was_told_tls) {
        rt->start.was_told_tls = true;
        sc_log_warn(&rt->log,
                    "the application on port %u does not complete the TLS handshake that "
                    "app-protocol %.*s asks for (%s); trying again until it does",
                    rt->options.app_port, SC_FMT(rt->options.app_protocol), why->text);
    }
    if (++rt->start.failures % 100 == 0)
        sc_log_info(&rt->log, "waiting for application to listen on port %u", rt->options.app_port);
    sc_timer_init(&rt->start.pause, rt->loop, on_pause_over);
    sc_timer_start(&rt->start.pause, DIAL_PAUSE_MS);
}

static const sc_stream_ops probe_ops = {
    .on_connected = on_connected, .on_data = on_data, .on_lost = on_lost};

static void dial(sc_runtime *rt)
{
    sc_dial to = {.host = rt->options.app_host,
                  .port = rt->options.app_port,
                  .timeout_ms = DIAL_LIMIT_MS,
                  .tls = rt->app_tls};

    rt->start.probe = sc_stream_connect(rt->loop, &to, &probe_ops, rt);
}

static void on_pause_over(sc_timer *timer)
{
    dial(SC_CONTAINER_OF(timer, sc_runtime, start.pause));
}

void sc_app_start_begin(sc_runtime *rt)
{
    sc_arena_init(&rt->start.mem, NULL);
    if (!rt->app && !rt->app_grpc) {
        list_declarative(rt);
        sc_runtime_on_app_started(rt);
        return;
    }
    sc_log_info(&rt->log,
                "application protocol: %.*s. waiting on port %u.  This will block until the app is "
                "listening on "
                "that port.",
                SC_FMT(rt->options.app_protocol), rt->options.app_port);
    dial(rt);
}

static void on_ask_again(sc_timer *timer)
{
    ask(SC_CONTAINER_OF(timer, sc_runtime, start.pause));
}

static void start_without_asking(sc_runtime *rt)
{
    rt->start.is_asking = false;
    start_all(rt, NULL, 0);
}

/* What the application subscribes to, if there is anything to subscribe to. */
static void ask(sc_runtime *rt)
{
    if (rt->options.skips_subscribe)
        sc_log_warn(&rt->log,
                    "Skipping programmatic subscription loading (see 'disable-init-endpoints' "
                    "flag/annotation)");
    if (rt->options.skips_subscribe || sc_pubsubs_count(rt->pubsubs) == 0)
        start_without_asking(rt);
    else if (rt->app)
        ask_http(rt);
    else
        ask_grpc(rt);
}

const sc_pairs *sc_app_start_headers(sc_runtime *rt)
{
    sc_app_start *start = &rt->start;
    sc_str token = sc_app_http_token(rt->app);

    start->headers = (sc_pairs){0};
    sc_pairs_add(&start->headers, &start->mem, SC_STR("User-Agent"), SC_STR("Go-http-client/1.1"));
    sc_pairs_add(&start->headers, &start->mem, SC_STR("Content-Type"), SC_STR("application/json"));
    sc_pairs_add(&start->headers, &start->mem, SC_STR("Dapr-App-Id"), rt->options.app_id);
    if (token.len > 0)
        sc_pairs_add(&start->headers, &start->mem, SC_STR("Dapr-Api-Token"), token);
    return &start->headers;
}

static void ask_http(sc_runtime *rt)
{
    sc_app_start *start = &rt->start;

    start->ask = (sc_http_call_op){.method = SC_STR("GET"),
                                   .target = SC_STR("/dapr/subscribe"),
                                   .headers = sc_app_start_headers(rt),
                                   .is_idempotent = true,
                                   .accepts_gzip = true};
    sc_op_init(&start->ask.op, sc_loop_ops(rt->loop), &start->mem, on_asked);
    sc_http_client_send(sc_app_http_client(rt->app), &start->ask);
}

static void ask_grpc(sc_runtime *rt)
{
    sc_app_start *start = &rt->start;

    start->ask_grpc = (sc_grpc_call_op){
        .path = SC_STR("/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions")};
    sc_op_init(&start->ask_grpc.op, sc_loop_ops(rt->loop), &start->mem, on_asked_grpc);
    sc_grpc_channel_send(sc_app_grpc_channel(rt->app_grpc), &start->ask_grpc);
}

/* False when the answer comes too late: the sidecar ends, or the application is not well again. */
static bool is_wanted(sc_runtime *rt)
{
    if (sc_runtime_is_ending(rt) || (rt->options.checks_health && !rt->health.is_healthy)) {
        rt->start.is_asking = false;
        return false;
    }
    return true;
}

/* True when the question failed and is put again a little later. */
static bool asks_again(sc_runtime *rt, const sc_error *err)
{
    if (++rt->start.asked < ASK_ATTEMPTS) {
        sc_timer_init(&rt->start.pause, rt->loop, on_ask_again);
        sc_timer_start(&rt->start.pause, sc_random_jitter(&rt->random, 500u * rt->start.asked));
        return true;
    }
    sc_log_error(&rt->subscriptions_log, "error getting topic list from app: %s", err->text);
    return false;
}

/* The application's list cannot be read: none starts, but the declarative ones are listed, as in
 * Dapr. */
static void start_none(sc_runtime *rt)
{
    list_declarative(rt);
    sc_runtime_on_app_started(rt);
}

/* The list, or nothing with the reason logged. False: none of the app's subscriptions may start. */
static bool read_list(sc_runtime *rt, sc_subscription_spec **specs, uint32_t *count)
{
    const sc_http_call_op *answer = &rt->start.ask;
    sc_error err;

    *count = 0;
    if (answer->status == 404)
        return true;
    if (answer->status != 200) {
        sc_log_error(&rt->subscriptions_log,
                     "app returned http status code %d from subscription endpoint", answer->status);
        return true;
    }
    if (sc_programmatic_parse(answer->answer_body, &rt->subscriptions_log, &rt->start.mem, specs,
                              count, &err) == SC_OK)
        return true;
    sc_log_error(&rt->subscriptions_log, "error getting topic list from app: %s", err.text);
    *count = 0;
    return false;
}

static void on_asked(sc_op *op)
{
    sc_runtime *rt = SC_CONTAINER_OF(op, sc_runtime, start.ask.op);
    sc_subscription_spec *specs = NULL;
    uint32_t count = 0;

    sc_app_http_count(rt->app, &rt->start.ask, rt->start.ask.target);
    if (!is_wanted(rt) || (op->err.code != SC_OK && asks_again(rt, &op->err)))
        return;
    rt->start.is_asking = false;
    if (op->err.code == SC_OK && read_list(rt, &specs, &count))
        start_all(rt, specs, count);
    else
        start_none(rt);
}

static bool read_grpc_list(sc_runtime *rt, sc_subscription_spec **specs, uint32_t *count)
{
    Dapr__Proto__Runtime__V1__ListTopicSubscriptionsResponse *list =
        sc_proto_unpack(&dapr__proto__runtime__v1__list_topic_subscriptions_response__descriptor,
                        rt->start.ask_grpc.answer, &rt->start.mem);
    sc_error err;

    if (!list)
        (void)sc_fail(&err, SC_INTERNAL, "the answer is no ListTopicSubscriptionsResponse");
    else if (sc_programmatic_from_grpc(list, &rt->start.mem, specs, count, &err) == SC_OK)
        return true;
    sc_log_error(&rt->subscriptions_log, "error getting topic list from app: %s", err.text);
    return false;
}

static void on_asked_grpc(sc_op *op)
{
    sc_runtime *rt = SC_CONTAINER_OF(op, sc_runtime, start.ask_grpc.op);
    sc_subscription_spec *specs = NULL;
    uint32_t count = 0;

    sc_app_grpc_count(rt->app_grpc, &rt->start.ask_grpc);
    if (!is_wanted(rt) ||
        (op->err.code != SC_OK && op->err.code != SC_UNIMPLEMENTED && asks_again(rt, &op->err)))
        return;
    rt->start.is_asking = false;
    if (op->err.code == SC_UNIMPLEMENTED)
        start_all(rt, NULL, 0);
    else if (op->err.code == SC_OK && read_grpc_list(rt, &specs, &count))
        start_all(rt, specs, count);
    else
        start_none(rt);
}

static bool is_same(const sc_subscription_spec *a, const sc_subscription_spec *b)
{
    return sc_str_eq(a->pubsub_name, b->pubsub_name) && sc_str_eq(a->topic, b->topic);
}

/* Declarative first, a programmatic one of the same pubsub and topic in its place, then the rest.
 */
static uint32_t merge(sc_runtime *rt, const sc_subscription_spec *more, uint32_t count,
                      const sc_subscription_spec **all)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < rt->resources.subscription_count; i++) {
        const sc_subscription_spec *one = &rt->resources.subscriptions[i];
        bool is_repeated = false;

        for (uint32_t j = 0; j < total; j++)
            is_repeated = is_repeated || is_same(all[j], one);
        if (!is_repeated)
            all[total++] = one;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = 0;

        while (place < total && !is_same(all[place], &more[i]))
            place++;
        all[place] = &more[i];
        total += place == total;
    }
    return total;
}

static void list_declarative(sc_runtime *rt)
{
    rt->specs = sc_arena_zero(&rt->start.mem,
                              (rt->resources.subscription_count + 1) * sizeof(rt->specs[0]));
    rt->metadata.subscriptions = rt->specs;
    rt->metadata.subscription_count = merge(rt, NULL, 0, rt->specs);
}

static void log_topics(sc_runtime *rt)
{
    for (uint32_t p = 0; p < sc_pubsubs_count(rt->pubsubs); p++) {
        sc_str name = sc_pubsubs_at(rt->pubsubs, p)->name;
        sc_buf topics = {0};

        for (uint32_t i = 0; i < rt->subscription_count; i++) {
            if (sc_str_eq(rt->specs[i]->pubsub_name, name))
                sc_buf_add_fmt(&topics, "%s%.*s", sc_buf_len(&topics) ? " " : "",
                               SC_FMT(rt->specs[i]->topic));
        }
        if (sc_buf_len(&topics) > 0)
            sc_log_info(&rt->subscriptions_log,
                        "app is subscribed to the following topics: [[%.*s]] through pubsub=%.*s",
                        SC_FMT(sc_buf_str(&topics)), SC_FMT(name));
        sc_buf_deinit(&topics);
    }
}

static void start_all(sc_runtime *rt, const sc_subscription_spec *more, uint32_t count)
{
    uint32_t max = rt->resources.subscription_count + count;
    const sc_subscription_spec **all = sc_arena_zero(&rt->start.mem, (max + 1) * sizeof(all[0]));
    uint32_t total = merge(rt, more, count, all);
    sc_event_sink sink = rt->app ? sc_app_http_sink(rt->app) : sc_app_grpc_sink(rt->app_grpc);
    sc_error err;

    rt->subscriptions = sc_arena_zero(&rt->start.mem, (total + 1) * sizeof(rt->subscriptions[0]));
    rt->specs = sc_arena_zero(&rt->start.mem, (total + 1) * sizeof(rt->specs[0]));
    for (uint32_t i = 0; i < total; i++) {
        sc_subscription **to = &rt->subscriptions[rt->subscription_count];

        if (sc_subscription_open(rt->pubsubs, all[i], &sink, to, &err) != SC_OK) {
            sc_log_error(&rt->subscriptions_log, "%s", err.text);
            continue;
        }
        rt->specs[rt->subscription_count++] = sc_subscription_spec_of(*to);
    }
    rt->metadata.subscriptions = rt->specs;
    rt->metadata.subscription_count = rt->subscription_count;
    log_topics(rt);
    sc_runtime_on_app_started(rt);
}

void sc_app_start_cancel(sc_runtime *rt)
{
    sc_timer_stop(&rt->start.pause);
    sc_stream_close(rt->start.probe);
    rt->start.probe = NULL;
}
