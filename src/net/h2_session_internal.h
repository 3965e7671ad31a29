/* SPDX-License-Identifier: MIT
 *
 * What the two files behind h2_session.h share; they alone see nghttp2.
 */
#ifndef SC_NET_H2_SESSION_INTERNAL_H
#define SC_NET_H2_SESSION_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "io/timer.h"
#include "net/h2_session.h"

#define SC_H2_FRAME_HEAD_LEN 9u
#define SC_H2_RESET_BURST    1000u /* RST_STREAM frames from a peer, at once */

typedef enum sc_h2_state {
    SC_H2_OPENING,   /* client: the connection is being made */
    SC_H2_RUNNING,   /* frames are exchanged */
    SC_H2_FINISHING, /* GOAWAY is on its way, streams end */
    SC_H2_DEAD,      /* waits for bury() */
} sc_h2_state;

struct sc_h2_session {
    sc_loop *loop;
    sc_stream *stream;
    nghttp2_session *ng;
    const sc_h2_ops *ops;
    void *self;
    sc_h2_settings settings;
    sc_h2_state state;
    bool is_server;
    bool was_connected;
    size_t preface_left;                 /* server: bytes of it still to come */
    bool has_settings;                   /* the peer's SETTINGS came */
    uint8_t first[SC_H2_FRAME_HEAD_LEN]; /* client: of the peer's first frame */
    size_t first_len;
    bool is_going;  /* a GOAWAY came, or stream ids ran out */
    bool is_paused; /* not read, because the peer does not read */
    bool is_last_goaway_sent;
    uint32_t goaway_code; /* as sent or received, worst */
    sc_list streams;
    uint32_t stream_count;
    sc_turn_hook turn;
    sc_timer timer;
    sc_buf early; /* bytes given to sc_h2_accept */
    sc_error why;
    /* loop clock */
    uint64_t born_ms;
    uint64_t last_recv_ms;
    uint64_t ping_sent_ms; /* 0: none under way */
    uint64_t idle_since_ms;
    uint64_t last_ping_ms; /* the peer's */
    uint64_t reset_ms;
    uint64_t reset_tokens; /* thousandths */
    int ping_strikes;
};

/* ---- h2_session.c: life and time ---- */

extern const uint8_t sc_h2_keepalive_ping[8];
extern const uint8_t sc_h2_goaway_ping[8];

/* Something is to be sent, or looked at, at the end of this turn. */
void sc_h2_wake(sc_h2_session *session);
/* The session ends at the end of this turn; the first cause counts. */
void sc_h2_die(sc_h2_session *session, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
/* Looks anew at what the timer waits for. */
void sc_h2_plan_timer(sc_h2_session *session);
/* GOAWAY with ENHANCE_YOUR_CALM and `debug`, then the end. */
void sc_h2_end_with_calm(sc_h2_session *session, sc_str debug);
/* A send buffer goes back to the pool. */
void sc_h2_out_give_back(sc_h2_pool *pool, sc_buf *out);

/* ---- h2_frames.c: streams and frames ---- */

nghttp2_session_callbacks *sc_h2_callbacks_new(void);
/* Takes the stream off the session. */
void sc_h2_detach(sc_h2_stream *stream);
/* Writes what nghttp2 has to send, until the stream below is congested. */
void sc_h2_send_frames(sc_h2_session *session);

#endif
