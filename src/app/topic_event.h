/* SPDX-License-Identifier: MIT
 *
 * Events as the protobuf messages that gRPC subscribers get (Dapr: TopicEventRequest,
 * TopicEventBulkRequest).
 */
#ifndef SC_APP_TOPIC_EVENT_H
#define SC_APP_TOPIC_EVENT_H

#include "app/event.h"
#include "core/error.h"
#include "dapr/proto/runtime/v1/appcallback.pb-c.h"

/* Fills `out`, which lives in `mem` like all it points to. Fails with SC_INVALID for data that
 * contradicts its content type. */
sc_code sc_topic_event_fill(sc_event *event, sc_str path, sc_arena *mem,
                            Dapr__Proto__Runtime__V1__TopicEventRequest *out,
                            sc_error *err) SC_MUST_CHECK;
/* The same for an entry of a bulk delivery. */
sc_code sc_topic_event_fill_ce(sc_event *event, sc_arena *mem,
                               Dapr__Proto__Runtime__V1__TopicEventCERequest *out,
                               sc_error *err) SC_MUST_CHECK;
/* What a TopicEventResponse says; sets `err` (code SC_OK, for the log) where it means a retry. */
sc_app_answer sc_topic_event_answer(int status, sc_error *err);

#endif
