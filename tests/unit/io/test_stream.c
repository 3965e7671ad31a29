/* SPDX-License-Identifier: MIT
 *
 * Streams over loopback: what is written in a turn arrives, losses are told in Go's words, and
 * everything is closed at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "io/stream.h"
#include "io/timer.h"

typedef struct peer {
    sc_stream *stream;
    sc_buf got;
    sc_error lost;
    bool connected;
    bool ended;
    bool drained;
} peer;

static sc_loop *loop;
static peer server;
static peer client;

static void on_connected(void *self)
{
    ((peer *)self)->connected = true;
}
static void on_data(void *self, const char *at, size_t len)
{
    sc_buf_add(&((peer *)self)->got, at, len);
}
static void on_end(void *self)
{
    ((peer *)self)->ended = true;
}
static void on_lost(void *self, const sc_error *why)
{
    ((peer *)self)->lost = *why;
}
static void on_drained(void *self)
{
    ((peer *)self)->drained = true;
}
static const sc_stream_ops ops = {on_connected, on_data, on_end, on_lost, on_drained};

static void on_accept(void *self, sc_stream *stream)
{
    (void)self;
    server.stream = stream;
    sc_stream_adopt(stream, &ops, &server);
}

static void wait_for(bool (*is_there)(void))
{
    for (int i = 0; i < 2000 && !is_there(); i++)
        sc_loop_turn(loop, true);
    assert_true(is_there());
}
static bool both_up(void)
{
    return server.stream && client.connected;
}

static sc_listener *connect_pair(const sc_listen *at)
{
    sc_listener *listener;
    sc_error err;
    sc_dial to = {.host = SC_STR("127.0.0.1"), .timeout_ms = 2000};

    server = client = (peer){0};
    assert_int_equal(sc_listener_open(loop, at, on_accept, NULL, &listener, &err), SC_OK);
    to.port = sc_listener_port(listener);
    to.is_unix = at->is_unix;
    if (at->is_unix)
        to.host = at->host;
    client.stream = sc_stream_connect(loop, &to, &ops, &client);
    wait_for(both_up);
    return listener;
}

static void end(sc_listener *listener)
{
    sc_stream_close(server.stream);
    sc_stream_close(client.stream);
    sc_listener_close(listener);
    sc_buf_deinit(&server.got);
    sc_buf_deinit(&client.got);
    for (int i = 0; i < 20; i++)
        sc_loop_turn(loop, false);
    assert_int_equal(sc_loop_close(&loop), 0);
}

static bool server_got_three(void)
{
    return sc_buf_len(&server.got) == 14;
}
static bool server_ended(void)
{
    return server.ended;
}

static void what_is_written_arrives_in_order(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_listener *listener;

    (void)state;
    loop = sc_loop_new();
    listener = connect_pair(&at);
    sc_stream_write(client.stream, "one", 3);
    sc_stream_write(client.stream, "payload", 7);
    sc_buf_add_str(sc_stream_out(client.stream), SC_STR("last"));
    wait_for(server_got_three);
    assert_true(sc_str_eq(sc_buf_str(&server.got), SC_STR("onepayloadlast")));
    assert_true(sc_str_starts(sc_stream_peer_name(server.stream), SC_STR("127.0.0.1:")));
    sc_stream_finish(client.stream);
    wait_for(server_ended);
    end(listener);
}

static bool server_has_all(void)
{
    return sc_buf_len(&server.got) == 8u << 20;
}

static void a_paused_reader_makes_the_writer_wait_and_loses_nothing(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_listener *listener;
    char block[4096];

    (void)state;
    loop = sc_loop_new();
    listener = connect_pair(&at);
    sc_stream_pause(server.stream);
    for (size_t i = 0; i < 2048; i++) {
        memset(block, (int)(i & 0x7f), sizeof(block));
        sc_stream_write(client.stream, block, sizeof(block));
    }
    for (int i = 0; i < 50; i++)
        sc_loop_turn(loop, false);
    assert_true(sc_stream_is_congested(client.stream));
    sc_stream_resume(server.stream);
    wait_for(server_has_all);
    for (size_t i = 0; i < 2048; i++)
        assert_int_equal(sc_buf_at(&server.got)[i * 4096], (int)(i & 0x7f));
    assert_true(client.drained);
    end(listener);
}

static bool client_lost(void)
{
    return client.lost.code != SC_OK;
}

static void a_refused_connection_is_worded_as_go_words_it(void **state)
{
    sc_dial to = {.host = SC_STR("127.0.0.1"), .port = 1, .timeout_ms = 2000};

    (void)state;
    loop = sc_loop_new();
    client = (peer){0};
    client.stream = sc_stream_connect(loop, &to, &ops, &client);
    assert_int_equal(client.lost.code, SC_OK); /* never inside the call */
    wait_for(client_lost);
    assert_string_equal(client.lost.text, "dial tcp 127.0.0.1:1: connect: connection refused");
    sc_stream_close(client.stream);
    for (int i = 0; i < 20; i++)
        sc_loop_turn(loop, false);
    assert_int_equal(sc_loop_close(&loop), 0);
}

static void a_port_in_use_is_named(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_listener *listener;
    sc_listener *second;
    sc_error err;
    char want[96];

    (void)state;
    loop = sc_loop_new();
    listener = connect_pair(&at);
    at.port = sc_listener_port(listener);
    assert_int_equal(sc_listener_open(loop, &at, on_accept, NULL, &second, &err), SC_UNAVAILABLE);
    (void)snprintf(want, sizeof(want), "listen tcp 127.0.0.1:%u: bind: address already in use",
                   at.port);
    assert_string_equal(err.text, want);
    end(listener);
}

static void a_stale_unix_socket_is_taken_over(void **state)
{
    sc_listen at = {.host = SC_STR("./test_stream.socket"), .is_unix = true};

    (void)state;
    loop = sc_loop_new();
    end(connect_pair(&at));
    loop = sc_loop_new();
    end(connect_pair(&at));
}

static void gently_closed_streams_send_what_waits(void **state)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_listener *listener;

    (void)state;
    loop = sc_loop_new();
    listener = connect_pair(&at);
    sc_stream_write(client.stream, "goodbye, goods", 14);
    sc_stream_close_gently(client.stream, 2000);
    client.stream = NULL;
    wait_for(server_got_three);
    wait_for(server_ended);
    end(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_arrives_in_order),
        cmocka_unit_test(a_paused_reader_makes_the_writer_wait_and_loses_nothing),
        cmocka_unit_test(a_refused_connection_is_worded_as_go_words_it),
        cmocka_unit_test(a_port_in_use_is_named),
        cmocka_unit_test(a_stale_unix_socket_is_taken_over),
        cmocka_unit_test(gently_closed_streams_send_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
