/* SPDX-License-Identifier: MIT
 *
 * The HTTP/1.1 server and client: against each other, and the server against scripted peers.
 */
#include "net_fixture.h"

#include "net/http_client.h"
#include "net/http_server.h"

#define LARGE_ANSWER 100000u

static sc_loop *loop;
static sc_http_server *server;
static sc_http_client *client;
static sc_http_exchange *held[8];
static int held_count;
static int finished;
static int gone;

static void on_gone(sc_http_exchange *ex)
{
    (void)ex;
    gone++;
}

static void on_request(void *self, sc_http_exchange *ex)
{
    sc_pairs headers = {0};

    (void)self;
    ex->on_gone = on_gone;
    if (sc_str_eq(ex->req.path, SC_STR("/hold"))) {
        held[held_count++] = ex;
        return;
    }
    if (sc_str_eq(ex->req.path, SC_STR("/parts"))) {
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
        sc_http_respond_write(ex, "ab", 2);
        sc_http_respond_write(ex, "cde", 3);
        sc_http_respond_end(ex);
        return;
    }
    if (sc_str_eq(ex->req.path, SC_STR("/large"))) {
        char *body = sc_arena_alloc(&ex->call->mem, LARGE_ANSWER);

        memset(body, 'x', LARGE_ANSWER);
        sc_http_respond(ex, 200, NULL, sc_str_of(body, LARGE_ANSWER));
        return;
    }
    if (sc_str_eq(ex->req.path, SC_STR("/none"))) {
        sc_http_respond(ex, 204, NULL, SC_STR_NONE);
        return;
    }
    sc_pairs_add(&headers, &ex->call->mem, SC_STR("content-type"), SC_STR("text/x"));
    sc_http_respond(ex, 200, &headers,
                    sc_arena_fmt(&ex->call->mem, "%.*s %.*s?%.*s %.*s", SC_FMT(ex->req.method),
                                 SC_FMT(ex->req.path), SC_FMT(ex->req.query),
                                 SC_FMT(ex->req.body)));
}

static void on_finished(void *self, sc_http_exchange *ex)
{
    (void)self;
    (void)ex;
    finished++;
}

static sc_str describe(void *self, int status, const sc_error *why, sc_arena *mem)
{
    (void)self;
    return sc_arena_fmt(mem, "%d %s", status, why->text);
}

static const sc_http_handler handler = {
    .on_request = on_request, .on_finished = on_finished, .describe_refusal = describe};

static int open_all(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_http_limits limits = sc_http_default_limits();
    sc_http_client_settings settings = {.dial.host = SC_STR("127.0.0.1"), .max_connections = 2};
    sc_error err;

    (void)state;
    limits.max_body_len = 1000;
    limits.max_head_len = 2000;
    limits.max_pipelined = 4;
    limits.head_timeout_ms = 1500;
    limits.body_timeout_ms = 1200;
    held_count = finished = gone = 0;
    loop = sc_loop_new();
    assert_int_equal(sc_http_server_open(loop, &at, &limits, &handler, NULL, &server, &err), SC_OK);
    settings.dial.port = sc_listener_port(sc_http_server_listener(server));
    client = sc_http_client_open(loop, &settings);
    return 0;
}

static int close_all(void **state)
{
    bool client_closed = false;
    bool server_closed = false;

    (void)state;
    sc_http_client_close(client, set_true, &client_closed);
    turn_until(loop, &client_closed);
    sc_http_server_close(server, 2000, set_true, &server_closed);
    turn_until(loop, &server_closed);
    turn_for(loop, 20);
    assert_int_equal(sc_loop_close(&loop), 0);
    return 0;
}

typedef struct request {
    sc_http_call_op op; /* first */
    sc_arena mem;
    bool is_done;
} request;

static void on_done(sc_op *op)
{
    ((request *)op)->is_done = true;
}

static void send_request(request *req, const char *method, const char *target, const sc_str *body)
{
    sc_arena_init(&req->mem, sc_loop_arenas(loop));
    req->is_done = false;
    req->op = (sc_http_call_op){.method = sc_str_from(method),
                                .target = sc_str_from(target),
                                .body_parts = body,
                                .body_part_count = body != NULL,
                                .timeout_ms = 5000};
    sc_op_init(&req->op.op, sc_loop_ops(loop), &req->mem, on_done);
    sc_http_client_send(client, &req->op);
}

