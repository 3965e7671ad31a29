/* SPDX-License-Identifier: MIT
 *
 * gRPC calls on the server's side: from a request's head to its status.
 *
 * A call lives until its HTTP/2 stream is closed (on_closed), which also drops the server's
 * reference; "finished" only means that the status is decided. Whoever decides it, handler,
 * deadline, broken request or lost client, goes through decide(), so it happens once.
 */
#include "net/grpc_server_internal.h"

#include "wire/grpc.h"

static sc_h2_stream *on_begin(void *self);
static void on_head(sc_h2_stream *h2);
static void on_data(sc_h2_stream *h2, const char *at, size_t len);
static void on_end(sc_h2_stream *h2);
static void on_closed(sc_h2_stream *h2, const sc_h2_end *end);
static void on_drained(sc_h2_stream *h2);
static void on_deadline(sc_timer *timer);
static void on_resume(sc_turn_hook *hook);

const sc_h2_ops sc_grpc_server_h2_ops = {
    .on_begin = on_begin,
    .on_head = on_head,
    .on_data = on_data,
    .on_end = on_end,
    .on_closed = on_closed,
    .on_drained = on_drained,
    .on_gone = sc_grpc_conn_gone,
};

static sc_grpc_live *live_of(sc_h2_stream *h2)
{
    return SC_CONTAINER_OF(h2, sc_grpc_live, h2);
}

static sc_grpc_live *live_from(sc_grpc_stream *stream)
{
    return SC_CONTAINER_OF(stream, sc_grpc_live, pub);
}

static sc_h2_stream *on_begin(void *self)
{
    sc_grpc_conn *conn = self;
    sc_grpc_server *server = conn->server;
    sc_call *call = sc_loop_call(server->loop);
    sc_grpc_live *live = sc_call_make(call, sc_grpc_live);

    live->pub.call = call;
    live->pub.server = server;
    live->pub.started_ms = sc_loop_now_ms(server->loop);
    live->pub.internal = live;
    live->conn = conn;
    live->h2.mem = &call->mem;
    live->inbox.mem = &call->mem;
    live->inbox.max_len = server->limits.max_message_len;
    sc_list_init(&live->resume.link);
    live->resume.run = on_resume;
    sc_timer_init(&live->deadline, server->loop, on_deadline);
    return &live->h2;
}

/* ---- the answer ---- */

/* The status is decided. False when it was before. */
static bool decide(sc_grpc_live *live, sc_code code)
{
    if (live->pub.is_finished)
        return false;
    live->pub.is_finished = true;
    live->pub.status = code;
    sc_timer_stop(&live->deadline);
    return true;
}

static void put_status(sc_grpc_live *live, sc_pairs *to, sc_code code, sc_str text, sc_str details)
{
    sc_arena *mem = &live->pub.call->mem;

    sc_pairs_add(to, mem, SC_STR("grpc-status"), sc_grpc_status_number(code));
    if (text.len)
        sc_pairs_add(to, mem, SC_STR("grpc-message"), sc_grpc_message_encode(text, mem));
    if (details.len)
        sc_grpc_metadata_put(to, mem, SC_STR("grpc-status-details-bin"), details);
    for (uint32_t i = 0; i < live->trailers.count; i++)
        sc_pairs_add(to, mem, live->trailers.at[i].name, live->trailers.at[i].value);
}

/* The content type comes first, as every implementation sends it. */
static void put_head(sc_grpc_live *live, sc_pairs *to)
{
    sc_arena *mem = &live->pub.call->mem;

    sc_pairs_add(to, mem, SC_STR("content-type"),
                 live->content_type.len ? live->content_type : SC_STR("application/grpc"));
    if (live->answers_gzip)
        sc_pairs_add(to, mem, SC_STR("grpc-encoding"), SC_STR("gzip"));
    for (uint32_t i = 0; i < live->head.count; i++)
        sc_pairs_add(to, mem, live->head.at[i].name, live->head.at[i].value);
}

static void send_head(sc_grpc_live *live)
{
    sc_pairs head = {0};

    if (live->has_sent_head)
        return;
    live->has_sent_head = true;
    put_head(live, &head);
    sc_h2_respond(&live->h2, 200, &head, false);
}

/* A status without messages is one header list ("trailers-only"). */
static void send_status(sc_grpc_live *live, int http_status, sc_code code, sc_str text,
                        sc_str details)
{
    sc_arena *mem = &live->pub.call->mem;
    sc_pairs list = {0};

    if (!live->has_sent_head && !live->head.count) {
        live->has_sent_head = true;
        sc_pairs_add(&list, mem, SC_STR("content-type"),
                     live->content_type.len ? live->content_type : SC_STR("application/grpc"));
        put_status(live, &list, code, text, details);
        sc_h2_respond(&live->h2, http_status, &list, true);
        return;
    }
    send_head(live);
    put_status(live, &list, code, text, details);
    sc_h2_finish(&live->h2, &list);
}

