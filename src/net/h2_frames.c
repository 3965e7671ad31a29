/* SPDX-License-Identifier: MIT
 *
 * HTTP/2 streams and their frames: nghttp2's callbacks on one side, what owners send on the other.
 *
 * A stream is attached from its first HEADERS until sc_h2_detach: nghttp2's user data of a stream
 * is NULL before and after, and every callback starts by looking there.
 */
#include "net/h2_session_internal.h"

#define OUT_HIGH         (256u * 1024u) /* sc_h2_is_congested */
#define OUT_LOW          (64u * 1024u)  /* on_drained */
#define RESET_PER_S      500u           /* and steadily; more is an attack (CVE-2023-44487) */
#define MAX_PING_STRIKES 2
#define NV_ON_STACK      32u

/* ---- streams attached to the session ---- */

static sc_h2_stream *stream_of(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

static void attach(sc_h2_session *session, sc_h2_stream *stream, int32_t id)
{
    stream->session = session;
    stream->id = id;
    sc_list_add(&session->streams, &stream->link);
    if (session->stream_count++ == 0)
        sc_h2_plan_timer(session);
}

void sc_h2_detach(sc_h2_stream *stream)
{
    sc_h2_session *session = stream->session;

    sc_list_remove(&stream->link);
    stream->session = NULL;
    stream->unconsumed = 0;
    sc_h2_out_give_back(session->settings.pool, &stream->out);
    if (--session->stream_count == 0) {
        session->idle_since_ms = sc_loop_now_ms(session->loop);
        sc_h2_plan_timer(session);
        if (session->state == SC_H2_FINISHING)
            sc_h2_wake(session);
    }
}

/* ---- frames received ---- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream;

    if (!session->is_server || frame->hd.type != NGHTTP2_HEADERS ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST || session->state == SC_H2_DEAD)
        return 0;
    stream = session->ops->on_begin(session->self);
    if (!stream)
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    nghttp2_session_set_stream_user_data(ng, frame->hd.stream_id, stream);
    attach(session, stream, frame->hd.stream_id);
    return 0;
}

static void take_pseudo(sc_h2_stream *stream, sc_str name, sc_str value)
{
    uint64_t status;

    if (sc_str_eq(name, SC_STR(":path")))
        stream->path = value;
    else if (sc_str_eq(name, SC_STR(":method")))
        stream->method = value;
    else if (sc_str_eq(name, SC_STR(":authority")))
        stream->authority = value;
    else if (sc_str_eq(name, SC_STR(":scheme")))
        stream->scheme = value;
    else if (sc_str_eq(name, SC_STR(":status")) && sc_str_to_u64(value, &status))
        stream->status = (int)status; /* three digits: nghttp2 checked */
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream = stream_of(ng, frame->hd.stream_id);
    sc_str n, v;
    char *copy;

    (void)flags;
    if (!stream)
        return 0;
    stream->head_len += name_len + value_len + 32;
    if (stream->head_len > session->settings.max_head_len) {
        stream->is_head_too_long = true;
        return 0;
    }
    copy = sc_arena_alloc(stream->mem, name_len + value_len + 2);
    memcpy(copy, name, name_len);
    copy[name_len] = '\0';
    if (value_len)
        memcpy(copy + name_len + 1, value, value_len);
    copy[name_len + 1 + value_len] = '\0';
    n = sc_str_of(copy, name_len);
    v = sc_str_of(copy + name_len + 1, value_len);
    if (name_len && name[0] == ':')
        take_pseudo(stream, n, v);
    else
        sc_pairs_add(stream->has_head ? &stream->trailers : &stream->headers, stream->mem, n, v);
    return 0;
}

/* A whole header block: of a request or answer, an interim answer, or trailers. */
static void take_head(sc_h2_session *session, sc_h2_stream *stream)
{
    if (stream->has_head)
        return;
    if (!session->is_server && stream->status >= 100 && stream->status < 200 &&
        !stream->is_remote_done) {
        stream->headers.count = 0;
        stream->head_len = 0;
        stream->status = 0;
        return;
    }
    stream->has_head = true;
    session->ops->on_head(stream);
}

