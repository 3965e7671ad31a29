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

/* Appends `text` with $NAME and ${NAME} replaced, as Go's os.ExpandEnv does: an unset variable is
 * nothing, "$$" and "${}" disappear, a "$" that no name follows stays. */
void sc_env_expand(sc_str text, sc_buf *out);

#endif
