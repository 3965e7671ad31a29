/* SPDX-License-Identifier: MIT
 *
 * The end, in order: no more messages are fetched and those with the application are waited for;
 * then the API closes, then the components, the channel to the application, the signals.
 */
#include <unistd.h>

#include "sidecar/runtime_internal.h"

static void on_subscription_closed(void *user);
static void on_server_closed(void *user);
static void on_stream_gone(void *user);
static void on_app_closed(void *user);

static void on_grace_over(sc_timer *timer)
{
    sc_runtime *rt = SC_CONTAINER_OF(timer, sc_runtime, grace);

    sc_log_write(&rt->log, SC_LOG_FATAL, "Graceful shutdown timeout exceeded, forcing shutdown");
    _exit(1);
}

void sc_runtime_stop(sc_runtime *rt)
{
    if (rt->is_stopping)
        return;
    rt->is_stopping = rt->metadata.is_stopping = true;
    sc_log_info(&rt->log, "Dapr is shutting down");
    sc_timer_init(&rt->grace, rt->loop, on_grace_over);
    if (rt->options.graceful_shutdown_s > 0)
        sc_timer_start(&rt->grace, (uint64_t)rt->options.graceful_shutdown_s * 1000);
    sc_app_start_cancel(rt);
    sc_app_health_stop(rt);
    rt->metadata.on_stream_gone = on_stream_gone;
    rt->metadata.user = rt;
    SC_LIST_EACH_SAFE (&rt->metadata.streams, it) {
        sc_metadata_stream *stream = SC_CONTAINER_OF(it, sc_metadata_stream, link);

        stream->stop(stream);
    }
    rt->closing = rt->subscription_count + rt->health.closing + 1;
    for (uint32_t i = 0; i < rt->subscription_count; i++)
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
    rt->metadata.subscription_count = 0;
    rt->is_closing_servers = true;
    rt->closing = rt->server_count + rt->grpc_server_count + (rt->metrics_page != NULL) + 1;
    if (rt->metrics_page)
        sc_metrics_page_close(rt->metrics_page, SC_LINGER_MS, on_server_closed, rt);
    for (uint32_t i = 0; i < rt->server_count; i++)
        sc_http_server_close(rt->servers[i], SC_LINGER_MS, on_server_closed, rt);
    for (uint32_t i = 0; i < rt->grpc_server_count; i++)
        sc_grpc_server_close(rt->grpc_servers[i], SC_LINGER_MS, on_server_closed, rt);
    on_server_closed(rt);
}

static void on_server_closed(void *user)
{
    sc_runtime *rt = user;

    if (--rt->closing == 0 && rt->metadata.stream_count == 0)
        sc_runtime_close_components(rt);
}

/* A streaming subscription may outlive its server by the time its broker takes. */
static void on_stream_gone(void *user)
{
    sc_runtime *rt = user;

    if (rt->is_closing_servers && rt->closing == 0 && rt->metadata.stream_count == 0)
        sc_runtime_close_components(rt);
}

void sc_runtime_on_components_closed(sc_runtime *rt)
{
    sc_app_channel_close(rt, on_app_closed);
}

static void on_app_closed(void *user)
{
    sc_runtime *rt = user;

    sc_timer_stop(&rt->grace);
    sc_signal_close(rt->signals[0]);
    sc_signal_close(rt->signals[1]);
    sc_arena_deinit(&rt->metadata.mem);
    sc_arena_deinit(&rt->start.mem);
    sc_log_info(&rt->log, "Dapr runtime stopped");
}
