/* SPDX-License-Identifier: MIT
 *
 * One request and its answer, the same for HTTP/1.1 and HTTP/2: limits and buffering of the body,
 * the handler's callbacks, and the order in which answers are legal.
 */
#include "net/http_internal.h"

/* ---- the request ---- */

sc_http_live *sc_http_live_new(sc_http_server *server, size_t size, const sc_http_answer_ops *ops)
{
    sc_call *call = sc_loop_call(server->loop);
    sc_http_live *live = sc_arena_zero(&call->mem, size);

    live->ops = ops;
    live->ex.body_len = SC_HTTP_LEN_UNKNOWN;
    live->ex.call = call;
    live->ex.server = server;
    live->ex.started_ms = sc_loop_now_ms(server->loop);
    live->ex.body_limit = server->limits.max_body_len;
    return live;
}

static void split_target(sc_http_request *req)
{
    sc_str rest = req->target;

    if (!sc_str_starts(rest, SC_STR("/"))) {
        size_t scheme = sc_str_find_str(rest, SC_STR("://"));

        if (scheme < rest.len) { /* absolute form, RFC 9112 section 3.2.2 */
            rest = sc_str_sub(rest, scheme + 3, rest.len);
            rest = sc_str_sub(rest, sc_str_find(rest, '/'), rest.len);
        }
    }
    req->path = sc_str_cut(&rest, '?');
    req->query = rest;
}

static bool is_too_long(const sc_http_live *live, uint64_t len)
{
    return !live->ex.body_ops && live->ex.body_limit > 0 && len > live->ex.body_limit;
}

static void refuse_length(sc_http_live *live, uint64_t len)
{
    sc_error why;

    (void)sc_fail(&why, SC_EXHAUSTED,
                  "request body of %llu bytes or more is over the limit of %llu",
                  (unsigned long long)len, (unsigned long long)live->ex.body_limit);
    sc_http_live_refuse(live, 413, &why);
}

void sc_http_live_head(sc_http_live *live, uint64_t content_len)
{
    sc_http_server *server = live->ex.server;

    live->ex.body_len = content_len;
    live->ex.received_len = content_len != SC_HTTP_LEN_UNKNOWN ? content_len : 0;
    split_target(&live->ex.req);
    if (server->handler.on_head)
        server->handler.on_head(server->self, &live->ex);
    if (sc_http_live_wants_body(live) && content_len != SC_HTTP_LEN_UNKNOWN &&
        is_too_long(live, content_len))
        refuse_length(live, content_len);
}

bool sc_http_live_wants_body(const sc_http_live *live)
{
    return !live->is_request_whole && (live->phase == SC_HTTP_UNANSWERED ||
                                       (live->phase == SC_HTTP_STREAMING && live->ex.body_ops));
}

/* Appends to the body. Its first room is what Content-Length says, as far as that is small. */
static bool keep(sc_http_live *live, const char *at, size_t len)
{
    sc_arena *mem = &live->ex.call->mem;

    if (live->body_cap == 0 && live->ex.body_len > len && live->ex.body_len <= 1048576) {
        live->body_cap = (size_t)live->ex.body_len;
        live->body.at = sc_arena_alloc(mem, live->body_cap);
    }
    return sc_arena_append(mem, &live->body, &live->body_cap, at, len);
}

void sc_http_live_body(sc_http_live *live, const char *at, size_t len)
{
    if (!sc_http_live_wants_body(live) || len == 0)
        return;
    if (live->ex.body_ops) {
        live->ex.body_ops->on_data(&live->ex, at, len);
        return;
    }
    if (is_too_long(live, live->body.len + len) || !keep(live, at, len))
        refuse_length(live, live->body.len + len);
}

void sc_http_live_body_end(sc_http_live *live)
{
    sc_http_server *server = live->ex.server;
    bool is_wanted = sc_http_live_wants_body(live);

    live->is_request_whole = true;
    if (!is_wanted)
        return;
    if (live->ex.body_ops) {
        if (live->ex.body_ops->on_end)
            live->ex.body_ops->on_end(&live->ex);
        return;
    }
    live->ex.req.body = live->body;
    server->handler.on_request(server->self, &live->ex);
}

void sc_http_live_refuse(sc_http_live *live, int status, const sc_error *why)
{
    sc_http_server *server = live->ex.server;
    sc_str body = SC_STR_NONE;

    if (live->phase != SC_HTTP_UNANSWERED)
        return;
    if (server->handler.describe_refusal)
        body = server->handler.describe_refusal(server->self, status, why, &live->ex.call->mem);
    sc_http_respond(&live->ex, status, NULL, body);
}

