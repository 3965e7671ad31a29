/* SPDX-License-Identifier: MIT
 *
 * pubsub.redis: what redis.c and redis_subscription.c share.
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
    bool was_ready;
    void (*on_closed)(void *user);
    void *user;
} redis_pubsub;

sc_code redis_subscribe(void *at, sc_pubsub_subscription *of, sc_error *err);
void redis_unsubscribe(void *at, sc_pubsub_subscription *of);

#endif
