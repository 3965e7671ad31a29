/* SPDX-License-Identifier: MIT
 *
 * Invocation messages from slices and back. Field numbers are those of
 * dapr/proto/internals/v1/service_invocation.proto and dapr/proto/common/v1/common.proto, but for
 * one of our own, far behind Dapr's, which its sidecars pass over as any field that they do not
 * know.
 */
#include "wire/invoke.h"

#include "wire/proto_scan.h"

enum {
    CHUNK_HEAD = 1,
    CHUNK_PAYLOAD = 2,
    PAYLOAD_DATA = 1,
    PAYLOAD_SEQ = 2,
    REQUEST_VERSION = 1,
    REQUEST_METADATA = 2,
    REQUEST_MESSAGE = 3,
    MESSAGE_METHOD = 1,
    MESSAGE_DATA = 2,
    MESSAGE_CONTENT_TYPE = 3,
    MESSAGE_HTTP = 4,
    HTTP_VERB = 1,
    HTTP_QUERY = 2,
    ANY_TYPE_URL = 1,
    ANY_VALUE = 2,
    MAP_KEY = 1,
    MAP_VALUE = 2,
    LIST_VALUES = 1,
    RESPONSE_STATUS = 1,
    RESPONSE_HEADERS = 2,
    RESPONSE_TRAILERS = 3,
    RESPONSE_MESSAGE = 4,
    RESPONSE_BODY_LEN = 1000, /* ours */
    ANSWER_DATA = 1,
    ANSWER_CONTENT_TYPE = 2,
    STATUS_CODE = 1,
    STATUS_MESSAGE = 2,
    SERVICE_ID = 1,
    SERVICE_MESSAGE = 3,
};

/* ---- verbs ---- */

static const sc_str verbs[] = {
    SC_STR_INIT("NONE"),  SC_STR_INIT("GET"),    SC_STR_INIT("HEAD"),    SC_STR_INIT("POST"),
    SC_STR_INIT("PUT"),   SC_STR_INIT("DELETE"), SC_STR_INIT("CONNECT"), SC_STR_INIT("OPTIONS"),
    SC_STR_INIT("TRACE"), SC_STR_INIT("PATCH")};

sc_str sc_invoke_verb_name(unsigned verb)
{
    return verb < SC_ARRAY_LEN(verbs) ? verbs[verb] : verbs[SC_INVOKE_VERB_NONE];
}

unsigned sc_invoke_verb_of(sc_str name)
{
    for (unsigned i = 1; i < SC_ARRAY_LEN(verbs); i++) {
        if (sc_str_eq(verbs[i], name))
            return i;
    }
    return SC_INVOKE_VERB_POST;
}

/* ---- writing ---- */

/* A map of names to lists of values: what a pair takes at most. */
static size_t pairs_max(const sc_pairs *pairs)
{
    size_t max = 0;

    for (uint32_t i = 0; i < pairs->count; i++)
        max += pairs->at[i].name.len + pairs->at[i].value.len + 48;
    return max;
}

static bool is_repeat(const sc_pairs *pairs, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (sc_str_eq(pairs->at[i].name, pairs->at[index].name))
            return true;
    }
    return false;
}

/* "x-my-name" as "X-My-Name". */
static void capitalize(char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((i == 0 || name[i - 1] == '-') && name[i] >= 'a' && name[i] <= 'z')
            name[i] = (char)(name[i] - 'a' + 'A');
    }
}

/* One entry for a name, at its first place, with all its values. `is_http`: names as HTTP writes
 * them. */
static void put_pairs(sc_proto_writer *w, uint32_t number, const sc_pairs *pairs, bool is_http)
{
    for (uint32_t i = pairs->count; i-- > 0;) {
        const char *end = w->at;
        char *name_end;

        if (is_repeat(pairs, i))
            continue;
        for (uint32_t j = pairs->count; j-- > i;) {
            if (sc_str_eq(pairs->at[j].name, pairs->at[i].name))
                sc_proto_put_element(w, LIST_VALUES, pairs->at[j].value);
        }
        sc_proto_put_message(w, MAP_VALUE, end);
        name_end = w->at;
        sc_proto_put_bytes(w, MAP_KEY, pairs->at[i].name);
        if (is_http)
            capitalize(name_end - pairs->at[i].name.len, pairs->at[i].name.len);
        sc_proto_put_message(w, number, end);
    }
}

