/* SPDX-License-Identifier: MIT
 *
 * Subscribing without an open port: the events come over a gRPC stream that the program opens to
 * its sidecar.
 *
 *     pillion_stream *orders = pillion_subscribe(client, "pubsub", "orders", NULL);
 *     pillion_event *event;
 *
 *     while ((event = pillion_stream_next(orders, -1, &err)) != NULL) {
 *         printf("%s\n", event->data.at);
 *         pillion_event_answer(event, PILLION_SUCCESS);
 *     }
 */
#ifndef PILLION_STREAM_H
#define PILLION_STREAM_H

#include "pillion/pubsub.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A subscription over one gRPC stream. Whenever it breaks, or the sidecar refuses it, it is tried
 * again after a pause that grows to 5 s, until it is closed. Events that were not answered by then
 * come again. */
typedef struct pillion_stream pillion_stream;

typedef struct pillion_stream_settings {
    /* Called for each event. NULL: take them with pillion_stream_next. */
    pillion_event_handler on_event;
    /* Called when the subscription stands (PILLION_OK), and why it broke or was refused each time.
     * May be NULL. */
    void (*on_state)(void *user, const pillion_error *state);
    void *user;
    const char *dead_letter_topic; /* NULL: none */
    const pillion_pair *metadata;  /* of the subscription, for example rawPayload, maxInFlight */
    size_t metadata_count;
} pillion_stream_settings;

/* Subscribes to `topic` of `pubsub`. `settings` may be NULL. */
PILLION_API pillion_stream *
pillion_subscribe(pillion_client *client, const char *pubsub, const char *topic,
                  const pillion_stream_settings *settings) PILLION_CHECK;
/* Runs the client's loop until there is an event, and returns it: answer it with
 * pillion_event_answer; several may be held at a time. NULL with PILLION_DEADLINE after
 * `timeout_ms`
 * (-1: waits for ever), or with the reason when the sidecar refused the subscription
 * (PILLION_NOT_FOUND, PILLION_PERMISSION_DENIED, PILLION_INVALID, PILLION_UNAUTHENTICATED); a lost
 * connection is no reason. Not when the settings have on_event, nor inside a callback of the same
 * loop: PILLION_FAILED_PRECONDITION. */
PILLION_API pillion_event *pillion_stream_next(pillion_stream *stream, int timeout_ms,
                                               pillion_error *err);
/* Ends the subscription, also inside its handler. Unanswered events go back to the broker.
 * Answering those that you keep does nothing any more but free them. */
PILLION_API void pillion_stream_close(pillion_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
