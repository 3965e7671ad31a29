/* SPDX-License-Identifier: MIT
 *
 * CORS (--allowed-origins): off unless origins are given. Matching and headers are those of the
 * middleware that Dapr uses; credentials are never allowed.
 */
#include "api/http/internal.h"

static const sc_str *header(const sc_http_request_ctx *ctx, const char *name)
{
    return sc_pairs_get(&ctx->ex->req.headers, sc_str_from(name));
}

/* One "*" stands for any text. */
static bool fits(sc_str pattern, sc_str origin)
{
    size_t star = sc_str_find(pattern, '*');
    sc_str tail = sc_str_sub(pattern, star + 1, pattern.len);

    if (star == pattern.len)
        return sc_str_eq_nocase(pattern, origin);
    return origin.len >= star + tail.len &&
           sc_str_starts_nocase(origin, sc_str_sub(pattern, 0, star)) &&
           sc_str_eq_nocase(sc_str_sub(origin, origin.len - tail.len, origin.len), tail);
}

/* What Access-Control-Allow-Origin says to `origin`; empty: refused. */
static sc_str answer_to(sc_str origins, sc_str origin)
{
    sc_str rest = origins;
    bool is_allowed = false;

    while (rest.at) {
        sc_str one = sc_str_trim(sc_str_cut(&rest, ','));

        if (sc_str_eq(one, SC_STR("*")))
            return one;
        is_allowed = is_allowed || fits(one, origin);
    }
    return is_allowed ? origin : SC_STR_NONE;
}

static bool is_allowed_method(sc_str method)
{
    static const char *const methods[] = {"HEAD",  "GET",    "POST",   "PUT",
                                          "PATCH", "DELETE", "OPTIONS"};

    for (size_t i = 0; i < SC_ARRAY_LEN(methods); i++) {
        if (sc_str_eq_nocase(method, sc_str_from(methods[i])))
            return true;
    }
    return false;
}

static bool allow_origin(sc_http_request_ctx *ctx, sc_str method, sc_pairs *headers)
{
    const sc_str *origin = header(ctx, "origin");
    sc_str answer = SC_STR_NONE;

    if (origin && origin->len > 0 && is_allowed_method(method))
        answer = answer_to(ctx->api->allowed_origins, *origin);
    if (answer.len == 0)
        return false;
    sc_pairs_add(headers, &ctx->ex->call->mem, SC_STR("access-control-allow-origin"), answer);
    return true;
}

void http_add_cors(sc_http_request_ctx *ctx, sc_pairs *headers)
{
    if (ctx->api->allowed_origins.len == 0 || ctx->is_public)
        return;
    (void)allow_origin(ctx, ctx->ex->req.method, headers);
    sc_pairs_add(headers, &ctx->ex->call->mem, SC_STR("vary"), SC_STR("Origin"));
}

/* "x-a,content-type" as "X-A, Content-Type". */
static sc_str canonical_names(sc_str list, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, list.len * 2 + 2);
    size_t len = 0;
    bool is_first = true; /* of a name */
    bool is_upper = true;

    for (size_t i = 0; i < list.len; i++) {
        char c = list.at[i];
        char letter = (char)(c | 0x20);

        if (c == ',' || c == ' ') {
            is_first = is_upper = true;
            continue;
        }
        if (is_first && len > 0) {
            to[len++] = ',';
            to[len++] = ' ';
        }
        if (letter >= 'a' && letter <= 'z')
            c = is_upper ? (char)(letter ^ 0x20) : letter;
        to[len++] = c;
        is_first = false;
        is_upper = c == '-';
    }
    return sc_str_of(to, len);
}

bool http_is_preflight(const sc_http_request_ctx *ctx)
{
    const sc_str *method = header(ctx, "access-control-request-method");

    return ctx->api->allowed_origins.len > 0 && method && method->len > 0 &&
           sc_str_eq(ctx->ex->req.method, SC_STR("OPTIONS"));
}

bool http_answer_preflight(sc_http_request_ctx *ctx)
{
    sc_arena *mem = &ctx->ex->call->mem;
    const sc_str *method = header(ctx, "access-control-request-method");
    const sc_str *names = header(ctx, "access-control-request-headers");
    sc_pairs headers = {0};

    if (!http_is_preflight(ctx))
        return false;
    if (allow_origin(ctx, *method, &headers)) {
        sc_str allowed = sc_arena_str(mem, *method);

        for (size_t i = 0; i < allowed.len; i++) {
            if (allowed.at[i] >= 'a' && allowed.at[i] <= 'z')
                ((char *)(uintptr_t)allowed.at)[i] = (char)(allowed.at[i] ^ 0x20);
        }
        sc_pairs_add(&headers, mem, SC_STR("access-control-allow-methods"), allowed);
        if (names && names->len > 0)
            sc_pairs_add(&headers, mem, SC_STR("access-control-allow-headers"),
                         canonical_names(*names, mem));
    }
    http_add_trace(ctx, &headers);
    sc_pairs_add(&headers, mem, SC_STR("vary"), SC_STR("Origin"));
    sc_pairs_add(&headers, mem, SC_STR("vary"), SC_STR("Access-Control-Request-Method"));
    sc_pairs_add(&headers, mem, SC_STR("vary"), SC_STR("Access-Control-Request-Headers"));
    sc_http_respond(ctx->ex, 200, &headers, SC_STR_NONE);
    return true;
}
