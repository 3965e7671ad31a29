/* SPDX-License-Identifier: MIT
 *
 * The table that the crypto module exports. The module links nothing of ours.
 */
#ifndef SC_WIRE_AEAD_INTERNAL_H
#define SC_WIRE_AEAD_INTERNAL_H

#include "wire/aead.h"

typedef struct sc_crypto_module_ops {
    /* NULL when the key has a length that AES has not. */
    void *(*key_new)(const char *key, size_t len);
    void (*key_free)(void *key);
    bool (*seal)(void *key, const char *plain, size_t len, char *out);
    bool (*open)(void *key, const char *sealed, size_t len, char *out);
} sc_crypto_module_ops;

#endif
