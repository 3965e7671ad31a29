/* SPDX-License-Identifier: MIT
 *
 * HTTP/2 sessions: drives nghttp2 between a stream of io/ and an owner's callbacks.
 *
 * Received bytes go into nghttp2 as they come; what it wants to send is asked for once, at the end
 * of the loop turn. A session ends in one place, bury(), which runs only there, so nothing is freed
 * under a callback of nghttp2.
 */
#include "net/h2_session_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define STREAM_WINDOW     (1 << 20)     /* what one stream may send unread */
#define CONNECTION_WINDOW (8 << 20)     /* what all streams together may */
#define SPARE_MAX         (16u * 1024u) /* a pooled send buffer */
#define FIRST_FRAME_MAX   16384u        /* RFC 9113 section 4.2, as long as nobody allowed more */
#define HANDSHAKE_MS      20000u        /* for the peer's first SETTINGS */
#define CLOSE_LINGER_MS   1000u         /* for the last GOAWAY to leave */

static sc_h2_session *session_new(sc_loop *loop, const sc_h2_settings *settings,
                                  const sc_h2_ops *ops, void *self, bool is_server);
static void on_stream_connected(void *self);
static void on_stream_data(void *self, const char *at, size_t len);
static void on_stream_lost(void *self, const sc_error *why);
static void on_stream_drained(void *self);
static void on_turn_end(sc_turn_hook *hook);
static void on_timer(sc_timer *timer);
static void bury(sc_h2_session *session);

static const sc_stream_ops stream_ops = {
    .on_connected = on_stream_connected,
    .on_data = on_stream_data,
    .on_lost = on_stream_lost,
    .on_drained = on_stream_drained,
};

const uint8_t sc_h2_keepalive_ping[8] = "sc-alive";
const uint8_t sc_h2_goaway_ping[8] = "sc-goodb";

const char *sc_h2_code_name(uint32_t code)
{
    static const char *const names[] = {"NO_ERROR",
                                        "PROTOCOL_ERROR",
                                        "INTERNAL_ERROR",
                                        "FLOW_CONTROL_ERROR",
                                        "SETTINGS_TIMEOUT",
                                        "STREAM_CLOSED",
                                        "FRAME_SIZE_ERROR",
                                        "REFUSED_STREAM",
                                        "CANCEL",
                                        "COMPRESSION_ERROR",
                                        "CONNECT_ERROR",
                                        "ENHANCE_YOUR_CALM",
                                        "INADEQUATE_SECURITY",
                                        "HTTP_1_1_REQUIRED"};

    return code < SC_ARRAY_LEN(names) ? names[code] : "UNKNOWN_ERROR";
}

bool sc_h2_is_connection_header(sc_str name)
{
    static const sc_str names[] = {SC_STR_INIT("connection"), SC_STR_INIT("keep-alive"),
                                   SC_STR_INIT("proxy-connection"),
                                   SC_STR_INIT("transfer-encoding"), SC_STR_INIT("upgrade")};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++)
        if (sc_str_eq_nocase(name, names[i]))
            return true;
    return false;
}

/* ---- send buffers ---- */

void sc_h2_pool_deinit(sc_h2_pool *pool)
{
    while (pool->count)
        sc_buf_deinit(&pool->spare[--pool->count]);
}

void sc_h2_out_give_back(sc_h2_pool *pool, sc_buf *out)
{
    uint32_t max = pool->max ? pool->max : (uint32_t)SC_ARRAY_LEN(pool->spare);

    sc_buf_reset(out, SPARE_MAX);
    if (out->mem && pool->count < max) {
        pool->spare[pool->count++] = *out;
        sc_buf_init(out);
    } else {
        sc_buf_deinit(out);
    }
}

/* ---- state and time ---- */

void sc_h2_wake(sc_h2_session *session)
{
    sc_loop_at_turn_end(session->loop, &session->turn);
}

static void set_state(sc_h2_session *session, sc_h2_state to)
{
    SC_UNUSED static const unsigned allowed[] = {
        [SC_H2_OPENING] = 1u << SC_H2_RUNNING | 1u << SC_H2_DEAD,
        [SC_H2_RUNNING] = 1u << SC_H2_FINISHING | 1u << SC_H2_DEAD,
        [SC_H2_FINISHING] = 1u << SC_H2_DEAD,
        [SC_H2_DEAD] = 0,
    };

    assert(allowed[session->state] & (1u << to));
    session->state = to;
}

/* The first cause counts. */
static void die(sc_h2_session *session, const sc_error *why)
{
    if (session->state == SC_H2_DEAD)
        return;
    session->why = *why;
    set_state(session, SC_H2_DEAD);
    sc_h2_wake(session);
}

