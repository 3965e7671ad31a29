/* SPDX-License-Identifier: MIT
 *
 * The floor under a measurement: the reads, writes and waits that a path cannot do without, and
 * nothing else. It understands no protocol, checks nothing and keeps no count; what it sends was
 * recorded from a sidecar. So what lies between its figure and a sidecar's is what the sidecar
 * adds.
 *
 *   floor relay PORT REDIS-PORT COMMAND ANSWER LINES
 *       answers each request with the file ANSWER, once Redis has answered the file COMMAND for it,
 *       which takes LINES lines; the commands of a turn leave in one write
 *   floor log PORT FILE BYTES ANSWER
 *       answers each request with ANSWER, once BYTES bytes for it are in FILE and on the disk;
 * those that came while the disk was busy go together floor post PORT CONNECTIONS SECONDS REQUEST
 *       sends REQUEST on each connection again as soon as its answer is there; prints how often,
 * and the microseconds of processor time that took
 *
 * One read must hold one request or one answer: the load has one in flight on a connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS    256
#define READ_MAX  (64 * 1024)
#define WAIT_MAX  4096 /* requests under way; a power of two */
#define BATCH_MAX (1024 * 1024)
#define LOG_BYTES (16 * 1024 * 1024) /* the log goes round in what it once wrote, as a WAL does */

typedef struct blob {
    char *at;
    size_t len;
} blob;

static char input[READ_MAX];
static char batch[BATCH_MAX];
static size_t batch_len;

/* Connections that wait for their answer, oldest first. */
static int waiting[WAIT_MAX];
static unsigned oldest;
static unsigned newest;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static blob load(const char *path)
{
    blob all = {.at = malloc(READ_MAX)};
    FILE *file = fopen(path, "rb");

    if (!file || !all.at)
        fail(path);
    all.len = fread(all.at, 1, READ_MAX, file);
    fclose(file);
    return all;
}

static long number(const char *text)
{
    return strtol(text, NULL, 10);
}

static struct sockaddr_in loopback(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)number(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void no_delay(int fd)
{
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) != 0)
        fail("TCP_NODELAY");
}

static int dial(const char *port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fail(port);
    no_delay(fd);
    return fd;
}

static int listen_at(const char *port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0)
        fail(port);
    return fd;
}

static void watch(int poll, int fd)
{
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd,
                  &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}) != 0)
        fail("epoll_ctl");
}

static void accept_on(int poll, int listener)
{
    int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return;
    no_delay(fd);
    watch(poll, fd);
}

/* 0: the other side is done. */
static size_t receive(int fd)
{
    ssize_t got = read(fd, input, sizeof(input));

    return got > 0 ? (size_t)got : 0;
}

static void send_all(int fd, const char *at, size_t len)
{
    if (send(fd, at, len, MSG_NOSIGNAL) != (ssize_t)len && errno != EPIPE && errno != ECONNRESET)
        fail("send");
}

/* A request came on `fd`, or its end: what it asks for joins the batch. */
static void take_request(int fd, const char *at, size_t len)
{
    if (receive(fd) == 0) {
        close(fd);
        return;
    }
    if (batch_len + len > sizeof(batch) || newest - oldest == WAIT_MAX)
        fail("more under way than there is room for");
    memcpy(batch + batch_len, at, len);
    batch_len += len;
    waiting[newest++ % WAIT_MAX] = fd;
}

static void answer_oldest(blob answer)
{
    send_all(waiting[oldest++ % WAIT_MAX], answer.at, answer.len);
}

/* ---- relay ---- */

static void take_replies(int redis, blob answer, unsigned lines)
{
    static unsigned seen;
    size_t len = receive(redis);

    if (len == 0)
        fail("Redis went away");
    for (const char *at = input; (at = memchr(at, '\n', (size_t)(input + len - at))); at++)
        if (++seen % lines == 0)
            answer_oldest(answer);
}

static _Noreturn void relay(char **args)
{
    blob command = load(args[2]);
    blob answer = load(args[3]);
    unsigned lines = (unsigned)number(args[4]);
    int poll = epoll_create1(0);
    int redis = dial(args[1]);
    int listener = listen_at(args[0]);
    struct epoll_event events[EVENTS];

    watch(poll, listener);
    watch(poll, redis);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_on(poll, listener);
            else if (events[i].data.fd == redis)
                take_replies(redis, answer, lines);
            else
                take_request(events[i].data.fd, command.at, command.len);
        }
        if (batch_len > 0)
            send_all(redis, batch, batch_len);
        batch_len = 0;
    }
}