static void tell_cancelled(sc_grpc_live *live)
{
    if (live->is_known && live->pub.handler->on_cancelled)
        live->pub.handler->on_cancelled(&live->pub);
}

/* The server's own verdict; the handler hears of it as a cancellation. */
static void refuse(sc_grpc_live *live, int http_status, sc_code code, sc_str text)
{
    if (!decide(live, code))
        return;
    send_status(live, http_status, code, text, SC_STR_NONE);
    tell_cancelled(live);
}

static void refuse_error(sc_grpc_live *live, const sc_error *why)
{
    refuse(live, 200, why->code, sc_str_from(why->text));
}

/* ---- the request's head ---- */

/* "application/grpc", also with "+proto" or ";charset=..." behind it. */
static bool is_grpc_content_type(sc_str type)
{
    sc_str base = SC_STR("application/grpc");

    return sc_str_starts_nocase(type, base) &&
           (type.len == base.len || type.at[base.len] == '+' || type.at[base.len] == ';');
}

static void start_deadline(sc_grpc_live *live, uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns / 1000000u + (timeout_ns % 1000000u ? 1 : 0);

    live->pub.deadline_ms = live->pub.started_ms + ms;
    sc_timer_start(&live->deadline, ms);
}

/* What is wrong with the head, or SC_OK. */
static sc_code take_head(sc_grpc_live *live, int *http_status, sc_error *err)
{
    sc_h2_stream *h2 = &live->h2;
    const sc_str *value;
    uint64_t timeout_ns;

    if (h2->is_head_too_long) {
        *http_status = 431;
        return sc_fail(err, SC_EXHAUSTED, "header list is larger than max (%zu vs. %u)",
                       h2->head_len, live->pub.server->limits.max_head_len);
    }
    value = sc_pairs_get(&h2->headers, SC_STR("content-type"));
    if (!value || !is_grpc_content_type(*value)) {
        *http_status = 415;
        return sc_fail(err, SC_INVALID, "invalid gRPC request content-type \"%.*s\"",
                       value ? (int)value->len : 0, value ? value->at : "");
    }
    live->content_type = *value;
    if (!sc_str_eq(h2->method, SC_STR("POST"))) {
        *http_status = 405;
        return sc_fail(err, SC_INTERNAL,
                       "Received a HEADERS frame with :method \"%.*s\" which should be POST",
                       SC_FMT(h2->method));
    }
    value = sc_pairs_get(&h2->headers, SC_STR("grpc-timeout"));
    if (value) {
        if (sc_grpc_timeout_parse(*value, &timeout_ns, err) != SC_OK) {
            *http_status = 400;
            err->code = SC_INTERNAL; /* as grpc-go has it */
            return sc_error_context(err, "malformed grpc-timeout");
        }
        start_deadline(live, timeout_ns);
    }
    value = sc_pairs_get(&h2->headers, SC_STR("grpc-encoding"));
    if (value && !sc_str_eq(*value, SC_STR("identity"))) {
        live->inbox.encoding = *value;
        live->answers_gzip = sc_str_eq(*value, SC_STR("gzip"));
    }
    *http_status = 400;
    return sc_grpc_metadata_from(&h2->headers, h2->mem, &live->pub.metadata, err);
}

/* Worded as grpc-go does. */
static void refuse_unknown(sc_grpc_live *live)
{
    sc_grpc_server *server = live->pub.server;
    sc_arena *mem = &live->pub.call->mem;
    sc_str path = live->pub.path;
    size_t cut = path.len;
    sc_str service, method, text;

    while (cut > 0 && path.at[cut - 1] != '/')
        cut--;
    if (cut < 2 || path.at[0] != '/') {
        text = sc_arena_fmt(mem, "malformed method name: \"%.*s\"", SC_FMT(path));
        refuse(live, 200, SC_UNIMPLEMENTED, text);
        return;
    }
    service = sc_str_sub(path, 1, cut - 1);
    method = sc_str_sub(path, cut, path.len);
    if (server->service.has_service && server->service.has_service(server->self, service))
        text = sc_arena_fmt(mem, "unknown method %.*s for service %.*s", SC_FMT(method),
                            SC_FMT(service));
    else
        text = sc_arena_fmt(mem, "unknown service %.*s", SC_FMT(service));
    refuse(live, 200, SC_UNIMPLEMENTED, text);
}

