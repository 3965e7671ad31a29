/* SPDX-License-Identifier: MIT
 *
 * A peer in a thread: takes one connection after another, reads one request on each, says what its
 * script has for it, then closes or keeps quiet. And a client for it.
 */
#ifndef TESTS_UNIT_SDK_FIXTURE_H
#define TESTS_UNIT_SDK_FIXTURE_H

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pillion/client.h"

#define PEER_MAX   8
#define PEER_HANGS "(says nothing until the end)"
#define PEER_CUTS  "(closes without reading)"

typedef struct peer {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *script[PEER_MAX + 1]; /* up to NULL */
    char heard[PEER_MAX][65536];
    int served;
} peer;

static inline size_t body_len_of(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");

    return at ? (size_t)strtoul(at + 17, NULL, 10) : 0;
}

/* One request: its head, and the body that Content-Length announces. */
static inline void peer_read(int fd, char *to, size_t max)
{
    size_t len = 0;

    for (;;) {
        const char *end;
        ssize_t n = recv(fd, to + len, max - len - 1, 0);

        if (n <= 0)
            break;
        len += (size_t)n;
        to[len] = '\0';
        end = strstr(to, "\r\n\r\n");
        if (end && len >= (size_t)(end - to) + 4 + body_len_of(to))
            break;
    }
    to[len] = '\0';
}

/* "200 Name: value|body" is an answer after which the connection closes; other texts go as they
 * are. */
static inline void peer_say(int fd, const char *text)
{
    const char *bar = strchr(text, '|');
    const char *header = text + 3;
    char head[512];

    if (!bar || text[0] < '0' || text[0] > '9') {
        (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
        return;
    }
    (void)snprintf(head, sizeof(head), "HTTP/1.1 %.3s X\r\nConnection: close\r\n", text);
    (void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
    if (bar > header) {
        (void)!send(fd, header + 1, (size_t)(bar - header) - 1, MSG_NOSIGNAL);
        (void)!send(fd, "\r\n", 2, MSG_NOSIGNAL);
    }
    if (strncmp(text, "204", 3) != 0) {
        (void)snprintf(head, sizeof(head), "Content-Length: %zu\r\n", strlen(bar + 1));
        (void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
    }
    (void)!send(fd, "\r\n", 2, MSG_NOSIGNAL);
    (void)!send(fd, bar + 1, strlen(bar + 1), MSG_NOSIGNAL);
}

static inline void *peer_run(void *at)
{
    peer *self = at;
    int open[PEER_MAX];
    int count = 0;

    for (const char **say = (const char **)self->script; *say; say++) {
        int fd = accept(self->listener, NULL, NULL);

        if (fd < 0)
            break;
        if (strcmp(*say, PEER_CUTS) == 0) {
            close(fd);
            self->served++;
            continue;
        }
        peer_read(fd, self->heard[self->served], sizeof(self->heard[0]));
        self->served++;
        if (strcmp(*say, PEER_HANGS) == 0) {
            open[count++] = fd;
            continue;
        }
        peer_say(fd, *say);
        close(fd);
    }
    (void)!accept(self->listener, NULL, NULL); /* until peer_stop */
    while (count > 0)
        close(open[--count]);
    return NULL;
}

static inline void peer_start(peer *self, const char *const *script)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);

    memset(self, 0, sizeof(*self));
    for (int i = 0; script[i]; i++)
        self->script[i] = script[i];
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(self->listener >= 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(self->listener, 16), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&at, &len), 0);
    self->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, peer_run, self), 0);
}

static inline void peer_stop(peer *self)
{
    shutdown(self->listener, SHUT_RDWR);
    pthread_join(self->thread, NULL);
    close(self->listener);
}

/* A client of whatever listens on `port`. */
static inline pillion_client *client_of(pillion_loop *loop, int port)
{
    pillion_client_settings settings = {.loop = loop, .api_token = "", .timeout_ms = 20000};
    char endpoint[64];

    (void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", port);
    settings.http_endpoint = endpoint;
    return pillion_client_new(&settings);
}

#define assert_str(got, wanted)                                                                    \
    do {                                                                                           \
        pillion_str str_got = (got);                                                               \
        assert_int_equal(str_got.at[str_got.len], '\0');                                           \
        assert_string_equal(str_got.at, wanted);                                                   \
    } while (0)

#endif
