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

/* Whether HTTP has the route whose pattern is "v1.0/state/{store}/{key}" (no '/' in front). */
bool sc_api_has_route(const sc_api_rules *rules, sc_str route);
/* Whether gRPC has this rpc of service Dapr. One that no group holds is there only while nothing is
 * allowed by name. */
bool sc_api_has_method(const sc_api_rules *rules, sc_str method);

#endif
