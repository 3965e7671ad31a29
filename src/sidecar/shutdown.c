/* SPDX-License-Identifier: MIT
 *
 * The end, in order: no more messages are fetched and those with the application are waited for;
 * then the API closes, then the components, the channel to the application, the signals. With
 * --dapr-block-shutdown-duration a signal only ends the fetching; the rest follows when the time is
 * over or the application is not healthy any more.
 */
#include <signal.h>
#include <unistd.h>

#include "core/duration.h"
#include "sidecar/runtime_internal.h"

#define BLOCK_CLOSE_LIMIT_MS 30000u /* for deliveries under way before the block begins */
#define FORCE_MS             100u   /* for the answer to a forced shutdown */

static void on_signal(void *self, int signum);
static void block(sc_runtime *rt);
static void on_fetching_over(sc_runtime *rt);
static void stop(sc_runtime *rt);
static void on_subscription_closed(void *user);
static void close_servers(sc_runtime *rt);
static void on_server_closed(void *user);
static void on_stream_gone(void *user);
static void after_subscriptions(sc_runtime *rt);
static void on_app_closed(void *user);

/* ---- what ends a sidecar ---- */

void sc_runtime_watch_signals(sc_runtime *rt)
{
    rt->signals[0] = sc_signal_open(rt->loop, SIGINT, on_signal, rt);
    rt->signals[1] = sc_signal_open(rt->loop, SIGTERM, on_signal, rt);
    rt->signals[2] = sc_signal_open(rt->loop, SIGHUP, on_signal, rt);
}

void sc_runtime_take_signals(sc_runtime *rt)
{
    rt->takes_signals = true;
    if (rt->early_signal != 0)
        on_signal(rt, rt->early_signal);
}

static void on_signal(void *self, int signum)
{
    sc_runtime *rt = self;
    sc_log log = sc_runtime_log(rt, "dapr.signals");
    const char *name = signum == SIGINT ? "interrupt" : signum == SIGTERM ? "terminated" : "hangup";

    if (!rt->takes_signals) {
        rt->early_signal = signum;
        return;
    }
    if (sc_runtime_is_ending(rt)) {
        sc_log_write(&log, SC_LOG_FATAL,
                     "Received signal '%s' during shutdown; exiting immediately", name);
        _exit(1);
    }
    rt->is_restarting = signum == SIGHUP;
    sc_log_info(&log, "Received signal '%s'; %s", name,
                rt->is_restarting ? "restarting" : "beginning shutdown");
    if (rt->options.blocks_shutdown && !rt->is_restarting)
        block(rt);
    else
        stop(rt);
}

static void on_forced(sc_timer *timer)
{
    (void)timer;
    _exit(1);
}

void sc_runtime_on_api_shutdown(void *user, bool is_forced)
{
    sc_runtime *rt = user;
    sc_log log = sc_runtime_log(rt, "dapr.api");

    if (is_forced) {
        sc_log_warn(&log,
                    "Force shutdown requested, exiting immediately without graceful shutdown");
        sc_timer_stop(&rt->block);
        sc_timer_init(&rt->block, rt->loop, on_forced);
        sc_timer_start(&rt->block, FORCE_MS);
        return;
    }
    sc_log_info(&log, "Shutdown requested via API");
    stop(rt);
}

/* ---- the subscriptions ---- */

/* Closes all that fetch messages, streams too, once; `then` when the application has answered for
 * the last. */
static void close_subscriptions(sc_runtime *rt, void (*then)(sc_runtime *rt))
{
    uint32_t count = rt->subscription_count;

    rt->after_subscriptions = then;
    if (rt->is_closing_subscriptions) {
        after_subscriptions(rt);
        return;
    }
    rt->is_closing_subscriptions = true;
    sc_app_start_cancel(rt);
    rt->metadata.on_stream_gone = on_stream_gone;
    rt->metadata.user = rt;
    SC_LIST_EACH_SAFE (&rt->metadata.streams, it) {
        sc_metadata_stream *stream = SC_CONTAINER_OF(it, sc_metadata_stream, link);

        stream->stop(stream);
    }
    rt->closing = count + rt->health.closing + 2;
    sc_states_stop_outboxes(rt->states, on_subscription_closed, rt);
    for (uint32_t i = 0; i < count; i++)
        sc_subscription_close(rt->subscriptions[i], on_subscription_closed, rt);
    on_subscription_closed(rt);
}

void sc_runtime_on_subscription_closed(sc_runtime *rt)
{
    on_subscription_closed(rt);
}

static void on_subscription_closed(void *user)
{
    sc_runtime *rt = user;

    if (--rt->closing > 0)
        return;
    rt->subscription_count = rt->metadata.subscription_count = 0;
    after_subscriptions(rt);
}

