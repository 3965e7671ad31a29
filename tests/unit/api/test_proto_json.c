/* SPDX-License-Identifier: MIT
 *
 * Messages as JSON and back, with messages that have every shape; and what nests too deep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/conversation.h"
#include "dapr/proto/runtime/v1/conversation.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"
#include "wire/json.h"
#include "wire/proto_json.h"

#define ALPHA1 &dapr__proto__runtime__v1__conversation_request__descriptor
#define ALPHA2 &dapr__proto__runtime__v1__conversation_request_alpha2__descriptor
#define ANSWER &dapr__proto__runtime__v1__conversation_response_alpha2__descriptor

static sc_arena mem;
static sc_error err;

static int set_up(void **state)
{
    (void)state;
    sc_arena_init(&mem, NULL);
    sc_error_clear(&err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sc_arena_deinit(&mem);
    return 0;
}

/* What is read and written, through protobuf's bytes on the way. */
static void assert_becomes(const ProtobufCMessageDescriptor *type, const char *json,
                           const char *want)
{
    ProtobufCMessage *message =
        sc_proto_from_json(type, sc_str_from(json), sc_api_any_types, &mem, &err);
    sc_buf out = {0};

    if (!message)
        fail_msg("%s", err.text);
    message = sc_proto_unpack(type, sc_proto_pack(message, &mem), &mem);
    assert_non_null(message);
    sc_proto_to_json(message, sc_api_any_types, &out, &mem);
    if (!sc_str_eq(sc_buf_str(&out), sc_str_from(want)))
        fail_msg("%s became %.*s, not %s", json, SC_FMT(sc_buf_str(&out)), want);
    sc_buf_deinit(&out);
}

static void assert_same(const ProtobufCMessageDescriptor *type, const char *json)
{
    assert_becomes(type, json, json);
}

static void assert_refused(const ProtobufCMessageDescriptor *type, const char *json,
                           const char *want)
{
    assert_null(sc_proto_from_json(type, sc_str_from(json), sc_api_any_types, &mem, &err));
    if (!strstr(err.text, want))
        fail_msg("%s: '%s' is not in '%s'", json, want, err.text);
}

static void fields_are_found_under_both_names(void **state)
{
    (void)state;
    assert_becomes(ALPHA2, "{\"context_id\":\"a\",\"scrub_pii\":true,\"toolChoice\":\"auto\"}",
                   "{\"contextId\":\"a\",\"scrubPii\":true,\"toolChoice\":\"auto\"}");
    assert_same(ALPHA1, "{\"contextID\":\"c\",\"scrubPII\":true}");
    assert_becomes(ALPHA1, "{\"contextId\":\"wrong case\",\"nobody\":{\"knows\":[1]}}", "{}");
    assert_becomes(ALPHA1, "", "{}");
    assert_becomes(ALPHA1, " { } ", "{}");
}

static void default_values_are_left_out_unless_chosen(void **state)
{
    (void)state;
    assert_becomes(ALPHA1, "{\"name\":\"\",\"scrubPII\":false,\"inputs\":[],\"metadata\":{}}",
                   "{}");
    assert_same(ALPHA1, "{\"temperature\":0}");
    assert_becomes(ALPHA1, "{\"name\":null,\"inputs\":null,\"temperature\":null}", "{}");
    assert_same(ALPHA2, "{\"inputs\":[{\"messages\":[{\"ofUser\":{}}]},{}]}");
}

