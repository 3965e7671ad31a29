/* SPDX-License-Identifier: MIT
 *
 * Streaming subscriptions against a sidecar of the test's own on the same loop.
 */
#include "sdk_fixture.h"

#include "dapr/proto/runtime/v1/pubsub.pb-c.h"
#include "internal.h"
#include "net/grpc_server.h"
#include "wire/proto.h"

typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestAlpha1 stream_request;
typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsResponseAlpha1 stream_response;

static pillion_loop *loop;
static pillion_client *client;
static pillion_stream *stream;
static sc_grpc_server *server;
static uint16_t port;
static sc_grpc_stream *open_call; /* the subscription that stands */
static int subscribed;
static const char *refusal; /* what the sidecar says instead of yes */
static sc_code refusal_code;
static char heard[512]; /* "id=verdict " of each answer; the initial request */
static char seen[512];  /* what the handler got */
static char states[512];
static pillion_event *kept;

/* ---- the sidecar ---- */

static void say(const stream_response *message)
{
    sc_arena mem;

    sc_arena_init(&mem, NULL);
    sc_grpc_send(open_call, sc_proto_pack(&message->base, &mem));
    sc_arena_deinit(&mem);
}

static void say_yes(void)
{
    stream_response out = DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__INIT;
    Dapr__Proto__Runtime__V1__SubscribeTopicEventsResponseInitialAlpha1 initial =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_INITIAL_ALPHA1__INIT;

    out.subscribe_topic_events_response_type_case =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_TYPE_INITIAL_RESPONSE;
    out.initial_response = &initial;
    say(&out);
}

static void say_event(const char *id, const char *data)
{
    stream_response out = DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__INIT;
    Dapr__Proto__Runtime__V1__TopicEventRequest event =
        DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_REQUEST__INIT;
    Google__Protobuf__Value number = GOOGLE__PROTOBUF__VALUE__INIT;
    Google__Protobuf__Value text = GOOGLE__PROTOBUF__VALUE__INIT;
    Google__Protobuf__Struct__FieldsEntry n = GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT;
    Google__Protobuf__Struct__FieldsEntry time = GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT;
    Google__Protobuf__Struct__FieldsEntry *fields[] = {&n, &time};
    Google__Protobuf__Struct extensions = GOOGLE__PROTOBUF__STRUCT__INIT;

    number.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
    number.number_value = 1.5;
    text.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
    text.string_value = sc_strdup("2026-01-02T03:04:05Z");
    n.key = sc_strdup("n");
    n.value = &number;
    time.key = sc_strdup("time");
    time.value = &text;
    extensions.n_fields = 2;
    extensions.fields = fields;
    event.id = sc_strdup(id);
    event.data = sc_proto_data(sc_str_from(data));
    event.extensions = &extensions;
    out.subscribe_topic_events_response_type_case =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_TYPE_EVENT_MESSAGE;
    out.event_message = &event;
    say(&out);
    free(event.id);
    free(n.key);
    free(time.key);
    free(text.string_value);
}

static void note(char *to, const char *format, ...) SC_PRINTF(2, 3);
static void note(char *to, const char *format, ...)
{
    size_t len = strlen(to);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(to + len, 512 - len, format, args);
    va_end(args);
}

static void on_message(sc_grpc_stream *call, sc_str message)
{
    stream_request *in = sc_proto_unpack(
        &dapr__proto__runtime__v1__subscribe_topic_events_request_alpha1__descriptor, message,
        &call->call->mem);

    assert_non_null(in);
    if (in->subscribe_topic_events_request_type_case ==
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_TYPE_EVENT_PROCESSED) {
        note(heard, "%s=%d ", in->event_processed->id, (int)in->event_processed->status->status);
        return;
    }
    subscribed++;
    if (refusal) {
        sc_grpc_finish(call, refusal_code, sc_str_from(refusal), SC_STR_NONE);
        return;
    }
    note(heard, "%s/%s ", in->initial_request->pubsub_name, in->initial_request->topic);
    if (in->initial_request->n_metadata > 0)
        note(heard, "%s:%s ", in->initial_request->metadata[0]->key,
             in->initial_request->metadata[0]->value);
    if (in->initial_request->dead_letter_topic[0])
        note(heard, "dead:%s ", in->initial_request->dead_letter_topic);
    open_call = call;
    (void)sc_call_ref(call->call);
    say_yes();
}

static void drop_call(void)
{
    if (open_call)
        sc_call_unref(open_call->call);
    open_call = NULL;
}

static void on_cancelled(sc_grpc_stream *call)
{
    if (call == open_call)
        drop_call();
}

static const sc_grpc_handler *find(void *self, sc_grpc_stream *call)
{
    static const sc_grpc_handler subscribe = {.on_message = on_message,
                                              .on_cancelled = on_cancelled};

    (void)self;
    assert_true(
        sc_str_eq(call->path, SC_STR("/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1")));
    return &subscribe;
}

