/* SPDX-License-Identifier: MIT
 *
 * PublishEvent and BulkPublishEvent (gRPC API, pub/sub).
 */
#include "api/grpc/internal.h"
#include "dapr/proto/runtime/v1/pubsub.pb-c.h"

static void on_published(sc_publish_request *req)
{
    sc_grpc_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        grpc_reply_empty(ctx);
    else
        grpc_reply_problem(ctx, &req->problem);
}

void grpc_publish(sc_grpc_ctx *ctx, sc_str message)
{
    sc_publish_request *req = sc_call_make(ctx->stream->call, sc_publish_request);
    Dapr__Proto__Runtime__V1__PublishEventRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__publish_event_request__descriptor, message);

    if (!in)
        return;
    req->call = ctx->stream->call;
    req->pubsub_name = sc_str_from(in->pubsub_name);
    req->topic = sc_str_from(in->topic);
    req->content_type = sc_str_from(in->data_content_type);
    req->body = sc_proto_bytes(in->data);
    if (in->n_metadata > 0)
        req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx));
    req->traceparent = ctx->traceparent;
    req->tracestate = ctx->tracestate;
    req->done = on_published;
    req->user = ctx;
    sc_publish(ctx->api->pubsubs, req);
}

/* ---- bulk ---- */

/* All or error: which entries failed is never shown (gRPC API, BulkPublishEvent). */
static void on_bulk_published(sc_bulk_publish_request *req)
{
    sc_grpc_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        grpc_reply_empty(ctx);
    else
        grpc_reply_problem(ctx, &req->problem);
}

void grpc_bulk_publish(sc_grpc_ctx *ctx, sc_str message)
{
    sc_arena *mem = grpc_mem(ctx);
    sc_bulk_publish_request *req = sc_call_make(ctx->stream->call, sc_bulk_publish_request);
    Dapr__Proto__Runtime__V1__BulkPublishRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__bulk_publish_request__descriptor, message);

    if (!in)
        return;
    req->call = ctx->stream->call;
    req->pubsub_name = sc_str_from(in->pubsub_name);
    req->topic = sc_str_from(in->topic);
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, mem);
    req->entries = sc_arena_zero(mem, (in->n_entries + 1) * sizeof(req->entries[0]));
    req->count = in->n_entries;
    for (size_t i = 0; i < in->n_entries; i++) {
        Dapr__Proto__Runtime__V1__BulkPublishRequestEntry *from = in->entries[i];
        sc_bulk_publish_entry *to = &req->entries[i];

        to->entry_id = sc_str_from(from->entry_id);
        to->content_type = sc_str_from(from->content_type);
        to->body = sc_proto_bytes(from->event);
        to->metadata = sc_proto_map((void *const *)from->metadata, from->n_metadata, mem);
        to->has_metadata = from->n_metadata > 0;
    }
    req->traceparent = ctx->traceparent;
    req->tracestate = ctx->tracestate;
    req->done = on_bulk_published;
    req->user = ctx;
    sc_bulk_publish(ctx->api->pubsubs, req);
}
