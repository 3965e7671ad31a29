/* SPDX-License-Identifier: MIT
 *
 * Authenticated encryption: AES-GCM (NIST SP 800-38D) with 128, 192 or 256 bits. OpenSSL does it,
 * in a module that is loaded with the first key. Used by one thread at a time.
 */
#ifndef SC_WIRE_AEAD_H
#define SC_WIRE_AEAD_H

#include "core/error.h"
#include "core/str.h"

#define SC_AEAD_NONCE_LEN 12u
#define SC_AEAD_TAG_LEN   16u
#define SC_AEAD_OVERHEAD  (SC_AEAD_NONCE_LEN + SC_AEAD_TAG_LEN)

typedef struct sc_aead sc_aead;

/* Fails with SC_INVALID for a key that is not 16, 24 or 32 bytes long, or as sc_module_load. */
sc_code sc_aead_new(sc_str key, sc_aead **out, sc_error *err) SC_MUST_CHECK;
void sc_aead_free(sc_aead *aead); /* NULL is allowed */

/* A fresh random nonce, the cipher text and the tag: plain.len + SC_AEAD_OVERHEAD bytes at `out`.
 */
sc_code sc_aead_seal(sc_aead *aead, sc_str plain, char *out, sc_error *err) SC_MUST_CHECK;
/* The plain text of what sc_aead_seal made: sealed.len - SC_AEAD_OVERHEAD bytes at `out`. Fails
 * with SC_DATA_LOSS when it was made with another key, or changed, or is too short. */
sc_code sc_aead_open(sc_aead *aead, sc_str sealed, char *out, sc_error *err) SC_MUST_CHECK;

#endif
