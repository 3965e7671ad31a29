/* SPDX-License-Identifier: MIT
 *
 * Subscribing (Dapr: declarative, programmatic and streaming subscriptions): what an application
 * wants to hear, and the life of each message on its way to it: decode, expire, route, deliver,
 * retry with backoff, dead-letter, acknowledge.
 */
#ifndef SC_BLOCK_SUBSCRIPTION_H
#define SC_BLOCK_SUBSCRIPTION_H

#include "app/event.h"
#include "block/pubsub.h"
#include "policy/retry.h"

typedef enum sc_subscription_kind {
    SC_SUBSCRIPTION_DECLARATIVE,
    SC_SUBSCRIPTION_PROGRAMMATIC,
    SC_SUBSCRIPTION_STREAMING,
} sc_subscription_kind;

typedef struct sc_route {
    sc_str match; /* a CEL expression; empty: always */
    sc_str path;
} sc_route;

/* What is subscribed to. Slices live as long as whoever made it says. */
typedef struct sc_subscription_spec {
    sc_subscription_kind kind;
    sc_str name; /* of the resource, for messages; may be empty */
    sc_str pubsub_name;
    sc_str topic;
    sc_str dead_letter_topic; /* empty: none */
    sc_pairs metadata;
    sc_route *routes; /* in order; the default, if any, is the last with an empty match */
    uint32_t route_count;
    bool is_bulk;
    uint32_t bulk_max_messages;
    uint32_t bulk_max_await_ms;
} sc_subscription_spec;

/* A deep copy in `mem`. */
sc_subscription_spec sc_subscription_spec_copy(const sc_subscription_spec *spec, sc_arena *mem);
/* Checks what can be checked without a broker: fields, metadata values, expressions.
 * Fails with SC_INVALID, or SC_UNIMPLEMENTED for what is not there yet. */
sc_code sc_subscription_spec_check(const sc_subscription_spec *spec, sc_error *err) SC_MUST_CHECK;

typedef struct sc_subscription sc_subscription;

/* Starts a subscription; messages go to `sink` (copied). A failure of the component's or the
 * scopes' is retried for ever with backoff and logged, as in Dapr; a wrong `spec` fails at once. */
sc_code sc_subscription_open(sc_pubsubs *pubsubs, const sc_subscription_spec *spec,
                             const sc_event_sink *sink, sc_subscription **out,
                             sc_error *err) SC_MUST_CHECK;
const sc_subscription_spec *sc_subscription_spec_of(const sc_subscription *sub);
/* Messages with the application now. */
uint32_t sc_subscription_in_flight(const sc_subscription *sub);
/* Stops fetching; messages that wait for a retry go back to the broker, those with the application
 * are waited for. Then `on_closed`, and the memory is gone. */
void sc_subscription_close(sc_subscription *sub, void (*on_closed)(void *user), void *user);

#endif
