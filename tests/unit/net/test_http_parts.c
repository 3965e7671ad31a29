/* SPDX-License-Identifier: MIT
 *
 * Bodies in parts, both ways, over HTTP/1.1 and HTTP/2: client and server against each other, and
 * against scripted peers.
 */
#include <signal.h>

#include "http_pair.h"

#define BLOCK     (64u * 1024u)
#define LONG_BODY (24u * 1024u * 1024u)

typedef struct fixture {
    http_pair pair;
    sc_http_exchange *held;
    size_t taken;        /* request body bytes that the server saw */
    uint64_t announced;  /* body_len that the server saw */
    size_t to_answer;    /* of /pour: still to be written */
    size_t most_waiting; /* written by the server and not seen by the client, at most */
    size_t answered;
    int gone;
    int half_closed;
    bool is_body_over;
} fixture;

typedef struct call {
    sc_http_call_op op; /* first */
    sc_arena mem;
    fixture *f;
    size_t to_send; /* body bytes still to be written */
    size_t got;
    unsigned parts;
    bool reads_slowly; /* pauses now and then */
    bool cancels;      /* at the first part */
    bool has_head;
    bool is_done;
    sc_timer again;
} call;

static char block[BLOCK];

/* ---- the server ---- */

static void on_gone(sc_http_exchange *ex)
{
    fixture *f = ex->user;

    f->gone++;
    if (f->held == ex)
        f->held = NULL;
}

static void on_half_closed(sc_http_exchange *ex)
{
    ((fixture *)ex->user)->half_closed++;
}

/* /echo: what comes goes back, no faster than the peer reads. */
static void echo_data(sc_http_exchange *ex, const char *at, size_t len)
{
    fixture *f = ex->user;

    f->taken += len;
    sc_http_respond_write(ex, at, len);
    if (sc_http_respond_is_congested(ex))
        sc_http_body_pause(ex);
}

static void echo_drained(sc_http_exchange *ex)
{
    sc_http_body_resume(ex);
}

static void echo_end(sc_http_exchange *ex)
{
    sc_http_respond_end(ex);
}

static const sc_http_body_ops echo = {.on_data = echo_data, .on_end = echo_end};

/* /sink counts; the test answers. */
static void sink_data(sc_http_exchange *ex, const char *at, size_t len)
{
    (void)at;
    ((fixture *)ex->user)->taken += len;
}

static void sink_end(sc_http_exchange *ex)
{
    ((fixture *)ex->user)->is_body_over = true;
}

static const sc_http_body_ops sink = {.on_data = sink_data, .on_end = sink_end};

/* /pour writes while the peer takes. */
static void pour(sc_http_exchange *ex)
{
    fixture *f = ex->user;

    while (f->to_answer && !sc_http_respond_is_congested(ex)) {
        size_t len = f->to_answer < BLOCK ? f->to_answer : BLOCK;

        sc_http_respond_write(ex, block, len);
        f->to_answer -= len;
        f->answered += len;
    }
    if (!f->to_answer)
        sc_http_respond_end(ex);
}

static void on_head(void *self, sc_http_exchange *ex)
{
    fixture *f = self;

    ex->user = f;
    ex->on_gone = on_gone;
    ex->on_half_closed = on_half_closed;
    f->announced = ex->body_len;
    f->held = ex;
    if (sc_str_eq(ex->req.path, SC_STR("/echo"))) {
        ex->body_ops = &echo;
        ex->on_drained = echo_drained;
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
    } else if (sc_str_eq(ex->req.path, SC_STR("/sink"))) {
        ex->body_ops = &sink;
    } else if (sc_str_eq(ex->req.path, SC_STR("/early"))) {
        ex->body_ops = &sink;
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
        sc_http_respond_write(ex, "enough", 6);
        sc_http_respond_end(ex);
    }
}

static void on_request(void *self, sc_http_exchange *ex)
{
    (void)self;
    if (sc_str_eq(ex->req.path, SC_STR("/pour"))) {
        ex->on_drained = pour;
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
        pour(ex);
    } else if (sc_str_eq(ex->req.path, SC_STR("/cut"))) {
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
        sc_http_respond_write(ex, "half", 4);
    }
}

static const sc_http_handler handler = {.on_head = on_head, .on_request = on_request};

static int setup(void **state, sc_http_version version)
{
    fixture *f = sc_new(fixture);

    open_pair(&f->pair, &handler, f, version, 2);
    *state = f;
    return 0;
}

static int setup_h1(void **state)
{
    return setup(state, SC_HTTP_1_1);
}

static int setup_h2(void **state)
{
    return setup(state, SC_HTTP_2);
}

