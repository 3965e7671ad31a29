/* SPDX-License-Identifier: MIT
 *
 * The application server, called by the library's own client on the same loop.
 */
#include <signal.h>

#include "sdk_fixture.h"

static pillion_loop *loop;
static pillion_app *app;
static pillion_client *client;
static pillion_event *kept_event;
static pillion_request *kept_request;
static char last_event[256];

/* ---- the application ---- */

static void on_user(void *user, pillion_request *request)
{
    const char *role = pillion_request_query(request, "role");

    (void)user;
    pillion_respond_header(request, "X-Path", pillion_request_path(request));
    pillion_respond_json(request, 200, "{\"user\":%s,\"role\":%s}",
                         pillion_request_param(request, "id"), role);
}

static void on_named(void *user, pillion_request *request)
{
    const char *rest = pillion_request_param(request, "rest");

    pillion_respond_json(request, 200, "{\"by\":%s,\"rest\":%s}", (const char *)user, rest);
}

static void on_echo(void *user, pillion_request *request)
{
    pillion_error err;

    (void)user;
    if (!pillion_request_json(request, &err))
        pillion_respond_json(request, 422, "{\"error\":%s}", err.text);
    else
        pillion_respond(request, 201, pillion_request_header(request, "content-type"),
                        pillion_request_body(request));
}

static void on_parts(void *user, pillion_request *request)
{
    (void)user;
    pillion_respond_start(request, 200, "text/plain");
    assert_false(pillion_respond_write(request, pillion_text("one ")));
    assert_false(pillion_respond_write(request, pillion_text("two")));
    pillion_respond_end(request);
}

static void on_keep(void *user, pillion_request *request)
{
    (void)user;
    kept_request = request;
}

static void on_bad_format(void *user, pillion_request *request)
{
    (void)user;
    pillion_respond_json(request, 200, "{%s}", "x");
}

static pillion_verdict on_event(void *user, pillion_event *event)
{
    pillion_str data = event->data;

    (void)snprintf(last_event, sizeof(last_event), "%s %s/%s %s", (const char *)user, event->pubsub,
                   event->topic, data.at);
    if (pillion_str_is(data, "\"drop\""))
        return PILLION_DROP;
    if (pillion_str_is(data, "\"retry\""))
        return PILLION_RETRY;
    if (pillion_str_is(data, "\"later\"")) {
        kept_event = event;
        return PILLION_LATER;
    }
    return PILLION_SUCCESS;
}

static void add_routes(void)
{
    static const pillion_pair metadata[] = {{"maxInFlight", "5"}};
    pillion_subscription vip = {.pubsub = "ps",
                                .topic = "t",
                                .match = "event.type == \"vip\"",
                                .route = "/vip",
                                .dead_letter_topic = "dead",
                                .metadata = metadata,
                                .metadata_count = 1};
    pillion_subscription bulk = {
        .pubsub = "ps", .topic = "b", .bulk_max_messages = 10, .bulk_await_ms = 5};

    pillion_app_route(app, "GET", "/users/{id}", on_user, NULL);
    pillion_app_route(app, "GET", "/users/me", on_named, "me");
    pillion_app_route(app, NULL, "/files/{rest...}", on_named, "files");
    pillion_app_route(app, "POST", "/echo", on_echo, NULL);
    pillion_app_route(app, "GET", "/parts", on_parts, NULL);
    pillion_app_route(app, "GET", "/keep", on_keep, NULL);
    pillion_app_route(app, "GET", "/bad", on_bad_format, NULL);
    pillion_app_subscribe_with(app, &vip, on_event, "vip");
    pillion_app_subscribe(app, "ps", "t", on_event, "default");
    pillion_app_subscribe_with(app, &bulk, on_event, "bulk");
    pillion_app_events(app, "/messages", on_event, "declared");
}

static int set_up(void **state)
{
    pillion_app_settings settings = {.api_token = ""};
    pillion_error err;

    (void)state;
    loop = pillion_loop_new();
    settings.loop = loop;
    app = pillion_app_new(&settings);
    add_routes();
    if (pillion_app_start(app, &err) != PILLION_OK)
        fail_msg("%s", err.text);
    client = client_of(loop, pillion_app_port(app));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pillion_client_free(client);
    pillion_app_free(app);
    pillion_loop_free(loop);
    return 0;
}

