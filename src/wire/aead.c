/* SPDX-License-Identifier: MIT
 *
 * Loads the crypto module and hands bytes to it.
 */
#include "wire/aead.h"

#include <stdlib.h>

#include "core/module.h"
#include "wire/aead_internal.h"

struct sc_aead {
    const sc_crypto_module_ops *ops;
    void *key;
};

sc_code sc_aead_new(sc_str key, sc_aead **out, sc_error *err)
{
    const sc_crypto_module_ops *ops = sc_module_load("crypto", err);
    sc_aead *aead;
    void *inner;

    if (!ops)
        return err->code;
    inner = ops->key_new(key.at, key.len);
    if (!inner)
        return sc_fail(err, SC_INVALID, "crypto/aes: invalid key size %zu", key.len);
    aead = sc_new(sc_aead);
    *aead = (sc_aead){.ops = ops, .key = inner};
    *out = aead;
    return SC_OK;
}

void sc_aead_free(sc_aead *aead)
{
    if (!aead)
        return;
    aead->ops->key_free(aead->key);
    free(aead);
}

sc_code sc_aead_seal(sc_aead *aead, sc_str plain, char *out, sc_error *err)
{
    if (aead->ops->seal(aead->key, plain.at, plain.len, out))
        return SC_OK;
    return sc_fail(err, SC_INTERNAL, "cannot encrypt %zu bytes", plain.len);
}

sc_code sc_aead_open(sc_aead *aead, sc_str sealed, char *out, sc_error *err)
{
    if (sealed.len >= SC_AEAD_OVERHEAD && aead->ops->open(aead->key, sealed.at, sealed.len, out))
        return SC_OK;
    return sc_fail(err, SC_DATA_LOSS, "cipher: message authentication failed");
}
