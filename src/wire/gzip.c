/* SPDX-License-Identifier: MIT
 *
 * gzip through zlib; the only file that sees it.
 */
#include "wire/gzip.h"

#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16)
#define STEP             16384u

sc_code sc_gzip_decode(sc_str packed, uint64_t max_len, sc_buf *out, sc_error *err)
{
    z_stream z = {0};
    uint64_t made = 0;
    int status = Z_OK;

    if (packed.len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return sc_fail(err, SC_EXHAUSTED, "gzip: no memory to decompress %zu bytes", packed.len);
    z.next_in = (Bytef *)(uintptr_t)packed.at;
    z.avail_in = (uInt)packed.len;
    while (status == Z_OK && made <= max_len) {
        char *room = sc_buf_try_room(out, STEP);

        if (!room)
            break;
        z.next_out = (Bytef *)room;
        z.avail_out = STEP;
        status = inflate(&z, Z_NO_FLUSH);
        sc_buf_added(out, STEP - z.avail_out);
        made += STEP - z.avail_out;
        if (status == Z_BUF_ERROR || (status == Z_OK && z.avail_in == 0 && z.avail_out > 0))
            break; /* the input ended too early */
    }
    inflateEnd(&z);
    if (made > max_len)
        return sc_fail(err, SC_EXHAUSTED,
                       "grpc: received message after decompression larger than max (%llu vs. %llu)",
                       (unsigned long long)made, (unsigned long long)max_len);
    if (status != Z_STREAM_END)
        return sc_fail(err, SC_INTERNAL, "gzip: invalid data");
    return SC_OK;
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