static void on_head_or_data(sc_h2_session *session, const nghttp2_frame *frame)
{
    sc_h2_stream *stream = stream_of(session->ng, frame->hd.stream_id);

    if (!stream)
        return;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        stream->is_remote_done = true;
    if (frame->hd.type == NGHTTP2_HEADERS)
        take_head(session, stream);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return;
    stream = stream_of(session->ng, frame->hd.stream_id); /* the owner may have reset it */
    if (stream)
        session->ops->on_end(stream);
}

/* A peer that opens and resets streams makes work for nothing: a bucket of resets that refills. */
static void count_reset(sc_h2_session *session)
{
    uint64_t now = sc_loop_now_ms(session->loop);

    session->reset_tokens += (now - session->reset_ms) * RESET_PER_S;
    session->reset_ms = now;
    if (session->reset_tokens > SC_H2_RESET_BURST * 1000u)
        session->reset_tokens = SC_H2_RESET_BURST * 1000u;
    if (session->reset_tokens < 1000) {
        sc_h2_end_with_calm(session, SC_STR("too_many_resets"));
        return;
    }
    session->reset_tokens -= 1000;
}

static void on_ping(sc_h2_session *session, const nghttp2_frame *frame)
{
    uint64_t now = sc_loop_now_ms(session->loop);

    if (frame->hd.flags & NGHTTP2_FLAG_ACK) {
        if (!memcmp(frame->ping.opaque_data, sc_h2_goaway_ping, sizeof(sc_h2_goaway_ping)) &&
            session->state == SC_H2_FINISHING && !session->is_last_goaway_sent) {
            session->is_last_goaway_sent = true;
            (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                        nghttp2_session_get_last_proc_stream_id(session->ng),
                                        NGHTTP2_NO_ERROR, NULL, 0);
        } else {
            session->ping_sent_ms = 0;
        }
        return;
    }
    if (!session->is_server || !session->settings.min_ping_interval_ms)
        return;
    if (session->last_ping_ms &&
        now - session->last_ping_ms < session->settings.min_ping_interval_ms &&
        ++session->ping_strikes > MAX_PING_STRIKES)
        sc_h2_end_with_calm(session, SC_STR("too_many_pings"));
    session->last_ping_ms = now;
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *self)
{
    sc_h2_session *session = self;

    (void)ng;
    if (session->state == SC_H2_DEAD)
        return 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        on_head_or_data(session, frame);
        break;
    case NGHTTP2_RST_STREAM:
        if (session->is_server)
            count_reset(session);
        break;
    case NGHTTP2_PING:
        on_ping(session, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            break;
        session->has_settings = true;
        sc_h2_plan_timer(session);
        if (session->ops->on_room)
            session->ops->on_room(session->self);
        break;
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code)
            session->goaway_code = frame->goaway.error_code;
        if (!session->is_going) {
            session->is_going = true;
            if (session->ops->on_going)
                session->ops->on_going(session->self);
        }
        break;
    default:
        break;
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *at,
                         size_t len, void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream = stream_of(ng, id);

    (void)flags;
    /* The connection's window opens at once: a stream that its owner keeps waiting must not stop
     * the others. What it may hold is bounded by its own window. */
    (void)nghttp2_session_consume_connection(ng, len);
    if (!stream || session->state == SC_H2_DEAD) {
        (void)nghttp2_session_consume_stream(ng, id, len);
        return 0;
    }
    stream->unconsumed += len;
    session->ops->on_data(stream, (const char *)at, len);
    return 0;
}

/* nghttp2 answers a bad frame with RST_STREAM of its own: as costly for us as one of the peer's. */
static int on_invalid_frame(nghttp2_session *ng, const nghttp2_frame *frame, int error, void *self)
{
    sc_h2_session *session = self;

    (void)ng;
    (void)frame;
    (void)error;
    if (session->is_server)
        count_reset(session);
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream = stream_of(ng, id);
    sc_h2_end end = {.code = code};

    if (!stream)
        return 0;
    nghttp2_session_set_stream_user_data(ng, id, NULL);
    end.is_unprocessed = !session->is_server && code == NGHTTP2_REFUSED_STREAM;
    sc_h2_detach(stream);
    session->ops->on_closed(stream, &end);
    if (session->ops->on_room && session->state != SC_H2_DEAD)
        session->ops->on_room(session->self);
    return 0;
}

/* ---- frames sent ---- */

