/* SPDX-License-Identifier: MIT
 *
 * From what the broker handed over to the event that a subscriber is told (pub/sub semantics,
 * section 6.1).
 */
#ifndef SC_BLOCK_EVENT_DECODE_H
#define SC_BLOCK_EVENT_DECODE_H

#include "app/event.h"
#include "block/subscription_internal.h"

/* Fills `event`; results live in `mem` or with the delivery. `*expired` is the text of its
 * expiration when that is past, else empty.
 * Fails with SC_INVALID for what is no CloudEvent. */
sc_code sc_event_decode(const sc_subscription *sub, const sc_delivery *delivery, sc_arena *mem,
                        sc_event *event, sc_str *expired, sc_error *err) SC_MUST_CHECK;

#endif
