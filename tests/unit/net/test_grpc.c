/* SPDX-License-Identifier: MIT
 *
 * The gRPC server and client against each other over loopback.
 */
#include "net_fixture.h"

#include "support/tls_fixture.h"

#include "net/grpc_client.h"
#include "net/grpc_server.h"

typedef struct fixture {
    sc_loop *loop;
    sc_grpc_server *server;
    sc_grpc_channel *channel;
    uint16_t port;
    sc_tls_context *server_tls; /* NULL: plain */
    sc_tls_context *client_tls;
    /* what the server saw */
    int opened;
    int cancelled;
    int finished;
    int half_closed;
    sc_code last_status;
    size_t message_bytes;
    int messages;
    sc_str metadata_value;
    sc_grpc_stream *held; /* of the Never and Stream methods */
    bool is_drained;
} fixture;

static fixture *fx; /* handlers find the test here */

/* ---- handlers ---- */

static void echo_message(sc_grpc_stream *stream, sc_str message)
{
    const sc_str *key = sc_pairs_get(&stream->metadata, SC_STR("x-key"));
    const sc_str *bin = sc_pairs_get(&stream->metadata, SC_STR("x-raw-bin"));

    fx->messages++;
    if (key)
        sc_grpc_set_header(stream, SC_STR("x-echo"), *key);
    if (bin)
        sc_grpc_set_trailer(stream, SC_STR("x-raw-bin"), *bin);
    sc_grpc_send(stream, message);
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void fail_message(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_finish(stream, SC_NOT_FOUND, message, SC_STR("\x08\x05 details"));
}

static void hold_message(sc_grpc_stream *stream, sc_str message)
{
    (void)message;
    fx->messages++;
    fx->held = stream;
}

static void on_open(sc_grpc_stream *stream)
{
    (void)stream;
    fx->opened++;
}

static void on_cancelled(sc_grpc_stream *stream)
{
    fx->cancelled++;
    if (fx->held == stream)
        fx->held = NULL;
}

static void big_message(sc_grpc_stream *stream, sc_str message)
{
    uint64_t len = 0;

    assert_true(sc_str_to_u64(message, &len));
    memset(sc_grpc_send_room(stream, (size_t)len), 'b', (size_t)len);
    sc_grpc_send_commit(stream, (size_t)len);
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void none_message(sc_grpc_stream *stream, sc_str message)
{
    (void)message;
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static const sc_grpc_handler echo = {.on_message = echo_message, .is_unary_request = true};
static const sc_grpc_handler failing = {.on_message = fail_message, .is_unary_request = true};
static const sc_grpc_handler big = {.on_message = big_message, .is_unary_request = true};
static const sc_grpc_handler none = {.on_message = none_message, .is_unary_request = true};
static const sc_grpc_handler never = {.on_open = on_open,
                                      .on_message = hold_message,
                                      .on_cancelled = on_cancelled,
                                      .is_unary_request = true};

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    (void)self;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Echo")))
        return &echo;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Fail")))
        return &failing;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Big")))
        return &big;
    if (sc_str_eq(stream->path, SC_STR("/t.T/None")))
        return &none;
    if (sc_str_eq(stream->path, SC_STR("/t.T/Never")))
        return &never;
    return NULL;
}

static bool has_service(void *self, sc_str service)
{
    (void)self;
    return sc_str_eq(service, SC_STR("t.T"));
}

static void on_finished(void *self, sc_grpc_stream *stream)
{
    fixture *f = self;

    f->finished++;
    f->last_status = stream->status;
}

/* ---- fixture ---- */

static void open_server(fixture *f, const sc_grpc_limits *limits)
{
    sc_listen at = {.host = SC_STR("127.0.0.1"), .port = f->port, .tls = f->server_tls};
    sc_grpc_service service = {
        .find = find, .has_service = has_service, .on_finished = on_finished};
    sc_error err;

    assert_int_equal(sc_grpc_server_open(f->loop, &at, limits, &service, f, &f->server, &err),
                     SC_OK);
    f->port = sc_listener_port(sc_grpc_server_listener(f->server));
}

static void open_channel(fixture *f)
{
    sc_grpc_channel_settings settings = {
        .dial = {.host = SC_STR("127.0.0.1"), .port = f->port, .tls = f->client_tls}};

    f->channel = sc_grpc_channel_open(f->loop, &settings);
}

static int setup_loop(void **state)
{
    fx = sc_new(fixture);
    fx->loop = sc_loop_new();
    *state = fx;
    return 0;
}

static const sc_grpc_limits limits = {.max_send_len = 8 << 20};

static int setup(void **state)
{
    setup_loop(state);
    open_server(fx, &limits);
    open_channel(fx);
    return 0;
}

/* The same over TLS: the server demands a certificate, the client verifies the server's. */
static int setup_tls(void **state)
{
    sc_str ca = tls_pem("ca.pem");
    sc_tls_settings server = {.is_server = true,
                              .wants_peer_cert = true,
                              .ca_pem = ca,
                              .cert_pem = tls_pem("server.pem"),
                              .key_pem = tls_pem("server.key"),
                              .alpn = SC_STR("h2")};
    sc_tls_settings client = {.ca_pem = ca,
                              .cert_pem = tls_pem("client.pem"),
                              .key_pem = tls_pem("client.key"),
                              .alpn = SC_STR("h2")};

    setup_loop(state);
    fx->server_tls = tls_context(&server);
    fx->client_tls = tls_context(&client);
    open_server(fx, &limits);
    open_channel(fx);
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    bool is_closed = false;

    if (f->channel) {
        sc_grpc_channel_close(f->channel, set_true, &is_closed);
        turn_until(f->loop, &is_closed);
    }
    is_closed = false;
    if (f->server) {
        sc_grpc_server_close(f->server, 1000, set_true, &is_closed);
        turn_until(f->loop, &is_closed);
    }
    sc_tls_context_unref(f->server_tls);
    sc_tls_context_unref(f->client_tls);
    assert_int_equal(sc_loop_close(&f->loop), 0);
    free(f);
    fx = NULL;
    return 0;
}

typedef struct call {
    sc_grpc_call_op op; /* first */
    sc_arena mem;
    sc_str part;
    sc_pairs metadata;
    bool is_done;
    int *left; /* may be NULL */
} call;

static void on_call_done(sc_op *op)
{
    call *c = (call *)op;

    c->is_done = true;
    if (c->left)
        --*c->left;
}

static void start(fixture *f, call *c, sc_str path, sc_str request, uint64_t timeout_ms)
{
    *c = (call){.metadata = c->metadata, .mem = c->mem, .left = c->left};
    if (!c->mem.pool)
        sc_arena_init(&c->mem, sc_loop_arenas(f->loop));
    c->part = request;
    sc_op_init(&c->op.op, sc_loop_ops(f->loop), &c->mem, on_call_done);
    c->op.path = path;
    c->op.request_parts = &c->part;
    c->op.request_part_count = 1;
    c->op.timeout_ms = timeout_ms;
    c->op.metadata = &c->metadata;
    sc_grpc_channel_send(f->channel, &c->op);
}

static void end(call *c)
{
    sc_arena_deinit(&c->mem);
}

static void run(fixture *f, call *c, sc_str path, sc_str request)
{
    start(f, c, path, request, 10000);
    turn_until(f->loop, &c->is_done);
}

#define assert_str(s, literal)                                                                     \
    do {                                                                                           \
        sc_str got_ = (s);                                                                         \
        if (!sc_str_eq(got_, SC_STR(literal)))                                                     \
            fail_msg("'%.*s' is not '%s'", SC_FMT(got_), literal);                                 \
    } while (0)

/* ---- tests ---- */

static void unary_call_brings_message_and_metadata_back(void **state)
{
    fixture *f = *state;
    call c = {0};

    sc_arena_init(&c.mem, sc_loop_arenas(f->loop));
    sc_pairs_add(&c.metadata, &c.mem, SC_STR("x-key"), SC_STR("value 1"));
    sc_pairs_add(&c.metadata, &c.mem, SC_STR("x-raw-bin"), SC_STR("\x01\x02\xff"));
    run(f, &c, SC_STR("/t.T/Echo"), SC_STR("hello"));
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_str(c.op.answer, "hello");
    assert_str(*sc_pairs_get(&c.op.headers, SC_STR("x-echo")), "value 1");
    assert_str(*sc_pairs_get(&c.op.trailers, SC_STR("x-raw-bin")), "\x01\x02\xff");
    assert_null(sc_pairs_get(&c.op.trailers, SC_STR("grpc-status")));
    assert_int_equal(f->last_status, SC_OK);
    end(&c);
}

static void empty_message_is_a_message(void **state)
{
    fixture *f = *state;
    call c = {0};

    run(f, &c, SC_STR("/t.T/Echo"), SC_STR(""));
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.answer.len, 0);
    end(&c);
}

static void status_text_and_details_arrive(void **state)
{
    fixture *f = *state;
    call c = {0};

    run(f, &c, SC_STR("/t.T/Fail"), SC_STR("no \xc3\xa4pfel, 100%\n"));
    assert_int_equal(c.op.op.err.code, SC_NOT_FOUND);
    assert_string_equal(c.op.op.err.text, "no \xc3\xa4pfel, 100%\n");
    assert_str(*sc_pairs_get(&c.op.trailers, SC_STR("grpc-status-details-bin")),
               "\x08\x05 details");
    assert_false(c.op.is_unreached);
    end(&c);
}

static void unknown_names_are_unimplemented(void **state)
{
    fixture *f = *state;
    call c = {0};

    run(f, &c, SC_STR("/x.X/Y"), SC_STR(""));
    assert_int_equal(c.op.op.err.code, SC_UNIMPLEMENTED);
    assert_string_equal(c.op.op.err.text, "unknown service x.X");
    run(f, &c, SC_STR("/t.T/Y"), SC_STR(""));
    assert_string_equal(c.op.op.err.text, "unknown method Y for service t.T");
    run(f, &c, SC_STR("/nomethod"), SC_STR(""));
    assert_string_equal(c.op.op.err.text, "malformed method name: \"/nomethod\"");
    end(&c);
}

static void answer_without_message_is_refused_by_client(void **state)
{
    fixture *f = *state;
    call c = {0};

    run(f, &c, SC_STR("/t.T/None"), SC_STR(""));
    assert_int_equal(c.op.op.err.code, SC_INTERNAL);
    end(&c);
}

static void message_of_4_mib_passes_both_ways_and_more_is_exhausted(void **state)
{
    fixture *f = *state;
    size_t len = 4u << 20;
    char *text = malloc(len + 1);
    call c = {0};

    memset(text, 'x', len + 1);
    run(f, &c, SC_STR("/t.T/Echo"), (sc_str){text, len});
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_int_equal(c.op.answer.len, len);
    assert_memory_equal(c.op.answer.at, text, len);
    run(f, &c, SC_STR("/t.T/Echo"), (sc_str){text, len + 1});
    assert_int_equal(c.op.op.err.code, SC_EXHAUSTED);
    assert_string_equal(c.op.op.err.text,
                        "grpc: received message larger than max (4194305 vs. 4194304)");
    run(f, &c, SC_STR("/t.T/Big"), SC_STR("4194305"));
    assert_int_equal(c.op.op.err.code, SC_EXHAUSTED);
    assert_string_equal(c.op.op.err.text,
                        "grpc: received message larger than max (4194305 vs. 4194304)");
    run(f, &c, SC_STR("/t.T/Big"), SC_STR("9000000"));
    assert_int_equal(c.op.op.err.code, SC_EXHAUSTED);
    assert_string_equal(c.op.op.err.text,
                        "grpc: trying to send message larger than max (9000000 vs. 8388608)");
    run(f, &c, SC_STR("/t.T/Echo"), SC_STR("still works"));
    assert_int_equal(c.op.op.err.code, SC_OK);
    end(&c);
    free(text);
}

static void thousand_calls_at_once_all_get_answers(void **state)
{
    fixture *f = *state;
    int left = 1500; /* past the server's limit of 1,000 streams: some wait */
    call *calls = calloc((size_t)left, sizeof(*calls));
    bool is_done = false;
    int count = left;

    for (int i = 0; i < count; i++) {
        calls[i].left = &left;
        start(f, &calls[i], SC_STR("/t.T/Echo"), SC_STR("many"), 10000);
    }
    for (int i = 0; i < 100000 && left; i++)
        sc_loop_turn(f->loop, true);
    is_done = left == 0;
    assert_true(is_done);
    for (int i = 0; i < count; i++) {
        assert_int_equal(calls[i].op.op.err.code, SC_OK);
        assert_str(calls[i].op.answer, "many");
        end(&calls[i]);
    }
    assert_int_equal(f->messages, count);
    free(calls);
}

static void deadline_ends_call_on_both_sides(void **state)
{
    fixture *f = *state;
    call c = {0};

    start(f, &c, SC_STR("/t.T/Never"), SC_STR(""), 300); /* longer than a handshake under load */
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_DEADLINE);
    while (f->cancelled == 0)
        turn_for(f->loop, 10);
    assert_int_equal(f->opened, 1);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(f->finished, 1);
    end(&c);
}

