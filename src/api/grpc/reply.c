/* SPDX-License-Identifier: MIT
 *
 * Answers of the gRPC head. Details travel as a packed google.rpc.Status in the trailers.
 */
#include <stdarg.h>
#include <stdio.h>

#include "api/grpc/internal.h"
#include "google/rpc/status.pb-c.h"

#define MAX_DETAILS 3u

typedef struct details {
    Google__Rpc__Status status;
    Google__Protobuf__Any any[MAX_DETAILS];
    Google__Protobuf__Any *list[MAX_DETAILS];
} details;

void *grpc_unpack(sc_grpc_ctx *ctx, const ProtobufCMessageDescriptor *type, sc_str message)
{
    void *unpacked = sc_proto_unpack(type, message, grpc_mem(ctx));

    if (!unpacked)
        grpc_fail(
            ctx, SC_INTERNAL,
            "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
    return unpacked;
}

void grpc_reply_empty(sc_grpc_ctx *ctx)
{
    sc_grpc_send(ctx->stream, SC_STR_NONE);
    sc_grpc_finish(ctx->stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

void grpc_reply(sc_grpc_ctx *ctx, const ProtobufCMessage *message)
{
    sc_grpc_send(ctx->stream, sc_proto_pack(message, grpc_mem(ctx)));
    sc_grpc_finish(ctx->stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void add_detail(details *all, const char *type, const ProtobufCMessage *message,
                       sc_arena *mem)
{
    Google__Protobuf__Any *any = &all->any[all->status.n_details];

    google__protobuf__any__init(any);
    any->type_url = sc_proto_text(sc_arena_fmt(mem, "type.googleapis.com/%s", type), mem);
    any->value = sc_proto_data(sc_proto_pack(message, mem));
    all->list[all->status.n_details++] = any;
    all->status.details = all->list;
}

static void add_error_info(details *all, sc_str reason, const sc_pairs *metadata, sc_arena *mem)
{
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;

    info.reason = sc_proto_text(reason, mem);
    info.domain = sc_proto_text(SC_STR("dapr.io"), mem);
    info.n_metadata = metadata->count;
    info.metadata =
        sc_proto_map_make(&google__rpc__error_info__metadata_entry__descriptor, metadata, mem);
    add_detail(all, "google.rpc.ErrorInfo", &info.base, mem);
}

static void finish(sc_grpc_ctx *ctx, details *all, sc_code code, sc_str message)
{
    all->status.code = (int32_t)code;
    all->status.message = sc_proto_text(message, grpc_mem(ctx));
    sc_grpc_finish(ctx->stream, code, message,
                   all->status.n_details ? sc_proto_pack(&all->status.base, grpc_mem(ctx))
                                         : SC_STR_NONE);
}

static void add_help(details *all, const sc_problem *problem, sc_arena *mem)
{
    Google__Rpc__Help__Link link = GOOGLE__RPC__HELP__LINK__INIT;
    Google__Rpc__Help__Link *links[] = {&link};
    Google__Rpc__Help help = GOOGLE__RPC__HELP__INIT;

    link.description = sc_proto_text(sc_str_from(problem->help_text), mem);
    link.url = sc_proto_text(sc_str_from(problem->help_url), mem);
    help.links = links;
    help.n_links = 1;
    add_detail(all, "google.rpc.Help", &help.base, mem);
}

static void add_bad_request(details *all, const sc_problem *problem, sc_arena *mem)
{
    Google__Rpc__BadRequest__FieldViolation field = GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *fields[] = {&field};
    Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;

    field.field = sc_proto_text(problem->bad_field, mem);
    field.description = sc_proto_text(problem->message, mem);
    bad.field_violations = fields;
    bad.n_field_violations = 1;
    add_detail(all, "google.rpc.BadRequest", &bad.base, mem);
}

static void add_resource(details *all, const sc_problem *problem, sc_resource_kind kind,
                         sc_arena *mem)
{
    Google__Rpc__ResourceInfo resource = GOOGLE__RPC__RESOURCE_INFO__INIT;

    resource.resource_type = sc_proto_text(sc_str_from(sc_resource_kind_name(kind)), mem);
    resource.resource_name = sc_proto_text(problem->resource_name, mem);
    if (kind == SC_RESOURCE_PUBSUB)
        resource.description = sc_proto_text(problem->message, mem);
    add_detail(all, "google.rpc.ResourceInfo", &resource.base, mem);
}

void grpc_reply_problem(sc_grpc_ctx *ctx, const sc_problem *problem)
{
    const sc_reason_row *row = sc_reason_of(problem->reason);
    sc_arena *mem = grpc_mem(ctx);
    details all = {.status = GOOGLE__RPC__STATUS__INIT};

    sc_api_count_error(ctx->api, row->error_code);
    if (problem->help_text)
        add_help(&all, problem, mem);
    if (problem->is_bad_request)
        add_bad_request(&all, problem, mem);
    if (row->resource != SC_RESOURCE_NONE)
        add_resource(&all, problem, row->resource, mem);
    if (row->info_reason[0] != '\0')
        add_error_info(&all, sc_str_from(row->info_reason), &problem->info, mem);
    finish(ctx, &all, row->code, problem->message);
}

void grpc_refuse(sc_grpc_ctx *ctx, sc_code code, const char *reason, const char *http_code,
                 const char *http_message)
{
    sc_arena *mem = grpc_mem(ctx);
    details all = {.status = GOOGLE__RPC__STATUS__INIT};
    sc_pairs info = {0};

    sc_pairs_add(&info, mem, SC_STR("http.code"), sc_str_from(http_code));
    sc_pairs_add(&info, mem, SC_STR("http.error_message"), sc_str_from(http_message));
    add_error_info(&all, sc_str_from(reason), &info, mem);
    finish(ctx, &all, code, sc_str_from(reason));
}

void grpc_fail(sc_grpc_ctx *ctx, sc_code code, const char *fmt, ...)
{
    char text[SC_ERROR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    sc_grpc_finish(ctx->stream, code, sc_str_from(text), SC_STR_NONE);
}
