/* SPDX-License-Identifier: MIT
 *
 * Transparent gRPC proxying (gRPC API): a call of any service, passed on message by message to the
 * application that its metadata names, directly or through that application's sidecar. All four
 * kinds of call, deadlines, cancellation, headers, trailers and status pass. Loop thread only.
 */
#ifndef SC_BLOCK_PROXY_H
#define SC_BLOCK_PROXY_H

#include "block/invoke.h"
#include "net/grpc_server.h"

typedef struct sc_proxy sc_proxy;
typedef struct sc_proxy_call sc_proxy_call;

/* Borrowed, all of it, until sc_proxy_free. */
typedef struct sc_proxy_settings {
    sc_loop *loop;
    sc_str app_id; /* of this sidecar */
    sc_str namespace_;
    sc_invoker *invoker; /* whose access rules count */
    sc_names *names;     /* NULL: no name resolution */
    sc_peers *peers;
    sc_grpc_channel *own; /* to the own application; NULL: there is none */
    sc_str api_token; /* DAPR_API_TOKEN: if set, what clients send as dapr-api-token ends here */
    sc_str app_api_token; /* APP_API_TOKEN; empty: none */
} sc_proxy_settings;

sc_proxy *sc_proxy_new(const sc_proxy_settings *settings);
void sc_proxy_free(sc_proxy *proxy); /* NULL is fine */

/* The application that the call's metadata names; false: none does. */
bool sc_proxy_find_target(const sc_grpc_stream *stream, sc_str *target);

/* Passes the call on to `target`; it ends with the stream. `trace` is told to another sidecar
 * (NULL: nothing is). The owner of the stream then hands on what the client does. */
sc_proxy_call *sc_proxy_begin(sc_proxy *proxy, sc_grpc_stream *stream, sc_str target,
                              const sc_trace *trace);
/* The same for a call that came from another sidecar: to the own application. */
sc_proxy_call *sc_proxy_begin_own(sc_proxy *proxy, sc_grpc_stream *stream);
void sc_proxy_message(sc_proxy_call *call, sc_str message);
void sc_proxy_half_close(sc_proxy_call *call);
void sc_proxy_cancelled(sc_proxy_call *call);
void sc_proxy_drained(sc_proxy_call *call);

#endif
