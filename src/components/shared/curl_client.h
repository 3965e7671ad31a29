/* SPDX-License-Identifier: MIT
 *
 * Requests to servers of the outside world over HTTP and HTTPS: bindings and language models.
 * Stands on libcurl, in a module that is loaded with the first client. Loop thread only.
 *
 * Connections stay open between requests. An answer that redirects is an answer: nothing is
 * followed. Proxies are those of the environment (http_proxy, https_proxy, no_proxy); authorities
 * those of the system, or of SSL_CERT_FILE.
 */
#ifndef SC_COMPONENTS_SHARED_CURL_CLIENT_H
#define SC_COMPONENTS_SHARED_CURL_CLIENT_H

#include "components/shared/curl_internal.h"
#include "core/buf.h"
#include "core/op.h"
#include "core/pairs.h"
#include "io/loop.h"

typedef struct sc_curl_client sc_curl_client;

typedef struct sc_curl_op {
    sc_op op; /* SC_UNAVAILABLE, SC_DEADLINE, SC_EXHAUSTED (answer too long), SC_CANCELLED,
                 SC_INVALID (URL); SC_OK whatever the status */
    sc_str method;
    sc_str url;
    const sc_pairs *headers;
    sc_str body;             /* at == NULL: none */
    uint64_t timeout_ms;     /* of the whole; 0: no limit */
    uint64_t max_answer_len; /* bytes, decompressed */
    int status;              /* out */
    sc_str answer;           /* out: in op.mem */
    /* the client's own */
    sc_curl_transfer transfer;
    sc_curl_client *client;
    sc_buf received;
    bool is_running;
} sc_curl_op;

/* Fails with SC_UNAVAILABLE when the module cannot be loaded. */
sc_code sc_curl_client_open(sc_loop *loop, sc_curl_client **out, sc_error *err) SC_MUST_CHECK;
/* Fails what still runs; `on_closed` later. */
void sc_curl_client_close(sc_curl_client *client, void (*on_closed)(void *user), void *user);

/* Starts it; op->op completes later. */
void sc_curl_client_send(sc_curl_client *client, sc_curl_op *op);
/* It completes with SC_CANCELLED soon, unless it is done. */
void sc_curl_client_cancel(sc_curl_op *op);

#endif
