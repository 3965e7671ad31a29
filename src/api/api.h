/* SPDX-License-Identifier: MIT
 *
 * What both heads, HTTP and gRPC, need of the runtime behind them.
 */
#ifndef SC_API_API_H
#define SC_API_API_H

#include "api/access.h"
#include "block/conversation.h"
#include "block/endpoints.h"
#include "block/invoke.h"
#include "block/metadata.h"
#include "block/proxy.h"
#include "block/pubsub.h"
#include "block/state.h"
#include "block/secret.h"
#include "observe/observe.h"

typedef struct sc_api {
    sc_loop *loop;
    sc_log *log;
    sc_pubsubs *pubsubs;
    sc_states *states;
    sc_secretstores *secretstores;
    sc_conversations *conversations;
    sc_invoker *invoker;
    sc_proxy *proxy;
    uint64_t max_body_len; /* of an answer gathered for a client; 0: no limit */
    sc_endpoints *endpoints;
    sc_ledger *ledger;
    sc_metadata *metadata;
    sc_observe *observe;
    sc_str api_token;       /* DAPR_API_TOKEN; empty: not checked */
    sc_str allowed_origins; /* --allowed-origins, ',' between; empty: no CORS */
    sc_api_rules rules;     /* which parts of the API are there */
    void (*on_shutdown)(void *user, bool is_forced);
    void *user;
} sc_api;

/* Whether `token` (NULL: the client sent none) opens the API. Takes as long for every wrong token
 * of one length. */
bool sc_api_token_fits(const sc_api *api, const sc_str *token);

/* Counts an error answer, where spec.metric.recordErrorCodes asks for it. */
void sc_api_count_error(const sc_api *api, const char *error_code);

#endif
