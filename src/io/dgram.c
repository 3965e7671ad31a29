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
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
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

/* ---- ringing ---- */

/* The clock of file times ticks some hundred times a second: a folder that changed only just may
 * change once more without showing it. */
#define SETTLED_NS 100000000

struct sc_doorbell_ringer {
    sc_arena mem;
    sc_str folder;
    sc_str prefix;
    sc_str own;
    int fd;                    /* to send from; -1: not open */
    struct sockaddr_un *bells; /* as of the last look */
    size_t count;
    size_t cap;
    struct timespec changed; /* the folder's time at that look */
    bool is_known;           /* nothing was missed while that time stands */
};

sc_doorbell_ringer *sc_doorbell_ringer_new(sc_str folder, sc_str prefix, sc_str own)
{
    sc_doorbell_ringer *ringer = sc_new(sc_doorbell_ringer);

    sc_arena_init(&ringer->mem, NULL);
    ringer->folder = sc_arena_str(&ringer->mem, folder);
    ringer->prefix = sc_arena_str(&ringer->mem, prefix);
    ringer->own = sc_arena_str(&ringer->mem, own);
    ringer->fd = -1;
    return ringer;
}

void sc_doorbell_ringer_free(sc_doorbell_ringer *ringer)
{
    if (!ringer)
        return;
    if (ringer->fd >= 0)
        (void)close(ringer->fd);
    sc_arena_deinit(&ringer->mem);
    free(ringer->bells);
    free(ringer);
}

static void add_bell(sc_doorbell_ringer *ringer, const char *name)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s%s", ringer->folder.at, name);

    if (ringer->count == ringer->cap) {
        ringer->cap = ringer->cap ? ringer->cap * 2 : 8;
        ringer->bells = realloc(ringer->bells, ringer->cap * sizeof(ringer->bells[0]));
        if (!ringer->bells)
            sc_out_of_memory("doorbells");
    }
    if (len > 0 && (size_t)len < sizeof(path) &&
        fill_address(&ringer->bells[ringer->count], sc_str_of(path, (size_t)len)))
        ringer->count++;
}

static void look(sc_doorbell_ringer *ringer)
{
    DIR *dir = opendir(ringer->folder.at);
    struct dirent *entry;

    ringer->count = 0;
    while (dir && (entry = readdir(dir)) != NULL) {
        sc_str name = sc_str_from(entry->d_name);

        if (sc_str_starts(name, ringer->prefix) && !sc_str_eq(name, ringer->own))
            add_bell(ringer, entry->d_name);
    }
    if (dir)
        (void)closedir(dir);
}

static bool is_settled(const struct timespec *changed)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (now.tv_sec - changed->tv_sec) * 1000000000 + now.tv_nsec - changed->tv_nsec >
           SETTLED_NS;
}

/* The time is read before the folder is: what changes between the two is seen next time. */
static void update(sc_doorbell_ringer *ringer)
{
    struct stat folder;
    bool has_time = stat(ringer->folder.at, &folder) == 0;

    if (has_time && ringer->is_known && folder.st_mtim.tv_sec == ringer->changed.tv_sec &&
        folder.st_mtim.tv_nsec == ringer->changed.tv_nsec)
        return;
    ringer->is_known = has_time && is_settled(&folder.st_mtim);
    ringer->changed = has_time ? folder.st_mtim : (struct timespec){0};
    look(ringer);
}

void sc_doorbell_ring_all(sc_doorbell_ringer *ringer)
{
    update(ringer);
    if (ringer->count > 0 && ringer->fd < 0)
        ringer->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    for (size_t i = 0; i < ringer->count && ringer->fd >= 0; i++) {
        const struct sockaddr_un *at = &ringer->bells[i];

        if (sendto(ringer->fd, "", 1, MSG_DONTWAIT, (const struct sockaddr *)at, sizeof(*at)) < 0 &&
            errno == ECONNREFUSED)
            (void)unlink(at->sun_path); /* which changes the folder's time */
    }
}