static void put_any(sc_proto_writer *w, uint32_t number, sc_str type_url, sc_str value)
{
    const char *end = w->at;

    sc_proto_put_bytes(w, ANY_VALUE, value);
    sc_proto_put_bytes(w, ANY_TYPE_URL, type_url);
    sc_proto_put_message(w, number, end);
}

static size_t request_max(const sc_invoke_request *request)
{
    return pairs_max(&request->metadata) + request->method.len + request->type_url.len +
           request->data.len + request->content_type.len + request->query.len + 160;
}

/* The fields of InvokeRequest. */
static void put_message(sc_proto_writer *w, const sc_invoke_request *request, sc_str data,
                        bool has_data)
{
    const char *end = w->at;

    if (request->has_http) {
        sc_proto_put_bytes(w, HTTP_QUERY, request->query);
        sc_proto_put_u64(w, HTTP_VERB, request->verb);
        sc_proto_put_message(w, MESSAGE_HTTP, end);
    }
    sc_proto_put_bytes(w, MESSAGE_CONTENT_TYPE, request->content_type);
    if (has_data || request->type_url.len > 0)
        put_any(w, MESSAGE_DATA, request->type_url, data);
    sc_proto_put_bytes(w, MESSAGE_METHOD, request->method);
}

static void put_request(sc_proto_writer *w, const sc_invoke_request *request, sc_str data)
{
    const char *end = w->at;

    put_message(w, request, data, data.len > 0);
    sc_proto_put_message(w, REQUEST_MESSAGE, end);
    put_pairs(w, REQUEST_METADATA, &request->metadata, false);
    sc_proto_put_u64(w, REQUEST_VERSION, request->version);
}

static size_t response_max(const sc_invoke_response *response)
{
    return pairs_max(&response->headers) + pairs_max(&response->trailers) + response->packed.len +
           response->text.len + response->type_url.len + response->data.len +
           response->content_type.len + 160;
}

static void put_status(sc_proto_writer *w, const sc_invoke_response *response)
{
    const char *end = w->at;

    if (response->packed.len > 0) {
        sc_proto_put_element(w, RESPONSE_STATUS, response->packed);
        return;
    }
    sc_proto_put_bytes(w, STATUS_MESSAGE, response->text);
    sc_proto_put_u64(w, STATUS_CODE, (uint64_t)response->status);
    sc_proto_put_message(w, RESPONSE_STATUS, end);
}

/* The fields of InvokeResponse. */
static void put_answer(sc_proto_writer *w, const sc_invoke_response *response, sc_str data,
                       bool has_data)
{
    sc_proto_put_bytes(w, ANSWER_CONTENT_TYPE, response->content_type);
    if (has_data || response->type_url.len > 0)
        put_any(w, ANSWER_DATA, response->type_url, data);
}

static void put_response(sc_proto_writer *w, const sc_invoke_response *response, sc_str data)
{
    const char *end;

    if (response->has_body_len) { /* 0 as well */
        sc_proto_put_varint(w, response->body_len);
        sc_proto_put_tag(w, RESPONSE_BODY_LEN, SC_PROTO_VARINT);
    }
    end = w->at;
    put_answer(w, response, data, data.len > 0);
    sc_proto_put_message(w, RESPONSE_MESSAGE, end);
    put_pairs(w, RESPONSE_TRAILERS, &response->trailers, false);
    put_pairs(w, RESPONSE_HEADERS, &response->headers, response->status >= 100);
    put_status(w, response);
}

sc_str sc_invoke_request_pack(const sc_invoke_request *request, sc_arena *mem)
{
    sc_proto_writer w = sc_proto_writer_in(mem, request_max(request));

    put_request(&w, request, request->data);
    return sc_proto_written(&w);
}

