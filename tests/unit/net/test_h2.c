/* SPDX-License-Identifier: MIT
 *
 * The gRPC server and client against scripted HTTP/2 peers, good and bad.
 */
#include "h2_script.h"

#include "net/grpc_client.h"
#include "net/grpc_server.h"

typedef struct fixture {
    sc_loop *loop;
    sc_grpc_server *server;
    uint16_t port;
    int fd;
    sc_buf heard;
    int messages;
    size_t message_bytes;
    int half_closed;
    int cancelled;
    int drained;
    sc_grpc_stream *stream;
} fixture;

static fixture *fx;

static void echo_message(sc_grpc_stream *stream, sc_str message)
{
    sc_grpc_send(stream, message);
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void stream_open(sc_grpc_stream *stream)
{
    fx->stream = stream;
}

static void stream_message(sc_grpc_stream *stream, sc_str message)
{
    fx->messages++;
    fx->message_bytes += message.len;
    if (sc_str_eq(message, SC_STR("echo")))
        sc_grpc_send(stream, message);
    if (sc_str_eq(message, SC_STR("pause")))
        sc_grpc_pause(stream);
}

static void stream_half_close(sc_grpc_stream *stream)
{
    fx->half_closed++;
    sc_grpc_finish(stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void stream_cancelled(sc_grpc_stream *stream)
{
    (void)stream;
    fx->cancelled++;
    fx->stream = NULL;
}

static void stream_drained(sc_grpc_stream *stream)
{
    (void)stream;
    fx->drained++;
}

static const sc_grpc_handler echo = {.on_message = echo_message, .is_unary_request = true};
static const sc_grpc_handler streaming = {.on_open = stream_open,
                                          .on_message = stream_message,
                                          .on_half_close = stream_half_close,
                                          .on_cancelled = stream_cancelled,
                                          .on_drained = stream_drained};

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    (void)self;
    return sc_str_eq(stream->path, SC_STR("/t.T/Stream")) ? &streaming : &echo;
}

static int setup_with(void **state, sc_grpc_limits limits)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_grpc_service service = {.find = find};
    sc_error err;

    fx = sc_new(fixture);
    fx->loop = sc_loop_new();
    assert_int_equal(sc_grpc_server_open(fx->loop, &at, &limits, &service, fx, &fx->server, &err),
                     SC_OK);
    fx->port = sc_listener_port(sc_grpc_server_listener(fx->server));
    fx->fd = peer_connect(fx->port);
    *state = fx;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, (sc_grpc_limits){.min_ping_interval_ms = 60000, .max_head_len = 4096});
}

static int setup_keepalive(void **state)
{
    return setup_with(state, (sc_grpc_limits){.keepalive_ms = 30, .keepalive_timeout_ms = 60});
}

static int setup_idle(void **state)
{
    return setup_with(state, (sc_grpc_limits){.idle_ms = 60});
}

