/* SPDX-License-Identifier: MIT
 *
 * A loop of its own for as long as the requests take.
 */
#include "cli/http.h"

#include <stdlib.h>

#include "net/http_client.h"

#define CONNECT_LIMIT_MS 2000u

typedef struct sending {
    sc_http_call_op op; /* first: on_answer gets it back by a cast */
    cli *c;
    cli_request *request;
    sc_http_client *client;
    sc_call *call;
} sending;

static void on_client_closed(void *self)
{
    sc_call_unref(self);
}

static void on_answer(sc_op *op)
{
    sending *one = (sending *)op;
    cli_request *request = one->request;

    request->err = op->err;
    if (op->err.code == SC_OK) {
        request->status = one->op.status;
        request->answer = sc_arena_str(&one->c->mem, one->op.answer_body);
    }
    sc_http_client_close(one->client, on_client_closed, one->call);
}

static void start(cli *c, sc_loop *loop, cli_request *request)
{
    const char *token = getenv("DAPR_API_TOKEN");
    sc_call *call = sc_loop_call(loop);
    sending *one = sc_call_make(call, sending);
    sc_http_client_settings settings = {.dial = {.is_unix = request->socket.len > 0,
                                                 .host = request->socket.len > 0 ? request->socket
                                                         : request->host.len > 0
                                                             ? request->host
                                                             : SC_STR("127.0.0.1"),
                                                 .port = request->port,
                                                 .timeout_ms = request->timeout_ms},
                                        .authority = SC_STR("localhost")};

    one->c = c;
    one->request = request;
    one->call = call;
    if (token && token[0])
        sc_pairs_set(&request->headers, &c->mem, SC_STR("dapr-api-token"), sc_str_from(token));
    sc_op_init(&one->op.op, sc_loop_ops(loop), &call->mem, on_answer);
    one->op.method = sc_str_from(request->method);
    one->op.target = request->target;
    one->op.headers = &request->headers;
    one->op.body_parts = &request->body;
    one->op.body_part_count = request->body.len > 0 ? 1 : 0;
    one->op.timeout_ms = request->timeout_ms;
    one->op.max_body_len = 64u * 1024u * 1024u;
    one->client = sc_http_client_open(loop, &settings);
    sc_http_client_send(one->client, &one->op);
}

void cli_http_all(cli *c, cli_request *requests, uint32_t count)
{
    sc_loop *loop = sc_loop_new();

    for (uint32_t i = 0; i < count; i++)
        start(c, loop, &requests[i]);
    sc_loop_run(loop);
    (void)sc_loop_close(&loop);
}

/* ---- is anybody there? ---- */

typedef struct attempt {
    sc_stream *stream;
    sc_error err;
} attempt;

static void on_connected(void *self)
{
    attempt *a = self;

    sc_error_clear(&a->err);
    sc_stream_close(a->stream);
}

static void on_data(void *self, const char *at, size_t len)
{
    (void)self;
    (void)at;
    (void)len;
}

static void on_lost(void *self, const sc_error *why)
{
    attempt *a = self;

    a->err = *why;
    sc_stream_close(a->stream);
}

bool cli_can_connect(sc_str host, uint16_t port, sc_error *err)
{
    static const sc_stream_ops ops = {
        .on_connected = on_connected, .on_data = on_data, .on_lost = on_lost};
    sc_loop *loop = sc_loop_new();
    sc_dial to = {.host = host, .port = port, .timeout_ms = CONNECT_LIMIT_MS};
    attempt a = {.err.code = SC_UNAVAILABLE};

    a.stream = sc_stream_connect(loop, &to, &ops, &a);
    sc_loop_run(loop);
    (void)sc_loop_close(&loop);
    *err = a.err;
    return a.err.code == SC_OK;
}

sc_str cli_url_escape(cli *c, sc_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = sc_arena_alloc(&c->mem, text.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];

        if ((byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
            (byte != 0 && strchr("-._~", byte))) {
            out[len++] = (char)byte;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[byte >> 4];
        out[len++] = hex[byte & 15];
    }
    out[len] = '\0';
    return sc_str_of(out, len);
}