/* ---- asking it ---- */

static pillion_call *ask_with(const char *method, const char *path, const char *body,
                              const pillion_pair *headers, size_t count)
{
    pillion_invoke_options options = {.headers = headers, .header_count = count};
    pillion_call *call = pillion_api(client, method, path, pillion_text(body), &options);
    pillion_error err;

    (void)pillion_wait(call, &err);
    if (pillion_call_status(call) == 0)
        fail_msg("%s %s: %s", method, path, err.text);
    return call;
}

static void answers(const char *method, const char *path, const char *body, int status,
                    const char *wanted)
{
    pillion_call *call = ask_with(method, path, body, NULL, 0);

    assert_str(pillion_call_body(call), wanted);
    assert_int_equal(pillion_call_status(call), status);
    pillion_call_free(call);
}

/* ---- routes ---- */

static void parameters_and_queries_are_decoded(void **state)
{
    (void)state;
    answers("GET", "/users/al%20i%2Fce+x?x=1&role=a%26b", "", 200,
            "{\"user\":\"al i/ce+x\",\"role\":\"a\\u0026b\"}");
    answers("GET", "/users/bob", "", 200, "{\"user\":\"bob\",\"role\":null}");
    answers("GET", "/users/%zz", "", 200, "{\"user\":\"%zz\",\"role\":null}");
}

static void the_literal_route_wins(void **state)
{
    (void)state;
    answers("GET", "/users/me", "", 200, "{\"by\":\"me\",\"rest\":null}");
    answers("PUT", "/files/a/b/c", "", 200, "{\"by\":\"files\",\"rest\":\"a/b/c\"}");
    answers("PUT", "/files/", "", 200, "{\"by\":\"files\",\"rest\":\"\"}");
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
    pillion_call *call;

    (void)state;
    answers("GET", "/nope", "", 404,
            "{\"error\":\"Not Found\",\"method\":\"GET\",\"path\":\"/nope\"}");
    answers("GET", "/users/", "", 404,
            "{\"error\":\"Not Found\",\"method\":\"GET\",\"path\":\"/users/\"}");
    call = ask_with("DELETE", "/users/bob", "", NULL, 0);
    assert_int_equal(pillion_call_status(call), 405);
    assert_string_equal(pillion_call_header(call, "allow"), "GET");
    pillion_call_free(call);
    call = ask_with("HEAD", "/users/bob", "", NULL, 0);
    assert_int_equal(pillion_call_status(call), 200);
    assert_string_equal(pillion_call_header(call, "x-path"), "/users/bob");
    assert_int_equal(pillion_call_body(call).len, 0);
    pillion_call_free(call);
}

static void bodies_and_parts_arrive(void **state)
{
    (void)state;
    answers("POST", "/echo", "{\"a\":[1]}", 201, "{\"a\":[1]}");
    answers("POST", "/echo", "{", 422, "{\"error\":\"unexpected end of JSON input\"}");
    answers("GET", "/parts", "", 200, "one two");
    answers("GET", "/bad", "", 500, "{\"error\":\"the format of the answer does not make JSON\"}");
}

static void a_request_is_answered_later(void **state)
{
    pillion_call *call = pillion_api(client, "GET", "/keep", pillion_text(""), NULL);

    (void)state;
    kept_request = NULL;
    while (!kept_request)
        pillion_loop_step(loop, -1);
    assert_int_equal(pillion_call_code(call), PILLION_PENDING);
    pillion_respond(kept_request, 202, NULL, pillion_text("late"));
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_str(pillion_call_body(call), "late");
    pillion_call_free(call);
}

