/* SPDX-License-Identifier: MIT
 *
 * Events as gRPC carries them.
 */
#ifndef PILLION_EVENT_PROTO_H
#define PILLION_EVENT_PROTO_H

#include "dapr/proto/runtime/v1/appcallback.pb-c.h"
#include "event.h"

/* Copies everything into `mem`. */
void event_from_proto(sc_arena *mem, const Dapr__Proto__Runtime__V1__TopicEventRequest *message,
                      sdk_event *out);

#endif
