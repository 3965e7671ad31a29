/* SPDX-License-Identifier: MIT
 *
 * The contract of a pub/sub component (Dapr: pubsub building block).
 *
 * All methods are called on the loop thread and never wait: a component whose library blocks keeps
 * a lane of its own behind this interface. Delivery policy (retry, backoff, dead letters, routing)
 * is the block's and the same on every broker; a component only fetches, holds, acknowledges and
 * releases.
 */
#ifndef SC_COMPONENT_PUBSUB_H
#define SC_COMPONENT_PUBSUB_H

#include "component/credit.h"
#include "component/instance.h"
#include "core/bytes.h"
#include "core/op.h"
#include "core/pairs.h"

/* ---- publishing ---- */

typedef struct sc_publish_op {
    sc_op op; /* SC_OK only after the broker confirmed the write */
    sc_str topic;
    sc_str payload; /* what subscribers get: an envelope, or raw bytes */
    sc_str content_type;
    const sc_pairs
        *metadata; /* of the request: ttlInSeconds, delay, partitionKey...; may be NULL */
} sc_publish_op;

typedef struct sc_bulk_entry {
    sc_str entry_id;
    sc_str payload;
    sc_str content_type;
    const sc_pairs *metadata; /* of the request, overridden by the entry's; may be NULL */
    sc_error err;             /* out: SC_OK or why this entry is not stored */
} sc_bulk_entry;

typedef struct sc_bulk_publish_op {
    sc_op op; /* fails when any entry failed; each says how it went */
    sc_str topic;
    sc_bulk_entry *entries;
    size_t count;
} sc_bulk_publish_op;

/* ---- subscribing ---- */

typedef enum sc_verdict {
    SC_VERDICT_ACK, /* done with: handled, dropped on request, or safely in the dead-letter topic */
    SC_VERDICT_LATER,   /* stays with the broker as undelivered; offered again at the slow rate */
    SC_VERDICT_ABANDON, /* the subscription ends: give it back so that another replica may take it
                           now */
} sc_verdict;

/* One message on its way to the application. Made by the component, settled by the block. */
typedef struct sc_delivery {
    struct sc_pubsub_subscription *from;
    sc_str topic; /* the exact topic (a wildcard subscription names it here) */
    sc_str payload;
    sc_str content_type; /* empty when the broker keeps none */
    sc_pairs metadata;   /* broker's attributes; given on to a bulk subscriber */
    sc_str message_id;   /* the broker's own id, for the ledger */
    uint32_t
        broker_attempts; /* how often the broker handed it out, this one included; 0: unknown */
    /* The component's: runs once, on the loop, when the block has decided. The memory of the
     * delivery and of all its slices stays until then. */
    void (*settle)(struct sc_delivery *delivery, sc_verdict verdict);
    /* The block's own use. */
    void *user;
} sc_delivery;

/* The subscriber's side, filled by the block. Stays at its address until `closed` ran. */
typedef struct sc_pubsub_subscription {
    sc_str topic;
    const sc_pairs *metadata;  /* of the subscription */
    uint32_t max_in_flight;    /* unsettled deliveries at most; the component never exceeds it */
    bool max_in_flight_is_set; /* false: a component may use its own smaller or larger default */
    /* What it may hold of what all subscriptions may. The component takes before it fetches, says
     * what came and what was settled; messages that it holds anyway it takes before `deliver`. */
    sc_credit_taker credit;
    /* Takes the delivery; it is settled later, never inside this call. */
    void (*deliver)(struct sc_pubsub_subscription *sub, sc_delivery *delivery);
    /* The subscription is live at the broker (group exists); once, and again after each recovery.
     */
    void (*on_ready)(struct sc_pubsub_subscription *sub);
    /* It is not: the component keeps trying by itself. */
    void (*on_trouble)(struct sc_pubsub_subscription *sub, const sc_error *why);
    /* After unsubscribe: no delivery is open, nothing of the component points here any more. */
    void (*closed)(struct sc_pubsub_subscription *sub);
    void *component_state; /* the component's */
    void *user;            /* the block's */
} sc_pubsub_subscription;

enum {
    SC_PUBSUB_TTL = 1u << 0,       /* Dapr feature MESSAGE_TTL: else envelopes carry `expiration` */
    SC_PUBSUB_WILDCARDS = 1u << 1, /* SUBSCRIBE_WILDCARDS */
    SC_PUBSUB_BULK_PUBLISH = 1u << 2, /* BULK_PUBLISH */
    SC_PUBSUB_DELAY = 1u << 3,        /* publish metadata `delay` and `deliverAt` */
};

typedef struct sc_pubsub_ops {
    uint32_t features; /* SC_PUBSUB_... */
    /* Checks the settings and starts connecting; does not wait for it. `conf` lives as long as
     * `self`. Fails only for settings that cannot work (SC_INVALID) or a file that cannot be
     * opened; a broker that cannot be reached now is retried in the background. */
    sc_code (*open)(void *self, const void *conf, const sc_component_env *env, sc_error *err);
    /* How it stands; `why` (may be NULL) tells the last failure when not ready. */
    sc_component_state (*state)(void *self, sc_error *why);
    /* Completes op->op later. While the broker is away: waits for a reconnection within the
     * component's bounds (count and time), else fails with SC_UNAVAILABLE or SC_EXHAUSTED. */
    void (*publish)(void *self, sc_publish_op *op);
    void (*bulk_publish)(void *self, sc_bulk_publish_op *op); /* NULL: entries one by one */
    /* Starts a subscription: creates the group, fetches, calls deliver. Fails for settings that
     * cannot work; a broker away is on_trouble, not a failure. */
    sc_code (*subscribe)(void *self, sc_pubsub_subscription *sub, sc_error *err);
    /* Stops fetching at once. Deliveries already made may still be settled. `closed` runs when all
     * are settled and acknowledged (or the broker is away). */
    void (*unsubscribe)(void *self, sc_pubsub_subscription *sub);
    /* Ends everything: flushes publishes and acknowledgements within `linger_ms`, fails what is
     * left, leaves the consumer group, frees. All subscriptions are closed before. */
    void (*close)(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user);
} sc_pubsub_ops;

/* ---- an opened instance, as blocks see it ---- */

typedef struct sc_pubsub {
    sc_instance *instance;
    const sc_pubsub_ops *ops;
    void *self; /* for them */
} sc_pubsub;

/* Decodes the settings and opens the instance. `env->name`, settings... are copied.
 * Fails with SC_INVALID (settings) or what the component's open says. */
sc_code sc_pubsub_open(const sc_component *component, const sc_component_env *env, sc_pubsub **out,
                       sc_error *err) SC_MUST_CHECK;
/* Frees `pubsub` at once and the instance after the component's close; then `on_closed`. */
void sc_pubsub_close(sc_pubsub *pubsub, uint64_t linger_ms, void (*on_closed)(void *user),
                     void *user);

static inline void sc_pubsub_publish(sc_pubsub *pubsub, sc_publish_op *op)
{
    pubsub->ops->publish(pubsub->self, op);
}
/* Falls back to one publish per entry where the component has no bulk publish. */
void sc_pubsub_bulk_publish(sc_pubsub *pubsub, sc_bulk_publish_op *op);

/* How far in the future a publish asks to be delivered: metadata `delay` (a Go duration or seconds)
 * or `deliverAt` (RFC 3339). 0: now. Fails with SC_INVALID naming the value. `metadata` may be
 * NULL. */
sc_code sc_pubsub_delay(const sc_pairs *metadata, uint64_t *delay_ms, sc_error *err) SC_MUST_CHECK;

#endif
