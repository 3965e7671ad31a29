/* SPDX-License-Identifier: MIT
 *
 * The log of the file that is there now reaches the disk, and what goes wrong is told.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "components/pubsub/sqlite_sync.h"
#include "components/shared/sqlite_db.h"

static char folder[64];
static char file[96];
static char log_file[96];
static sc_sqlite_db db;
static ino_t synced;
static int syncs;
static int failure;

/* Instead of the system's: notes what is synced, and fails when told to. */
int fdatasync(int fd)
{
    struct stat now;

    syncs++;
    synced = fstat(fd, &now) == 0 ? now.st_ino : 0;
    errno = failure;
    return failure ? -1 : 0;
}

static sc_code sync_next(sc_sqlite_sync *sync, sc_error *err)
{
    return sc_sqlite_sync_run(sync, sc_sqlite_sync_committed(sync), err);
}

static void commit(void)
{
    sc_error err;

    assert_int_equal(sc_sqlite_open(&db, file, 1000, &err), SC_OK);
    assert_int_equal(sc_sqlite_run(&db, "PRAGMA journal_mode = WAL", &err), SC_OK);
    assert_int_equal(sc_sqlite_run(&db, "PRAGMA synchronous = NORMAL", &err), SC_OK);
    assert_int_equal(sc_sqlite_run(&db, "CREATE TABLE t (a INTEGER)", &err), SC_OK);
    syncs = 0; /* of its own */
}

static ino_t inode_of(const char *path)
{
    struct stat now;

    assert_int_equal(stat(path, &now), 0);
    return now.st_ino;
}

static int open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void the_log_is_synced(void **state)
{
    sc_sqlite_sync *sync = sc_sqlite_sync_new(sc_str_from(file));
    sc_error err;

    (void)state;
    commit();
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(sync_next(sync, &err), SC_OK);
        assert_int_equal(syncs, i);
        assert_int_equal(synced, inode_of(log_file));
    }
    sc_sqlite_sync_free(sync);
    sc_sqlite_close(&db);
}

static void a_log_that_is_not_there_has_nothing_to_sync(void **state)
{
    sc_sqlite_sync *sync = sc_sqlite_sync_new(sc_str_from(file));
    sc_error err;

    (void)state;
    assert_int_equal(sync_next(sync, &err), SC_OK);
    assert_int_equal(syncs, 0);
    sc_sqlite_sync_free(sync);
}

static void follows_a_log_that_was_made_anew(void **state)
{
    sc_sqlite_sync *sync = sc_sqlite_sync_new(sc_str_from(file));
    sc_error err;
    int before;

    (void)state;
    commit();
    assert_int_equal(sync_next(sync, &err), SC_OK);
    before = open_files();
    sc_sqlite_close(&db); /* the last one takes the log along */
    unlink(file);
    commit();
    assert_int_equal(sync_next(sync, &err), SC_OK);
    assert_int_equal(synced, inode_of(log_file));
    assert_int_equal(open_files(), before); /* the old one is not held */
    sc_sqlite_sync_free(sync);
    sc_sqlite_close(&db);
}

static void a_disk_that_fails_is_told(void **state)
{
    sc_sqlite_sync *sync = sc_sqlite_sync_new(sc_str_from(file));
    sc_error err;

    (void)state;
    commit();
    failure = EIO;
    assert_int_equal(sync_next(sync, &err), SC_UNAVAILABLE);
    assert_non_null(strstr(err.text, log_file));
    assert_non_null(strstr(err.text, "nput/output error"));
    failure = 0;
    assert_int_equal(sync_next(sync, &err), SC_OK);
    sc_sqlite_sync_free(sync);
    sc_sqlite_close(&db);
}

static void one_sync_serves_all_that_was_committed(void **state)
{
    sc_sqlite_sync *sync = sc_sqlite_sync_new(sc_str_from(file));
    sc_error err;

    (void)state;
    commit();
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(sc_sqlite_sync_committed(sync), i);
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(sc_sqlite_sync_run(sync, i, &err), SC_OK);
    assert_int_equal(syncs, 1);
    assert_int_equal(sync_next(sync, &err), SC_OK);
    assert_int_equal(syncs, 2);
    sc_sqlite_sync_free(sync);
    sc_sqlite_close(&db);
}

static void all_that_a_failed_sync_was_to_serve_hear_of_it(void **state)
{
    sc_sqlite_sync *sync = sc_sqlite_sync_new(sc_str_from(file));
    sc_error err;

    (void)state;
    commit();
    (void)sc_sqlite_sync_committed(sync);
    (void)sc_sqlite_sync_committed(sync);
    failure = EIO;
    assert_int_equal(sc_sqlite_sync_run(sync, 1, &err), SC_UNAVAILABLE);
    failure = 0; /* the system forgets what it told once */
    assert_int_equal(sc_sqlite_sync_run(sync, 2, &err), SC_UNAVAILABLE);
    assert_non_null(strstr(err.text, "nput/output error"));
    assert_int_equal(syncs, 1);
    assert_int_equal(sync_next(sync, &err), SC_OK);
    sc_sqlite_sync_free(sync);
    sc_sqlite_close(&db);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/pillion-sync-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(file, sizeof(file), "%s/broker.db", folder);
    (void)snprintf(log_file, sizeof(log_file), "%s/broker.db-wal", folder);
    failure = syncs = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_log_is_synced),
        TEST(a_log_that_is_not_there_has_nothing_to_sync),
        TEST(follows_a_log_that_was_made_anew),
        TEST(a_disk_that_fails_is_told),
        TEST(one_sync_serves_all_that_was_committed),
        TEST(all_that_a_failed_sync_was_to_serve_hear_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
