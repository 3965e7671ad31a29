/* SPDX-License-Identifier: MIT
 *
 * Growing byte buffers.
 */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sc_buf_deinit(sc_buf *buf)
{
    free(buf->mem);
    *buf = (sc_buf){0};
}

char *sc_buf_try_room(sc_buf *buf, size_t size)
{
    size_t len = sc_buf_len(buf);
    size_t cap;
    char *mem;

    if (buf->cap - buf->to >= size && buf->mem)
        return buf->mem + buf->to;
    if (buf->from && buf->cap - len >= size && buf->from >= len) {
        memcpy(buf->mem, buf->mem + buf->from, len);
        buf->from = 0;
        buf->to = len;
        return buf->mem + buf->to;
    }
    if (size > SIZE_MAX / 2 - len)
        return NULL;
    cap = buf->cap < 256 ? 256 : buf->cap;
    while (cap < len + size)
        cap *= 2;
    mem = sc_try_alloc(cap);
    if (!mem)
        return NULL;
    if (len)
        memcpy(mem, buf->mem + buf->from, len);
    free(buf->mem);
    *buf = (sc_buf){.mem = mem, .to = len, .cap = cap};
    return buf->mem + buf->to;
}

char *sc_buf_room(sc_buf *buf, size_t size)
{
    char *at = sc_buf_try_room(buf, size);

    if (!at)
        sc_out_of_memory("buffer");
    return at;
}

void sc_buf_add_u64(sc_buf *buf, uint64_t n)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    sc_buf_add(buf, digits + at, sizeof(digits) - at);
}

void sc_buf_add_hex(sc_buf *buf, uint64_t n)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[n & 15];
        n >>= 4;
    } while (n);
    sc_buf_add(buf, digits + at, sizeof(digits) - at);
}

void sc_buf_add_fmt(sc_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        vsnprintf(sc_buf_room(buf, (size_t)n + 1), (size_t)n + 1, fmt, again);
        buf->to += (size_t)n;
    }
    va_end(again);
}

void sc_buf_eat(sc_buf *buf, size_t len)
{
    assert(len <= sc_buf_len(buf));
    buf->from += len;
    if (buf->from == buf->to)
        buf->from = buf->to = 0;
}

void sc_buf_reset(sc_buf *buf, size_t keep)
{
    sc_buf_clear(buf);
    if (buf->cap > keep)
        sc_buf_deinit(buf);
}
