/* SPDX-License-Identifier: MIT
 *
 * One connection to one Redis server: dialling, signing in, commands out, replies in.
 *
 * Requests wait in a ring in the order they were sent, for replies carry no name. A connection
 * never comes back: whoever owns it closes it after a loss and opens another.
 */
#include "components/shared/redis_client_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PENDING_MAX = 10000, /* unanswered commands; more wait in the client */
    RING_MIN = 8,
    FEED_MAX = 4096,
};

typedef enum conn_state {
    CONN_DIALLING,
    CONN_GREETING,
    CONN_READY,
    CONN_LOST,
    CONN_CLOSED,
} conn_state;

typedef enum greeting {
    GREET_AUTH,
    GREET_SELECT,
    GREET_CLIENT_ID,
    GREET_ROLE,
    GREET_PING, /* always last: its answer makes the connection ready */
    NO_GREETING,
} greeting;

typedef struct pending {
    sc_redis_request *request; /* NULL for a greeting or for an answer that nobody wants */
    greeting greeting;
    uint64_t due_ms; /* 0: no limit */
} pending;

struct redis_conn {
    sc_loop *loop;
    redis_conn_settings settings;
    const redis_conn_ops *ops;
    void *owner;
    conn_state state;
    sc_stream *stream;
    redis_reader *reader;
    pending *ring; /* `ring_cap` slots, a power of two */
    size_t ring_cap;
    size_t ring_head;
    size_t ring_count;
    sc_timer timer; /* while not ready: the dial limit; then the oldest answer's */
    int64_t client_id;
    sc_turn_hook free_hook;
};

static void on_connected(void *self);
static void on_data(void *self, const char *at, size_t len);
static void feed(redis_conn *conn, const char *at, size_t len);
static void on_stream_lost(void *self, const sc_error *why);
static void on_timer(sc_timer *timer);
static void on_greeting(redis_conn *conn, greeting which, const sc_redis_reply *reply);
static void free_later(sc_turn_hook *hook);

static const sc_stream_ops stream_ops = {
    .on_connected = on_connected,
    .on_data = on_data,
    .on_lost = on_stream_lost,
};

redis_conn *redis_conn_open(sc_loop *loop, const redis_conn_settings *settings,
                            const redis_conn_ops *ops, void *owner)
{
    redis_conn *conn = sc_new(redis_conn);
    sc_dial to = {
        .host = sc_str_from(settings->address.host),
        .port = settings->address.port,
        .is_unix = settings->address.is_unix,
        .timeout_ms = settings->dial_timeout_ms,
        .tls = settings->tls,
    };

    conn->loop = loop;
    conn->settings = *settings;
    conn->ops = ops;
    conn->owner = owner;
    conn->reader = redis_reader_new(sc_loop_arenas(loop));
    conn->free_hook.run = free_later;
    sc_list_init(&conn->free_hook.link);
    sc_timer_init(&conn->timer, loop, on_timer);
    conn->stream = sc_stream_connect(loop, &to, &stream_ops, conn);
    return conn;
}

static pending *ring_push(redis_conn *conn)
{
    if (conn->ring_count == conn->ring_cap) {
        size_t cap = conn->ring_cap ? conn->ring_cap * 2 : RING_MIN;
        pending *ring = sc_alloc_zero(cap * sizeof(*ring));

        for (size_t i = 0; i < conn->ring_count; i++)
            ring[i] = conn->ring[(conn->ring_head + i) & (conn->ring_cap - 1)];
        free(conn->ring);
        conn->ring = ring;
        conn->ring_cap = cap;
        conn->ring_head = 0;
    }
    return &conn->ring[(conn->ring_head + conn->ring_count++) & (conn->ring_cap - 1)];
}

static pending ring_pop(redis_conn *conn)
{
    pending first = conn->ring[conn->ring_head];

    conn->ring_head = (conn->ring_head + 1) & (conn->ring_cap - 1);
    conn->ring_count--;
    return first;
}

/* ---- signing in ---- */

static void greet(redis_conn *conn, greeting which)
{
    *ring_push(conn) = (pending){.greeting = which};
}

static void on_connected(void *self)
{
    redis_conn *conn = self;
    const redis_conn_settings *with = &conn->settings;
    sc_buf *out = sc_stream_out(conn->stream);

    conn->state = CONN_GREETING;
    if (with->dial_timeout_ms)
        sc_timer_start(&conn->timer, with->dial_timeout_ms);
    if (with->password.len) {
        sc_redis_begin(out, with->username.len ? 3 : 2);
        sc_redis_arg(out, SC_STR("AUTH"));
        if (with->username.len)
            sc_redis_arg(out, with->username);
        sc_redis_arg(out, with->password);
        greet(conn, GREET_AUTH);
    }
    if (with->db > 0) {
        sc_redis_begin(out, 2);
        sc_redis_arg(out, SC_STR("SELECT"));
        sc_redis_arg_u64(out, (uint64_t)with->db);
        greet(conn, GREET_SELECT);
    }
    if (with->wants_client_id) {
        sc_redis_begin(out, 2);
        sc_redis_arg(out, SC_STR("CLIENT"));
        sc_redis_arg(out, SC_STR("ID"));
        greet(conn, GREET_CLIENT_ID);
    }
    if (with->wants_master) {
        sc_redis_begin(out, 1);
        sc_redis_arg(out, SC_STR("ROLE"));
        greet(conn, GREET_ROLE);
    }
    sc_redis_begin(out, 1);
    sc_redis_arg(out, SC_STR("PING"));
    greet(conn, GREET_PING);
}