static int teardown(void **state)
{
    fixture *f = *state;
    bool is_closed = false;

    close(f->fd);
    sc_grpc_server_close(f->server, 100, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    assert_int_equal(sc_loop_close(&f->loop), 0);
    sc_buf_deinit(&f->heard);
    free(f);
    return 0;
}

static bool hear(fixture *f, int type, uint32_t stream, frame *out)
{
    return hear_frame(f->loop, f->fd, &f->heard, type, stream, 0, out);
}

static bool hear_nth(fixture *f, int type, uint32_t stream, int nth, frame *out)
{
    return hear_frame(f->loop, f->fd, &f->heard, type, stream, nth, out);
}

/* The GOAWAY code with which the server answers `script`. */
static uint32_t goaway_code(fixture *f, sc_buf *script)
{
    frame got = {0};

    say(f->loop, f->fd, script);
    assert_true(hear(f, F_GOAWAY, 0, &got));
    return u32_at(got.body, 4);
}

/* True when `text` occurs in a HEADERS frame of `stream` (our encoder uses Huffman: see callers).
 */
static bool is_status_frame(fixture *f, uint32_t stream, int nth)
{
    frame got = {0};

    return find_frame(sc_buf_str(&f->heard), F_HEADERS, stream, nth, &got) &&
           (got.flags & END_STREAM);
}

/* ---- bad peers ---- */

static void http1_is_closed_without_a_byte(void **state)
{
    fixture *f = *state;
    sc_str ask = SC_STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    char heard[64];
    size_t len;

    peer_say(f->loop, f->fd, ask.at, ask.len);
    assert_true(peer_hear(f->loop, f->fd, heard, sizeof(heard), sizeof(heard), &len));
    assert_int_equal(len, 0);
}

static void first_frame_other_than_settings_is_a_protocol_error(void **state)
{
    sc_buf script = {0};

    sc_buf_add_str(&script, SC_STR(PREFACE));
    put_frame(&script, F_PING, 0, 0, "12345678", 8);
    assert_int_equal(goaway_code(*state, &script), 1);
}

static void bad_hpack_is_a_compression_error(void **state)
{
    sc_buf script = {0};

    put_hello(&script);
    put_frame(&script, F_HEADERS, END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff\xff", 7);
    assert_int_equal(goaway_code(*state, &script), 9);
}

static void oversized_frame_is_refused(void **state)
{
    sc_buf script = {0};

    put_hello(&script);
    sc_buf_add(&script, "\x10\x00\x00\x00\x00\x00\x00\x00\x01", 9);
    assert_int_equal(goaway_code(*state, &script), 6);
}

static void data_on_idle_stream_is_a_protocol_error(void **state)
{
    sc_buf script = {0};

    put_hello(&script);
    put_frame(&script, F_DATA, 0, 1, "x", 1);
    assert_int_equal(goaway_code(*state, &script), 1);
}

static void rapid_resets_end_the_connection(void **state)
{
    sc_buf script = {0};

    put_hello(&script);
    for (uint32_t i = 0; i < 3000; i++) {
        put_headers(&script, 1 + 2 * i, 0, GRPC_HEAD("/t.T/Stream"));
        put_u32_frame(&script, F_RST, 1 + 2 * i, 8);
    }
    assert_int_equal(goaway_code(*state, &script), 0xb);
}

static void too_many_pings_end_the_connection(void **state)
{
    sc_buf script = {0};
    frame got = {0};
    fixture *f = *state;

    put_hello(&script);
    for (int i = 0; i < 10; i++)
        put_frame(&script, F_PING, 0, 0, "12345678", 8);
    assert_int_equal(goaway_code(f, &script), 0xb);
    assert_true(find_frame(sc_buf_str(&f->heard), F_GOAWAY, 0, 0, &got));
    assert_true(sc_str_ends(got.body, SC_STR("too_many_pings")));
}

static void peer_that_dies_cancels_its_calls(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    put_headers(&script, 3, 0, GRPC_HEAD("/t.T/Stream"));
    sc_buf_add(&script, "\x00\x00\x10\x00", 4); /* in the middle of a frame head */
    say(f->loop, f->fd, &script);
    turn_for(f->loop, 20);
    assert_non_null(f->stream);
    shutdown(f->fd, SHUT_RDWR);
    turn_for(f->loop, 20);
    assert_int_equal(f->cancelled, 2);
}

/* ---- unusual but legal ---- */

static void bytes_one_at_a_time_make_a_call(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Echo"));
    put_message(&script, 1, END_STREAM, "slow", 4);
    for (size_t i = 0; i < sc_buf_len(&script); i++) {
        peer_say(f->loop, f->fd, sc_buf_at(&script) + i, 1);
        for (int n = 0; n < 3; n++)
            sc_loop_turn(f->loop, false);
    }
    sc_buf_deinit(&script);
    assert_true(hear(f, F_DATA, 1, &got));
    assert_true(sc_str_eq(got.body, sc_str_of("\0\0\0\0\4slow", 9)));
}

static void message_in_many_frames_and_many_messages_in_one(void **state)
{
    fixture *f = *state;
    sc_buf script = {0}, body = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    for (int i = 0; i < 3; i++)
        sc_buf_add(&body, "\0\0\0\0\3abc", 8);
    put_frame(&script, F_DATA, 0, 1, sc_buf_at(&body), 22);     /* two, and a part */
    put_frame(&script, F_DATA, 0, 1, sc_buf_at(&body) + 22, 1); /* a byte */
    put_frame(&script, F_DATA, 0, 1, NULL, 0);                  /* nothing */
    put_frame(&script, F_DATA, END_STREAM, 1, sc_buf_at(&body) + 23, 1);
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_HEADERS, 1, &got));
    assert_int_equal(f->messages, 3);
    assert_int_equal(f->message_bytes, 9);
    assert_int_equal(f->half_closed, 1);
    sc_buf_deinit(&body);
}