sc_str sc_invoke_response_pack(const sc_invoke_response *response, sc_arena *mem)
{
    sc_proto_writer w = sc_proto_writer_in(mem, response_max(response));

    put_response(&w, response, response->data);
    return sc_proto_written(&w);
}

sc_str sc_invoke_message_pack(const sc_invoke_request *request, sc_arena *mem)
{
    sc_proto_writer w = sc_proto_writer_in(mem, request_max(request));

    put_message(&w, request, request->data, true); /* applications look into it without asking */
    return sc_proto_written(&w);
}

sc_str sc_invoke_answer_pack(const sc_invoke_response *response, sc_arena *mem)
{
    sc_proto_writer w = sc_proto_writer_in(mem, response_max(response));

    put_answer(&w, response, response->data, true);
    return sc_proto_written(&w);
}

/* The payload's field up to its bytes: the number first, so that the bytes come last. */
static void put_payload_head(sc_proto_writer *w, uint64_t seq, size_t len)
{
    const char *end = w->at;

    sc_proto_put_varint(w, len);
    sc_proto_put_tag(w, PAYLOAD_DATA, SC_PROTO_BYTES);
    sc_proto_put_u64(w, PAYLOAD_SEQ, seq);
    sc_proto_put_varint(w, (uint64_t)(end - w->at) + len);
    sc_proto_put_tag(w, CHUNK_PAYLOAD, SC_PROTO_BYTES);
}

sc_str sc_invoke_request_open(const sc_invoke_request *request, size_t payload_len, sc_arena *mem)
{
    sc_proto_writer w = sc_proto_writer_in(mem, request_max(request) + SC_INVOKE_CHUNK_MAX);
    const char *end;

    if (payload_len > 0)
        put_payload_head(&w, 0, payload_len);
    end = w.at;
    put_request(&w, request, SC_STR_NONE);
    sc_proto_put_message(&w, CHUNK_HEAD, end);
    return sc_proto_written(&w);
}

sc_str sc_invoke_response_open(const sc_invoke_response *response, size_t payload_len,
                               sc_arena *mem)
{
    sc_proto_writer w = sc_proto_writer_in(mem, response_max(response) + SC_INVOKE_CHUNK_MAX);
    const char *end;

    if (payload_len > 0)
        put_payload_head(&w, 0, payload_len);
    end = w.at;
    put_response(&w, response, SC_STR_NONE);
    sc_proto_put_message(&w, CHUNK_HEAD, end);
    return sc_proto_written(&w);
}

size_t sc_invoke_chunk_open(uint64_t seq, size_t payload_len, char to[SC_INVOKE_CHUNK_MAX])
{
    char room[SC_INVOKE_CHUNK_MAX];
    sc_proto_writer w = {.from = room, .at = room + sizeof(room), .end = room + sizeof(room)};
    sc_str head;

    put_payload_head(&w, seq, payload_len);
    head = sc_proto_written(&w);
    memcpy(to, head.at, head.len);
    return head.len;
}

/* ---- reading ---- */

#define BROKEN ": proto: cannot parse invalid wire-format data"

static sc_code broken_request(sc_error *err)
{
    return sc_fail(err, SC_INTERNAL, "grpc: error unmarshalling request" BROKEN);
}

/* An answer, or one message of a stream. */
static sc_code broken_message(sc_error *err)
{
    return sc_fail(err, SC_INTERNAL, "grpc: failed to unmarshal the received message" BROKEN);
}

static bool is_bytes(const sc_proto_field *field, uint32_t number)
{
    return field->number == number && field->kind == SC_PROTO_BYTES;
}

static bool is_number(const sc_proto_field *field, uint32_t number)
{
    return field->number == number && field->kind == SC_PROTO_VARINT;
}

