/* SPDX-License-Identifier: MIT
 *
 * Streams on descriptors that are open already: pipes to child processes, terminals, and the
 * program's own standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/stream_internal.h"

/* What the kernel can wait for; asking it to wait for a file is an error that libuv ends with. */
static bool can_wait(int fd)
{
    struct stat is;

    return fstat(fd, &is) == 0 && (S_ISFIFO(is.st_mode) || S_ISSOCK(is.st_mode) || isatty(fd) != 0);
}

sc_code sc_stream_open_fd(sc_loop *loop, int fd, const sc_stream_ops *ops, void *self,
                          sc_stream **out, sc_error *err)
{
    sc_stream *stream;
    int failed;

    if (!can_wait(fd))
        return sc_fail(err, SC_INVALID, "descriptor %d is no pipe, terminal or socket", fd);
    stream = sc_stream_alloc(loop);
    uv_pipe_init(&loop->uv, &stream->uv.pipe, 0);
    stream->is_resource_open = true;
    failed = uv_pipe_open(&stream->uv.pipe, fd);
    if (failed) {
        sc_stream_close(stream);
        return sc_fail(err, SC_UNAVAILABLE, "descriptor %d: %s", fd, sc_uv_text(failed));
    }
    stream->is_connected = true;
    sc_stream_adopt(stream, ops, self);
    *out = stream;
    return SC_OK;
}

sc_code sc_stream_open_output(sc_loop *loop, int fd, const sc_stream_ops *ops, void *self,
                              sc_stream **out, sc_error *err)
{
    sc_code code;
    char path[40];
    int own = -1;

    if (!can_wait(fd))
        return sc_fail(err, SC_INVALID, "descriptor %d is no pipe, terminal or socket", fd);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) /* a socket, or a terminal of another user: there is no other way */
        own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return sc_fail(err, SC_UNAVAILABLE, "descriptor %d: %s", fd, strerror(errno));
    code = sc_stream_open_fd(loop, own, ops, self, out, err);
    if (code == SC_OK)
        sc_stream_pause(*out); /* nothing is read: a write that fails is the end */
    else
        (void)close(own);
    return code;
}
