/* SPDX-License-Identifier: MIT
 *
 * Connecting: resolve the name, try each address in turn, one limit on all of it. Failures are
 * worded as Go's dialer words them.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/stream_internal.h"

struct sc_dialling {
    sc_stream *stream; /* NULL: cancelled, free when libuv answers */
    sc_timer limit;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    struct addrinfo *found;
    struct addrinfo *next;
    struct addrinfo known[2]; /* what to try when no resolver need be asked */
    struct sockaddr_storage known_at[2];
    char host[256];
    char port_text[8];
    uint16_t port;
    bool is_unix;
    bool is_resolving;
    int last_error;
    char tried[272];  /* "127.0.0.1:6379", the address of the last attempt */
    uint32_t waiting; /* libuv requests under way */
    sc_turn_hook start;
};

static void start(sc_turn_hook *hook);
static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found);
static void try_next(sc_dialling *dial);
static void on_connected(uv_connect_t *req, int status);
static void finish(sc_dialling *dial);
static void on_limit(sc_timer *timer);

sc_stream *sc_stream_connect(sc_loop *loop, const sc_dial *to, const sc_stream_ops *ops, void *self)
{
    sc_stream *stream = sc_stream_alloc(loop);
    sc_dialling *dial = sc_new(sc_dialling);

    stream->ops = ops;
    stream->self = self;
    stream->dialling = dial;
    dial->stream = stream;
    dial->is_unix = to->is_unix;
    (void)snprintf(dial->host, sizeof(dial->host), "%.*s", SC_FMT(to->host));
    dial->port = to->port;
    (void)snprintf(dial->port_text, sizeof(dial->port_text), "%u", to->port);
    (void)snprintf(stream->peer, sizeof(stream->peer), "%s%s%s", dial->host, to->is_unix ? "" : ":",
                   to->is_unix ? "" : dial->port_text);
    if (to->tls)
        sc_stream_tls_open(stream, to->tls, to->tls_name.len ? to->tls_name : to->host);
    sc_timer_init(&dial->limit, loop, on_limit);
    if (to->timeout_ms > 0)
        sc_timer_start(&dial->limit, to->timeout_ms);
    dial->start.run = start;
    sc_loop_at_turn_end(loop, &dial->start);
    return stream;
}

static bool parse_address(sc_dialling *dial, const char *host, size_t slot)
{
    struct addrinfo *known = &dial->known[slot];
    struct sockaddr_storage *at = &dial->known_at[slot];

    if (uv_ip4_addr(host, dial->port, (struct sockaddr_in *)at) == 0)
        known->ai_family = AF_INET;
    else if (uv_ip6_addr(host, dial->port, (struct sockaddr_in6 *)at) == 0)
        known->ai_family = AF_INET6;
    else
        return false;
    known->ai_addr = (struct sockaddr *)at;
    return true;
}

/* True when the host is an address, or localhost, which always means the loopback (RFC 6761,
 * section 6.3): no resolver is asked, so no thread of libuv's pool is started for it. */
static bool is_known(sc_dialling *dial)
{
    if (!sc_str_eq_nocase(sc_str_from(dial->host), SC_STR("localhost")))
        return parse_address(dial, dial->host, 0);
    dial->known[0].ai_next = &dial->known[1];
    return parse_address(dial, "::1", 0) && parse_address(dial, "127.0.0.1", 1);
}

static void start(sc_turn_hook *hook)
{
    sc_dialling *dial = SC_CONTAINER_OF(hook, sc_dialling, start);
    uv_loop_t *uv = &dial->stream->loop->uv;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int failed;

    if (dial->is_unix) {
        (void)snprintf(dial->tried, sizeof(dial->tried), "%s", dial->host);
        uv_pipe_init(uv, &dial->stream->uv.pipe, 0);
        dial->stream->is_resource_open = true;
        dial->waiting++;
        uv_pipe_connect(&dial->connect, &dial->stream->uv.pipe, dial->host, on_connected);
        return;
    }
    if (is_known(dial)) {
        dial->next = &dial->known[0];
        try_next(dial);
        return;
    }
    failed = uv_getaddrinfo(uv, &dial->resolve, on_resolved, dial->host, dial->port_text, &hints);
    if (failed) {
        sc_stream_lose(dial->stream, SC_UNAVAILABLE, "dial tcp: lookup %s: %s", dial->host,
                       sc_uv_text(failed));
        finish(dial);
        return;
    }
    dial->waiting++;
    dial->is_resolving = true;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    sc_dialling *dial = SC_CONTAINER_OF(req, sc_dialling, resolve);

    dial->waiting--;
    dial->is_resolving = false;
    dial->found = dial->next = found;
    if (!dial->stream) {
        finish(dial);
        return;
    }
    if (status != 0) {
        sc_stream_lose(dial->stream, SC_UNAVAILABLE, "dial tcp: lookup %s: no such host",
                       dial->host);
        finish(dial);
        return;
    }
    try_next(dial);
}