/* An entry of map<string, ListStringValue>: a pair for each value. */
static bool read_entry(sc_str entry, sc_arena *mem, sc_pairs *out)
{
    sc_str name = SC_STR_NONE;
    sc_str list = SC_STR_NONE;
    sc_proto_field field;
    sc_proto_step step;

    while ((step = sc_proto_next(&entry, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, MAP_KEY))
            name = field.bytes;
        else if (is_bytes(&field, MAP_VALUE))
            list = field.bytes;
    }
    if (step == SC_PROTO_BROKEN)
        return false;
    while ((step = sc_proto_next(&list, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, LIST_VALUES) && out->count <= SC_INVOKE_PAIRS_MAX)
            sc_pairs_add(out, mem, name, field.bytes);
    }
    return step == SC_PROTO_END;
}

static sc_code check_count(const sc_pairs *one, const sc_pairs *other, sc_error *err)
{
    if (one->count > SC_INVOKE_PAIRS_MAX || other->count > SC_INVOKE_PAIRS_MAX)
        return sc_fail(err, SC_EXHAUSTED, "more than %u headers", SC_INVOKE_PAIRS_MAX);
    return SC_OK;
}

static bool read_any(sc_str any, sc_str *type_url, sc_str *value)
{
    sc_proto_field field;
    sc_proto_step step;

    while ((step = sc_proto_next(&any, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, ANY_TYPE_URL))
            *type_url = field.bytes;
        else if (is_bytes(&field, ANY_VALUE))
            *value = field.bytes;
    }
    return step == SC_PROTO_END;
}

static bool read_http(sc_str http, sc_invoke_request *out)
{
    sc_proto_field field;
    sc_proto_step step;

    out->has_http = true;
    while ((step = sc_proto_next(&http, &field)) == SC_PROTO_FIELD) {
        if (is_number(&field, HTTP_VERB))
            out->verb = (unsigned)field.value;
        else if (is_bytes(&field, HTTP_QUERY))
            out->query = field.bytes;
    }
    return step == SC_PROTO_END;
}

static bool read_message(sc_str message, sc_invoke_request *out)
{
    sc_proto_field field;
    sc_proto_step step;
    bool is_good = true;

    out->has_message = true;
    while (is_good && (step = sc_proto_next(&message, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, MESSAGE_METHOD))
            out->method = field.bytes;
        else if (is_bytes(&field, MESSAGE_CONTENT_TYPE))
            out->content_type = field.bytes;
        else if (is_bytes(&field, MESSAGE_DATA))
            is_good = read_any(field.bytes, &out->type_url, &out->data);
        else if (is_bytes(&field, MESSAGE_HTTP))
            is_good = read_http(field.bytes, out);
    }
    return is_good && step == SC_PROTO_END;
}

sc_code sc_invoke_request_unpack(sc_str bytes, sc_arena *mem, sc_invoke_request *out, sc_error *err)
{
    sc_proto_field field;
    sc_proto_step step;
    bool is_good = true;

    *out = (sc_invoke_request){0};
    while (is_good && (step = sc_proto_next(&bytes, &field)) == SC_PROTO_FIELD) {
        if (is_number(&field, REQUEST_VERSION)) {
            out->version = field.value;
        } else if (is_bytes(&field, REQUEST_METADATA)) {
            out->has_metadata = true;
            is_good = read_entry(field.bytes, mem, &out->metadata);
        } else if (is_bytes(&field, REQUEST_MESSAGE)) {
            is_good = read_message(field.bytes, out);
        }
    }
    if (!is_good || step != SC_PROTO_END)
        return broken_request(err);
    return check_count(&out->metadata, &out->metadata, err);
}

static bool read_status(sc_str status, sc_invoke_response *out)
{
    sc_proto_field field;
    sc_proto_step step;

    out->packed = status; /* the last one counts, whole */
    out->status = 0;
    out->text = SC_STR_NONE;
    while ((step = sc_proto_next(&status, &field)) == SC_PROTO_FIELD) {
        if (is_number(&field, STATUS_CODE))
            out->status = (int)(int32_t)field.value;
        else if (is_bytes(&field, STATUS_MESSAGE))
            out->text = field.bytes;
    }
    return step == SC_PROTO_END;
}