static void requests_are_answered_on_kept_connections(void **state)
{
    request req;
    sc_str body = SC_STR("hello");

    (void)state;
    for (int i = 0; i < 5; i++) {
        send_request(&req, "POST", "/a/b?x=1", &body);
        turn_until(loop, &req.is_done);
        assert_int_equal(req.op.op.err.code, SC_OK);
        assert_int_equal(req.op.status, 200);
        assert_true(sc_str_eq(req.op.answer_body, SC_STR("POST /a/b?x=1 hello")));
        assert_true(sc_str_eq(*sc_pairs_get(&req.op.answer_headers, SC_STR("content-type")),
                              SC_STR("text/x")));
        sc_arena_deinit(&req.mem);
    }
    assert_int_equal(sc_http_server_connections(server), 1);
    send_request(&req, "GET", "/parts", NULL);
    turn_until(loop, &req.is_done);
    assert_true(sc_str_eq(req.op.answer_body, SC_STR("abcde")));
    sc_arena_deinit(&req.mem);
    send_request(&req, "HEAD", "/x", NULL);
    turn_until(loop, &req.is_done);
    assert_int_equal(req.op.status, 200);
    assert_int_equal(req.op.answer_body.len, 0);
    sc_arena_deinit(&req.mem);
    send_request(&req, "PUT", "/none", NULL);
    turn_until(loop, &req.is_done);
    assert_int_equal(req.op.status, 204);
    sc_arena_deinit(&req.mem);
}

static void a_pool_that_is_full_makes_requests_wait(void **state)
{
    request req[4];
    int first;

    (void)state;
    for (int i = 0; i < 4; i++)
        send_request(&req[i], "GET", i == 0 ? "/hold?first" : i == 1 ? "/hold" : "/x", NULL);
    turn_for(loop, 50);
    assert_int_equal(held_count, 2);
    assert_false(req[2].is_done);
    first = held[0]->req.query.len > 0 ? 0 : 1; /* connections are accepted in any order */
    sc_http_respond(held[1 - first], 200, NULL, SC_STR("late"));
    turn_until(loop, &req[3].is_done);
    sc_http_client_cancel(client, &req[0].op);
    turn_until(loop, &req[0].is_done);
    assert_int_equal(req[0].op.op.err.code, SC_CANCELLED);
    sc_http_respond(held[first], 200, NULL, SC_STR("nobody waits")); /* harmless */
    for (int i = 0; i < 4; i++)
        sc_arena_deinit(&req[i].mem);
}

static void time_limits_end_a_request(void **state)
{
    request req;

    (void)state;
    sc_arena_init(&req.mem, NULL);
    req.op =
        (sc_http_call_op){.method = SC_STR("GET"), .target = SC_STR("/hold"), .timeout_ms = 30};
    req.is_done = false;
    sc_op_init(&req.op.op, sc_loop_ops(loop), &req.mem, on_done);
    sc_http_client_send(client, &req.op);
    turn_until(loop, &req.is_done);
    assert_int_equal(req.op.op.err.code, SC_DEADLINE);
    sc_arena_deinit(&req.mem);
}

static void expect_raw(const char *said, const char *want)
{
    int fd = peer_connect(sc_listener_port(sc_http_server_listener(server)));
    char heard[4096];
    size_t len;

    peer_say(loop, fd, said, strlen(said));
    (void)peer_hear(loop, fd, heard, sizeof(heard) - 1, sizeof(heard), &len);
    heard[len] = '\0';
    if (!strstr(heard, want))
        fail_msg("heard: %s", heard);
    close(fd);
}

static void malformed_and_oversized_requests_are_refused_with_words(void **state)
{
    static char long_head[4000];

    (void)state;
    expect_raw("GARBAGE\r\n\r\n", "HTTP/1.1 400 Bad Request");
    expect_raw("GET / HTTP/1.1\r\n\r\n", "400 missing required Host header");
    expect_raw("GET / HTTP/3.1\r\nHost: x\r\n\r\n", "HTTP/1.1 505");
    expect_raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.1 413");
    expect_raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
               "HTTP/1.1 413");
    (void)snprintf(long_head, sizeof(long_head), "GET / HTTP/1.1\r\nHost: x\r\nA: %03000d\r\n\r\n",
                   1);
    expect_raw(long_head, "HTTP/1.1 431");
    expect_raw("GET /x HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK");
    expect_raw("GET http://h/abs?q HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
               "GET /abs?q ");
}

