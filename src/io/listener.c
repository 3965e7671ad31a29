/* SPDX-License-Identifier: MIT
 *
 * Accepting: TCP (dual-stack when no address is named) and Unix sockets. Past the connection limit
 * the backlog is left alone until a connection closes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/stream_internal.h"

#define BACKLOG                 1024
#define DEFAULT_MAX_CONNECTIONS 10000u

struct sc_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    sc_loop *loop;
    void (*on_accept)(void *self, sc_stream *stream_taken);
    void *self;
    uint32_t connections;
    uint32_t max_connections;
    uint32_t refs;       /* the owner's, and one for each open accepted stream */
    sc_tls_context *tls; /* counted; NULL: plain */
    uint16_t port;
    bool is_unix;
    bool is_closed;
    bool has_backlog; /* an accept was put off at the limit */
    char name[272];
};

static void on_connection(uv_stream_t *server, int status);

static void unref(sc_listener *listener)
{
    if (--listener->refs == 0) {
        sc_tls_context_unref(listener->tls);
        listener->loop->open_handles--;
        free(listener);
    }
}

/* True when a socket is there and nobody listens on it: left behind by a killed process. */
static bool is_stale(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct stat info;
    bool refused;
    int fd;

    if (lstat(path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    refused = connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_unix(sc_listener *listener)
{
    uv_pipe_init(&listener->loop->uv, &listener->uv.pipe, 0);
    if (strlen(listener->name) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return UV_ENAMETOOLONG;
    if (is_stale(listener->name))
        unlink(listener->name);
    return uv_pipe_bind(&listener->uv.pipe, listener->name);
}

static int bind_tcp(sc_listener *listener, const char *host, uint16_t port)
{
    struct sockaddr_storage address = {0};
    int len = sizeof(address);
    int failed = 0;

    if (host[0] == '\0')
        failed = uv_ip6_addr("::", port, (struct sockaddr_in6 *)&address);
    else if (uv_ip4_addr(host, port, (struct sockaddr_in *)&address) != 0)
        failed = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address);
    uv_tcp_init(&listener->loop->uv, &listener->uv.tcp);
    if (failed)
        return failed;
    failed = uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)&address, 0);
    if (failed == UV_EAFNOSUPPORT && host[0] == '\0') { /* a machine without IPv6 */
        uv_ip4_addr("0.0.0.0", port, (struct sockaddr_in *)&address);
        failed = uv_tcp_bind(&listener->uv.tcp, (const struct sockaddr *)&address, 0);
    }
    if (failed)
        return failed;
    failed = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    if (failed || uv_tcp_getsockname(&listener->uv.tcp, (struct sockaddr *)&address, &len) != 0)
        return failed ? failed : UV_EINVAL;
    listener->port =
        ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                            : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    unref(SC_CONTAINER_OF(handle, sc_listener, uv.handle));
}

sc_code sc_listener_open(sc_loop *loop, const sc_listen *at,
                         void (*on_accept)(void *self, sc_stream *stream_taken), void *self,
                         sc_listener **out, sc_error *err)
{
    sc_listener *listener = sc_new(sc_listener);
    char host[256];
    int failed;

    *listener = (sc_listener){.loop = loop,
                              .on_accept = on_accept,
                              .self = self,
                              .refs = 1,
                              .is_unix = at->is_unix,
                              .port = at->port,
                              .tls = sc_tls_context_ref(at->tls),
                              .max_connections = at->max_connections ? at->max_connections
                                                                     : DEFAULT_MAX_CONNECTIONS};
    loop->open_handles++;
    (void)snprintf(host, sizeof(host), "%.*s", SC_FMT(at->host));
    (void)snprintf(listener->name, sizeof(listener->name), "%s", host);
    failed = at->is_unix ? bind_unix(listener) : bind_tcp(listener, host, at->port);
    if (at->is_unix && !failed)
        failed = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    if (!at->is_unix)
        (void)snprintf(listener->name, sizeof(listener->name),
                       strchr(host, ':') || !host[0] ? "[%s]:%u" : "%s:%u",
                       host[0] ? host : "::", listener->port);
    if (failed) {
        (void)sc_fail(err, SC_UNAVAILABLE, "listen %s %s: bind: %s", at->is_unix ? "unix" : "tcp",
                      host[0] || at->is_unix ? listener->name : listener->name + 4,
                      sc_uv_text(failed));
        listener->is_closed = true;
        uv_close(&listener->uv.handle, on_listener_closed);
        return SC_UNAVAILABLE;
    }
    *out = listener;
    return SC_OK;
}

static void name_peer(sc_stream *stream)
{
    struct sockaddr_storage address;
    int len = sizeof(address);
    char text[64];
    uint16_t port;

    if (uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)&address, &len) != 0 ||
        uv_ip_name((struct sockaddr *)&address, text, sizeof(text)) != 0)
        return;
    port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
    if (strncmp(text, "::ffff:", 7) == 0)
        (void)snprintf(stream->peer, sizeof(stream->peer), "%s:%u", text + 7, port);
    else
        (void)snprintf(stream->peer, sizeof(stream->peer),
                       address.ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

static void accept_one(sc_listener *listener)
{
    sc_stream *stream = sc_stream_alloc(listener->loop);

    if (listener->is_unix)
        uv_pipe_init(&listener->loop->uv, &stream->uv.pipe, 0);
    else
        uv_tcp_init(&listener->loop->uv, &stream->uv.tcp);
    stream->is_resource_open = true;
    if (uv_accept(&listener->uv.stream, &stream->uv.stream) != 0) {
        sc_stream_close(stream);
        return;
    }
    if (listener->is_unix) {
        (void)snprintf(stream->peer, sizeof(stream->peer), "@");
    } else {
        sc_tcp_tune(&stream->uv.tcp);
        name_peer(stream);
    }
    stream->listener = listener;
    listener->connections++;
    listener->refs++;
    if (listener->tls)
        sc_stream_tls_open(stream, listener->tls, SC_STR_NONE);
    else
        stream->is_connected = true;
    listener->on_accept(listener->self, stream);
}

static void on_connection(uv_stream_t *server, int status)
{
    sc_listener *listener = SC_CONTAINER_OF(server, sc_listener, uv.stream);

    if (status != 0)
        return; /* out of descriptors: the kernel keeps the connection waiting */
    if (listener->connections >= listener->max_connections)
        listener->has_backlog = true;
    else
        accept_one(listener);
}

void sc_listener_on_closed(sc_listener *listener, sc_stream *stream)
{
    stream->listener = NULL;
    listener->connections--;
    if (listener->has_backlog && !listener->is_closed) {
        listener->has_backlog = false;
        accept_one(listener); /* libuv keeps one accepted socket until it is taken */
    }
    unref(listener);
}

uint16_t sc_listener_port(const sc_listener *listener)
{
    return listener->port;
}

sc_str sc_listener_name(const sc_listener *listener)
{
    return sc_str_from(listener->name);
}

void sc_listener_close(sc_listener *listener)
{
    if (!listener || listener->is_closed)
        return;
    listener->is_closed = true;
    uv_close(&listener->uv.handle, on_listener_closed); /* removes the file of a Unix socket */
}