/* A server that answered before the request ended has no use for the rest of it. */
static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream;

    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code)
        session->goaway_code = frame->goaway.error_code;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    session->ping_strikes = 0;
    session->last_ping_ms = 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    stream = stream_of(ng, frame->hd.stream_id);
    if (stream)
        stream->is_local_done = true;
    if (session->is_server && stream && !stream->is_remote_done)
        return nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_NO_ERROR);
    return 0;
}

static nghttp2_nv nv_of(sc_str name, sc_str value)
{
    /* nghttp2 copies both and writes through neither pointer. */
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.at,
        .value = (uint8_t *)(uintptr_t)value.at,
        .namelen = name.len,
        .valuelen = value.len,
    };
}

/* Room for `count` more pairs behind `head` of them: on the stack or in the stream's arena. */
static nghttp2_nv *nv_room(sc_h2_stream *stream, nghttp2_nv *on_stack, size_t count)
{
    return count <= NV_ON_STACK ? on_stack : sc_arena_alloc(stream->mem, count * sizeof(*on_stack));
}

static size_t nv_add_pairs(nghttp2_nv *nv, size_t count, const sc_pairs *pairs)
{
    for (uint32_t i = 0; pairs && i < pairs->count; i++)
        nv[count++] = nv_of(pairs->at[i].name, pairs->at[i].value);
    return count;
}

static int submit_trailers(sc_h2_session *session, sc_h2_stream *stream)
{
    nghttp2_nv on_stack[NV_ON_STACK];
    nghttp2_nv *nv = nv_room(stream, on_stack, stream->out_trailers.count);
    size_t count = nv_add_pairs(nv, 0, &stream->out_trailers);

    return nghttp2_submit_trailer(session->ng, stream->id, nv, count);
}

/* How much of a stream's body goes into the next DATA frame; the bytes follow in on_send_data. */
static ssize_t on_read_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream = stream_of(ng, id);
    size_t waiting;

    (void)buf;
    (void)source;
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    waiting = sc_buf_len(&stream->out);
    if (!waiting && !stream->is_ending) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (waiting <= len && stream->is_ending) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->out_trailers.count) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            if (submit_trailers(session, stream))
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)(waiting < len ? waiting : len);
}

static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                        nghttp2_data_source *source, void *self)
{
    sc_h2_session *session = self;
    sc_h2_stream *stream = stream_of(ng, frame->hd.stream_id);
    sc_buf *out;

    (void)source;
    if (!stream || sc_buf_len(&stream->out) < len)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    out = sc_stream_out(session->stream);
    sc_buf_add(out, head, 9);
    sc_buf_add(out, sc_buf_at(&stream->out), len);
    sc_buf_eat(&stream->out, len);
    if (stream->wants_drained && sc_buf_len(&stream->out) <= OUT_LOW) {
        stream->wants_drained = false;
        if (session->ops->on_drained)
            session->ops->on_drained(stream);
    }
    return 0;
}

void sc_h2_send_frames(sc_h2_session *session)
{
    const uint8_t *at;
    ssize_t len;

    if (session->is_server && session->preface_left)
        return; /* silent until it is known that the peer speaks HTTP/2 */
    while (!sc_stream_is_congested(session->stream)) {
        len = nghttp2_session_mem_send(session->ng, &at);
        if (len < 0) {
            sc_h2_die(session, SC_INTERNAL, "http2: %s", nghttp2_strerror((int)len));
            return;
        }
        if (len == 0)
            return;
        sc_stream_write(session->stream, at, (size_t)len);
    }
    /* The peer does not read: neither do we, or its requests would pile up answers here. */
    if (!session->is_paused) {
        session->is_paused = true;
        sc_stream_pause(session->stream);
    }
}