/* ---- log ---- */

/* What the disk's thread has to do. `len` is 0 while it has nothing to do. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t is_asked;
    char at[BATCH_MAX];
    size_t len;
    off_t offset;
    int file;
    int done; /* an eventfd */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .is_asked = PTHREAD_COND_INITIALIZER};

static void *write_log(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&disk.lock);
    for (;;) {
        while (disk.len == 0)
            pthread_cond_wait(&disk.is_asked, &disk.lock);
        pthread_mutex_unlock(&disk.lock);
        if (pwrite(disk.file, disk.at, disk.len, disk.offset) != (ssize_t)disk.len ||
            fdatasync(disk.file) != 0)
            fail("the log");
        disk.offset = (disk.offset + (off_t)disk.len) % (LOG_BYTES - BATCH_MAX);
        pthread_mutex_lock(&disk.lock);
        disk.len = 0;
        if (write(disk.done, &(uint64_t){1}, sizeof(uint64_t)) < 0)
            fail("eventfd");
    }
    return NULL;
}

static void open_log(const char *path)
{
    pthread_t thread;

    disk.file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    disk.done = eventfd(0, EFD_NONBLOCK);
    if (disk.file < 0 || disk.done < 0)
        fail(path);
    for (int i = 0; i < LOG_BYTES / BATCH_MAX; i++)
        if (write(disk.file, disk.at, BATCH_MAX) != BATCH_MAX)
            fail(path);
    if (fsync(disk.file) != 0 || pthread_create(&thread, NULL, write_log, NULL) != 0)
        fail(path);
}

/* The batch goes to the disk when that has nothing to do. Returns up to which request it has. */
static bool hand_over(void)
{
    bool is_free;

    pthread_mutex_lock(&disk.lock);
    is_free = disk.len == 0;
    if (is_free) {
        memcpy(disk.at, batch, batch_len);
        disk.len = batch_len;
        pthread_cond_signal(&disk.is_asked);
    }
    pthread_mutex_unlock(&disk.lock);
    return is_free;
}

static _Noreturn void log_requests(char **args)
{
    size_t bytes = (size_t)number(args[2]);
    blob answer = load(args[3]);
    char *entry = calloc(1, bytes + 1);
    int poll = epoll_create1(0);
    int listener = listen_at(args[0]);
    unsigned handed_over = 0; /* of the requests in `waiting` */
    bool is_busy = false;
    struct epoll_event events[EVENTS];

    open_log(args[1]);
    watch(poll, listener);
    watch(poll, disk.done);
    for (;;) {
        int count = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_on(poll, listener);
            } else if (events[i].data.fd == disk.done) {
                (void)receive(disk.done);
                is_busy = false;
                while (oldest != handed_over)
                    answer_oldest(answer);
            } else {
                take_request(events[i].data.fd, entry, bytes);
            }
        }
        if (batch_len > 0 && !is_busy && hand_over()) {
            is_busy = true;
            handed_over = newest;
            batch_len = 0;
        }
    }
}

/* ---- post ---- */

static double seconds(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void post(char **args)
{
    blob request = load(args[3]);
    int poll = epoll_create1(0);
    double end = seconds() + (double)number(args[2]);
    unsigned long answers = 0;
    struct epoll_event events[EVENTS];

    for (long i = number(args[1]); i > 0; i--) {
        int fd = dial(args[0]);

        watch(poll, fd);
        send_all(fd, request.at, request.len);
    }
    while (seconds() < end) {
        int count = epoll_wait(poll, events, EVENTS, 1000);

        for (int i = 0; i < count; i++) {
            if (receive(events[i].data.fd) == 0)
                fail("the application went away");
            answers++;
            send_all(events[i].data.fd, request.at, request.len);
        }
    }
    printf("%lu %.0f\n", answers, (double)clock() * 1e6 / CLOCKS_PER_SEC);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    if (argc == 7 && strcmp(mode, "relay") == 0)
        relay(argv + 2);
    if (argc == 6 && strcmp(mode, "log") == 0)
        log_requests(argv + 2);
    if (argc == 6 && strcmp(mode, "post") == 0) {
        post(argv + 2);
        return 0;
    }
    fprintf(stderr, "usage: the head of bench/floor.c tells it\n");
    return 2;
}