void sc_h2_die(sc_h2_session *session, sc_code code, const char *fmt, ...)
{
    sc_error why;
    va_list args;

    why.code = code;
    va_start(args, fmt);
    vsnprintf(why.text, sizeof(why.text), fmt, args);
    va_end(args);
    die(session, &why);
}

/* When the timer has to look next; 0: never. */
static uint64_t next_look_ms(const sc_h2_session *session)
{
    const sc_h2_settings *set = &session->settings;
    uint64_t due = 0, at;

    if (session->state == SC_H2_DEAD || session->state == SC_H2_OPENING)
        return 0;
    if (!session->has_settings)
        return session->born_ms + HANDSHAKE_MS;
    if (session->ping_sent_ms)
        due = session->ping_sent_ms + set->keepalive_timeout_ms;
    else if (set->keepalive_ms && (session->stream_count || set->pings_when_idle))
        due = session->last_recv_ms + set->keepalive_ms;
    if (set->idle_ms && !session->stream_count && session->state == SC_H2_RUNNING) {
        at = session->idle_since_ms + set->idle_ms;
        if (!due || at < due)
            due = at;
    }
    return due;
}

/* A timer that runs too early looks again and starts anew, so only a later one must be moved. */
void sc_h2_plan_timer(sc_h2_session *session)
{
    uint64_t due = next_look_ms(session);
    uint64_t now = sc_loop_now_ms(session->loop);

    if (!due || (sc_timer_is_running(&session->timer) && session->timer.due_ms <= due))
        return;
    sc_timer_start(&session->timer, due > now ? due - now : 0);
}

static void on_timer(sc_timer *timer)
{
    sc_h2_session *session = SC_CONTAINER_OF(timer, sc_h2_session, timer);
    const sc_h2_settings *set = &session->settings;
    uint64_t now = sc_loop_now_ms(session->loop);

    if (session->state == SC_H2_DEAD)
        return;
    if (!session->has_settings && now >= session->born_ms + HANDSHAKE_MS) {
        sc_h2_die(session, SC_UNAVAILABLE, "error reading server preface: timeout");
        return;
    }
    if (session->ping_sent_ms && now >= session->ping_sent_ms + set->keepalive_timeout_ms) {
        sc_h2_die(session, SC_UNAVAILABLE, "keepalive ping failed to receive ACK within timeout");
        return;
    }
    if (!session->ping_sent_ms && set->keepalive_ms &&
        (session->stream_count || set->pings_when_idle) &&
        now >= session->last_recv_ms + set->keepalive_ms) {
        session->ping_sent_ms = now;
        if (nghttp2_submit_ping(session->ng, NGHTTP2_FLAG_NONE, sc_h2_keepalive_ping))
            sc_h2_die(session, SC_INTERNAL, "out of memory");
        sc_h2_wake(session);
    }
    if (set->idle_ms && !session->stream_count && session->state == SC_H2_RUNNING &&
        now >= session->idle_since_ms + set->idle_ms)
        sc_h2_session_finish(session);
    sc_h2_plan_timer(session);
}

void sc_h2_end_with_calm(sc_h2_session *session, sc_str debug)
{
    const uint8_t *text = (const uint8_t *)debug.at;

    if (session->state == SC_H2_DEAD)
        return;
    (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(session->ng),
                                NGHTTP2_ENHANCE_YOUR_CALM, text, debug.len);
    session->goaway_code = NGHTTP2_ENHANCE_YOUR_CALM;
    sc_h2_die(session, SC_UNAVAILABLE, "http2: closed with ENHANCE_YOUR_CALM: %.*s", SC_FMT(debug));
}

/* ---- the stream below ---- */

/* What a client hears first is told as Go tells it: what speaks HTTP/1 begins with "HTTP", which
 * reads as a frame of 4.7 million bytes. */
static void check_first_frame(sc_h2_session *session, const char *at, size_t len)
{
    const uint8_t *head = session->first;

    for (size_t i = 0; i < len && session->first_len < sizeof(session->first); i++)
        session->first[session->first_len++] = (uint8_t)at[i];
    if (session->first_len < sizeof(session->first))
        return;
    if (((uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2]) > FIRST_FRAME_MAX)
        sc_h2_die(session, SC_UNAVAILABLE, "error reading server preface: http2: frame too large");
    else if (head[3] != NGHTTP2_SETTINGS)
        sc_h2_die(session, SC_UNAVAILABLE,
                  "initial http2 frame from server is not a settings frame");
}