nghttp2_session_callbacks *sc_h2_callbacks_new(void)
{
    nghttp2_session_callbacks *to;

    if (nghttp2_session_callbacks_new(&to))
        sc_out_of_memory("http2 callbacks");
    nghttp2_session_callbacks_set_on_begin_headers_callback(to, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(to, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(to, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, on_data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(to, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(to, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(to, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(to, on_send_data);
    return to;
}

/* ---- what owners send ---- */

static void out_take(sc_h2_pool *pool, sc_buf *out)
{
    if (!out->mem && pool->count)
        *out = pool->spare[--pool->count];
}

static const nghttp2_data_provider body_provider = {.read_callback = on_read_body};

/* nghttp2 refused for lack of memory or a head past its limits: the stream is of no use. */
static void give_up(sc_h2_stream *stream)
{
    sc_h2_session *session = stream->session;

    (void)nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, stream->id,
                                    NGHTTP2_INTERNAL_ERROR);
    sc_h2_wake(session);
}

bool sc_h2_request(sc_h2_session *session, sc_h2_stream *stream, const sc_h2_request_head *head)
{
    nghttp2_nv on_stack[NV_ON_STACK];
    nghttp2_nv *nv = nv_room(stream, on_stack, 4 + (head->headers ? head->headers->count : 0));
    bool has_body = !stream->is_ending || sc_buf_len(&stream->out);
    size_t count = 0;
    int32_t id;

    if (!sc_h2_is_ready(session))
        return false;
    nv[count++] = nv_of(SC_STR(":method"), head->method);
    nv[count++] = nv_of(SC_STR(":scheme"), head->scheme);
    nv[count++] = nv_of(SC_STR(":path"), head->path);
    nv[count++] = nv_of(SC_STR(":authority"), head->authority);
    count = nv_add_pairs(nv, count, head->headers);
    id = nghttp2_submit_request(session->ng, NULL, nv, count, has_body ? &body_provider : NULL,
                                stream);
    if (id < 0) {
        /* Stream ids ran out (or memory): this connection takes no more. */
        session->is_going = true;
        if (session->ops->on_going)
            session->ops->on_going(session->self);
        return false;
    }
    stream->has_sent_head = true;
    attach(session, stream, id);
    sc_h2_wake(session);
    return true;
}

void sc_h2_respond(sc_h2_stream *stream, int status, const sc_pairs *headers, bool is_end)
{
    sc_h2_session *session = stream->session;
    nghttp2_nv on_stack[NV_ON_STACK];
    nghttp2_nv *nv;
    char digits[3];
    size_t count = 0;

    if (!session || stream->has_sent_head)
        return;
    stream->has_sent_head = true;
    digits[0] = (char)('0' + status / 100 % 10);
    digits[1] = (char)('0' + status / 10 % 10);
    digits[2] = (char)('0' + status % 10);
    nv = nv_room(stream, on_stack, 1 + (headers ? headers->count : 0));
    nv[count++] = nv_of(SC_STR(":status"), sc_str_of(digits, sizeof(digits)));
    count = nv_add_pairs(nv, count, headers);
    if (nghttp2_submit_response(session->ng, stream->id, nv, count, is_end ? NULL : &body_provider))
        give_up(stream);
    sc_h2_wake(session);
}

sc_buf *sc_h2_out(sc_h2_session *session, sc_h2_stream *stream)
{
    out_take(session->settings.pool, &stream->out);
    return &stream->out;
}

void sc_h2_out_drop(sc_h2_session *session, sc_h2_stream *stream)
{
    sc_h2_out_give_back(session->settings.pool, &stream->out);
}

void sc_h2_flush(sc_h2_stream *stream)
{
    if (!stream->session)
        return;
    if (stream->is_deferred) {
        stream->is_deferred = false;
        (void)nghttp2_session_resume_data(stream->session->ng, stream->id);
    }
    sc_h2_wake(stream->session);
}

void sc_h2_finish(sc_h2_stream *stream, const sc_pairs *trailers)
{
    if (stream->is_ending)
        return;
    stream->is_ending = true;
    if (trailers)
        stream->out_trailers = *trailers;
    sc_h2_flush(stream);
}

void sc_h2_reset(sc_h2_stream *stream, sc_h2_code code)
{
    sc_h2_session *session = stream->session;

    if (!session)
        return;
    (void)nghttp2_submit_rst_stream(session->ng, NGHTTP2_FLAG_NONE, stream->id, (uint32_t)code);
    nghttp2_session_set_stream_user_data(session->ng, stream->id, NULL);
    sc_h2_detach(stream);
    sc_h2_wake(session);
}

void sc_h2_consumed(sc_h2_stream *stream, size_t len)
{
    if (!stream->session)
        return;
    assert(len <= stream->unconsumed);
    stream->unconsumed -= len;
    (void)nghttp2_session_consume_stream(stream->session->ng, stream->id, len);
    sc_h2_wake(stream->session);
}

bool sc_h2_is_congested(sc_h2_stream *stream)
{
    if (!stream->session || sc_buf_len(&stream->out) < OUT_HIGH)
        return false;
    stream->wants_drained = true;
    return true;
}