/* What stands in the log when signing in fails: the server, the field to check, its words. Never
 * the password. */
static void refuse(redis_conn *conn, sc_code code, const char *what, const sc_redis_reply *reply)
{
    const redis_address *at = &conn->settings.address;
    char port[8] = "";
    sc_error err;

    if (!at->is_unix)
        snprintf(port, sizeof(port), ":%u", (unsigned)at->port);
    sc_fail(&err, code, "redis at %s%s %s: %.*s", at->host, port, what, SC_FMT(reply->text));
    redis_conn_lose(conn, &err);
}

static void on_auth(redis_conn *conn, const sc_redis_reply *reply)
{
    char what[160];

    if (reply->kind != SC_REDIS_ERROR)
        return;
    snprintf(what, sizeof(what), "refuses to sign us in, check %s", conn->settings.sign_in_fields);
    refuse(conn, SC_UNAUTHENTICATED, what, reply);
}

static void on_ping(redis_conn *conn, const sc_redis_reply *reply)
{
    char what[160];

    if (sc_redis_is_error(reply, SC_STR("NOAUTH"))) {
        snprintf(what, sizeof(what), "asks for a password, set %s", conn->settings.sign_in_fields);
        refuse(conn, SC_UNAUTHENTICATED, what, reply);
        return;
    }
    /* A user without the right to PING may still have the rights that we need. */
    if (reply->kind == SC_REDIS_ERROR && !sc_redis_is_error(reply, SC_STR("NOPERM"))) {
        refuse(conn, SC_UNAVAILABLE, "is not ready", reply);
        return;
    }
    sc_timer_stop(&conn->timer);
    conn->state = CONN_READY;
    conn->ops->on_ready(conn->owner);
}

static void on_greeting(redis_conn *conn, greeting which, const sc_redis_reply *reply)
{
    switch (which) {
    case GREET_AUTH:
        on_auth(conn, reply);
        break;
    case GREET_SELECT:
        /* Before signing in worked, the answer to PING tells more. */
        if (reply->kind == SC_REDIS_ERROR && !sc_redis_is_error(reply, SC_STR("NOAUTH")))
            refuse(conn, SC_INVALID, "does not take the database, check redisDB", reply);
        break;
    case GREET_CLIENT_ID:
        if (reply->kind == SC_REDIS_NUMBER)
            conn->client_id = reply->number;
        break;
    case GREET_ROLE: {
        const sc_redis_reply *role = sc_redis_item(reply, 0);

        /* A user without the right to ask is served as before; an old master is not. */
        if (role && !sc_str_eq(sc_redis_text(role), SC_STR("master")))
            refuse(conn, SC_UNAVAILABLE, "is not the master any more, its role is", role);
        break;
    }
    case GREET_PING:
        on_ping(conn, reply);
        break;
    case NO_GREETING:
        break;
    }
}

/* ---- commands and replies ---- */

bool redis_conn_is_ready(const redis_conn *conn)
{
    return conn && conn->state == CONN_READY;
}

bool redis_conn_takes_more(const redis_conn *conn)
{
    return redis_conn_is_ready(conn) && conn->ring_count < PENDING_MAX &&
           !sc_stream_is_congested(conn->stream);
}

size_t redis_conn_pending_count(const redis_conn *conn)
{
    return conn ? conn->ring_count : 0;
}

int64_t redis_conn_client_id(const redis_conn *conn)
{
    return conn ? conn->client_id : 0;
}

void redis_conn_send(redis_conn *conn, sc_redis_request *request, bool is_asking)
{
    sc_buf *out = sc_stream_out(conn->stream);
    uint64_t limit_ms = conn->settings.answer_timeout_ms;
    uint64_t due_ms = limit_ms ? sc_loop_now_ms(conn->loop) + limit_ms + request->block_ms : 0;

    if (is_asking) {
        sc_redis_begin(out, 1);
        sc_redis_arg(out, SC_STR("ASKING"));
        *ring_push(conn) = (pending){.greeting = NO_GREETING, .due_ms = due_ms};
    }
    request->encode(request, out);
    *ring_push(conn) = (pending){.request = request, .greeting = NO_GREETING, .due_ms = due_ms};
    if (due_ms && !sc_timer_is_running(&conn->timer))
        sc_timer_start(&conn->timer, limit_ms + request->block_ms);
}

