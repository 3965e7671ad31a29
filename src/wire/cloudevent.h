/* SPDX-License-Identifier: MIT
 *
 * CloudEvents in JSON (CloudEvents 1.0, JSON event format) as Dapr makes and reads them. The data
 * of an application is never decoded and encoded again: it is checked once and spliced.
 */
#ifndef SC_WIRE_CLOUDEVENT_H
#define SC_WIRE_CLOUDEVENT_H

#include "core/buf.h"
#include "core/error.h"
#include "core/pairs.h"

#define SC_CLOUDEVENT_JSON SC_STR("application/cloudevents+json")

/* The part of a content type up to the first ';', compared without case and without trimming, as
 * Dapr compares it. */
bool sc_media_type_is(sc_str content_type, sc_str name);

/* What a new envelope says. Empty slices of optional attributes leave them out. */
typedef struct sc_envelope {
    sc_str content_type; /* empty: text/plain */
    sc_str data;
    sc_str id;
    sc_str source;
    sc_str type;
    sc_str subject; /* optional */
    sc_str topic;
    sc_str pubsub_name;
    sc_str time;
    sc_str expiration; /* optional */
    sc_str traceid;    /* always written, also when empty; the same for the next two */
    sc_str traceparent;
    sc_str tracestate;
} sc_envelope;

/* Appends the envelope, keys in the order of Dapr's. JSON data that is valid is spliced as it is;
 * other JSON becomes a string, binary types base64, everything else a string. */
void sc_envelope_build(const sc_envelope *envelope, sc_buf *out);

/* Appends `event`, an application's own CloudEvent, completed as Dapr completes it: topic and
 * pubsubname are ours, missing attributes get their defaults, `expiration` (when not empty)
 * replaces its own; data, id and extensions stay. Uses topic, pubsub_name, time, expiration,
 * traceid and tracestate of `ours`. Fails with SC_INVALID when `event` does not begin with a JSON
 * object. */
sc_code sc_envelope_patch(sc_str event, const sc_envelope *ours, sc_arena *mem, sc_buf *out,
                          sc_error *err) SC_MUST_CHECK;

/* Appends the wrapper that a rawPayload subscriber gets. `id` is fresh; `trace` may be NULL. */
void sc_envelope_wrap_raw(sc_str payload, sc_str id, sc_str topic, sc_str pubsub_name,
                          const sc_pairs *metadata, sc_buf *out);

/* Appends `event` with `extensions` as further top-level strings, replacing those of the same
 * names, and without the member `omitted` (empty: with all). An `event` that is no object is
 * appended unchanged and false returned. */
bool sc_cloudevent_extend(sc_str event, const sc_pairs *extensions, sc_str omitted, sc_arena *mem,
                          sc_buf *out);

/* A received event. Values are JSON slices of the text, empty when the attribute is absent. */
typedef struct sc_cloudevent {
    sc_str id;
    sc_str source;
    sc_str type;
    sc_str specversion;
    sc_str datacontenttype;
    sc_str data;
    sc_str data_base64;
    sc_str traceid;
    sc_str traceparent;
    sc_str tracestate;
    sc_str expiration;
} sc_cloudevent;

/* Fails with SC_INVALID, worded as Go words it, when `text` is not one JSON object. */
sc_code sc_cloudevent_parse(sc_str text, sc_cloudevent *event, sc_error *err) SC_MUST_CHECK;
/* The text of an attribute that is a string, else empty. In `mem` when it has escapes. */
sc_str sc_cloudevent_text(sc_str value, sc_arena *mem);
/* True when the event says that it expired before `wall_ms`. */
bool sc_cloudevent_is_expired(const sc_cloudevent *event, int64_t wall_ms, sc_arena *mem);

#endif
