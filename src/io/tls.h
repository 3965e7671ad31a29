/* SPDX-License-Identifier: MIT
 *
 * TLS for streams: OpenSSL over memory BIOs, in a module that is loaded when the first context is
 * made, so a sidecar without TLS does not pay for it.
 */
#ifndef SC_IO_TLS_H
#define SC_IO_TLS_H

#include "io/stream.h"

typedef struct sc_tls_settings {
    bool is_server;
    bool skip_verify; /* client: accept any certificate */
    sc_str ca_pem;    /* empty: the system's roots */
    sc_str cert_pem;  /* chain; empty: none */
    sc_str key_pem;
    sc_str alpn; /* one protocol to offer or to accept, e.g. "h2"; empty: none */
} sc_tls_settings;

/* Fails with SC_INVALID naming the setting that OpenSSL refused, or SC_UNAVAILABLE when the module
 * is missing, naming the file looked for. */
sc_code sc_tls_context_new(const sc_tls_settings *settings, sc_tls_context **out,
                           sc_error *err) SC_MUST_CHECK;
sc_tls_context *sc_tls_context_ref(sc_tls_context *context);
void sc_tls_context_unref(sc_tls_context *context);

#endif
