/* SPDX-License-Identifier: MIT
 *
 * The gRPC head: service dapr.proto.runtime.v1.Dapr, protobuf in, a block call, protobuf out.
 */
#ifndef SC_API_GRPC_API_H
#define SC_API_GRPC_API_H

#include "api/api.h"
#include "net/grpc_server.h"

/* For sc_grpc_server_open, with an sc_api as `self`. */
extern const sc_grpc_service sc_grpc_api_service;

#endif
