/* SPDX-License-Identifier: MIT
 *
 * Probes the application (runtime, "App health checks"): subscriptions run while it is healthy, and
 * are asked for anew each time it comes back. A success clears the failures before it.
 */
#include <stdio.h>

#include "sidecar/runtime_internal.h"

static void probe(sc_runtime *rt);
static void on_http_probed(sc_op *op);
static void on_grpc_probed(sc_op *op);

static void on_due(sc_timer *timer)
{
    probe(SC_CONTAINER_OF(timer, sc_runtime, health.timer));
}

void sc_app_health_begin(sc_runtime *rt)
{
    sc_app_health *health = &rt->health;

    sc_log_info(&rt->health_log, "App health probes starting");
    health->failures = (uint32_t)rt->options.health_threshold; /* unhealthy until shown otherwise */
    sc_timer_init(&health->timer, rt->loop, on_due);
    health->is_running = true;
    probe(rt);
}

void sc_app_health_stop(sc_runtime *rt)
{
    if (!rt->health.is_running)
        return;
    rt->health.is_running = false;
    sc_timer_stop(&rt->health.timer);
    if (!rt->health.is_probing)
        sc_arena_deinit(&rt->health.mem);
}

/* ---- one probe ---- */

static void probe(sc_runtime *rt)
{
    sc_app_health *health = &rt->health;
    uint64_t timeout_ms = (uint64_t)rt->options.health_timeout_ms;

    sc_arena_deinit(&health->mem);
    health->is_probing = true;
    if (rt->app) {
        health->http = (sc_http_call_op){.method = SC_STR("GET"),
                                         .target = rt->options.health_path,
                                         .timeout_ms = timeout_ms,
                                         .is_idempotent = true};
        sc_op_init(&health->http.op, sc_loop_ops(rt->loop), &health->mem, on_http_probed);
        sc_http_client_send(sc_app_http_client(rt->app), &health->http);
    } else {
        health->grpc = (sc_grpc_call_op){
            .path = SC_STR("/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck"),
            .timeout_ms = timeout_ms};
        sc_op_init(&health->grpc.op, sc_loop_ops(rt->loop), &health->mem, on_grpc_probed);
        sc_grpc_channel_send(sc_app_grpc_channel(rt->app_grpc), &health->grpc);
    }
}

/* ---- what it means ---- */

static void on_one_closed(void *user)
{
    sc_runtime *rt = user;

    rt->health.closing--;
    if (sc_runtime_is_ending(rt))
        sc_runtime_on_subscription_closed(rt);
    else if (rt->health.closing == 0 && rt->health.is_healthy)
        sc_app_start_ask(rt);
}

static void became_unhealthy(sc_runtime *rt, const char *reason)
{
    uint32_t count = rt->subscription_count;

    sc_log_warn(&rt->health_log, "App entered un-healthy status: %s", reason);
    rt->health.is_healthy = false;
    rt->health.is_unhealthy = true;
    if (sc_runtime_is_ending(rt)) { /* the subscriptions close already */
        sc_runtime_on_app_unhealthy(rt);
        return;
    }
    rt->subscription_count = rt->metadata.subscription_count = 0;
    rt->health.closing += count;
    for (uint32_t i = 0; i < count; i++)
        sc_subscription_close(rt->subscriptions[i], on_one_closed, rt);
}

static void became_healthy(sc_runtime *rt)
{
    sc_log_info(&rt->health_log, "App entered healthy status");
    rt->health.is_healthy = true;
    rt->health.is_unhealthy = false;
    if (rt->health.closing == 0)
        sc_app_start_ask(rt);
}

static void on_probed(sc_runtime *rt, const char *reason)
{
    sc_app_health *health = &rt->health;

    health->is_probing = false;
    if (!health->is_running) { /* the sidecar ends */
        sc_arena_deinit(&health->mem);
        return;
    }
    if (!reason) {
        health->failures = 0;
        if (!health->is_healthy)
            became_healthy(rt);
    } else if (health->failures < (uint32_t)rt->options.health_threshold &&
               ++health->failures == (uint32_t)rt->options.health_threshold) {
        became_unhealthy(rt, reason);
    }
    if (health->is_running) /* the end may have begun */
        sc_timer_start(&health->timer, (uint64_t)rt->options.health_interval_s * 1000);
}

/* `label`: the status. */
static void count_probe(sc_runtime *rt, sc_metric count, sc_metric latency, sc_str label,
                        uint64_t started_ms)
{
    sc_metrics *metrics = rt->observe.metrics;

    sc_series_add(sc_metrics_series_of(metrics, count, label));
    sc_series_observe(sc_metrics_series_of(metrics, latency, label),
                      (double)(sc_loop_now_ms(rt->loop) - started_ms));
}

static void on_http_probed(sc_op *op)
{
    sc_runtime *rt = SC_CONTAINER_OF(op, sc_runtime, health.http.op);
    int status = rt->health.http.status;
    char label[12];

    (void)snprintf(label, sizeof(label), "%d", op->err.code == SC_OK ? status : 500);
    count_probe(rt, SC_METRIC_HTTP_HEALTHPROBES_COUNT, SC_METRIC_HTTP_HEALTHPROBES_LATENCY,
                sc_str_from(label), rt->health.http.started_ms);
    if (op->err.code != SC_OK)
        on_probed(rt,
                  sc_arena_fmt(&rt->health.mem, "Network error: Get \"%s://%.*s:%u%.*s\": %s",
                               rt->app_tls ? "https" : "http", SC_FMT(rt->options.app_host),
                               rt->options.app_port, SC_FMT(rt->options.health_path), op->err.text)
                      .at);
    else if (status / 100 != 2)
        on_probed(
            rt,
            sc_arena_fmt(&rt->health.mem, "Health check failed with status code: %d", status).at);
    else
        on_probed(rt, NULL);
}

static void on_grpc_probed(sc_op *op)
{
    sc_runtime *rt = SC_CONTAINER_OF(op, sc_runtime, health.grpc.op);

    count_probe(rt, SC_METRIC_GRPC_HEALTHPROBES_COUNT, SC_METRIC_GRPC_HEALTHPROBES_LATENCY,
                sc_str_from(sc_code_name(op->err.code)), rt->health.grpc.started_ms);
    if (op->err.code == SC_OK)
        on_probed(rt, NULL);
    else
        on_probed(rt, sc_arena_fmt(&rt->health.mem, "Probe error: rpc error: code = %s desc = %s",
                                   sc_code_name(op->err.code), op->err.text)
                          .at);
}
