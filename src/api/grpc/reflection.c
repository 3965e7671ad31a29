/* SPDX-License-Identifier: MIT
 *
 * Server reflection (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), v1 and
 * v1alpha, whose messages are the same bytes. A stream answers each request in turn and sends a
 * file once.
 */
#include "api/grpc/descriptors.h"
#include "api/grpc/internal.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

static char *const services[] = {
    (char[]){"dapr.proto.runtime.v1.Dapr"},
    (char[]){"grpc.reflection.v1.ServerReflection"},
    (char[]){"grpc.reflection.v1alpha.ServerReflection"},
};

typedef struct conversation {
    uint64_t sent; /* bits of the files that the client has */
} conversation;

static void on_open(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;

    ctx->extra = sc_call_make(stream->call, conversation);
    (void)grpc_open_stream(stream);
}

/* ---- answers ---- */

static void list_services(response *answer, sc_arena *mem)
{
    Grpc__Reflection__V1__ListServiceResponse *list =
        sc_arena_new(mem, Grpc__Reflection__V1__ListServiceResponse);

    grpc__reflection__v1__list_service_response__init(list);
    list->service = sc_arena_zero(mem, SC_ARRAY_LEN(services) * sizeof(list->service[0]));
    for (size_t i = 0; i < SC_ARRAY_LEN(services); i++) {
        list->service[i] = sc_arena_new(mem, Grpc__Reflection__V1__ServiceResponse);
        grpc__reflection__v1__service_response__init(list->service[i]);
        list->service[i]->name = services[i];
    }
    list->n_service = SC_ARRAY_LEN(services);
    answer->list_services_response = list;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
}

static void fail(response *answer, sc_code code, sc_str text, sc_arena *mem)
{
    Grpc__Reflection__V1__ErrorResponse *error =
        sc_arena_new(mem, Grpc__Reflection__V1__ErrorResponse);

    grpc__reflection__v1__error_response__init(error);
    error->error_code = (int32_t)code;
    error->error_message = sc_proto_text(text, mem);
    answer->error_response = error;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
}

/* The file and what it imports, as far as the client has not got them. */
static void send_file(response *answer, int index, conversation *talk, sc_str asked, sc_arena *mem)
{
    Grpc__Reflection__V1__FileDescriptorResponse *files =
        sc_arena_new(mem, Grpc__Reflection__V1__FileDescriptorResponse);
    uint64_t due;
    sc_str file;

    if (index < 0) {
        fail(answer, SC_NOT_FOUND, sc_arena_fmt(mem, "not found: %.*s", SC_FMT(asked)), mem);
        return;
    }
    due = sc_descriptor_with_imports((uint32_t)index) & ~talk->sent;
    due |= UINT64_C(1) << index; /* what is asked for is sent again */
    grpc__reflection__v1__file_descriptor_response__init(files);
    files->file_descriptor_proto =
        sc_arena_zero(mem, SC_DESCRIPTOR_FILES * sizeof(files->file_descriptor_proto[0]));
    for (uint32_t i = 0; sc_descriptor_at(i, &file); i++) {
        if (due & (UINT64_C(1) << i))
            files->file_descriptor_proto[files->n_file_descriptor_proto++] = sc_proto_data(file);
    }
    talk->sent |= due;
    answer->file_descriptor_response = files;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
}

/* No message here has extensions. */
static void list_extensions(response *answer, sc_str type, sc_arena *mem)
{
    Grpc__Reflection__V1__ExtensionNumberResponse *none =
        sc_arena_new(mem, Grpc__Reflection__V1__ExtensionNumberResponse);

    if (sc_descriptor_of_symbol(type) < 0) {
        fail(answer, SC_NOT_FOUND, sc_arena_fmt(mem, "not found: %.*s", SC_FMT(type)), mem);
        return;
    }
    grpc__reflection__v1__extension_number_response__init(none);
    none->base_type_name = sc_proto_text(type, mem);
    answer->all_extension_numbers_response = none;
    answer->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
}

static void fill(response *answer, const request *asked, conversation *talk, sc_arena *mem)
{
    sc_str text;

    switch (asked->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        list_services(answer, mem);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        text = sc_str_from(asked->file_by_filename);
        send_file(answer, sc_descriptor_find(text), talk, text, mem);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        text = sc_str_from(asked->file_containing_symbol);
        send_file(answer, sc_descriptor_of_symbol(text), talk, text, mem);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        fail(answer, SC_NOT_FOUND, SC_STR("not found: no extensions are defined"), mem);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        list_extensions(answer, sc_str_from(asked->all_extension_numbers_of_type), mem);
        break;
    default:
        fail(answer, SC_INVALID, SC_STR("invalid MessageRequest: none is set"), mem);
    }
}

static void on_message(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_ctx *ctx = stream->user;
    response answer = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    sc_arena mem; /* of this request: a stream may go on for long */
    request *asked;

    sc_arena_init(&mem, sc_loop_arenas(ctx->api->loop));
    asked = sc_proto_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, message,
                            &mem);
    if (asked) {
        answer.valid_host = asked->host;
        answer.original_request = asked;
        fill(&answer, asked, ctx->extra, &mem);
        sc_grpc_send(stream, sc_proto_pack(&answer.base, &mem));
    } else {
        grpc_fail(
            ctx, SC_INTERNAL,
            "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
    }
    sc_arena_deinit(&mem);
}

static void on_half_close(sc_grpc_stream *stream)
{
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

const sc_grpc_handler grpc_reflection = {
    .on_open = on_open, .on_message = on_message, .on_half_close = on_half_close};