static void numbers_keep_their_value(void **state)
{
    (void)state;
    assert_becomes(ALPHA1, "{\"temperature\":\"0.70\"}", "{\"temperature\":0.7}");
    assert_becomes(ALPHA1, "{\"temperature\":1e-7}", "{\"temperature\":1e-07}");
    assert_becomes(ALPHA1, "{\"temperature\":123456789012345680000000}",
                   "{\"temperature\":1.2345678901234569e+23}");
    assert_same(ALPHA1, "{\"temperature\":-0.000001}");
    assert_same(ALPHA1, "{\"temperature\":0.30000000000000004}");
    assert_same(ALPHA1, "{\"temperature\":\"NaN\"}");
    assert_becomes(ANSWER,
                   "{\"outputs\":[{\"usage\":{\"totalTokens\":18446744073709551615,"
                   "\"promptTokens\":\"7\",\"completionTokens\":2e3}}]}",
                   "{\"outputs\":[{\"usage\":{\"completionTokens\":\"2000\",\"promptTokens\":\"7\","
                   "\"totalTokens\":\"18446744073709551615\"}}]}");
}

static void maps_are_sorted_and_the_last_of_a_key_counts(void **state)
{
    (void)state;
    assert_becomes(ALPHA1, "{\"metadata\":{\"b\":\"2\",\"a\":\"0\",\"a\":\"1\"}}",
                   "{\"metadata\":{\"a\":\"1\",\"b\":\"2\"}}");
}

static void structs_hold_any_json(void **state)
{
    (void)state;
    assert_same(ALPHA2, "{\"responseFormat\":{\"a\":[1,-2.5,\"x\",true,null,[],{}],"
                        "\"b\":{\"c\":{\"d\":null}}}}");
}

static void any_holds_what_its_type_says(void **state)
{
    (void)state;
    assert_same(
        ALPHA1,
        "{\"parameters\":{"
        "\"b\":{\"@type\":\"type.googleapis.com/google.protobuf.BytesValue\",\"value\":\"AP8=\"},"
        "\"d\":{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":\"-1.500s\"},"
        "\"i\":{\"@type\":\"type.googleapis.com/google.protobuf.Int64Value\",\"value\":\"-5\"},"
        "\"l\":{\"@type\":\"type.googleapis.com/google.protobuf.ListValue\",\"value\":[1]},"
        "\"s\":{\"@type\":\"type.googleapis.com/google.protobuf.Struct\",\"value\":{\"k\":1}},"
        "\"v\":{\"@type\":\"type.googleapis.com/google.protobuf.Value\",\"value\":null}}}");
    assert_refused(ALPHA1, "{\"parameters\":{\"a\":{\"@type\":\"type.googleapis.com/x.Y\"}}}",
                   "unable to resolve type.googleapis.com/x.Y");
    assert_refused(ALPHA1, "{\"parameters\":{\"a\":{\"value\":1}}}", "missing \"@type\" field");
    assert_refused(
        ALPHA1,
        "{\"parameters\":{\"a\":{\"@type\":\"type.googleapis.com/google.protobuf.BoolValue\"}}}",
        "missing \"value\" field");
}

static void durations_are_texts(void **state)
{
    (void)state;
    assert_same(ALPHA2, "{\"promptCacheRetention\":\"86400s\"}");
    assert_becomes(ALPHA2, "{\"promptCacheRetention\":\"0.000000001s\"}",
                   "{\"promptCacheRetention\":\"0.000000001s\"}");
    assert_refused(ALPHA2, "{\"promptCacheRetention\":\"1h\"}", "unexpected token \"1h\"");
    assert_refused(ALPHA2, "{\"promptCacheRetention\":5}", "unexpected token 5");
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    assert_refused(ALPHA1, "{\"name\":5}",
                   "proto: (line 1:9): invalid value for string field name: 5");
    assert_refused(ALPHA1, "{\n \"inputs\": [{\"content\": true}]}",
                   "proto: (line 2:25): invalid value for string field content: true");
    assert_refused(ALPHA1, "{\"scrubPII\":\"yes\"}",
                   "invalid value for bool field scrubPII: \"yes\"");
    assert_refused(ALPHA1, "{\"temperature\":\"warm\"}",
                   "invalid value for double field temperature");
    assert_refused(ALPHA1, "{\"inputs\":{}}", "unexpected token {}");
    assert_refused(ALPHA1, "{\"metadata\":[]}", "unexpected token []");
    assert_refused(ALPHA1, "[]", "proto: unexpected token []");
    assert_refused(ALPHA1, "{} {}", "proto: syntax error: unexpected token {}");
    assert_refused(ALPHA1, "{", "unexpected end of JSON input");
    assert_refused(ALPHA1, "{\"name\":\"a\\u0000b\"}", "invalid value for string field name");
    assert_refused(ALPHA2, "{\"inputs\":[{\"messages\":[{\"ofUser\":{},\"ofTool\":{}}]}]}",
                   "oneof is already set");
    assert_refused(ANSWER, "{\"outputs\":[{\"usage\":{\"totalTokens\":-1}}]}",
                   "invalid value for uint64 field total_tokens: -1");
    assert_refused(ANSWER, "{\"outputs\":[{\"usage\":{\"totalTokens\":1.5}}]}",
                   "invalid value for uint64 field total_tokens: 1.5");
}