static void a_request_outlives_its_peer(void **state)
{
    static const char head[] = "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n";
    struct linger reset = {.l_onoff = 1}; /* close sends a reset */
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    to.sin_port = htons((uint16_t)pillion_app_port(app));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(send(fd, head, sizeof(head) - 1, 0), sizeof(head) - 1);
    kept_request = NULL;
    while (!kept_request)
        pillion_loop_step(loop, -1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    while (!pillion_request_is_gone(kept_request))
        pillion_loop_step(loop, -1);
    assert_string_equal(pillion_request_path(kept_request), "/keep");
    pillion_respond(kept_request, 200, NULL, pillion_text("to nobody"));
}

static void a_request_outlives_its_application(void **state)
{
    pillion_call *call = pillion_api(client, "GET", "/keep", pillion_text(""), NULL);

    (void)state;
    kept_request = NULL;
    while (!kept_request)
        pillion_loop_step(loop, -1);
    pillion_app_free(app);
    app = NULL;
    assert_int_equal(pillion_wait(call, NULL), PILLION_UNAVAILABLE);
    pillion_call_free(call);
    pillion_respond(kept_request, 200, NULL, pillion_text("to nobody"));
}

/* ---- bodies in parts ---- */

static size_t part_count, part_len;

static void on_part(void *user, pillion_call *call, pillion_str part)
{
    assert_int_equal(pillion_call_status(call), 200);
    part_count++;
    part_len += part.len;
    if (user)
        pillion_call_cancel(call);
}

static void on_drip(void *user, pillion_request *request)
{
    (void)user;
    pillion_respond_start(request, 200, "text/plain");
    for (int i = 0; i < 100; i++)
        (void)pillion_respond_write(request, pillion_text("0123456789"));
    pillion_respond_end(request);
}

static void an_answer_is_taken_in_parts(void **state)
{
    pillion_invoke_options options = {.on_part = on_part};
    pillion_call *call;
    pillion_error err;

    (void)state;
    pillion_app_route(app, "GET", "/drip", on_drip, NULL);
    part_count = part_len = 0;
    call = pillion_api(client, "GET", "/drip", pillion_text(""), &options);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_int_equal(part_len, 1000);
    assert_true(part_count >= 1);
    assert_int_equal(pillion_call_body(call).len, 0);
    pillion_call_free(call);
    part_len = 0;
    call = pillion_api(client, "GET", "/nope", pillion_text(""), &options);
    assert_int_equal(pillion_wait(call, &err), PILLION_NOT_FOUND);
    assert_int_equal(part_len, 0);
    assert_non_null(strstr(err.text, "/nope"));
    pillion_call_free(call);
    options.user = &options;
    call = pillion_api(client, "GET", "/drip", pillion_text(""), &options);
    assert_int_equal(pillion_wait(call, NULL), PILLION_CANCELLED);
    pillion_call_free(call);
}

static void a_body_is_sent_in_parts(void **state)
{
    pillion_invoke_options options = {.is_body_open = true};
    pillion_call *call = pillion_api(client, "POST", "/echo", pillion_text("["), &options);
    int written = 0;

    (void)state;
    for (; written < 100000; written++) {
        bool is_full = pillion_call_write(call, pillion_text("12345,"));

        while (is_full && (is_full = pillion_call_is_full(call)))
            pillion_loop_step(loop, -1);
    }
    (void)pillion_call_write(call, pillion_text("0]"));
    pillion_call_write_end(call);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_int_equal(pillion_call_body(call).len, 3 + 6 * 100000);
    assert_false(pillion_call_write(call, pillion_text("late")));
    pillion_call_free(call);
}

/* ---- events ---- */

static void subscriptions_are_listed_with_their_rules(void **state)
{
    (void)state;
    answers(
        "GET", "/dapr/subscribe", "", 200,
        "[{\"pubsubname\":\"ps\",\"topic\":\"t\",\"routes\":{\"rules\":[{\"match\":\"event.type "
        "== \\\"vip\\\"\",\"path\":\"/vip\"}],\"default\":\"/pillion/events/1\"},"
        "\"deadLetterTopic\":\"dead\",\"metadata\":{\"maxInFlight\":\"5\"}},{\"pubsubname\":"
        "\"ps\",\"topic\":\"b\",\"routes\":{\"rules\":[],\"default\":\"/pillion/events/2\"},"
        "\"bulkSubscribe\":{\"enabled\":true,\"maxMessagesCount\":10,\"maxAwaitDurationMs\":5}}]");
    answers("GET", "/healthz", "", 200, "");
}

static void deliver(const char *path, const char *data, const char *wanted)
{
    static const pillion_pair headers[] = {{"Pubsubname", "ps"}};
    pillion_invoke_options options = {
        .content_type = "application/cloudevents+json", .headers = headers, .header_count = 1};
    char *body = pillion_json_format("{\"id\":\"1\",\"specversion\":\"1.0\",\"type\":\"x\","
                                     "\"pubsubname\":\"ps\",\"topic\":\"t\","
                                     "\"data\":%-s}",
                                     data);
    pillion_call *call = pillion_api(client, "POST", path, pillion_text(body), &options);

    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_str(pillion_call_body(call), wanted);
    pillion_call_free(call);
    free(body);
}

static void verdicts_are_what_the_sidecar_reads(void **state)
{
    (void)state;
    deliver("/vip", "{\"n\":1}", "{\"status\":\"SUCCESS\"}");
    assert_string_equal(last_event, "vip ps/t {\"n\":1}");
    deliver("/pillion/events/1", "\"drop\"", "{\"status\":\"DROP\"}");
    assert_string_equal(last_event, "default ps/t \"drop\"");
    deliver("/messages", "\"retry\"", "{\"status\":\"RETRY\"}");
    assert_string_equal(last_event, "declared ps/t \"retry\"");
}

static void an_event_is_answered_later(void **state)
{
    pillion_invoke_options options = {.content_type = "application/json"};
    pillion_call *call =
        pillion_api(client, "POST", "/messages", pillion_text("\"later\""), &options);

    (void)state;
    kept_event = NULL;
    while (!kept_event)
        pillion_loop_step(loop, -1);
    pillion_event_answer(kept_event, PILLION_DROP);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_str(pillion_call_body(call), "{\"status\":\"DROP\"}");
    pillion_call_free(call);
}

static void a_bulk_is_handled_one_by_one(void **state)
{
    pillion_call *call = pillion_api(
        client, "POST", "/pillion/events/2",
        pillion_text("{\"entries\":[{\"entryId\":\"a\",\"event\":{\"id\":\"1\",\"data\":1},"
                     "\"metadata\":null,\"contentType\":\"application/cloudevents+json\"},"
                     "{\"entryId\":\"b\",\"event\":{\"data\":\"later\"}},"
                     "{\"entryId\":\"c\",\"event\":{\"data\":\"drop\"}},"
                     "{\"entryId\":\"d\",\"event\":\"eyJhIjogMX0=\",\"contentType\":"
                     "\"application/octet-stream\"},{\"entryId\":\"e\",\"event\":[]}],"
                     "\"id\":\"x\",\"metadata\":{\"pubsubName\":\"ps\"},\"pubsubname\":\"ps\","
                     "\"topic\":\"b\",\"type\":\"com.dapr.event.sent.bulk\"}"),
        NULL);

    (void)state;
    kept_event = NULL;
    while (!kept_event)
        pillion_loop_step(loop, -1);
    assert_string_equal(last_event, "bulk ps/b {\"a\": 1}");
    pillion_event_answer(kept_event, PILLION_SUCCESS);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_str(pillion_call_body(call),
               "{\"statuses\":[{\"entryId\":\"a\",\"status\":\"SUCCESS\"},{\"entryId\":\"b\","
               "\"status\":\"SUCCESS\"},{\"entryId\":\"c\",\"status\":\"DROP\"},{\"entryId\":\"d\","
               "\"status\":\"SUCCESS\"},{\"entryId\":\"e\",\"status\":\"RETRY\"}]}");
    pillion_call_free(call);
}

static void a_broken_event_is_refused(void **state)
{
    pillion_invoke_options options = {.content_type = "application/cloudevents+json"};
    pillion_call *call = pillion_api(client, "POST", "/messages", pillion_text("["), &options);

    (void)state;
    assert_int_equal(pillion_wait(call, NULL), PILLION_INVALID);
    pillion_call_free(call);
}

/* ---- who may ---- */

static void events_need_the_token(void **state)
{
    static const pillion_pair good[] = {{"dapr-api-token", "tok"}};
    static const pillion_pair bad[] = {{"dapr-api-token", "tox"}};
    pillion_app_settings settings = {.loop = loop};
    pillion_app *guarded;
    pillion_call *call;

    (void)state;
    setenv("APP_API_TOKEN", "tok", 1);
    guarded = pillion_app_new(&settings);
    unsetenv("APP_API_TOKEN");
    pillion_app_events(guarded, "/messages", on_event, "guarded");
    pillion_app_route(guarded, "GET", "/open", on_named, "open");
    assert_int_equal(pillion_app_start(guarded, NULL), PILLION_OK);
    pillion_client_free(client);
    client = client_of(loop, pillion_app_port(guarded));
    answers("GET", "/open", "", 200, "{\"by\":\"open\",\"rest\":null}");
    answers("GET", "/dapr/subscribe", "", 401,
            "{\"error\":\"the header dapr-api-token is missing or wrong\"}");
    call = ask_with("POST", "/messages", "1", bad, 1);
    assert_int_equal(pillion_call_status(call), 401);
    pillion_call_free(call);
    call = ask_with("POST", "/messages", "1", good, 1);
    assert_int_equal(pillion_call_status(call), 200);
    pillion_call_free(call);
    pillion_app_free(guarded);
}

static void browsers_are_let_in_by_origin(void **state)
{
    static const char *const origins[] = {"http://localhost:3000"};
    static const pillion_pair mine[] = {{"Origin", "http://localhost:3000"},
                                        {"Access-Control-Request-Method", "POST"},
                                        {"Access-Control-Request-Headers", "x-a, content-type"}};
    static const pillion_pair other[] = {{"Origin", "http://evil"},
                                         {"Access-Control-Request-Method", "POST"}};
    pillion_cors cors = {.origins = origins, .origin_count = 1, .allow_credentials = true};
    pillion_call *call;

    (void)state;
    pillion_app_cors(app, &cors);
    call = ask_with("OPTIONS", "/echo", "", mine, 3);
    assert_int_equal(pillion_call_status(call), 200);
    assert_string_equal(pillion_call_header(call, "Access-Control-Allow-Origin"),
                        "http://localhost:3000");
    assert_string_equal(pillion_call_header(call, "Access-Control-Allow-Credentials"), "true");
    assert_string_equal(pillion_call_header(call, "Access-Control-Allow-Headers"),
                        "x-a, content-type");
    pillion_call_free(call);
    call = ask_with("OPTIONS", "/echo", "", other, 2);
    assert_int_equal(pillion_call_status(call), 400);
    assert_null(pillion_call_header(call, "Access-Control-Allow-Origin"));
    pillion_call_free(call);
    call = ask_with("GET", "/users/bob", "", mine, 1);
    assert_int_equal(pillion_call_status(call), 200);
    assert_string_equal(pillion_call_header(call, "Access-Control-Allow-Origin"),
                        "http://localhost:3000");
    assert_string_equal(pillion_call_header(call, "Vary"), "Origin");
    pillion_call_free(call);
    call = ask_with("GET", "/users/bob", "", other, 1);
    assert_int_equal(pillion_call_status(call), 200);
    assert_null(pillion_call_header(call, "Access-Control-Allow-Origin"));
    pillion_call_free(call);
}

/* ---- registrations, start and stop ---- */

static void refuses(const char *path, const char *part)
{
    pillion_app *odd = pillion_app_new(NULL);
    pillion_error err;

    pillion_app_route(odd, "GET", path, on_named, "odd");
    assert_int_equal(pillion_app_start(odd, &err), PILLION_INVALID);
    if (!strstr(err.text, part))
        fail_msg("%s", err.text);
    pillion_app_free(odd);
}

static void senseless_registrations_are_named_at_the_start(void **state)
{
    pillion_app *odd;
    pillion_error err;

    (void)state;
    refuses("users", "begin with '/'");
    refuses("/a/{}", "no name");
    refuses("/a/{x...}/b", "not at its end");
    refuses("/a{x}", "whole segment");
    odd = pillion_app_new(NULL);
    pillion_app_route(odd, "GET", "/a", on_named, "odd");
    pillion_app_route(odd, "GET", "/a", on_named, "odd");
    assert_int_equal(pillion_app_start(odd, &err), PILLION_INVALID);
    assert_string_equal(err.text, "the route GET /a is there twice");
    pillion_app_free(odd);
    odd = pillion_app_new(NULL);
    pillion_app_subscribe(odd, "", "t", on_event, "odd");
    assert_int_equal(pillion_app_run(odd, &err), PILLION_INVALID);
    pillion_app_free(odd);
    setenv("APP_PORT", "x", 1);
    odd = pillion_app_new(NULL);
    unsetenv("APP_PORT");
    assert_int_equal(pillion_app_start(odd, &err), PILLION_INVALID);
    pillion_app_free(odd);
}

static void a_taken_port_is_told(void **state)
{
    pillion_app_settings settings = {.port = pillion_app_port(app)};
    pillion_app *second = pillion_app_new(&settings);
    pillion_error err;

    (void)state;
    assert_int_equal(pillion_app_start(second, &err), PILLION_UNAVAILABLE);
    assert_non_null(strstr(err.text, "address already in use"));
    pillion_app_free(second);
}

static void raise_term(void *user)
{
    (void)user;
    raise(SIGTERM);
}

static void run_ends_with_a_signal_and_a_stop(void **state)
{
    (void)state;
    pillion_loop_post(loop, raise_term, NULL);
    assert_int_equal(pillion_app_run(app, NULL), PILLION_OK);
    assert_int_equal(pillion_app_port(app), 0);
    pillion_loop_stop(loop);
    assert_int_equal(pillion_app_run(app, NULL), PILLION_OK); /* it may be started again */
}

/* ---- the loop ---- */

static int posted;

static void on_posted(void *user)
{
    posted += *(int *)user;
}

static void *post_from_a_thread(void *at)
{
    static int one = 1;

    for (int i = 0; i < 1000; i++)
        pillion_loop_post(at, on_posted, &one);
    return NULL;
}

static void other_threads_post_to_the_loop(void **state)
{
    pthread_t threads[4];

    (void)state;
    posted = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, post_from_a_thread, loop);
    while (posted < 4000)
        pillion_loop_step(loop, -1);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(posted, 4000);
}

