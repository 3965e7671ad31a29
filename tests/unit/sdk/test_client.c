/* SPDX-License-Identifier: MIT
 *
 * A client against scripted peers: what it sends, what it makes of answers, and what it does about
 * peers that hang, die and talk garbage.
 */
#include "sdk_fixture.h"

#include "endpoint.h"

#define OK_204 "204|"

static void publish_sends_what_dapr_expects(void **state)
{
    static const char *const script[] = {OK_204, NULL};
    static const pillion_pair metadata[] = {{"ttlInSeconds", "60"}, {"cloudevent.type", "a b&c"}};
    static const pillion_pair headers[] = {{"traceparent", "00-1-2-01"}};
    pillion_options options = {
        .metadata = metadata, .metadata_count = 2, .headers = headers, .header_count = 1};
    pillion_client *client;
    pillion_error err;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    assert_int_equal(
        pillion_finish(
            pillion_publish(client, "pub sub", "a/b", pillion_text("{}"), NULL, &options), &err),
        PILLION_OK);
    assert_int_equal(err.status, 204);
    pillion_client_free(client);
    peer_stop(&p);
    assert_non_null(strstr(p.heard[0], "POST /v1.0/publish/pub%20sub/a%2Fb?metadata.ttlInSeconds=60"
                                       "&metadata.cloudevent.type=a%20b%26c HTTP/1.1\r\n"));
    assert_non_null(strstr(p.heard[0], "Content-Type: application/json\r\n"));
    assert_non_null(strcasestr(p.heard[0], "traceparent: 00-1-2-01\r\n"));
    assert_non_null(strstr(p.heard[0], "\r\n\r\n{}"));
    assert_null(strcasestr(p.heard[0], "dapr-api-token"));
}

static void the_environment_is_honoured(void **state)
{
    static const char *const script[] = {OK_204, NULL};
    pillion_client *client;
    char port[16];
    peer p;

    (void)state;
    peer_start(&p, script);
    (void)snprintf(port, sizeof(port), "%d", p.port);
    setenv("DAPR_HTTP_PORT", port, 1);
    setenv("DAPR_API_TOKEN", "secret", 1);
    client = pillion_client_new(NULL);
    assert_int_equal(pillion_client_check(client, NULL), PILLION_OK);
    assert_int_equal(pillion_finish(pillion_publish_json(client, "p", "t", "{\"n\":%d}", 5), NULL),
                     PILLION_OK);
    pillion_client_free(client);
    peer_stop(&p);
    assert_non_null(strcasestr(p.heard[0], "dapr-api-token: secret\r\n"));
    assert_non_null(strstr(p.heard[0], "{\"n\":5}"));
    setenv("DAPR_HTTP_PORT", "70000", 1);
    client = pillion_client_new(NULL);
    assert_int_equal(pillion_client_check(client, NULL), PILLION_INVALID);
    pillion_client_free(client);
    unsetenv("DAPR_HTTP_PORT");
    setenv("DAPR_HTTP_ENDPOINT", "ftp://x", 1);
    client = pillion_client_new(NULL);
    {
        pillion_error err;

        assert_int_equal(
            pillion_finish(pillion_health_wait(client, PILLION_HEALTH_OUTBOUND, 9000), &err),
            PILLION_INVALID);
        assert_non_null(strstr(err.text, "DAPR_HTTP_ENDPOINT"));
    }
    pillion_client_free(client);
    unsetenv("DAPR_HTTP_ENDPOINT");
    unsetenv("DAPR_API_TOKEN");
}

static void an_error_body_is_the_story(void **state)
{
    static const char *const script[] = {
        "404|{\"errorCode\":\"ERR_PUBSUB_NOT_FOUND\",\"message\":\"pubsub nope is not "
        "found\",\"a\":1}  ",
        "500|{\"errorCode\":\"ERR_STATE_TRANSACTION\",\"message\":\"possible etag mismatch\"}",
        "401|invalid api token\n", "503|", NULL};
    static const pillion_code codes[] = {PILLION_NOT_FOUND, PILLION_ABORTED,
                                         PILLION_UNAUTHENTICATED, PILLION_UNAVAILABLE};
    static const char *const names[] = {"ERR_PUBSUB_NOT_FOUND", "ERR_STATE_TRANSACTION", "", ""};
    static const char *const texts[] = {"pubsub nope is not found", "possible etag mismatch",
                                        "HTTP status 401: invalid api token\n", "HTTP status 503"};
    pillion_client *client;
    pillion_error err;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(
            pillion_finish(pillion_publish(client, "nope", "t", pillion_text("1"), NULL, NULL),
                           &err),
            codes[i]);
        assert_string_equal(err.name, names[i]);
        assert_string_equal(err.text, texts[i]);
    }
    pillion_client_free(client);
    peer_stop(&p);
}