static int teardown(void **state)
{
    fixture *f = *state;

    close_pair(&f->pair);
    free(f);
    return 0;
}

/* ---- the client ---- */

static void send_more(call *c)
{
    while (c->to_send && !sc_http_client_is_congested(&c->op)) {
        size_t len = c->to_send < BLOCK ? c->to_send : BLOCK;

        sc_http_client_write(&c->op, block, len);
        c->to_send -= len;
    }
    if (!c->to_send)
        sc_http_client_write_end(&c->op);
}

static void on_call_head(sc_http_call_op *op)
{
    ((call *)op)->has_head = true;
}

static void on_call_data(sc_http_call_op *op, const char *at, size_t len)
{
    call *c = (call *)op;
    fixture *f = c->f;

    (void)at;
    assert_true(c->has_head);
    assert_false(c->is_done);
    c->got += len;
    if (f->answered - c->got > f->most_waiting && f->answered > c->got)
        f->most_waiting = f->answered - c->got;
    if (c->cancels) {
        sc_http_client_cancel(f->pair.client, op);
    } else if (c->reads_slowly && ++c->parts % 16 == 0) {
        sc_http_client_pause(op);
        sc_timer_start(&c->again, 1);
    }
}

static void on_again(sc_timer *timer)
{
    sc_http_client_resume(&SC_CONTAINER_OF(timer, call, again)->op);
}

static void on_call_drained(sc_http_call_op *op)
{
    send_more((call *)op);
}

static const sc_http_call_events events = {
    .on_head = on_call_head, .on_data = on_call_data, .on_drained = on_call_drained};

static void on_done(sc_op *op)
{
    call *c = (call *)op;

    sc_timer_stop(&c->again);
    c->is_done = true;
}

static void start(fixture *f, call *c, const char *method, const char *target, uint64_t body_len,
                  size_t to_send)
{
    sc_arena_init(&c->mem, NULL);
    sc_op_init(&c->op.op, sc_loop_ops(f->pair.loop), &c->mem, on_done);
    sc_timer_init(&c->again, f->pair.loop, on_again);
    c->f = f;
    c->to_send = to_send;
    c->op.method = sc_str_from(method);
    c->op.target = sc_str_from(target);
    c->op.events = &events;
    c->op.is_body_open = body_len > 0;
    c->op.body_len = body_len;
    sc_http_client_send(f->pair.client, &c->op);
}

static void end(call *c)
{
    sc_arena_deinit(&c->mem);
}

/* ---- both versions ---- */

static void long_bodies_pass_both_ways_at_once(void **state)
{
    fixture *f = *state;
    call c = {.reads_slowly = true};

    start(f, &c, "POST", "/echo", SC_HTTP_LEN_UNKNOWN, LONG_BODY);
    send_more(&c);
    assert_true(c.to_send > 0); /* nothing is connected yet, so it does not take all of it */
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.status, 200);
    assert_int_equal(f->taken, LONG_BODY);
    assert_int_equal(c.got, LONG_BODY);
    assert_true(f->announced == SC_HTTP_LEN_UNKNOWN);
    end(&c);
}

static void known_length_is_announced(void **state)
{
    fixture *f = *state;
    call c = {.f = f};

    start(f, &c, "PUT", "/sink", 200000, 200000);
    send_more(&c);
    turn_until(f->pair.loop, &f->is_body_over);
    assert_true(f->announced == 200000);
    assert_int_equal(f->taken, 200000);
    sc_http_respond(f->held, 201, NULL, SC_STR("stored"));
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.status, 201);
    assert_int_equal(c.got, 6);
    end(&c);
}

static void wrong_length_fails_the_call(void **state)
{
    fixture *f = *state;
    call c = {.f = f};

    start(f, &c, "PUT", "/sink", 5, 0);
    sc_http_client_write(&c.op, "abcdef", 6);
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_INVALID);
    assert_string_equal(c.op.op.err.text, "http: ContentLength=5 with Body length 6");
    end(&c);
    c = (call){.f = f};
    start(f, &c, "PUT", "/sink", 5, 0);
    sc_http_client_write(&c.op, "abc", 3);
    sc_http_client_write_end(&c.op);
    turn_until(f->pair.loop, &c.is_done);
    assert_string_equal(c.op.op.err.text, "http: ContentLength=5 with Body length 3");
    turn_for(f->pair.loop, 20);
    assert_false(f->is_body_over);
    end(&c);
}

