/* SPDX-License-Identifier: MIT
 *
 * Tells its sidecar that it wants topic `orders`, shows each order that arrives and how long it was
 * on its way, and ends with a summary when it has them all.
 *
 *   subscriber <its port> <how many>
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "net/http_server.h"
#include "wire/json.h"

typedef struct subscriber {
    sc_loop *loop;
    sc_http_server *server;
    long expected;
    long received; /* different ones */
    long repeated;
    bool *has;
    int64_t *took_ns;
    int64_t first_ns;
    int64_t last_ns;
} subscriber;

static const char subscriptions[] =
    "[{\"pubsubname\":\"pubsub\",\"topic\":\"orders\",\"route\":\"/orders\"}]";

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void print_summary(subscriber *self)
{
    double seconds = (double)(self->last_ns - self->first_ns) / 1e9;
    long n = self->received;

    qsort(self->took_ns, (size_t)n, sizeof(self->took_ns[0]), by_size);
    (void)printf("\nmessages      %ld received, %ld of them more than once\n", n, self->repeated);
    (void)printf("rate          %.0f a second, published one at a time\n",
                 seconds > 0 ? (double)(n - 1) / seconds : 0);
    (void)printf(
        "latency       median %.2f ms, 99th %.2f ms, from before publish to the subscriber\n",
        (double)self->took_ns[n / 2] / 1e6, (double)self->took_ns[n * 99 / 100] / 1e6);
}

static long long number(const sc_doc *order, const char *name)
{
    const sc_doc *value = sc_doc_get(order, sc_str_from(name));
    int64_t n;

    return sc_doc_is(value, SC_DOC_NUMBER) && sc_str_to_i64(value->text, &n) ? n : -1;
}

static void take(subscriber *self, const sc_doc *order)
{
    long long id = number(order, "orderId");
    int64_t now_ns = sc_clock_wall_ns();
    int64_t took_ns = now_ns - number(order, "sentNs");

    if (id < 0 || id >= self->expected)
        return;
    if (self->has[id]) {
        self->repeated++;
        return;
    }
    (void)printf("subscriber | Received order %lld after %.2f ms\n", id, (double)took_ns / 1e6);
    self->has[id] = true;
    if (self->received == 0)
        self->first_ns = now_ns - took_ns;
    self->last_ns = now_ns;
    self->took_ns[self->received++] = took_ns;
}

static void on_request(void *at, sc_http_exchange *ex)
{
    subscriber *self = at;
    sc_pairs headers = {0};
    sc_doc *event;

    sc_pairs_add(&headers, &ex->call->mem, SC_STR("content-type"), SC_STR("application/json"));
    if (sc_str_eq(ex->req.path, SC_STR("/dapr/subscribe"))) {
        sc_http_respond(ex, 200, &headers, sc_str_from(subscriptions));
        return;
    }
    if (!sc_str_eq(ex->req.path, SC_STR("/orders")) ||
        sc_json_parse(ex->req.body, &ex->call->mem, &event, NULL, NULL) != SC_OK) {
        sc_http_respond(ex, 404, NULL, SC_STR_NONE);
        return;
    }
    take(self, sc_doc_get(event, SC_STR("data")));
    sc_http_respond(ex, 200, &headers, SC_STR("{\"status\":\"SUCCESS\"}"));
    if (self->received == self->expected)
        sc_http_server_close(self->server, 1000, NULL, NULL);
}

int main(int count, char **args)
{
    static const sc_http_handler handler = {.on_request = on_request};
    sc_http_limits limits = sc_http_default_limits();
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    subscriber self = {0};
    sc_error err;

    if (count != 3 || (self.expected = strtol(args[2], NULL, 10)) < 1) {
        (void)fprintf(stderr, "usage: subscriber <port> <how many>\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    at.port = (uint16_t)strtoul(args[1], NULL, 10);
    self.has = calloc((size_t)self.expected, sizeof(bool));
    self.took_ns = calloc((size_t)self.expected, sizeof(int64_t));
    self.loop = sc_loop_new();
    if (!self.has || !self.took_ns ||
        sc_http_server_open(self.loop, &at, &limits, &handler, &self, &self.server, &err) !=
            SC_OK) {
        (void)fprintf(stderr, "subscriber | %s\n", err.text);
        return 1;
    }
    sc_loop_run(self.loop);
    (void)sc_loop_close(&self.loop);
    print_summary(&self);
    free(self.has);
    free(self.took_ns);
    return 0;
}