static void receive(sc_h2_session *session, const char *at, size_t len)
{
    ssize_t done;

    if (!session->is_server && session->first_len < sizeof(session->first))
        check_first_frame(session, at, len);
    if (session->state == SC_H2_DEAD)
        return;
    session->last_recv_ms = sc_loop_now_ms(session->loop);
    sc_h2_wake(session);
    done = nghttp2_session_mem_recv(session->ng, (const uint8_t *)at, len);
    if (done < 0)
        sc_h2_die(session, SC_UNAVAILABLE, "http2: %s", nghttp2_strerror((int)done));
    else
        session->preface_left -= len < session->preface_left ? len : session->preface_left;
}

static void receive_early(sc_h2_session *session)
{
    sc_buf early = session->early;

    if (!early.mem)
        return;
    sc_buf_init(&session->early);
    receive(session, sc_buf_at(&early), sc_buf_len(&early));
    sc_buf_deinit(&early);
}

static void on_stream_connected(void *self)
{
    sc_h2_session *session = self;

    if (session->state != SC_H2_OPENING)
        return;
    set_state(session, SC_H2_RUNNING);
    session->was_connected = true;
    session->born_ms = session->last_recv_ms = session->idle_since_ms =
        sc_loop_now_ms(session->loop);
    sc_h2_plan_timer(session);
    sc_h2_wake(session);
}

static void on_stream_data(void *self, const char *at, size_t len)
{
    receive_early(self);
    receive(self, at, len);
}

static void on_stream_lost(void *self, const sc_error *why)
{
    sc_h2_session *session = self;

    if (session->state == SC_H2_RUNNING && !session->has_settings && !session->is_server)
        sc_h2_die(session, SC_UNAVAILABLE, "error reading server preface: %s", why->text);
    else if (session->is_going && session->state != SC_H2_DEAD)
        sc_h2_die(session, SC_UNAVAILABLE, "%s, received prior goaway: code: %s", why->text,
                  sc_h2_code_name(session->goaway_code));
    else
        die(session, why);
}

static void on_stream_drained(void *self)
{
    sc_h2_session *session = self;

    if (session->is_paused) {
        session->is_paused = false;
        sc_stream_resume(session->stream);
    }
    sc_h2_wake(session);
}

static void on_turn_end(sc_turn_hook *hook)
{
    sc_h2_session *session = SC_CONTAINER_OF(hook, sc_h2_session, turn);

    receive_early(session);
    if (session->state == SC_H2_RUNNING || session->state == SC_H2_FINISHING) {
        sc_h2_send_frames(session);
        if (session->state != SC_H2_DEAD && !nghttp2_session_want_read(session->ng) &&
            !nghttp2_session_want_write(session->ng))
            sc_h2_die(session, session->goaway_code ? SC_UNAVAILABLE : SC_OK,
                      session->goaway_code ? "connection error: %s" : "%s",
                      session->goaway_code ? sc_h2_code_name(session->goaway_code) : "");
    }
    if (session->state == SC_H2_DEAD)
        bury(session);
}

/* The one end: streams, then the owner, then the memory. */
static void bury(sc_h2_session *session)
{
    sc_h2_end end = {.code = NGHTTP2_CANCEL, .lost = &session->why};
    bool is_open = session->is_server ? !session->preface_left : session->was_connected;

    if (is_open)
        sc_h2_send_frames(session); /* a GOAWAY that says why, if one waits */
    while (!sc_list_is_empty(&session->streams)) {
        sc_h2_stream *stream = SC_CONTAINER_OF(session->streams.next, sc_h2_stream, link);

        end.is_unprocessed = !session->is_server && !session->has_settings;
        nghttp2_session_set_stream_user_data(session->ng, stream->id, NULL);
        sc_h2_detach(stream);
        session->ops->on_closed(stream, &end);
    }
    sc_timer_stop(&session->timer);
    sc_loop_forget_hook(&session->turn);
    nghttp2_session_del(session->ng);
    sc_buf_deinit(&session->early);
    if (is_open)
        sc_stream_close_gently(session->stream, CLOSE_LINGER_MS);
    else
        sc_stream_close(session->stream);
    session->ops->on_gone(session->self, &session->why);
    free(session);
}

/* ---- making and ending a session ---- */

static nghttp2_option *options_new(const sc_h2_settings *settings)
{
    nghttp2_option *option;

    if (nghttp2_option_new(&option))
        sc_out_of_memory("http2 options");
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* gRPC's C core sends a status text as it is, with a space at its end too. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
    nghttp2_option_set_max_outbound_ack(option, 256);
    nghttp2_option_set_max_settings(option, 32);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_max_send_header_block_length(option, 4u << 20);
    /* Ours says ENHANCE_YOUR_CALM, and lets a busy client cancel many calls: see count_reset. */
    nghttp2_option_set_stream_reset_rate_limit(option, 1u << 20, 1u << 20);
    nghttp2_option_set_max_continuations(option, settings->max_head_len / 16384u + 8u);
    return option;
}

