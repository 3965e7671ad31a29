/* SPDX-License-Identifier: MIT
 *
 * Publishes messages to topic `orders` of component `pubsub`, one after another, and shows each one
 * that the broker has.
 *
 *   publisher [--timed] [how many]     (5; --timed adds the time of sending to each message)
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pillion/client.h>

#define MAX_FAILURES 50 /* in a row */

static long long now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static char *message_text(int id, bool is_timed)
{
    char text[64];
    char *message;

    (void)snprintf(text, sizeof(text), "Hello from publisher - message %d", id);
    message = pillion_json_format("{\"id\": %d, \"message\": %s", id, text);
    if (is_timed)
        (void)pillion_json_append(&message, ", \"sentNs\": %lld", now_ns());
    (void)pillion_json_append(&message, "}");
    return message;
}

/* Publishes the message until the sidecar takes it. */
static bool publish(pillion_client *client, int id, bool is_timed)
{
    for (int failures = 0; failures < MAX_FAILURES; failures++) {
        char *message = message_text(id, is_timed);
        pillion_error err;
        pillion_code code = pillion_finish(
            pillion_publish(client, "pubsub", "orders", pillion_text(message), NULL, NULL), &err);

        if (code == PILLION_OK)
            printf("Published message: %s\n", message);
        else
            fprintf(stderr, "message %d was not published: %s\n", id, err.text);
        free(message);
        if (code == PILLION_OK)
            return true;
        if (code == PILLION_INVALID || code == PILLION_NOT_FOUND)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return false;
}

int main(int count, char **args)
{
    bool is_timed = count > 1 && strcmp(args[1], "--timed") == 0;
    const char *many = args[is_timed ? 2 : 1];
    int messages = many ? (int)strtol(many, NULL, 10) : 5;
    pillion_client *client = pillion_client_new(NULL);
    pillion_error err;
    bool is_good = true;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (pillion_finish(pillion_health_wait(client, PILLION_HEALTH_OUTBOUND, 0), &err)) {
        fprintf(stderr, "%s\n", err.text);
        is_good = false;
    }
    for (int i = 0; i < messages && is_good; i++)
        is_good = publish(client, i, is_timed);
    pillion_client_free(client);
    return is_good ? 0 : 1;
}
