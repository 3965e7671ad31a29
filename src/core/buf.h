/* SPDX-License-Identifier: MIT
 *
 * sc_buf: an owned byte buffer that grows at its end and is eaten from its front.
 */
#ifndef SC_CORE_BUF_H
#define SC_CORE_BUF_H

#include "core/str.h"

typedef struct sc_buf {
    char *mem;   /* heap; NULL while empty */
    size_t from; /* first live byte */
    size_t to;   /* one past the last live byte */
    size_t cap;
} sc_buf;

static inline void sc_buf_init(sc_buf *buf)
{
    *buf = (sc_buf){0};
}
void sc_buf_deinit(sc_buf *buf);

static inline size_t sc_buf_len(const sc_buf *buf)
{
    return buf->to - buf->from;
}
static inline char *sc_buf_at(const sc_buf *buf)
{
    return buf->from > 0 ? buf->mem + buf->from : buf->mem; /* no arithmetic on NULL */
}
/* The live bytes; good until the buffer is next changed. */
static inline sc_str sc_buf_str(const sc_buf *buf)
{
    return (sc_str){sc_buf_at(buf), sc_buf_len(buf)};
}

/* Room for `size` more bytes at the end; stops the process when the heap has none. Returns where to
 * write; then call sc_buf_added. */
char *sc_buf_room(sc_buf *buf, size_t size);
/* The same for a size that a peer chose: NULL when the heap has none. */
char *sc_buf_try_room(sc_buf *buf, size_t size) SC_MUST_CHECK;
static inline void sc_buf_added(sc_buf *buf, size_t size)
{
    buf->to += size;
}

/* Inline, as an envelope or a head is written by dozens of short pieces. */
static inline void sc_buf_add(sc_buf *buf, const void *at, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf->cap - buf->to >= len ? buf->mem + buf->to : sc_buf_room(buf, len), at, len);
    buf->to += len;
}
static inline void sc_buf_add_str(sc_buf *buf, sc_str s)
{
    sc_buf_add(buf, s.at, s.len);
}
static inline void sc_buf_add_byte(sc_buf *buf, char byte)
{
    sc_buf_add(buf, &byte, 1);
}
void sc_buf_add_u64(sc_buf *buf, uint64_t n); /* decimal */
void sc_buf_add_hex(sc_buf *buf, uint64_t n); /* in lower case, no zeros in front */
void sc_buf_add_fmt(sc_buf *buf, const char *fmt, ...) SC_PRINTF(2, 3);

/* Removes `len` bytes from the front. */
void sc_buf_eat(sc_buf *buf, size_t len);
/* Empties the buffer but keeps its memory. */
static inline void sc_buf_clear(sc_buf *buf)
{
    buf->from = buf->to = 0;
}
/* Empties it and gives the memory back when it is larger than `keep`. */
void sc_buf_reset(sc_buf *buf, size_t keep);

#endif
