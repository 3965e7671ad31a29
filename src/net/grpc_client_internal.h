/* SPDX-License-Identifier: MIT
 *
 * What the files behind grpc_client.h share.
 */
#ifndef SC_NET_GRPC_CLIENT_INTERNAL_H
#define SC_NET_GRPC_CLIENT_INTERNAL_H

#include "io/timer.h"
#include "net/grpc_client.h"
#include "net/grpc_message.h"
#include "net/h2_session.h"

/* One connection of a channel. */
typedef struct sc_grpc_link {
    sc_grpc_channel *channel;
    sc_h2_session *session;
    bool was_ready; /* the handshake was through once */
} sc_grpc_link;

struct sc_grpc_channel {
    sc_loop *loop;
    sc_grpc_channel_settings settings; /* strings owned, zeros replaced by defaults */
    char *owned[3];
    sc_h2_pool pool;
    sc_grpc_link *link; /* for new calls; NULL: none */
    uint32_t link_count;
    sc_list calls;   /* all under way */
    sc_list waiting; /* of these, not on a connection */
    uint32_t waiting_count;
    uint64_t backoff_ms; /* 0: the last connection was good */
    uint64_t retry_at_ms;
    sc_error last_error; /* of connecting */
    bool is_closing;
    bool is_closed_queued;
    sc_op closing;
    void (*on_closed)(void *self);
    void *closed_self;
};

/* One call under way; lives in op->op.mem, found through op->internal. */
typedef struct sc_grpc_out {
    sc_list link; /* channel->calls */
    sc_list wait; /* channel->waiting */
    sc_grpc_channel *channel;
    sc_grpc_call_op *op;
    sc_h2_stream h2;
    sc_grpc_inbox inbox;
    sc_timer deadline;
    uint64_t deadline_ms; /* loop clock; 0: none */
    sc_buf unsent;        /* of an open request: framed before there was a connection */
    sc_buf paused;        /* answer bytes that came while it was paused */
    sc_turn_hook resume;
    bool is_started;     /* on a connection, now or before */
    bool is_half_closed; /* the request is whole */
    bool wants_drained;  /* of a request that has no connection */
    bool is_paused;
    bool has_answer;
    bool is_ended;       /* the server's last frame came */
    bool is_answer_over; /* the status is known; the stream may still be open */
    bool is_resent;
    bool is_complete;
} sc_grpc_out;

/* ---- grpc_client.c ---- */

/* On the connection, or in the queue for one. */
void sc_grpc_channel_place(sc_grpc_channel *channel, sc_grpc_out *out);

/* ---- grpc_client_call.c ---- */

sc_grpc_out *sc_grpc_out_new(sc_grpc_channel *channel, sc_grpc_call_op *op);
/* Sends the request. */
void sc_grpc_out_start(sc_grpc_out *out, sc_h2_session *session);
/* Resets the stream if there is one, and completes. Nothing when it is complete. */
void sc_grpc_out_give_up(sc_grpc_out *out, sc_code code, const char *text);
/* Completes with what the op holds; the stream is closed. */
void sc_grpc_out_complete(sc_grpc_out *out);

void sc_grpc_out_head(sc_h2_stream *h2);
void sc_grpc_out_data(sc_h2_stream *h2, const char *at, size_t len);
void sc_grpc_out_end(sc_h2_stream *h2);
void sc_grpc_out_closed(sc_h2_stream *h2, const sc_h2_end *end);
void sc_grpc_out_drained(sc_h2_stream *h2);

#endif
