/* SPDX-License-Identifier: MIT
 *
 * Invocations that lead outside (Dapr: non-Dapr endpoints): to the HTTPEndpoint resources by their
 * names, and to URLs. Each place has an HTTP channel of its own; those of URLs are opened when they
 * are first called, and the longest unused is closed when there are many. Loop thread only.
 */
#ifndef SC_BLOCK_ENDPOINTS_H
#define SC_BLOCK_ENDPOINTS_H

#include "block/invoke.h"
#include "observe/http_stats.h"

typedef struct sc_endpoints sc_endpoints;

/* Borrowed, all of it, until sc_endpoints_close is done. */
typedef struct sc_endpoints_settings {
    sc_loop *loop;
    const sc_log *log;
    sc_random *random;
    sc_http_stats *stats;     /* NULL: calls are not counted */
    sc_str url_token;         /* sent as dapr-api-token to URLs, not to resources; empty: none */
    uint32_t max_concurrency; /* calls at a time, of each resource and of each URL; 0: no limit */
} sc_endpoints_settings;

/* An HTTPEndpoint resource. Texts are copied. */
typedef struct sc_endpoint {
    sc_str name;
    sc_str base_url;         /* "https://host[:port][/prefix]" */
    const sc_pairs *headers; /* set on every call, replacing the caller's */
    sc_tls_context *tls;     /* for https; counted by the endpoint itself */
} sc_endpoint;

sc_endpoints *sc_endpoints_new(const sc_endpoints_settings *settings);
/* Fails with SC_INVALID for a URL that leads nowhere, or a header that cannot be sent. */
sc_code sc_endpoints_add(sc_endpoints *endpoints, const sc_endpoint *one,
                         sc_error *err) SC_MUST_CHECK;
/* Starts `inv`: to the place outside that its target names, else as sc_invoke with `invoker`. */
void sc_endpoints_invoke(sc_endpoints *endpoints, sc_invoker *invoker, sc_invocation *inv);
/* Calls under way fail; then it is freed, and `on_closed` runs, at once or later. */
void sc_endpoints_close(sc_endpoints *endpoints, void (*on_closed)(void *user), void *user);

/* "http[s]://host[:port][/prefix]", without user, query and fragment. */
typedef struct sc_endpoint_url {
    bool is_tls;
    sc_str authority; /* "host[:port]" as written */
    sc_str host;      /* IPv6 without brackets */
    uint16_t port;
    sc_str prefix; /* empty, or begins with '/' */
} sc_endpoint_url;
bool sc_endpoint_url_parse(sc_str text, sc_endpoint_url *out) SC_MUST_CHECK;

#endif
