/* SPDX-License-Identifier: MIT
 *
 * Streams over TLS: what is sent arrives in both directions, however the bytes come; who cannot be
 * trusted is named with the reason; cut connections are not mistaken for ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "io/stream.h"
#include "io/timer.h"
#include "support/tls_fixture.h"

#define GUARD_MS 20000u

typedef struct peer {
    sc_stream *stream;
    sc_buf got;
    sc_error lost;
    bool connected;
    bool ended;
    bool drained;
    bool pauses; /* after each piece */
    bool closes; /* as soon as it is connected */
    uint32_t pieces;
} peer;

static sc_loop *loop;
static sc_listener *listener;
static peer server;
static peer client;
static sc_timer guard;
static bool is_guard_over;

/* ---- fixture ---- */

static void on_connected(void *self)
{
    peer *to = self;

    to->connected = true;
    if (to->closes) {
        sc_stream_close(to->stream);
        to->stream = NULL;
    }
}
static void on_data(void *self, const char *at, size_t len)
{
    peer *to = self;

    sc_buf_add(&to->got, at, len);
    to->pieces++;
    if (to->pauses)
        sc_stream_pause(to->stream);
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

static void on_guard(sc_timer *timer)
{
    (void)timer;
    is_guard_over = true;
}

static void wait_for(bool (*is_there)(void))
{
    is_guard_over = false;
    sc_timer_init(&guard, loop, on_guard);
    sc_timer_start(&guard, GUARD_MS);
    while (!is_there() && !is_guard_over)
        sc_loop_turn(loop, true);
    sc_timer_stop(&guard);
    assert_true(is_there());
}

static sc_tls_settings server_settings(const char *name)
{
    char key[64];

    (void)snprintf(key, sizeof(key), "%.*s.key", (int)(strlen(name) - 4), name);
    return (sc_tls_settings){.is_server = true,
                             .cert_pem = tls_pem(name),
                             .key_pem = tls_pem(key),
                             .alpn = SC_STR("h2")};
}

static sc_tls_settings client_settings(void)
{
    return (sc_tls_settings){.ca_pem = tls_pem("ca.pem"), .alpn = SC_STR("h2")};
}

static void listen_with(const sc_tls_settings *settings)
{
    sc_listen at = {.host = SC_STR("127.0.0.1"), .tls = settings ? tls_context(settings) : NULL};
    sc_error err;

    loop = sc_loop_new();
    server = client = (peer){0};
    assert_int_equal(sc_listener_open(loop, &at, on_accept, NULL, &listener, &err), SC_OK);
    sc_tls_context_unref(at.tls);
}

static void dial_with(const sc_tls_settings *settings, uint16_t port, sc_str name, peer *to)
{
    sc_dial dial = {.host = SC_STR("127.0.0.1"),
                    .port = port,
                    .timeout_ms = 10000,
                    .tls = settings ? tls_context(settings) : NULL,
                    .tls_name = name};

    to->stream = sc_stream_connect(loop, &dial, &ops, to);
    sc_tls_context_unref(dial.tls);
}

static bool both_up(void)
{
    return server.connected && client.connected;
}
static bool client_lost(void)
{
    return client.lost.code != SC_OK;
}
static bool server_lost(void)
{
    return server.lost.code != SC_OK;
}
static bool both_lost(void)
{
    return client_lost() && server_lost();
}
static bool client_ended(void)
{
    return client.ended;
}
static bool server_ended(void)
{
    return server.ended;
}

static void connect_pair(void)
{
    sc_tls_settings at = server_settings("server.pem");
    sc_tls_settings to = client_settings();

    listen_with(&at);
    dial_with(&to, sc_listener_port(listener), SC_STR_NONE, &client);
    wait_for(both_up);
}

static void end(void)
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

/* ---- sending and ending ---- */

static bool both_got_five(void)
{
    return sc_buf_len(&server.got) == 5 && sc_buf_len(&client.got) == 5;
}

static void what_is_written_arrives_both_ways(void **state)
{
    (void)state;
    connect_pair();
    assert_true(sc_str_eq(sc_stream_alpn(client.stream), SC_STR("h2")));
    assert_true(sc_str_eq(sc_stream_alpn(server.stream), SC_STR("h2")));
    sc_stream_write(client.stream, "h", 1);
    sc_stream_write(client.stream, "ello", 4);
    sc_buf_add_str(sc_stream_out(server.stream), SC_STR("world"));
    wait_for(both_got_five);
    assert_true(sc_str_eq(sc_buf_str(&server.got), SC_STR("hello")));
    assert_true(sc_str_eq(sc_buf_str(&client.got), SC_STR("world")));
    end();
}

static void what_is_written_before_the_handshake_waits_for_it(void **state)
{
    sc_tls_settings at = server_settings("server.pem");
    sc_tls_settings to = client_settings();

    (void)state;
    listen_with(&at);
    dial_with(&to, sc_listener_port(listener), SC_STR("localhost"), &client);
    sc_stream_write(client.stream, "hello", 5);
    wait_for(both_up);
    sc_stream_write(server.stream, "world", 5);
    wait_for(both_got_five);
    end();
}

#define LARGE (8u << 20)

static bool both_got_all(void)
{
    if (client.pauses)
        sc_stream_resume(client.stream);
    return sc_buf_len(&server.got) == LARGE && sc_buf_len(&client.got) == LARGE;
}

static void write_large(sc_stream *stream, unsigned step)
{
    char block[4096];

    for (size_t i = 0; i < LARGE / sizeof(block); i++) {
        memset(block, (int)((i * step) & 0x7f), sizeof(block));
        sc_stream_write(stream, block, sizeof(block));
    }
}

static void assert_large(const peer *got, unsigned step)
{
    for (size_t i = 0; i < LARGE / 4096; i++)
        assert_int_equal(sc_buf_at(&got->got)[i * 4096 + 4095], (int)((i * step) & 0x7f));
}

/* One side takes a piece and pauses, over and over; the other is held back and loses nothing. */
static void large_transfers_cross_with_a_slow_reader(void **state)
{
    (void)state;
    connect_pair();
    client.pauses = true;
    write_large(client.stream, 1);
    write_large(server.stream, 3);
    for (int i = 0; i < 50; i++)
        sc_loop_turn(loop, false);
    assert_true(sc_stream_is_congested(server.stream));
    assert_int_equal(client.pieces, 1);
    wait_for(both_got_all);
    assert_large(&server, 1);
    assert_large(&client, 3);
    assert_true(server.drained);
    end();
}

static void a_half_closed_stream_still_receives(void **state)
{
    (void)state;
    connect_pair();
    sc_stream_write(client.stream, "hello", 5);
    sc_stream_finish(client.stream);
    wait_for(server_ended);
    assert_int_equal(sc_buf_len(&server.got), 5);
    sc_stream_write(server.stream, "world", 5);
    sc_stream_finish(server.stream);
    wait_for(client_ended);
    assert_true(sc_str_eq(sc_buf_str(&client.got), SC_STR("world")));
    assert_int_equal(client.lost.code, SC_OK);
    end();
}

static void gently_closed_streams_send_what_waits(void **state)
{
    (void)state;
    connect_pair();
    sc_stream_write(client.stream, "hello", 5);
    sc_stream_close_gently(client.stream, 2000);
    client.stream = NULL;
    wait_for(server_ended);
    assert_int_equal(sc_buf_len(&server.got), 5);
    end();
}

static bool server_knows(void)
{
    return server.ended || server_lost();
}

static void a_stream_may_be_closed_as_soon_as_it_is_up(void **state)
{
    sc_tls_settings at = server_settings("server.pem");
    sc_tls_settings to = client_settings();

    (void)state;
    listen_with(&at);
    client.closes = true;
    dial_with(&to, sc_listener_port(listener), SC_STR_NONE, &client);
    wait_for(server_knows);
    end();
}

/* ---- through a hand that delays and cuts ---- */

/* Carries the bytes of the TLS server to the client and back. */
static struct relay {
    sc_listener *listener;
    peer near; /* the client's */
    peer far;  /* the server's */
    sc_turn_hook hook;
    size_t per_turn; /* bytes passed on in a turn, each way */
    size_t left;     /* towards the client; then the connection is cut */
} relay;

static void pass_on(peer *from, peer *to, size_t *limit)
{
    size_t len = sc_buf_len(&from->got);

    len = len > relay.per_turn ? relay.per_turn : len;
    len = len > *limit ? *limit : len;
    sc_stream_write(to->stream, sc_buf_at(&from->got), len);
    sc_buf_eat(&from->got, len);
    *limit -= len;
}

static void on_relay_turn(sc_turn_hook *hook)
{
    size_t no_limit = SIZE_MAX;

    if (!relay.near.stream || !relay.far.stream)
        return;
    pass_on(&relay.near, &relay.far, &no_limit);
    pass_on(&relay.far, &relay.near, &relay.left);
    if (relay.left == 0) {
        sc_stream_close_gently(relay.near.stream, 1000);
        relay.near.stream = NULL;
    } else {
        sc_loop_at_turn_end(loop, hook);
    }
}

static void on_relay_accept(void *self, sc_stream *stream)
{
    (void)self;
    relay.near.stream = stream;
    sc_stream_adopt(stream, &ops, &relay.near);
    dial_with(NULL, sc_listener_port(listener), SC_STR_NONE, &relay.far);
    relay.hook.run = on_relay_turn;
    sc_loop_at_turn_end(loop, &relay.hook);
}

static void connect_through_relay(size_t per_turn)
{
    sc_listen between = {.host = SC_STR("127.0.0.1")};
    sc_tls_settings at = server_settings("server.pem");
    sc_tls_settings to = client_settings();
    sc_error err;

    listen_with(&at);
    relay = (struct relay){.per_turn = per_turn, .left = SIZE_MAX};
    assert_int_equal(sc_listener_open(loop, &between, on_relay_accept, NULL, &relay.listener, &err),
                     SC_OK);
    dial_with(&to, sc_listener_port(relay.listener), SC_STR_NONE, &client);
    wait_for(both_up);
}

static void end_relay(void)
{
    sc_loop_forget_hook(&relay.hook);
    sc_stream_close(relay.near.stream);
    sc_stream_close(relay.far.stream);
    sc_listener_close(relay.listener);
    sc_buf_deinit(&relay.near.got);
    sc_buf_deinit(&relay.far.got);
    end();
}

static bool client_got_five(void)
{
    return sc_buf_len(&client.got) == 5;
}
static bool client_over(void)
{
    return client.ended || client_lost();
}

static void bytes_may_come_one_at_a_time(void **state)
{
    (void)state;
    connect_through_relay(1);
    sc_stream_write(client.stream, "hello", 5);
    sc_stream_write(server.stream, "world", 5);
    wait_for(both_got_five);
    sc_stream_finish(server.stream);
    wait_for(client_ended);
    end_relay();
}

static void an_end_between_records_without_close_notify_is_an_end(void **state)
{
    (void)state;
    connect_through_relay(65536);
    sc_stream_write(server.stream, "world", 5);
    wait_for(client_got_five);
    relay.left = 0;
    wait_for(client_over);
    assert_true(client.ended);
    end_relay();
}

static void an_end_inside_a_record_is_a_loss(void **state)
{
    (void)state;
    connect_through_relay(65536);
    sc_stream_write(server.stream, "world", 5);
    wait_for(client_got_five);
    relay.left = 12;
    sc_stream_write(server.stream, "of truncated data", 17);
    wait_for(client_over);
    assert_false(client.ended);
    assert_int_equal(client.lost.code, SC_UNAVAILABLE);
    assert_string_equal(client.lost.text, "tls: unexpected EOF");
    assert_int_equal(sc_buf_len(&client.got), 5);
    end_relay();
}

static void an_end_inside_the_handshake_is_named(void **state)
{
    sc_tls_settings at = server_settings("server.pem");

    (void)state;
    listen_with(&at);
    dial_with(NULL, sc_listener_port(listener), SC_STR_NONE, &client);
    sc_stream_write(client.stream, "\x16\x03\x01", 3);
    sc_stream_finish(client.stream);
    wait_for(server_lost);
    assert_non_null(strstr(server.lost.text, "tls: handshake with 127.0.0.1:"));
    assert_non_null(strstr(server.lost.text, ": EOF"));
    end();
}

/* ---- who is not trusted, and who speaks no TLS ---- */

/* What a client says of the server that has the certificate `name`. */
static void assert_refused(const char *name, const sc_tls_settings *to, sc_str tls_name,
                           sc_code code, const char *text)
{
    sc_tls_settings at = server_settings(name);

    listen_with(&at);
    dial_with(to, sc_listener_port(listener), tls_name, &client);
    wait_for(both_lost);
    assert_false(client.connected);
    assert_int_equal(client.lost.code, code);
    if (!strstr(client.lost.text, text))
        fail_msg("'%s' does not say '%s'", client.lost.text, text);
    assert_non_null(strstr(client.lost.text, "tls: handshake with 127.0.0.1:"));
    assert_non_null(strstr(server.lost.text, "tls: handshake with 127.0.0.1:"));
    if (code == SC_UNAUTHENTICATED) {
        assert_int_equal(server.lost.code, SC_PERMISSION_DENIED);
        assert_non_null(strstr(server.lost.text, "remote error: tls: "));
    }
    end();
}

static void a_server_that_cannot_be_trusted_is_refused_with_the_reason(void **state)
{
    sc_tls_settings to = client_settings();
    sc_tls_settings other = {.ca_pem = tls_pem("other-ca.pem")};
    sc_tls_settings roots = {0};

    (void)state;
    assert_refused("server.pem", &other, SC_STR_NONE, SC_UNAUTHENTICATED,
                   "failed to verify certificate: x509: certificate signed by unknown authority");
    assert_refused("server.pem", &roots, SC_STR_NONE, SC_UNAUTHENTICATED, "unknown authority");
    assert_refused("expired.pem", &to, SC_STR_NONE, SC_UNAUTHENTICATED,
                   "x509: certificate has expired or is not yet valid: current time 20");
    assert_refused("server.pem", &to, SC_STR("10.1.2.3"), SC_UNAUTHENTICATED,
                   "x509: certificate is valid for 127.0.0.1, not 10.1.2.3");
    assert_refused("named.pem", &to, SC_STR("localhost"), SC_UNAUTHENTICATED,
                   "x509: certificate is valid for example.test, www.example.test, not localhost");
    assert_refused("named.pem", &to, SC_STR("127.0.0.1"), SC_UNAUTHENTICATED,
                   "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any "
                   "IP SANs");
    to.alpn = SC_STR("http/1.1");
    assert_refused("server.pem", &to, SC_STR_NONE, SC_UNAVAILABLE,
                   "remote error: tls: no application protocol");
}

static void a_client_that_does_not_verify_takes_any_server(void **state)
{
    static const char *const names[] = {"server.pem", "expired.pem", "named.pem"};
    sc_tls_settings to = {.skip_verify = true, .ca_pem = tls_pem("other-ca.pem")};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        sc_tls_settings at = server_settings(names[i]);

        listen_with(&at);
        dial_with(&to, sc_listener_port(listener), SC_STR_NONE, &client);
        wait_for(both_up);
        assert_true(sc_str_is_empty(sc_stream_alpn(client.stream)));
        end();
    }
}

