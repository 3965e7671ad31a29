/* SPDX-License-Identifier: MIT
 *
 * State management over gRPC (gRPC API, "State").
 */
#include "api/grpc/internal.h"
#include "core/clock.h"
#include "dapr/proto/runtime/v1/state.pb-c.h"
#include "wire/json.h"

typedef Dapr__Proto__Common__V1__StateItem state_item;

static void on_got(sc_state_get_request *req);
static void on_bulk_got(sc_state_bulk_get_request *req);
static void on_written(sc_state_write_request *req);
static void on_transacted(sc_state_transaction_request *req);
static void on_queried(sc_state_query_request *req);

/* ---- what is alike ---- */

static sc_str consistency_text(int consistency)
{
    if (consistency ==
        DAPR__PROTO__COMMON__V1__STATE_OPTIONS__STATE_CONSISTENCY__CONSISTENCY_STRONG)
        return SC_STR("strong");
    if (consistency ==
        DAPR__PROTO__COMMON__V1__STATE_OPTIONS__STATE_CONSISTENCY__CONSISTENCY_EVENTUAL)
        return SC_STR("eventual");
    return SC_STR_NONE;
}

static void read_options(const Dapr__Proto__Common__V1__StateOptions *options, sc_state_item *to)
{
    if (!options)
        return;
    to->consistency = consistency_text((int)options->consistency);
    if (options->concurrency ==
        DAPR__PROTO__COMMON__V1__STATE_OPTIONS__STATE_CONCURRENCY__CONCURRENCY_FIRST_WRITE)
        to->concurrency = SC_STR("first-write");
    else if (options->concurrency ==
             DAPR__PROTO__COMMON__V1__STATE_OPTIONS__STATE_CONCURRENCY__CONCURRENCY_LAST_WRITE)
        to->concurrency = SC_STR("last-write");
}

static void read_item(const state_item *from, sc_state_item *to, sc_arena *mem)
{
    if (!from) /* an operation without a request */
        return;
    to->key = sc_str_from(from->key);
    to->value = sc_proto_bytes(from->value);
    if (from->etag)
        to->etag = sc_str_from(from->etag->value);
    to->metadata = sc_proto_map((void *const *)from->metadata, from->n_metadata, mem);
    read_options(from->options, to);
}

/* The pairs that come with a value: when it expires. */
static sc_pairs value_metadata(const sc_state_value *value, sc_arena *mem)
{
    char time[SC_CLOCK_TEXT_MAX];
    sc_pairs pairs = {0};

    if (value->expires_s > 0)
        sc_pairs_add(&pairs, mem, SC_STR("ttlExpireTime"),
                     sc_arena_str(mem, sc_clock_format_s(value->expires_s, false, time)));
    return pairs;
}

/* False: the call is finished. */
static bool is_count_fine(sc_grpc_ctx *ctx, size_t count)
{
    if (count <= SC_STATE_MAX_ITEMS)
        return true;
    grpc_fail(ctx, SC_INVALID, "more than %u in one request", SC_STATE_MAX_ITEMS);
    return false;
}

/* ---- get ---- */

void grpc_get_state(sc_grpc_ctx *ctx, sc_str message)
{
    sc_state_get_request *req = sc_call_make(ctx->stream->call, sc_state_get_request);
    Dapr__Proto__Runtime__V1__GetStateRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__get_state_request__descriptor, message);

    if (!in)
        return;
    req->call = ctx->stream->call;
    req->store_name = sc_str_from(in->store_name);
    req->key = sc_str_from(in->key);
    req->consistency = consistency_text((int)in->consistency);
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx));
    req->done = on_got;
    req->user = ctx;
    sc_states_get(ctx->api->states, req);
}

static void on_got(sc_state_get_request *req)
{
    sc_grpc_ctx *ctx = req->user;
    sc_arena *mem = grpc_mem(ctx);
    sc_pairs metadata = value_metadata(&req->value, mem);
    Dapr__Proto__Runtime__V1__GetStateResponse out =
        DAPR__PROTO__RUNTIME__V1__GET_STATE_RESPONSE__INIT;

    if (!sc_problem_is_none(&req->problem)) {
        grpc_reply_problem(ctx, &req->problem);
        return;
    }
    out.data = sc_proto_data(req->value.value);
    out.etag = sc_proto_text(req->value.etag, mem);
    out.n_metadata = metadata.count;
    out.metadata = sc_proto_map_make(
        &dapr__proto__runtime__v1__get_state_response__metadata_entry__descriptor, &metadata, mem);
    grpc_reply(ctx, &out.base);
}

/* ---- bulk get ---- */