static void unary_request_with_none_or_two_messages_fails(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, END_STREAM, GRPC_HEAD("/t.T/Echo"));
    put_headers(&script, 3, 0, GRPC_HEAD("/t.T/Echo"));
    put_message(&script, 3, 0, "a", 1);
    put_message(&script, 3, END_STREAM, "b", 1);
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_HEADERS, 1, &got));
    assert_true(is_status_frame(f, 1, 0));
    assert_true(hear(f, F_HEADERS, 3, &got));
    assert_true(is_status_frame(f, 3, 0));
}

static void head_without_grpc_content_type_is_answered_at_once(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, END_STREAM,
                ":method: POST\n:scheme: http\n:path: /t.T/Echo\n:authority: x");
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_HEADERS, 1, &got));
    assert_true(is_status_frame(f, 1, 0));
}

static void large_head_is_answered_and_the_connection_lives(void **state)
{
    fixture *f = *state;
    sc_buf script = {0}, lines = {0};
    frame got = {0};

    put_hello(&script);
    sc_buf_add_str(&lines, SC_STR(GRPC_HEAD("/t.T/Echo") "\nx-large: "));
    for (int i = 0; i < 5000; i++)
        sc_buf_add_byte(&lines, 'x');
    sc_buf_add_byte(&lines, '\0');
    put_headers(&script, 1, END_STREAM, sc_buf_at(&lines));
    put_headers(&script, 3, 0, GRPC_HEAD("/t.T/Echo"));
    put_message(&script, 3, END_STREAM, "fine", 4);
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_HEADERS, 1, &got));
    assert_true(is_status_frame(f, 1, 0));
    assert_true(hear(f, F_DATA, 3, &got));
    sc_buf_deinit(&lines);
}

/* ---- keepalive and idleness ---- */

static void peer_that_answers_pings_stays_and_a_silent_one_goes(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    char sink[512];
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    say(f->loop, f->fd, &script);
    for (int nth = 0; nth < 4; nth++) {
        assert_true(hear_nth(f, F_PING, 0, nth, &got));
        put_frame(&script, F_PING, ACK, 0, got.body.at, got.body.len);
        say(f->loop, f->fd, &script);
    }
    assert_non_null(f->stream);
    for (int i = 0; i < 2000 && recv(f->fd, sink, sizeof(sink), 0) != 0; i++)
        turn_for(f->loop, 1);
    assert_int_equal(f->cancelled, 1);
}

static void idle_connection_is_told_to_go_and_a_busy_one_is_not(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    say(f->loop, f->fd, &script);
    turn_for(f->loop, 150);
    (void)hear_nth(f, F_SETTINGS, 0, 0, &got);
    assert_false(find_frame(sc_buf_str(&f->heard), F_GOAWAY, 0, 0, &got));
    put_message(&script, 1, END_STREAM, "end", 3);
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_GOAWAY, 0, &got));
    assert_int_equal(u32_at(got.body, 4), 0);
}

/* ---- streaming ---- */

