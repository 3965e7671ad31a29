/* SPDX-License-Identifier: MIT
 *
 * Records of encrypted values, as Dapr writes them.
 */
#include "block/state_cipher.h"

#include <stdlib.h>

#include "wire/base64.h"

typedef struct named_key {
    sc_str name;
    sc_aead *aead; /* NULL: not set */
} named_key;

struct sc_state_cipher {
    named_key keys[2]; /* primary, secondary */
    sc_arena mem;
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Into the 64 bytes at `out`, the longest that could be a key. */
static sc_code read_hex(sc_str text, char out[64], size_t *len, sc_error *err)
{
    if (text.len % 2 != 0)
        return sc_fail(err, SC_INVALID, "encoding/hex: odd length hex string");
    if (text.len > 128)
        return sc_fail(err, SC_INVALID, "crypto/aes: invalid key size %zu", text.len / 2);
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.at[i]);
        int low = hex_value(text.at[i + 1]);

        if (high < 0 || low < 0)
            return sc_fail(err, SC_INVALID, "encoding/hex: invalid byte");
        out[i / 2] = (char)(high << 4 | low);
    }
    *len = text.len / 2;
    return SC_OK;
}

static sc_code open_key(sc_state_cipher *cipher, named_key *key, const char *setting,
                        const sc_pairs *settings, const sc_pairs *secrets, sc_error *err)
{
    const sc_str *text = sc_pairs_get(settings, sc_str_from(setting));
    const sc_str *name = secrets ? sc_pairs_get(secrets, sc_str_from(setting)) : NULL;
    char bytes[64];
    size_t len = 0;

    if (!text || text->len == 0)
        return SC_OK;
    if (!name || name->len == 0)
        return sc_fail(err, SC_INVALID,
                       "metadata '%s' must be a secretKeyRef: records carry the name of the secret "
                       "that they are encrypted with",
                       setting);
    if (read_hex(*text, bytes, &len, err) != SC_OK ||
        sc_aead_new(sc_str_of(bytes, len), &key->aead, err) != SC_OK)
        return sc_error_context(err, "metadata '%s'", setting);
    explicit_bzero(bytes, sizeof(bytes));
    key->name = sc_arena_str(&cipher->mem, *name);
    return SC_OK;
}

sc_code sc_state_cipher_new(const sc_pairs *settings, const sc_pairs *secrets,
                            sc_state_cipher **out, sc_error *err)
{
    sc_state_cipher *cipher = sc_new(sc_state_cipher);

    sc_arena_init(&cipher->mem, NULL);
    *out = NULL;
    if (open_key(cipher, &cipher->keys[0], "primaryEncryptionKey", settings, secrets, err) !=
            SC_OK ||
        open_key(cipher, &cipher->keys[1], "secondaryEncryptionKey", settings, secrets, err) !=
            SC_OK) {
        sc_state_cipher_free(cipher);
        return err->code;
    }
    if (cipher->keys[0].aead)
        *out = cipher;
    else
        sc_state_cipher_free(cipher); /* a secondary key alone encrypts nothing, as in Dapr */
    return SC_OK;
}

void sc_state_cipher_free(sc_state_cipher *cipher)
{
    if (!cipher)
        return;
    for (size_t i = 0; i < SC_ARRAY_LEN(cipher->keys); i++)
        sc_aead_free(cipher->keys[i].aead);
    sc_arena_deinit(&cipher->mem);
    free(cipher);
}

sc_code sc_state_cipher_seal(sc_state_cipher *cipher, sc_str value, sc_arena *mem, sc_str *record,
                             sc_error *err)
{
    const named_key *key = &cipher->keys[0];
    size_t len = value.len + SC_AEAD_OVERHEAD;
    char *sealed = sc_arena_try(mem, len);
    sc_str parts[] = {SC_STR_NONE, SC_STR("||"), key->name};

    if (!sealed)
        return sc_fail(err, SC_EXHAUSTED, "no memory to encrypt %zu bytes", value.len);
    if (sc_aead_seal(key->aead, value, sealed, err) != SC_OK)
        return err->code;
    parts[0] = sc_base64_encode(sc_str_of(sealed, len), true, mem);
    *record = sc_arena_join(mem, parts, SC_ARRAY_LEN(parts));
    return SC_OK;
}

/* Cuts the record at its last separator. */
static const named_key *key_of(const sc_state_cipher *cipher, sc_str record, sc_str *text)
{
    size_t at = record.len;

    while (at >= 2 && !(record.at[at - 1] == '|' && record.at[at - 2] == '|'))
        at--;
    if (at < 2 || at == record.len)
        return NULL;
    *text = sc_str_sub(record, 0, at - 2);
    for (size_t i = 0; i < SC_ARRAY_LEN(cipher->keys); i++) {
        const named_key *key = &cipher->keys[i];

        if (key->aead && sc_str_eq(key->name, sc_str_sub(record, at, record.len)))
            return key;
    }
    return NULL;
}

sc_code sc_state_cipher_unseal(sc_state_cipher *cipher, sc_str store, sc_str record, sc_arena *mem,
                               sc_str *value, sc_error *err)
{
    sc_str text = SC_STR_NONE;
    const named_key *key = key_of(cipher, record, &text);
    sc_str sealed;
    char *plain;

    if (!key)
        return sc_fail(err, SC_DATA_LOSS,
                       "could not decrypt data for state store %.*s: encryption key name not found "
                       "on record",
                       SC_FMT(store));
    if (!sc_base64_decode(text, mem, &sealed))
        return sc_fail(err, SC_DATA_LOSS, "illegal base64 data in the record");
    plain = sc_arena_try(mem, sealed.len + 1);
    if (!plain)
        return sc_fail(err, SC_EXHAUSTED, "no memory to decrypt %zu bytes", sealed.len);
    if (sc_aead_open(key->aead, sealed, plain, err) != SC_OK)
        return err->code;
    *value = sc_str_of(plain, sealed.len - SC_AEAD_OVERHEAD);
    return SC_OK;
}
