/* SPDX-License-Identifier: MIT
 *
 * What the files behind http_server.h and http_client.h share: the server's connections and
 * exchanges, the client's jobs, and where HTTP/1.1 and HTTP/2 plug in. No other folder includes it.
 */
#ifndef SC_NET_HTTP_INTERNAL_H
#define SC_NET_HTTP_INTERNAL_H

#include "core/list.h"
#include "io/timer.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "wire/gzip.h"

/* ---- server: connections (http_server.c) ---- */

typedef struct sc_http_conn sc_http_conn;

typedef struct sc_http_conn_ops {
    /* Once a second: looks at its own deadlines. May close and remove the connection. */
    void (*sweep)(sc_http_conn *conn, uint64_t now_ms);
    /* The server closes: accept no new request, close when the answers under way are out. */
    void (*shut)(sc_http_conn *conn);
    /* The linger is over: close at once. Must end in sc_http_conn_remove before it returns. */
    void (*kill)(sc_http_conn *conn);
} sc_http_conn_ops;

/* One accepted connection, the first field of the protocol's own struct. */
struct sc_http_conn {
    sc_list link; /* in server->conns */
    const sc_http_conn_ops *ops;
    sc_http_server *server;
};

struct sc_http_server {
    sc_loop *loop;
    sc_listener *listener; /* NULL once closing */
    sc_http_limits limits; /* zeros replaced by defaults */
    sc_http_handler handler;
    void *self;
    sc_list conns;
    uint32_t conn_count;
    sc_timer sweep;  /* runs only while there are connections */
    sc_timer linger; /* after sc_http_server_close */
    bool is_closing;
    void (*on_closed)(void *self);
    void *closed_self;
    sc_turn_hook closed_hook; /* on_closed runs from here, never inside another callback */
    char date[40];            /* "date: Mon, 01 Jan 2024 00:00:00 GMT" without the name */
    size_t date_len;
    uint64_t date_until_ms; /* loop clock */
};

/* Puts the connection on the server's list; starts the sweep for the first. */
void sc_http_conn_add(sc_http_server *server, sc_http_conn *conn, const sc_http_conn_ops *ops);
/* Takes it off; the last one lets a closing server finish. The server may be gone a turn later. */
void sc_http_conn_remove(sc_http_conn *conn);
/* The value of a Date header, as of this second; good until the next call. */
sc_str sc_http_server_date(sc_http_server *server);

/* http_server_h1.c: takes a fresh stream; finds out itself whether it speaks HTTP/2. */
void sc_h1_serve(sc_http_server *server, sc_stream *stream_taken);
/* HTTP/2 file: takes a stream whose first bytes were the preface (24 bytes and maybe more). Adopts
 * the stream and adds its own sc_http_conn before it returns. `first_bytes` is good during the
 * call. */
void sc_h2_serve(sc_http_server *server, sc_stream *stream_taken, sc_str first_bytes);

/* ---- server: exchanges (http_exchange.c) ---- */

typedef struct sc_http_live sc_http_live;

/* How one protocol answers. Called at most once each for respond, start, end and abort, in a legal
 * order, and never after sc_http_live_finished or sc_http_live_gone: http_exchange.c sees to that.
 */
typedef struct sc_http_answer_ops {
    /* Whole answer. `body` is the body of a GET: when live->is_bodiless send only its length,
     * except for 204 and 304 (live->status_has_no_body), which carry no length. */
    void (*respond)(sc_http_live *live, int status, const sc_pairs *headers, sc_str body);
    /* live->announced_len is set. What is written then comes to no more, and to as much at the end,
     * unless live->is_bodiless. */
    void (*start)(sc_http_live *live, int status, const sc_pairs *headers);
    void (*write)(sc_http_live *live, const void *at, size_t len); /* never when is_bodiless */
    void (*end)(sc_http_live *live);
    void (*abort)(sc_http_live *live);
    bool (*is_congested)(const sc_http_live *live);
    void (*pause)(sc_http_live *live);
    void (*resume)(sc_http_live *live);
} sc_http_answer_ops;