static void a_server_may_demand_a_certificate(void **state)
{
    sc_tls_settings at = server_settings("server.pem");
    sc_tls_settings to = client_settings();

    (void)state;
    at.wants_peer_cert = true;
    at.ca_pem = tls_pem("ca.pem");
    listen_with(&at);
    dial_with(&to, sc_listener_port(listener), SC_STR_NONE, &client);
    wait_for(both_lost);
    assert_int_equal(server.lost.code, SC_UNAUTHENTICATED);
    assert_non_null(strstr(server.lost.text, "client didn't provide a certificate"));
    assert_int_equal(client.lost.code, SC_PERMISSION_DENIED);
    assert_string_equal(client.lost.text, "tls: remote error: tls: certificate required");
    end();

    to.cert_pem = tls_pem("client.pem");
    to.key_pem = tls_pem("client.key");
    listen_with(&at);
    dial_with(&to, sc_listener_port(listener), SC_STR_NONE, &client);
    wait_for(both_up);
    sc_stream_write(client.stream, "hello", 5);
    sc_stream_write(server.stream, "world", 5);
    wait_for(both_got_five);
    end();
}

static void a_client_that_speaks_plain_text_is_named(void **state)
{
    sc_tls_settings at = server_settings("server.pem");

    (void)state;
    listen_with(&at);
    dial_with(NULL, sc_listener_port(listener), SC_STR_NONE, &client);
    sc_stream_write(client.stream, "GET / HTTP/1.1\r\n\r\n", 18);
    wait_for(server_lost);
    assert_non_null(strstr(server.lost.text, "first record does not look like a TLS handshake"));
    end();
}

