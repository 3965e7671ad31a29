/* SPDX-License-Identifier: MIT
 *
 * HTTP/2 frames written and read by hand, for scripts of good and bad peers.
 */
#ifndef TESTS_UNIT_NET_H2_SCRIPT_H
#define TESTS_UNIT_NET_H2_SCRIPT_H

#include "net_fixture.h"

#include "core/buf.h"

enum { F_DATA, F_HEADERS, F_PRIORITY, F_RST, F_SETTINGS, F_PUSH, F_PING, F_GOAWAY, F_WINDOW };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static inline void put_frame(sc_buf *to, int type, int flags, uint32_t stream, const void *at,
                             size_t len)
{
    unsigned char head[9] = {
        (unsigned char)(len >> 16),    (unsigned char)(len >> 8),    (unsigned char)len,
        (unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
        (unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream};

    sc_buf_add(to, head, sizeof(head));
    sc_buf_add(to, at, len);
}

static inline void put_u32_frame(sc_buf *to, int type, uint32_t stream, uint32_t n)
{
    unsigned char b[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
                          (unsigned char)(n >> 8), (unsigned char)n};

    put_frame(to, type, 0, stream, b, sizeof(b));
}

static inline void put_hello(sc_buf *to)
{
    sc_buf_add_str(to, SC_STR(PREFACE));
    put_frame(to, F_SETTINGS, 0, 0, NULL, 0);
    put_frame(to, F_SETTINGS, ACK, 0, NULL, 0); /* the server's, so that its windows count */
}

/* HPACK: a literal that is not indexed, no Huffman; lengths below 16,000. */
static inline void put_hpack_len(sc_buf *to, size_t len)
{
    if (len < 127) {
        sc_buf_add_byte(to, (char)len);
        return;
    }
    sc_buf_add_byte(to, 127);
    len -= 127;
    while (len >= 128) {
        sc_buf_add_byte(to, (char)(len % 128 + 128));
        len /= 128;
    }
    sc_buf_add_byte(to, (char)len);
}

static inline void put_header(sc_buf *to, sc_str name, sc_str value)
{
    sc_buf_add_byte(to, 0);
    put_hpack_len(to, name.len);
    sc_buf_add_str(to, name);
    put_hpack_len(to, value.len);
    sc_buf_add_str(to, value);
}

/* "name: value" lines as one HEADERS frame. */
static inline void put_headers(sc_buf *to, uint32_t stream, int flags, const char *lines)
{
    sc_buf block = {0};
    sc_str rest = sc_str_from(lines);

    while (rest.len) {
        sc_str line = sc_str_cut(&rest, '\n');
        size_t colon = 1 + sc_str_find(sc_str_sub(line, 1, line.len), ':');

        put_header(&block, sc_str_sub(line, 0, colon),
                   sc_str_trim(sc_str_sub(line, colon + 1, line.len)));
    }
    put_frame(to, F_HEADERS, flags | END_HEADERS, stream, sc_buf_at(&block), sc_buf_len(&block));
    sc_buf_deinit(&block);
}

#define GRPC_HEAD(path)                                                                            \
    ":method: POST\n:scheme: http\n:path: " path                                                   \
    "\n:authority: localhost\ncontent-type: application/grpc\nte: trailers"

/* One gRPC message as a DATA frame. */
static inline void put_message(sc_buf *to, uint32_t stream, int flags, const char *at, size_t len)
{
    sc_buf body = {0};
    unsigned char prefix[5] = {0, (unsigned char)(len >> 24), (unsigned char)(len >> 16),
                               (unsigned char)(len >> 8), (unsigned char)len};

    sc_buf_add(&body, prefix, 5);
    sc_buf_add(&body, at, len);
    put_frame(to, F_DATA, flags, stream, sc_buf_at(&body), sc_buf_len(&body));
    sc_buf_deinit(&body);
}

static inline void say(sc_loop *loop, int fd, sc_buf *what)
{
    peer_say(loop, fd, sc_buf_at(what), sc_buf_len(what));
    sc_buf_deinit(what);
}

typedef struct frame {
    int type;
    int flags;
    uint32_t stream;
    sc_str body;
} frame;

/* The `nth` (from 0) frame of `type` on `stream` in what was heard; false when there is none. */
static inline bool find_frame(sc_str heard, int type, uint32_t stream, int nth, frame *out)
{
    const unsigned char *b = (const unsigned char *)heard.at;
    size_t at = 0;

    while (at + 9 <= heard.len) {
        size_t len = (size_t)b[at] << 16 | (size_t)b[at + 1] << 8 | b[at + 2];
        uint32_t id = (uint32_t)b[at + 5] << 24 | (uint32_t)b[at + 6] << 16 |
                      (uint32_t)b[at + 7] << 8 | b[at + 8];

        if (at + 9 + len > heard.len)
            return false;
        if (b[at + 3] == type && id == stream && nth-- == 0) {
            *out = (frame){type, b[at + 4], id, sc_str_sub(heard, at + 9, at + 9 + len)};
            return true;
        }
        at += 9 + len;
    }
    return false;
}

static inline uint32_t u32_at(sc_str body, size_t at)
{
    const unsigned char *b = (const unsigned char *)body.at + at;

    assert_true(body.len >= at + 4);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Listens until the `nth` frame of `type` on `stream` came or the other side closed. */
static inline bool hear_frame(sc_loop *loop, int fd, sc_buf *heard, int type, uint32_t stream,
                              int nth, frame *out)
{
    for (int i = 0; i < 5000; i++) {
        char *room = sc_buf_room(heard, 65536);
        ssize_t n = recv(fd, room, 65536, 0);

        if (n > 0)
            sc_buf_added(heard, (size_t)n);
        if (find_frame(sc_buf_str(heard), type, stream, nth, out))
            return true;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n < 0)
            turn_for(loop, 1);
    }
    return false;
}

#endif
