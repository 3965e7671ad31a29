/* SPDX-License-Identifier: MIT
 *
 * Between yaml.c and yaml_scalar.c.
 */
#ifndef SC_CORE_YAML_INTERNAL_H
#define SC_CORE_YAML_INTERNAL_H

#include "core/yaml.h"

/* Give a plain scalar, a string so far, its kind; see core/yaml.h. */
void sc_yaml_type_plain(sc_doc *doc);
void sc_yaml_type_kubernetes(sc_doc *doc, sc_arena *mem);

#endif
