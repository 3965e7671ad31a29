/* SPDX-License-Identifier: MIT
 *
 * The table that the TLS module exports under the name `sc_tls_module`, and what one TLS connection
 * is for a stream. The module links nothing of ours: everything comes through arguments.
 */
#ifndef SC_IO_TLS_INTERNAL_H
#define SC_IO_TLS_INTERNAL_H

#include "io/tls.h"

typedef struct sc_tls sc_tls; /* the module's: one connection */

typedef struct sc_tls_result {
    bool is_ready;  /* the handshake is complete */
    bool is_ended;  /* close_notify received */
    bool is_failed; /* `text` says why */
} sc_tls_result;

typedef struct sc_tls_module_ops {
    void *(*context_new)(const sc_tls_settings *settings, char *text, size_t text_max);
    void (*context_free)(void *context);
    sc_tls *(*open)(void *context, bool is_server, sc_str verify_name);
    void (*close)(sc_tls *tls);
    /* Feeds cipher text from the peer. */
    sc_tls_result (*feed)(sc_tls *tls, const char *at, size_t len, char *text, size_t text_max);
    /* Reads plain text; 0: nothing now. */
    size_t (*read)(sc_tls *tls, char *at, size_t max);
    /* Encrypts all of it. false: not possible (handshake not complete or failed). */
    bool (*write)(sc_tls *tls, const char *at, size_t len);
    void (*shutdown)(sc_tls *tls);
    /* Cipher text waiting for the peer; returns what was taken. */
    size_t (*drain)(sc_tls *tls, char *at, size_t max);
    size_t (*drain_len)(sc_tls *tls);
    size_t (*alpn)(sc_tls *tls, char *at, size_t max);
} sc_tls_module_ops;

struct sc_tls_context {
    const sc_tls_module_ops *ops;
    void *inner;
    unsigned refs;
    bool is_server;
};

#endif
