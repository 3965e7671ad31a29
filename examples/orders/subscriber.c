/* SPDX-License-Identifier: MIT
 *
 * Shows each message of topic `orders`. Told how many different ones to wait for, it ends with a
 * summary when it has them: ids from 0, and, for messages with the time of sending, how long they
 * took.
 *
 *   subscriber [how many]     (without: until Ctrl-C; listens on APP_PORT, else 8001)
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <pillion/client.h>

typedef struct subscriber {
    pillion_app *app;
    long expected; /* 0: no end */
    long received; /* different ones */
    long repeated;
    bool *has;        /* by id */
    int64_t *took_ns; /* of the timed ones, in the order they came */
    long timed;
    int64_t first_ns;
    int64_t last_ns;
} subscriber;

static int64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void print_summary(subscriber *self)
{
    double seconds = (double)(self->last_ns - self->first_ns) / 1e9;
    long n = self->timed;

    printf("\nmessages      %ld received, %ld of them more than once\n", self->received,
           self->repeated);
    if (n == 0)
        return;
    qsort(self->took_ns, (size_t)n, sizeof(self->took_ns[0]), by_size);
    printf("rate          %.0f a second, published one at a time\n",
           seconds > 0 ? (double)(n - 1) / seconds : 0);
    printf("latency       median %.2f ms, 99th %.2f ms, from before publish to the subscriber\n",
           (double)self->took_ns[n / 2] / 1e6, (double)self->took_ns[n * 99 / 100] / 1e6);
}

static void note_time(subscriber *self, int64_t sent_ns)
{
    int64_t now = now_ns();

    if (self->timed == 0)
        self->first_ns = sent_ns;
    self->last_ns = now;
    self->took_ns[self->timed++] = now - sent_ns;
}

static void count(subscriber *self, const pillion_json *message, int64_t sent_ns)
{
    int64_t id = pillion_json_int(pillion_json_get(message, "id"), -1);

    if (id < 0 || id >= self->expected)
        return;
    if (self->has[id]) {
        self->repeated++;
        return;
    }
    self->has[id] = true;
    if (sent_ns > 0)
        note_time(self, sent_ns);
    if (++self->received == self->expected)
        pillion_app_stop(self->app);
}

static pillion_verdict on_order(void *user, pillion_event *event)
{
    const pillion_json *message = pillion_event_json(event);
    int64_t sent_ns = pillion_json_int(pillion_json_get(message, "sentNs"), 0);

    printf("Received message: %s", event->data.at);
    if (sent_ns > 0)
        printf("  after %.2f ms", (double)(now_ns() - sent_ns) / 1e6);
    printf("\n");
    count(user, message, sent_ns);
    return PILLION_SUCCESS;
}

int main(int argc, char **args)
{
    pillion_app_settings settings = {.port = getenv("APP_PORT") ? 0 : 8001};
    subscriber self = {.expected = argc > 1 ? strtol(args[1], NULL, 10) : 0};
    pillion_error err;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    self.has = calloc((size_t)self.expected + 1, sizeof(self.has[0]));
    self.took_ns = calloc((size_t)self.expected + 1, sizeof(self.took_ns[0]));
    self.app = pillion_app_new(&settings);
    pillion_app_subscribe(self.app, "pubsub", "orders", on_order, &self);
    if (pillion_app_run(self.app, &err))
        fprintf(stderr, "%s\n", err.text);
    else if (self.expected > 0)
        print_summary(&self);
    pillion_app_free(self.app);
    free(self.has);
    free(self.took_ns);
    return err.code == PILLION_OK ? 0 : 1;
}
