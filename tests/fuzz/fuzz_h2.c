/* links: net */
/* SPDX-License-Identifier: MIT
 *
 * Bytes of a client against the gRPC server, over a Unix socket in a temporary folder. An odd first
 * byte puts a good preface in front, so that the rest is read as frames.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/loop.h"
#include "net/grpc_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[] = "/tmp/fuzz_h2_XXXXXX";
static char path[sizeof(dir) + 2];

typedef struct target {
    sc_loop *loop;
    sc_grpc_server *server;
    struct sockaddr_un at;
} target;

static void unary(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_set_trailer(stream, SC_STR("x-len"), message);
    sc_grpc_send(stream, message);
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void part(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_send(stream, message);
    if (message.len % 2) {
        sc_grpc_pause(stream);
        sc_grpc_resume(stream);
    }
}

static void half_closed(sc_grpc_stream *stream)
{
    sc_grpc_finish(stream, SC_ABORTED, stream->path, SC_STR_NONE);
}

static const sc_grpc_handler unary_handler = {.on_message = unary, .is_unary_request = true};
static const sc_grpc_handler stream_handler = {.on_message = part, .on_half_close = half_closed};

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    (void)self;
    if (sc_str_ends(stream->path, SC_STR("/U")))
        return &unary_handler;
    return sc_str_ends(stream->path, SC_STR("/S")) ? &stream_handler : NULL;
}

static void remove_socket(void)
{
    unlink(path);
    rmdir(dir);
}

static void open_target(target *t)
{
    sc_grpc_service service = {.find = find};
    sc_grpc_limits limits = {.max_message_len = 100000};
    sc_listen listen = {.is_unix = true};
    sc_error err;

    t->loop = sc_loop_new();
    if (!mkdtemp(dir))
        abort();
    t->at.sun_family = AF_UNIX;
    snprintf(path, sizeof(path), "%s/s", dir);
    atexit(remove_socket);
    memcpy(t->at.sun_path, path, sizeof(path));
    listen.host = sc_str_from(t->at.sun_path);
    if (sc_grpc_server_open(t->loop, &listen, &limits, &service, NULL, &t->server, &err) != SC_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    static target t;
    char sink[4096];
    int fd;

    if (!t.loop)
        open_target(&t);
    if (!len || len > 60000)
        return 0;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&t.at, sizeof(t.at)) != 0)
        abort();
    if (data[0] & 1)
        (void)!send(fd, hello, sizeof(hello), MSG_NOSIGNAL);
    (void)!send(fd, data + 1, len - 1, MSG_NOSIGNAL);
    for (int i = 0; i < 6; i++) {
        sc_loop_turn(t.loop, false);
        while (recv(fd, sink, sizeof(sink), 0) > 0)
            continue;
    }
    close(fd);
    for (int i = 0; i < 6; i++)
        sc_loop_turn(t.loop, false);
    return 0;
}