static void a_peer_that_hangs_ends_in_a_deadline(void **state)
{
    static const char *const script[] = {PEER_HANGS, NULL};
    pillion_options options = {.timeout_ms = 50};
    pillion_client *client;
    pillion_error err;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    assert_int_equal(pillion_finish(pillion_metadata_get(client, &options), &err),
                     PILLION_DEADLINE);
    assert_int_equal(err.status, 0);
    pillion_client_free(client);
    peer_stop(&p);
}

static void a_peer_that_dies_is_unavailable(void **state)
{
    static const char *const script[] = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "",
                                         "", NULL};
    pillion_client *client;
    pillion_error err;
    uint16_t port;
    peer p;

    (void)state;
    peer_start(&p, script);
    port = p.port;
    client = client_of(NULL, port);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            pillion_finish(pillion_publish(client, "p", "t", pillion_text("1"), NULL, NULL), &err),
            PILLION_UNAVAILABLE);
        assert_true(err.text[0] != '\0');
    }
    peer_stop(&p);
    assert_int_equal(pillion_finish(pillion_metadata_get(client, NULL), &err), PILLION_UNAVAILABLE);
    assert_non_null(strstr(err.text, "refused"));
    pillion_client_free(client);
}

/* Writing to a connection that is cut raises SIGPIPE, which this program does not ignore. */
static void a_peer_that_cuts_us_off_does_not_end_the_program(void **state)
{
    static const char *const script[] = {PEER_CUTS, PEER_CUTS, PEER_CUTS, PEER_CUTS, NULL};
    size_t len = 3 * 1024 * 1024;
    char *body = calloc(1, len);
    pillion_client *client;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pillion_finish(pillion_publish(client, "p", "t", pillion_bytes(body, len),
                                                        "application/octet-stream", NULL),
                                        NULL),
                         PILLION_UNAVAILABLE);
    pillion_client_free(client);
    peer_stop(&p);
    free(body);
}

