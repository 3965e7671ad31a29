/* SPDX-License-Identifier: MIT
 *
 * {uuid}, {podName}, {namespace} and {appID} in the settings of components.
 */
#ifndef SC_SIDECAR_TEMPLATES_H
#define SC_SIDECAR_TEMPLATES_H

#include "core/arena.h"
#include "core/error.h"
#include "core/pairs.h"
#include "core/random.h"

typedef struct sc_template_env {
    sc_str app_id;
    sc_str namespace_;
    sc_random *random; /* every {uuid} is a fresh one */
} sc_template_env;

/* Replaces what stands in the values; new texts live in `mem`. Fails with SC_INVALID for {podName}
 * when POD_NAME is not set. */
sc_code sc_templates_fill(sc_pairs *settings, const sc_template_env *env, sc_arena *mem,
                          sc_error *err) SC_MUST_CHECK;
/* Whether a value says {namespace}: a pub/sub component then has the namespace in its topics. */
bool sc_templates_name_namespace(const sc_pairs *settings);

#endif