static void try_next(sc_dialling *dial)
{
    sc_stream *stream = dial->stream;
    char name[64] = "";
    struct addrinfo *to = dial->next;
    int failed;

    if (!to) {
        sc_stream_lose(stream, SC_UNAVAILABLE, "dial tcp %s: connect: %s", dial->tried,
                       sc_uv_text(dial->last_error));
        finish(dial);
        return;
    }
    dial->next = to->ai_next;
    uv_ip_name(to->ai_addr, name, sizeof(name));
    (void)snprintf(dial->tried, sizeof(dial->tried),
                   to->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", name, dial->port_text);
    uv_tcp_init(&stream->loop->uv, &stream->uv.tcp);
    stream->is_resource_open = true;
    failed = uv_tcp_connect(&dial->connect, &stream->uv.tcp, to->ai_addr, on_connected);
    dial->waiting++;
    if (failed) {
        dial->waiting--;
        dial->last_error = failed;
        sc_stream_lose(stream, SC_UNAVAILABLE, "dial tcp %s: connect: %s", dial->tried,
                       sc_uv_text(failed));
        finish(dial);
    }
}

static void on_retry_closed(uv_handle_t *handle)
{
    sc_stream *stream = SC_CONTAINER_OF(handle, sc_stream, uv.handle);
    sc_dialling *dial = handle->data;

    dial->waiting--;
    stream->is_resource_open = stream->is_retrying = false;
    if (dial->stream) {
        try_next(dial);
        return;
    }
    if (stream->is_closed)
        sc_stream_free(stream);
    finish(dial);
}

static void on_connected(uv_connect_t *req, int status)
{
    sc_dialling *dial = SC_CONTAINER_OF(req, sc_dialling, connect);
    sc_stream *stream = dial->stream;

    dial->waiting--;
    if (!stream) {
        finish(dial);
        return;
    }
    if (status == 0) {
        (void)snprintf(stream->peer, sizeof(stream->peer), "%.*s", (int)sizeof(stream->peer) - 1,
                       dial->tried);
        if (!dial->is_unix)
            sc_tcp_tune(&stream->uv.tcp);
        if (!stream->tls)
            finish(dial); /* else its limit goes on until the handshake is done */
        sc_stream_on_transport(stream);
        return;
    }
    dial->last_error = status;
    if (dial->is_unix || !dial->next) {
        sc_stream_lose(stream, SC_UNAVAILABLE, "dial %s %s: connect: %s",
                       dial->is_unix ? "unix" : "tcp", dial->tried, sc_uv_text(status));
        finish(dial);
        return;
    }
    dial->waiting++;
    stream->is_retrying = true;
    stream->uv.handle.data = dial;
    uv_close(&stream->uv.handle, on_retry_closed); /* a socket that failed cannot try again */
}

static void on_limit(sc_timer *timer)
{
    sc_dialling *dial = SC_CONTAINER_OF(timer, sc_dialling, limit);

    if (dial->stream->is_shaking)
        sc_stream_lose(dial->stream, SC_UNAVAILABLE, "tls: handshake with %s: i/o timeout",
                       dial->stream->peer);
    else
        sc_stream_lose(dial->stream, SC_UNAVAILABLE, "dial %s %s: i/o timeout",
                       dial->is_unix ? "unix" : "tcp", dial->tried[0] ? dial->tried : dial->host);
    sc_dialling_cancel(dial);
}

/* Lets go of the stream; frees when libuv holds nothing of ours any more. */
static void finish(sc_dialling *dial)
{
    if (dial->stream) {
        dial->stream->dialling = NULL;
        dial->stream = NULL;
    }
    sc_timer_stop(&dial->limit);
    sc_loop_forget_hook(&dial->start);
    if (dial->waiting > 0)
        return;
    uv_freeaddrinfo(dial->found);
    free(dial);
}

void sc_dialling_cancel(sc_dialling *dial)
{
    if (!dial)
        return;
    if (dial->is_resolving)
        uv_cancel((uv_req_t *)&dial->resolve);
    finish(dial);
}
