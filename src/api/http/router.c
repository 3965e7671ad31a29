/* SPDX-License-Identifier: MIT
 *
 * Paths to handlers. What belongs to Dapr but is not there yet says so; everything else is what
 * Dapr answers when it finds no application to invoke. A route that the access lists take away is
 * no route at all, as in Dapr.
 */
#include <stdio.h>

#include "api/http/internal.h"
#include "api/tables.h"
#include "wire/url.h"

#define LONG_BODY (1024u * 1024u) /* not gathered before it is passed on to an application */

enum { GET = 1, POST = 2, PUT = 4, DELETE = 8, ANY = 255 };

#define VERSION_LEN 6u /* of "/v1.0/" and "/v1.0-", one of which begins every pattern */

typedef struct route {
    unsigned methods;
    const char *pattern;  /* "{x}": one segment; "{x...}": the rest */
    sc_http_route_fn run; /* NULL: not there yet */
    bool is_open;         /* no token is asked for */
    const char *name;     /* in the API log where URLs are not to be shown */
} route;

/* Static patterns stand before those with parameters in the same place. */
static const route routes[] = {
    {POST | PUT, "/v1.0/publish/bulk/{pubsub}/{topic...}", http_bulk_publish, false,
     "BulkPublishEvent"},
    {POST | PUT, "/v1.0-alpha1/publish/bulk/{pubsub}/{topic...}", http_bulk_publish, false,
     "BulkPublishEvent"},
    {POST | PUT, "/v1.0/publish/{pubsub}/{topic...}", http_publish, false, "PublishEvent"},
    {GET, "/v1.0/healthz/outbound", http_outbound_healthz, true, "HealthzOutbound"},
    {GET, "/v1.0/healthz", http_healthz, true, "Healthz"},
    {GET, "/v1.0/metadata", http_get_metadata, false, "GetMetadata"},
    {PUT, "/v1.0/metadata/{key}", http_put_metadata, false, "SetMetadata"},
    {POST, "/v1.0/shutdown", http_shutdown, false, "Shutdown"},
    {GET, "/v1.0/secrets/{store}/bulk", http_get_bulk_secret, false, "GetBulkSecret"},
    {GET, "/v1.0/secrets/{store}/{key}", http_get_secret, false, "GetSecret"},
    {GET, "/v1.0-pillion/messages", http_messages, false, "GetMessages"},
    {POST | PUT, "/v1.0/state/{store}/bulk", http_bulk_get_state, false, "GetBulkState"},
    {POST | PUT, "/v1.0/state/{store}/transaction", http_transact_state, false,
     "ExecuteStateTransaction"},
    {GET, "/v1.0/state/{store}/{key}", http_get_state, false, "GetState"},
    {DELETE, "/v1.0/state/{store}/{key}", http_delete_state, false, "DeleteState"},
    {POST | PUT, "/v1.0/state/{store}", http_save_state, false, "SaveState"},
    {POST | PUT, "/v1.0-alpha1/state/{store}/query", http_query_state, false, "QueryStateAlpha1"},
    {ANY, "/v1.0/invoke/{id}/method/{method...}", http_invoke, false, "InvokeService"},
    {ANY, "/v1.0/bindings/{rest...}", NULL, false, "InvokeBinding"},
    {ANY, "/v1.0/actors/{rest...}", NULL, false, "InvokeActor"},
    {ANY, "/v1.0/configuration/{rest...}", NULL, false, "GetConfiguration"},
    {ANY, "/v1.0-alpha1/configuration/{rest...}", NULL, false, "GetConfiguration"},
    {POST, "/v1.0-alpha1/lock/{store}", NULL, false, "TryLockAlpha1"},
    {POST, "/v1.0-alpha1/unlock/{store}", NULL, false, "UnlockAlpha1"},
    {PUT, "/v1.0-alpha1/crypto/{rest...}", NULL, false, "EncryptAlpha1"},
    {POST, "/v1.0-alpha1/subtlecrypto/{rest...}", NULL, false, "SubtleCryptoAlpha1"},
    {GET | POST | DELETE, "/v1.0/jobs/{name}", NULL, false, "ScheduleJob"},
    {GET | POST | DELETE, "/v1.0-alpha1/jobs/{name}", NULL, false, "ScheduleJob"},
    {POST, "/v1.0-alpha1/conversation/{name}/converse", http_converse_alpha1, false,
     "ConverseAlpha1"},
    {POST, "/v1.0-alpha2/conversation/{name}/converse", http_converse_alpha2, false,
     "ConverseAlpha2"},
    {GET | POST, "/v1.0/workflows/{rest...}", NULL, false, "GetWorkflow"},
    {GET | POST, "/v1.0-alpha1/workflows/{rest...}", NULL, false, "GetWorkflow"},
    {GET | POST, "/v1.0-beta1/workflows/{rest...}", NULL, false, "GetWorkflow"},
};

