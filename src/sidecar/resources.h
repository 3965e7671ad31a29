/* SPDX-License-Identifier: MIT
 *
 * The YAML files of the resources folders: Component, Subscription (v1alpha1, v2alpha1) and
 * HTTPEndpoint documents.
 */
#ifndef SC_SIDECAR_RESOURCES_H
#define SC_SIDECAR_RESOURCES_H

#include "block/subscription.h"
#include "core/doc.h"
#include "core/log.h"
#include "sidecar/values.h"

typedef struct sc_component_spec {
    sc_str name;
    sc_str type; /* "pubsub.redis" */
    sc_str version;
    sc_str namespace_;
    sc_value_list settings; /* spec.metadata */
    uint64_t init_timeout_ms;
    bool ignore_errors;
    sc_str place; /* "pubsub.yaml:3", for messages */
} sc_component_spec;

/* Somewhere outside that can be invoked by name (kind HTTPEndpoint). */
typedef struct sc_endpoint_spec {
    sc_str name;
    sc_str namespace_;
    sc_str base_url;       /* "https://host[:port][/prefix]" */
    sc_value_list headers; /* set on every call; values may refer to secrets */
    sc_value_list tls;     /* PEM texts named "rootCA", "certificate", "privateKey"; often none */
    sc_str renegotiation;  /* empty, "Never", "OnceAsClient", "FreelyAsClient" */
    sc_str place;
} sc_endpoint_spec;

typedef struct sc_resources {
    sc_component_spec *components;
    uint32_t component_count;
    sc_subscription_spec *subscriptions;
    uint32_t subscription_count;
    sc_endpoint_spec *endpoints;
    uint32_t endpoint_count;
} sc_resources;

/* Loads every .yaml and .yml file of `folders`, in order of their names, for `app_id` in
 * `namespace_` (NAMESPACE as it is set; empty: resources of every namespace). As in Dapr a document
 * that cannot be read is passed over with a warning that names its place, and so is what is there
 * for others. Results live in `mem`.
 * Fails with SC_NOT_FOUND (unreadable folder) or SC_INVALID (two components of one name, a rule of
 * a subscription that does not compile). */
sc_code sc_resources_load(const sc_str *folders, uint32_t folder_count, sc_str app_id,
                          sc_str namespace_, const sc_log *log, sc_arena *mem, sc_resources *out,
                          sc_error *err) SC_MUST_CHECK;

#endif
