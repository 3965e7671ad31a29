/* SPDX-License-Identifier: MIT
 *
 * A running subscription, for subscription.c and delivery.c.
 */
#ifndef SC_BLOCK_SUBSCRIPTION_INTERNAL_H
#define SC_BLOCK_SUBSCRIPTION_INTERNAL_H

#include "block/bulk.h"
#include "block/subscription.h"
#include "expr/cel.h"
#include "io/timer.h"

struct sc_subscription {
    sc_pubsub_subscription broker; /* the component's end */
    sc_pubsubs *pubsubs;
    sc_pubsub_entry *entry; /* NULL: no such component */
    sc_subscription_spec spec;
    sc_cel **matches; /* of the routes; NULL in it: always */
    sc_event_sink sink;
    sc_bulk *bulk; /* in front of it; NULL: messages go one by one */
    sc_retry_policy retry;
    sc_arena mem;
    sc_ingress_stats stats;
    sc_list flows;      /* deliveries under way */
    uint32_t in_flight; /* with the application */
    bool is_raw;
    bool is_binary_mode;
    bool has_told_unrouted; /* warned about, once */
    bool has_told_odd_status;
    bool is_started;
    bool is_closing;
    sc_timer restart;
    uint64_t restart_ms;
    sc_log_gate complaints;
    void (*on_closed)(void *user);
    void *user;
    sc_op closed;
};

/* delivery.c: takes a message from the broker. */
void sc_delivery_start(sc_subscription *sub, sc_delivery *delivery);
/* The subscription closes: what waits for a retry goes back. */
void sc_deliveries_release(sc_subscription *sub);

#endif