void grpc_bulk_get_state(sc_grpc_ctx *ctx, sc_str message)
{
    sc_arena *mem = grpc_mem(ctx);
    sc_state_bulk_get_request *req = sc_call_make(ctx->stream->call, sc_state_bulk_get_request);
    Dapr__Proto__Runtime__V1__GetBulkStateRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__get_bulk_state_request__descriptor, message);

    if (!in || !is_count_fine(ctx, in->n_keys))
        return;
    req->call = ctx->stream->call;
    req->store_name = sc_str_from(in->store_name);
    req->keys = sc_arena_zero(mem, (in->n_keys + 1) * sizeof(req->keys[0]));
    req->count = in->n_keys;
    for (size_t i = 0; i < in->n_keys; i++)
        req->keys[i] = sc_str_from(in->keys[i]);
    req->parallelism = in->parallelism;
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, mem);
    req->done = on_bulk_got;
    req->user = ctx;
    sc_states_bulk_get(ctx->api->states, req);
}

static Dapr__Proto__Runtime__V1__BulkStateItem *bulk_item(const sc_state_row *row, sc_arena *mem)
{
    Dapr__Proto__Runtime__V1__BulkStateItem *item =
        sc_arena_new(mem, Dapr__Proto__Runtime__V1__BulkStateItem);
    sc_pairs metadata = value_metadata(&row->value, mem);

    dapr__proto__runtime__v1__bulk_state_item__init(item);
    item->key = sc_proto_text(row->key, mem);
    item->data = sc_proto_data(row->value.value);
    item->etag = sc_proto_text(row->value.etag, mem);
    item->error = sc_proto_text(row->error, mem);
    item->n_metadata = metadata.count;
    item->metadata = sc_proto_map_make(
        &dapr__proto__runtime__v1__bulk_state_item__metadata_entry__descriptor, &metadata, mem);
    return item;
}

static void on_bulk_got(sc_state_bulk_get_request *req)
{
    sc_grpc_ctx *ctx = req->user;
    sc_arena *mem = grpc_mem(ctx);
    Dapr__Proto__Runtime__V1__GetBulkStateResponse out =
        DAPR__PROTO__RUNTIME__V1__GET_BULK_STATE_RESPONSE__INIT;

    if (!sc_problem_is_none(&req->problem)) {
        grpc_reply_problem(ctx, &req->problem);
        return;
    }
    out.items = sc_arena_zero(mem, (req->row_count + 1) * sizeof(*out.items));
    for (size_t i = 0; i < req->row_count; i++)
        out.items[out.n_items++] = bulk_item(&req->rows[i], mem);
    grpc_reply(ctx, &out.base);
}

/* ---- save and delete ---- */

static sc_state_write_request *new_write(sc_grpc_ctx *ctx, const char *store,
                                         sc_state_action action, size_t count)
{
    sc_state_write_request *req = sc_call_make(ctx->stream->call, sc_state_write_request);

    req->call = ctx->stream->call;
    req->store_name = sc_str_from(store);
    req->action = action;
    req->items = sc_arena_zero(grpc_mem(ctx), (count + 1) * sizeof(req->items[0]));
    req->count = count;
    req->done = on_written;
    req->user = ctx;
    return req;
}

/* A value said to be JSON must be. False: the call is finished. */
static bool read_value(sc_grpc_ctx *ctx, sc_state_item *item)
{
    sc_error err;

    if (!sc_state_wants_document(&item->metadata))
        return true;
    item->is_json = true;
    if (sc_json_scan(item->value, &item->value, NULL, &err) == SC_OK)
        return true;
    grpc_fail(ctx, SC_UNKNOWN, "%s", err.text);
    return false;
}

void grpc_save_state(sc_grpc_ctx *ctx, sc_str message)
{
    Dapr__Proto__Runtime__V1__SaveStateRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__save_state_request__descriptor, message);
    sc_problem problem = {0};
    sc_state_write_request *req;

    if (!in || !is_count_fine(ctx, in->n_states))
        return;
    req = new_write(ctx, in->store_name, SC_STATE_SAVE, in->n_states);
    if (!sc_states_check_name(ctx->api->states, req->store_name, grpc_mem(ctx), &problem)) {
        grpc_reply_problem(ctx, &problem);
        return;
    }
    for (size_t i = 0; i < in->n_states; i++) {
        read_item(in->states[i], &req->items[i], grpc_mem(ctx));
        if (req->items[i].key.len == 0) {
            grpc_reply_problem(ctx,
                               sc_problem_set(&problem, grpc_mem(ctx), SC_REASON_STATE_SAVE_INVALID,
                                              "state key cannot be empty"));
            return;
        }
        if (!read_value(ctx, &req->items[i]))
            return;
    }
    sc_states_write(ctx->api->states, req);
}

