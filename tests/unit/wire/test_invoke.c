/* SPDX-License-Identifier: MIT
 *
 * The messages between sidecars: what is packed is unpacked, in the layout of the .proto files, and
 * broken bytes are refused. Also the paths of methods.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/invoke.h"
#include "wire/url.h"

static sc_arena mem;

static int setup(void **state)
{
    (void)state;
    sc_arena_init(&mem, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sc_arena_deinit(&mem);
    return 0;
}

static void assert_str(sc_str got, const char *want)
{
    assert_string_equal(sc_arena_str(&mem, got).at, want);
}

static sc_invoke_request a_request(void)
{
    sc_invoke_request request = {.version = 1,
                                 .method = SC_STR("a/b"),
                                 .content_type = SC_STR("text/x"),
                                 .has_http = true,
                                 .verb = sc_invoke_verb_of(SC_STR("PUT")),
                                 .query = SC_STR("q=1")};

    sc_pairs_add(&request.metadata, &mem, SC_STR("x-two"), SC_STR("1"));
    sc_pairs_add(&request.metadata, &mem, SC_STR("x-one"), SC_STR(""));
    sc_pairs_add(&request.metadata, &mem, SC_STR("x-two"), SC_STR("2"));
    return request;
}

static void assert_request(const sc_invoke_request *got)
{
    assert_int_equal(got->version, 1);
    assert_true(got->has_message && got->has_metadata && got->has_http);
    assert_str(got->method, "a/b");
    assert_str(got->content_type, "text/x");
    assert_str(got->query, "q=1");
    assert_str(sc_invoke_verb_name(got->verb), "PUT");
    assert_int_equal(got->metadata.count, 3);
    assert_str(got->metadata.at[0].name, "x-two"); /* the values of a name stand together */
    assert_str(got->metadata.at[1].name, "x-two");
    assert_str(got->metadata.at[1].value, "2");
    assert_str(got->metadata.at[2].name, "x-one");
    assert_str(got->metadata.at[2].value, "");
}

static void requests_survive_the_wire(void **state)
{
    sc_invoke_request request = a_request();
    sc_invoke_request got;
    sc_error err;

    (void)state;
    request.data = SC_STR("body");
    request.type_url = SC_STR("type/x");
    assert_int_equal(
        sc_invoke_request_unpack(sc_invoke_request_pack(&request, &mem), &mem, &got, &err), SC_OK);
    assert_request(&got);
    assert_str(got.data, "body");
    assert_str(got.type_url, "type/x");
}

/* The bytes that a generated encoder makes of the smallest request. */
static void layout_is_that_of_the_proto_files(void **state)
{
    static const char want[] = "\x0a\x17"                 /* request */
                               "\x08\x01"                 /* ver = V1 */
                               "\x12\x08"                 /* metadata entry */
                               "\x0a\x01k"                /* key */
                               "\x12\x03\x0a\x01v"        /* ListStringValue */
                               "\x1a\x09"                 /* message */
                               "\x0a\x01m"                /* method */
                               "\x22\x04\x08\x01\x12\x00" /* http_extension: GET, empty query */
                               "\x12\x03\x0a\x01";        /* payload: one byte of data follows */
    sc_invoke_request request = {.version = 1, .method = SC_STR("m"), .has_http = true, .verb = 1};
    sc_invoke_request got;
    sc_invoke_chunk chunk;
    sc_error err;
    sc_str head;

    (void)state;
    sc_pairs_add(&request.metadata, &mem, SC_STR("k"), SC_STR("v"));
    head = sc_invoke_request_open(&request, 1, &mem);
    assert_int_equal(head.len, sizeof(want) - 1 - 2); /* an empty query is not written */
    assert_int_equal(sc_invoke_chunk_unpack(sc_str_of(want, sizeof(want)), &chunk, &err), SC_OK);
    assert_int_equal(chunk.payload.len, 1);
    assert_int_equal(sc_invoke_request_unpack(chunk.head, &mem, &got, &err), SC_OK);
    assert_str(got.method, "m");
    assert_int_equal(got.verb, 1);
    assert_str(*sc_pairs_get(&got.metadata, SC_STR("k")), "v");
}

static void chunks_carry_head_and_numbered_pieces(void **state)
{
    sc_invoke_request request = a_request();
    sc_invoke_request got;
    sc_invoke_chunk chunk;
    sc_error err;
    char head[SC_INVOKE_CHUNK_MAX];
    sc_str parts[2] = {sc_invoke_request_open(&request, 5, &mem), SC_STR("piece")};

    (void)state;
    assert_int_equal(sc_invoke_chunk_unpack(sc_arena_join(&mem, parts, 2), &chunk, &err), SC_OK);
    assert_true(chunk.has_head && chunk.has_payload);
    assert_int_equal(chunk.seq, 0);
    assert_str(chunk.payload, "piece");
    assert_int_equal(sc_invoke_request_unpack(chunk.head, &mem, &got, &err), SC_OK);
    assert_request(&got);
    parts[0] = sc_str_of(head, sc_invoke_chunk_open(1u << 20, 5, head));
    assert_int_equal(sc_invoke_chunk_unpack(sc_arena_join(&mem, parts, 2), &chunk, &err), SC_OK);
    assert_false(chunk.has_head);
    assert_int_equal(chunk.seq, 1u << 20);
    assert_str(chunk.payload, "piece");
    assert_int_equal(
        sc_invoke_chunk_unpack(sc_invoke_request_open(&request, 0, &mem), &chunk, &err), SC_OK);
    assert_true(chunk.has_head);
    assert_false(chunk.has_payload);
}

