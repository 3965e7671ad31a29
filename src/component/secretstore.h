/* SPDX-License-Identifier: MIT
 *
 * The contract of a secret store (Dapr: secrets building block).
 *
 * A secret has a key and one or several named values. What a store hands out goes to the caller
 * and nowhere else: no log line, error text or metadata ever holds a value. All methods are called
 * on the loop thread and never wait.
 */
#ifndef SC_COMPONENT_SECRETSTORE_H
#define SC_COMPONENT_SECRETSTORE_H

#include "component/instance.h"

typedef struct sc_secret_op {
    sc_op op; /* SC_NOT_FOUND: "secret KEY not found" */
    sc_str key;
    const sc_pairs *metadata; /* of the request; may be NULL */
    sc_pairs values;          /* out: in op.mem */
} sc_secret_op;

typedef struct sc_secret {
    sc_str key;
    sc_pairs values;
} sc_secret;

typedef struct sc_bulk_secret_op {
    sc_op op;
    const sc_pairs *metadata; /* of the request; may be NULL */
    sc_secret *secrets;       /* out: in op.mem, in any order */
    uint32_t count;           /* out */
} sc_bulk_secret_op;

typedef struct sc_secretstore_ops {
    /* Checks the settings and makes the store usable. `conf` lives as long as `self`. */
    sc_code (*open)(void *self, const void *conf, const sc_component_env *env, sc_error *err);
    /* The names of what the store can do, as many as returned; static. NULL: nothing. */
    size_t (*capabilities)(const void *self, const char *names[SC_MAX_CAPABILITIES]);
    /* Complete op->op later. */
    void (*get)(void *self, sc_secret_op *op);
    void (*bulk_get)(void *self, sc_bulk_secret_op *op);
    /* Fails what is left after `linger_ms`, frees; then `on_closed`, at once or later. NULL: there
     * is nothing to close. */
    void (*close)(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user);
} sc_secretstore_ops;

#endif
