/* SPDX-License-Identifier: MIT
 *
 * gzip (RFC 1952): of whole pieces, bounded, and of a stream of any length, step by step.
 */
#ifndef SC_WIRE_GZIP_H
#define SC_WIRE_GZIP_H

#include "core/buf.h"
#include "core/error.h"

/* ---- a stream ---- */

typedef struct sc_gunzip sc_gunzip;

sc_gunzip *sc_gunzip_new(void);
void sc_gunzip_free(sc_gunzip *gunzip); /* NULL is fine */
/* Takes from the front of `*packed` and writes `*len` bytes, at most `cap`, to `to`. There is more
 * to be had at once while `packed->len` is not 0 or `*len` is `cap`. Members behind one another are
 * one stream. Fails with SC_INTERNAL when it is not gzip. */
sc_code sc_gunzip_step(sc_gunzip *gunzip, sc_str *packed, char *to, size_t cap, size_t *len,
                       sc_error *err) SC_MUST_CHECK;
/* Whether the input may end here: behind a whole member, or before anything came. */
bool sc_gunzip_may_end(const sc_gunzip *gunzip);

/* ---- whole pieces ---- */

/* Appends what `packed` holds. Fails with SC_INTERNAL when it is not gzip, SC_EXHAUSTED past
 * `max_len` bytes of output; `out` may then hold a part. */
sc_code sc_gzip_decode(sc_str packed, uint64_t max_len, sc_buf *out, sc_error *err) SC_MUST_CHECK;
/* Appends `plain`, packed. */
sc_code sc_gzip_encode(sc_str plain, sc_buf *out, sc_error *err) SC_MUST_CHECK;

#endif
