/* SPDX-License-Identifier: MIT
 *
 * Publish, and events: the CloudEvents that subscriptions receive.
 */
#ifndef PILLION_PUBSUB_H
#define PILLION_PUBSUB_H

#include "pillion/call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- publish ---- */

/* Publishes `data` to `topic` of the component `pubsub`. PILLION_OK means that the broker has it.
 *
 * `content_type` says what `data` is and becomes the event's datacontenttype; NULL:
 * application/json. With application/cloudevents+json `data` is a whole CloudEvent of yours.
 * Metadata of the options: rawPayload, ttlInSeconds, cloudevent.type and so on. `options` may be
 * NULL. Fails with PILLION_NOT_FOUND for an unknown component, PILLION_PERMISSION_DENIED when
 * scopes forbid the topic. */
PILLION_API pillion_call *pillion_publish(pillion_client *client, const char *pubsub,
                                          const char *topic, pillion_str data,
                                          const char *content_type,
                                          const pillion_options *options) PILLION_CHECK;
/* The same with a JSON text made as pillion_json_format makes it; PILLION_INVALID when the result
 * is not JSON. */
PILLION_API pillion_call *pillion_publish_json(pillion_client *client, const char *pubsub,
                                               const char *topic, const char *format,
                                               ...) PILLION_CHECK PILLION_PRINTF(4, 5);

/* One of several events for a topic. */
typedef struct pillion_publish_entry {
    pillion_str data;
    const char *content_type; /* NULL: application/json */
    const char *entry_id;     /* unique in the call; NULL: its place, "0", "1", ... */
    const pillion_pair *metadata;
    size_t metadata_count;
} pillion_publish_entry;

/* Publishes several in one request. When some failed the code is that of the request, and
 * pillion_publish_failed lists those; the others are published. */
PILLION_API pillion_call *pillion_publish_bulk(pillion_client *client, const char *pubsub,
                                               const char *topic,
                                               const pillion_publish_entry *entries, size_t count,
                                               const pillion_options *options) PILLION_CHECK;

typedef struct pillion_publish_failure {
    const char *entry_id;
    const char *error;
} pillion_publish_failure;

/* The entries that were not published: `*count` of them, good until the call is freed. */
PILLION_API const pillion_publish_failure *pillion_publish_failed(const pillion_call *call,
                                                                  size_t *count);

/* ---- events ---- */

/* What to do with an event. */
typedef enum pillion_verdict {
    PILLION_SUCCESS, /* handled: the broker forgets it */
    PILLION_RETRY,   /* not now: it comes again, in the end it goes to the dead-letter topic */
    PILLION_DROP,    /* never: to the dead-letter topic at once, or forgotten without one */
    PILLION_LATER    /* you keep the event and call pillion_event_answer some time */
} pillion_verdict;

/* An event. Texts are never NULL: "" when the event does not say. All of it is good until the
 * handler returns a verdict, or, after PILLION_LATER, until pillion_event_answer. */
typedef struct pillion_event {
    const char *id; /* "" for a bare body: one that was no CloudEvent */
    const char *source;
    const char *type;
    const char *subject;
    const char *time;         /* RFC 3339 */
    const char *content_type; /* of `data` */
    const char *pubsub;
    const char *topic;
    const char *traceparent;
    pillion_str data; /* as it was published: JSON text, text, or bytes (base64 is undone) */
} pillion_event;

/* Called for each event, on the loop. */
typedef pillion_verdict (*pillion_event_handler)(void *user, pillion_event *event);

/* `data` as JSON; NULL when it is none. Read when first asked for. */
PILLION_API const pillion_json *pillion_event_json(pillion_event *event);
/* Any attribute by its name (for example "deadletterreason"): texts without quotes, others as JSON;
 * NULL when the event has none such. */
PILLION_API const char *pillion_event_attribute(const pillion_event *event, const char *name);
/* The verdict on an event that was kept; the event is gone afterwards. On the loop's thread. When
 * the sidecar has gone meanwhile this does nothing: the event will come again. */
PILLION_API void pillion_event_answer(pillion_event *event, pillion_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
