/* SPDX-License-Identifier: MIT
 *
 * pubsub.redis: what its files share. redis.c publishes and opens, redis_subscription.c reads,
 * redis_settle.c acknowledges, redis_consumer.c leaves the group.
 */
#ifndef SC_COMPONENTS_PUBSUB_REDIS_INTERNAL_H
#define SC_COMPONENTS_PUBSUB_REDIS_INTERNAL_H

#include "component/pubsub.h"
#include "components/shared/redis_client.h"
#include "io/timer.h"

typedef struct redis_conf {
    sc_redis_settings redis;
    sc_str consumer_id;
    int64_t processing_timeout_ms;
    int64_t redeliver_interval_ms;
    uint64_t queue_depth;
    uint64_t concurrency;
    uint64_t max_len_approx;
    int64_t stream_ttl_ms;
} redis_conf;

typedef struct redis_pubsub {
    const redis_conf *conf;
    const sc_component_env *env;
    sc_redis_client *client;
    sc_str group;
    sc_list subs;       /* those that were served last stand last */
    uint32_t in_flight; /* messages with the application, of all subs */
    bool was_ready;
    void (*on_closed)(void *user);
    void *user;
} redis_pubsub;

typedef struct redis_message {
    sc_delivery delivery; /* first: settle gets the message back by a cast */
    sc_list link;         /* in sub->held */
    sc_list wait;         /* in sub->queued: the application has enough already */
    struct redis_sub *sub;
    sc_arena mem; /* of the metadata */
    uint64_t ms;
    uint64_t seq;
    char text[]; /* the payload and the id */
} redis_message;

/* How far a subscription that ends is out of its group. */
typedef enum redis_leaving {
    REDIS_STAYS,
    REDIS_READ_ENDS, /* the blocking read is asked to return what it has */
    REDIS_MAY_LEAVE, /* it returned: nothing can come to this consumer any more */
    REDIS_ASKS,      /* whether anything is pending, and leaves if not */
    REDIS_LEFT,      /* or is better left as it is */
} redis_leaving;

typedef struct redis_sub {
    sc_list link; /* in self->subs */
    redis_pubsub *self;
    sc_pubsub_subscription *of;
    sc_str topic; /* own */
    sc_redis_link *reader;
    sc_redis_request group;
    sc_redis_request read;
    sc_redis_request claim;
    sc_redis_request consumer; /* of redis_consumer.c */
    sc_str claim_from;         /* cursor; in claim_text */
    char claim_text[48];
    sc_list held;   /* all that came and is not settled */
    sc_list queued; /* those of them not yet handed over */
    uint32_t held_count;
    uint32_t in_flight;  /* handed over; never above max_in_flight */
    uint32_t read_count; /* asked for by the read under way */
    uint32_t claim_count;
    uint32_t unblock_count;
    uint32_t open_requests; /* of the client's: the struct stays while there are any */
    sc_list acked;          /* settled this turn */
    size_t acked_count;
    sc_turn_hook step;
    sc_timer reclaim; /* closing: the limit for leaving */
    sc_timer freshen;
    redis_leaving leaving;
    bool has_group;
    bool is_creating;
    bool is_reading;
    bool is_waiting; /* the read under way blocks until something comes */
    bool has_more;   /* the last read was given all it asked for: there is more */
    bool is_claiming;
    bool is_closing;
    bool is_told; /* closed for the block: of and reader are gone */
    bool has_swept;
} redis_sub;

/* redis_subscription.c */
sc_code redis_subscribe(void *at, sc_pubsub_subscription *of, sc_error *err);
void redis_unsubscribe(void *at, sc_pubsub_subscription *of);
/* The subscription looks at what it can do next, at the end of this turn. */
void redis_sub_wake(redis_sub *sub);
/* Entries at rest are claimed (processingTimeout and redeliverInterval are not 0). */
bool redis_sub_reclaims(const redis_sub *sub);
/* How long one blocking read waits. */
uint64_t redis_sub_block_ms(const redis_sub *sub);

/* redis_settle.c */
void redis_settle(sc_delivery *delivery, sc_verdict verdict);
/* All that was acknowledged in this turn, in one command. */
void redis_send_acks(redis_sub *sub);
/* What was fetched and not handed over: any replica may have it now. */
void redis_return_queued(redis_sub *sub);
/* Tells the server that what is held here is being worked on, so that no replica claims it. */
void redis_on_freshen_due(sc_timer *timer);

/* redis_consumer.c */
/* The subscription ends: makes the blocking read return, so that nothing is handed to a consumer
 * that is gone. */
void redis_consumer_end_read(redis_sub *sub);
/* That takes too long. */
void redis_consumer_on_limit(redis_sub *sub);
/* The read returned. */
void redis_consumer_on_read_ended(redis_sub *sub);
/* Everything is settled: leaves the group when nothing is pending. False: there is nothing more to
 * wait for. */
bool redis_consumer_leave(redis_sub *sub);
/* Removes consumers of sidecars that died long ago and left nothing pending. Once. */
void redis_consumer_sweep(redis_sub *sub);

#endif
