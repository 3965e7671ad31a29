/* SPDX-License-Identifier: MIT
 *
 * The insides of a gRPC channel, for channel_grpc.c and invoke_grpc.c.
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
    uint64_t max_message_len; /* sent; 0: 4 MiB */
    sc_grpc_stats *stats;
    const sc_log *log;
    sc_gate gate;
    void (*on_closed)(void *user);
    void *user;
};

#endif