static void slow_reader_holds_the_writer_back(void **state)
{
    fixture *f = *state;
    call c = {.reads_slowly = true};

    f->to_answer = LONG_BODY;
    start(f, &c, "GET", "/pour", 0, 0);
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got, LONG_BODY);
    assert_in_range(f->most_waiting, 1, 12u << 20); /* with what the kernel holds */
    end(&c);
}

static void answer_may_end_before_the_request(void **state)
{
    fixture *f = *state;
    call c = {0};

    start(f, &c, "POST", "/early", SC_HTTP_LEN_UNKNOWN, 10);
    sc_http_client_write(&c.op, "some", 4);
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got, 6);
    sc_http_client_write(&c.op, "more", 4); /* in vain, and harmless */
    sc_http_client_write_end(&c.op);
    end(&c);
    c = (call){0};
    start(f, &c, "POST", "/early", SC_HTTP_LEN_UNKNOWN, 10);
    turn_until(f->pair.loop, &c.is_done); /* the other one is in no one's way */
    assert_int_equal(c.op.op.err.code, SC_OK);
    end(&c);
}

static void cut_answer_is_a_failure_after_its_parts(void **state)
{
    fixture *f = *state;
    call c = {0};

    start(f, &c, "GET", "/cut", 0, 0);
    while (c.got < 4)
        sc_loop_turn(f->pair.loop, true);
    assert_false(c.is_done);
    sc_http_respond_abort(f->held);
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.status, 200);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    end(&c);
}

static void cancelling_inside_an_event_tells_the_server(void **state)
{
    fixture *f = *state;
    call c = {.cancels = true};
    size_t got;

    f->to_answer = LONG_BODY;
    start(f, &c, "GET", "/pour", 0, 0);
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_CANCELLED);
    got = c.got;
    for (int i = 0; i < 2000 && !f->gone; i++)
        turn_for(f->pair.loop, 1);
    assert_int_equal(f->gone, 1);
    assert_int_equal(c.got, got);
    end(&c);
}

static void lost_client_ends_a_body_in_parts(void **state)
{
    fixture *f = *state;
    call c = {0};

    start(f, &c, "POST", "/sink", SC_HTTP_LEN_UNKNOWN, 10);
    sc_http_client_write(&c.op, "some", 4);
    while (f->taken < 4)
        sc_loop_turn(f->pair.loop, true);
    sc_http_client_cancel(f->pair.client, &c.op);
    for (int i = 0; i < 2000 && !f->gone; i++)
        turn_for(f->pair.loop, 1);
    assert_int_equal(f->gone, 1);
    assert_false(f->is_body_over);
    end(&c);
}

/* ---- HTTP/1.1, scripted ---- */

static void peer_that_half_closes_is_reported(void **state)
{
    fixture *f = *state;
    int fd = peer_connect(f->pair.port);
    const char *said = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n";
    char heard[512];
    size_t len;

    peer_say(f->pair.loop, fd, said, strlen(said));
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 2000 && !f->half_closed; i++)
        turn_for(f->pair.loop, 1);
    assert_int_equal(f->half_closed, 1);
    assert_int_equal(f->gone, 0);
    sc_http_respond(f->held, 200, NULL, SC_STR("still here"));
    (void)peer_hear(f->pair.loop, fd, heard, sizeof(heard) - 1, sizeof(heard), &len);
    heard[len] = '\0';
    assert_non_null(strstr(heard, "still here"));
    close(fd);
}

static void body_behind_the_answer_is_read_only_so_far(void **state)
{
    fixture *f = *state;
    int fd = peer_connect(f->pair.port);
    const char *said = "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n";
    char heard[512];
    size_t len, sent = 0;

    peer_say(f->pair.loop, fd, said, strlen(said));
    (void)peer_hear(f->pair.loop, fd, heard, sizeof(heard), strlen("HTTP/1.1 200 OK"), &len);
    assert_memory_equal(heard, "HTTP/1.1 200 OK", 15); /* before the body was sent */
    for (int i = 0; i < 5000 && sc_http_server_connections(f->pair.server) > 0; i++) {
        ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        turn_for(f->pair.loop, 1);
    }
    assert_int_equal(sc_http_server_connections(f->pair.server), 0);
    assert_int_equal(f->taken, 0);
    assert_in_range(sent, 262144, 9999999);
    close(fd);
}