static void on_head(sc_h2_stream *h2)
{
    sc_grpc_live *live = live_of(h2);
    sc_grpc_server *server = live->pub.server;
    sc_error err;
    int http_status = 200;
    sc_code code;

    live->pub.path = h2->path;
    live->pub.authority = h2->authority;
    live->pub.peer = sc_arena_str(h2->mem, sc_stream_peer_name(sc_h2_session_stream(h2->session)));
    code = take_head(live, &http_status, &err);
    if (code != SC_OK) {
        refuse(live, http_status, code, sc_str_from(err.text));
        return;
    }
    live->pub.handler = server->service.find(server->self, &live->pub);
    if (live->pub.is_finished)
        return;
    if (!live->pub.handler) {
        refuse_unknown(live);
        return;
    }
    live->inbox.keeps = live->pub.handler->is_unary_request;
    live->is_open = true;
    if (live->pub.handler->on_open) {
        live->is_known = true;
        live->pub.handler->on_open(&live->pub);
    }
}

/* ---- the request's messages ---- */

static void on_bad_message(sc_grpc_live *live, const sc_error *why)
{
    if (why->code == SC_UNIMPLEMENTED && !live->has_sent_head)
        sc_pairs_add(&live->trailers, &live->pub.call->mem, SC_STR("grpc-accept-encoding"),
                     SC_STR("identity,gzip"));
    refuse_error(live, why);
}

static void on_message(sc_grpc_live *live, sc_str message)
{
    live->pub.received_len += message.len;
    if (!live->pub.handler->is_unary_request) {
        live->is_known = true;
        live->pub.handler->on_message(&live->pub, message);
    } else if (live->has_unary) {
        refuse(live, 200, SC_UNIMPLEMENTED,
               SC_STR("cardinality violation: received multiple request messages for a method "
                      "that takes one"));
    } else {
        live->unary = message;
        live->has_unary = true;
    }
}

/* Hands on the messages in `bytes`; what is left when the handler paused stays there. */
static void take_messages(sc_grpc_live *live, sc_str *bytes)
{
    sc_error err;
    sc_str message;
    sc_code code;

    while (bytes->len && !live->is_paused && !live->pub.is_finished) {
        code = sc_grpc_inbox_take(&live->inbox, bytes, &message, &err);
        if (code == SC_PENDING)
            return;
        if (code != SC_OK) {
            on_bad_message(live, &err);
            break;
        }
        on_message(live, message);
    }
    if (live->pub.is_finished)
        *bytes = SC_STR_NONE;
}

/* The client said everything and the handler has had it all. */
static void half_close(sc_grpc_live *live)
{
    const sc_grpc_handler *handler = live->pub.handler;

    if (live->is_half_closed || live->pub.is_finished)
        return;
    live->is_half_closed = true;
    if (sc_grpc_inbox_is_inside(&live->inbox)) {
        refuse(live, 200, SC_INTERNAL, SC_STR("unexpected EOF"));
        return;
    }
    if (handler->is_unary_request) {
        if (!live->has_unary) {
            refuse(live, 200, SC_INTERNAL,
                   SC_STR("cardinality violation: received no request message from "
                          "non-client-streaming RPC"));
            return;
        }
        live->is_known = true;
        handler->on_message(&live->pub, live->unary);
    }
    live->is_known = true;
    if (handler->on_half_close && !live->pub.is_finished)
        handler->on_half_close(&live->pub);
}

static void on_data(sc_h2_stream *h2, const char *at, size_t len)
{
    sc_grpc_live *live = live_of(h2);
    sc_str bytes = {at, len};

    if (!live->is_open || live->pub.is_finished) {
        sc_h2_consumed(h2, len);
        return;
    }
    if (!sc_buf_len(&live->held))
        take_messages(live, &bytes);
    if (bytes.len)
        sc_buf_add_str(&live->held, bytes); /* at most the stream's window */
    sc_h2_consumed(h2, len - bytes.len);
}

static void on_end(sc_h2_stream *h2)
{
    sc_grpc_live *live = live_of(h2);

    live->is_remote_done = true;
    if (live->is_open && !live->is_paused && !sc_buf_len(&live->held))
        half_close(live);
}

void sc_grpc_pause(sc_grpc_stream *stream)
{
    live_from(stream)->is_paused = true;
}

void sc_grpc_resume(sc_grpc_stream *stream)
{
    sc_grpc_live *live = live_from(stream);

    if (!live->is_paused)
        return;
    live->is_paused = false;
    if (live->h2.session)
        sc_loop_at_turn_end(stream->server->loop, &live->resume);
}

