/* SPDX-License-Identifier: MIT
 *
 * What the files behind grpc_server.h share: connections, and calls as the server sees them.
 */
#ifndef SC_NET_GRPC_SERVER_INTERNAL_H
#define SC_NET_GRPC_SERVER_INTERNAL_H

#include "io/timer.h"
#include "net/grpc_message.h"
#include "net/grpc_server.h"
#include "net/h2_session.h"

struct sc_grpc_server {
    sc_loop *loop;
    sc_listener *listener; /* NULL once closing */
    sc_grpc_limits limits; /* zeros replaced by defaults */
    sc_grpc_service service;
    void *self;
    sc_h2_pool pool;
    sc_list conns;
    sc_timer linger;
    sc_turn_hook closed_hook;
    bool is_closing;
    void (*on_closed)(void *self);
    void *closed_self;
};

typedef struct sc_grpc_conn {
    sc_list link;
    sc_grpc_server *server;
    sc_h2_session *session;
} sc_grpc_conn;

/* One call; lives in the arena of its sc_call until its HTTP/2 stream is closed. */
typedef struct sc_grpc_live {
    sc_grpc_stream pub; /* first: what handlers see */
    sc_h2_stream h2;
    sc_grpc_conn *conn;
    sc_grpc_inbox inbox;
    sc_timer deadline;
    sc_turn_hook resume;
    sc_buf held;       /* received while paused */
    sc_pairs head;     /* to send */
    sc_pairs trailers; /* to send */
    sc_str content_type;
    sc_str unary;     /* the one message of a unary request, until the half close */
    sc_buf gzip_room; /* sc_grpc_send_room of an answer to be compressed */
    bool has_unary;
    bool is_open;  /* has a handler, takes messages */
    bool is_known; /* the handler was called: it is told of a cancellation */
    bool is_paused;
    bool is_remote_done; /* the client's last byte came, maybe into `held` */
    bool is_half_closed; /* and the handler knows */
    bool answers_gzip;
    bool has_sent_head;
} sc_grpc_live;

extern const sc_h2_ops sc_grpc_server_h2_ops; /* grpc_server_call.c */
void sc_grpc_conn_gone(void *self, const sc_error *why);

#endif
