/* SPDX-License-Identifier: MIT
 *
 * A file that several begin to use at the same moment.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "components/shared/sqlite_db.h"

#define TOGETHER 4
#define ROUNDS   200

static pthread_barrier_t start;
static char file[64];
static sc_error errors[TOGETHER];

static void *open_file(void *at)
{
    sc_error *err = at;
    sc_sqlite_db db = {0};

    sc_error_clear(err);
    (void)pthread_barrier_wait(&start);
    if (sc_sqlite_open(&db, file, 5000, err) == SC_OK &&
        sc_sqlite_run(&db, "PRAGMA journal_mode = WAL", err) == SC_OK &&
        sc_sqlite_run(&db, "BEGIN IMMEDIATE", err) == SC_OK &&
        sc_sqlite_run(&db, "CREATE TABLE IF NOT EXISTS t (a INTEGER)", err) == SC_OK &&
        sc_sqlite_run(&db, "INSERT INTO t VALUES (1)", err) == SC_OK)
        (void)!sc_sqlite_run(&db, "COMMIT", err);
    sc_sqlite_close(&db);
    return NULL;
}

static void a_new_file_may_be_opened_by_several_at_once(void **state)
{
    pthread_t threads[TOGETHER];

    (void)state;
    pthread_barrier_init(&start, NULL, TOGETHER);
    for (int round = 0; round < ROUNDS; round++) {
        int fd;

        (void)snprintf(file, sizeof(file), "/tmp/pillion-sqlite-XXXXXX");
        fd = mkstemp(file);
        assert_true(fd >= 0);
        close(fd);
        for (int i = 0; i < TOGETHER; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, open_file, &errors[i]), 0);
        for (int i = 0; i < TOGETHER; i++)
            pthread_join(threads[i], NULL);
        unlink(file);
        for (int i = 0; i < TOGETHER; i++)
            if (errors[i].code != SC_OK)
                fail_msg("round %d: %s", round, errors[i].text);
    }
    pthread_barrier_destroy(&start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_may_be_opened_by_several_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