static void responses_survive_the_wire(void **state)
{
    sc_invoke_response response = {.status = 404, .content_type = SC_STR("text/y")};
    sc_invoke_response got;
    sc_invoke_chunk chunk;
    sc_error err;

    (void)state;
    sc_pairs_add(&response.headers, &mem, SC_STR("x-my-h"), SC_STR("1"));
    sc_pairs_add(&response.trailers, &mem, SC_STR("t"), SC_STR("2"));
    response.data = SC_STR("data");
    assert_int_equal(
        sc_invoke_response_unpack(sc_invoke_response_pack(&response, &mem), &mem, &got, &err),
        SC_OK);
    assert_int_equal(got.status, 404);
    assert_str(got.content_type, "text/y");
    assert_str(got.data, "data");
    assert_str(*sc_pairs_get(&got.headers, SC_STR("X-My-H")), "1"); /* as HTTP writes it */
    assert_str(*sc_pairs_get(&got.trailers, SC_STR("t")), "2");
    response = (sc_invoke_response){.status = 5, .text = SC_STR("not here")};
    sc_pairs_add(&response.headers, &mem, SC_STR("x-my-h"), SC_STR("1"));
    assert_int_equal(
        sc_invoke_chunk_unpack(sc_invoke_response_open(&response, 0, &mem), &chunk, &err), SC_OK);
    assert_int_equal(sc_invoke_response_unpack(chunk.head, &mem, &got, &err), SC_OK);
    assert_int_equal(got.status, 5);
    assert_str(got.text, "not here");
    assert_str(*sc_pairs_get(&got.headers, SC_STR("x-my-h")), "1"); /* of gRPC: as it is */
}

/* Field 1000, which Dapr does not have; 0 is a length like any other. */
static void the_length_of_an_answer_survives_the_wire(void **state)
{
    static const uint64_t lens[] = {0, 1, 127, 128, 10u << 20, INT64_MAX};
    sc_invoke_response response = {.status = 200};
    sc_invoke_response got;
    sc_error err;

    (void)state;
    assert_int_equal(
        sc_invoke_response_unpack(sc_invoke_response_pack(&response, &mem), &mem, &got, &err),
        SC_OK);
    assert_false(got.has_body_len);
    response.has_body_len = true;
    for (size_t i = 0; i < SC_ARRAY_LEN(lens); i++) {
        response.body_len = lens[i];
        assert_int_equal(
            sc_invoke_response_unpack(sc_invoke_response_pack(&response, &mem), &mem, &got, &err),
            SC_OK);
        assert_true(got.has_body_len);
        assert_int_equal(got.body_len, lens[i]);
    }
    assert_int_equal(sc_invoke_response_unpack(SC_STR("\xc0\x3e\x0b"), &mem, &got, &err), SC_OK);
    assert_true(got.has_body_len);
    assert_int_equal(got.body_len, 11);
    response.body_len = (uint64_t)INT64_MAX + 1; /* of nothing that there is */
    assert_int_equal(
        sc_invoke_response_unpack(sc_invoke_response_pack(&response, &mem), &mem, &got, &err),
        SC_OK);
    assert_false(got.has_body_len);
    assert_int_equal(sc_invoke_response_unpack(SC_STR("\xc2\x3e\x01x"), &mem, &got, &err), SC_OK);
    assert_false(got.has_body_len); /* a text is no length */
    assert_int_equal(sc_invoke_response_unpack(SC_STR("\xc0\x3e\xff"), &mem, &got, &err),
                     SC_INTERNAL);
}

