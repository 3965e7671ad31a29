/* SPDX-License-Identifier: MIT
 *
 * The port for other sidecars (gRPC API, sidecar to sidecar): CallLocal and CallLocalStream of
 * dapr.proto.internals.v1.ServiceInvocation, and any service of the application of this sidecar.
 */
#ifndef SC_LISTEN_PEER_H
#define SC_LISTEN_PEER_H

#include "block/proxy.h"
#include "net/grpc_server.h"
#include "observe/observe.h"

/* Borrowed, all of it, until the server is closed. */
typedef struct sc_peer_port {
    sc_loop *loop;
    const sc_log *log;
    sc_str app_id; /* of this sidecar */
    sc_invoker *invoker;
    sc_proxy *proxy;
    sc_observe *observe;
    uint64_t max_body_len; /* of an answer of CallLocal; 0: no limit */
} sc_peer_port;

/* For sc_grpc_server_open, with a sc_peer_port. */
extern const sc_grpc_service sc_peer_service;

#endif
