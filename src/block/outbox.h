/* SPDX-License-Identifier: MIT
 *
 * The transactional outbox of a state store (Dapr: outbox): what a transaction writes is also
 * published, exactly when the transaction went through.
 *
 * Before the transaction each upsert's event goes to an internal topic, and a marker row goes into
 * the transaction. Every sidecar of the application reads the internal topic: an event whose marker
 * is there is published to the public topic, then its marker goes; one without stays, or is dropped
 * where the settings say so. At least once: a crash between the last two steps repeats an event
 * with the same id.
 */
#ifndef SC_BLOCK_OUTBOX_H
#define SC_BLOCK_OUTBOX_H

#include "block/pubsub.h"
#include "component/state.h"

typedef struct sc_outbox sc_outbox;

struct sc_state_item; /* block/state.h */

typedef struct sc_outbox_env {
    sc_loop *loop;
    sc_log *log;
    sc_str app_id;
    sc_str namespace_; /* NAMESPACE, or "default" */
    sc_pubsubs *pubsubs;
    sc_random *random;
} sc_outbox_env;

/* The outbox that the store's settings ask for (outboxPublishPubsub and outboxPublishTopic), or
 * NULL. `env` is copied, its slices are borrowed. */
sc_outbox *sc_outbox_new(const sc_outbox_env *env, sc_state *store);
void sc_outbox_free(sc_outbox *outbox); /* stopped before; NULL is allowed */

/* Reads the internal topic from now on. */
void sc_outbox_start(sc_outbox *outbox);
/* Events that wait go back to the broker; `on_stopped` runs once, later. */
void sc_outbox_stop(sc_outbox *outbox, void (*on_stopped)(void *user), void *user);

/* The events of one transaction on their way to the internal topic. In the call's arena. */
typedef struct sc_outbox_send {
    sc_call *call; /* held until `done` ran */
    const struct sc_state_item *items;
    size_t count;
    sc_str traceparent;
    sc_str tracestate;
    void (*done)(struct sc_outbox_send *send); /* once, later */
    void *user;
    sc_error err;            /* out: an event was not taken; the transaction must not run */
    sc_state_write *markers; /* out: to be written with the transaction */
    size_t marker_count;
    /* the outbox's own */
    size_t waiting;
    sc_op nothing; /* completes a transaction without events */
} sc_outbox_send;

void sc_outbox_publish(sc_outbox *outbox, sc_outbox_send *send);
/* True for an item that only says what another one publishes; it is not written. */
bool sc_outbox_is_projection(const struct sc_state_item *item);

#endif