/* A list in a list in a list, as bytes: each level adds a ListValue and a Value around the last. */
static sc_str nested_value(unsigned levels)
{
    sc_str inner = SC_STR("");

    for (unsigned i = 0; i < levels; i++) {
        sc_buf out = {0};

        for (int step = 0; step < 2; step++) {
            size_t len = inner.len;

            sc_buf_add_byte(&out, step == 0 ? 0x0a : 0x32); /* values = 1; list_value = 6 */
            for (; len >= 0x80; len >>= 7)
                sc_buf_add_byte(&out, (char)(0x80u | (len & 0x7fu)));
            sc_buf_add_byte(&out, (char)len);
            sc_buf_add_str(&out, inner);
            inner = sc_arena_str(&mem, sc_buf_str(&out));
            sc_buf_clear(&out);
        }
        sc_buf_deinit(&out);
    }
    return inner;
}

static void what_nests_without_end_is_no_message(void **state)
{
    (void)state;
    assert_non_null(sc_proto_unpack(&google__protobuf__value__descriptor, nested_value(100), &mem));
    assert_null(sc_proto_unpack(&google__protobuf__value__descriptor, nested_value(200), &mem));
    assert_null(sc_proto_unpack(&google__protobuf__value__descriptor, nested_value(3000), &mem));
}

static void structs_become_documents(void **state)
{
    Dapr__Proto__Runtime__V1__ConversationRequestAlpha2 *in = sc_proto_from_json(
        ALPHA2,
        SC_STR(
            "{\"responseFormat\":{\"n\":[1,2.5,1e30],\"t\":true,\"s\":\"x\",\"z\":null},"
            "\"parameters\":{\"a\":{\"@type\":\"type.googleapis.com/google.protobuf.Int64Value\","
            "\"value\":\"9007199254740993\"}}}"),
        sc_api_any_types, &mem, &err);
    sc_buf out = {0};

    (void)state;
    assert_non_null(in);
    sc_json_add_doc(&out, sc_proto_struct_doc(&in->response_format->base, &mem), false);
    sc_json_add_doc(&out, sc_proto_any_doc(&in->parameters[0]->value->base, sc_api_any_types, &mem),
                    false);
    assert_true(sc_str_eq(
        sc_buf_str(&out),
        SC_STR("{\"n\":[1,2.5,1e+30],\"t\":true,\"s\":\"x\",\"z\":null}9007199254740993")));
    assert_null(sc_proto_struct_doc(NULL, &mem));
    sc_buf_deinit(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_are_found_under_both_names),
        TEST(default_values_are_left_out_unless_chosen),
        TEST(numbers_keep_their_value),
        TEST(maps_are_sorted_and_the_last_of_a_key_counts),
        TEST(structs_hold_any_json),
        TEST(any_holds_what_its_type_says),
        TEST(durations_are_texts),
        TEST(what_is_wrong_is_named_with_its_place),
        TEST(what_nests_without_end_is_no_message),
        TEST(structs_become_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
