/* SPDX-License-Identifier: MIT
 *
 * Gathers deliveries into bulk calls (Dapr: bulk subscribe): a sink in front of the application's.
 * Each message stays a delivery of its own: retries, dead letters and acknowledgements are the same
 * as without it.
 */
#ifndef SC_BLOCK_BULK_H
#define SC_BLOCK_BULK_H

#include "app/event.h"
#include "block/pubsub_stats.h"
#include "core/random.h"
#include "io/loop.h"

#define SC_BULK_MAX_MESSAGES 100u /* Dapr's defaults */
#define SC_BULK_MAX_AWAIT_MS 1000u

typedef struct sc_bulk sc_bulk;

/* `inner` must take bulk deliveries. `max_messages`, `max_await_ms`: 0 is the default. `stats` are
 * the subscription's. */
sc_bulk *sc_bulk_new(sc_loop *loop, sc_random *random, const sc_event_sink *inner,
                     uint32_t max_messages, uint32_t max_await_ms, sc_ingress_stats *stats);
sc_event_sink sc_bulk_sink(sc_bulk *bulk);
/* Sends what waits now. */
void sc_bulk_flush(sc_bulk *bulk);
/* Nothing waits or is under way any more. */
void sc_bulk_free(sc_bulk *bulk);

#endif
