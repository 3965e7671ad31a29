/* SPDX-License-Identifier: MIT
 *
 * The HTTP server and client over HTTP/2 with prior knowledge, against each other on loopback.
 */
#include "net_fixture.h"

#include "net/http_client.h"
#include "net/http_server.h"

typedef struct fixture {
    sc_loop *loop;
    sc_http_server *server;
    sc_http_client *client;
    int finished;
    int last_status;
    int gone;
    bool is_http2;
    sc_http_exchange *held;
    size_t streamed; /* body bytes that came in parts */
    size_t to_write; /* of a long streamed answer */
    bool has_drained;
} fixture;

static fixture *fx;

/* ---- the server's handlers ---- */

static void on_gone(sc_http_exchange *ex)
{
    fx->gone++;
    if (fx->held == ex)
        fx->held = NULL;
}

static void on_part(sc_http_exchange *ex, const char *at, size_t len)
{
    (void)at;
    fx->streamed += len;
    if (fx->streamed == len)
        sc_http_body_pause(ex); /* after the first part */
}

static void on_parts_end(sc_http_exchange *ex)
{
    sc_http_respond(ex, 200, NULL, SC_STR("took it"));
}

static const sc_http_body_ops parts = {.on_data = on_part, .on_end = on_parts_end};

static void on_head(void *self, sc_http_exchange *ex)
{
    (void)self;
    fx->is_http2 = ex->req.is_http2;
    ex->on_gone = on_gone;
    if (sc_str_eq(ex->req.path, SC_STR("/parts"))) {
        ex->body_ops = &parts;
        fx->held = ex;
    }
}

/* Writes while the peer takes it. */
static void write_more(sc_http_exchange *ex)
{
    static char block[64 * 1024];

    while (fx->to_write && !sc_http_respond_is_congested(ex)) {
        size_t len = fx->to_write < sizeof(block) ? fx->to_write : sizeof(block);

        sc_http_respond_write(ex, block, len);
        fx->to_write -= len;
    }
    if (!fx->to_write)
        sc_http_respond_end(ex);
}

static void on_drained(sc_http_exchange *ex)
{
    fx->has_drained = true;
    write_more(ex);
}

static void on_request(void *self, sc_http_exchange *ex)
{
    sc_pairs headers = {0};

    (void)self;
    if (sc_str_eq(ex->req.path, SC_STR("/hold"))) {
        fx->held = ex;
    } else if (sc_str_eq(ex->req.path, SC_STR("/long"))) {
        ex->on_drained = on_drained;
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
        write_more(ex);
    } else if (sc_str_eq(ex->req.path, SC_STR("/cut"))) {
        sc_http_respond_start(ex, 200, NULL, SC_HTTP_LEN_UNKNOWN);
        sc_http_respond_write(ex, "half", 4);
        sc_http_respond_abort(ex);
    } else if (sc_str_eq(ex->req.path, SC_STR("/none"))) {
        sc_http_respond(ex, 204, NULL, SC_STR_NONE);
    } else {
        sc_pairs_add(&headers, &ex->call->mem, SC_STR("X-Method"), ex->req.method);
        sc_pairs_add(&headers, &ex->call->mem, SC_STR("X-Query"), ex->req.query);
        sc_pairs_add(&headers, &ex->call->mem, SC_STR("X-Host"),
                     *sc_pairs_get(&ex->req.headers, SC_STR("host")));
        sc_http_respond(ex, 200, &headers, ex->req.body);
    }
}

static void on_finished(void *self, sc_http_exchange *ex)
{
    fixture *f = self;

    f->finished++;
    f->last_status = ex->status;
}

/* ---- fixture ---- */