typedef enum sc_http_phase {
    SC_HTTP_UNANSWERED,
    SC_HTTP_STREAMING, /* between respond_start and respond_end */
    SC_HTTP_ANSWERED,  /* the handler has said everything; bytes may still wait to be sent */
    SC_HTTP_OVER       /* finished or gone: the protocol knows it no more */
} sc_http_phase;

/* An exchange as the server sees it; the first field of the protocol's own struct. */
struct sc_http_live {
    sc_http_exchange ex; /* first: what handlers see */
    const sc_http_answer_ops *ops;
    sc_http_phase phase;
    bool is_bodiless;        /* HEAD, 204 or 304: known once answered */
    bool status_has_no_body; /* 204 or 304 */
    bool is_request_whole;   /* on_request or on_end was called, or never will be */
    uint64_t announced_len;  /* of a streamed answer's body; SC_HTTP_LEN_UNKNOWN */
    sc_str body;             /* in the arena */
    size_t body_cap;
};

/*
 * Makes a live exchange of `size` bytes (the protocol's struct, zeroed) in a new call. Its one
 * reference is the answer's: sc_http_live_finished or sc_http_live_gone drops it. A protocol holds
 * one more, of its own, while it still feeds the request. The protocol then fills ex.req
 * (method, target, headers, peer, is_http2) from the call's arena.
 */
sc_http_live *sc_http_live_new(sc_http_server *server, size_t size, const sc_http_answer_ops *ops);
/*
 * The head is complete: splits the target, calls on_head, and refuses (413) a buffered body that is
 * already known to be too long. May answer, that is call ops, within. `content_len` is 0 for a
 * request without a body. Hold a reference of your own.
 */
void sc_http_live_head(sc_http_live *live, uint64_t content_len);
/* True while body bytes are still wanted: neither answered in full, refused nor gone. */
bool sc_http_live_wants_body(const sc_http_live *live);
/* Body bytes: buffered, or handed on. Answers 413 itself when they are too many. Dropped when no
 * longer wanted. Same care as above. */
void sc_http_live_body(sc_http_live *live, const char *at, size_t len);
/* The body is complete: calls on_request (or on_end). Same care as above. */
void sc_http_live_body_end(sc_http_live *live);
/* Answers with `status` and what describe_refusal says; nothing when an answer has begun. */
void sc_http_live_refuse(sc_http_live *live, int status, const sc_error *why);
/* The last byte of the answer was handed to the stream (or the handler's abort was carried out):
 * calls on_finished and drops the answer's reference. `live` may be gone afterwards. */
void sc_http_live_finished(sc_http_live *live);
/* The peer went first: calls on_gone when the handler had not said everything, then on_finished
 * with status 0, and drops the answer's reference. */
void sc_http_live_gone(sc_http_live *live);
/* Calls on_drained when the handler still streams. */
void sc_http_live_drained(sc_http_live *live);
/* Calls on_half_closed while the handler has more to say. */
void sc_http_live_half_closed(sc_http_live *live);

/* ---- client ---- */

typedef struct sc_http_job sc_http_job;

