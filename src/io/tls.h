/* SPDX-License-Identifier: MIT
 *
 * TLS for streams: OpenSSL over memory BIOs, in a module that is loaded when the first context is
 * made, so a sidecar without TLS does not pay for it. TLS 1.2 and 1.3.
 */
#ifndef SC_IO_TLS_H
#define SC_IO_TLS_H

#include "io/stream.h"

typedef struct sc_tls_settings {
    bool is_server;
    bool skip_verify;     /* client: accept any certificate */
    bool wants_peer_cert; /* server: refuse clients without a certificate that `ca_pem` vouches for
                           */
    sc_str ca_pem;        /* who is trusted, and nobody else; empty: the system's roots */
    sc_str cert_pem;      /* ours, then those between it and a root; empty: none */
    sc_str key_pem;
    const char
        *ca_name; /* what messages call these; NULL: "the CA", "the certificate", "the key" */
    const char *cert_name;
    const char *key_name;
    sc_str alpn; /* the one protocol to offer or to accept, e.g. "h2"; empty: none */
} sc_tls_settings;

/* Nothing of `settings` is needed afterwards. Fails with SC_INVALID naming the setting that OpenSSL
 * refused, or as sc_module_load. */
sc_code sc_tls_context_new(const sc_tls_settings *settings, sc_tls_context **out,
                           sc_error *err) SC_MUST_CHECK;
sc_tls_context *sc_tls_context_ref(sc_tls_context *context); /* NULL is allowed */
void sc_tls_context_unref(sc_tls_context *context);          /* NULL is allowed */

#endif
