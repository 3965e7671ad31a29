/* SPDX-License-Identifier: MIT
 *
 * Redis commands as bytes: the array of bulk strings of RESP, written straight into the buffer that
 * leaves with the next write.
 */
#include "components/shared/redis_client.h"

enum { DIGITS_MAX = 20 };

/* Writes `n` so that it ends before `end`; returns where it starts. */
static char *digits_before(char *end, uint64_t n)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    return end;
}

static char *put_head(char *to, char mark, uint64_t n)
{
    char digits[DIGITS_MAX];
    char *at = digits_before(digits + sizeof(digits), n);
    size_t len = (size_t)(digits + sizeof(digits) - at);

    *to++ = mark;
    memcpy(to, at, len);
    to += len;
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

void sc_redis_begin(sc_buf *out, size_t argc)
{
    char *room = sc_buf_room(out, DIGITS_MAX + 3);

    sc_buf_added(out, (size_t)(put_head(room, '*', argc) - room));
}

void sc_redis_arg(sc_buf *out, sc_str arg)
{
    char *room = sc_buf_room(out, arg.len + DIGITS_MAX + 5);
    char *to = put_head(room, '$', arg.len);

    if (arg.len)
        memcpy(to, arg.at, arg.len);
    to += arg.len;
    *to++ = '\r';
    *to++ = '\n';
    sc_buf_added(out, (size_t)(to - room));
}

void sc_redis_arg_u64(sc_buf *out, uint64_t n)
{
    char digits[DIGITS_MAX];
    char *at = digits_before(digits + sizeof(digits), n);

    sc_redis_arg(out, sc_str_of(at, (size_t)(digits + sizeof(digits) - at)));
}

void sc_redis_arg_id(sc_buf *out, uint64_t ms, uint64_t seq)
{
    char text[2 * DIGITS_MAX + 1];
    char *end = text + sizeof(text);
    char *at = digits_before(end, seq);

    *--at = '-';
    at = digits_before(at, ms);
    sc_redis_arg(out, sc_str_of(at, (size_t)(end - at)));
}