static void answers_leave_in_the_order_of_the_requests(void **state)
{
    int fd = peer_connect(sc_listener_port(sc_http_server_listener(server)));
    const char *said = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /4 HTTP/1.1\r\nHost: x\r\n\r\n"
                       "GET /5 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char heard[4096];
    size_t len;

    (void)state;
    peer_say(loop, fd, said, strlen(said));
    turn_for(loop, 50);
    assert_int_equal(held_count, 2);
    sc_http_respond(held[1], 200, NULL, SC_STR("third"));
    turn_for(loop, 20);
    sc_http_respond(held[0], 200, NULL, SC_STR("first"));
    assert_true(peer_hear(loop, fd, heard, sizeof(heard) - 1, sizeof(heard), &len));
    heard[len] = '\0';
    assert_true(strstr(heard, "first") && strstr(heard, "first") < strstr(heard, "GET /2"));
    assert_true(strstr(heard, "GET /2") < strstr(heard, "third"));
    assert_true(strstr(heard, "third") < strstr(heard, "GET /4"));
    assert_true(strstr(heard, "GET /4") < strstr(heard, "GET /5"));
    assert_int_equal(finished, 5);
    close(fd);
}

static void say(int fd, const char *text)
{
    peer_say(loop, fd, text, strlen(text));
}

/* A full line that ends where the bytes end, as a client that waits for answers sends it. */
static void a_full_line_is_read_again_when_it_has_room(void **state)
{
    int fd = peer_connect(sc_listener_port(sc_http_server_listener(server)));
    char heard[4096];
    size_t len;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++)
            say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 2000 && held_count < 4; i++)
            turn_for(loop, 1);
        assert_int_equal(held_count, 4);
        for (int i = 0; i < 4; i++)
            sc_http_respond(held[i], 204, NULL, SC_STR_NONE);
        held_count = 0;
        turn_for(loop, 10);
    }
    assert_int_equal(finished, 8);
    say(fd, "GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(peer_hear(loop, fd, heard, sizeof(heard) - 1, sizeof(heard), &len));
    heard[len] = '\0';
    assert_non_null(strstr(heard, "GET /end"));
    close(fd);
}

#define ASKED 200

/* Who asks and asks and takes no answer costs a bounded amount of memory, and gets them all in the
 * end. */
static void a_peer_that_reads_nothing_is_not_asked_on(void **state)
{
    int fd = peer_connect(sc_listener_port(sc_http_server_listener(server)));
    static char heard[65536];
    size_t total = 0;
    size_t len;

    (void)state;
    for (int i = 0; i < ASKED; i++)
        say(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    turn_for(loop, 200);
    assert_in_range(finished, 10, ASKED / 2); /* one high mark, and what the kernel took */
    while (finished < ASKED || total < (size_t)ASKED * LARGE_ANSWER) {
        assert_false(peer_hear(loop, fd, heard, sizeof(heard), 1, &len));
        assert_true(len > 0);
        total += len;
    }
    close(fd);
}

static void a_peer_that_sends_a_byte_now_and_then_is_told(void **state)
{
    int fd = peer_connect(sc_listener_port(sc_http_server_listener(server)));
    char heard[1024];
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 40 && len == 0; i++) {
        peer_say(loop, fd, &"GET /slow HTTP/1.1\r\nHost: x"[i % 26], 1);
        turn_for(loop, 100);
        len = (size_t)(recv(fd, heard, 1, MSG_PEEK) > 0);
    }
    assert_true(peer_hear(loop, fd, heard, sizeof(heard) - 1, sizeof(heard), &len));
    heard[len] = '\0';
    assert_non_null(strstr(heard, "HTTP/1.1 408 Request Timeout"));
    assert_non_null(strstr(heard, "408 the request head is not complete after 1500 ms"));
    close(fd);
    fd = peer_connect(sc_listener_port(sc_http_server_listener(server)));
    say(fd, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na");
    assert_true(peer_hear(loop, fd, heard, sizeof(heard) - 1, sizeof(heard), &len));
    heard[len] = '\0';
    assert_non_null(strstr(heard, "408 no byte of the request body for 1200 ms"));
    close(fd);
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_server(requests_are_answered_on_kept_connections),
        with_server(a_pool_that_is_full_makes_requests_wait),
        with_server(time_limits_end_a_request),
        with_server(malformed_and_oversized_requests_are_refused_with_words),
        with_server(answers_leave_in_the_order_of_the_requests),
        with_server(a_full_line_is_read_again_when_it_has_room),
        with_server(a_peer_that_reads_nothing_is_not_asked_on),
        with_server(a_peer_that_sends_a_byte_now_and_then_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
