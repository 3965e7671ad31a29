/* SPDX-License-Identifier: MIT
 *
 * What outbox.c (events and markers) and outbox_relay.c (from the internal topic to the public one)
 * share.
 */
#ifndef SC_BLOCK_OUTBOX_INTERNAL_H
#define SC_BLOCK_OUTBOX_INTERNAL_H

#include "block/outbox.h"

struct sc_outbox {
    sc_outbox_env env;
    sc_state *store;
    sc_str publish_pubsub;
    sc_str publish_topic;
    sc_str pubsub;         /* of the internal topic */
    sc_str internal_topic; /* <namespace><appid><topic>outbox */
    bool discards;         /* events without a marker are dropped */
    sc_arena mem;
    /* the relay's */
    sc_pubsub_subscription subscription;
    sc_pubsub_entry *from; /* NULL: not subscribed */
    sc_list flows;
    bool is_stopping;
    void (*on_stopped)(void *user);
    void *user;
    sc_op stopped;
};

/* Starts op: `payload` as it is to `topic` of the component called `name`. op->op is initialized;
 * fails it when there is no such component or the topic is not allowed. */
void sc_outbox_put(sc_outbox *outbox, sc_str name, sc_str topic, sc_str payload, sc_arena *mem,
                   sc_publish_op *op);

#endif