static void open_sidecar(void)
{
    static const sc_grpc_service service = {.find = find};
    sc_grpc_limits limits = {0};
    sc_listen at = {.host = SC_STR("127.0.0.1"), .port = port};
    sc_error err;

    if (sc_grpc_server_open(loop_sc(loop), &at, &limits, &service, NULL, &server, &err) != SC_OK)
        fail_msg("%s", err.text);
    port = sc_listener_port(sc_grpc_server_listener(server));
}

static void on_closed(void *self)
{
    (void)self;
    server = NULL;
}

static void close_sidecar(void)
{
    drop_call();
    sc_grpc_server_close(server, 0, on_closed, NULL);
    while (server)
        pillion_loop_step(loop, -1);
}

static int set_up(void **state)
{
    pillion_client_settings settings = {.api_token = ""};
    char endpoint[64];

    (void)state;
    port = 0;
    subscribed = 0;
    refusal = NULL;
    heard[0] = seen[0] = states[0] = '\0';
    kept = NULL;
    stream = NULL;
    loop = pillion_loop_new();
    open_sidecar();
    (void)snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", port);
    settings.loop = loop;
    settings.grpc_endpoint = endpoint;
    client = pillion_client_new(&settings);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pillion_stream_close(stream);
    pillion_client_free(client);
    if (server)
        close_sidecar();
    pillion_loop_free(loop);
    return 0;
}

/* ---- the application ---- */

static pillion_verdict on_event(void *user, pillion_event *event)
{
    (void)user;
    note(seen, "%s:%s ", event->id, event->data.at);
    if (pillion_str_is(event->data, "drop"))
        return PILLION_DROP;
    if (pillion_str_is(event->data, "retry"))
        return PILLION_RETRY;
    if (pillion_str_is(event->data, "close")) {
        pillion_stream_close(stream);
        stream = NULL;
    }
    if (!pillion_str_is(event->data, "later"))
        return PILLION_SUCCESS;
    kept = event;
    return PILLION_LATER;
}

static void on_state(void *user, const pillion_error *state)
{
    (void)user;
    note(states, "%s ", pillion_code_name(state->code));
}

static void until(const char *text, const char *wanted)
{
    for (int i = 0; i < 2000 && !strstr(text, wanted); i++)
        pillion_loop_step(loop, 10);
    if (!strstr(text, wanted))
        fail_msg("'%s' never became '%s'", text, wanted);
}

static void until_open(void)
{
    for (int i = 0; i < 2000 && !open_call; i++)
        pillion_loop_step(loop, 10);
    assert_non_null(open_call);
}

static void events_come_and_verdicts_go_back(void **state)
{
    static const pillion_pair metadata[] = {{"maxInFlight", "3"}};
    pillion_stream_settings settings = {.on_event = on_event,
                                        .on_state = on_state,
                                        .dead_letter_topic = "dead",
                                        .metadata = metadata,
                                        .metadata_count = 1};

    (void)state;
    stream = pillion_subscribe(client, "ps", "t", &settings);
    until(states, "OK ");
    assert_string_equal(heard, "ps/t maxInFlight:3 dead:dead ");
    heard[0] = '\0';
    say_event("1", "one");
    say_event("2", "later");
    say_event("3", "drop");
    say_event("4", "retry");
    until(heard, "4=1");
    assert_string_equal(seen, "1:one 2:later 3:drop 4:retry ");
    assert_string_equal(heard, "1=0 3=2 4=1 ");
    assert_string_equal(kept->time, "2026-01-02T03:04:05Z");
    assert_string_equal(pillion_event_attribute(kept, "n"), "1.5");
    pillion_event_answer(kept, PILLION_SUCCESS);
    until(heard, "2=0");
    assert_null(pillion_stream_next(stream, 0, NULL));
}

static void events_are_taken_one_by_one(void **state)
{
    pillion_event *first, *second;
    pillion_error err;

    (void)state;
    stream = pillion_subscribe(client, "ps", "t", NULL);
    assert_null(pillion_stream_next(stream, 20, &err));
    assert_int_equal(err.code, PILLION_DEADLINE);
    until_open();
    say_event("1", "{\"a\":7}");
    say_event("2", "two");
    say_event("3", "three");
    first = pillion_stream_next(stream, -1, &err);
    second = pillion_stream_next(stream, -1, &err);
    assert_non_null(first);
    assert_string_equal(second->id, "2");
    assert_int_equal(pillion_json_int(pillion_json_get(pillion_event_json(first), "a"), 0), 7);
    heard[0] = '\0';
    pillion_event_answer(second, PILLION_DROP);
    pillion_event_answer(first, PILLION_SUCCESS);
    until(heard, "2=2 1=0 ");
}