void grpc_delete_state(sc_grpc_ctx *ctx, sc_str message)
{
    Dapr__Proto__Runtime__V1__DeleteStateRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__delete_state_request__descriptor, message);
    sc_state_write_request *req;

    if (!in)
        return;
    req = new_write(ctx, in->store_name, SC_STATE_DELETE, 1);
    req->items[0].key = sc_str_from(in->key);
    if (in->etag)
        req->items[0].etag = sc_str_from(in->etag->value);
    read_options(in->options, &req->items[0]);
    req->items[0].metadata =
        sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx));
    sc_states_write(ctx->api->states, req);
}

void grpc_bulk_delete_state(sc_grpc_ctx *ctx, sc_str message)
{
    Dapr__Proto__Runtime__V1__DeleteBulkStateRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__delete_bulk_state_request__descriptor, message);
    sc_state_write_request *req;

    if (!in || !is_count_fine(ctx, in->n_states))
        return;
    req = new_write(ctx, in->store_name, SC_STATE_BULK_DELETE, in->n_states);
    for (size_t i = 0; i < in->n_states; i++)
        read_item(in->states[i], &req->items[i], grpc_mem(ctx));
    sc_states_write(ctx->api->states, req);
}

static void on_written(sc_state_write_request *req)
{
    sc_grpc_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        grpc_reply_empty(ctx);
    else
        grpc_reply_problem(ctx, &req->problem);
}

/* ---- transactions ---- */

void grpc_transact_state(sc_grpc_ctx *ctx, sc_str message)
{
    sc_arena *mem = grpc_mem(ctx);
    sc_state_transaction_request *req =
        sc_call_make(ctx->stream->call, sc_state_transaction_request);
    Dapr__Proto__Runtime__V1__ExecuteStateTransactionRequest *in = grpc_unpack(
        ctx, &dapr__proto__runtime__v1__execute_state_transaction_request__descriptor, message);

    if (!in || !is_count_fine(ctx, in->n_operations))
        return;
    req->call = ctx->stream->call;
    req->store_name = sc_str_from(in->storename);
    req->items = sc_arena_zero(mem, (in->n_operations + 1) * sizeof(req->items[0]));
    req->count = in->n_operations;
    for (size_t i = 0; i < in->n_operations; i++) {
        req->items[i].operation = sc_str_from(in->operations[i]->operationtype);
        read_item(in->operations[i]->request, &req->items[i], mem);
    }
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, mem);
    req->traceparent = ctx->traceparent;
    req->done = on_transacted;
    req->user = ctx;
    sc_states_transact(ctx->api->states, req);
}

static void on_transacted(sc_state_transaction_request *req)
{
    sc_grpc_ctx *ctx = req->user;

    if (sc_problem_is_none(&req->problem))
        grpc_reply_empty(ctx);
    else
        grpc_reply_problem(ctx, &req->problem);
}

/* ---- query ---- */

void grpc_query_state(sc_grpc_ctx *ctx, sc_str message)
{
    sc_state_query_request *req = sc_call_make(ctx->stream->call, sc_state_query_request);
    Dapr__Proto__Runtime__V1__QueryStateRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__query_state_request__descriptor, message);

    if (!in)
        return;
    req->call = ctx->stream->call;
    req->store_name = sc_str_from(in->store_name);
    req->text = sc_str_from(in->query);
    req->metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx));
    req->done = on_queried;
    req->user = ctx;
    sc_states_query(ctx->api->states, req);
}

static void on_queried(sc_state_query_request *req)
{
    sc_grpc_ctx *ctx = req->user;
    sc_arena *mem = grpc_mem(ctx);
    Dapr__Proto__Runtime__V1__QueryStateResponse out =
        DAPR__PROTO__RUNTIME__V1__QUERY_STATE_RESPONSE__INIT;

    if (!sc_problem_is_none(&req->problem)) {
        grpc_reply_problem(ctx, &req->problem);
        return;
    }
    out.token = sc_proto_text(req->token, mem);
    out.results = sc_arena_zero(mem, (req->row_count + 1) * sizeof(*out.results));
    for (size_t i = 0; i < req->row_count; i++) {
        Dapr__Proto__Runtime__V1__QueryStateItem *item =
            sc_arena_new(mem, Dapr__Proto__Runtime__V1__QueryStateItem);

        dapr__proto__runtime__v1__query_state_item__init(item);
        item->key = sc_proto_text(req->rows[i].key, mem);
        item->data = sc_proto_data(req->rows[i].value.value);
        item->etag = sc_proto_text(req->rows[i].value.etag, mem);
        item->error = sc_proto_text(req->rows[i].error, mem);
        out.results[out.n_results++] = item;
    }
    grpc_reply(ctx, &out.base);
}
