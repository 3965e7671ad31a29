/* SPDX-License-Identifier: MIT
 *
 * A redis-server of ours is known by its pid file together with its working folder: a number alone
 * may belong to somebody else by now.
 */
#include "cli/redis.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "io/process.h"
#include "io/stream.h"
#include "io/timer.h"

#define ASK_LIMIT_MS   1000u
#define START_LIMIT_MS 5000
#define STOP_LIMIT_MS  10000
#define POLL_MS        5

/* ---- is there one? ---- */

typedef struct asking {
    sc_stream *stream; /* NULL: it is over */
    sc_timer limit;
    sc_buf answer;
    cli_redis_state state;
} asking;

static void on_connected(void *self)
{
    asking *a = self;

    a->state = CLI_REDIS_STRANGER; /* until it says something else */
    sc_stream_write(a->stream, "PING\r\n", 6);
}

static void on_data(void *self, const char *at, size_t len)
{
    asking *a = self;
    sc_str answer;

    sc_buf_add(&a->answer, at, len);
    answer = sc_buf_str(&a->answer);
    if (sc_str_find(answer, '\n') == answer.len && answer.len < 256)
        return;
    if (sc_str_starts(answer, SC_STR("+PONG")))
        a->state = CLI_REDIS_ANSWERS;
    else if (sc_str_starts(answer, SC_STR("-NOAUTH")))
        a->state = CLI_REDIS_LOCKED;
    sc_stream_close(a->stream);
    a->stream = NULL;
}

static void on_lost(void *self, const sc_error *why)
{
    asking *a = self;

    (void)why;
    sc_stream_close(a->stream);
    a->stream = NULL;
}

static void on_limit(sc_timer *timer)
{
    on_lost(SC_CONTAINER_OF(timer, asking, limit), NULL);
}

cli_redis_state cli_redis_ask(sc_str host, uint16_t port)
{
    static const sc_stream_ops ops = {
        .on_connected = on_connected, .on_data = on_data, .on_lost = on_lost};
    sc_dial to = {.host = host, .port = port, .timeout_ms = ASK_LIMIT_MS};
    asking a = {.state = CLI_REDIS_ABSENT};
    sc_loop *loop = sc_loop_new();

    sc_timer_init(&a.limit, loop, on_limit);
    sc_timer_start(&a.limit, ASK_LIMIT_MS);
    a.stream = sc_stream_connect(loop, &to, &ops, &a);
    while (a.stream && sc_loop_turn(loop, true))
        ;
    sc_timer_stop(&a.limit);
    (void)sc_loop_close(&loop);
    sc_buf_deinit(&a.answer);
    return a.state;
}

bool cli_redis_is_installed(void)
{
    const char *value = getenv("PATH");
    sc_str path = sc_str_from(value ? value : "/usr/bin:/bin");
    char file[PATH_MAX];

    while (path.at) {
        sc_str folder = sc_str_cut(&path, ':');

        (void)snprintf(file, sizeof(file), "%.*s/redis-server", SC_FMT(folder));
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

bool cli_redis_is_local(sc_str host)
{
    return sc_str_eq(host, SC_STR("localhost")) || sc_str_eq(host, SC_STR("127.0.0.1")) ||
           sc_str_eq(host, SC_STR("::1"));
}

/* ---- our own ---- */

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&pause, NULL);
}

typedef struct launch {
    sc_buf said;
    int status;
} launch;

static void on_output(void *self, int fd, const char *at, size_t len)
{
    (void)fd;
    sc_buf_add(&((launch *)self)->said, at, len);
}

static void on_exit_told(void *self, int status, int signum)
{
    ((launch *)self)->status = signum ? 128 + signum : status;
}

/* The last line that the server wrote about its failure. */
static sc_str last_words(cli *c, sc_str said, sc_str log)
{
    sc_str text;
    sc_error err;
    size_t from;

    if (cli_file_read(c, log, &text, &err) != SC_OK)
        text = said;
    text = sc_str_trim(text);
    for (from = text.len; from > 0 && text.at[from - 1] != '\n'; from--)
        ;
    return sc_str_sub(text, from, text.len);
}

