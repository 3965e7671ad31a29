/* SPDX-License-Identifier: MIT
 *
 * gRPC channels: connections and the calls that wait for one. A call itself is in
 * grpc_client_call.c.
 *
 * A channel has at most one current link; a link that got GOAWAY is left to finish its calls while
 * a new one takes over. Connecting is lazy, and after a failure calls fail at once with its story
 * until the backoff is over.
 */
#include "net/grpc_client_internal.h"

#include <stdlib.h>

#include "io/tls.h"

#define BACKOFF_MIN_MS 50u
#define BACKOFF_MAX_MS 5000u

static void on_room(void *self);
static void on_going(void *self);
static void on_gone(void *self, const sc_error *why);
static void on_channel_closed(sc_op *op);

static const sc_h2_ops h2_ops = {
    .on_head = sc_grpc_out_head,
    .on_data = sc_grpc_out_data,
    .on_end = sc_grpc_out_end,
    .on_closed = sc_grpc_out_closed,
    .on_drained = sc_grpc_out_drained,
    .on_room = on_room,
    .on_going = on_going,
    .on_gone = on_gone,
};

static char *copy_str(sc_str s, sc_str *to)
{
    char *copy = sc_alloc_zero(s.len + 1);

    if (s.len)
        memcpy(copy, s.at, s.len);
    *to = (sc_str){copy, s.len};
    return copy;
}

sc_grpc_channel *sc_grpc_channel_open(sc_loop *loop, const sc_grpc_channel_settings *settings)
{
    sc_grpc_channel *channel = sc_new(sc_grpc_channel);
    sc_buf authority = {0};

    channel->loop = loop;
    channel->settings = *settings;
    channel->owned[0] = copy_str(settings->dial.host, &channel->settings.dial.host);
    channel->owned[1] = copy_str(settings->dial.tls_name, &channel->settings.dial.tls_name);
    if (settings->authority.len) {
        sc_buf_add_str(&authority, settings->authority);
    } else if (settings->dial.is_unix) {
        sc_buf_add_str(&authority, SC_STR("localhost"));
    } else {
        bool is_v6 = sc_str_find(settings->dial.host, ':') < settings->dial.host.len;

        sc_buf_add_fmt(&authority, is_v6 ? "[%.*s]:%u" : "%.*s:%u", SC_FMT(settings->dial.host),
                       settings->dial.port);
    }
    channel->owned[2] = copy_str(sc_buf_str(&authority), &channel->settings.authority);
    sc_buf_deinit(&authority);
    if (settings->dial.tls)
        channel->settings.dial.tls = sc_tls_context_ref(settings->dial.tls);
    if (!channel->settings.max_message_len)
        channel->settings.max_message_len = SC_GRPC_MAX_MESSAGE_LEN;
    if (!channel->settings.max_waiting)
        channel->settings.max_waiting = 10000;
    sc_list_init(&channel->calls);
    sc_list_init(&channel->waiting);
    return channel;
}

/* ---- links ---- */

static void connect_link(sc_grpc_channel *channel)
{
    sc_grpc_link *link = sc_new(sc_grpc_link);
    sc_h2_settings settings = {
        .pool = &channel->pool,
        .keepalive_ms = channel->settings.keepalive_ms,
        .idle_ms = channel->settings.idle_ms,
    };

    link->channel = channel;
    channel->link = link;
    channel->link_count++;
    link->session = sc_h2_connect(channel->loop, &channel->settings.dial, &settings, &h2_ops, link);
}

/* Waiting calls go out while the server takes more. */
static void on_room(void *self)
{
    sc_grpc_link *link = self;
    sc_grpc_channel *channel = link->channel;

    if (channel->link != link)
        return;
    if (sc_h2_is_ready(link->session)) {
        link->was_ready = true;
        channel->backoff_ms = 0;
    }
    while (!sc_list_is_empty(&channel->waiting) && channel->link == link &&
           sc_h2_can_request(link->session)) {
        sc_grpc_out *out = SC_CONTAINER_OF(channel->waiting.next, sc_grpc_out, wait);

        sc_list_remove(&out->wait);
        channel->waiting_count--;
        sc_grpc_out_start(out, link->session);
    }
}

static void on_going(void *self)
{
    sc_grpc_link *link = self;
    sc_grpc_channel *channel = link->channel;

    if (channel->link != link)
        return;
    channel->link = NULL;
    sc_h2_session_finish(link->session);
    if (!sc_list_is_empty(&channel->waiting) && !channel->is_closing)
        connect_link(channel);
}

