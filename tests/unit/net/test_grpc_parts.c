/* SPDX-License-Identifier: MIT
 *
 * gRPC calls with messages one by one, in either direction, client and server against each other.
 */
#include <signal.h>

#include "net_fixture.h"

#include "net/grpc_client.h"
#include "net/grpc_server.h"

#define MESSAGE_LEN (32u * 1024u)
#define MANY        600u

typedef struct fixture {
    sc_loop *loop;
    sc_grpc_server *server;
    sc_grpc_channel *channel;
    uint16_t port;
    sc_grpc_stream *held;
    uint32_t taken;   /* messages that the server got */
    uint32_t to_send; /* of Pour */
    uint32_t sent;
    int cancelled;
    bool is_half_closed;
} fixture;

typedef struct call {
    sc_grpc_call_op op; /* first */
    sc_arena mem;
    fixture *f;
    uint32_t to_send;
    uint32_t got;
    sc_str last; /* in mem */
    bool has_headers;
    bool reads_slowly;
    bool cancels;
    bool is_done;
    sc_timer again;
} call;

static fixture *fx;
static char block[MESSAGE_LEN];

/* ---- the server ---- */

static void on_cancelled(sc_grpc_stream *stream)
{
    fx->cancelled++;
    if (fx->held == stream)
        fx->held = NULL;
}

static void echo_message(sc_grpc_stream *stream, sc_str message)
{
    fx->taken++;
    sc_grpc_send(stream, message);
    if (sc_grpc_is_congested(stream))
        sc_grpc_pause(stream);
}

