/* SPDX-License-Identifier: MIT
 *
 * The log is opened on its own: a sync is one of the file, whoever wrote to it. (SQLite's locks are
 * on the other two files, so closing ours drops none of them.)
 */
#include "components/pubsub/sqlite_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/file.h"

struct sc_sqlite_sync {
    sc_arena mem;
    const char *log;    /* path of the write-ahead log */
    const char *folder; /* where it is */
    int fd;             /* -1: not open */
    dev_t device;
    ino_t inode;
    atomic_uint_fast64_t committed;
    uint64_t served; /* up to which transaction the last sync did it */
    sc_error last;   /* how that went */
};

sc_sqlite_sync *sc_sqlite_sync_new(sc_str path)
{
    sc_sqlite_sync *sync = sc_new(sc_sqlite_sync);

    sync->fd = -1;
    sc_arena_init(&sync->mem, NULL);
    sync->log = sc_arena_fmt(&sync->mem, "%.*s-wal", SC_FMT(path)).at;
    sync->folder = sc_arena_str(&sync->mem, sc_file_folder(path)).at;
    return sync;
}

static void close_log(sc_sqlite_sync *sync)
{
    if (sync->fd >= 0)
        (void)close(sync->fd);
    sync->fd = -1;
}

void sc_sqlite_sync_free(sc_sqlite_sync *sync)
{
    if (!sync)
        return;
    close_log(sync);
    sc_arena_deinit(&sync->mem);
    free(sync);
}

static sc_code fail(const char *doing, const char *path, sc_error *err)
{
    return sc_fail(err, SC_UNAVAILABLE, "cannot %s '%s': %s", doing, path,
                   sc_file_error_text(errno));
}

/* A log that is new must be found again after a power failure, too. */
static sc_code sync_folder(const sc_sqlite_sync *sync, sc_error *err)
{
    int fd = open(sync->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_good = fd >= 0 && fsync(fd) == 0;
    sc_code code = is_good ? SC_OK : fail("sync", sync->folder, err);

    if (fd >= 0)
        (void)close(fd);
    return code;
}

static sc_code open_log(sc_sqlite_sync *sync, const struct stat *now, sc_error *err)
{
    close_log(sync);
    sync->fd = open(sync->log, O_RDWR | O_CLOEXEC);
    if (sync->fd < 0)
        return fail("open", sync->log, err);
    sync->device = now->st_dev;
    sync->inode = now->st_ino;
    return sync_folder(sync, err);
}

uint64_t sc_sqlite_sync_committed(sc_sqlite_sync *sync)
{
    return atomic_fetch_add(&sync->committed, 1) + 1;
}

static sc_code sync_log(sc_sqlite_sync *sync, sc_error *err)
{
    struct stat now;

    if (stat(sync->log, &now) != 0) { /* all of it was moved into the file, or went with that */
        close_log(sync);
        return errno == ENOENT ? SC_OK : fail("look at", sync->log, err);
    }
    if ((sync->fd < 0 || now.st_dev != sync->device || now.st_ino != sync->inode) &&
        open_log(sync, &now, err) != SC_OK) {
        close_log(sync);
        return err->code;
    }
    return fdatasync(sync->fd) == 0 ? SC_OK : fail("sync", sync->log, err);
}

sc_code sc_sqlite_sync_run(sc_sqlite_sync *sync, uint64_t number, sc_error *err)
{
    if (number > sync->served) {
        sc_error_clear(&sync->last);
        sync->served = atomic_load(&sync->committed);
        sync->last.code = sync_log(sync, &sync->last);
    }
    *err = sync->last;
    return err->code;
}