static bool server_got_some(void)
{
    return sc_buf_len(&server.got) > 0;
}

static void a_server_that_speaks_plain_text_is_named(void **state)
{
    sc_tls_settings to = client_settings();

    (void)state;
    listen_with(NULL);
    dial_with(&to, sc_listener_port(listener), SC_STR_NONE, &client);
    wait_for(server_got_some);
    sc_stream_write(server.stream, "-ERR unknown command\r\n", 22);
    wait_for(client_lost);
    assert_int_equal(client.lost.code, SC_UNAVAILABLE);
    assert_non_null(strstr(client.lost.text, "first record does not look like a TLS handshake"));
    end();
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
    sc_tls_settings to = client_settings();
    sc_dial dial = {.host = SC_STR("127.0.0.1"), .timeout_ms = 50};

    (void)state;
    listen_with(NULL);
    dial.port = sc_listener_port(listener);
    dial.tls = tls_context(&to);
    client.stream = sc_stream_connect(loop, &dial, &ops, &client);
    sc_tls_context_unref(dial.tls);
    wait_for(client_lost);
    assert_non_null(strstr(client.lost.text, "tls: handshake with 127.0.0.1:"));
    assert_non_null(strstr(client.lost.text, ": i/o timeout"));
    end();
}

static void a_name_that_is_none_is_refused(void **state)
{
    sc_tls_settings to = client_settings();
    char name[400];

    (void)state;
    memset(name, 'x', sizeof(name));
    listen_with(NULL);
    dial_with(&to, sc_listener_port(listener), sc_str_of(name, sizeof(name)), &client);
    wait_for(client_lost);
    assert_int_equal(client.lost.code, SC_INVALID);
    end();
}

