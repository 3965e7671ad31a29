/* SPDX-License-Identifier: MIT
 *
 * GetSecret and GetBulkSecret (gRPC API, secrets).
 */
#include "api/grpc/internal.h"
#include "dapr/proto/runtime/v1/secret.pb-c.h"

static void on_got(sc_secret_request *req);
static void on_got_all(sc_bulk_secret_request *req);

void grpc_get_secret(sc_grpc_ctx *ctx, sc_str message)
{
    sc_secret_request *req = sc_call_make(ctx->stream->call, sc_secret_request);
    Dapr__Proto__Runtime__V1__GetSecretRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__get_secret_request__descriptor, message);

    if (!in)
        return;
    req->call = ctx->stream->call;
    req->store_name = sc_str_from(in->store_name);
    req->key = sc_str_from(in->key);
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx));
    req->done = on_got;
    req->user = ctx;
    sc_secret_get(ctx->api->secretstores, req);
}

static void on_got(sc_secret_request *req)
{
    sc_grpc_ctx *ctx = req->user;
    Dapr__Proto__Runtime__V1__GetSecretResponse out =
        DAPR__PROTO__RUNTIME__V1__GET_SECRET_RESPONSE__INIT;

    if (!sc_problem_is_none(&req->problem)) {
        grpc_reply_problem(ctx, &req->problem);
        return;
    }
    out.n_data = req->op.values.count;
    out.data =
        sc_proto_map_make(&dapr__proto__runtime__v1__get_secret_response__data_entry__descriptor,
                          &req->op.values, grpc_mem(ctx));
    grpc_reply(ctx, &out.base);
}

void grpc_get_bulk_secret(sc_grpc_ctx *ctx, sc_str message)
{
    sc_bulk_secret_request *req = sc_call_make(ctx->stream->call, sc_bulk_secret_request);
    Dapr__Proto__Runtime__V1__GetBulkSecretRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__get_bulk_secret_request__descriptor, message);

    if (!in)
        return;
    req->call = ctx->stream->call;
    req->store_name = sc_str_from(in->store_name);
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx));
    req->done = on_got_all;
    req->user = ctx;
    sc_secret_bulk_get(ctx->api->secretstores, req);
}

static void on_got_all(sc_bulk_secret_request *req)
{
    typedef Dapr__Proto__Runtime__V1__GetBulkSecretResponse__DataEntry entry;
    sc_grpc_ctx *ctx = req->user;
    sc_arena *mem = grpc_mem(ctx);
    Dapr__Proto__Runtime__V1__GetBulkSecretResponse out =
        DAPR__PROTO__RUNTIME__V1__GET_BULK_SECRET_RESPONSE__INIT;

    if (!sc_problem_is_none(&req->problem)) {
        grpc_reply_problem(ctx, &req->problem);
        return;
    }
    out.data = sc_arena_zero(mem, (req->op.count + 1) * sizeof(*out.data));
    for (uint32_t i = 0; i < req->op.count; i++) {
        const sc_secret *secret = &req->op.secrets[i];
        entry *to = sc_arena_new(mem, entry);

        dapr__proto__runtime__v1__get_bulk_secret_response__data_entry__init(to);
        to->key = sc_proto_text(secret->key, mem);
        to->value = sc_arena_new(mem, Dapr__Proto__Runtime__V1__SecretResponse);
        dapr__proto__runtime__v1__secret_response__init(to->value);
        to->value->n_secrets = secret->values.count;
        to->value->secrets =
            sc_proto_map_make(&dapr__proto__runtime__v1__secret_response__secrets_entry__descriptor,
                              &secret->values, mem);
        out.data[out.n_data++] = to;
    }
    grpc_reply(ctx, &out.base);
}