/* In pieces: hiredis keeps room for as much as it was ever given at once, and a thousand
 * connections may wait for messages. */
static void on_data(void *self, const char *at, size_t len)
{
    redis_conn *conn = self;

    for (size_t piece; len > 0 && conn->state < CONN_LOST; at += piece, len -= piece) {
        piece = len < FEED_MAX ? len : FEED_MAX;
        feed(conn, at, piece);
    }
}

static void feed(redis_conn *conn, const char *at, size_t len)
{
    const sc_redis_reply *reply;
    sc_error err;
    sc_code code = redis_reader_feed(conn->reader, at, len, &err);

    /* A callback may lose or close the connection; its memory stays until the end of the turn. */
    while (code == SC_OK && conn->state < CONN_LOST) {
        code = redis_reader_next(conn->reader, &reply, &err);
        if (code != SC_OK)
            break;
        if (conn->ring_count == 0) {
            code = sc_fail(&err, SC_UNAVAILABLE, "redis sent an answer to no question: %.*s",
                           (int)(reply->text.len < 80 ? reply->text.len : 80),
                           reply->text.len ? reply->text.at : "");
            break;
        }
        pending first = ring_pop(conn);

        if (first.request)
            conn->ops->on_reply(conn->owner, first.request, reply);
        else
            on_greeting(conn, first.greeting, reply);
    }
    if (code != SC_OK && code != SC_PENDING && conn->state < CONN_LOST)
        redis_conn_lose(conn, &err);
}

static void on_timer(sc_timer *timer)
{
    redis_conn *conn = SC_CONTAINER_OF(timer, redis_conn, timer);
    uint64_t now = sc_loop_now_ms(conn->loop);
    sc_error err;

    if (conn->state == CONN_READY) {
        uint64_t due_ms = 0;

        for (size_t i = 0; i < conn->ring_count && !due_ms; i++)
            due_ms = conn->ring[(conn->ring_head + i) & (conn->ring_cap - 1)].due_ms;
        if (!due_ms)
            return;
        if (due_ms > now) {
            sc_timer_start(timer, due_ms - now);
            return;
        }
    }
    sc_fail(&err, SC_UNAVAILABLE, "redis at %s does not answer: i/o timeout",
            conn->settings.address.host);
    redis_conn_lose(conn, &err);
}

/* ---- the end ---- */

/* What to look at when TLS, or the lack of it, kept us out; empty: nothing. */
static const char *way_out(const redis_conn *conn, const sc_error *why)
{
    if (why->code == SC_UNAUTHENTICATED)
        return "; set caCert to the authority that signed the server's certificate, or "
               "insecureSkipTLSVerify";
    if (why->code == SC_PERMISSION_DENIED)
        return "; set clientCert and clientKey to a certificate that the server trusts";
    if (conn->state == CONN_DIALLING && sc_str_starts(sc_str_from(why->text), SC_STR("tls: ")))
        return "; does the server speak TLS on this port? If not, leave out enableTLS";
    if (conn->state == CONN_GREETING && !conn->settings.tls)
        return " before it answered PING; if the server speaks TLS on this port, set enableTLS";
    return "";
}

static void on_stream_lost(void *self, const sc_error *why)
{
    redis_conn *conn = self;
    sc_error told = *why;
    size_t len = strlen(told.text);

    (void)snprintf(told.text + len, sizeof(told.text) - len, "%s", way_out(conn, why));
    redis_conn_lose(conn, &told);
}

void redis_conn_lose(redis_conn *conn, const sc_error *why)
{
    sc_error copy = *why; /* it may live in what the callbacks free */

    if (conn->state >= CONN_LOST)
        return;
    conn->state = CONN_LOST;
    sc_timer_stop(&conn->timer);
    sc_stream_close(conn->stream);
    conn->stream = NULL;
    while (conn->ring_count > 0 && conn->state == CONN_LOST) {
        pending first = ring_pop(conn);

        if (first.request)
            conn->ops->on_unanswered(conn->owner, first.request, &copy);
    }
    if (conn->state == CONN_LOST)
        conn->ops->on_lost(conn->owner, &copy);
}

void redis_conn_close(redis_conn *conn)
{
    if (!conn || conn->state == CONN_CLOSED)
        return;
    conn->state = CONN_CLOSED;
    sc_timer_stop(&conn->timer);
    sc_stream_close(conn->stream);
    conn->stream = NULL;
    /* We may be inside one of its callbacks: the memory goes later. */
    sc_loop_at_turn_end(conn->loop, &conn->free_hook);
}

static void free_later(sc_turn_hook *hook)
{
    redis_conn *conn = SC_CONTAINER_OF(hook, redis_conn, free_hook);

    redis_reader_free(conn->reader);
    free(conn->ring);
    free(conn);
}