/* ---- settings ---- */

static void assert_invalid(const sc_tls_settings *settings, const char *text)
{
    sc_tls_context *made;
    sc_error err;

    assert_int_equal(sc_tls_context_new(settings, &made, &err), SC_INVALID);
    if (!strstr(err.text, text))
        fail_msg("'%s' does not say '%s'", err.text, text);
}

static void settings_that_cannot_be_used_are_named(void **state)
{
    sc_tls_settings ca = {.ca_pem = SC_STR("no PEM"), .ca_name = "caCert"};
    sc_tls_settings cert = {.cert_pem = SC_STR("no PEM"), .cert_name = "clientCert"};
    sc_tls_settings key = server_settings("server.pem");

    (void)state;
    assert_invalid(&ca, "caCert holds no certificate in PEM form");
    assert_invalid(&cert, "clientCert is no usable certificate in PEM form");
    key.cert_name = "clientCert";
    key.key_name = "clientKey";
    key.key_pem = tls_pem("client.key");
    assert_invalid(&key, "clientKey does not belong to clientCert");
    key.key_pem = tls_pem("server.secret.key");
    assert_invalid(&key, "clientKey is no private key in PEM form, or is behind a passphrase");
    key.key_pem = SC_STR("");
    key.cert_pem = tls_pem("server.key");
    assert_invalid(&key, "clientCert is no usable");
}

