/* SPDX-License-Identifier: MIT
 *
 * What the files of the HTTP head share: routes, their parameters, replies.
 */
#ifndef SC_API_HTTP_INTERNAL_H
#define SC_API_HTTP_INTERNAL_H

#include "api/http/api.h"

#define SC_MAX_PARAMS 4u

/* One request on its way through the head. In the call's arena. */
typedef struct sc_http_request_ctx {
    sc_api *api;
    sc_http_exchange *ex;
    sc_str params[SC_MAX_PARAMS]; /* decoded, in the order of the route's pattern */
    sc_str traceparent;           /* of this call: valid, or empty */
    sc_str tracestate;
    bool is_public;   /* came to the public port: no token, no CORS */
    sc_str baggage;   /* valid, or empty */
    bool is_untraced; /* the answer says nothing of a trace */
} sc_http_request_ctx;

typedef void (*sc_http_route_fn)(sc_http_request_ctx *ctx);

/* pubsub.c */
void http_publish(sc_http_request_ctx *ctx);
void http_bulk_publish(sc_http_request_ctx *ctx);
/* state.c, state_transaction.c */
void http_get_state(sc_http_request_ctx *ctx);
void http_save_state(sc_http_request_ctx *ctx);
void http_delete_state(sc_http_request_ctx *ctx);
void http_bulk_get_state(sc_http_request_ctx *ctx);
void http_query_state(sc_http_request_ctx *ctx);
void http_transact_state(sc_http_request_ctx *ctx);
/* secret.c */
void http_get_secret(sc_http_request_ctx *ctx);
void http_get_bulk_secret(sc_http_request_ctx *ctx);
/* conversation.c */
void http_converse_alpha1(sc_http_request_ctx *ctx);
void http_converse_alpha2(sc_http_request_ctx *ctx);
/* invoke.c: with the body whole, or in parts from the head on. */
void http_invoke(sc_http_request_ctx *ctx);
void http_invoke_in_parts(sc_http_request_ctx *ctx);
/* invoke_status.c: a gRPC error status as JSON, in `mem`. */
sc_str http_grpc_status_json(const sc_invoke_response *answer, sc_arena *mem);
/* metadata.c */
void http_get_metadata(sc_http_request_ctx *ctx);
void http_put_metadata(sc_http_request_ctx *ctx);
void http_healthz(sc_http_request_ctx *ctx);
void http_outbound_healthz(sc_http_request_ctx *ctx);
void http_shutdown(sc_http_request_ctx *ctx);
void http_messages(sc_http_request_ctx *ctx);

/* trace.c: reads what the request says of its trace; false: it was refused. */
bool http_begin_trace(sc_http_request_ctx *ctx);
bool http_is_preflight(const sc_http_request_ctx *ctx); /* cors.c */
/* cors.c: true: it was a preflight, which is answered. */
bool http_answer_preflight(sc_http_request_ctx *ctx);

/* ---- replies (reply.c) ---- */

void http_reply(sc_http_request_ctx *ctx, int status, sc_str content_type, sc_str body);
/* The same with further headers; `headers` is written to. */
void http_reply_with(sc_http_request_ctx *ctx, int status, sc_str content_type, sc_pairs *headers,
                     sc_str body);
/* A text of the server itself, as Go's http.Error writes it. */
void http_reply_text(sc_http_request_ctx *ctx, int status, sc_str text);
/* For answers that are not made by the functions here: the trace of the request, and what CORS
 * has to say. */
void http_add_trace(sc_http_request_ctx *ctx, sc_pairs *headers); /* trace.c */
void http_add_cors(sc_http_request_ctx *ctx, sc_pairs *headers);  /* cors.c */
void http_reply_empty(sc_http_request_ctx *ctx, int status);
/* The JSON of an error as Dapr shapes it (HTTP API, error bodies). */
void http_reply_problem(sc_http_request_ctx *ctx, const sc_problem *problem);
/* A plain error: reason and message. */
void http_reply_reason(sc_http_request_ctx *ctx, sc_reason reason, const char *fmt, ...)
    SC_PRINTF(3, 4);
/* Every query parameter that begins with "metadata.", without that. */
sc_pairs http_query_metadata(sc_http_request_ctx *ctx);
/* The first query parameter of this name, or NULL. */
const sc_str *http_query(sc_http_request_ctx *ctx, const char *name);

#endif
