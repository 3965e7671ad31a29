/* SPDX-License-Identifier: MIT
 *
 * A gRPC server on one listening address (gRPC over HTTP/2). Handlers are found by path; all four
 * kinds of call are the same here: messages in, messages out, then a status. Loop thread only.
 */
#ifndef SC_NET_GRPC_SERVER_H
#define SC_NET_GRPC_SERVER_H

#include "core/call.h"
#include "core/pairs.h"
#include "io/stream.h"

typedef struct sc_grpc_server sc_grpc_server;
typedef struct sc_grpc_stream sc_grpc_stream;

/* What a method does. Every pointer but on_message may be NULL. */
typedef struct sc_grpc_handler {
    /* The request's headers are here. May finish at once. */
    void (*on_open)(sc_grpc_stream *stream);
    /* One whole message, decompressed. Good during the call, unless `is_unary_request`, where it
     * lives as long as the stream's call. */
    void (*on_message)(sc_grpc_stream *stream, sc_str message);
    /* The client sent its last message. */
    void (*on_half_close)(sc_grpc_stream *stream);
    /* The client cancelled, its deadline passed, or the connection went, before finish. */
    void (*on_cancelled)(sc_grpc_stream *stream);
    void (*on_drained)(sc_grpc_stream *stream); /* after is_congested said true */
    /* The method takes exactly one message: the server then checks that, and calls on_message once,
     * after the half close; 0 or 2 messages are refused with INTERNAL / UNIMPLEMENTED as grpc-go.
     */
    bool is_unary_request;
} sc_grpc_handler;

struct sc_grpc_stream {
    sc_call *call; /* the server holds one reference until finished or cancelled */
    sc_grpc_server *server;
    const sc_grpc_handler *handler;
    sc_str authority;  /* as the client named this server */
    sc_str path;       /* "/dapr.proto.runtime.v1.Dapr/PublishEvent" */
    sc_pairs metadata; /* in the call's arena; lower-case names; "-bin" values decoded */
    sc_str peer;
    uint64_t started_ms;
    uint64_t deadline_ms;  /* loop clock; 0: none. The server ends the stream itself when past */
    uint64_t received_len; /* of all messages, packed, without gRPC's five bytes */
    uint64_t sent_len;
    sc_code status;   /* what it was finished with */
    bool is_finished; /* finished or cancelled: sends are dropped */
    void *user;       /* the handler's */
    void *internal;   /* the server's */
};

typedef struct sc_grpc_service {
    /* The handler of `path`, or NULL: answered UNIMPLEMENTED, worded as grpc-go ("unknown service
     * x", "unknown method y for service x"). Called when headers are complete, before on_open, so
     * that access rules may be applied in on_open through `stream`. */
    const sc_grpc_handler *(*find)(void *self, sc_grpc_stream *stream);
    bool (*has_service)(void *self, sc_str service); /* for the wording; NULL: none known */
    /* After the status left or the client went: for metrics and the access log. May be NULL. */
    void (*on_finished)(void *self, sc_grpc_stream *stream);
} sc_grpc_service;

typedef struct sc_grpc_limits {
    uint64_t max_message_len; /* received; EXHAUSTED past it; 0: 4 MiB */
    uint64_t max_send_len;    /* sent; 0: no limit */
    uint32_t max_head_len;    /* header list; 0: 8 KiB... grpc-go's 16 MiB is refused on purpose */
    uint32_t max_streams;     /* concurrent, of one connection; 0: 1,000 */
    uint32_t max_connections; /* 0: 10,000 */
    uint32_t keepalive_ms;    /* PING after so long without a frame; 0: 2 h */
    uint32_t keepalive_timeout_ms; /* closed when no PING answer; 0: 20 s */
    uint32_t
        min_ping_interval_ms; /* a client that pings oftener gets GOAWAY; 0: 5 min as grpc-go */
    uint32_t idle_ms;         /* a connection without a call so long gets GOAWAY; 0: never */
} sc_grpc_limits;

sc_code sc_grpc_server_open(sc_loop *loop, const sc_listen *at, const sc_grpc_limits *limits,
                            const sc_grpc_service *service, void *self, sc_grpc_server **out,
                            sc_error *err) SC_MUST_CHECK;
sc_listener *sc_grpc_server_listener(const sc_grpc_server *server);
/* GOAWAY, then as sc_http_server_close. */
void sc_grpc_server_close(sc_grpc_server *server, uint64_t linger_ms, void (*on_closed)(void *self),
                          void *self);

/* Adds a header to the initial metadata; before the first send. */
void sc_grpc_set_header(sc_grpc_stream *stream, sc_str name, sc_str value);
/* Adds to the trailers; before finish. */
void sc_grpc_set_trailer(sc_grpc_stream *stream, sc_str name, sc_str value);
/* Sends the headers now, before the first message or the end bring them along. */
void sc_grpc_send_headers(sc_grpc_stream *stream);
/* One message. Copies. Compressed with gzip when the client accepts it and asked so with its own.
 */
void sc_grpc_send(sc_grpc_stream *stream, sc_str message);
/* Where to pack a message of `len` bytes without a copy in between: returns room; then committed.
 */
char *sc_grpc_send_room(sc_grpc_stream *stream, size_t len);
void sc_grpc_send_commit(sc_grpc_stream *stream, size_t len);
/* Ends the call. `text` may be empty; `details` is a packed google.rpc.Status or empty. Once. */
void sc_grpc_finish(sc_grpc_stream *stream, sc_code code, sc_str text, sc_str details);
bool sc_grpc_is_congested(const sc_grpc_stream *stream);
/* Stops and resumes on_message; the client's window then closes. */
void sc_grpc_pause(sc_grpc_stream *stream);
void sc_grpc_resume(sc_grpc_stream *stream);

#endif
