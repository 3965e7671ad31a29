/* SPDX-License-Identifier: MIT
 *
 * gzip through zlib; the only file that sees it.
 */
#include "wire/gzip.h"

#include <stdlib.h>

#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16)
#define STEP             16384u

struct sc_gunzip {
    z_stream z;
    bool is_inside; /* of a member */
};

sc_gunzip *sc_gunzip_new(void)
{
    sc_gunzip *gunzip = sc_new(sc_gunzip);

    if (inflateInit2(&gunzip->z, GZIP_WINDOW_BITS) != Z_OK)
        sc_out_of_memory("gzip");
    return gunzip;
}

void sc_gunzip_free(sc_gunzip *gunzip)
{
    if (!gunzip)
        return;
    inflateEnd(&gunzip->z);
    free(gunzip);
}

bool sc_gunzip_may_end(const sc_gunzip *gunzip)
{
    return !gunzip->is_inside;
}

/* Until there is no more room or no more input. */
static int inflate_members(sc_gunzip *gunzip)
{
    z_stream *z = &gunzip->z;
    int status = Z_OK;

    while (status == Z_OK && z->avail_out > 0) {
        gunzip->is_inside |= z->avail_in > 0;
        status = inflate(z, Z_NO_FLUSH);
        if (status != Z_STREAM_END)
            continue;
        gunzip->is_inside = false;
        status = z->avail_in > 0 ? inflateReset(z) : Z_BUF_ERROR;
    }
    return status;
}

sc_code sc_gunzip_step(sc_gunzip *gunzip, sc_str *packed, char *to, size_t cap, size_t *len,
                       sc_error *err)
{
    z_stream *z = &gunzip->z;
    uInt given = packed->len < UINT32_MAX ? (uInt)packed->len : UINT32_MAX;
    uInt room = cap < UINT32_MAX ? (uInt)cap : UINT32_MAX;
    int status;

    z->next_in = (Bytef *)(uintptr_t)packed->at;
    z->avail_in = given;
    z->next_out = (Bytef *)to;
    z->avail_out = room;
    status = inflate_members(gunzip);
    *len = room - z->avail_out;
    *packed = sc_str_sub(*packed, given - z->avail_in, packed->len);
    if (status == Z_OK || status == Z_BUF_ERROR)
        return SC_OK;
    return sc_fail(err, status == Z_MEM_ERROR ? SC_EXHAUSTED : SC_INTERNAL, "gzip: %s",
                   z->msg ? z->msg : "invalid data");
}

sc_code sc_gzip_decode(sc_str packed, uint64_t max_len, sc_buf *out, sc_error *err)
{
    sc_gunzip *gunzip = sc_gunzip_new();
    bool is_nothing = packed.len == 0;
    sc_code code = SC_OK;
    uint64_t made = 0;
    size_t len;

    do {
        char *room = sc_buf_try_room(out, STEP);

        len = 0;
        if (!room)
            code = sc_fail(err, SC_EXHAUSTED, "gzip: no memory to decompress");
        else
            code = sc_gunzip_step(gunzip, &packed, room, STEP, &len, err);
        sc_buf_added(out, len);
        made += len;
    } while (code == SC_OK && made <= max_len && (packed.len > 0 || len == STEP));
    if (made > max_len)
        code = sc_fail(err, SC_EXHAUSTED,
                       "grpc: received message after decompression larger than max (%llu vs. %llu)",
                       (unsigned long long)made, (unsigned long long)max_len);
    else if (code == SC_OK && (is_nothing || !sc_gunzip_may_end(gunzip)))
        code = sc_fail(err, SC_INTERNAL, "gzip: unexpected EOF");
    sc_gunzip_free(gunzip);
    return code;
}

sc_code sc_gzip_encode(sc_str plain, sc_buf *out, sc_error *err)
{
    z_stream z = {0};
    uLong bound;
    char *room;
    int status;

    if (plain.len > UINT32_MAX ||
        deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return sc_fail(err, SC_EXHAUSTED, "gzip: no memory to compress %zu bytes", plain.len);
    bound = deflateBound(&z, (uLong)plain.len);
    room = sc_buf_try_room(out, bound);
    if (!room) {
        deflateEnd(&z);
        return sc_fail(err, SC_EXHAUSTED, "gzip: no memory to compress %zu bytes", plain.len);
    }
    z.next_in = (Bytef *)(uintptr_t)plain.at;
    z.avail_in = (uInt)plain.len;
    z.next_out = (Bytef *)room;
    z.avail_out = (uInt)bound;
    status = deflate(&z, Z_FINISH);
    sc_buf_added(out, bound - z.avail_out);
    deflateEnd(&z);
    return status == Z_STREAM_END ? SC_OK : sc_fail(err, SC_INTERNAL, "gzip: compression failed");
}
