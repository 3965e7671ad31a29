/* SPDX-License-Identifier: MIT
 *
 * sc_bytes: a counted, immutable payload; the one thing shared across layers and threads.
 */
#ifndef SC_CORE_BYTES_H
#define SC_CORE_BYTES_H

#include <stdatomic.h>

#include "core/str.h"

typedef struct sc_bytes {
    atomic_uint refs;
    size_t len;
    char at[]; /* NUL-terminated behind `len` for the C library's sake */
} sc_bytes;

/* A counted copy with one reference, or NULL when the heap has none. */
sc_bytes *sc_bytes_copy(sc_str from) SC_MUST_CHECK;
/* `len` bytes to be filled in before the first share, or NULL. */
sc_bytes *sc_bytes_new(size_t len) SC_MUST_CHECK;
sc_bytes *sc_bytes_ref(sc_bytes *bytes);
void sc_bytes_unref(sc_bytes *bytes); /* NULL is allowed */

static inline sc_str sc_bytes_str(const sc_bytes *bytes)
{
    return bytes ? (sc_str){bytes->at, bytes->len} : SC_STR_NONE;
}

#endif