static void streams_go_both_ways(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    put_message(&script, 1, 0, "echo", 4);
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_DATA, 1, &got));
    put_message(&script, 1, 0, "echo", 4);
    put_message(&script, 1, END_STREAM, "more", 4);
    say(f->loop, f->fd, &script);
    assert_true(hear_nth(f, F_HEADERS, 1, 1, &got));
    assert_int_equal(f->messages, 3);
    assert_true(find_frame(sc_buf_str(&f->heard), F_DATA, 1, 1, &got));
    assert_true(is_status_frame(f, 1, 1));
}

static void sender_learns_of_congestion_and_of_its_end(void **state)
{
    fixture *f = *state;
    char *block = calloc(1, 64 * 1024);
    sc_buf script = {0};
    int sent = 0;

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    say(f->loop, f->fd, &script);
    while (!f->stream)
        sc_loop_turn(f->loop, true);
    while (!sc_grpc_is_congested(f->stream) && sent < 100) {
        sc_grpc_send(f->stream, (sc_str){block, 64 * 1024});
        sent++;
    }
    assert_in_range(sent, 2, 99);
    turn_for(f->loop, 20);
    assert_int_equal(f->drained, 0); /* the window of 64 KiB is used up */
    put_u32_frame(&script, F_WINDOW, 0, 16 << 20);
    put_u32_frame(&script, F_WINDOW, 1, 16 << 20);
    say(f->loop, f->fd, &script);
    for (int i = 0; i < 2000 && !f->drained; i++) {
        char sink[65536];

        while (recv(f->fd, sink, sizeof(sink), 0) > 0)
            continue;
        turn_for(f->loop, 1);
    }
    assert_int_equal(f->drained, 1);
    free(block);
}

/* Says it and a ping behind it: the answer to that means that the server has read all of it. */
static void say_all(fixture *f, sc_buf *script)
{
    frame got = {0};

    put_frame(script, F_PING, 0, 0, "12345678", 8);
    say(f->loop, f->fd, script);
    assert_true(hear(f, F_PING, 0, &got));
}

static void paused_stream_closes_the_window_and_resume_opens_it(void **state)
{
    fixture *f = *state;
    char *block = calloc(1, 16000);
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    put_message(&script, 1, 0, "pause", 5);
    for (int i = 0; i < 60; i++) /* nearly the window of 1 MiB */
        put_message(&script, 1, 0, block, 16000);
    say_all(f, &script);
    assert_int_equal(f->messages, 1);
    sc_grpc_resume(f->stream);
    assert_int_equal(f->messages, 1); /* not inside the call */
    assert_true(hear(f, F_WINDOW, 1, &got));
    assert_true(u32_at(got.body, 0) > 900000);
    assert_int_equal(f->messages, 61);
    put_message(&script, 1, END_STREAM, "end", 3);
    say(f->loop, f->fd, &script);
    assert_true(hear(f, F_HEADERS, 1, &got));
    assert_int_equal(f->half_closed, 1);
    free(block);
}

static void half_close_waits_for_a_paused_handler(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    frame got = {0};

    put_hello(&script);
    put_headers(&script, 1, 0, GRPC_HEAD("/t.T/Stream"));
    put_message(&script, 1, 0, "pause", 5);
    put_message(&script, 1, END_STREAM, "rest", 4);
    say_all(f, &script);
    assert_int_equal(f->messages, 1);
    assert_int_equal(f->half_closed, 0);
    sc_grpc_resume(f->stream);
    assert_true(hear(f, F_HEADERS, 1, &got));
    assert_int_equal(f->messages, 2);
    assert_int_equal(f->half_closed, 1);
}

/* ---- the client against scripted servers ---- */

typedef struct client {
    sc_grpc_call_op op; /* first */
    sc_arena mem;
    sc_grpc_channel *channel;
    int listener;
    sc_str part;
    bool is_done;
} client;