/* redis-server leaves this program by itself: what is started here ends at once. */
static sc_code launch_server(cli *c, sc_str folder, uint16_t port, sc_error *err)
{
    static const sc_process_ops ops = {.on_output = on_output, .on_exit = on_exit_told};
    sc_str pid_file = sc_arena_fmt(&c->mem, "%.*s/redis.pid", SC_FMT(folder));
    sc_str log_file = sc_arena_fmt(&c->mem, "%.*s/redis.log", SC_FMT(folder));
    sc_str number = sc_arena_fmt(&c->mem, "%u", port);
    const char *args[] = {"redis-server", "--port", number.at,   "--bind",    "127.0.0.1",
                          "--daemonize",  "yes",    "--pidfile", pid_file.at, "--logfile",
                          log_file.at,    "--dir",  folder.at,   "--save",    "",
                          "--appendonly", "yes",    NULL};
    sc_process_spec spec = {.file = args[0],
                            .args = args,
                            .io = {SC_PROCESS_NOTHING, SC_PROCESS_PIPE, SC_PROCESS_PIPE},
                            .size_from = -1};
    sc_loop *loop = sc_loop_new();
    launch run = {.status = -1};
    sc_process *process = NULL;
    sc_code code = sc_process_start(loop, &spec, &ops, &run, &process, err);

    while (code == SC_OK && run.status < 0 && sc_loop_turn(loop, true))
        ;
    sc_process_close(process);
    (void)sc_loop_close(&loop);
    if (code == SC_OK && run.status != 0)
        code = sc_fail(err, SC_UNAVAILABLE, "redis-server: %.*s",
                       SC_FMT(last_words(c, sc_buf_str(&run.said), log_file)));
    sc_buf_deinit(&run.said);
    return code;
}

sc_code cli_redis_start(cli *c, sc_str folder, uint16_t port, sc_error *err)
{
    if (cli_folder_create(c, folder, err) != SC_OK || launch_server(c, folder, port, err) != SC_OK)
        return err->code;
    for (int waited = 0; waited < START_LIMIT_MS; waited += POLL_MS) {
        if (cli_redis_ask(SC_STR("127.0.0.1"), port) == CLI_REDIS_ANSWERS &&
            cli_redis_pid(c, folder) > 0)
            return SC_OK;
        pause_ms(POLL_MS);
    }
    return sc_fail(err, SC_DEADLINE, "redis-server does not answer on port %u: %.*s", port,
                   SC_FMT(last_words(c, SC_STR("it said nothing"),
                                     sc_arena_fmt(&c->mem, "%.*s/redis.log", SC_FMT(folder)))));
}

int cli_redis_pid(cli *c, sc_str folder)
{
    char link[64];
    char works_in[PATH_MAX];
    char own[PATH_MAX];
    ssize_t len;
    uint64_t pid;
    sc_str text;
    sc_error err;

    if (cli_file_read(c, sc_arena_fmt(&c->mem, "%.*s/redis.pid", SC_FMT(folder)), &text, &err) !=
            SC_OK ||
        !sc_str_to_u64(sc_str_trim(text), &pid) || pid == 0 || pid > INT_MAX)
        return 0;
    (void)snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
    len = readlink(link, works_in, sizeof(works_in) - 1);
    if (len <= 0 || !realpath(sc_arena_str(&c->mem, folder).at, own))
        return 0;
    works_in[len] = '\0';
    return strcmp(works_in, own) == 0 ? (int)pid : 0;
}

sc_code cli_redis_stop(cli *c, sc_str folder, sc_error *err)
{
    int pid = cli_redis_pid(c, folder);

    if (pid == 0)
        return SC_OK;
    if (kill(pid, SIGTERM) != 0 && errno != ESRCH)
        return sc_fail(err, SC_PERMISSION_DENIED, "kill %d: %s", pid, cli_reason(errno));
    for (int waited = 0; waited < STOP_LIMIT_MS; waited += POLL_MS) {
        sc_process_facts facts;

        if (!sc_process_look(pid, &facts) || facts.is_dead)
            return SC_OK;
        pause_ms(POLL_MS);
    }
    return sc_fail(err, SC_DEADLINE, "redis-server (process %d) has not ended after %d s", pid,
                   STOP_LIMIT_MS / 1000);
}
