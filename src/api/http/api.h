/* SPDX-License-Identifier: MIT
 *
 * The HTTP head: URLs and JSON in, a block call, JSON out.
 */
#ifndef SC_API_HTTP_API_H
#define SC_API_HTTP_API_H

#include "api/api.h"
#include "net/http_server.h"

/* For sc_http_server_open, with an sc_api as `self`. */
extern const sc_http_handler sc_http_api_handler;
/* Health and metadata alone, without token, CORS and access lists (--dapr-public-port). */
extern const sc_http_handler sc_http_public_handler;

#endif
