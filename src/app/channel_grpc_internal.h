/* SPDX-License-Identifier: MIT
 *
 * What the files of the gRPC channel share.
 */
#ifndef SC_APP_CHANNEL_GRPC_INTERNAL_H
#define SC_APP_CHANNEL_GRPC_INTERNAL_H

#include "app/channel_grpc.h"
#include "app/gate.h"

struct sc_app_grpc {
    sc_loop *loop;
    sc_grpc_channel *channel;
    sc_arena mem;
    sc_str api_token;
    sc_grpc_stats *stats;
    uint64_t max_body_len; /* of a body that is gathered */
    const sc_log *log;
    sc_gate gate;
    void (*on_closed)(void *user);
    void *user;
};

#endif
