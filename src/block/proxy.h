/* SPDX-License-Identifier: MIT
 *
 * Calls of any gRPC service, passed on as they are (gRPC API, "transparent gRPC proxying"): from a
 * client to the sidecar of the application that is meant, from there to its gRPC port; or to the
 * own application. Messages are bytes here, and pass one by one in both directions: a slow reader
 * slows the writer down. Loop thread only.
 */
#ifndef SC_BLOCK_PROXY_H
#define SC_BLOCK_PROXY_H

#include "app/channel_grpc.h"
#include "block/invoke.h"
#include "net/grpc_server.h"

/* Borrowed, all of it, as long as there are calls. */
typedef struct sc_proxy {
    sc_loop *loop;
    sc_str app_id; /* of this sidecar */
    sc_str namespace_;
    sc_names *names; /* NULL: no name resolution */
    sc_peers *peers;
    const sc_invoker *invoker; /* for its access rules */
    sc_app_grpc *app;          /* NULL: the application does not speak gRPC, or there is none */
    sc_str app_api_token;      /* APP_API_TOKEN; empty: none */
} sc_proxy;

/* One call; lives in its stream's. */
typedef struct sc_proxied sc_proxied;

/* The application that the stream is for: dapr-app-id, or dapr-callee-app-id; empty: none. */
sc_str sc_proxy_target(const sc_grpc_stream *stream);
/* From a handler's on_open. Finishes the stream at once when it leads nowhere. `trace`: the context
 * that another sidecar gets; NULL: none. */
sc_proxied *sc_proxy_from_client(const sc_proxy *proxy, sc_grpc_stream *stream,
                                 const sc_trace *trace);
/* The same on the port for other sidecars: to the own application. */
sc_proxied *sc_proxy_from_peer(const sc_proxy *proxy, sc_grpc_stream *stream);

/* For the other events of the stream's handler. */
void sc_proxied_message(sc_proxied *call, sc_str message);
void sc_proxied_half_close(sc_proxied *call);
void sc_proxied_cancel(sc_proxied *call);
void sc_proxied_drained(sc_proxied *call);

#endif
