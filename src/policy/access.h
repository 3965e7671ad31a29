/* SPDX-License-Identifier: MIT
 *
 * Access control of service invocation (spec.accessControl): which application may call which
 * operation of this one. The called sidecar decides. Plain data, borrowed from the configuration.
 */
#ifndef SC_POLICY_ACCESS_H
#define SC_POLICY_ACCESS_H

#include "core/str.h"

/* operations[] of a policy. */
typedef struct sc_access_operation {
    sc_str name; /* as written */
    sc_str *verbs;
    uint32_t verbs_count;
    sc_str action; /* "allow" (any case) allows, everything else denies */
} sc_access_operation;

/* policies[]: one calling application. */
typedef struct sc_access_policy {
    sc_str app_id;
    sc_str trust_domain;
    sc_str namespace_;
    sc_str default_action; /* empty: the global one stays */
    sc_access_operation *operations;
    uint32_t operations_count;
    uint32_t line;
} sc_access_policy;

/* spec.accessControl. Unless set, default_action is "allow" and trust_domain "public". */
typedef struct sc_access_control {
    sc_str default_action;
    sc_str trust_domain;
    sc_access_policy *policies;
    uint32_t policies_count;
} sc_access_control;

#endif