static bool read_answer(sc_str answer, sc_invoke_response *out)
{
    sc_proto_field field;
    sc_proto_step step;
    bool is_good = true;

    while (is_good && (step = sc_proto_next(&answer, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, ANSWER_CONTENT_TYPE))
            out->content_type = field.bytes;
        else if (is_bytes(&field, ANSWER_DATA))
            is_good = read_any(field.bytes, &out->type_url, &out->data);
    }
    return is_good && step == SC_PROTO_END;
}

/* A length that no application can have announced is none. */
static void read_body_len(uint64_t value, sc_invoke_response *out)
{
    out->has_body_len = value <= INT64_MAX;
    out->body_len = out->has_body_len ? value : 0;
}

sc_code sc_invoke_response_unpack(sc_str bytes, sc_arena *mem, sc_invoke_response *out,
                                  sc_error *err)
{
    sc_proto_field field;
    sc_proto_step step;
    bool is_good = true;

    *out = (sc_invoke_response){0};
    while (is_good && (step = sc_proto_next(&bytes, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, RESPONSE_STATUS))
            is_good = read_status(field.bytes, out);
        else if (is_bytes(&field, RESPONSE_HEADERS))
            is_good = read_entry(field.bytes, mem, &out->headers);
        else if (is_bytes(&field, RESPONSE_TRAILERS))
            is_good = read_entry(field.bytes, mem, &out->trailers);
        else if (is_bytes(&field, RESPONSE_MESSAGE))
            is_good = read_answer(field.bytes, out);
        else if (is_number(&field, RESPONSE_BODY_LEN))
            read_body_len(field.value, out);
    }
    if (!is_good || step != SC_PROTO_END)
        return broken_message(err);
    return check_count(&out->headers, &out->trailers, err);
}

sc_code sc_invoke_answer_unpack(sc_str bytes, sc_invoke_response *out, sc_error *err)
{
    return read_answer(bytes, out) ? SC_OK : broken_message(err);
}

sc_code sc_invoke_service_unpack(sc_str bytes, sc_str *id, sc_invoke_request *out, sc_error *err)
{
    sc_proto_field field;
    sc_proto_step step;
    bool is_good = true;

    *out = (sc_invoke_request){0};
    *id = SC_STR_NONE;
    while (is_good && (step = sc_proto_next(&bytes, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, SERVICE_ID))
            *id = field.bytes;
        else if (is_bytes(&field, SERVICE_MESSAGE))
            is_good = read_message(field.bytes, out);
    }
    return is_good && step == SC_PROTO_END ? SC_OK : broken_request(err);
}

static bool read_payload(sc_str payload, sc_invoke_chunk *out)
{
    sc_proto_field field;
    sc_proto_step step;

    out->has_payload = true;
    while ((step = sc_proto_next(&payload, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, PAYLOAD_DATA))
            out->payload = field.bytes;
        else if (is_number(&field, PAYLOAD_SEQ))
            out->seq = field.value;
    }
    return step == SC_PROTO_END;
}

sc_code sc_invoke_chunk_unpack(sc_str bytes, sc_invoke_chunk *out, sc_error *err)
{
    sc_proto_field field;
    sc_proto_step step;
    bool is_good = true;

    *out = (sc_invoke_chunk){0};
    while (is_good && (step = sc_proto_next(&bytes, &field)) == SC_PROTO_FIELD) {
        if (is_bytes(&field, CHUNK_HEAD)) {
            out->has_head = true;
            out->head = field.bytes;
        } else if (is_bytes(&field, CHUNK_PAYLOAD)) {
            is_good = read_payload(field.bytes, out);
        }
    }
    return is_good && step == SC_PROTO_END ? SC_OK : broken_message(err);
}

/* ---- texts ---- */

bool sc_invoke_pairs_are_utf8(const sc_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        const sc_pair *pair = &pairs->at[i];

        if (!sc_str_is_utf8(pair->name) || !sc_str_is_utf8(pair->value))
            return false;
    }
    return true;
}
