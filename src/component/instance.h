/* SPDX-License-Identifier: MIT
 *
 * An opened component, whatever its kind: its settings, decoded, and its memory; and the set of
 * those of one kind, by name, as a block keeps them. The methods of the kind are reached through
 * instance->component and called with instance->self.
 */
#ifndef SC_COMPONENT_INSTANCE_H
#define SC_COMPONENT_INSTANCE_H

#include "component/component.h"
#include "core/op.h"

/* What every kind has; NULL where there is nothing to do. The header of the kind says what its open
 * and close promise. */
typedef sc_code (*sc_open_fn)(void *self, const void *conf, const sc_component_env *env,
                              sc_error *err);
typedef void (*sc_close_fn)(void *self, uint64_t linger_ms, void (*on_closed)(void *user),
                            void *user);

typedef struct sc_instance {
    sc_component_env env; /* a copy of its own, in `mem` */
    const sc_component *component;
    void *self;       /* component->self_size zeroed bytes */
    void *conf;       /* component->conf_size bytes, filled from the settings */
    sc_pairs unknown; /* settings that no field names */
    sc_arena mem;
    void *extra; /* the block's own, in memory that it owns */
    sc_close_fn close;
    void (*on_closed)(void *user); /* while closing */
    void *user;
} sc_instance;

/* Copies `env` with all it points to (not the loop) and decodes the settings; the kind's own open
 * comes next. Fails as sc_fields_decode, and then nothing is left to free. */
sc_code sc_instance_init(sc_instance *instance, const sc_component *component,
                         const sc_component_env *env, sc_error *err) SC_MUST_CHECK;
void sc_instance_deinit(sc_instance *instance);

/* An instance on the heap, opened with the kind's methods. Fails as sc_instance_init and `open`. */
sc_code sc_instance_open(const sc_component *component, sc_open_fn open, sc_close_fn close,
                         const sc_component_env *env, sc_instance **out,
                         sc_error *err) SC_MUST_CHECK;
/* Closes and frees it; then `on_closed` (may be NULL), at once or later. */
void sc_instance_close(sc_instance *instance, uint64_t linger_ms, void (*on_closed)(void *user),
                       void *user);

/* ---- those of one kind ---- */

/* Zeroed: empty. Stays at its address while it closes. */
typedef struct sc_instance_set {
    sc_instance **at; /* in the order they were opened */
    uint32_t count;
    uint32_t closing;
    sc_op closed;
    void (*on_closed)(void *user);
    void *user;
} sc_instance_set;

/* Adds an instance under env->name. Fails with SC_ALREADY_EXISTS, or as sc_instance_open. */
sc_code sc_instance_set_open(sc_instance_set *set, const sc_component *component, sc_open_fn open,
                             sc_close_fn close, const sc_component_env *env,
                             sc_error *err) SC_MUST_CHECK;
/* NULL when there is none of this name. */
sc_instance *sc_instance_set_find(const sc_instance_set *set, sc_str name);
/* Closes and frees all; `on_closed` later, once, on the loop. The set is empty then. */
void sc_instance_set_close(sc_instance_set *set, sc_loop *loop, uint64_t linger_ms,
                           void (*on_closed)(void *user), void *user);

#endif
