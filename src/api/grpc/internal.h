/* SPDX-License-Identifier: MIT
 *
 * What the files of the gRPC head share: one call's context, methods, answers.
 */
#ifndef SC_API_GRPC_INTERNAL_H
#define SC_API_GRPC_INTERNAL_H

#include "api/grpc/api.h"
#include "block/problem.h"
#include "wire/proto.h"

/* One call on its way through the head. In the call's arena. */
typedef struct sc_grpc_ctx {
    sc_api *api;
    sc_grpc_stream *stream;
    const struct sc_grpc_method *method;
    sc_str traceparent; /* of this call: valid, or empty */
    sc_str tracestate;
    sc_str baggage;  /* valid, or empty */
    bool is_refused; /* access lists, token: neither counted nor logged */
    void *extra;     /* the method's */
    /* The client of a unary call went before its answer; NULL: nobody needs to know. */
    void (*on_cancelled)(struct sc_grpc_ctx *ctx);
} sc_grpc_ctx;

typedef struct sc_grpc_method {
    const char *name;
    void (*run)(sc_grpc_ctx *ctx, sc_str message); /* unary; NULL: not there yet, or a stream */
    const sc_grpc_handler *stream;                 /* streaming; NULL: unary */
} sc_grpc_method;

/* publish.c */
void grpc_publish(sc_grpc_ctx *ctx, sc_str message);
void grpc_bulk_publish(sc_grpc_ctx *ctx, sc_str message);
/* invoke.c */
void grpc_invoke_service(sc_grpc_ctx *ctx, sc_str message);
/* Calls of other services, for the application that their metadata names. */
extern const sc_grpc_handler grpc_proxied;
/* state.c */
void grpc_get_state(sc_grpc_ctx *ctx, sc_str message);
void grpc_bulk_get_state(sc_grpc_ctx *ctx, sc_str message);
void grpc_save_state(sc_grpc_ctx *ctx, sc_str message);
void grpc_delete_state(sc_grpc_ctx *ctx, sc_str message);
void grpc_bulk_delete_state(sc_grpc_ctx *ctx, sc_str message);
void grpc_transact_state(sc_grpc_ctx *ctx, sc_str message);
void grpc_query_state(sc_grpc_ctx *ctx, sc_str message);
/* secret.c */
void grpc_get_secret(sc_grpc_ctx *ctx, sc_str message);
void grpc_get_bulk_secret(sc_grpc_ctx *ctx, sc_str message);
/* conversation.c */
void grpc_converse_alpha1(sc_grpc_ctx *ctx, sc_str message);
void grpc_converse_alpha2(sc_grpc_ctx *ctx, sc_str message);
/* metadata.c */
void grpc_get_metadata(sc_grpc_ctx *ctx, sc_str message);
void grpc_set_metadata(sc_grpc_ctx *ctx, sc_str message);
void grpc_shutdown(sc_grpc_ctx *ctx, sc_str message);
/* subscribe.c */
extern const sc_grpc_handler grpc_subscribe;
/* reflection.c */
extern const sc_grpc_handler grpc_reflection;

/* trace.c: reads what the call says of its trace; false: it was refused. */
bool grpc_begin_trace(sc_grpc_ctx *ctx);
/* service.c: checks the token of a streaming call; false: it is finished. */
bool grpc_open_stream(sc_grpc_stream *stream);

/* ---- answers (reply.c) ---- */

static inline sc_arena *grpc_mem(const sc_grpc_ctx *ctx)
{
    return &ctx->stream->call->mem;
}
/* The message, or NULL after the call was finished with INTERNAL, as grpc-go words it. */
void *grpc_unpack(sc_grpc_ctx *ctx, const ProtobufCMessageDescriptor *type,
                  sc_str message) SC_MUST_CHECK;
/* google.protobuf.Empty, or a message, and OK. */
void grpc_reply_empty(sc_grpc_ctx *ctx);
void grpc_reply(sc_grpc_ctx *ctx, const ProtobufCMessage *message);
/* The status that Dapr gives for a problem, with ResourceInfo and ErrorInfo (gRPC API, "how errors
 * look"). */
void grpc_reply_problem(sc_grpc_ctx *ctx, const sc_problem *problem);
/* A status without details. */
void grpc_fail(sc_grpc_ctx *ctx, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
/* A status with one ErrorInfo that says how HTTP would have answered (token, access list). */
void grpc_refuse(sc_grpc_ctx *ctx, sc_code code, const char *reason, const char *http_code,
                 const char *http_message);

#endif
