/* SPDX-License-Identifier: MIT
 *
 * Events out of bodies and headers.
 */
#include "sdk_fixture.h"

#include "event.h"

static sc_arena mem;
static sdk_event event;
static sc_error err;

static int set_up(void **state)
{
    (void)state;
    sc_arena_init(&mem, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sc_arena_deinit(&mem);
    return 0;
}

/* `headers`: name, value, ... up to NULL. */
static sc_code take(const char *const *headers, pillion_str body)
{
    sc_pairs pairs = {0};

    for (; *headers; headers += 2)
        sc_pairs_add(&pairs, &mem, sc_str_from(headers[0]), sc_str_from(headers[1]));
    return event_read(&mem, &pairs, str_in(body), &event, &err);
}

static const char *const cloud[] = {"content-type", "application/cloudevents+json; charset=utf-8",
                                    "pubsubname", "ps", NULL};

static void an_envelope_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(
        take(cloud,
             pillion_text("{\"data\":{\"n\":12345678901234567890},\"datacontenttype\":"
                          "\"application/json\",\"id\":\"i\\u0031\",\"pubsubname\":\"ps\","
                          "\"source\":\"app\",\"specversion\":\"1.0\",\"time\":\"2026-01-02T03:04:"
                          "05Z\",\"topic\":\"t\",\"traceparent\":\"00-1\",\"type\":\"x\","
                          "\"subject\":null,\"ext\":1.50,\"list\":[1, 2]}")),
        SC_OK);
    assert_string_equal(event.pub.id, "i1");
    assert_string_equal(event.pub.source, "app");
    assert_string_equal(event.pub.type, "x");
    assert_string_equal(event.pub.subject, "");
    assert_string_equal(event.pub.time, "2026-01-02T03:04:05Z");
    assert_string_equal(event.pub.topic, "t");
    assert_string_equal(event.pub.pubsub, "ps");
    assert_string_equal(event.pub.traceparent, "00-1");
    assert_str(event.pub.data, "{\"n\":12345678901234567890}");
    assert_string_equal(pillion_event_attribute(&event.pub, "ext"), "1.50");
    assert_string_equal(pillion_event_attribute(&event.pub, "list"), "[1, 2]");
    assert_null(pillion_event_attribute(&event.pub, "subject"));
    assert_null(pillion_event_attribute(&event.pub, "data"));
    assert_int_equal(pillion_json_count(pillion_event_json(&event.pub)), 1);
}

static void data_is_what_was_published(void **state)
{
    (void)state;
    assert_int_equal(
        take(cloud, pillion_text("{\"datacontenttype\":\"text/plain\",\"data\":\"a\\n\"}")), SC_OK);
    assert_str(event.pub.data, "a\n");
    assert_int_equal(take(cloud, pillion_text("{\"datacontenttype\":\"application/vnd.x+json\","
                                              "\"data\":\"a\"}")),
                     SC_OK);
    assert_str(event.pub.data, "\"a\"");
    assert_int_equal(take(cloud, pillion_text("{\"data\":\"a\"}")), SC_OK);
    assert_str(event.pub.data, "\"a\"");
    assert_int_equal(take(cloud, pillion_text("{\"data_base64\":\"AP/+\"}")), SC_OK);
    assert_int_equal(event.pub.data.len, 3);
    assert_memory_equal(event.pub.data.at, "\x00\xff\xfe", 4);
    assert_int_equal(take(cloud, pillion_text("{\"id\":\"1\"}")), SC_OK);
    assert_str(event.pub.data, "");
    assert_null(pillion_event_json(&event.pub));
}

static void binary_mode_has_its_attributes_in_headers(void **state)
{
    static const char *const headers[] = {"ce-id",
                                          "7",
                                          "ce-type",
                                          "x",
                                          "ce-specversion",
                                          "1.0",
                                          "ce-topic",
                                          "t",
                                          "content-type",
                                          "a/b",
                                          "pubsubname",
                                          "ps",
                                          "ce-",
                                          "none",
                                          "ce-something",
                                          "else",
                                          NULL};

    (void)state;
    assert_int_equal(take(headers, pillion_text("{\"type\":\"mine\",\"specversion\":\"of it\"}")),
                     SC_OK);
    assert_string_equal(event.pub.id, "7");
    assert_string_equal(event.pub.type, "x");
    assert_string_equal(event.pub.topic, "t");
    assert_string_equal(event.pub.pubsub, "ps");
    assert_string_equal(event.pub.content_type, "a/b");
    assert_str(event.pub.data, "{\"type\":\"mine\",\"specversion\":\"of it\"}");
    assert_string_equal(pillion_event_attribute(&event.pub, "something"), "else");
}

static void a_bare_body_is_the_data(void **state)
{
    static const char *const json[] = {"content-type", "application/json", NULL};
    static const char *const none[] = {NULL};

    (void)state;
    assert_int_equal(take(json, pillion_text("{\"event_type\":\"MessageSent\"}")), SC_OK);
    assert_string_equal(event.pub.id, "");
    assert_string_equal(event.pub.content_type, "application/json");
    assert_str(event.pub.data, "{\"event_type\":\"MessageSent\"}");
    assert_int_equal(take(none, pillion_bytes("\0x", 2)), SC_OK);
    assert_int_equal(event.pub.data.len, 2);
    assert_int_equal(take(none, pillion_bytes(NULL, 0)), SC_OK);
}

static void an_envelope_is_known_by_its_members_too(void **state)
{
    static const char *const json[] = {"content-type", "application/json", NULL};

    (void)state;
    assert_int_equal(
        take(json,
             pillion_text("{\"specversion\":\"1.0\",\"type\":\"x\",\"id\":\"4\",\"data\":1}")),
        SC_OK);
    assert_string_equal(event.pub.id, "4");
    assert_str(event.pub.data, "1");
}

/* The sidecar hands on a broker's message of bytes under the type of an envelope. */
static void bytes_of_a_broker_are_no_mistake(void **state)
{
    static const char *const headers[] = {
        "content-type", "application/cloudevents+json", "pubsubname", "ps", "ce_id", "cid", NULL};

    (void)state;
    assert_int_equal(take(headers, pillion_bytes("\0\1bin", 5)), SC_OK);
    assert_string_equal(event.pub.id, "cid");
    assert_string_equal(event.pub.content_type, "application/octet-stream");
    assert_int_equal(event.pub.data.len, 5);
}

static void what_claims_to_be_an_event_is_held_to_it(void **state)
{
    static const char *const headers[] = {"content-type", "application/cloudevents+json", NULL};

    (void)state;
    assert_int_equal(take(headers, pillion_text("nope")), SC_INVALID);
    assert_int_equal(take(headers, pillion_text("[]")), SC_INVALID);
    assert_int_equal(take(headers, pillion_text("{} {}")), SC_INVALID);
    assert_int_equal(take(headers, pillion_text("{\"data_base64\":\"*\"}")), SC_INVALID);
    assert_int_equal(take(headers, pillion_text("{\"data_base64\":5}")), SC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_envelope_is_taken_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_is_what_was_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(binary_mode_has_its_attributes_in_headers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bare_body_is_the_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_envelope_is_known_by_its_members_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_of_a_broker_are_no_mistake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_claims_to_be_an_event_is_held_to_it, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
