/* SPDX-License-Identifier: MIT
 *
 * --wait: polls /v1.0/healthz/outbound (runtime, environment, given to the application).
 */
#include "sidecar/wait.h"

#include <stdio.h>

#include "io/timer.h"
#include "net/http_client.h"

#define LIMIT_MS  60000u
#define PERIOD_MS 100u
#define CALL_MS   500u

typedef struct waiting {
    sc_loop *loop;
    sc_http_client *client;
    sc_http_call_op ask;
    sc_arena mem; /* of one question */
    sc_timer pause;
    uint64_t until_ms;
    uint64_t told_ms; /* when the last line went out */
    char why[200];    /* the last answer was no good */
    bool is_ready;
} waiting;

static void ask(waiting *w);
static void on_asked(sc_op *op);
static void finish(waiting *w);

static void on_closed(void *self)
{
    (void)self; /* the loop ends by itself */
}

static void on_pause_over(sc_timer *timer)
{
    ask(SC_CONTAINER_OF(timer, waiting, pause));
}

static void ask(waiting *w)
{
    sc_arena_deinit(&w->mem);
    w->ask = (sc_http_call_op){.method = SC_STR("GET"),
                               .target = SC_STR("/v1.0/healthz/outbound"),
                               .is_idempotent = true,
                               .timeout_ms = CALL_MS};
    sc_op_init(&w->ask.op, sc_loop_ops(w->loop), &w->mem, on_asked);
    sc_http_client_send(w->client, &w->ask);
}

static void on_asked(sc_op *op)
{
    waiting *w = SC_CONTAINER_OF(op, waiting, ask.op);
    uint64_t now = sc_loop_now_ms(w->loop);

    w->is_ready = op->err.code == SC_OK && w->ask.status == 204;
    if (op->err.code != SC_OK)
        (void)snprintf(w->why, sizeof(w->why), "%.180s", op->err.text);
    else
        (void)snprintf(w->why, sizeof(w->why), "status code: %d", w->ask.status);
    if (w->is_ready || now >= w->until_ms) {
        finish(w);
        return;
    }
    if (now >= w->told_ms + 1000) {
        w->told_ms = now;
        (void)fprintf(stderr, "Dapr outbound NOT ready yet: %s\n", w->why);
    }
    sc_timer_start(&w->pause, PERIOD_MS);
}

static void finish(waiting *w)
{
    sc_http_client_close(w->client, on_closed, w);
    if (w->is_ready)
        (void)fprintf(stderr, "Dapr is outbound ready!\n\n");
    else
        (void)fprintf(stderr, "timeout waiting for Dapr to become outbound ready. Last error: %s\n",
                      w->why);
}

bool sc_wait_outbound_ready(uint16_t http_port)
{
    waiting w = {.loop = sc_loop_new()};
    sc_http_client_settings settings = {
        .dial = {.host = SC_STR("localhost"), .port = http_port, .timeout_ms = CALL_MS}};

    sc_arena_init(&w.mem, NULL);
    sc_timer_init(&w.pause, w.loop, on_pause_over);
    w.client = sc_http_client_open(w.loop, &settings);
    w.until_ms = sc_loop_now_ms(w.loop) + LIMIT_MS;
    (void)fprintf(stderr,
                  "Waiting for Dapr to be outbound ready (timeout: %u seconds): "
                  "url=http://localhost:%u/v1.0/healthz/outbound\n\n",
                  LIMIT_MS / 1000, http_port);
    ask(&w);
    sc_loop_run(w.loop);
    sc_arena_deinit(&w.mem);
    (void)sc_loop_close(&w.loop);
    return w.is_ready;
}
