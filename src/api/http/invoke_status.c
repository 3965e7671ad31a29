/* SPDX-License-Identifier: MIT
 *
 * The error status of a gRPC application for an HTTP client: as JSON (HTTP API, service
 * invocation).
 */
#include "api/http/internal.h"
#include "google/rpc/status.pb-c.h"
#include "wire/proto_json.h"

/* Details whose fields are known; others are named alone. */
static const ProtobufCMessageDescriptor *const detail_types[] = {
    &google__rpc__error_info__descriptor,    &google__rpc__resource_info__descriptor,
    &google__rpc__bad_request__descriptor,   &google__rpc__help__descriptor,
    &google__rpc__retry_info__descriptor,    &google__rpc__debug_info__descriptor,
    &google__rpc__quota_failure__descriptor, &google__rpc__precondition_failure__descriptor,
    &google__rpc__request_info__descriptor,  &google__rpc__localized_message__descriptor,
    &google__protobuf__duration__descriptor, NULL,
};

sc_str http_grpc_status_json(const sc_invoke_response *answer, sc_arena *mem)
{
    Google__Rpc__Status plain = GOOGLE__RPC__STATUS__INIT;
    const Google__Rpc__Status *status = NULL;
    sc_buf json = {0};
    sc_str text;

    if (answer->packed.len > 0)
        status = sc_proto_unpack(&google__rpc__status__descriptor, answer->packed, mem);
    if (!status) {
        plain.code = answer->status;
        plain.message = sc_proto_text(sc_arena_utf8(mem, answer->text), mem);
        status = &plain;
    }
    sc_proto_to_json(&status->base, detail_types, &json, mem);
    text = sc_arena_str(mem, sc_buf_str(&json));
    sc_buf_deinit(&json);
    return text;
}