static void garbage_is_an_error_not_an_answer(void **state)
{
    static const char *const script[] = {
        "SMTP ready\r\n",  "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "200|{\"broken\"", "200|[]",
        "200|{\"a\":",     NULL};
    pillion_client *client;
    pillion_call *call;
    pillion_error err;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    assert_int_equal(pillion_finish(pillion_metadata_get(client, NULL), &err), PILLION_INTERNAL);
    assert_int_equal(pillion_finish(pillion_metadata_get(client, NULL), &err), PILLION_INTERNAL);
    assert_int_equal(pillion_finish(pillion_metadata_get(client, NULL), &err), PILLION_INTERNAL);
    assert_string_equal(err.text, "the answer is no JSON object");
    assert_int_equal(pillion_finish(pillion_secret_get(client, "s", "k", NULL), &err),
                     PILLION_INTERNAL);
    call = pillion_state_get_bulk(client, "s", (const char *const[]){"k"}, 1, NULL);
    assert_int_equal(pillion_wait(call, &err), PILLION_INTERNAL);
    assert_null(pillion_state_result(call, 0));
    assert_null(pillion_call_json(call));
    pillion_call_free(call);
    pillion_client_free(client);
    peer_stop(&p);
}

static void a_long_answer_is_cut_off(void **state)
{
    static const char *const script[] = {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{}",
                                         NULL};
    pillion_client_settings settings = {.max_body_len = 1000};
    pillion_client *client;
    char endpoint[64];
    peer p;

    (void)state;
    peer_start(&p, script);
    (void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d", p.port);
    settings.http_endpoint = endpoint;
    client = pillion_client_new(&settings);
    assert_int_equal(pillion_finish(pillion_metadata_get(client, NULL), NULL), PILLION_EXHAUSTED);
    pillion_client_free(client);
    peer_stop(&p);
}

static void wrong_arguments_send_nothing(void **state)
{
    static const pillion_pair split[] = {{"x", "a\r\nb: c"}};
    pillion_invoke_options options = {.headers = split, .header_count = 1};
    pillion_client *client = client_of(NULL, 1); /* nobody listens there */
    const pillion_str none = pillion_text("");

    (void)state;
    assert_int_equal(pillion_finish(pillion_publish(client, "", "t", none, NULL, NULL), NULL),
                     PILLION_INVALID);
    assert_int_equal(pillion_finish(pillion_publish_json(client, "p", "t", "{%d", 1), NULL),
                     PILLION_INVALID);
    assert_int_equal(
        pillion_finish(pillion_state_set(client, "s", "k", pillion_text("{"), NULL), NULL),
        PILLION_INVALID);
    assert_int_equal(pillion_finish(pillion_state_get(client, "s", "", NULL), NULL),
                     PILLION_INVALID);
    assert_int_equal(pillion_finish(pillion_invoke(client, "", "GET", "/", none, NULL), NULL),
                     PILLION_INVALID);
    assert_int_equal(
        pillion_finish(pillion_invoke(client, "a", "GET", "/a b\r\nX: y", none, NULL), NULL),
        PILLION_INVALID);
    assert_int_equal(pillion_finish(pillion_invoke(client, "a", "G T", "/", none, NULL), NULL),
                     PILLION_INVALID);
    assert_int_equal(pillion_finish(pillion_invoke(client, "a", "GET", "/", none, &options), NULL),
                     PILLION_INVALID);
    pillion_client_free(client);
}

static void a_value_is_read_with_its_etag(void **state)
{
    static const char *const script[] = {"200 Etag: 7|{\"n\":12345678901234}", OK_204, NULL};
    const pillion_state_value *value;
    pillion_client *client;
    pillion_call *call;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    call = pillion_state_get(client, "store", "a||b", NULL);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    value = pillion_state_result(call, 0);
    assert_true(value->is_found);
    assert_string_equal(value->key, "a||b");
    assert_string_equal(value->etag, "7");
    assert_str(value->value, "{\"n\":12345678901234}");
    assert_null(pillion_state_result(call, 1));
    assert_string_equal(pillion_call_header(call, "ETAG"), "7");
    pillion_call_free(call);
    call = pillion_state_get(client, "store", "b", NULL);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_false(pillion_state_result(call, 0)->is_found);
    pillion_client_free(client); /* results outlive the client */
    assert_str(pillion_state_result(call, 0)->value, "");
    pillion_call_free(call);
    peer_stop(&p);
    assert_non_null(strstr(p.heard[0], "GET /v1.0/state/store/a%7C%7Cb HTTP/1.1"));
}

static void several_values_are_read_by_key(void **state)
{
    static const char *const script[] = {
        "200|[{\"key\":\"a\",\"data\":1.50,\"etag\":\"1\"},{\"key\":\"b\"},{\"key\":\"c\","
        "\"error\":"
        "\"down\"}]",
        "200|{\"token\":\"3\",\"results\":[{\"key\":\"k\",\"data\":{},\"etag\":\"9\"}]}", NULL};
    static const char *const keys[] = {"a", "b", "c"};
    pillion_client *client;
    pillion_call *call;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    call = pillion_state_get_bulk(client, "s", keys, 3, NULL);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_str(pillion_state_result(call, 0)->value, "1.50");
    assert_string_equal(pillion_state_result(call, 0)->etag, "1");
    assert_false(pillion_state_result(call, 1)->is_found);
    assert_string_equal(pillion_state_result(call, 2)->error, "down");
    assert_null(pillion_state_result(call, 3));
    pillion_call_free(call);
    call = pillion_state_query(client, "s", pillion_text("{\"filter\":{}}"), NULL);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_string_equal(pillion_state_result(call, 0)->key, "k");
    assert_string_equal(pillion_json_string(pillion_json_get(pillion_call_json(call), "token"), ""),
                        "3");
    pillion_call_free(call);
    pillion_client_free(client);
    peer_stop(&p);
    assert_non_null(strstr(p.heard[0], "{\"keys\":[\"a\",\"b\",\"c\"]}"));
}

static void writes_carry_their_options(void **state)
{
    static const char *const script[] = {OK_204, OK_204, OK_204, NULL};
    pillion_state_options options = {
        .etag = "3", .concurrency = PILLION_FIRST_WRITE, .consistency = PILLION_STRONG, .ttl_s = 9};
    pillion_state_change changes[] = {
        {.key = "a", .value = {"1", 1}},
        {.key = "b", .verb = PILLION_DELETE, .etag = "5"},
    };
    pillion_client *client;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    assert_int_equal(
        pillion_finish(pillion_state_set(client, "s", "k", pillion_text("{}"), &options), NULL),
        PILLION_OK);
    assert_int_equal(pillion_finish(pillion_state_delete(client, "s", "k", &options), NULL),
                     PILLION_OK);
    assert_int_equal(pillion_finish(pillion_state_transact(client, "s", changes, 2, NULL), NULL),
                     PILLION_OK);
    assert_int_equal(pillion_finish(pillion_state_set_bulk(client, "s", changes, 2, NULL), NULL),
                     PILLION_INVALID);
    pillion_client_free(client);
    peer_stop(&p);
    assert_non_null(strstr(p.heard[0],
                           "[{\"key\":\"k\",\"value\":{},\"etag\":\"3\",\"metadata\":{"
                           "\"ttlInSeconds\":\"9\"},\"options\":{\"concurrency\":\"first-write\","
                           "\"consistency\":\"strong\"}}]"));
    assert_non_null(strstr(p.heard[1], "DELETE /v1.0/state/s/k?concurrency=first-write&consistency="
                                       "strong HTTP/1.1"));
    assert_non_null(strstr(p.heard[1], "If-Match: 3\r\n"));
    assert_non_null(strstr(p.heard[2],
                           "{\"operations\":[{\"operation\":\"upsert\",\"request\":{\"key\":\"a\","
                           "\"value\":1}},{\"operation\":\"delete\",\"request\":{\"key\":\"b\","
                           "\"etag\":\"5\"}}]}"));
}

static char *add_one(void *user, const pillion_state_value *now)
{
    pillion_json *old = now->is_found ? pillion_json_parse(now->value, NULL) : NULL;
    char *changed = pillion_json_format("%lld", (long long)pillion_json_int(old, 0) + 1);

    (*(int *)user)++;
    pillion_json_free(old);
    return changed;
}

static void an_update_is_repeated_after_a_conflict(void **state)
{
    static const char *const script[] = {OK_204, "409|", "200 Etag: 4|8", OK_204, NULL};
    pillion_client *client;
    pillion_call *call;
    int asked = 0;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    call = pillion_state_update(client, "s", "k", add_one, &asked, NULL);
    assert_int_equal(pillion_wait(call, NULL), PILLION_OK);
    assert_str(pillion_state_result(call, 0)->value, "9");
    assert_int_equal(asked, 2);
    pillion_call_free(call);
    pillion_client_free(client);
    peer_stop(&p);
    assert_non_null(strstr(p.heard[1], "[{\"key\":\"k\",\"value\":1,\"options\":{\"concurrency\":"
                                       "\"first-write\"}}]"));
    assert_non_null(strstr(p.heard[3], "\"value\":9,\"etag\":\"4\""));
}

static void bulk_publish_tells_which_failed(void **state)
{
    static const char *const script[] = {
        "500|{\"failedEntries\":[{\"entryId\":\"x\",\"error\":\"full\"}],\"errorCode\":"
        "\"ERR_PUBSUB_PUBLISH_MESSAGE\"}",
        NULL};
    static const pillion_pair metadata[] = {{"k", "v"}};
    pillion_publish_entry entries[] = {
        {.data = {"{\"n\":1}", 7}},
        {.data = {"\0\1", 2}, .content_type = "application/octet-stream", .entry_id = "x"},
        {.data = {"hi", 2},
         .content_type = "text/plain",
         .metadata = metadata,
         .metadata_count = 1},
    };
    pillion_publish_entry odd = {.data = {"x", 1}, .content_type = "image/png"};
    const pillion_publish_failure *failed;
    pillion_client *client;
    pillion_call *call;
    size_t count;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    call = pillion_publish_bulk(client, "p", "t", entries, 3, NULL);
    assert_int_equal(pillion_wait(call, NULL), PILLION_INTERNAL);
    failed = pillion_publish_failed(call, &count);
    assert_int_equal(count, 1);
    assert_string_equal(failed[0].entry_id, "x");
    assert_string_equal(failed[0].error, "full");
    assert_string_equal(pillion_call_error(call)->name, "ERR_PUBSUB_PUBLISH_MESSAGE");
    pillion_call_free(call);
    assert_int_equal(pillion_finish(pillion_publish_bulk(client, "p", "t", &odd, 1, NULL), NULL),
                     PILLION_INVALID);
    pillion_client_free(client);
    peer_stop(&p);
    assert_non_null(strstr(
        p.heard[0],
        "[{\"entryId\":\"0\",\"contentType\":\"application/json\",\"event\":{\"n\":1}},"
        "{\"entryId\":\"x\",\"contentType\":\"application/octet-stream\",\"event\":\"AAE=\"},"
        "{\"entryId\":\"2\",\"contentType\":\"text/plain\",\"event\":\"hi\",\"metadata\":{\"k\":"
        "\"v\"}}]"));
}

static void health_is_waited_for(void **state)
{
    static const char *const script[] = {
        "500|{\"errorCode\":\"ERR_OUTBOUND_HEALTH_NOT_READY\",\"message\":\"\"}", "", OK_204, NULL};
    pillion_client *client;
    pillion_error err;
    peer p;

    (void)state;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    assert_int_equal(pillion_finish(pillion_health_wait(client, PILLION_HEALTH_OUTBOUND, 0), &err),
                     PILLION_OK);
    peer_stop(&p);
    assert_int_equal(p.served, 3);
    assert_int_equal(
        pillion_finish(pillion_health_wait(client, PILLION_HEALTH_OUTBOUND, 150), &err),
        PILLION_DEADLINE);
    assert_non_null(strstr(err.text, "refused"));
    pillion_client_free(client);
}

/* ---- callbacks and the end ---- */

static int done_count;
static pillion_code done_code;

static void on_done(void *user, pillion_call *call)
{
    (void)user;
    done_count++;
    done_code = pillion_call_code(call);
}

static void a_freed_client_cancels_its_calls(void **state)
{
    static const char *const script[] = {PEER_HANGS, PEER_HANGS, NULL};
    pillion_loop *loop = pillion_loop_new();
    pillion_client *client;
    pillion_call *kept;
    peer p;

    (void)state;
    done_count = 0;
    peer_start(&p, script);
    client = client_of(loop, p.port);
    pillion_then(pillion_metadata_get(client, NULL), on_done, NULL);
    pillion_then(pillion_publish(client, "", "", pillion_text(""), NULL, NULL), on_done, NULL);
    kept = pillion_metadata_get(client, NULL);
    pillion_call_free(pillion_health_wait(client, PILLION_HEALTH_FULL, 0));
    assert_int_equal(done_count, 0);
    pillion_client_free(client);
    pillion_loop_free(loop);
    assert_int_equal(done_count, 2);
    assert_int_equal(pillion_call_code(kept), PILLION_CANCELLED);
    pillion_call_free(kept);
    peer_stop(&p);
}

static void on_done_free(void *user, pillion_call *call)
{
    assert_int_equal(pillion_call_code(call), PILLION_INVALID);
    pillion_client_free(user);
    done_count++;
}

/* Also one that never had a connection, which goes at once. */
static void a_client_may_be_freed_by_its_callback(void **state)
{
    pillion_loop *loop = pillion_loop_new();
    pillion_client *client = client_of(loop, 1);

    (void)state;
    done_count = 0;
    pillion_then(pillion_publish(client, "", "", pillion_text(""), NULL, NULL), on_done_free,
                 client);
    pillion_loop_run(loop);
    pillion_loop_free(loop);
    assert_int_equal(done_count, 1);
}

static void on_done_wait(void *user, pillion_call *call)
{
    pillion_client *client = user;
    pillion_error err;

    (void)call;
    assert_int_equal(pillion_finish(pillion_metadata_get(client, NULL), &err),
                     PILLION_FAILED_PRECONDITION);
    done_count++;
}

static void waiting_inside_a_callback_is_refused(void **state)
{
    static const char *const script[] = {OK_204, PEER_HANGS, NULL};
    pillion_client *client;
    peer p;

    (void)state;
    done_count = 0;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    pillion_then(pillion_metadata_get(client, NULL), on_done_wait, client);
    while (done_count == 0)
        pillion_loop_step(pillion_client_loop(client), -1);
    pillion_client_free(client);
    peer_stop(&p);
}

static void a_cancelled_call_completes(void **state)
{
    static const char *const script[] = {PEER_HANGS, NULL};
    pillion_client *client;
    pillion_call *call;
    peer p;

    (void)state;
    done_count = 0;
    peer_start(&p, script);
    client = client_of(NULL, p.port);
    call = pillion_metadata_get(client, NULL);
    pillion_call_cancel(call);
    assert_int_equal(pillion_wait(call, NULL), PILLION_CANCELLED);
    pillion_then(call, on_done, NULL); /* also when it is complete */
    assert_int_equal(done_count, 0);
    pillion_client_free(client);
    peer_stop(&p);
    assert_int_equal(done_count, 1);
    assert_int_equal(done_code, PILLION_CANCELLED);
}

/* ---- endpoints ---- */

static void grpc_is(const char *text, const char *host, int port, bool is_tls)
{
    endpoint at;
    sc_error err;

    if (endpoint_parse_grpc(sc_str_from(text), &at, &err) != SC_OK)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(at.host.len, strlen(host));
    assert_memory_equal(at.host.at, host, at.host.len);
    assert_int_equal(at.port, port);
    assert_int_equal(at.is_tls, is_tls);
}

static void endpoints_are_read(void **state)
{
    static const char *const bad[] = {
        "",           "x",           "http://", "http://a:0",     "http://a:",
        "http://a/b", "http://[::1", "unix://", "http://a:70000", "http://a?b"};
    endpoint at;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(endpoint_parse_http(sc_str_from(bad[i]), &at, NULL), SC_INVALID);
    assert_int_equal(endpoint_parse_http(SC_STR("HTTPS://dapr.example/"), &at, NULL), SC_OK);
    assert_int_equal(at.port, 443);
    assert_true(at.is_tls);
    assert_int_equal(endpoint_parse_http(SC_STR("http://[::1]:3500"), &at, NULL), SC_OK);
    assert_int_equal(at.host.len, 3);
    assert_int_equal(endpoint_parse_http(SC_STR("unix:///tmp/s"), &at, NULL), SC_OK);
    assert_true(at.is_unix);
    assert_int_equal(at.host.len, 6);
    grpc_is("localhost:50001", "localhost", 50001, false);
    grpc_is("dns:a.b?tls=true", "a.b", 443, true);
    grpc_is("dns://8.8.8.8/a.b:9", "a.b", 9, false);
    grpc_is("https://a", "a", 443, true);
    grpc_is("ipv4:127.0.0.1:1", "127.0.0.1", 1, false);
    grpc_is("ipv6:[::1]:2", "::1", 2, false);
    assert_int_equal(endpoint_parse_grpc(SC_STR("unix:/tmp/s"), &at, NULL), SC_OK);
    assert_true(at.is_unix);
    assert_int_equal(endpoint_parse_grpc(SC_STR("xds://a"), &at, NULL), SC_INVALID);
    assert_int_equal(endpoint_parse_grpc(SC_STR("a?tls=maybe"), &at, NULL), SC_INVALID);
    assert_int_equal(endpoint_parse_grpc(SC_STR("a?x=1"), &at, NULL), SC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_sends_what_dapr_expects),
        cmocka_unit_test(the_environment_is_honoured),
        cmocka_unit_test(an_error_body_is_the_story),
        cmocka_unit_test(a_peer_that_hangs_ends_in_a_deadline),
        cmocka_unit_test(a_peer_that_dies_is_unavailable),
        cmocka_unit_test(a_peer_that_cuts_us_off_does_not_end_the_program),
        cmocka_unit_test(garbage_is_an_error_not_an_answer),
        cmocka_unit_test(a_long_answer_is_cut_off),
        cmocka_unit_test(wrong_arguments_send_nothing),
        cmocka_unit_test(a_value_is_read_with_its_etag),
        cmocka_unit_test(several_values_are_read_by_key),
        cmocka_unit_test(writes_carry_their_options),
        cmocka_unit_test(an_update_is_repeated_after_a_conflict),
        cmocka_unit_test(bulk_publish_tells_which_failed),
        cmocka_unit_test(health_is_waited_for),
        cmocka_unit_test(a_freed_client_cancels_its_calls),
        cmocka_unit_test(a_client_may_be_freed_by_its_callback),
        cmocka_unit_test(waiting_inside_a_callback_is_refused),
        cmocka_unit_test(a_cancelled_call_completes),
        cmocka_unit_test(endpoints_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
