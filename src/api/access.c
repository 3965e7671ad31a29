/* SPDX-License-Identifier: MIT
 *
 * API access lists. The two protocols match differently: HTTP by group or by the beginning of the
 * route, any case of "http"; gRPC by exact group, in lower case, and unknown groups do not count.
 */
#include "api/access.h"

typedef struct method_group {
    sc_str method;
    sc_str name;
    sc_str version;
} method_group;

static const method_group method_groups[] = {
#define GROUP(name, version, method)                                                               \
    {SC_STR_INIT(#method), SC_STR_INIT(#name), SC_STR_INIT(#version)},
#include "api/grpc/groups.def"
#undef GROUP
};

/* ---- HTTP ---- */

/* "v1.0/state/..." is of group "v1/state", "v1.0-alpha1/lock/..." of "v1alpha1/lock". */
static bool is_group(const sc_api_rule *rule, sc_str route)
{
    sc_str version = sc_str_cut(&route, '/');
    sc_str name = sc_str_cut(&route, '/');
    sc_str major = sc_str_cut(&version, '.');
    sc_str stage = version; /* "0", "0-alpha1" */

    (void)sc_str_cut(&stage, '-');
    return sc_str_eq(rule->name, name) && sc_str_starts(rule->version, major) &&
           sc_str_eq(sc_str_sub(rule->version, major.len, rule->version.len), stage);
}

/* The older form: "version/name" is how the route begins. */
static bool is_beginning(const sc_api_rule *rule, sc_str route)
{
    size_t len = rule->version.len;

    return sc_str_starts(route, rule->version) && route.len > len && route.at[len] == '/' &&
           sc_str_starts(sc_str_sub(route, len + 1, route.len), rule->name);
}

static bool names_route(const sc_api_rule *rules, uint32_t count, sc_str route, bool *has_any)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!sc_str_eq_nocase(rules[i].protocol, SC_STR("http")))
            continue;
        *has_any = true;
        if (is_group(&rules[i], route) || is_beginning(&rules[i], route))
            return true;
    }
    return false;
}

bool sc_api_has_route(const sc_api_rules *rules, sc_str route)
{
    bool has_denied = false;
    bool has_allowed = false;

    if (names_route(rules->denied, rules->denied_count, route, &has_denied))
        return false;
    return names_route(rules->allowed, rules->allowed_count, route, &has_allowed) || !has_allowed;
}

/* ---- gRPC ---- */

static bool names_method(const sc_api_rule *rules, uint32_t count, sc_str method, bool *has_any)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!sc_str_eq(rules[i].protocol, SC_STR("grpc")))
            continue;
        for (size_t row = 0; row < SC_ARRAY_LEN(method_groups); row++) {
            const method_group *group = &method_groups[row];

            if (!sc_str_eq(group->name, rules[i].name) ||
                !sc_str_eq(group->version, rules[i].version))
                continue;
            *has_any = true;
            if (sc_str_eq(group->method, method))
                return true;
        }
    }
    return false;
}

bool sc_api_has_method(const sc_api_rules *rules, sc_str method)
{
    bool has_denied = false;
    bool has_allowed = false;

    if (names_method(rules->denied, rules->denied_count, method, &has_denied))
        return false;
    return names_method(rules->allowed, rules->allowed_count, method, &has_allowed) || !has_allowed;
}
