/* SPDX-License-Identifier: MIT
 *
 * The table behind sc_reason, from reason.def.
 */
#include "block/problem.h"

#include <stdarg.h>
#include <stdio.h>

static const sc_reason_row rows[] = {
    [SC_REASON_NONE] = {SC_OK, 200, "", "", SC_RESOURCE_NONE},
#define SC_REASON(name, code, http, tag, info, resource)                                           \
    [SC_REASON_##name] = {SC_##code, http, tag, info, SC_RESOURCE_##resource},
#include "block/reason.def"
#undef SC_REASON
};

const sc_reason_row *sc_reason_of(sc_reason reason)
{
    return &rows[reason];
}

const char *sc_resource_kind_name(sc_resource_kind kind)
{
    static const char *const names[] = {"", "pubsub", "state"};

    return names[kind];
}

bool sc_reason_is_basic(const sc_reason_row *row)
{
    return strcmp(row->info_reason, row->error_code) == 0;
}

sc_problem *sc_problem_set(sc_problem *problem, sc_arena *mem, sc_reason reason, const char *fmt,
                           ...)
{
    char small[512];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (len < 0)
        len = 0;
    *problem = (sc_problem){.reason = reason};
    if ((size_t)len < sizeof(small)) {
        problem->message = sc_arena_str(mem, sc_str_of(small, (size_t)len));
        return problem;
    }
    char *text = sc_arena_alloc(mem, (size_t)len + 1);
    va_start(args, fmt);
    (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    problem->message = sc_str_of(text, (size_t)len);
    return problem;
}

void sc_problem_info(sc_problem *problem, sc_arena *mem, sc_str name, sc_str value)
{
    sc_pairs_add(&problem->info, mem, name, value);
    problem->has_info = true;
}
