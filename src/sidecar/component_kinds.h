/* SPDX-License-Identifier: MIT
 *
 * The kinds of components: one row for each building block, from the prefix of its types to the
 * block that owns the instances. For the files of this folder.
 */
#ifndef SC_SIDECAR_COMPONENT_KINDS_H
#define SC_SIDECAR_COMPONENT_KINDS_H

#include "sidecar/runtime_internal.h"

typedef struct sc_component_kind {
    const char *prefix; /* of spec.type */
    const char *noun;   /* Dapr's, in "couldn't find message bus" */
    sc_code (*open)(sc_runtime *rt, const sc_component *component, const sc_component_env *env,
                    sc_error *err); /* NULL: not implemented yet */
    /* As many names as returned; NULL: there are none. */
    size_t (*capabilities)(const sc_runtime *rt, sc_str name,
                           const char *names[SC_MAX_CAPABILITIES]);
    void (*close)(sc_runtime *rt); /* all of the kind; then sc_component_kinds_close goes on */
} sc_component_kind;

/* NULL for a type of no kind that a Component may have. */
const sc_component_kind *sc_component_kind_of(sc_str type);
/* Secret stores, which are opened before all others. */
bool sc_component_kind_is_first(const sc_component_kind *kind);
/* Makes the owners of the instances, empty. */
void sc_component_kinds_make(sc_runtime *rt);
/* Closes all instances and their owners, the kinds in reverse; then calls
 * sc_runtime_on_components_closed. */
void sc_component_kinds_close(sc_runtime *rt);

#endif