static void submit_first_settings(sc_h2_session *session)
{
    nghttp2_settings_entry entries[4];
    size_t count = 0;

    entries[count++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW};
    entries[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                                                session->settings.max_head_len};
    if (session->is_server)
        entries[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                                    session->settings.max_streams};
    else
        entries[count++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    if (nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, entries, count) ||
        nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW))
        sc_out_of_memory("http2 settings");
}

static sc_h2_session *session_new(sc_loop *loop, const sc_h2_settings *settings,
                                  const sc_h2_ops *ops, void *self, bool is_server)
{
    sc_h2_session *session = sc_new(sc_h2_session);
    nghttp2_session_callbacks *callbacks = sc_h2_callbacks_new();
    nghttp2_option *option;

    session->loop = loop;
    session->settings = *settings;
    session->ops = ops;
    session->self = self;
    session->is_server = is_server;
    session->preface_left = is_server ? SC_H2_PREFACE_LEN : 0;
    if (!session->settings.max_head_len)
        session->settings.max_head_len = 64 * 1024;
    if (!session->settings.max_streams)
        session->settings.max_streams = 1000;
    if (!session->settings.keepalive_timeout_ms)
        session->settings.keepalive_timeout_ms = 20000;
    session->reset_tokens = SC_H2_RESET_BURST * 1000u;
    session->born_ms = session->last_recv_ms = session->idle_since_ms = session->reset_ms =
        sc_loop_now_ms(loop);
    sc_list_init(&session->streams);
    sc_list_init(&session->turn.link);
    session->turn.run = on_turn_end;
    sc_timer_init(&session->timer, loop, on_timer);
    option = options_new(&session->settings);
    if (is_server ? nghttp2_session_server_new2(&session->ng, callbacks, session, option)
                  : nghttp2_session_client_new2(&session->ng, callbacks, session, option))
        sc_out_of_memory("http2 session");
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    submit_first_settings(session);
    return session;
}

sc_h2_session *sc_h2_accept(sc_loop *loop, sc_stream *stream_taken, sc_str first,
                            const sc_h2_settings *settings, const sc_h2_ops *ops, void *self)
{
    sc_h2_session *session = session_new(loop, settings, ops, self, true);

    session->state = SC_H2_RUNNING;
    session->stream = stream_taken;
    if (first.len)
        sc_buf_add_str(&session->early, first);
    sc_stream_adopt(stream_taken, &stream_ops, session);
    sc_h2_plan_timer(session);
    sc_h2_wake(session);
    return session;
}

sc_h2_session *sc_h2_connect(sc_loop *loop, const sc_dial *to, const sc_h2_settings *settings,
                             const sc_h2_ops *ops, void *self)
{
    sc_h2_session *session = session_new(loop, settings, ops, self, false);

    session->state = SC_H2_OPENING;
    session->stream = sc_stream_connect(loop, to, &stream_ops, session);
    return session;
}

sc_stream *sc_h2_session_stream(const sc_h2_session *session)
{
    return session->stream;
}

bool sc_h2_is_ready(const sc_h2_session *session)
{
    return session->state == SC_H2_RUNNING && session->has_settings && !session->is_going &&
           nghttp2_session_check_request_allowed(session->ng);
}

bool sc_h2_was_connected(const sc_h2_session *session)
{
    return session->was_connected;
}

bool sc_h2_can_request(const sc_h2_session *session)
{
    return sc_h2_is_ready(session) &&
           session->stream_count < nghttp2_session_get_remote_settings(
                                       session->ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

uint32_t sc_h2_stream_count(const sc_h2_session *session)
{
    return session->stream_count;
}

/* RFC 9113 section 6.8: first a GOAWAY that refuses nothing, and, when the peer has seen it (its
 * PING answer says so), the one with the last stream that was taken. */
void sc_h2_session_finish(sc_h2_session *session)
{
    sc_error none;

    if (session->state == SC_H2_FINISHING || session->state == SC_H2_DEAD)
        return;
    if (session->state == SC_H2_OPENING || (!session->is_server && !session->stream_count)) {
        if (session->state == SC_H2_RUNNING)
            (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL,
                                        0);
        sc_error_clear(&none);
        die(session, &none);
        return;
    }
    set_state(session, SC_H2_FINISHING);
    sc_h2_wake(session);
    if (!session->is_server) {
        (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
        return;
    }
    (void)nghttp2_submit_shutdown_notice(session->ng);
    (void)nghttp2_submit_ping(session->ng, NGHTTP2_FLAG_NONE, sc_h2_goaway_ping);
}

void sc_h2_session_abort(sc_h2_session *session, const sc_error *why)
{
    die(session, why);
}

void sc_h2_session_kill(sc_h2_session *session, const sc_error *why)
{
    die(session, why);
    bury(session);
}
