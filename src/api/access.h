/* SPDX-License-Identifier: MIT
 *
 * Which parts of the API are there (spec.api.allowed, spec.api.denied), protocol by protocol.
 */
#ifndef SC_API_ACCESS_H
#define SC_API_ACCESS_H

#include "core/str.h"

/* A group of routes or methods, as written: "state", "v1", "http". */
typedef struct sc_api_rule {
    sc_str name;
    sc_str version;
    sc_str protocol;
} sc_api_rule;

/* Borrowed from the configuration. Denied wins; a protocol with allowed rules has nothing else. */
typedef struct sc_api_rules {
    sc_api_rule *allowed;
    uint32_t allowed_count;
    sc_api_rule *denied;
    uint32_t denied_count;
} sc_api_rules;

#endif