static void on_resume(sc_turn_hook *hook)
{
    sc_grpc_live *live = SC_CONTAINER_OF(hook, sc_grpc_live, resume);
    sc_str bytes = sc_buf_str(&live->held);
    size_t taken = bytes.len;

    if (live->is_paused || live->pub.is_finished)
        return;
    take_messages(live, &bytes);
    taken -= bytes.len;
    sc_buf_eat(&live->held, taken);
    sc_h2_consumed(&live->h2, taken);
    if (live->is_remote_done && !live->is_paused && !sc_buf_len(&live->held))
        half_close(live);
}

/* ---- the end ---- */

static void on_deadline(sc_timer *timer)
{
    refuse(SC_CONTAINER_OF(timer, sc_grpc_live, deadline), 200, SC_DEADLINE,
           SC_STR("context deadline exceeded"));
}

static void on_drained(sc_h2_stream *h2)
{
    sc_grpc_live *live = live_of(h2);

    if (live->is_open && !live->pub.is_finished && live->pub.handler->on_drained)
        live->pub.handler->on_drained(&live->pub);
}

static void on_closed(sc_h2_stream *h2, const sc_h2_end *end)
{
    sc_grpc_live *live = live_of(h2);
    sc_grpc_server *server = live->pub.server;

    (void)end;
    sc_loop_forget_hook(&live->resume);
    if (decide(live, SC_CANCELLED))
        tell_cancelled(live);
    if (live->pub.path.len && server->service.on_finished)
        server->service.on_finished(server->self, &live->pub);
    sc_grpc_inbox_deinit(&live->inbox);
    sc_buf_deinit(&live->held);
    sc_buf_deinit(&live->gzip_room);
    sc_call_unref(live->pub.call);
}

/* ---- what handlers send ---- */

void sc_grpc_set_header(sc_grpc_stream *stream, sc_str name, sc_str value)
{
    sc_grpc_live *live = live_from(stream);

    if (!live->has_sent_head && !stream->is_finished)
        sc_grpc_metadata_put_copy(&live->head, &stream->call->mem, name, value);
}

void sc_grpc_set_trailer(sc_grpc_stream *stream, sc_str name, sc_str value)
{
    if (!stream->is_finished)
        sc_grpc_metadata_put_copy(&live_from(stream)->trailers, &stream->call->mem, name, value);
}

void sc_grpc_send_headers(sc_grpc_stream *stream)
{
    if (!stream->is_finished)
        send_head(live_from(stream));
}

void sc_grpc_send(sc_grpc_stream *stream, sc_str message)
{
    char *to = sc_grpc_send_room(stream, message.len);

    if (message.len)
        memcpy(to, message.at, message.len);
    sc_grpc_send_commit(stream, message.len);
}

char *sc_grpc_send_room(sc_grpc_stream *stream, size_t len)
{
    sc_grpc_live *live = live_from(stream);

    if (stream->is_finished || !live->h2.session)
        return sc_arena_alloc(&stream->call->mem, len); /* nobody reads it */
    if (live->answers_gzip)
        return sc_buf_room(&live->gzip_room, len ? len : 1);
    return sc_grpc_room(sc_h2_out(live->h2.session, &live->h2), len);
}

void sc_grpc_send_commit(sc_grpc_stream *stream, size_t len)
{
    sc_grpc_live *live = live_from(stream);
    uint64_t max = stream->server->limits.max_send_len;
    sc_buf *out;
    sc_error err;

    if (stream->is_finished || !live->h2.session)
        return;
    stream->sent_len += len;
    if (max && len > max) {
        (void)sc_fail(&err, SC_EXHAUSTED,
                      "grpc: trying to send message larger than max (%zu vs. %llu)", len,
                      (unsigned long long)max);
        refuse_error(live, &err);
        return;
    }
    out = sc_h2_out(live->h2.session, &live->h2);
    if (live->answers_gzip) {
        sc_str plain = {live->gzip_room.mem, len};

        if (sc_grpc_put_gzip(out, plain, &err) != SC_OK) {
            refuse_error(live, &err);
            return;
        }
        sc_buf_clear(&live->gzip_room);
    } else {
        sc_grpc_commit(out, len);
    }
    send_head(live);
    sc_h2_flush(&live->h2);
}

void sc_grpc_finish(sc_grpc_stream *stream, sc_code code, sc_str text, sc_str details)
{
    sc_grpc_live *live = live_from(stream);

    if (decide(live, code))
        send_status(live, 200, code, text, details);
}

bool sc_grpc_is_congested(const sc_grpc_stream *stream)
{
    sc_grpc_live *live = stream->internal;

    return !stream->is_finished && sc_h2_is_congested(&live->h2);
}