/* One op under way; lives in op->op.mem and is found through op->connection. */
struct sc_http_job {
    sc_list link; /* in client->jobs */
    sc_list wait; /* for the protocol's own queues; sc_list_init'ed */
    sc_http_client *client;
    sc_http_call_op *op;
    sc_timer timer;        /* running only when the op has a timeout */
    void *where;           /* the protocol's: its connection or stream; NULL while waiting */
    bool takes_body;       /* the head is out: body bytes go to the protocol, not to `held` */
    uint64_t body_len;     /* of the request; SC_HTTP_LEN_UNKNOWN */
    uint64_t body_left;    /* of an announced length: still to be written by the owner */
    uint64_t max_body_len; /* of the answer, default applied */
    sc_buf held;           /* of an open body: written before there was a connection for it */
    bool is_body_whole;    /* the owner has written all of it */
    bool wants_drained;
    size_t body_cap;      /* of a buffered answer: its room in the arena */
    sc_gunzip *gunzip;    /* the answer comes packed; else NULL */
    sc_buf packed;        /* of it: what came while nobody took it */
    sc_turn_hook unpack;  /* goes on with that */
    bool asks_for_gzip;   /* the protocol sends "Accept-Encoding: gzip" */
    bool has_more;        /* to be had of `packed` and `gunzip` */
    bool is_received;     /* all of the answer, if not handed on */
    bool is_owner_paused; /* the owner said so */
    bool is_paused;       /* the protocol is to bring no more of the answer */
    bool is_resent;
    bool is_over; /* completed; the op may be gone next turn */
};

/* What a version does for http_client.c, which keeps the list of jobs, the timers and the close. */
typedef struct sc_http_client_proto {
    void *(*open)(sc_http_client *client);
    /* Sends the job or queues it. May complete it (completion is always later for the caller). */
    void (*start)(void *self, sc_http_job *job);
    /* Forgets the job: out of queues, stream reset or connection closed. Does not complete it. */
    void (*drop)(void *self, sc_http_job *job);
    /* For a job that is on a connection (`where`) that can take its body: more of it. */
    void (*write)(sc_http_job *job, const void *at, size_t len);
    void (*write_end)(sc_http_job *job);
    bool (*is_congested)(sc_http_job *job);
    /* job->is_paused has changed. Only with `where`. */
    void (*update_pause)(sc_http_job *job);
    /* No jobs are left: closes the connections and frees `self`. */
    void (*close)(void *self);
} sc_http_client_proto;

extern const sc_http_client_proto sc_h1_client; /* http_client_h1.c */
extern const sc_http_client_proto sc_h2_client; /* the HTTP/2 file */

struct sc_http_client {
    sc_loop *loop;
    sc_http_client_settings settings; /* strings owned, zeros replaced by defaults */
    const sc_http_client_proto *proto;
    void *proto_self;
    sc_list jobs;
    bool is_closing;
    sc_op closing; /* completes behind the last job */
    void (*on_closed)(void *self);
    void *closed_self;
};

/* The head of an open body is out: what was held goes too, then all further bytes. */
void sc_http_job_takes_body(sc_http_job *job);
/* Tells the owner that it may write again, if it wants to know. */
void sc_http_job_drained(sc_http_job *job);
/* Completes the op with the outputs it holds. The protocol has forgotten the job before this. */
void sc_http_job_finish(sc_http_job *job);
/* Makes the protocol forget the job, and fails it. */
void sc_http_job_give_up(sc_http_job *job, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
/* Completes the op with an error. The protocol has forgotten the job before this. */
void sc_http_job_fail(sc_http_job *job, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);

/* ---- client: answers (http_answer.c). The protocol looks at job->is_over after each. ---- */

/* Before the job starts. */
void sc_http_job_ask_for_gzip(sc_http_job *job);
/* The final head. `body_len`: 0 for an answer without a body; SC_HTTP_LEN_UNKNOWN. */
void sc_http_job_head(sc_http_job *job, int status, const sc_pairs *headers, uint64_t body_len);
/* Body bytes, good during the call. */
void sc_http_job_body(sc_http_job *job, const char *at, size_t len);
/* The answer is complete and the protocol has forgotten the job, which completes now or later. */
void sc_http_job_end(sc_http_job *job);
/* The owner has paused or resumed, or there is more or nothing more to unpack. */
void sc_http_job_update_pause(sc_http_job *job);
/* Frees what belongs to an answer under way. */
void sc_http_job_forget_answer(sc_http_job *job);

#endif