static void a_refusal_is_told_and_tried_again(void **state)
{
    static const struct {
        const char *text;
        sc_code code;
        pillion_code becomes;
    } refusals[] = {
        {"pubsub nope is not found", SC_INVALID, PILLION_NOT_FOUND},
        {"failed to create subscription for ps: subscription to topic 't' on pubsub 'ps' is not "
         "allowed",
         SC_UNKNOWN, PILLION_PERMISSION_DENIED},
        {"topic is required", SC_UNKNOWN, PILLION_INVALID},
        {"invalid api token", SC_UNAUTHENTICATED, PILLION_UNAUTHENTICATED},
    };
    pillion_event *event;
    pillion_error err;

    (void)state;
    refusal = refusals[0].text;
    refusal_code = refusals[0].code;
    stream = pillion_subscribe(client, "ps", "t", NULL);
    for (size_t i = 0; i < SC_ARRAY_LEN(refusals); i++) {
        refusal = refusals[i].text;
        refusal_code = refusals[i].code;
        assert_null(pillion_stream_next(stream, 20000, &err));
        assert_int_equal(err.code, refusals[i].becomes);
        assert_string_equal(err.text, refusals[i].text);
    }
    refusal = NULL;
    until_open();
    say_event("1", "at last");
    event = pillion_stream_next(stream, 20000, &err);
    assert_non_null(event);
    pillion_event_answer(event, PILLION_SUCCESS);
}

static void a_broken_stream_is_made_anew(void **state)
{
    pillion_stream_settings settings = {.on_event = on_event, .on_state = on_state};

    (void)state;
    stream = pillion_subscribe(client, "ps", "t", &settings);
    until_open();
    say_event("1", "later");
    until(seen, "1:later");
    close_sidecar();
    until(states, "OK Unavailable ");
    open_sidecar();
    until_open();
    heard[0] = '\0';
    pillion_event_answer(kept, PILLION_SUCCESS); /* of the old call: nobody hears it */
    say_event("1", "again");
    until(heard, "1=0 ");
    assert_string_equal(heard, "1=0 ");
    assert_true(subscribed >= 2);
}

static void a_stream_is_closed_by_its_handler(void **state)
{
    pillion_stream_settings settings = {.on_event = on_event};

    (void)state;
    stream = pillion_subscribe(client, "ps", "t", &settings);
    until_open();
    say_event("1", "close");
    until(seen, "close");
    while (open_call)
        pillion_loop_step(loop, -1);
    assert_null(stream);
}

static void events_outlive_stream_and_client(void **state)
{
    pillion_error err;
    pillion_event *event;

    (void)state;
    stream = pillion_subscribe(client, "ps", "t", NULL);
    until_open();
    say_event("1", "mine");
    say_event("2", "never taken");
    event = pillion_stream_next(stream, -1, &err);
    pillion_client_free(client);
    client = NULL;
    while (open_call)
        pillion_loop_step(loop, -1);
    pillion_stream_close(stream);
    stream = NULL;
    assert_str(event->data, "mine");
    pillion_event_answer(event, PILLION_SUCCESS);
}

static void garbage_is_passed_over(void **state)
{
    pillion_error err;
    pillion_event *event;

    (void)state;
    stream = pillion_subscribe(client, "ps", "t", NULL);
    until_open();
    sc_grpc_send(open_call, SC_STR("\xff\xff\xff"));
    sc_grpc_send(open_call, SC_STR(""));
    say_event("1", "good");
    event = pillion_stream_next(stream, -1, &err);
    assert_str(event->data, "good");
    pillion_event_answer(event, PILLION_SUCCESS);
}

static void wrong_settings_are_told_by_the_stream(void **state)
{
    pillion_client_settings settings = {.loop = loop, .grpc_endpoint = "xds://a"};
    pillion_stream_settings stream_settings = {.on_state = on_state};
    pillion_client *odd = pillion_client_new(&settings);
    pillion_stream *none = pillion_subscribe(odd, "ps", "t", &stream_settings);
    pillion_error err;

    (void)state;
    assert_null(pillion_stream_next(none, 20000, &err));
    assert_int_equal(err.code, PILLION_INVALID);
    assert_non_null(strstr(err.text, "xds"));
    until(states, "InvalidArgument ");
    pillion_client_free(odd); /* before the stream: allowed */
    pillion_stream_close(none);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(events_come_and_verdicts_go_back),
        TEST(events_are_taken_one_by_one),
        TEST(a_refusal_is_told_and_tried_again),
        TEST(a_broken_stream_is_made_anew),
        TEST(a_stream_is_closed_by_its_handler),
        TEST(events_outlive_stream_and_client),
        TEST(garbage_is_passed_over),
        TEST(wrong_settings_are_told_by_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
