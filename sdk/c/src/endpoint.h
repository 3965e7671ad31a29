/* SPDX-License-Identifier: MIT
 *
 * Where the sidecar is, as Dapr's environment variables and gRPC's target names say it.
 */
#ifndef PILLION_ENDPOINT_H
#define PILLION_ENDPOINT_H

#include "core/arena.h"
#include "core/error.h"

typedef struct endpoint {
    sc_str host; /* or the path of a Unix socket */
    uint16_t port;
    bool is_unix;
    bool is_tls;
} endpoint;

/* "http://host[:port]", "https://host[:port]" (ports 80 and 443 unless given; IPv6 in brackets; one
 * trailing slash), "unix:///path". Borrows `text`. Fails with SC_INVALID. */
sc_code endpoint_parse_http(sc_str text, endpoint *out, sc_error *err) SC_MUST_CHECK;
/* These, and gRPC's own: "host[:port]", "dns:host[:port]", "dns://server/host[:port]", "ipv4:..",
 * "ipv6:..", "unix:path"; with "?tls=true" or "?tls=false" at the end. Without a scheme of HTTP the
 * port is 443 unless given, as in the SDKs. */
sc_code endpoint_parse_grpc(sc_str text, endpoint *out, sc_error *err) SC_MUST_CHECK;

#endif
