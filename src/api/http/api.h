/* SPDX-License-Identifier: MIT
 *
 * The HTTP head: URLs and JSON in, a block call, JSON out.
 */
#ifndef SC_API_HTTP_API_H
#define SC_API_HTTP_API_H

#include "block/metadata.h"
#include "block/pubsub.h"
#include "net/http_server.h"

typedef struct sc_http_api {
    sc_loop *loop;
    sc_log *log;
    sc_pubsubs *pubsubs;
    sc_ledger *ledger;
    sc_metadata *metadata;
    sc_str api_token; /* DAPR_API_TOKEN; empty: not checked */
    void (*on_shutdown)(void *user, bool is_forced);
    void *user;
} sc_http_api;

/* For sc_http_server_open, with an sc_http_api as `self`. */
extern const sc_http_handler sc_http_api_handler;

#endif
