/* SPDX-License-Identifier: MIT
 *
 * Envelopes as Dapr stores them, and events as subscribers find them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/cloudevent.h"
#include "wire/json.h"

static sc_arena arena;
static sc_buf out;
static sc_error err;

#define TAIL                                                                                       \
    ",\"id\":\"i\",\"pubsubname\":\"rp\",\"source\":\"pubapp\",\"specversion\":\"1.0\",\"time\":"  \
    "\"T\",\"topic\":\"t\","                                                                       \
    "\"traceid\":\"\",\"traceparent\":\"\",\"tracestate\":\"\",\"type\":\"com.dapr.event.sent\"}"

static sc_envelope base(void)
{
    return (sc_envelope){.id = SC_STR("i"),
                         .source = SC_STR("pubapp"),
                         .type = SC_STR("com.dapr.event.sent"),
                         .topic = SC_STR("t"),
                         .pubsub_name = SC_STR("rp"),
                         .time = SC_STR("T")};
}

static void expect_built(sc_str content_type, sc_str data, const char *want)
{
    sc_envelope envelope = base();

    envelope.content_type = content_type;
    envelope.data = data;
    sc_buf_clear(&out);
    sc_envelope_build(&envelope, &out);
    sc_buf_add_byte(&out, '\0');
    assert_string_equal(sc_buf_at(&out), want);
    assert_true(sc_json_is_valid(sc_str_sub(sc_buf_str(&out), 0, sc_buf_len(&out) - 1)));
}

static void what_is_not_utf8_is_replaced_so_that_the_envelope_is_json(void **state)
{
    sc_envelope envelope = base();

    (void)state;
    expect_built(SC_STR("application/json"), SC_STR("{\"\xff\":\"a\xe2\x82\",\"\xc3\xa4\":1}"),
                 "{\"data\":{\"\\ufffd\":\"a\\ufffd\\ufffd\",\"\xc3\xa4\":1},"
                 "\"datacontenttype\":\"application/json\"" TAIL);
    expect_built(SC_STR("text/plain"), SC_STR("\xff"),
                 "{\"data\":\"\\ufffd\",\"datacontenttype\":\"text/plain\"" TAIL);
    sc_buf_clear(&out);
    assert_int_equal(sc_envelope_patch(SC_STR("{\"id\":\"\xfe\",\"data\":[\"\xff\"]}"), &envelope,
                                       &arena, &out, &err),
                     SC_OK);
    assert_true(
        sc_str_starts(sc_buf_str(&out), SC_STR("{\"id\":\"\\ufffd\",\"data\":[\"\\ufffd\"],")));
    assert_true(sc_str_is_utf8(sc_buf_str(&out)));
}

static void data_is_carried_by_content_type(void **state)
{
    (void)state;
    expect_built(SC_STR("application/json"), SC_STR("{\"b\": 1.0,\"a\":12345678901234567890} x"),
                 "{\"data\":{\"b\": "
                 "1.0,\"a\":12345678901234567890},\"datacontenttype\":\"application/json\"" TAIL);
    expect_built(
        SC_STR("application/json ;charset=utf-8"), SC_STR("{\"a\":1}"),
        "{\"data\":\"{\\\"a\\\":1}\",\"datacontenttype\":\"application/json ;charset=utf-8\"" TAIL);
    expect_built(SC_STR("Application/JSON;x"), SC_STR("{\"a\":"),
                 "{\"data\":\"{\\\"a\\\":\",\"datacontenttype\":\"Application/JSON;x\"" TAIL);
    expect_built(SC_STR("application/json"), SC_STR(""),
                 "{\"data\":\"\",\"datacontenttype\":\"application/json\"" TAIL);
    expect_built(SC_STR(""), SC_STR("<x>"),
                 "{\"data\":\"\\u003cx\\u003e\",\"datacontenttype\":\"text/plain\"" TAIL);
    expect_built(SC_STR("application/octet-stream"), SC_STR("\x00\xff\xfe"),
                 "{\"data_base64\":\"AP/+\",\"datacontenttype\":\"application/octet-stream\"" TAIL);
    expect_built(SC_STR("image/png"), SC_STR("\x89PNG\xff"),
                 "{\"data\":\"\\ufffdPNG\\ufffd\",\"datacontenttype\":\"image/png\"" TAIL);
}

static void expect_patched(const char *event, const char *want)
{
    sc_envelope ours = base();

    ours.traceid = SC_STR("tp");
    ours.tracestate = SC_STR("a=b");
    sc_buf_clear(&out);
    assert_int_equal(sc_envelope_patch(sc_str_from(event), &ours, &arena, &out, &err), SC_OK);
    sc_buf_add_byte(&out, '\0');
    assert_string_equal(sc_buf_at(&out), want);
}

static void an_own_event_is_completed_and_never_rewritten(void **state)
{
    sc_envelope ours = base();

    (void)state;
    expect_patched("{}", "{\"pubsubname\":\"rp\",\"source\":\"Dapr\",\"specversion\":\"1.0\","
                         "\"time\":\"T\",\"topic\":\"t\","
                         "\"traceid\":\"tp\",\"traceparent\":\"tp\",\"tracestate\":\"a=b\","
                         "\"type\":\"com.dapr.event.sent\"}");
    expect_patched("{\"id\":null,\"source\":null,\"time\":null,\"topic\":\"x\",\"t\\u006fpic\":1,"
                   "\"ext\":1.50,\"traceid\":null,"
                   "\"data\":{\"z\":1.0}} tail",
                   "{\"id\":null,\"time\":null,\"ext\":1.50,\"traceid\":null,\"data\":{\"z\":1.0},"
                   "\"pubsubname\":\"rp\","
                   "\"source\":\"Dapr\",\"specversion\":\"1.0\",\"topic\":\"t\",\"tracestate\":\"a="
                   "b\",\"type\":\"com.dapr.event.sent\"}");
    assert_int_equal(sc_envelope_patch(SC_STR("null"), &ours, &arena, &out, &err), SC_INVALID);
    assert_int_equal(sc_envelope_patch(SC_STR(""), &ours, &arena, &out, &err), SC_INVALID);
    assert_int_equal(sc_envelope_patch(SC_STR("[]"), &ours, &arena, &out, &err), SC_INVALID);
}

static void a_received_event_is_read_in_place(void **state)
{
    sc_cloudevent event;

    (void)state;
    assert_int_equal(
        sc_cloudevent_parse(
            SC_STR(" {\"id\":\"a\\u0062\",\"data\":[1],\"expiration\":\"2020-01-01T00:00:00Z\"} "),
            &event, &err),
        SC_OK);
    assert_true(sc_str_eq(sc_cloudevent_text(event.id, &arena), SC_STR("ab")));
    assert_true(sc_str_eq(event.data, SC_STR("[1]")));
    assert_true(sc_cloudevent_is_expired(&event, 1700000000000, &arena));
    assert_int_equal(sc_cloudevent_parse(SC_STR("{}"), &event, &err), SC_OK);
    assert_int_equal(event.id.len, 0);
    assert_int_equal(sc_cloudevent_parse(SC_STR("hello"), &event, &err), SC_INVALID);
    assert_string_equal(err.text,
                        "invalid character 'h' looking for beginning of value (line 1, column 1)");
    assert_int_equal(sc_cloudevent_parse(SC_STR("[1]"), &event, &err), SC_INVALID);
    assert_int_equal(sc_cloudevent_parse(SC_STR("{\"a\":1,}"), &event, &err), SC_INVALID);
    assert_int_equal(sc_cloudevent_parse(SC_STR("{\"a\":1 \"b\":2}"), &event, &err), SC_INVALID);
    assert_int_equal(sc_cloudevent_parse(SC_STR("{\"a\":1}{}"), &event, &err), SC_INVALID);
    assert_int_equal(sc_cloudevent_parse(SC_STR(""), &event, &err), SC_INVALID);
}

static void extensions_are_added_once(void **state)
{
    sc_pairs extra = {0};

    (void)state;
    sc_pairs_add(&extra, &arena, SC_STR("reason"), SC_STR("new \"one\""));
    sc_buf_clear(&out);
    assert_true(sc_cloudevent_extend(SC_STR("{\"id\":1,\"reason\":\"old\"}"), &extra, SC_STR_NONE,
                                     &arena, &out));
    assert_true(sc_str_eq(sc_buf_str(&out), SC_STR("{\"id\":1,\"reason\":\"new \\\"one\\\"\"}")));
    sc_buf_clear(&out);
    assert_true(sc_cloudevent_extend(SC_STR("{}"), &extra, SC_STR_NONE, &arena, &out));
    assert_true(sc_str_eq(sc_buf_str(&out), SC_STR("{\"reason\":\"new \\\"one\\\"\"}")));
    sc_buf_clear(&out);
    assert_false(sc_cloudevent_extend(SC_STR("raw"), &extra, SC_STR_NONE, &arena, &out));
    assert_true(sc_str_eq(sc_buf_str(&out), SC_STR("raw")));
}

static int set_up(void **state)
{
    (void)state;
    sc_arena_init(&arena, NULL);
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    sc_arena_deinit(&arena);
    sc_buf_deinit(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_carried_by_content_type),
        cmocka_unit_test(what_is_not_utf8_is_replaced_so_that_the_envelope_is_json),
        cmocka_unit_test(an_own_event_is_completed_and_never_rewritten),
        cmocka_unit_test(a_received_event_is_read_in_place),
        cmocka_unit_test(extensions_are_added_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
