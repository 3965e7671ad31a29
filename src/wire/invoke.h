/* SPDX-License-Identifier: MIT
 *
 * What sidecars say to each other for service invocation: the messages of
 * dapr.proto.internals.v1.ServiceInvocation, straight between slices and bytes (gRPC API, sidecar
 * to sidecar). CallLocal sends one message each way; CallLocalStream sends chunks, the first with
 * the head and all with a piece of the body, numbered from 0.
 */
#ifndef SC_WIRE_INVOKE_H
#define SC_WIRE_INVOKE_H

#include "core/arena.h"
#include "core/error.h"
#include "core/pairs.h"

/* HTTPExtension.Verb; 0 is NONE. */
#define SC_INVOKE_VERB_NONE    0u
#define SC_INVOKE_VERB_HEAD    2u
#define SC_INVOKE_VERB_POST    3u
#define SC_INVOKE_VERB_CONNECT 6u
/* "GET" for 1 and so on; "NONE" for 0 and what is not known. */
sc_str sc_invoke_verb_name(unsigned verb);
/* The number of "GET"; POST for a verb that is not known, as in Dapr. */
unsigned sc_invoke_verb_of(sc_str name);

/* InternalInvokeRequest. */
typedef struct sc_invoke_request {
    uint64_t version;  /* 1 */
    sc_pairs metadata; /* a pair for each value; "-bin" values are base64 */
    bool has_metadata; /* at least one entry */
    bool has_message;
    sc_str method;
    sc_str type_url;
    sc_str data; /* CallLocal: the body */
    sc_str content_type;
    bool has_http;
    unsigned verb;
    sc_str query; /* without '?' */
} sc_invoke_request;

/* InternalInvokeResponse. */
typedef struct sc_invoke_response {
    int status;    /* 100 and more: of HTTP; else of gRPC */
    sc_str text;   /* of a gRPC status */
    sc_str packed; /* the whole Status, which on the wire is a google.rpc.Status; may be empty */
    sc_pairs headers;
    sc_pairs trailers;
    sc_str type_url;
    sc_str data; /* CallLocal: the body */
    sc_str content_type;
    /* Ours, and nothing to Dapr's sidecars: what the payloads come to together, in bytes (after
     * HEAD: what they would), as far as it is known at the head. INT64_MAX at most. */
    bool has_body_len;
    uint64_t body_len;
} sc_invoke_response;

/* One message of CallLocalStream, either way. */
typedef struct sc_invoke_chunk {
    bool has_head;
    sc_str head; /* a packed InternalInvokeRequest or ...Response */
    bool has_payload;
    sc_str payload;
    uint64_t seq;
} sc_invoke_chunk;

/* For CallLocal. Lives in `mem`. */
sc_str sc_invoke_request_pack(const sc_invoke_request *request, sc_arena *mem);
sc_str sc_invoke_response_pack(const sc_invoke_response *response, sc_arena *mem);
/* The first chunk but for its payload: `payload_len` bytes follow what is returned. 0: none do.
 * `data` is left out. Lives in `mem`. */
sc_str sc_invoke_request_open(const sc_invoke_request *request, size_t payload_len, sc_arena *mem);
sc_str sc_invoke_response_open(const sc_invoke_response *response, size_t payload_len,
                               sc_arena *mem);
/* A later chunk but for its payload: `payload_len` bytes follow. */
#define SC_INVOKE_CHUNK_MAX 32u
size_t sc_invoke_chunk_open(uint64_t seq, size_t payload_len, char to[SC_INVOKE_CHUNK_MAX]);

#define SC_INVOKE_PAIRS_MAX 1000u /* values of metadata, headers or trailers in one message */

/* Between a sidecar and a gRPC application or client: common.v1.InvokeRequest and InvokeResponse,
 * and runtime.v1.InvokeServiceRequest. They have no metadata. */
sc_str sc_invoke_message_pack(const sc_invoke_request *request, sc_arena *mem);
sc_str sc_invoke_answer_pack(const sc_invoke_response *response, sc_arena *mem);
sc_code sc_invoke_answer_unpack(sc_str bytes, sc_invoke_response *out, sc_error *err) SC_MUST_CHECK;
sc_code sc_invoke_service_unpack(sc_str bytes, sc_str *id, sc_invoke_request *out,
                                 sc_error *err) SC_MUST_CHECK;

/* Slices point into `bytes`, lists are in `mem`. Fail with SC_INTERNAL, in grpc-go's words, when
 * the bytes are no such message, and with SC_EXHAUSTED past SC_INVOKE_PAIRS_MAX. */
sc_code sc_invoke_request_unpack(sc_str bytes, sc_arena *mem, sc_invoke_request *out,
                                 sc_error *err) SC_MUST_CHECK;
sc_code sc_invoke_response_unpack(sc_str bytes, sc_arena *mem, sc_invoke_response *out,
                                  sc_error *err) SC_MUST_CHECK;
sc_code sc_invoke_chunk_unpack(sc_str bytes, sc_invoke_chunk *out, sc_error *err) SC_MUST_CHECK;

/* protobuf wants UTF-8 in texts, and grpc-go refuses others: false when a name or a value is none.
 */
bool sc_invoke_pairs_are_utf8(const sc_pairs *pairs);

#endif
