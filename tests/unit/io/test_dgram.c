/* SPDX-License-Identifier: MIT
 *
 * Doorbells: whoever is there when it rings hears it, also when it came only just now, and what
 * nobody listens on any more goes.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/dgram.h"

static sc_loop *loop;
static char folder[64];

static sc_str path_of(const char *name, char to[128])
{
    int len = snprintf(to, 128, "%s/%s", folder, name);

    return sc_str_of(to, (size_t)len);
}

static void on_ring(void *self)
{
    ++*(int *)self;
}

static sc_doorbell *open_bell(const char *name, int *rings)
{
    char path[128];
    sc_doorbell *bell = NULL;
    sc_error err;

    *rings = 0;
    assert_int_equal(sc_doorbell_open(loop, path_of(name, path), on_ring, rings, &bell, &err),
                     SC_OK);
    return bell;
}

static sc_doorbell_ringer *new_ringer(void)
{
    char path[128];

    return sc_doorbell_ringer_new(path_of("", path), SC_STR("db-bell-"), SC_STR("db-bell-own"));
}

/* Datagrams between sockets of one process are there at once. */
static int heard(int *rings)
{
    int count;

    sc_loop_turn(loop, false);
    count = *rings;
    *rings = 0;
    return count;
}

static void rings_all_but_the_own(void **state)
{
    sc_doorbell_ringer *ringer = new_ringer();
    int own, one, two, other;
    sc_doorbell *bells[] = {open_bell("db-bell-own", &own), open_bell("db-bell-1", &one),
                            open_bell("db-bell-2", &two), open_bell("other-bell-1", &other)};

    (void)state;
    sc_doorbell_ring_all(ringer);
    assert_int_equal(heard(&one), 1);
    assert_int_equal(two, 1);
    assert_int_equal(own + other, 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(bells); i++)
        sc_doorbell_close(bells[i]);
    sc_doorbell_ringer_free(ringer);
}

/* The folder's time ticks slowly: each look here comes within one tick of a change. */
static void hears_of_bells_that_came_just_now(void **state)
{
    sc_doorbell_ringer *ringer = new_ringer();

    (void)state;
    for (int i = 0; i < 50; i++) {
        int rings;
        sc_doorbell *bell;

        sc_doorbell_ring_all(ringer);
        bell = open_bell("db-bell-new", &rings);
        sc_doorbell_ring_all(ringer);
        assert_int_equal(heard(&rings), 1);
        sc_doorbell_close(bell);
    }
    sc_doorbell_ringer_free(ringer);
}

static void set_folder_time(time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    assert_int_equal(utimensat(AT_FDCWD, folder, times, 0), 0);
}

/* While the folder's time stands, and stood for long, what the last look found is rung again. */
static void looks_again_only_when_the_folder_changed(void **state)
{
    sc_doorbell_ringer *ringer = new_ringer();
    int first, second;
    sc_doorbell *one = open_bell("db-bell-1", &first);
    sc_doorbell *two;

    (void)state;
    set_folder_time(1000);
    sc_doorbell_ring_all(ringer);
    assert_int_equal(heard(&first), 1);
    two = open_bell("db-bell-2", &second);
    set_folder_time(1000); /* as if it had not changed */
    sc_doorbell_ring_all(ringer);
    assert_int_equal(heard(&first), 1);
    assert_int_equal(second, 0);
    set_folder_time(2000);
    sc_doorbell_ring_all(ringer);
    assert_int_equal(heard(&first), 1);
    assert_int_equal(second, 1);
    sc_doorbell_close(one);
    sc_doorbell_close(two);
    sc_doorbell_ringer_free(ringer);
}

static void removes_what_nobody_listens_on(void **state)
{
    sc_doorbell_ringer *ringer = new_ringer();
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char path[128];
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void)state;
    (void)path_of("db-bell-dead", path);
    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
    assert_int_equal(access(path, F_OK), 0);
    sc_doorbell_ring_all(ringer);
    assert_int_equal(access(path, F_OK), -1);
    sc_doorbell_ringer_free(ringer);
}

static int set_up(void **state)
{
    (void)state;
    loop = sc_loop_new();
    strcpy(folder, "/tmp/pillion-bells-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(sc_loop_close(&loop), 0);
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rings_all_but_the_own),
        TEST(hears_of_bells_that_came_just_now),
        TEST(looks_again_only_when_the_folder_changed),
        TEST(removes_what_nobody_listens_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
