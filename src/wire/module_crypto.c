/* SPDX-License-Identifier: MIT
 *
 * The crypto module: AES-GCM by OpenSSL. One context a key, whose key schedule is kept.
 */
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "core/module.h"
#include "wire/aead_internal.h"

typedef struct aes_key {
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
} aes_key;

static const EVP_CIPHER *cipher_of(size_t len)
{
    switch (len) {
    case 16:
        return EVP_aes_128_gcm();
    case 24:
        return EVP_aes_192_gcm();
    case 32:
        return EVP_aes_256_gcm();
    default:
        return NULL;
    }
}

static void key_free(void *at)
{
    aes_key *key = at;

    EVP_CIPHER_CTX_free(key->seal);
    EVP_CIPHER_CTX_free(key->open);
    free(key);
}

static void *key_new(const char *text, size_t len)
{
    const EVP_CIPHER *cipher = cipher_of(len);
    const unsigned char *bytes = (const unsigned char *)text;
    aes_key *key;

    if (!cipher)
        return NULL;
    key = calloc(1, sizeof(*key));
    if (!key)
        return NULL;
    key->seal = EVP_CIPHER_CTX_new();
    key->open = EVP_CIPHER_CTX_new();
    if (key->seal && key->open && EVP_EncryptInit_ex(key->seal, cipher, NULL, bytes, NULL) == 1 &&
        EVP_DecryptInit_ex(key->open, cipher, NULL, bytes, NULL) == 1)
        return key;
    key_free(key);
    return NULL;
}

static bool seal(void *at, const char *plain, size_t len, char *out)
{
    EVP_CIPHER_CTX *to = ((aes_key *)at)->seal;
    unsigned char *nonce = (unsigned char *)out;
    unsigned char *text = nonce + SC_AEAD_NONCE_LEN;
    int done = 0;
    int more = 0;

    return len <= INT_MAX && RAND_bytes(nonce, (int)SC_AEAD_NONCE_LEN) == 1 &&
           EVP_EncryptInit_ex(to, NULL, NULL, NULL, nonce) == 1 &&
           (len == 0 ||
            EVP_EncryptUpdate(to, text, &done, (const unsigned char *)plain, (int)len) == 1) &&
           EVP_EncryptFinal_ex(to, text + done, &more) == 1 &&
           EVP_CIPHER_CTX_ctrl(to, EVP_CTRL_AEAD_GET_TAG, (int)SC_AEAD_TAG_LEN, text + len) == 1;
}

static bool open_sealed(void *at, const char *sealed, size_t len, char *out)
{
    EVP_CIPHER_CTX *to = ((aes_key *)at)->open;
    const unsigned char *nonce = (const unsigned char *)sealed;
    const unsigned char *text = nonce + SC_AEAD_NONCE_LEN;
    size_t text_len = len - SC_AEAD_OVERHEAD;
    unsigned char tag[SC_AEAD_TAG_LEN];
    int done = 0;
    int more = 0;

    for (size_t i = 0; i < sizeof(tag); i++)
        tag[i] = text[text_len + i];
    return text_len <= INT_MAX && EVP_DecryptInit_ex(to, NULL, NULL, NULL, nonce) == 1 &&
           (text_len == 0 ||
            EVP_DecryptUpdate(to, (unsigned char *)out, &done, text, (int)text_len) == 1) &&
           EVP_CIPHER_CTX_ctrl(to, EVP_CTRL_AEAD_SET_TAG, (int)SC_AEAD_TAG_LEN, tag) == 1 &&
           EVP_DecryptFinal_ex(to, (unsigned char *)out + done, &more) == 1;
}

static const sc_crypto_module_ops ops = {
    .key_new = key_new, .key_free = key_free, .seal = seal, .open = open_sealed};

SC_MODULE_EXPORT const sc_module pillion_module;
const sc_module pillion_module = {.version = PILLION_VERSION, .table = &ops};