static int setup(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_http_handler handler = {
        .on_head = on_head, .on_request = on_request, .on_finished = on_finished};
    sc_http_limits limits = sc_http_default_limits();
    sc_http_client_settings settings = {.dial = {.host = SC_STR("127.0.0.1")},
                                        .authority = SC_STR("example"),
                                        .version = SC_HTTP_2};
    sc_error err;

    fx = sc_new(fixture);
    fx->loop = sc_loop_new();
    limits.max_body_len = 3u << 20;
    assert_int_equal(sc_http_server_open(fx->loop, &at, &limits, &handler, fx, &fx->server, &err),
                     SC_OK);
    settings.dial.port = sc_listener_port(sc_http_server_listener(fx->server));
    fx->client = sc_http_client_open(fx->loop, &settings);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bool is_closed = false;

    if (f->client) {
        sc_http_client_close(f->client, set_true, &is_closed);
        turn_until(f->loop, &is_closed);
    }
    is_closed = false;
    if (f->server) {
        sc_http_server_close(f->server, 1000, set_true, &is_closed);
        turn_until(f->loop, &is_closed);
    }
    assert_int_equal(sc_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

typedef struct call {
    sc_http_call_op op; /* first */
    sc_arena mem;
    sc_str part;
    bool is_done;
} call;

static void on_done(sc_op *op)
{
    ((call *)op)->is_done = true;
}

static void start(fixture *f, call *c, sc_str method, sc_str target, sc_str body)
{
    *c = (call){.part = body};
    sc_arena_init(&c->mem, NULL);
    sc_op_init(&c->op.op, sc_loop_ops(f->loop), &c->mem, on_done);
    c->op.method = method;
    c->op.target = target;
    c->op.body_parts = body.len ? &c->part : NULL;
    c->op.body_part_count = body.len ? 1 : 0;
    sc_http_client_send(f->client, &c->op);
}

static void run(fixture *f, call *c, sc_str method, sc_str target, sc_str body)
{
    start(f, c, method, target, body);
    turn_until(f->loop, &c->is_done);
}

static void end(call *c)
{
    sc_arena_deinit(&c->mem);
}

static void assert_header(const call *c, const char *name, const char *value)
{
    const sc_str *got = sc_pairs_get(&c->op.answer_headers, sc_str_from(name));

    assert_non_null(got);
    assert_true(sc_str_eq(*got, sc_str_from(value)));
}

/* ---- tests ---- */

static void request_and_answer_look_as_with_http1(void **state)
{
    fixture *f = *state;
    call c;

    run(f, &c, SC_STR("POST"), SC_STR("/echo?a=1"), SC_STR("hello"));
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.status, 200);
    assert_true(sc_str_eq(c.op.answer_body, SC_STR("hello")));
    assert_header(&c, "x-method", "POST");
    assert_header(&c, "x-query", "a=1");
    assert_header(&c, "x-host", "example");
    assert_header(&c, "content-length", "5");
    assert_non_null(sc_pairs_get(&c.op.answer_headers, SC_STR("date")));
    assert_true(f->is_http2);
    turn_for(f->loop, 10);
    assert_int_equal(f->finished, 1);
    assert_int_equal(f->last_status, 200);
    end(&c);
}

static void head_and_204_have_no_body(void **state)
{
    fixture *f = *state;
    call c;

    run(f, &c, SC_STR("HEAD"), SC_STR("/echo"), SC_STR_NONE);
    assert_int_equal(c.op.status, 200);
    assert_int_equal(c.op.answer_body.len, 0);
    end(&c);
    run(f, &c, SC_STR("GET"), SC_STR("/none"), SC_STR_NONE);
    assert_int_equal(c.op.status, 204);
    assert_null(sc_pairs_get(&c.op.answer_headers, SC_STR("content-length")));
    end(&c);
}

static void large_bodies_pass_and_too_large_ones_get_413(void **state)
{
    fixture *f = *state;
    size_t len = 3u << 20;
    char *body = calloc(1, len + 1);
    call c;

    run(f, &c, SC_STR("POST"), SC_STR("/echo"), (sc_str){body, len});
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.answer_body.len, len);
    end(&c);
    run(f, &c, SC_STR("POST"), SC_STR("/echo"), (sc_str){body, len + 1});
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.status, 413);
    end(&c);
    free(body);
}

static void long_streamed_answer_stops_for_the_peer_and_goes_on(void **state)
{
    fixture *f = *state;
    call c;

    f->to_write = 3u << 20;
    run(f, &c, SC_STR("GET"), SC_STR("/long"), SC_STR_NONE);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.answer_body.len, 3u << 20);
    assert_true(f->has_drained);
    end(&c);
}