static void a_missing_module_is_named_with_the_way_out(void **state)
{
    sc_tls_settings to = client_settings();
    sc_tls_context *made;
    sc_error err;

    (void)state;
    setenv("PILLION_MODULES", "/nowhere", 1);
    assert_int_equal(sc_tls_context_new(&to, &made, &err), SC_UNAVAILABLE);
    unsetenv("PILLION_MODULES");
    assert_string_equal(err.text, "TLS: module pillion-tls.so is not there "
                                  "(/nowhere/pillion-tls.so); install it, or set PILLION_MODULES "
                                  "to its folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_arrives_both_ways),
        cmocka_unit_test(what_is_written_before_the_handshake_waits_for_it),
        cmocka_unit_test(large_transfers_cross_with_a_slow_reader),
        cmocka_unit_test(a_half_closed_stream_still_receives),
        cmocka_unit_test(gently_closed_streams_send_what_waits),
        cmocka_unit_test(a_stream_may_be_closed_as_soon_as_it_is_up),
        cmocka_unit_test(bytes_may_come_one_at_a_time),
        cmocka_unit_test(an_end_between_records_without_close_notify_is_an_end),
        cmocka_unit_test(an_end_inside_a_record_is_a_loss),
        cmocka_unit_test(an_end_inside_the_handshake_is_named),
        cmocka_unit_test(a_server_that_cannot_be_trusted_is_refused_with_the_reason),
        cmocka_unit_test(a_client_that_does_not_verify_takes_any_server),
        cmocka_unit_test(a_server_may_demand_a_certificate),
        cmocka_unit_test(a_client_that_speaks_plain_text_is_named),
        cmocka_unit_test(a_server_that_speaks_plain_text_is_named),
        cmocka_unit_test(a_server_that_says_nothing_is_given_up),
        cmocka_unit_test(a_name_that_is_none_is_refused),
        cmocka_unit_test(settings_that_cannot_be_used_are_named),
        cmocka_unit_test(a_missing_module_is_named_with_the_way_out),
    };
    return cmocka_run_group_tests(tests, tls_make_certificates, tls_remove_certificates);
}
