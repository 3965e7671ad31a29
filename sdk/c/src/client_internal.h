/* SPDX-License-Identifier: MIT
 *
 * A client's insides, and how operations make calls.
 */
#ifndef PILLION_CLIENT_INTERNAL_H
#define PILLION_CLIENT_INTERNAL_H

#include "core/list.h"
#include "endpoint.h"
#include "internal.h"
#include "net/grpc_client.h"
#include "net/http_client.h"

struct pillion_client {
    pillion_loop *loop;
    bool owns_loop;
    sc_arena mem; /* endpoints and token */
    endpoint http_at;
    endpoint grpc_at;
    sc_str api_token;    /* empty: none */
    const char *ca_file; /* NULL: the system's */
    uint32_t timeout_ms;
    size_t max_body_len;
    uint32_t max_connections;
    sc_error broken;       /* what is wrong with the settings; SC_OK: nothing */
    sc_http_client *http;  /* made by the first call */
    sc_grpc_channel *grpc; /* made by the first stream */
    sc_list calls;         /* of pillion_call, under way */
    sc_list streams;       /* of pillion_stream, not over */
    uint32_t closing;      /* connections that are closing, and whoever still uses it */
    bool is_freed;
};

/* The HTTP client or the gRPC channel; NULL with the reason when the settings do not allow it. */
sc_http_client *client_http(pillion_client *client, sc_error *err);
sc_grpc_channel *client_grpc(pillion_client *client, sc_error *err);
/* A call or stream of it ended: a freed client goes with the last of them. */
void client_maybe_go(pillion_client *client);

/* ---- calls ---- */

/* Reads what came: call->err says how the request went. Puts results into call->mem and
 * call->result, or sets another error. False: the call goes on with another request. */
typedef bool (*call_finish)(pillion_call *call);

struct pillion_call {
    sc_list link;       /* client->calls while under way */
    sc_arena mem;       /* heap only: results outlive client and loop */
    sc_arena attempt;   /* the request under way and its answer */
    pillion_loop *loop; /* NULL once complete; so is the client */
    pillion_client *client;
    call_finish finish; /* NULL: the status says it all */
    sc_http_call_op request;
    sc_pairs headers;
    sc_str request_body;
    pillion_invoke_options streaming; /* on_part, on_room, is_body_open, user */
    bool is_streaming;
    bool is_too_long;
    sc_buf kept; /* of a body in parts, what nobody takes */
    pillion_error err;
    pillion_str body; /* of the answer */
    const sc_doc *json;
    bool json_was_read;
    void *plan;   /* the operation's: what it needs to go on */
    void *result; /* the operation's */
    bool is_complete;
    bool is_cancelled;
    bool is_forgotten;    /* by its owner: the memory goes when it completes */
    uint64_t deadline_ms; /* loop clock */
    sc_timer pause;       /* between two requests of one call */
    sc_op late;           /* completes what has no request under way */
    void (*done)(void *user, pillion_call *call);
    void *user;
    bool has_done;
};

/* A call without a request. */
pillion_call *call_new(pillion_client *client, call_finish finish, uint32_t timeout_ms);
/* Forgets the request before and its answer, and says the next one. `target` is emptied, `body`
 * copied. */
void call_request(pillion_call *call, const char *method, sc_buf *target, sc_str body);
void call_header(pillion_call *call, sc_str name, sc_str value);
void call_headers(pillion_call *call, const pillion_pair *headers, size_t count);
/* Body and answer of the request come in parts, as the options say. */
void call_stream(pillion_call *call, const pillion_invoke_options *options);
/* Sends the request that was said, after `pause_ms`. */
void call_send(pillion_call *call, uint32_t pause_ms);
/* For a call without a request under way: completes later. Returns it. */
pillion_call *call_fail(pillion_call *call, pillion_code code, const char *format, ...)
    SC_PRINTF(3, 4);
pillion_call *call_end(pillion_call *call);
uint32_t call_time_left_ms(const pillion_call *call);
/* A text in the call's memory; "" for the empty one. */
const char *call_text(pillion_call *call, sc_str s);

/* ---- paths ---- */

/* Appends `text` as one path segment or query value: all but unreserved characters escaped. */
void path_add(sc_buf *out, sc_str text);
/* Appends "?name=value", or "&name=value" behind a query that has begun. */
void path_add_param(sc_buf *out, const char *name, sc_str value);
void path_add_metadata(sc_buf *out, const pillion_pair *metadata, size_t count);

/* ---- answers ---- */

/* What a status of 400 or more means: code, name and text from Dapr's error body, or from the
 * status alone. */
void answer_error(pillion_error *err, int status, sc_str body);

#endif
