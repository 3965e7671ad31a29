/* SPDX-License-Identifier: MIT
 *
 * The insides of an HTTP channel, for channel_http.c and invoke_http.c.
 */
#ifndef SC_APP_CHANNEL_HTTP_INTERNAL_H
#define SC_APP_CHANNEL_HTTP_INTERNAL_H

#include "app/channel_http.h"
#include "app/gate.h"

struct sc_app_http {
    sc_loop *loop;
    sc_http_client *client;
    sc_arena mem;
    sc_str api_token;
    sc_str base;      /* "http://127.0.0.1:8000", for messages */
    sc_str base_path; /* in front of every method; empty, or begins with '/' */
    sc_pairs headers; /* set on every invocation */
    sc_gate gate;
    uint64_t max_body_len;
    sc_http_stats *stats;
    const sc_log *log;
    void (*on_closed)(void *user);
    void *user;
};

#endif
