/* SPDX-License-Identifier: MIT
 *
 * The list that an application answers on GET /dapr/subscribe or ListTopicSubscriptions (Dapr:
 * programmatic subscriptions).
 */
#ifndef SC_BLOCK_PROGRAMMATIC_H
#define SC_BLOCK_PROGRAMMATIC_H

#include "block/subscription.h"
#include "dapr/proto/runtime/v1/appcallback.pb-c.h"

/* Reads the JSON list into `*specs` (in `mem`): for one pubsub and topic the last item wins, an
 * item without any route is left out with a warning. An empty body and null are an empty list.
 * Fails with SC_INVALID when it is no such list: then none of it counts. */
sc_code sc_programmatic_parse(sc_str body, const sc_log *log, sc_arena *mem,
                              sc_subscription_spec **specs, uint32_t *count,
                              sc_error *err) SC_MUST_CHECK;
/* The same from a gRPC application. An item without routes gets one with an empty path. Texts are
 * borrowed from `list`. */
sc_code
sc_programmatic_from_grpc(const Dapr__Proto__Runtime__V1__ListTopicSubscriptionsResponse *list,
                          sc_arena *mem, sc_subscription_spec **specs, uint32_t *count,
                          sc_error *err) SC_MUST_CHECK;

#endif
