/* SPDX-License-Identifier: MIT
 *
 * Environment variables.
 */
#ifndef SC_CORE_ENV_H
#define SC_CORE_ENV_H

#include "core/buf.h"

/* The variable's text, borrowed from the environment; the empty slice with at == NULL when unset.
 */
sc_str sc_env_get(const char *name);

/* False for what nobody outside the sidecar may read through it: Dapr's own variables (DAPR_...)
 * and APP_API_TOKEN, in any case. */
bool sc_env_is_open(sc_str name);

/* Appends `text` with $NAME and ${NAME} replaced, as Go's os.ExpandEnv does: an unset variable is
 * nothing, "$$" and "${}" disappear, a "$" that no name follows stays. */
void sc_env_expand(sc_str text, sc_buf *out);

#endif
