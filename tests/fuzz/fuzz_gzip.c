/* links: wire */
/* SPDX-License-Identifier: MIT
 *
 * Packed bytes from an application: a stream says the same of them in steps of any size, with the
 * input in pieces of any size, as the decoder of whole pieces does.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/gzip.h"

#define OUTPUT_MAX (64u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Up to OUTPUT_MAX bytes of output: false when it is no gzip. */
static bool decode_in_steps(sc_str packed, size_t piece, size_t step, sc_buf *out)
{
    sc_gunzip *gunzip = sc_gunzip_new();
    sc_code code = SC_OK;
    sc_error err;

    while (code == SC_OK && packed.len > 0 && sc_buf_len(out) <= OUTPUT_MAX) {
        sc_str now = sc_str_sub(packed, 0, piece);
        size_t given = now.len;
        size_t made;

        do {
            code = sc_gunzip_step(gunzip, &now, sc_buf_room(out, step), step, &made, &err);
            sc_buf_added(out, made);
        } while (code == SC_OK && (now.len > 0 || made == step) && sc_buf_len(out) <= OUTPUT_MAX);
        packed = sc_str_sub(packed, given, packed.len);
    }
    if (code == SC_OK && sc_buf_len(out) <= OUTPUT_MAX && !sc_gunzip_may_end(gunzip))
        code = SC_INTERNAL;
    sc_gunzip_free(gunzip);
    return code == SC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_buf whole = {0}, steps = {0};
    sc_code code;
    bool is_good;
    sc_error err;

    if (len < 3)
        return 0;
    code = sc_gzip_decode(sc_str_of((const char *)data + 2, len - 2), OUTPUT_MAX, &whole, &err);
    is_good = decode_in_steps(sc_str_of((const char *)data + 2, len - 2), data[0] + 1u,
                              data[1] + 1u, &steps);
    if (code != SC_EXHAUSTED && is_good != (code == SC_OK))
        abort();
    if (code == SC_OK && (sc_buf_len(&whole) != sc_buf_len(&steps) ||
                          (sc_buf_len(&whole) > 0 &&
                           memcmp(sc_buf_at(&whole), sc_buf_at(&steps), sc_buf_len(&whole)) != 0)))
        abort();
    sc_buf_deinit(&whole);
    sc_buf_deinit(&steps);
    return 0;
}