static void cancel_reaches_the_handler(void **state)
{
    fixture *f = *state;
    call c = {0};

    start(f, &c, SC_STR("/t.T/Never"), SC_STR(""), 0);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    sc_grpc_channel_cancel(f->channel, &c.op);
    assert_false(c.is_done);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_CANCELLED);
    turn_for(f->loop, 20);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(f->last_status, SC_CANCELLED);
    end(&c);
}

static void refused_connection_fails_at_once_as_unreached(void **state)
{
    fixture *f = *state;
    uint16_t port;
    int listener = peer_listen(&port);
    char expected[160];
    call c = {0};

    close(listener);
    f->port = port;
    open_channel(f);
    snprintf(expected, sizeof(expected),
             "connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:%u: "
             "connect: connection refused\"",
             port);
    run(f, &c, SC_STR("/t.T/Echo"), SC_STR(""));
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_string_equal(c.op.op.err.text, expected);
    assert_true(c.op.is_unreached);
    run(f, &c, SC_STR("/t.T/Echo"), SC_STR("")); /* within the backoff: the same story */
    assert_string_equal(c.op.op.err.text, expected);
    end(&c);
}

static void channel_comes_back_after_server_restart(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c = {0};

    run(f, &c, SC_STR("/t.T/Echo"), SC_STR("1"));
    sc_grpc_server_close(f->server, 1000, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    open_server(f, NULL);
    run(f, &c, SC_STR("/t.T/Echo"), SC_STR("2"));
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_str(c.op.answer, "2");
    end(&c);
}

static void graceful_close_lets_calls_finish(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c = {0};

    start(f, &c, SC_STR("/t.T/Never"), SC_STR("x"), 0);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    sc_grpc_server_close(f->server, 5000, set_true, &is_closed);
    f->server = NULL;
    turn_for(f->loop, 30);
    assert_false(is_closed);
    sc_grpc_send(f->held, SC_STR("late"));
    sc_grpc_finish(f->held, SC_OK, SC_STR_NONE, SC_STR_NONE);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_str(c.op.answer, "late");
    turn_until(f->loop, &is_closed);
    end(&c);
}

static void linger_ends_calls_that_do_not_finish(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c = {0};

    start(f, &c, SC_STR("/t.T/Never"), SC_STR("x"), 0);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    sc_grpc_server_close(f->server, 30, set_true, &is_closed);
    f->server = NULL;
    turn_until(f->loop, &is_closed);
    assert_int_equal(f->cancelled, 1);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_false(c.op.is_unreached);
    end(&c);
}

static void closing_channel_cancels_calls(void **state)
{
    fixture *f = *state;
    bool is_closed = false;
    call c = {0}, waiting = {0};

    start(f, &c, SC_STR("/t.T/Never"), SC_STR("x"), 0);
    while (!f->held)
        sc_loop_turn(f->loop, true);
    start(f, &waiting, SC_STR("/t.T/Never"), SC_STR("x"), 0);
    sc_grpc_channel_close(f->channel, set_true, &is_closed);
    f->channel = NULL;
    turn_until(f->loop, &is_closed);
    assert_true(c.is_done && waiting.is_done);
    assert_int_equal(c.op.op.err.code, SC_CANCELLED);
    end(&c);
    end(&waiting);
}

#define BOTH(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, setup, teardown),                                        \
    {                                                                                              \
#name " over TLS", name, setup_tls, teardown, NULL                                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(unary_call_brings_message_and_metadata_back),
        BOTH(empty_message_is_a_message),
        BOTH(status_text_and_details_arrive),
        BOTH(unknown_names_are_unimplemented),
        BOTH(answer_without_message_is_refused_by_client),
        BOTH(message_of_4_mib_passes_both_ways_and_more_is_exhausted),
        BOTH(thousand_calls_at_once_all_get_answers),
        BOTH(deadline_ends_call_on_both_sides),
        BOTH(cancel_reaches_the_handler),
        BOTH(channel_comes_back_after_server_restart),
        BOTH(graceful_close_lets_calls_finish),
        BOTH(linger_ends_calls_that_do_not_finish),
        BOTH(closing_channel_cancels_calls),
        cmocka_unit_test_setup_teardown(refused_connection_fails_at_once_as_unreached, setup_loop,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, tls_make_certificates, tls_remove_certificates);
}
