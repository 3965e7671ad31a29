/* SPDX-License-Identifier: MIT
 *
 * Requests of a command to sidecars and applications: all at once, and the command waits for the
 * answers.
 */
#ifndef SC_CLI_HTTP_H
#define SC_CLI_HTTP_H

#include "cli/command.h"
#include "core/pairs.h"

typedef struct cli_request {
    sc_str socket; /* path of a Unix socket; empty: host and port */
    sc_str host;   /* empty: 127.0.0.1 */
    uint16_t port;
    const char *method;
    sc_str target; /* path and query, ready to send */
    sc_pairs headers;
    sc_str body;
    uint64_t timeout_ms;
    /* out, in c->mem */
    sc_error err; /* SC_OK: there is an answer */
    int status;
    sc_str answer;
} cli_request;

/* Sends all of them at once and returns when the last is answered or has failed. Adds the API token
 * of the environment (DAPR_API_TOKEN). */
void cli_http_all(cli *c, cli_request *requests, uint32_t count);
/* True when something accepts connections there; `err` says why not. */
bool cli_can_connect(sc_str host, uint16_t port, sc_error *err);
/* `text` with everything but unreserved characters (RFC 3986) as %XX. */
sc_str cli_url_escape(cli *c, sc_str text);

#endif