static void echo_half_close(sc_grpc_stream *stream)
{
    sc_grpc_set_trailer(stream, SC_STR("x-end"), SC_STR("yes"));
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void pour(sc_grpc_stream *stream)
{
    while (fx->to_send && !sc_grpc_is_congested(stream)) {
        sc_grpc_send(stream, sc_str_of(block, MESSAGE_LEN));
        fx->to_send--;
        fx->sent++;
    }
    if (!fx->to_send)
        sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void pour_open(sc_grpc_stream *stream)
{
    pour(stream);
}

static void hold_open(sc_grpc_stream *stream)
{
    fx->held = stream;
    sc_grpc_set_header(stream, SC_STR("x-first"), SC_STR("1"));
    sc_grpc_send_headers(stream);
}

static void hold_message(sc_grpc_stream *stream, sc_str message)
{
    (void)stream;
    (void)message;
    fx->taken++;
}

static void hold_half_close(sc_grpc_stream *stream)
{
    (void)stream;
    fx->is_half_closed = true;
}

static const sc_grpc_handler echo = {.on_message = echo_message,
                                     .on_half_close = echo_half_close,
                                     .on_drained = sc_grpc_resume,
                                     .on_cancelled = on_cancelled};
static const sc_grpc_handler pouring = {.on_open = pour_open,
                                        .on_message = hold_message,
                                        .on_drained = pour,
                                        .on_cancelled = on_cancelled};
static const sc_grpc_handler holding = {.on_open = hold_open,
                                        .on_message = hold_message,
                                        .on_half_close = hold_half_close,
                                        .on_cancelled = on_cancelled};

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    (void)self;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Echo")))
        return &echo;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Pour")))
        return &pouring;
    return sc_str_eq(stream->path, SC_STR("/t.T/Hold")) ? &holding : NULL;
}

static int setup(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_grpc_service service = {.find = find};
    sc_grpc_channel_settings settings = {.dial = {.host = SC_STR("127.0.0.1")}};
    sc_error err;

    fx = sc_new(fixture);
    fx->loop = sc_loop_new();
    assert_int_equal(sc_grpc_server_open(fx->loop, &at, NULL, &service, fx, &fx->server, &err),
                     SC_OK);
    fx->port = settings.dial.port = sc_listener_port(sc_grpc_server_listener(fx->server));
    fx->channel = sc_grpc_channel_open(fx->loop, &settings);
    *state = fx;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bool is_closed = false;

    sc_grpc_channel_close(f->channel, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    is_closed = false;
    sc_grpc_server_close(f->server, 1000, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    turn_for(f->loop, 20);
    assert_int_equal(sc_loop_close(&f->loop), 0);
    free(f);
    return 0;
}

/* ---- the client ---- */

static void send_more(call *c)
{
    sc_str message = sc_str_of(block, MESSAGE_LEN);

    while (c->to_send && !sc_grpc_call_is_congested(&c->op)) {
        sc_grpc_call_write(&c->op, &message, 1);
        c->to_send--;
    }
    if (!c->to_send)
        sc_grpc_call_half_close(&c->op);
}

static void on_headers(sc_grpc_call_op *op)
{
    ((call *)op)->has_headers = true;
}

static void on_message(sc_grpc_call_op *op, sc_str message)
{
    call *c = (call *)op;

    assert_true(c->has_headers);
    assert_false(c->is_done);
    c->got++;
    if (message.len < MESSAGE_LEN)
        c->last = sc_arena_str(&c->mem, message);
    if (c->cancels) {
        sc_grpc_channel_cancel(c->f->channel, op);
    } else if (c->reads_slowly && c->got % 8 == 0) {
        sc_grpc_call_pause(op);
        sc_timer_start(&c->again, 1);
    }
}

static void on_again(sc_timer *timer)
{
    sc_grpc_call_resume(&SC_CONTAINER_OF(timer, call, again)->op);
}

static void on_call_drained(sc_grpc_call_op *op)
{
    send_more((call *)op);
}

static const sc_grpc_call_events events = {
    .on_headers = on_headers, .on_message = on_message, .on_drained = on_call_drained};

static void on_done(sc_op *op)
{
    call *c = (call *)op;

    sc_timer_stop(&c->again);
    c->is_done = true;
}

static void start(fixture *f, call *c, const char *path, uint32_t to_send)
{
    sc_arena_init(&c->mem, NULL);
    sc_op_init(&c->op.op, sc_loop_ops(f->loop), &c->mem, on_done);
    sc_timer_init(&c->again, f->loop, on_again);
    c->f = f;
    c->to_send = to_send;
    c->op.path = sc_str_from(path);
    c->op.events = &events;
    c->op.is_request_open = true;
    sc_grpc_channel_send(f->channel, &c->op);
}

static void end(call *c)
{
    sc_arena_deinit(&c->mem);
}

/* ---- tests ---- */

static void messages_pass_both_ways_at_once(void **state)
{
    fixture *f = *state;
    call c = {.reads_slowly = true};

    start(f, &c, "/t.T/Echo", MANY);
    send_more(&c);
    assert_true(c.to_send > 0);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(f->taken, MANY);
    assert_int_equal(c.got, MANY);
    assert_non_null(sc_pairs_get(&c.op.trailers, SC_STR("x-end")));
    assert_int_equal(c.op.answer.len, 0);
    end(&c);
}

static void request_of_no_message_is_one(void **state)
{
    fixture *f = *state;
    call c = {0};

    start(f, &c, "/t.T/Echo", 0);
    sc_grpc_call_half_close(&c.op);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(f->taken, 0);
    end(&c);
}

static void headers_come_before_the_first_message(void **state)
{
    fixture *f = *state;
    call c = {0};
    sc_str parts[2] = {SC_STR("first "), SC_STR("message")};

    sc_arena_init(&c.mem, NULL);
    c.op.request_parts = parts;
    c.op.request_part_count = 2;
    start(f, &c, "/t.T/Hold", 0);
    turn_until(f->loop, &c.has_headers);
    assert_non_null(sc_pairs_get(&c.op.headers, SC_STR("x-first")));
    while (f->taken < 1)
        sc_loop_turn(f->loop, true);
    assert_false(f->is_half_closed);
    sc_grpc_send(f->held, SC_STR("answer"));
    while (c.got < 1)
        sc_loop_turn(f->loop, true);
    assert_true(sc_str_eq(c.last, SC_STR("answer")));
    sc_grpc_finish(f->held, SC_ABORTED, SC_STR("enough"), SC_STR_NONE); /* the request is open */
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_ABORTED);
    assert_string_equal(c.op.op.err.text, "enough");
    sc_grpc_call_write(&c.op, parts, 2); /* in vain, and harmless */
    end(&c);
}

static void slow_reader_holds_the_server_back(void **state)
{
    fixture *f = *state;
    call c = {0};

    f->to_send = MANY;
    start(f, &c, "/t.T/Pour", 0);
    sc_grpc_call_half_close(&c.op);
    while (c.got < 1)
        sc_loop_turn(f->loop, true);
    sc_grpc_call_pause(&c.op);
    turn_for(f->loop, 100);
    assert_in_range(f->sent, 1, MANY / 2); /* 19 MB in all; a window is 1 MiB */
    assert_true(c.got <= f->sent);
    sc_grpc_call_resume(&c.op);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.got, MANY);
    end(&c);
}

/* Paused to the end: what came is handed on before the status is. */
static void pause_outlasts_the_connection(void **state)
{
    fixture *f = *state;
    call c = {0};
    bool is_closed = false;

    start(f, &c, "/t.T/Hold", 0);
    turn_until(f->loop, &c.has_headers);
    sc_grpc_call_pause(&c.op);
    sc_grpc_call_half_close(&c.op);
    turn_until(f->loop, &f->is_half_closed);
    sc_grpc_send(f->held, SC_STR("kept"));
    sc_grpc_finish(f->held, SC_OK, SC_STR_NONE, SC_STR_NONE);
    turn_for(f->loop, 20);
    sc_grpc_server_close(f->server, 0, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    assert_int_equal(c.got, 0);
    assert_false(c.is_done);
    sc_grpc_call_resume(&c.op);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_true(sc_str_eq(c.last, SC_STR("kept")));
    end(&c);
    {
        sc_listen at = {.host = SC_STR("127.0.0.1")};
        sc_grpc_service service = {.find = find};
        sc_error err;

        assert_int_equal(sc_grpc_server_open(f->loop, &at, NULL, &service, f, &f->server, &err),
                         SC_OK);
    }
}

static void cancelling_inside_a_message_tells_the_server(void **state)
{
    fixture *f = *state;
    call c = {.cancels = true};

    f->to_send = MANY;
    start(f, &c, "/t.T/Pour", 0);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_CANCELLED);
    for (int i = 0; i < 2000 && !f->cancelled; i++)
        turn_for(f->loop, 1);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(c.got, 1);
    end(&c);
}

static void deadline_ends_an_open_call_on_both_sides(void **state)
{
    fixture *f = *state;
    call c = {0};

    c.op.timeout_ms = 50;
    start(f, &c, "/t.T/Hold", 0);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_DEADLINE);
    for (int i = 0; i < 2000 && !f->cancelled; i++)
        turn_for(f->loop, 1);
    assert_int_equal(f->cancelled, 1);
    end(&c);
}

/* Streams that nobody reads must not stop the others on their connection. */
static void paused_streams_leave_the_connection_to_the_others(void **state)
{
    fixture *f = *state;
    call paused[16] = {0};
    call c = {0};

    for (int i = 0; i < 16; i++) {
        f->to_send = MANY;
        start(f, &paused[i], "/t.T/Pour", 0);
        while (paused[i].got < 1)
            sc_loop_turn(f->loop, true);
        sc_grpc_call_pause(&paused[i].op);
    }
    turn_for(f->loop, 100);
    start(f, &c, "/t.T/Echo", 10);
    send_more(&c);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.got, 10);
    for (int i = 0; i < 16; i++) {
        sc_grpc_channel_cancel(f->channel, &paused[i].op);
        turn_until(f->loop, &paused[i].is_done);
        end(&paused[i]);
    }
    end(&c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(messages_pass_both_ways_at_once),
        T(request_of_no_message_is_one),
        T(headers_come_before_the_first_message),
        T(slow_reader_holds_the_server_back),
        T(pause_outlasts_the_connection),
        T(cancelling_inside_a_message_tells_the_server),
        T(deadline_ends_an_open_call_on_both_sides),
        T(paused_streams_leave_the_connection_to_the_others),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