/* Those of the public port. */
static const route public_routes[] = {
    {GET, "/v1.0/healthz/outbound", http_outbound_healthz, true, "HealthzOutbound"},
    {GET, "/v1.0/healthz", http_healthz, true, "Healthz"},
    {GET, "/v1.0/metadata", http_get_metadata, true, "GetMetadata"},
    {PUT, "/v1.0/metadata/{key}", http_put_metadata, true, "SetMetadata"},
};

typedef struct route_list {
    const route *at;
    size_t count;
} route_list;

static const route_list api_routes = {routes, SC_ARRAY_LEN(routes)};
static const route_list all_public_routes = {public_routes, SC_ARRAY_LEN(public_routes)};

static const struct {
    sc_str name;
    unsigned bit;
} verbs[] = {
    {SC_STR_INIT("GET"), GET},
    {SC_STR_INIT("POST"), POST},
    {SC_STR_INIT("PUT"), PUT},
    {SC_STR_INIT("DELETE"), DELETE},
};

static unsigned method_bit(sc_str method)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(verbs); i++) {
        if (sc_str_eq(verbs[i].name, method))
            return verbs[i].bit;
    }
    return 0x80;
}

bool sc_http_api_row(size_t index, sc_api_row *row)
{
    if (index >= SC_ARRAY_LEN(routes))
        return false;
    *row = (sc_api_row){.name = routes[index].pattern, .is_there = routes[index].run != NULL};
    if (routes[index].methods == ANY) {
        (void)snprintf(row->verbs, sizeof(row->verbs), "any");
        return true;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(verbs); i++) {
        size_t len = strlen(row->verbs);

        if (routes[index].methods & verbs[i].bit)
            (void)snprintf(row->verbs + len, sizeof(row->verbs) - len, "%s%.*s",
                           len > 0 ? ", " : "", SC_FMT(verbs[i].name));
    }
    return true;
}

/* True when `path` fits; parameters are decoded once, as query text. Most patterns differ from a
 * path within a few bytes, so those are compared first and one by one. */
static bool matches(const char *pattern, sc_str path, sc_arena *mem, sc_str *params)
{
    uint32_t count = 0;
    size_t at = 0;

    for (;;) {
        sc_str value;
        const char *end;

        if (*pattern != '{') {
            if (*pattern == '\0' || at == path.len)
                return *pattern == '\0' && at == path.len;
            if (*pattern++ != path.at[at++])
                return false;
            continue;
        }
        end = strchr(pattern, '}');
        value = sc_str_sub(path, at, path.len);
        if (end[-1] != '.') /* "{x...}" takes the rest */
            value.len = sc_str_find(value, '/');
        if (value.len == 0 || count == SC_MAX_PARAMS ||
            !sc_url_unescape(value, mem, &params[count++]))
            return false;
        at += value.len;
        pattern = end + 1;
    }
}

static bool is_there(const sc_http_request_ctx *ctx, const route *one)
{
    return one->is_open || sc_api_has_route(&ctx->api->rules, sc_str_from(one->pattern + 1));
}

/* The route of one of `methods`, or NULL. */
static const route *find(sc_http_request_ctx *ctx, route_list list, unsigned methods)
{
    sc_arena *mem = &ctx->ex->call->mem;
    sc_str path = sc_url_clean_path(ctx->ex->req.path, mem);

    for (size_t i = 0; i < list.count; i++) {
        const route *one = &list.at[i];

        /* behind "/v1.0/" begins what tells most of them apart */
        if (path.len > VERSION_LEN && one->pattern[VERSION_LEN] != path.at[VERSION_LEN])
            continue;
        if ((one->methods & methods) && matches(one->pattern, path, mem, ctx->params) &&
            is_there(ctx, one))
            return one;
    }
    return NULL;
}

static bool has_token(const sc_http_request_ctx *ctx)
{
    return sc_api_token_fits(ctx->api,
                             sc_pairs_get(&ctx->ex->req.headers, SC_STR("dapr-api-token")));
}

/* No route, and no application to pass the request on to: as Go's router answers. */
static void refuse_plainly(sc_http_request_ctx *ctx, route_list list)
{
    static const sc_str names[] = {SC_STR_INIT("GET"), SC_STR_INIT("POST"), SC_STR_INIT("PUT"),
                                   SC_STR_INIT("DELETE")};
    sc_pairs headers = {0};

    for (unsigned i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (find(ctx, list, 1u << i))
            sc_pairs_add(&headers, &ctx->ex->call->mem, SC_STR("allow"), names[i]);
    }
    if (headers.count == 0) {
        http_reply_text(ctx, 404, SC_STR("404 page not found\n"));
        return;
    }
    http_add_trace(ctx, &headers);
    http_add_cors(ctx, &headers);
    sc_http_respond(ctx->ex, 405, &headers, SC_STR_NONE);
}

