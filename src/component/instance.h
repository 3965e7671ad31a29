/* SPDX-License-Identifier: MIT
 *
 * An opened component, whatever its kind: its settings, decoded, and its memory. The header of a
 * kind (component/pubsub.h, ...) embeds one in front of its methods.
 */
#ifndef SC_COMPONENT_INSTANCE_H
#define SC_COMPONENT_INSTANCE_H

#include "component/component.h"

typedef struct sc_instance {
    sc_component_env env; /* a copy of its own, in `mem` */
    const sc_component *component;
    void *self;       /* component->self_size zeroed bytes */
    void *conf;       /* component->conf_size bytes, filled from the settings */
    sc_pairs unknown; /* settings that no field names */
    sc_arena mem;
} sc_instance;

/* Copies `env` with all it points to (not the loop) and decodes the settings; the kind's own open
 * comes next. Fails as sc_fields_decode, and then nothing is left to free. */
sc_code sc_instance_init(sc_instance *instance, const sc_component *component,
                         const sc_component_env *env, sc_error *err) SC_MUST_CHECK;
void sc_instance_deinit(sc_instance *instance);

#endif