static void on_done(sc_op *op)
{
    ((client *)op)->is_done = true;
}

static void client_open(fixture *f, client *c)
{
    sc_grpc_channel_settings settings = {.dial = {.host = SC_STR("127.0.0.1")},
                                         .keepalive_ms = 100};

    *c = (client){.part = SC_STR("ask")};
    c->listener = peer_listen(&settings.dial.port);
    c->channel = sc_grpc_channel_open(f->loop, &settings);
    sc_arena_init(&c->mem, NULL);
    sc_op_init(&c->op.op, sc_loop_ops(f->loop), &c->mem, on_done);
    c->op.path = SC_STR("/t.T/Echo");
    c->op.request_parts = &c->part;
    c->op.request_part_count = 1;
    sc_grpc_channel_send(c->channel, &c->op);
}

static void client_close(fixture *f, client *c)
{
    bool is_closed = false;

    sc_grpc_channel_close(c->channel, set_true, &is_closed);
    turn_until(f->loop, &is_closed);
    sc_arena_deinit(&c->mem);
    close(c->listener);
}

/* Eats the client's preface, so that frames follow. */
static bool skip_preface(sc_loop *loop, int fd)
{
    char preface[sizeof(PREFACE)];
    size_t len = 0;

    peer_hear(loop, fd, preface, sizeof(PREFACE) - 1, sizeof(PREFACE) - 1, &len);
    return len == sizeof(PREFACE) - 1 && !memcmp(preface, PREFACE, len);
}

static void put_server_hello(sc_buf *script)
{
    put_frame(script, F_SETTINGS, 0, 0, NULL, 0);
}

static void client_takes_a_scripted_answer(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    put_headers(&script, 1, 0, ":status: 200\ncontent-type: application/grpc");
    put_message(&script, 1, 0, "yes", 3);
    put_headers(&script, 1, END_STREAM, "grpc-status: 0");
    say(f->loop, fd, &script);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_OK);
    assert_true(sc_str_eq(c.op.answer, SC_STR("yes")));
    client_close(f, &c);
    close(fd);
}

static void client_takes_a_status_text_with_a_space_at_its_end(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    sc_buf block = {0};
    sc_buf heard = {0};
    frame got;
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    put_header(&block, SC_STR(":status"), SC_STR("200"));
    put_header(&block, SC_STR("content-type"), SC_STR("application/grpc"));
    put_header(&block, SC_STR("grpc-status"), SC_STR("5"));
    put_header(&block, SC_STR("grpc-message"), SC_STR("no such type: "));
    put_frame(&script, F_HEADERS, END_STREAM | END_HEADERS, 1, sc_buf_at(&block),
              sc_buf_len(&block));
    sc_buf_deinit(&block);
    assert_true(skip_preface(f->loop, fd));
    assert_true(hear_frame(f->loop, fd, &heard, F_HEADERS, 1, 0, &got));
    say(f->loop, fd, &script);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_NOT_FOUND);
    assert_string_equal(c.op.op.err.text, "no such type: ");
    client_close(f, &c);
    sc_buf_deinit(&heard);
    close(fd);
}

static void client_maps_http_statuses(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    put_headers(&script, 1, 0, ":status: 502\ncontent-type: text/html");
    say(f->loop, fd, &script);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_string_equal(c.op.op.err.text,
                        "unexpected HTTP status code received from server: 502 (Bad Gateway); "
                        "transport: received unexpected content-type \"text/html\"");
    assert_false(c.op.is_unreached);
    client_close(f, &c);
    close(fd);
}

static void client_fails_when_server_dies_before_the_handshake(void **state)
{
    fixture *f = *state;
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    shutdown(fd, SHUT_WR);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_string_equal(c.op.op.err.text,
                        "connection error: desc = \"error reading server preface: EOF\"");
    assert_true(c.op.is_unreached);
    client_close(f, &c);
    close(fd);
}

