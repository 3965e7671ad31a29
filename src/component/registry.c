/* SPDX-License-Identifier: MIT
 *
 * Finds a component by the type that a YAML file names.
 */
#include "component/component.h"

const sc_component *sc_component_find(const sc_component *const *all, sc_str type, sc_str version)
{
    if (version.len == 0)
        version = SC_STR("v1");
    for (const sc_component *const *at = all; *at; at++) {
        if (sc_str_eq_nocase(sc_str_from((*at)->type), type) &&
            sc_str_eq_nocase(sc_str_from((*at)->version), version))
            return *at;
    }
    return NULL;
}
