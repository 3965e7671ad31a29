/* SPDX-License-Identifier: MIT
 *
 * Counted payloads.
 */
#include "core/bytes.h"

#include <stdlib.h>

sc_bytes *sc_bytes_new(size_t len)
{
    sc_bytes *bytes;

    if (len > SIZE_MAX - sizeof(*bytes) - 1)
        return NULL;
    bytes = sc_try_alloc(sizeof(*bytes) + len + 1);
    if (!bytes)
        return NULL;
    atomic_init(&bytes->refs, 1);
    bytes->len = len;
    bytes->at[len] = '\0';
    return bytes;
}

sc_bytes *sc_bytes_copy(sc_str from)
{
    sc_bytes *bytes = sc_bytes_new(from.len);

    if (bytes && from.len)
        memcpy(bytes->at, from.at, from.len);
    return bytes;
}

sc_bytes *sc_bytes_ref(sc_bytes *bytes)
{
    atomic_fetch_add_explicit(&bytes->refs, 1, memory_order_relaxed);
    return bytes;
}

void sc_bytes_unref(sc_bytes *bytes)
{
    if (bytes && atomic_fetch_sub_explicit(&bytes->refs, 1, memory_order_acq_rel) == 1)
        free(bytes);
}