/* ---- the end ---- */

static void end(sc_http_live *live)
{
    sc_http_server *server = live->ex.server;

    live->phase = SC_HTTP_OVER;
    live->ex.is_answered = true;
    if (server->handler.on_finished)
        server->handler.on_finished(server->self, &live->ex);
    sc_call_unref(live->ex.call);
}

void sc_http_live_finished(sc_http_live *live)
{
    if (live->phase != SC_HTTP_OVER)
        end(live);
}

void sc_http_live_gone(sc_http_live *live)
{
    bool had_more_to_say = live->phase == SC_HTTP_UNANSWERED || live->phase == SC_HTTP_STREAMING;

    if (live->phase == SC_HTTP_OVER)
        return;
    live->phase = SC_HTTP_OVER;
    live->ex.is_answered = true;
    live->ex.status = 0;
    if (had_more_to_say && live->ex.on_gone)
        live->ex.on_gone(&live->ex);
    end(live);
}

void sc_http_live_drained(sc_http_live *live)
{
    if (live->phase == SC_HTTP_STREAMING && live->ex.on_drained)
        live->ex.on_drained(&live->ex);
}

void sc_http_live_half_closed(sc_http_live *live)
{
    if ((live->phase == SC_HTTP_UNANSWERED || live->phase == SC_HTTP_STREAMING) &&
        live->ex.on_half_closed)
        live->ex.on_half_closed(&live->ex);
}

/* ---- the answer ---- */

static void note_status(sc_http_live *live, int status)
{
    live->ex.status = status;
    live->ex.is_answered = true;
    live->status_has_no_body = sc_http_status_has_no_body(status);
    live->is_bodiless = live->status_has_no_body || sc_str_eq(live->ex.req.method, SC_STR("HEAD"));
}

void sc_http_respond(sc_http_exchange *ex, int status, const sc_pairs *headers, sc_str body)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_UNANSWERED)
        return;
    note_status(live, status);
    live->phase = SC_HTTP_ANSWERED;
    ex->sent_len = live->is_bodiless ? 0 : body.len;
    live->ops->respond(live, status, headers, body);
}

void sc_http_respond_start(sc_http_exchange *ex, int status, const sc_pairs *headers,
                           uint64_t body_len)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_UNANSWERED)
        return;
    note_status(live, status);
    live->phase = SC_HTTP_STREAMING;
    live->announced_len = live->status_has_no_body ? SC_HTTP_LEN_UNKNOWN : body_len;
    live->ops->start(live, status, headers);
}

/* A peer that counts would take what is too much for the next answer, and that for what is missing:
 * an answer of another length than announced ends its connection, or its stream. */
void sc_http_respond_write(sc_http_exchange *ex, const void *at, size_t len)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_STREAMING || live->is_bodiless || len == 0)
        return;
    if (len > live->announced_len - ex->sent_len) { /* never, if it is unknown */
        sc_http_respond_abort(ex);
        return;
    }
    ex->sent_len += len;
    live->ops->write(live, at, len);
}

void sc_http_respond_end(sc_http_exchange *ex)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_STREAMING)
        return;
    if (!live->is_bodiless && live->announced_len != SC_HTTP_LEN_UNKNOWN &&
        ex->sent_len < live->announced_len) {
        sc_http_respond_abort(ex);
        return;
    }
    live->phase = SC_HTTP_ANSWERED;
    live->ops->end(live);
}

void sc_http_respond_abort(sc_http_exchange *ex)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_UNANSWERED && live->phase != SC_HTTP_STREAMING)
        return;
    live->phase = SC_HTTP_ANSWERED;
    live->ex.is_answered = true;
    live->ops->abort(live);
}

bool sc_http_respond_is_congested(const sc_http_exchange *ex)
{
    const sc_http_live *live = (const sc_http_live *)ex;

    return live->phase == SC_HTTP_STREAMING && live->ops->is_congested(live);
}

void sc_http_body_pause(sc_http_exchange *ex)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_OVER)
        live->ops->pause(live);
}

void sc_http_body_resume(sc_http_exchange *ex)
{
    sc_http_live *live = (sc_http_live *)ex;

    if (live->phase != SC_HTTP_OVER)
        live->ops->resume(live);
}
