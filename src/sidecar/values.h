/* SPDX-License-Identifier: MIT
 *
 * Named values of resources (a component's metadata, an HTTPEndpoint's headers): written out, or a
 * reference to a secret or an environment variable, which is followed when the resource is used.
 */
#ifndef SC_SIDECAR_VALUES_H
#define SC_SIDECAR_VALUES_H

#include "block/secret.h"
#include "core/doc.h"
#include "core/log.h"

typedef struct sc_value_spec {
    sc_str name;
    sc_str text;        /* what is written; empty: nothing */
    sc_str secret_name; /* secretKeyRef.name; empty: no reference */
    sc_str secret_key;  /* secretKeyRef.key, which is the name unless given */
    sc_str env_name;    /* envRef */
    bool has_env;
    uint32_t line;
    uint32_t column;
} sc_value_spec;

typedef struct sc_value_list {
    sc_value_spec *at;
    uint32_t count;
    const char *file;    /* where it is written, for messages */
    sc_str secret_store; /* auth.secretStore of the resource; empty: none */
} sc_value_list;

/* Reads one mapping with `value`, `secretKeyRef` or `envRef` (no `name`); texts stay where the
 * document has them, lists and mappings become JSON in `mem`. Fails with SC_INVALID and the place.
 */
sc_code sc_value_read(const sc_doc *item, const char *file, sc_arena *mem, sc_value_spec *out,
                      sc_error *err) SC_MUST_CHECK;
/* Reads a list of them, each with its `name`, found under `path` ("spec.metadata"). NULL: none. */
sc_code sc_values_read(const sc_doc *list, const char *path, const char *file, sc_arena *mem,
                       sc_value_list *out, sc_error *err) SC_MUST_CHECK;

/* True when a value refers to a secret. */
bool sc_values_need_secrets(const sc_value_list *list);

typedef struct sc_value_source {
    sc_loop *loop;
    sc_secretstores *stores;
    const sc_log *log;     /* scope "dapr.runtime.processor" */
    const sc_log *secrets; /* scope "dapr.runtime.processor.secret" */
    const char *kind;      /* "Component" */
    sc_str owner;          /* metadata.name */
    sc_str namespace_;     /* metadata.namespace; given to the store */
    uint64_t timeout_ms;   /* for a secret */
} sc_value_source;

/* The values with every reference followed, in `mem`. The names of those that came from a secret
 * store are also in `hidden`: their values must never be printed. A reference that leads nowhere is
 * logged with its place and leaves what is written. The store is there (sc_secretstores_has).
 * Turns the loop until the store has answered: at start only, never from a completion. */
void sc_values_resolve(const sc_value_list *list, const sc_value_source *source, sc_arena *mem,
                       sc_pairs *values, sc_pairs *hidden);

#endif
