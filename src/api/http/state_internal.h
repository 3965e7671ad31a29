/* SPDX-License-Identifier: MIT
 *
 * What the state files of the HTTP head share.
 */
#ifndef SC_API_HTTP_STATE_INTERNAL_H
#define SC_API_HTTP_STATE_INTERNAL_H

#include "api/http/internal.h"

/* state.c: an error of the state block, completed as HTTP shows it. */
void http_reply_state_problem(sc_http_request_ctx *ctx, sc_problem *problem);
/* False: the store named in the path is not there, which is answered. */
bool http_has_state_store(sc_http_request_ctx *ctx);

/* state_item.c: reads bodies. Values are slices of `body`, as they stand there; what follows the
 * first JSON value is not looked at. All fail with SC_INVALID, worded as Go's decoder words it. */
sc_code http_read_state_items(sc_str body, const sc_pairs *query, sc_arena *mem,
                              sc_state_item **items, size_t *count, sc_error *err) SC_MUST_CHECK;
sc_code http_read_bulk_get(sc_str body, sc_state_bulk_get_request *req,
                           sc_error *err) SC_MUST_CHECK;
sc_code http_read_transaction(sc_str body, const sc_pairs *query, sc_state_transaction_request *req,
                              sc_error *err) SC_MUST_CHECK;

#endif
