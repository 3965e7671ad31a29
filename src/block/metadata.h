/* SPDX-License-Identifier: MIT
 *
 * What the sidecar tells about itself (Dapr: metadata and health APIs): filled by the composition
 * root, read and extended by the heads.
 */
#ifndef SC_BLOCK_METADATA_H
#define SC_BLOCK_METADATA_H

#include "block/subscription.h"
#include "core/duration.h"

/* A component that is open. */
typedef struct sc_metadata_component {
    sc_str name;
    sc_str type;
    sc_str version;
    const char *capabilities[SC_MAX_CAPABILITIES]; /* static names */
    size_t capability_count;
} sc_metadata_component;

/* A streaming subscription, listed while it is open. Belongs to the head that holds the stream. */
typedef struct sc_metadata_stream {
    sc_list link;
    const sc_subscription_spec *spec;
    void (*stop)(struct sc_metadata_stream *stream); /* the sidecar ends */
} sc_metadata_stream;

typedef struct sc_metadata {
    sc_str app_id;
    sc_str version;
    const sc_str *features; /* that are on; this and http_endpoints are the composition root's */
    uint32_t feature_count;
    const sc_str *http_endpoints; /* names */
    uint32_t http_endpoint_count;
    uint16_t app_port; /* 0: no application */
    sc_str app_protocol;
    sc_str app_host;
    int64_t app_max_concurrency;
    bool has_app_health;
    sc_str app_health_path; /* empty: not asked by path */
    uint32_t app_health_interval_s;
    uint32_t app_health_timeout_ms;
    uint32_t app_health_threshold;
    sc_pairs extended; /* set through the API; in `mem` */
    sc_arena mem;
    size_t mem_len; /* put into `mem` since it was last compacted */
    /* In the order they were opened; the array is the composition root's. */
    const sc_metadata_component *components;
    uint32_t component_count;
    /* Specifications in the order they are listed; the array is the composition root's. */
    const sc_subscription_spec *const *subscriptions;
    uint32_t subscription_count;
    sc_list streams; /* of sc_metadata_stream */
    uint32_t stream_count;
    void (*on_stream_gone)(void *user); /* may be NULL */
    void *user;
    bool is_ready;          /* everything is up, the application too */
    bool is_outbound_ready; /* components and API servers are up */
    bool is_stopping;
} sc_metadata;

/* Sets an entry of `extended`; daprRuntimeVersion cannot be changed. Bounded: SC_EXHAUSTED past
 * 1,000 entries or 1 MiB in all. */
sc_code sc_metadata_set(sc_metadata *metadata, sc_str key, sc_str value,
                        sc_error *err) SC_MUST_CHECK;
void sc_metadata_add_stream(sc_metadata *metadata, sc_metadata_stream *stream);
void sc_metadata_remove_stream(sc_metadata *metadata, sc_metadata_stream *stream);
/* Appends the JSON of GET /v1.0/metadata, with the final line feed. */
void sc_metadata_write(const sc_metadata *metadata, sc_buf *out);
/* "5s", "500ms". */
sc_str sc_metadata_health_interval(const sc_metadata *metadata, char text[SC_DURATION_TEXT_MAX]);
sc_str sc_metadata_health_timeout(const sc_metadata *metadata, char text[SC_DURATION_TEXT_MAX]);
/* "PROGRAMMATIC" and so on. */
const char *sc_subscription_kind_name(sc_subscription_kind kind);

#endif
