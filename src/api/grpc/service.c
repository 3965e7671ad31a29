/* SPDX-License-Identifier: MIT
 *
 * Paths to methods of dapr.proto.runtime.v1.Dapr. Every rpc of the service has a row: those that
 * belong to later work answer UNIMPLEMENTED, on which SDKs fall back.
 */
#include "api/grpc/internal.h"
#include "api/tables.h"

static const sc_grpc_method methods[] = {
    {"InvokeService", grpc_invoke_service, NULL},
    {"PublishEvent", grpc_publish, NULL},
    {"BulkPublishEvent", grpc_bulk_publish, NULL},
    {"BulkPublishEventAlpha1", grpc_bulk_publish, NULL},
    {"SubscribeTopicEventsAlpha1", NULL, &grpc_subscribe},
    {"GetState", grpc_get_state, NULL},
    {"GetBulkState", grpc_bulk_get_state, NULL},
    {"SaveState", grpc_save_state, NULL},
    {"DeleteState", grpc_delete_state, NULL},
    {"DeleteBulkState", grpc_bulk_delete_state, NULL},
    {"ExecuteStateTransaction", grpc_transact_state, NULL},
    {"QueryStateAlpha1", grpc_query_state, NULL},
    {"GetSecret", grpc_get_secret, NULL},
    {"GetBulkSecret", grpc_get_bulk_secret, NULL},
    {"ConverseAlpha1", grpc_converse_alpha1, NULL},
    {"ConverseAlpha2", grpc_converse_alpha2, NULL},
    {"GetMetadata", grpc_get_metadata, NULL},
    {"SetMetadata", grpc_set_metadata, NULL},
    {"Shutdown", grpc_shutdown, NULL},
#define LATER(name) {#name, NULL, NULL},
#include "api/grpc/later.def"
#undef LATER
};

bool sc_grpc_api_row(size_t index, sc_api_row *row)
{
    if (index >= SC_ARRAY_LEN(methods))
        return false;
    *row = (sc_api_row){.name = methods[index].name,
                        .is_there = methods[index].run || methods[index].stream};
    return true;
}

static void open_call(sc_grpc_stream *stream);
static void run_unary(sc_grpc_stream *stream, sc_str message);
static void cancel_unary(sc_grpc_stream *stream);

static const sc_grpc_handler unary = {
    .on_open = open_call,
    .on_message = run_unary,
    .on_cancelled = cancel_unary,
    .is_unary_request = true,
};
/* Answers in on_open, whatever the client goes on to send. */
static const sc_grpc_handler refusal = {.on_open = open_call};

static bool has_token(sc_grpc_ctx *ctx)
{
    const sc_str *token = sc_pairs_get(&ctx->stream->metadata, SC_STR("dapr-api-token"));

    if (sc_api_token_fits(ctx->api, token))
        return true;
    ctx->is_refused = true;
    grpc_refuse(ctx, SC_UNAUTHENTICATED, "Unauthorized", "401",
                token ? "authentication error: api token mismatch"
                      : "missing api token in request metadata");
    return false;
}

/* Access lists concern Dapr's own rpcs, known or not; never calls for an application. */
static bool is_there(sc_grpc_ctx *ctx)
{
    sc_str path = ctx->stream->path;
    sc_str name = path;

    if (!sc_str_starts(path, SC_STR("/dapr.proto.runtime.")))
        return true;
    for (int i = 0; i < 2; i++)
        (void)sc_str_cut(&name, '/');
    if (sc_api_has_method(&ctx->api->rules, name))
        return true;
    ctx->is_refused = true;
    grpc_refuse(ctx, SC_UNIMPLEMENTED, "Not Implemented", "501",
                "requested endpoint is not available");
    return false;
}

/* The call names nobody to pass it on to (gRPC API, "transparent gRPC proxying"). */
static void refuse_unknown(sc_grpc_ctx *ctx)
{
    sc_str path = ctx->stream->path;

    if (ctx->api->observe->tracer.mode == SC_TRACE_OFF ||
        sc_str_starts(path, SC_STR("/dapr.proto.internals.")) ||
        sc_str_starts(path, SC_STR("/dapr.proto.runtime.")) ||
        sc_str_starts(path, SC_STR("/TaskHubSidecarService")))
        grpc_fail(ctx, SC_UNKNOWN,
                  "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id "
                  "not found");
    else
        grpc_fail(ctx, SC_UNKNOWN,
                  "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata");
}

static void open_call(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;

    if (!is_there(ctx) || !has_token(ctx) || !grpc_begin_trace(ctx))
        return;
    if (!ctx->method)
        refuse_unknown(ctx);
    else if (!ctx->method->run)
        grpc_fail(ctx, SC_UNIMPLEMENTED, "this API is currently not implemented");
}

static void run_unary(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_ctx *ctx = stream->user;

    ctx->method->run(ctx, message);
}

static void cancel_unary(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;

    if (ctx->on_cancelled)
        ctx->on_cancelled(ctx);
}

bool grpc_open_stream(sc_grpc_stream *stream)
{
    return is_there(stream->user) && has_token(stream->user) && grpc_begin_trace(stream->user);
}

/* The stream of another service that is served here, or NULL. */
static const sc_grpc_method *other_method_of(sc_str path)
{
    static const sc_grpc_method reflection = {"ServerReflectionInfo", NULL, &grpc_reflection};

    if (sc_str_eq(path, SC_STR("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")) ||
        sc_str_eq(path, SC_STR("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")))
        return &reflection;
    return NULL;
}

static const sc_grpc_method *method_of(sc_str path)
{
    sc_str prefix = SC_STR("/dapr.proto.runtime.v1.Dapr/");
    sc_str name;

    if (!sc_str_starts(path, prefix))
        return other_method_of(path);
    name = sc_str_sub(path, prefix.len, path.len);
    for (size_t i = 0; i < SC_ARRAY_LEN(methods); i++) {
        if (sc_str_eq(name, sc_str_from(methods[i].name)))
            return &methods[i];
    }
    return NULL;
}

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = sc_call_make(stream->call, sc_grpc_ctx);
    sc_str target;

    ctx->api = self;
    ctx->stream = stream;
    ctx->method = method_of(stream->path);
    stream->user = ctx;
    if (!ctx->method)
        return sc_proxy_find_target(stream, &target) ? &grpc_proxied : &refusal;
    if (ctx->method->stream)
        return ctx->method->stream;
    return ctx->method->run ? &unary : &refusal;
}

/* Streams, and what is no rpc of Dapr, count only when they are for another application. */
static bool counts(const sc_grpc_ctx *ctx)
{
    return (ctx->method && !ctx->method->stream) ||
           sc_pairs_get(&ctx->stream->metadata, SC_STR("dapr-app-id"));
}

static void on_finished(void *self, sc_grpc_stream *stream)
{
    const sc_api *api = self;
    const sc_grpc_ctx *ctx = stream->user;
    uint64_t now_ms = sc_loop_now_ms(api->loop);

    if (!ctx || ctx->is_refused)
        return;
    if (counts(ctx))
        sc_grpc_stats_record_stream(api->observe->grpc_server, stream, now_ms);
    sc_api_log_grpc(&api->observe->api_log, stream, now_ms);
}

const sc_grpc_service sc_grpc_api_service = {.find = find, .on_finished = on_finished};
