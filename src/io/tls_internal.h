/* SPDX-License-Identifier: MIT
 *
 * The table of the TLS module, and what one TLS connection is for a stream. The module links
 * nothing of ours: everything comes and goes through arguments.
 */
#ifndef SC_IO_TLS_INTERNAL_H
#define SC_IO_TLS_INTERNAL_H

#include "io/tls.h"

typedef struct sc_tls sc_tls; /* the module's: one connection */

typedef enum sc_tls_state {
    SC_TLS_SHAKING, /* the handshake is under way */
    SC_TLS_OPEN,
    SC_TLS_ENDED,  /* the peer sent its last byte and said so (close_notify) */
    SC_TLS_FAILED, /* `err` says why: SC_UNAUTHENTICATED: we do not trust the peer;
                      SC_PERMISSION_DENIED: it does not trust us; SC_UNAVAILABLE: the rest */
} sc_tls_state;

typedef struct sc_tls_module_ops {
    /* NULL with `err` on failure. */
    void *(*context_new)(const sc_tls_settings *settings, sc_error *err);
    void (*context_free)(void *context);
    /* A connection; as a client `verify_name`, a host name or an address, is who it must be. */
    sc_tls *(*open)(void *context, sc_str verify_name);
    void (*close)(sc_tls *tls);
    /* Takes cipher text from the peer and moves the handshake on; `len` 0 starts a client's. */
    sc_tls_state (*feed)(sc_tls *tls, const char *at, size_t len, sc_error *err);
    /* After the handshake: plain text, `*len` 0 when there is none now. */
    sc_tls_state (*read)(sc_tls *tls, char *at, size_t max, size_t *len, sc_error *err);
    /* After the handshake: encrypts all of it. */
    bool (*write)(sc_tls *tls, const char *at, size_t len);
    /* Writes close_notify; reading goes on. */
    void (*finish)(sc_tls *tls);
    /* Cipher text that waits for the peer. */
    size_t (*drain_len)(sc_tls *tls);
    size_t (*drain)(sc_tls *tls, char *at, size_t max);
    /* True when the peer's last record is not whole. */
    bool (*is_inside_record)(sc_tls *tls);
    /* What ALPN agreed on. */
    sc_str (*alpn)(sc_tls *tls);
} sc_tls_module_ops;

struct sc_tls_context {
    const sc_tls_module_ops *ops;
    void *inner;
    unsigned refs;
    bool is_server;
};

#endif
