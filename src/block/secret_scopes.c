/* SPDX-License-Identifier: MIT
 *
 * Scopes of secret stores.
 */
#include "block/secret_scopes.h"

static bool has(const sc_str *list, uint32_t count, sc_str key)
{
    for (uint32_t i = 0; i < count; i++) {
        if (sc_str_eq(list[i], key))
            return true;
    }
    return false;
}

bool sc_secret_is_allowed(const sc_secret_scope *scopes, uint32_t count, sc_str store, sc_str key)
{
    for (uint32_t i = 0; i < count; i++) {
        const sc_secret_scope *scope = &scopes[i];

        if (!sc_str_eq(scope->store, store))
            continue;
        if (scope->allowed_count > 0)
            return has(scope->allowed, scope->allowed_count, key);
        return !has(scope->denied, scope->denied_count, key) &&
               !sc_str_eq_nocase(scope->default_access, SC_STR("deny"));
    }
    return true;
}
