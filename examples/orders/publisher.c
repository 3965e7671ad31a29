/* SPDX-License-Identifier: MIT
 *
 * Publishes orders to topic `orders` of component `pubsub` through its sidecar, one after another,
 * and shows each one that was accepted.
 *
 *   publisher <sidecar's HTTP port> <how many>
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "net/http_client.h"

#define MAX_FAILURES 50

typedef struct publisher {
    sc_loop *loop;
    sc_http_client *client;
    sc_http_call_op request;
    sc_pairs headers;
    sc_arena mem; /* of the order under way */
    sc_str order;
    long next;
    long count;
    int failures;
} publisher;

static void on_answered(sc_op *op);

static void publish_next(publisher *self)
{
    sc_arena_deinit(&self->mem);
    self->order = sc_arena_fmt(&self->mem, "{\"orderId\":%ld,\"sentNs\":%lld}", self->next,
                               (long long)sc_clock_wall_ns());
    self->headers = (sc_pairs){0};
    sc_pairs_add(&self->headers, &self->mem, SC_STR("Content-Type"), SC_STR("application/json"));
    self->request = (sc_http_call_op){.method = SC_STR("POST"),
                                      .target = SC_STR("/v1.0/publish/pubsub/orders"),
                                      .headers = &self->headers,
                                      .body_parts = &self->order,
                                      .body_part_count = 1,
                                      .timeout_ms = 10000};
    sc_op_init(&self->request.op, sc_loop_ops(self->loop), &self->mem, on_answered);
    sc_http_client_send(self->client, &self->request);
}

static void on_answered(sc_op *op)
{
    publisher *self = SC_CONTAINER_OF(op, publisher, request.op);

    if (op->err.code == SC_OK && self->request.status == 204) {
        (void)printf("publisher  | Published order %ld\n", self->next);
        self->next++;
        self->failures = 0;
    } else {
        (void)fprintf(stderr, "publisher  | order %ld was not accepted (status %d): %s%.*s\n",
                      self->next, self->request.status, op->err.text,
                      SC_FMT(self->request.answer_body));
        self->failures++;
    }
    if (self->next < self->count && self->failures < MAX_FAILURES)
        publish_next(self);
    else
        sc_http_client_close(self->client, NULL, NULL);
}

int main(int count, char **args)
{
    publisher self = {0};
    sc_http_client_settings settings = {.dial = {.host = SC_STR("127.0.0.1"), .timeout_ms = 5000}};

    if (count != 3) {
        (void)fprintf(stderr, "usage: publisher <sidecar port> <how many>\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    settings.dial.port = (uint16_t)strtoul(args[1], NULL, 10);
    self.count = strtol(args[2], NULL, 10);
    self.loop = sc_loop_new();
    sc_arena_init(&self.mem, NULL);
    self.client = sc_http_client_open(self.loop, &settings);
    publish_next(&self);
    sc_loop_run(self.loop);
    sc_arena_deinit(&self.mem);
    (void)sc_loop_close(&self.loop);
    return self.next == self.count ? 0 : 1;
}