static void what_applications_and_clients_say_survives_the_wire(void **state)
{
    sc_invoke_request request = {
        .method = SC_STR("m"), .data = SC_STR("\0d"), .has_http = true, .verb = 3};
    sc_invoke_response response = {.content_type = SC_STR("text/y"), .data = SC_STR("data")};
    sc_invoke_response answer = {0};
    sc_invoke_request got;
    sc_str parts[3] = {SC_STR_INIT("\x0a\x02it\x1a")};
    sc_str message, id;
    char len;
    sc_error err;

    (void)state;
    assert_int_equal(sc_invoke_answer_unpack(sc_invoke_answer_pack(&response, &mem), &answer, &err),
                     SC_OK);
    assert_str(answer.content_type, "text/y");
    assert_str(answer.data, "data");
    message = sc_invoke_message_pack(&request, &mem);
    len = (char)message.len;
    parts[1] = sc_str_of(&len, 1);
    parts[2] = message;
    message = sc_arena_join(&mem, parts, 3);
    assert_int_equal(sc_invoke_service_unpack(message, &id, &got, &err), SC_OK);
    assert_str(id, "it");
    assert_true(sc_str_eq(got.method, request.method) && sc_str_eq(got.data, request.data));
    assert_int_equal(got.verb, request.verb);
    assert_int_equal(sc_invoke_service_unpack(SC_STR("\x0a\x05it"), &id, &got, &err), SC_INTERNAL);
    assert_int_equal(sc_invoke_answer_unpack(SC_STR("\x0a\x05it"), &answer, &err), SC_INTERNAL);
}

static void broken_bytes_are_refused(void **state)
{
    sc_invoke_request request = a_request();
    sc_str whole = sc_invoke_request_pack(&request, &mem);
    sc_invoke_request got;
    sc_invoke_chunk chunk;
    sc_error err;
    uint32_t refused = 0;

    (void)state;
    for (size_t len = 1; len < whole.len; len++)
        refused += sc_invoke_request_unpack(sc_str_of(whole.at, len), &mem, &got, &err) != SC_OK;
    assert_true(refused > whole.len / 2); /* cut between fields it is a shorter message */
    assert_int_equal(sc_invoke_request_unpack(SC_STR("\x0b"), &mem, &got, &err), SC_INTERNAL);
    assert_int_equal(sc_invoke_request_unpack(SC_STR("\x12\x7f"), &mem, &got, &err), SC_INTERNAL);
    assert_int_equal(sc_invoke_chunk_unpack(SC_STR("\x12\x02\x0a\x05"), &chunk, &err), SC_INTERNAL);
    assert_non_null(strstr(err.text, "cannot parse invalid wire-format data"));
}

static void too_many_headers_are_refused(void **state)
{
    sc_invoke_request request = {.version = 1};
    sc_invoke_request got;
    sc_error err;

    (void)state;
    for (uint32_t i = 0; i < SC_INVOKE_PAIRS_MAX + 1; i++)
        sc_pairs_add(&request.metadata, &mem, SC_STR("same"), SC_STR("v"));
    assert_int_equal(
        sc_invoke_request_unpack(sc_invoke_request_pack(&request, &mem), &mem, &got, &err),
        SC_EXHAUSTED);
}

static void verbs_have_numbers(void **state)
{
    (void)state;
    assert_int_equal(sc_invoke_verb_of(SC_STR("GET")), 1);
    assert_int_equal(sc_invoke_verb_of(SC_STR("PATCH")), 9);
    assert_int_equal(sc_invoke_verb_of(SC_STR("FOO")), SC_INVOKE_VERB_POST);
    assert_str(sc_invoke_verb_name(7), "OPTIONS");
    assert_str(sc_invoke_verb_name(10), "NONE");
}

static void assert_escaped(const char *plain, const char *want)
{
    sc_str got;
    sc_error err;

    assert_int_equal(sc_url_escape_path(sc_str_from(plain), &mem, &got, &err), SC_OK);
    assert_str(got, want);
}

static void paths_are_escaped_where_they_must_be(void **state)
{
    sc_str got;
    sc_error err;

    (void)state;
    assert_escaped("", "");
    assert_escaped("a/b-_.~$&+,:;=@!'()*[]", "a/b-_.~$&+,:;=@!'()*[]");
    assert_escaped("a b|c\\", "a%20b%7Cc%5C");
    assert_escaped("\xc3\xbc", "%C3%BC");
    assert_escaped("a%2Fb", "a%2Fb");
    assert_int_equal(sc_url_escape_path(SC_STR("a%b"), &mem, &got, &err), SC_INVALID);
    assert_string_equal(err.text, "invalid URL escape \"%b\"");
    assert_int_equal(sc_url_escape_path(SC_STR("a%zzz"), &mem, &got, &err), SC_INVALID);
    assert_string_equal(err.text, "invalid URL escape \"%zz\"");
    assert_true(sc_url_unescape_path(SC_STR("a+b%20c"), &mem, &got));
    assert_str(got, "a+b c");
    assert_false(sc_url_unescape_path(SC_STR("a%2"), &mem, &got));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_survive_the_wire),
        T(layout_is_that_of_the_proto_files),
        T(chunks_carry_head_and_numbered_pieces),
        T(responses_survive_the_wire),
        T(the_length_of_an_answer_survives_the_wire),
        T(broken_bytes_are_refused),
        T(what_applications_and_clients_say_survives_the_wire),
        T(too_many_headers_are_refused),
        T(verbs_have_numbers),
        T(paths_are_escaped_where_they_must_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
