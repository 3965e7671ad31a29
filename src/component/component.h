/* SPDX-License-Identifier: MIT
 *
 * What an implementation of a Dapr component is: one `const sc_component` per YAML type.
 */
#ifndef SC_COMPONENT_COMPONENT_H
#define SC_COMPONENT_COMPONENT_H

#include "component/field.h"
#include "core/log.h"
#include "io/loop.h"

struct sc_pubsub_ops;         /* component/pubsub.h */
struct sc_state_ops;          /* component/state.h */
struct sc_secretstore_ops;    /* component/secretstore.h */
struct sc_conversation_ops;   /* component/conversation.h */
struct sc_nameresolution_ops; /* component/nameresolution.h */

#define SC_MAX_CAPABILITIES 8u /* names that the metadata API tells of one component */

/* What every instance is given when it is opened. Lives as long as the instance. */
typedef struct sc_component_env {
    sc_loop *loop;
    sc_log *log;              /* scope "dapr.contrib" as Dapr's components use */
    sc_str name;              /* metadata.name of the YAML */
    sc_str app_id;            /* default consumer ID */
    sc_str namespace_;        /* NAMESPACE, empty: "default" is not implied */
    sc_str instance_id;       /* unique per running sidecar: "<host>-<pid>-<random>" */
    const sc_pairs *settings; /* of the YAML, references and templates replaced */
    const sc_pairs *hidden;   /* those that came from a secret store, never printed: the secret's
                               * name under each */
    bool names_namespace;     /* a setting says {namespace}: topics begin with it (Dapr) */
} sc_component_env;

/* How an instance stands with its server or file. */
typedef enum sc_component_state {
    SC_COMPONENT_CONNECTING,
    SC_COMPONENT_READY,
    SC_COMPONENT_LOST, /* was ready; the component reconnects by itself */
} sc_component_state;

typedef struct sc_component {
    const char *type;    /* "pubsub.redis" */
    const char *version; /* "v1" */
    const char *title;   /* for the reference: "Redis Streams" */
    const sc_field *fields;
    size_t conf_size;                   /* bytes of the struct that `fields` fills */
    size_t self_size;                   /* bytes of the instance, zeroed before open */
    const struct sc_pubsub_ops *pubsub; /* of its kind, the others NULL */
    const struct sc_state_ops *state;
    const struct sc_secretstore_ops *secretstore;
    const struct sc_conversation_ops *conversation;
    const struct sc_nameresolution_ops *nameresolution;
} sc_component;

/* Every component linked into the binary, NULL at the end. Generated list of names. */
extern const sc_component *const sc_components[];
/* The one of `type` ("pubsub.redis", any ASCII case) and `version` ("v1"; "" is v1) in `all`, or
 * NULL. */
const sc_component *sc_component_find(const sc_component *const *all, sc_str type, sc_str version);

#endif
