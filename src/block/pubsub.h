/* SPDX-License-Identifier: MIT
 *
 * Publishing (Dapr: publish and bulk publish): names to components, envelopes, time to live, topic
 * scopes. Knows neither protocol nor broker.
 */
#ifndef SC_BLOCK_PUBSUB_H
#define SC_BLOCK_PUBSUB_H

#include "block/ledger.h"
#include "block/problem.h"
#include "block/pubsub_stats.h"
#include "block/scopes.h"
#include "component/pubsub.h"
#include "core/random.h"
#include "observe/trace.h"

typedef struct sc_pubsubs sc_pubsubs;

/* What the block needs; lives as long as the block. */
typedef struct sc_pubsubs_env {
    sc_loop *loop;
    sc_log *log; /* scope "dapr.runtime.processor.pubsub"... as given */
    sc_str app_id;
    sc_str namespace_;
    sc_ledger *ledger;
    sc_metrics *metrics; /* NULL: nothing is counted */
    sc_tracer *tracer;   /* NULL: trace contexts are passed on as they come */
    sc_random *random;
} sc_pubsubs_env;

/* One component as the block keeps it. */
typedef struct sc_pubsub_entry {
    sc_pubsub *pubsub;
    sc_str name;
    sc_topic_rules rules;
    bool is_namespaced; /* topics carry the namespace in front (a setting holds "{namespace}") */
    sc_egress_stats stats;
} sc_pubsub_entry;

sc_pubsubs *sc_pubsubs_new(const sc_pubsubs_env *env);
/* All components are closed before. */
void sc_pubsubs_free(sc_pubsubs *pubsubs);
const sc_pubsubs_env *sc_pubsubs_env_of(const sc_pubsubs *pubsubs);
/* What all subscriptions share. */
sc_credit *sc_pubsubs_credit(sc_pubsubs *pubsubs);
/* Opens a component under `env->name`. Fails with SC_ALREADY_EXISTS, or as sc_pubsub_open. */
sc_code sc_pubsubs_add(sc_pubsubs *pubsubs, const sc_component *component,
                       const sc_component_env *env, sc_error *err) SC_MUST_CHECK;
sc_pubsub_entry *sc_pubsubs_find(const sc_pubsubs *pubsubs, sc_str name);
/* The names of what the component can do, as many as returned; static. */
size_t sc_pubsub_capabilities(const sc_pubsub_entry *entry, const char *names[SC_MAX_CAPABILITIES]);
uint32_t sc_pubsubs_count(const sc_pubsubs *pubsubs);
sc_pubsub_entry *sc_pubsubs_at(const sc_pubsubs *pubsubs, uint32_t index);
/* Closes every component; `on_closed` after the last. */
void sc_pubsubs_close(sc_pubsubs *pubsubs, uint64_t linger_ms, void (*on_closed)(void *user),
                      void *user);

/* The topic that the broker knows: with the namespace in front where the component asks so. */
sc_str sc_pubsub_broker_topic(const sc_pubsubs *pubsubs, const sc_pubsub_entry *entry, sc_str topic,
                              sc_arena *mem);

/* One publish. Made in the call's arena by a head; slices live as long as the call. */
typedef struct sc_publish_request {
    sc_call *call; /* the block holds a reference until `done` ran */
    sc_str pubsub_name;
    sc_str topic;
    sc_str content_type; /* empty: text/plain */
    sc_str body;
    sc_pairs metadata;
    sc_str traceparent; /* valid, or empty */
    sc_str tracestate;
    void (*done)(struct sc_publish_request *req); /* once, later, on the loop */
    void *user;
    sc_problem problem; /* out */
    /* the block's own */
    sc_publish_op op;
    sc_pubsubs *pubsubs;
    sc_pubsub_entry *to;
    sc_str id;
    uint64_t started_ns; /* when the broker was asked */
} sc_publish_request;

void sc_publish(sc_pubsubs *pubsubs, sc_publish_request *req);

typedef struct sc_bulk_publish_entry {
    sc_str entry_id;
    sc_str content_type;
    sc_str body;
    sc_pairs metadata;
    bool has_metadata; /* false: the request's metadata does not apply to the envelope either */
} sc_bulk_publish_entry;

typedef struct sc_bulk_publish_request {
    sc_call *call;
    sc_str pubsub_name;
    sc_str topic;
    sc_pairs metadata;
    sc_bulk_publish_entry *entries;
    size_t count;
    sc_str traceparent;
    sc_str tracestate;
    void (*done)(struct sc_bulk_publish_request *req);
    void *user;
    sc_problem problem; /* out; PUBSUB_PUBLISH when entries failed */
    sc_bulk_entry
        *results; /* out: as many as entries, each with its err; NULL before the broker was asked */
    /* the block's own */
    sc_bulk_publish_op op;
    sc_pubsubs *pubsubs;
    sc_pubsub_entry *to;
    sc_str *ids;         /* of the CloudEvents, one an entry */
    uint64_t started_ns; /* when the broker was asked */
} sc_bulk_publish_request;

void sc_bulk_publish(sc_pubsubs *pubsubs, sc_bulk_publish_request *req);

/* Whether `name` and `topic` may be published to at all; problem is set when not. For heads that
 * must know before they read the body. */
sc_pubsub_entry *sc_pubsubs_check_name(sc_pubsubs *pubsubs, sc_str name, sc_str topic,
                                       const sc_pairs *metadata, sc_arena *mem,
                                       sc_problem *problem);

#endif
