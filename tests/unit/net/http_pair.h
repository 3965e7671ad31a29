/* SPDX-License-Identifier: MIT
 *
 * A server and a client of it on one loop, over either version of HTTP.
 */
#ifndef TESTS_UNIT_NET_HTTP_PAIR_H
#define TESTS_UNIT_NET_HTTP_PAIR_H

#include "net_fixture.h"

#include "net/http_client.h"
#include "net/http_server.h"

typedef struct http_pair {
    sc_loop *loop;
    sc_http_server *server;
    sc_http_client *client;
    uint16_t port;
} http_pair;

static inline void open_pair(http_pair *pair, const sc_http_handler *handler, void *self,
                             sc_http_version version, uint32_t max_connections)
{
    sc_listen at = {.host = SC_STR("127.0.0.1")};
    sc_http_limits limits = sc_http_default_limits();
    sc_http_client_settings settings = {.dial = {.host = SC_STR("127.0.0.1")},
                                        .version = version,
                                        .max_connections = max_connections};
    sc_error err;

    pair->loop = sc_loop_new();
    assert_int_equal(
        sc_http_server_open(pair->loop, &at, &limits, handler, self, &pair->server, &err), SC_OK);
    pair->port = settings.dial.port = sc_listener_port(sc_http_server_listener(pair->server));
    pair->client = sc_http_client_open(pair->loop, &settings);
}

static inline void close_pair(http_pair *pair)
{
    bool is_closed = false;

    sc_http_client_close(pair->client, set_true, &is_closed);
    turn_until(pair->loop, &is_closed);
    is_closed = false;
    sc_http_server_close(pair->server, 1000, set_true, &is_closed);
    turn_until(pair->loop, &is_closed);
    turn_for(pair->loop, 20);
    assert_int_equal(sc_loop_close(&pair->loop), 0);
}

#endif
