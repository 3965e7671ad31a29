/* SPDX-License-Identifier: MIT
 *
 * A file that several begin to use at the same moment, and one that somebody holds.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "components/shared/sqlite_db.h"
#include "core/clock.h"

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

/* ---- waiting for others ---- */

#define BUSY_MS 300u

static uint64_t clock_ms(void)
{
    return sc_clock_mono_ns() / 1000000;
}

/* How long `work` takes while somebody else holds the file. The quickest of some attempts: a busy
 * machine makes one longer, and never shorter. */
static uint64_t time_of_failure(sc_code (*work)(sc_sqlite_db *db, sc_error *err))
{
    sc_sqlite_db holder = {0};
    uint64_t best_ms = UINT64_MAX;
    sc_error err;
    int fd;

    (void)snprintf(file, sizeof(file), "/tmp/pillion-sqlite-XXXXXX");
    fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(sc_sqlite_open(&holder, file, 0, &err), SC_OK);
    assert_int_equal(sc_sqlite_run(&holder, "BEGIN EXCLUSIVE", &err), SC_OK);
    for (int i = 0; i < 5; i++) {
        sc_sqlite_db db = {0};
        uint64_t begun_ms = clock_ms();
        uint64_t took_ms;

        assert_int_equal(sc_sqlite_open(&db, file, BUSY_MS, &err), SC_OK);
        assert_int_equal(work(&db, &err), SC_UNAVAILABLE);
        assert_non_null(strstr(err.text, "another process holds it"));
        took_ms = clock_ms() - begun_ms;
        best_ms = took_ms < best_ms ? took_ms : best_ms;
        sc_sqlite_close(&db);
    }
    sc_sqlite_close(&holder);
    unlink(file);
    return best_ms;
}

static sc_code begin(sc_sqlite_db *db, sc_error *err)
{
    return sc_sqlite_run(db, "BEGIN IMMEDIATE", err);
}

static sc_code begin_thrice(sc_sqlite_db *db, sc_error *err)
{
    (void)sc_sqlite_wait_once(db, true);
    for (int i = 0; i < 2; i++)
        (void)!begin(db, err);
    (void)sc_sqlite_wait_once(db, false);
    return begin(db, err);
}

static void a_statement_waits_once(void **state)
{
    (void)state;
    assert_in_range(time_of_failure(begin), BUSY_MS - 1, 2 * BUSY_MS - 1);
}

/* Two of the three share one wait. */
static void several_statements_may_share_one_wait(void **state)
{
    (void)state;
    assert_in_range(time_of_failure(begin_thrice), 2 * BUSY_MS - 2, 3 * BUSY_MS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_may_be_opened_by_several_at_once),
        cmocka_unit_test(a_statement_waits_once),
        cmocka_unit_test(several_statements_may_share_one_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
