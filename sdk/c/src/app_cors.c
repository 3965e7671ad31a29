/* SPDX-License-Identifier: MIT
 *
 * Cross-origin resource sharing (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */
#include "app_internal.h"

#define DEFAULT_MAX_AGE_S 600u

static bool is_allowed(const pillion_cors *cors, sc_str origin, bool *is_any)
{
    *is_any = false;
    for (size_t i = 0; i < cors->origin_count; i++) {
        sc_str allowed = sc_str_from(cors->origins[i]);

        if (sc_str_eq(allowed, SC_STR("*"))) {
            *is_any = true;
            return true;
        }
        if (sc_str_eq(allowed, origin))
            return true;
    }
    return false;
}

static void add(pillion_request *request, const char *name, sc_str value)
{
    sc_arena *mem = &request->ex->call->mem;

    sc_pairs_add(&request->answer_headers, mem, sc_str_from(name), sc_arena_str(mem, value));
}

/* With credentials a browser wants its own origin back, never the star. */
static void add_origin(pillion_request *request, sc_str origin, bool is_any)
{
    const pillion_cors *cors = &request->app->cors;

    add(request, "Access-Control-Allow-Origin",
        is_any && !cors->allow_credentials ? SC_STR("*") : origin);
    if (cors->allow_credentials)
        add(request, "Access-Control-Allow-Credentials", SC_STR("true"));
    add(request, "Vary", SC_STR("Origin"));
}

static void answer_preflight(pillion_request *request, bool is_good)
{
    sc_str headers = request_header(request, SC_STR("access-control-request-headers"));
    uint32_t age = request->app->cors.max_age_s;

    if (!is_good) {
        pillion_respond(request, 400, "text/plain; charset=utf-8",
                        pillion_text("Disallowed CORS origin"));
        return;
    }
    add(request, "Access-Control-Allow-Methods",
        SC_STR("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"));
    if (headers.len > 0)
        add(request, "Access-Control-Allow-Headers", headers);
    add(request, "Access-Control-Max-Age",
        sc_arena_fmt(&request->ex->call->mem, "%u", age ? age : DEFAULT_MAX_AGE_S));
    pillion_respond(request, 200, "text/plain; charset=utf-8", pillion_text("OK"));
}

bool cors_apply(pillion_request *request)
{
    sc_str origin = request_header(request, SC_STR("origin"));
    bool is_any = false;
    bool is_good;

    if (origin.len == 0)
        return false;
    is_good = is_allowed(&request->app->cors, origin, &is_any);
    if (is_good)
        add_origin(request, origin, is_any);
    if (!sc_str_eq(request->ex->req.method, SC_STR("OPTIONS")) ||
        request_header(request, SC_STR("access-control-request-method")).len == 0)
        return false;
    answer_preflight(request, is_good);
    return true;
}
