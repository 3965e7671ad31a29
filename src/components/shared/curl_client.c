/* SPDX-License-Identifier: MIT
 *
 * Ops on one side, the module's transfers on the other.
 */
#include "components/shared/curl_client.h"

#include <stdlib.h>

#include "core/module.h"

#define CONNECT_TIMEOUT_MS 10000u

struct sc_curl_client {
    const sc_curl_module_ops *ops;
    void *inner;
    sc_curl_op **running;
    uint32_t count;
    uint32_t cap;
    void (*on_closed)(void *user);
    void *user;
};

sc_code sc_curl_client_open(sc_loop *loop, sc_curl_client **out, sc_error *err)
{
    const sc_curl_module_ops *ops = sc_module_load("curl", err);
    void *inner = ops ? ops->client_new(sc_loop_uv(loop), "pillion/" PILLION_VERSION, err) : NULL;

    if (!inner)
        return err->code;
    *out = sc_new(sc_curl_client);
    (*out)->ops = ops;
    (*out)->inner = inner;
    return SC_OK;
}

static void on_client_closed(void *at)
{
    sc_curl_client *client = at;
    void (*tell)(void *user) = client->on_closed;
    void *user = client->user;

    free(client->running);
    free(client);
    tell(user);
}

void sc_curl_client_close(sc_curl_client *client, void (*on_closed)(void *user), void *user)
{
    client->on_closed = on_closed;
    client->user = user;
    while (client->count > 0)
        sc_curl_client_cancel(client->running[client->count - 1]);
    client->ops->client_close(client->inner, on_client_closed, client);
}

/* ---- one request ---- */

static void add_running(sc_curl_client *client, sc_curl_op *op)
{
    if (client->count == client->cap) {
        client->cap = client->cap ? client->cap * 2 : 8;
        client->running = realloc(client->running, client->cap * sizeof(client->running[0]));
        if (!client->running)
            sc_out_of_memory("requests");
    }
    client->running[client->count++] = op;
    op->is_running = true;
}

static void remove_running(sc_curl_op *op)
{
    sc_curl_client *client = op->client;

    for (uint32_t i = 0; i < client->count; i++) {
        if (client->running[i] == op) {
            client->running[i] = client->running[--client->count];
            break;
        }
    }
    op->is_running = false;
}

static bool on_data(sc_curl_transfer *transfer, const char *at, size_t len)
{
    sc_curl_op *op = transfer->user;
    char *room;

    if (sc_buf_len(&op->received) + len > op->max_answer_len ||
        !(room = sc_buf_try_room(&op->received, len)))
        return false;
    memcpy(room, at, len);
    sc_buf_added(&op->received, len);
    return true;
}

/* Moves what was received into the op's memory. */
static bool keep_answer(sc_curl_op *op)
{
    sc_str received = sc_buf_str(&op->received);
    char *copy = sc_arena_try(op->op.mem, received.len + 1);

    if (copy && received.len > 0)
        memcpy(copy, received.at, received.len);
    if (copy)
        op->answer = sc_str_of(copy, received.len);
    sc_buf_deinit(&op->received);
    return copy != NULL;
}

static void on_done(sc_curl_transfer *transfer)
{
    sc_curl_op *op = transfer->user;

    remove_running(op);
    op->status = transfer->status;
    op->op.err = transfer->err;
    if (!keep_answer(op) || transfer->err.code == SC_EXHAUSTED)
        (void)sc_fail(&op->op.err, SC_EXHAUSTED,
                      "the answer is longer than the limit of %llu bytes",
                      (unsigned long long)op->max_answer_len);
    sc_op_finish(&op->op);
}

/* "Name: value" for each, NULL at the end. An "Expect" of libcurl's own would cost a round trip. */
static const char *const *header_lines(const sc_pairs *headers, sc_arena *mem)
{
    const char **lines = sc_arena_zero(mem, (headers->count + 2) * sizeof(lines[0]));
    uint32_t count = 0;

    for (uint32_t i = 0; i < headers->count; i++)
        lines[count++] = sc_arena_fmt(mem, "%.*s: %.*s", SC_FMT(headers->at[i].name),
                                      SC_FMT(headers->at[i].value))
                             .at;
    lines[count] = "Expect:";
    return lines;
}

void sc_curl_client_send(sc_curl_client *client, sc_curl_op *op)
{
    sc_arena *mem = op->op.mem;

    op->client = client;
    sc_buf_init(&op->received);
    op->transfer = (sc_curl_transfer){
        .method = sc_arena_str(mem, op->method).at,
        .url = sc_arena_str(mem, op->url).at,
        .headers = header_lines(op->headers, mem),
        .body = op->body.at,
        .body_len = op->body.len,
        .timeout_ms = op->timeout_ms,
        .connect_timeout_ms = op->timeout_ms > 0 && op->timeout_ms < CONNECT_TIMEOUT_MS
                                  ? op->timeout_ms
                                  : CONNECT_TIMEOUT_MS,
        .on_data = on_data,
        .done = on_done,
        .user = op,
    };
    add_running(client, op);
    client->ops->start(client->inner, &op->transfer);
}

void sc_curl_client_cancel(sc_curl_op *op)
{
    if (!op->is_running)
        return;
    op->client->ops->cancel(op->client->inner, &op->transfer);
    remove_running(op);
    sc_buf_deinit(&op->received);
    sc_op_fail(&op->op, SC_CANCELLED, "cancelled");
}