static bool can_invoke(const sc_http_request_ctx *ctx)
{
    return sc_api_has_route(&ctx->api->rules, SC_STR("v1.0/invoke/{id}/method/{method...}"));
}

static sc_http_request_ctx *begin(void *self, sc_http_exchange *ex)
{
    sc_http_request_ctx *ctx = sc_call_make(ex->call, sc_http_request_ctx);

    ctx->api = self;
    ctx->ex = ex;
    return ctx;
}

/* The route, or NULL for what is passed on to an application, which most invocations say at once.
 */
static const route *find_api(sc_http_request_ctx *ctx)
{
    if (sc_str_starts(ctx->ex->req.path, SC_STR("/v1.0/invoke/")))
        return NULL;
    return find(ctx, api_routes, method_bit(ctx->ex->req.method));
}

/* A body that is long, or whose length nobody knows, is passed on as it comes, if it is for an
 * application. */
static void on_head(void *self, sc_http_exchange *ex)
{
    sc_http_request_ctx *ctx;
    const route *found;

    if (ex->body_len <= LONG_BODY || (ex->body_len != SC_HTTP_LEN_UNKNOWN && ex->body_limit > 0 &&
                                      ex->body_len > ex->body_limit))
        return;
    ctx = begin(self, ex);
    found = find_api(ctx);
    if ((found && found->run != http_invoke) || !can_invoke(ctx))
        return;
    if (!http_begin_trace(ctx) || http_answer_preflight(ctx))
        return;
    if (has_token(ctx))
        http_invoke_in_parts(ctx);
    else
        http_reply_text(ctx, 401, SC_STR("invalid api token\n"));
}

static void on_request(void *self, sc_http_exchange *ex)
{
    sc_http_request_ctx *ctx = begin(self, ex);
    const route *found;

    if (!http_begin_trace(ctx) || http_answer_preflight(ctx))
        return;
    found = find_api(ctx);
    if (!(found && found->is_open) && !has_token(ctx))
        http_reply_text(ctx, 401, SC_STR("invalid api token\n"));
    else if (found && found->run)
        found->run(ctx);
    else if (found)
        http_reply_reason(ctx, SC_REASON_UNIMPLEMENTED, "this API is currently not implemented");
    else if (can_invoke(ctx))
        http_invoke(ctx);
    else
        refuse_plainly(ctx, api_routes);
}

static void on_public_request(void *self, sc_http_exchange *ex)
{
    sc_http_request_ctx *ctx = begin(self, ex);
    const route *found;

    ctx->is_public = true;
    if (!http_begin_trace(ctx))
        return;
    found = find(ctx, all_public_routes, method_bit(ex->req.method));
    if (found)
        found->run(ctx);
    else
        refuse_plainly(ctx, all_public_routes);
}

/* Only what got as far as a route is logged: no preflight, nothing that was refused for its token.
 */
static void log_call(sc_api *api, sc_http_exchange *ex, uint64_t now_ms)
{
    sc_http_request_ctx *ctx = begin(api, ex);
    const route *found = find(ctx, api_routes, method_bit(ex->req.method));
    sc_str name = sc_str_from(found && found->name ? found->name : "InvokeService");

    if (http_is_preflight(ctx) || (!(found && found->is_open) && !has_token(ctx)))
        return;
    if (found && sc_str_eq(name, SC_STR("InvokeService")) && ctx->params[0].len > 0)
        name = sc_arena_fmt(&ex->call->mem, "InvokeService/%.*s", SC_FMT(ctx->params[0]));
    sc_api_log_http(&api->observe->api_log, ex, name, now_ms);
}

static void on_finished(void *self, sc_http_exchange *ex)
{
    sc_api *api = self;
    uint64_t now_ms = sc_loop_now_ms(api->loop);

    sc_http_stats_record_exchange(api->observe->http_server, ex, now_ms);
    if (api->observe->api_log.is_on)
        log_call(api, ex, now_ms);
}

static sc_str describe_refusal(void *self, int status, const sc_error *why, sc_arena *mem)
{
    (void)self;
    if (status == 413)
        return sc_arena_fmt(mem, "%s; raise it with --max-body-size", why->text);
    if (sc_str_eq(sc_str_from(why->text), SC_STR("missing required Host header")))
        return SC_STR("400 Bad Request: missing required Host header");
    if (status == 408)
        return sc_arena_fmt(mem, "408 Request Timeout: %s", why->text);
    if (status == 505)
        return SC_STR("505 HTTP Version Not Supported: unsupported protocol version");
    return sc_arena_fmt(mem, "%d %s", status, sc_http_status_text(status));
}

const sc_http_handler sc_http_api_handler = {.on_head = on_head,
                                             .on_request = on_request,
                                             .on_finished = on_finished,
                                             .describe_refusal = describe_refusal};
const sc_http_handler sc_http_public_handler = {.on_request = on_public_request,
                                                .describe_refusal = describe_refusal};