/* No connection came to be: everybody who waits hears the same, and the next try is later. */
static void on_connect_failed(sc_grpc_channel *channel, const sc_grpc_link *link,
                              const sc_error *why)
{
    sc_error *err = &channel->last_error;
    bool is_dial = !sc_h2_was_connected(link->session);

    (void)sc_fail(err, SC_UNAVAILABLE, "connection error: desc = \"%s%s\"",
                  is_dial ? "transport: Error while dialing: " : "", why->text);
    channel->backoff_ms = channel->backoff_ms ? channel->backoff_ms * 8 / 5 : BACKOFF_MIN_MS;
    if (channel->backoff_ms > BACKOFF_MAX_MS)
        channel->backoff_ms = BACKOFF_MAX_MS;
    channel->retry_at_ms = sc_loop_now_ms(channel->loop) + channel->backoff_ms;
    while (!sc_list_is_empty(&channel->waiting)) {
        sc_grpc_out *out = SC_CONTAINER_OF(channel->waiting.next, sc_grpc_out, wait);

        out->op->is_unreached = true;
        out->op->op.err = *err;
        sc_grpc_out_complete(out);
    }
}

static void close_when_idle(sc_grpc_channel *channel)
{
    if (!channel->is_closing || channel->link_count || channel->is_closed_queued)
        return;
    channel->is_closed_queued = true;
    sc_op_init(&channel->closing, sc_loop_ops(channel->loop), NULL, on_channel_closed);
    sc_op_finish(&channel->closing); /* behind the completions of all calls */
}

static void on_gone(void *self, const sc_error *why)
{
    sc_grpc_link *link = self;
    sc_grpc_channel *channel = link->channel;
    bool was_current = channel->link == link;

    if (was_current)
        channel->link = NULL;
    if (was_current && !channel->is_closing) {
        if (!link->was_ready)
            on_connect_failed(channel, link, why);
        else if (!sc_list_is_empty(&channel->waiting))
            connect_link(channel);
    }
    channel->link_count--;
    free(link);
    close_when_idle(channel);
}

/* ---- calls ---- */

void sc_grpc_channel_place(sc_grpc_channel *channel, sc_grpc_out *out)
{
    if (channel->link && sc_list_is_empty(&channel->waiting) &&
        sc_h2_can_request(channel->link->session)) {
        sc_grpc_out_start(out, channel->link->session);
        return;
    }
    if (!channel->link && sc_loop_now_ms(channel->loop) < channel->retry_at_ms &&
        channel->backoff_ms) {
        out->op->is_unreached = true;
        out->op->op.err = channel->last_error;
        sc_grpc_out_complete(out);
        return;
    }
    if (channel->waiting_count >= channel->settings.max_waiting) {
        out->op->is_unreached = true;
        (void)sc_fail(&out->op->op.err, SC_EXHAUSTED, "too many calls wait for a stream to %.*s",
                      SC_FMT(channel->settings.authority));
        sc_grpc_out_complete(out);
        return;
    }
    sc_list_add(&channel->waiting, &out->wait);
    channel->waiting_count++;
    if (!channel->link)
        connect_link(channel);
}

void sc_grpc_channel_send(sc_grpc_channel *channel, sc_grpc_call_op *op)
{
    sc_grpc_out *out = sc_grpc_out_new(channel, op);

    op->started_ms = sc_loop_now_ms(channel->loop);
    if (channel->is_closing) {
        op->is_unreached = true;
        (void)sc_fail(&op->op.err, SC_CANCELLED, "grpc: the client connection is closing");
        sc_grpc_out_complete(out);
        return;
    }
    sc_grpc_channel_place(channel, out);
}

void sc_grpc_channel_cancel(sc_grpc_channel *channel, sc_grpc_call_op *op)
{
    (void)channel;
    sc_grpc_out_give_up(op->internal, SC_CANCELLED, "context canceled");
}

void sc_grpc_channel_close(sc_grpc_channel *channel, void (*on_closed)(void *self), void *self)
{
    assert(!channel->is_closing);
    channel->is_closing = true;
    channel->on_closed = on_closed;
    channel->closed_self = self;
    while (!sc_list_is_empty(&channel->calls)) {
        sc_grpc_out *out = SC_CONTAINER_OF(channel->calls.next, sc_grpc_out, link);

        sc_grpc_out_give_up(out, SC_CANCELLED, "grpc: the client connection is closing");
    }
    if (channel->link)
        sc_h2_session_finish(channel->link->session);
    close_when_idle(channel);
}

static void on_channel_closed(sc_op *op)
{
    sc_grpc_channel *channel = SC_CONTAINER_OF(op, sc_grpc_channel, closing);
    void (*on_closed)(void *) = channel->on_closed;
    void *self = channel->closed_self;

    for (size_t i = 0; i < SC_ARRAY_LEN(channel->owned); i++)
        free(channel->owned[i]);
    if (channel->settings.dial.tls)
        sc_tls_context_unref(channel->settings.dial.tls);
    sc_h2_pool_deinit(&channel->pool);
    free(channel);
    if (on_closed)
        on_closed(self);
}