static void too_long_answer_is_exhausted(void **state)
{
    fixture *f = *state;
    call c;

    f->to_write = 20u << 20; /* the handler is still writing when the client has enough */
    run(f, &c, SC_STR("GET"), SC_STR("/long"), SC_STR_NONE);
    assert_int_equal(c.op.op.err.code, SC_EXHAUSTED);
    turn_for(f->loop, 20);
    assert_int_equal(f->gone, 1);
    end(&c);
}

static void body_in_parts_waits_while_paused(void **state)
{
    fixture *f = *state;
    size_t len = 2500000;
    char *body = calloc(1, len);
    call c;

    start(f, &c, SC_STR("POST"), SC_STR("/parts"), (sc_str){body, len});
    while (!f->streamed)
        sc_loop_turn(f->loop, true);
    turn_for(f->loop, 50);
    assert_in_range(f->streamed, 1, 2u << 20);
    assert_false(c.is_done);
    sc_http_body_resume(f->held);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.status, 200);
    assert_int_equal(f->streamed, len);
    end(&c);
    free(body);
}

static void cut_answer_is_a_failure(void **state)
{
    fixture *f = *state;
    call c;

    run(f, &c, SC_STR("GET"), SC_STR("/cut"), SC_STR_NONE);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    end(&c);
    run(f, &c, SC_STR("GET"), SC_STR("/echo"), SC_STR_NONE);
    assert_int_equal(c.op.op.err.code, SC_OK);
    end(&c);
}

static void timeout_and_cancel_reset_the_stream(void **state)
{
    fixture *f = *state;
    call c;

    start(f, &c, SC_STR("GET"), SC_STR("/hold"), SC_STR_NONE);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    sc_http_client_cancel(f->client, &c.op);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_CANCELLED);
    turn_for(f->loop, 20);
    assert_int_equal(f->gone, 1);
    assert_int_equal(f->last_status, 0);
    end(&c);
}

static void hundreds_of_requests_share_one_connection(void **state)
{
    fixture *f = *state;
    call *calls = calloc(500, sizeof(*calls));

    for (int i = 0; i < 500; i++)
        start(f, &calls[i], SC_STR("POST"), SC_STR("/echo"), SC_STR("many"));
    for (int i = 0; i < 500; i++) {
        turn_until(f->loop, &calls[i].is_done);
        assert_int_equal(calls[i].op.status, 200);
    }
    assert_int_equal(sc_http_server_connections(f->server), 1);
    for (int i = 0; i < 500; i++)
        end(&calls[i]);
    free(calls);
}

static void closing_server_answers_what_is_under_way(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c;

    start(f, &c, SC_STR("GET"), SC_STR("/hold"), SC_STR_NONE);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    sc_http_server_close(f->server, 5000, set_true, &is_closed);
    f->server = NULL;
    turn_for(f->loop, 20);
    assert_false(is_closed);
    sc_http_respond(f->held, 200, NULL, SC_STR("late"));
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.status, 200);
    turn_until(f->loop, &is_closed);
    end(&c);
}

static void linger_cuts_what_is_not_answered(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c;

    start(f, &c, SC_STR("GET"), SC_STR("/hold"), SC_STR_NONE);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    sc_http_server_close(f->server, 20, set_true, &is_closed);
    f->server = NULL;
    turn_until(f->loop, &is_closed);
    assert_int_equal(f->gone, 1);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    end(&c);
}

static void nobody_listening_is_unavailable(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c;

    sc_http_server_close(f->server, 20, set_true, &is_closed);
    f->server = NULL;
    turn_until(f->loop, &is_closed);
    run(f, &c, SC_STR("GET"), SC_STR("/echo"), SC_STR_NONE);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_non_null(strstr(c.op.op.err.text, "connect: connection refused"));
    end(&c);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(request_and_answer_look_as_with_http1),
        T(head_and_204_have_no_body),
        T(large_bodies_pass_and_too_large_ones_get_413),
        T(long_streamed_answer_stops_for_the_peer_and_goes_on),
        T(too_long_answer_is_exhausted),
        T(body_in_parts_waits_while_paused),
        T(cut_answer_is_a_failure),
        T(timeout_and_cancel_reset_the_stream),
        T(hundreds_of_requests_share_one_connection),
        T(closing_server_answers_what_is_under_way),
        T(linger_cuts_what_is_not_answered),
        T(nobody_listening_is_unavailable),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
