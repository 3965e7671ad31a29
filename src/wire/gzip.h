/* SPDX-License-Identifier: MIT
 *
 * gzip (RFC 1952) of whole pieces, bounded.
 */
#ifndef SC_WIRE_GZIP_H
#define SC_WIRE_GZIP_H

#include "core/buf.h"
#include "core/error.h"

/* Appends what `packed` holds. Fails with SC_INTERNAL when it is not gzip, SC_EXHAUSTED past
 * `max_len` bytes of output; `out` may then hold a part. */
sc_code sc_gzip_decode(sc_str packed, uint64_t max_len, sc_buf *out, sc_error *err) SC_MUST_CHECK;
/* Appends `plain`, packed. */
sc_code sc_gzip_encode(sc_str plain, sc_buf *out, sc_error *err) SC_MUST_CHECK;

#endif