static void client_gets(fixture *f, call *c, const char *method, const char *answer, bool resets)
{
    uint16_t port;
    int listener = peer_listen(&port);
    sc_http_client_settings settings = {.dial = {.host = SC_STR("127.0.0.1"), .port = port}};
    bool is_closed = false;
    char heard[512];
    size_t len;
    int fd;

    sc_http_client_close(f->pair.client, set_true, &is_closed);
    turn_until(f->pair.loop, &is_closed);
    f->pair.client = sc_http_client_open(f->pair.loop, &settings);
    *c = (call){0};
    start(f, c, method, "/", 0, 0);
    fd = peer_accept(f->pair.loop, listener);
    (void)peer_hear(f->pair.loop, fd, heard, sizeof(heard), 20,
                    &len); /* unread, it would be a reset */
    peer_say(f->pair.loop, fd, answer, strlen(answer));
    turn_for(f->pair.loop, 5);
    if (resets) {
        struct linger at_once = {.l_onoff = 1};

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    close(fd);
    turn_until(f->pair.loop, &c->is_done);
    close(listener);
}

static void end_of_an_answer_without_length_is_the_peers_end(void **state)
{
    fixture *f = *state;
    call c;

    client_gets(f, &c, "GET", "HTTP/1.1 200 OK\r\n\r\nto the end", false);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got, 10);
    end(&c);
    client_gets(f, &c, "GET", "HTTP/1.1 200 OK\r\n\r\nto the end", true);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE); /* a reset is no end */
    end(&c);
    client_gets(f, &c, "GET", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ntoo short", false);
    assert_string_equal(c.op.op.err.text, "unexpected EOF");
    end(&c);
    client_gets(f, &c, "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                false);
    assert_string_equal(c.op.op.err.text, "unexpected EOF");
    assert_int_equal(c.got, 3);
    end(&c);
}

static void interim_answers_are_passed_over_and_101_is_refused(void **state)
{
    fixture *f = *state;
    call c;

    client_gets(f, &c, "GET",
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
                "2\r\n\r\nok",
                false);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.status, 200);
    end(&c);
    client_gets(f, &c, "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\n\x01\x02", false);
    assert_string_equal(c.op.op.err.text, "unexpected answer 101 Switching Protocols");
    end(&c);
    client_gets(f, &c, "GET", "garbage\r\nand more\r\n", false);
    assert_string_equal(c.op.op.err.text, "net/http: HTTP/1.x transport connection broken: "
                                          "malformed HTTP response \"garbage\"");
    end(&c);
    client_gets(f, &c, "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", false);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got, 0);
    end(&c);
}

/* The peer refuses and closes while the request is still being written: its words count. */
static void answer_before_a_broken_pipe_is_heard(void **state)
{
    fixture *f = *state;
    uint16_t port;
    int listener = peer_listen(&port);
    sc_http_client_settings settings = {.dial = {.host = SC_STR("127.0.0.1"), .port = port}};
    const char *answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
    bool is_closed = false;
    call c = {.f = f};
    int fd;

    sc_http_client_close(f->pair.client, set_true, &is_closed);
    turn_until(f->pair.loop, &is_closed);
    f->pair.client = sc_http_client_open(f->pair.loop, &settings);
    start(f, &c, "POST", "/", SC_HTTP_LEN_UNKNOWN, LONG_BODY);
    send_more(&c);
    fd = peer_accept(f->pair.loop, listener);
    turn_for(f->pair.loop, 5);
    peer_say(f->pair.loop, fd, answer, strlen(answer));
    close(fd); /* with unread bytes: a reset follows */
    turn_until(f->pair.loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.status, 413);
    end(&c);
    close(listener);
}

#define H1(name) cmocka_unit_test_setup_teardown(name, setup_h1, teardown)
#define H2(name) cmocka_unit_test_setup_teardown(name, setup_h2, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        H1(long_bodies_pass_both_ways_at_once),
        H2(long_bodies_pass_both_ways_at_once),
        H1(known_length_is_announced),
        H2(known_length_is_announced),
        H1(wrong_length_fails_the_call),
        H2(wrong_length_fails_the_call),
        H1(slow_reader_holds_the_writer_back),
        H2(slow_reader_holds_the_writer_back),
        H1(answer_may_end_before_the_request),
        H2(answer_may_end_before_the_request),
        H1(cut_answer_is_a_failure_after_its_parts),
        H2(cut_answer_is_a_failure_after_its_parts),
        H1(cancelling_inside_an_event_tells_the_server),
        H2(cancelling_inside_an_event_tells_the_server),
        H1(lost_client_ends_a_body_in_parts),
        H2(lost_client_ends_a_body_in_parts),
        H1(peer_that_half_closes_is_reported),
        H1(body_behind_the_answer_is_read_only_so_far),
        H1(end_of_an_answer_without_length_is_the_peers_end),
        H1(interim_answers_are_passed_over_and_101_is_refused),
        H1(answer_before_a_broken_pipe_is_heard),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