static void timers_run_once_or_not_at_all(void **state)
{
    pillion_loop *own = pillion_loop_new();
    pillion_timer *never;
    int ten = 10;

    (void)state;
    posted = 0;
    assert_false(pillion_loop_step(own, 1000)); /* nothing to wait for: at once */
    never = pillion_timer_start(own, 1, on_posted, &ten);
    pillion_timer_start(own, 2, on_posted, &ten);
    pillion_timer_stop(never);
    pillion_timer_stop(NULL);
    assert_true(pillion_loop_timeout_ms(own) >= 0);
    assert_true(pillion_loop_fd(own) >= 0);
    pillion_loop_run(own);
    assert_int_equal(posted, 10);
    assert_int_equal(pillion_loop_timeout_ms(own), -1);
    pillion_loop_free(own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(parameters_and_queries_are_decoded),
        TEST(the_literal_route_wins),
        TEST(unknown_paths_and_methods_are_told_apart),
        TEST(bodies_and_parts_arrive),
        TEST(a_request_is_answered_later),
        TEST(a_request_outlives_its_peer),
        TEST(a_request_outlives_its_application),
        TEST(an_answer_is_taken_in_parts),
        TEST(a_body_is_sent_in_parts),
        TEST(subscriptions_are_listed_with_their_rules),
        TEST(verdicts_are_what_the_sidecar_reads),
        TEST(an_event_is_answered_later),
        TEST(a_bulk_is_handled_one_by_one),
        TEST(a_broken_event_is_refused),
        TEST(events_need_the_token),
        TEST(browsers_are_let_in_by_origin),
        TEST(senseless_registrations_are_named_at_the_start),
        TEST(a_taken_port_is_told),
        TEST(run_ends_with_a_signal_and_a_stop),
        TEST(other_threads_post_to_the_loop),
        TEST(timers_run_once_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
