/* SPDX-License-Identifier: MIT
 *
 * Doorbells over AF_UNIX datagrams. A full queue is as good as a ring: the other side is awake.
 */
#include "io/dgram.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "io/io_internal.h"

struct sc_doorbell {
    uv_poll_t poll;
    int fd;
    struct sockaddr_un at;
    void (*on_ring)(void *self);
    void *self;
};

static bool fill_address(struct sockaddr_un *at, sc_str path)
{
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path.len >= sizeof(at->sun_path))
        return false;
    memcpy(at->sun_path, path.at, path.len);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    sc_doorbell *bell = SC_CONTAINER_OF(poll, sc_doorbell, poll);
    char byte[16];

    (void)status;
    (void)events;
    while (recv(bell->fd, byte, sizeof(byte), MSG_DONTWAIT) >= 0)
        ;
    bell->on_ring(bell->self);
}

sc_code sc_doorbell_open(sc_loop *loop, sc_str path, void (*on_ring)(void *self), void *self,
                         sc_doorbell **out, sc_error *err)
{
    sc_doorbell *bell = sc_new(sc_doorbell);

    bell->on_ring = on_ring;
    bell->self = self;
    bell->fd = -1;
    if (!fill_address(&bell->at, path)) {
        free(bell);
        return sc_fail(err, SC_INVALID, "'%.*s' is too long for a Unix socket (%zu bytes at most)",
                       SC_FMT(path), sizeof(bell->at.sun_path) - 1);
    }
    (void)unlink(bell->at.sun_path);
    bell->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bell->fd < 0 || bind(bell->fd, (struct sockaddr *)&bell->at, sizeof(bell->at)) != 0 ||
        uv_poll_init(&loop->uv, &bell->poll, bell->fd) != 0) {
        (void)sc_fail(err, SC_UNAVAILABLE, "cannot listen on '%.*s': %s", SC_FMT(path),
                      strerror(errno));
        if (bell->fd >= 0)
            (void)close(bell->fd);
        free(bell);
        return err->code;
    }
    (void)uv_poll_start(&bell->poll, UV_READABLE, on_readable);
    *out = bell;
    return SC_OK;
}

static void on_closed(uv_handle_t *handle)
{
    sc_doorbell *bell = SC_CONTAINER_OF((uv_poll_t *)handle, sc_doorbell, poll);

    (void)close(bell->fd);
    free(bell);
}

void sc_doorbell_close(sc_doorbell *bell)
{
    if (!bell)
        return;
    (void)unlink(bell->at.sun_path);
    (void)uv_poll_stop(&bell->poll);
    uv_close((uv_handle_t *)&bell->poll, on_closed);
}

void sc_doorbell_ring_all(sc_str folder, sc_str prefix, sc_str own)
{
    char path[4096];
    DIR *dir;
    struct dirent *entry;
    int fd;

    (void)snprintf(path, sizeof(path), "%.*s", SC_FMT(folder));
    dir = opendir(path);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    while (dir && fd >= 0 && (entry = readdir(dir)) != NULL) {
        sc_str name = sc_str_from(entry->d_name);
        struct sockaddr_un at;
        int len;

        if (!sc_str_starts(name, prefix) || sc_str_eq(name, own))
            continue;
        len = snprintf(path, sizeof(path), "%.*s/%s", SC_FMT(folder), entry->d_name);
        if (len < 0 || !fill_address(&at, sc_str_from(path)))
            continue;
        if (sendto(fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at)) < 0 &&
            errno == ECONNREFUSED)
            (void)unlink(at.sun_path);
    }
    if (dir)
        (void)closedir(dir);
    if (fd >= 0)
        (void)close(fd);
}
