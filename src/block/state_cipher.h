/* SPDX-License-Identifier: MIT
 *
 * Values encrypted before they leave for the store (Dapr: automatic encryption of state): the
 * settings primaryEncryptionKey and secondaryEncryptionKey of a state store. The record names its
 * key, so keys can be rotated: writes use the primary, reads whichever the record names.
 */
#ifndef SC_BLOCK_STATE_CIPHER_H
#define SC_BLOCK_STATE_CIPHER_H

#include "core/pairs.h"
#include "wire/aead.h"

typedef struct sc_state_cipher sc_state_cipher;

/* The cipher that `settings` ask for, or NULL for none. `secrets` names the secret that each
 * setting came from: a key without one is refused, for its records could not name it. Fails with
 * SC_INVALID, or as sc_aead_new; never prints a key. */
sc_code sc_state_cipher_new(const sc_pairs *settings, const sc_pairs *secrets,
                            sc_state_cipher **out, sc_error *err) SC_MUST_CHECK;
void sc_state_cipher_free(sc_state_cipher *cipher); /* NULL is allowed */

/* The record for a value, in `mem`: base64 of nonce, cipher text and tag, "||", the key's name. */
sc_code sc_state_cipher_seal(sc_state_cipher *cipher, sc_str value, sc_arena *mem, sc_str *record,
                             sc_error *err) SC_MUST_CHECK;
/* The value of a record, in `mem`. Fails with SC_DATA_LOSS; `store` is named in the story. */
sc_code sc_state_cipher_unseal(sc_state_cipher *cipher, sc_str store, sc_str record, sc_arena *mem,
                               sc_str *value, sc_error *err) SC_MUST_CHECK;

#endif