/* A streaming subscription may outlive its stream by the time its broker takes. */
static void on_stream_gone(void *user)
{
    after_subscriptions(user);
}

/* Goes on when the last is closed; each step once. */
static void after_subscriptions(sc_runtime *rt)
{
    void (*then)(sc_runtime * rt) = rt->after_subscriptions;

    if (rt->closing > 0 || rt->metadata.stream_count > 0 || !then)
        return;
    rt->after_subscriptions = NULL;
    then(rt);
}

/* ---- the block ---- */

static void on_block_over(sc_timer *timer)
{
    sc_runtime *rt = SC_CONTAINER_OF(timer, sc_runtime, block);

    sc_log_info(&rt->log, "Block shutdown period expired, entering shutdown...");
    stop(rt);
}

static void on_deliveries_late(sc_timer *timer)
{
    sc_runtime *rt = SC_CONTAINER_OF(timer, sc_runtime, block);

    rt->after_subscriptions = NULL;
    on_fetching_over(rt);
}

static void block(sc_runtime *rt)
{
    char text[SC_DURATION_TEXT_MAX];

    sc_log_info(&rt->log, "Blocking graceful shutdown for %.*s or until app reports unhealthy...",
                SC_FMT(sc_duration_format(rt->options.block_shutdown_ns, text)));
    rt->is_blocking = rt->metadata.is_stopping = true;
    if (!rt->metadata.is_ready) { /* nobody needs the APIs yet */
        stop(rt);
        return;
    }
    sc_timer_init(&rt->block, rt->loop, on_deliveries_late);
    sc_timer_start(&rt->block, BLOCK_CLOSE_LIMIT_MS);
    close_subscriptions(rt, on_fetching_over);
}

static void on_fetching_over(sc_runtime *rt)
{
    int64_t ns = rt->options.block_shutdown_ns;

    sc_timer_stop(&rt->block);
    sc_timer_init(&rt->block, rt->loop, on_block_over);
    sc_timer_start(&rt->block, ns > 0 ? (uint64_t)ns / 1000000 : 0);
}

void sc_runtime_on_app_unhealthy(sc_runtime *rt)
{
    if (!rt->is_blocking || rt->is_stopping)
        return;
    sc_log_info(&rt->log, "App reported unhealthy, entering shutdown...");
    stop(rt);
}

/* ---- the rest ---- */

static void on_grace_over(sc_timer *timer)
{
    sc_runtime *rt = SC_CONTAINER_OF(timer, sc_runtime, grace);

    sc_log_write(&rt->log, SC_LOG_FATAL, "Graceful shutdown timeout exceeded, forcing shutdown");
    _exit(1);
}

static void stop(sc_runtime *rt)
{
    if (rt->is_stopping)
        return;
    rt->is_stopping = rt->metadata.is_stopping = true;
    sc_log_info(&rt->log, "Dapr is shutting down");
    sc_log_debug(&rt->log, "Graceful shutdown timeout: %llds",
                 (long long)rt->options.graceful_shutdown_s);
    sc_timer_stop(&rt->block);
    sc_timer_init(&rt->grace, rt->loop, on_grace_over);
    if (rt->options.graceful_shutdown_s > 0)
        sc_timer_start(&rt->grace, (uint64_t)rt->options.graceful_shutdown_s * 1000);
    sc_runtime_withdraw(rt);
    sc_servers_open_cancel(rt);
    sc_app_health_stop(rt);
    close_subscriptions(rt, close_servers);
}

static void close_servers(sc_runtime *rt)
{
    rt->closing = rt->server_count + rt->grpc_server_count + (rt->metrics_page != NULL) + 1;
    if (rt->metrics_page)
        sc_metrics_page_close(rt->metrics_page, SC_LINGER_MS, on_server_closed, rt);
    sc_servers_close(rt, SC_LINGER_MS, on_server_closed);
    on_server_closed(rt);
}

static void on_server_closed(void *user)
{
    sc_runtime *rt = user;

    if (--rt->closing == 0)
        sc_runtime_close_invocation(rt);
}

void sc_runtime_on_components_closed(sc_runtime *rt)
{
    sc_app_channel_close(rt, on_app_closed);
}

static void on_app_closed(void *user)
{
    sc_runtime *rt = user;

    sc_timer_stop(&rt->grace);
    for (size_t i = 0; i < SC_ARRAY_LEN(rt->signals); i++)
        sc_signal_close(rt->signals[i]);
    sc_arena_deinit(&rt->metadata.mem);
    sc_arena_deinit(&rt->start.mem);
    sc_log_info(&rt->log, "Dapr runtime stopped");
}