static void client_fails_when_server_dies_in_a_call(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    put_headers(&script, 1, 0, ":status: 200\ncontent-type: application/grpc");
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    shutdown(fd, SHUT_WR);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_string_equal(c.op.op.err.text, "error reading from server: EOF");
    assert_false(c.op.is_unreached);
    client_close(f, &c);
    close(fd);
}

static void client_sends_again_what_goaway_left_out(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    client c;
    int fd, again;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    put_frame(&script, F_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8); /* last stream 0 */
    say(f->loop, fd, &script);
    again = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, again, &script);
    turn_for(f->loop, 10);
    put_headers(&script, 1, END_STREAM,
                ":status: 200\ncontent-type: application/grpc\ngrpc-status: 5\ngrpc-message: gone");
    say(f->loop, again, &script);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_NOT_FOUND);
    assert_string_equal(c.op.op.err.text, "gone");
    client_close(f, &c);
    close(fd);
    close(again);
}

static void client_reports_a_stream_refused_twice_as_unreached(void **state)
{
    fixture *f = *state;
    sc_buf script = {0};
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    put_u32_frame(&script, F_RST, 1, 7);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    assert_false(c.is_done);
    put_u32_frame(&script, F_RST, 3, 7);
    say(f->loop, fd, &script);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    assert_true(c.op.is_unreached);
    client_close(f, &c);
    close(fd);
}

static void client_survives_garbage(void **state)
{
    fixture *f = *state;
    client c;
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    peer_say(f->loop, fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    turn_until(f->loop, &c.is_done);
    assert_int_equal(c.op.op.err.code, SC_UNAVAILABLE);
    client_close(f, &c);
    close(fd);
}

static void client_pings_a_silent_server_during_a_call(void **state)
{
    fixture *f = *state;
    sc_buf script = {0}, heard = {0};
    client c;
    frame got = {0};
    int fd;

    client_open(f, &c);
    fd = peer_accept(f->loop, c.listener);
    put_server_hello(&script);
    say(f->loop, fd, &script);
    turn_for(f->loop, 10);
    assert_true(skip_preface(f->loop, fd));
    assert_true(hear_frame(f->loop, fd, &heard, F_PING, 0, 0, &got));
    assert_false(c.is_done);
    client_close(f, &c);
    sc_buf_deinit(&heard);
    close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(http1_is_closed_without_a_byte),
        T(first_frame_other_than_settings_is_a_protocol_error),
        T(bad_hpack_is_a_compression_error),
        T(oversized_frame_is_refused),
        T(data_on_idle_stream_is_a_protocol_error),
        T(rapid_resets_end_the_connection),
        T(too_many_pings_end_the_connection),
        T(peer_that_dies_cancels_its_calls),
        T(bytes_one_at_a_time_make_a_call),
        T(message_in_many_frames_and_many_messages_in_one),
        T(unary_request_with_none_or_two_messages_fails),
        T(head_without_grpc_content_type_is_answered_at_once),
        T(large_head_is_answered_and_the_connection_lives),
        T(streams_go_both_ways),
        T(sender_learns_of_congestion_and_of_its_end),
        T(paused_stream_closes_the_window_and_resume_opens_it),
        T(half_close_waits_for_a_paused_handler),
        T(client_takes_a_scripted_answer),
        T(client_takes_a_status_text_with_a_space_at_its_end),
        T(client_maps_http_statuses),
        T(client_fails_when_server_dies_before_the_handshake),
        T(client_fails_when_server_dies_in_a_call),
        T(client_sends_again_what_goaway_left_out),
        T(client_reports_a_stream_refused_twice_as_unreached),
        T(client_survives_garbage),
        T(client_pings_a_silent_server_during_a_call),
        cmocka_unit_test_setup_teardown(peer_that_answers_pings_stays_and_a_silent_one_goes,
                                        setup_keepalive, teardown),
        cmocka_unit_test_setup_teardown(idle_connection_is_told_to_go_and_a_busy_one_is_not,
                                        setup_idle, teardown),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
