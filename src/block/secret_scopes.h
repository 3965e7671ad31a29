/* SPDX-License-Identifier: MIT
 *
 * Which secrets the application may read (spec.secrets.scopes). References in component metadata
 * are not subject to it.
 */
#ifndef SC_BLOCK_SECRET_SCOPES_H
#define SC_BLOCK_SECRET_SCOPES_H

#include "core/str.h"

typedef struct sc_secret_scope {
    sc_str store;
    sc_str default_access; /* "allow", "deny" in any case; empty: allow */
    sc_str *allowed;
    uint32_t allowed_count;
    sc_str *denied;
    uint32_t denied_count;
    uint32_t line;
} sc_secret_scope;

/* Allowed secrets, where there are any, are the only ones; else denied ones are denied; else the
 * default of the store holds. A store without a scope is open. */
bool sc_secret_is_allowed(const sc_secret_scope *scopes, uint32_t count, sc_str store, sc_str key);

#endif
