/* links: api */
/* SPDX-License-Identifier: MIT
 *
 * Bodies of the state API: what is read points into the body or the arena, and values are JSON. The
 * first byte picks the reader: s(ave), b(ulk get), t(ransaction), q(uery).
 */
#include <stdlib.h>

#include "api/http/state_internal.h"
#include "wire/json.h"

static void check_values(const sc_state_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!sc_json_is_valid(items[i].value) || !sc_str_is_utf8(items[i].value))
            abort();
    }
}

static void read_transaction(sc_str body, const sc_pairs *query, sc_call *call)
{
    sc_state_transaction_request *req = sc_call_make(call, sc_state_transaction_request);
    sc_error err;

    req->call = call;
    if (http_read_transaction(body, query, req, &err) == SC_OK)
        check_values(req->items, req->count);
}

static void read_bulk_get(sc_str body, sc_call *call)
{
    sc_state_bulk_get_request *req = sc_call_make(call, sc_state_bulk_get_request);
    sc_error err;

    req->call = call;
    if (http_read_bulk_get(body, req, &err) == SC_OK && req->count > 0 && !req->keys)
        abort();
}

static void read_query(sc_str body, sc_arena *mem)
{
    sc_state_query query;
    sc_error err;

    if (sc_state_query_parse(body, mem, &query, &err) == SC_OK && query.sort_count > 0 &&
        query.sorts[0].path.len == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    sc_call *call = sc_call_new(NULL, NULL);
    sc_str body = sc_str_of(data + 1, len ? len - 1 : 0);
    sc_state_item *items = NULL;
    sc_pairs query = {0};
    size_t count = 0;
    sc_error err;

    sc_pairs_add(&query, &call->mem, SC_STR("ttlInSeconds"), SC_STR("5"));
    if (len > 0 && data[0] == 't')
        read_transaction(body, &query, call);
    else if (len > 0 && data[0] == 'b')
        read_bulk_get(body, call);
    else if (len > 0 && data[0] == 'q')
        read_query(body, &call->mem);
    else if (len > 0 &&
             http_read_state_items(body, &query, &call->mem, &items, &count, &err) == SC_OK)
        check_values(items, count);
    sc_call_unref(call);
    return 0;
}
