/* SPDX-License-Identifier: MIT
 *
 * gRPC calls on the client's side: request out, answer and status in.
 *
 * A call completes once, in sc_grpc_out_complete, and only when its HTTP/2 stream is closed or was
 * reset, because the stream lives in the op's memory, which goes with the completion.
 */
#include "net/grpc_client_internal.h"

#include <stdio.h>

#include "net/http.h"
#include "wire/grpc.h"

#define UNSENT_MAX (64u * 1024u)

static void on_deadline(sc_timer *timer);
static void on_resume(sc_turn_hook *hook);
static void take_end(sc_grpc_out *out);

sc_grpc_out *sc_grpc_out_new(sc_grpc_channel *channel, sc_grpc_call_op *op)
{
    sc_grpc_out *out = sc_arena_new(op->op.mem, sc_grpc_out);

    out->channel = channel;
    out->op = op;
    op->internal = out;
    op->message = op->answer = SC_STR_NONE;
    op->headers = (sc_pairs){0};
    op->trailers = (sc_pairs){0};
    op->is_unreached = false;
    out->is_half_closed = !op->is_request_open;
    out->resume.run = on_resume;
    sc_list_add(&channel->calls, &out->link);
    sc_list_init(&out->wait);
    sc_timer_init(&out->deadline, channel->loop, on_deadline);
    if (op->timeout_ms) {
        out->deadline_ms = sc_loop_now_ms(channel->loop) + op->timeout_ms;
        sc_timer_start(&out->deadline, op->timeout_ms);
    }
    return out;
}

/* ---- the request ---- */

static void put_head(sc_grpc_out *out, sc_pairs *to)
{
    const sc_pairs *metadata = out->op->metadata;
    sc_arena *mem = out->op->op.mem;
    uint64_t now = sc_loop_now_ms(out->channel->loop);

    sc_pairs_add(to, mem, SC_STR("content-type"), SC_STR("application/grpc"));
    if (!metadata || !sc_pairs_get(metadata, SC_STR("user-agent")))
        sc_pairs_add(to, mem, SC_STR("user-agent"), SC_STR("pillion/" PILLION_VERSION));
    sc_pairs_add(to, mem, SC_STR("te"), SC_STR("trailers"));
    sc_pairs_add(to, mem, SC_STR("grpc-accept-encoding"), SC_STR("identity,gzip"));
    if (out->deadline_ms)
        sc_pairs_add(to, mem, SC_STR("grpc-timeout"),
                     sc_grpc_timeout_format(
                         out->deadline_ms > now ? (out->deadline_ms - now) * 1000000u : 1, mem));
    for (uint32_t i = 0; metadata && i < metadata->count; i++)
        sc_grpc_metadata_put(to, mem, metadata->at[i].name, metadata->at[i].value);
}

/* A unary request is one message, be it empty; an open one has as many as were written. */
static void put_request(sc_grpc_out *out, sc_buf *to)
{
    const sc_grpc_call_op *op = out->op;

    if (!op->is_request_open || op->request_part_count > 0)
        sc_grpc_put_parts(to, op->request_parts, op->request_part_count);
    if (sc_buf_len(&out->unsent) > 0)
        sc_buf_add_str(to, sc_buf_str(&out->unsent));
    if (out->is_half_closed)
        sc_h2_finish(&out->h2, NULL);
}

static void tell_drained(sc_grpc_out *out);

void sc_grpc_out_start(sc_grpc_out *out, sc_h2_session *session)
{
    const sc_grpc_channel_settings *set = &out->channel->settings;
    sc_pairs headers = {0};
    sc_h2_request_head head = {
        .method = SC_STR("POST"),
        .scheme = set->dial.tls ? SC_STR("https") : SC_STR("http"),
        .authority = set->authority,
        .path = out->op->path,
        .headers = &headers,
    };

    out->h2 = (sc_h2_stream){.mem = out->op->op.mem};
    out->inbox = (sc_grpc_inbox){
        .mem = out->op->op.mem,
        .max_len = set->max_message_len,
        .keeps = !out->op->events,
    };
    put_head(out, &headers);
    put_request(out, sc_h2_out(session, &out->h2));
    if (!sc_h2_request(session, &out->h2, &head)) {
        sc_h2_out_drop(session, &out->h2);
        sc_grpc_channel_place(out->channel, out); /* on_going has made way for a new connection */
        return;
    }
    out->is_started = true;
    sc_buf_deinit(&out->unsent);
    if (out->wants_drained)
        tell_drained(out);
}

/* ---- a request in parts ---- */

void sc_grpc_call_write(sc_grpc_call_op *op, const sc_str *parts, size_t count)
{
    sc_grpc_out *out = op->internal;

    if (out->is_complete || out->is_half_closed)
        return;
    if (!out->is_started) {
        sc_grpc_put_parts(&out->unsent, parts, count);
    } else if (out->h2.session) {
        sc_grpc_put_parts(sc_h2_out(out->h2.session, &out->h2), parts, count);
        sc_h2_flush(&out->h2);
    }
}

bool sc_grpc_call_is_over(const sc_grpc_call_op *op)
{
    return ((const sc_grpc_out *)op->internal)->is_complete;
}

void sc_grpc_call_half_close(sc_grpc_call_op *op)
{
    sc_grpc_out *out = op->internal;

    if (out->is_complete || out->is_half_closed)
        return;
    out->is_half_closed = true;
    if (out->is_started)
        sc_h2_finish(&out->h2, NULL);
}

bool sc_grpc_call_is_congested(sc_grpc_call_op *op)
{
    sc_grpc_out *out = op->internal;

    if (out->is_complete)
        return false;
    if (out->is_started)
        return sc_h2_is_congested(&out->h2);
    out->wants_drained = sc_buf_len(&out->unsent) >= UNSENT_MAX;
    return out->wants_drained;
}

static void tell_drained(sc_grpc_out *out)
{
    out->wants_drained = false;
    if (out->op->events && out->op->events->on_drained)
        out->op->events->on_drained(out->op);
}

void sc_grpc_out_drained(sc_h2_stream *h2)
{
    tell_drained(SC_CONTAINER_OF(h2, sc_grpc_out, h2));
}

/* ---- the answer ---- */

static sc_code code_of_reset(uint32_t code)
{
    switch (code) {
    case SC_H2_REFUSED_STREAM:
        return SC_UNAVAILABLE;
    case SC_H2_CANCEL:
        return SC_CANCELLED;
    case SC_H2_ENHANCE_YOUR_CALM:
    case SC_H2_FLOW_CONTROL_ERROR:
        return SC_EXHAUSTED;
    case SC_H2_INADEQUATE_SECURITY:
        return SC_PERMISSION_DENIED;
    default:
        return SC_INTERNAL;
    }
}

static bool is_grpc_answer(const sc_h2_stream *h2)
{
    const sc_str *type = sc_pairs_get(&h2->headers, SC_STR("content-type"));

    return type && sc_str_starts_nocase(*type, SC_STR("application/grpc"));
}

/* An answer of something that is no gRPC server, a proxy for example. */
static void fail_as_http(sc_grpc_out *out)
{
    const sc_h2_stream *h2 = &out->h2;
    const sc_str *type = sc_pairs_get(&h2->headers, SC_STR("content-type"));
    char cause[200];

    if (type)
        snprintf(cause, sizeof(cause), "transport: received unexpected content-type \"%.*s\"",
                 (int)(type->len < 100 ? type->len : 100), type->at);
    else
        snprintf(cause, sizeof(cause), "malformed header: missing HTTP content-type");
    if (h2->status == 200)
        (void)sc_fail(&out->op->op.err, SC_UNKNOWN, "%s", cause);
    else
        (void)sc_fail(&out->op->op.err, sc_grpc_code_of_http(h2->status),
                      "unexpected HTTP status code received from server: %d (%s); %s", h2->status,
                      sc_http_status_text(h2->status), cause);
}

static void hand_on_headers(sc_grpc_out *out)
{
    sc_grpc_call_op *op = out->op;
    sc_error err;

    if (sc_grpc_metadata_from(&out->h2.headers, op->op.mem, &op->headers, &err) != SC_OK)
        sc_grpc_out_give_up(out, err.code, err.text);
    else if (op->events->on_headers)
        op->events->on_headers(op);
}

void sc_grpc_out_head(sc_h2_stream *h2)
{
    sc_grpc_out *out = SC_CONTAINER_OF(h2, sc_grpc_out, h2);
    const sc_str *value;

    if (h2->is_head_too_long) {
        sc_grpc_out_give_up(out, SC_INTERNAL, "peer header list size exceeded limit");
        return;
    }
    if (!is_grpc_answer(h2) && !sc_pairs_get(&h2->headers, SC_STR("grpc-status"))) {
        fail_as_http(out);
        sc_h2_reset(h2, SC_H2_CANCEL);
        sc_grpc_out_complete(out);
        return;
    }
    value = sc_pairs_get(&h2->headers, SC_STR("grpc-encoding"));
    if (value && !sc_str_eq(*value, SC_STR("identity")))
        out->inbox.encoding = *value;
    if (out->op->events && !h2->is_remote_done)
        hand_on_headers(out);
}

/* One message. False when the call ended over it. */
static bool take_message(sc_grpc_out *out, sc_str message)
{
    if (out->op->events) {
        out->op->events->on_message(out->op, message);
        return !out->is_complete;
    }
    if (out->has_answer) {
        sc_grpc_out_give_up(out, SC_INTERNAL,
                            "cardinality violation: expected <EOF> for non server-streaming RPCs, "
                            "but received another message");
        return false;
    }
    out->has_answer = true;
    out->op->answer = message;
    return true;
}

/* Hands on the messages in `bytes`; what is left when the owner paused stays there. False when the
 * call is over. */
static bool take_messages(sc_grpc_out *out, sc_str *bytes)
{
    sc_str message;
    sc_error err;
    sc_code code;

    while (bytes->len && !out->is_paused) {
        code = sc_grpc_inbox_take(&out->inbox, bytes, &message, &err);
        if (code == SC_PENDING)
            return true;
        if (code != SC_OK) {
            sc_grpc_out_give_up(out, err.code, err.text);
            return false;
        }
        if (!take_message(out, message))
            return false;
    }
    return true;
}

void sc_grpc_out_data(sc_h2_stream *h2, const char *at, size_t len)
{
    sc_grpc_out *out = SC_CONTAINER_OF(h2, sc_grpc_out, h2);
    sc_str bytes = {at, len};

    if (!sc_buf_len(&out->paused) && !take_messages(out, &bytes))
        return;
    sc_h2_consumed(h2, len - bytes.len);
    if (bytes.len)
        sc_buf_add_str(&out->paused, bytes); /* at most the stream's window */
}

void sc_grpc_call_pause(sc_grpc_call_op *op)
{
    ((sc_grpc_out *)op->internal)->is_paused = true;
}

void sc_grpc_call_resume(sc_grpc_call_op *op)
{
    sc_grpc_out *out = op->internal;

    if (!out->is_paused || out->is_complete)
        return;
    out->is_paused = false;
    sc_loop_at_turn_end(out->channel->loop, &out->resume);
}

static void on_resume(sc_turn_hook *hook)
{
    sc_grpc_out *out = SC_CONTAINER_OF(hook, sc_grpc_out, resume);
    sc_str bytes = sc_buf_str(&out->paused);
    size_t taken = bytes.len;

    if (!take_messages(out, &bytes))
        return;
    taken -= bytes.len;
    sc_buf_eat(&out->paused, taken);
    sc_h2_consumed(&out->h2, taken);
    if (out->is_ended && !sc_buf_len(&out->paused))
        take_end(out);
}

/* The status in the trailers, or in the only header list of a trailers-only answer. */
static void take_status(sc_grpc_out *out)
{
    sc_h2_stream *h2 = &out->h2;
    sc_grpc_call_op *op = out->op;
    const sc_pairs *from = h2->trailers.count ? &h2->trailers : &h2->headers;
    const sc_str *status = sc_pairs_get(from, SC_STR("grpc-status"));
    const sc_str *text = sc_pairs_get(from, SC_STR("grpc-message"));
    sc_str message = SC_STR_NONE;
    sc_code code;

    if (!status) {
        (void)sc_fail(&op->op.err, SC_INTERNAL,
                      "server closed the stream without sending trailers");
        return;
    }
    code = sc_grpc_status_from(*status);
    if (text)
        message = sc_grpc_message_decode(*text, op->op.mem);
    if (from == &h2->trailers && !op->events &&
        sc_grpc_metadata_from(&h2->headers, op->op.mem, &op->headers, &op->op.err) != SC_OK)
        return;
    if (sc_grpc_metadata_from(from, op->op.mem, &op->trailers, &op->op.err) != SC_OK)
        return;
    if (code != SC_OK) {
        (void)sc_fail(&op->op.err, code, "%.*s", SC_FMT(message));
        op->message = message;
    } else if (sc_grpc_inbox_is_inside(&out->inbox)) {
        (void)sc_fail(&op->op.err, SC_INTERNAL, "unexpected EOF");
    } else if (!out->has_answer && !op->events) {
        (void)sc_fail(&op->op.err, SC_INTERNAL,
                      "cardinality violation: received no response message from "
                      "non-server-streaming RPC");
    }
}

/* The answer was handed on to its end. */
static void take_end(sc_grpc_out *out)
{
    take_status(out);
    out->is_answer_over = true;
    sc_h2_reset(&out->h2, SC_H2_NO_ERROR); /* if it is open still: the request is not whole */
    sc_grpc_out_complete(out);
}

void sc_grpc_out_end(sc_h2_stream *h2)
{
    sc_grpc_out *out = SC_CONTAINER_OF(h2, sc_grpc_out, h2);

    out->is_ended = true;
    if (sc_buf_len(&out->paused))
        return; /* on_resume ends it */
    if (!h2->is_local_done) {
        take_end(out);
        return;
    }
    take_status(out);
    out->is_answer_over = true; /* on_closed follows at once */
}

void sc_grpc_out_closed(sc_h2_stream *h2, const sc_h2_end *end)
{
    sc_grpc_out *out = SC_CONTAINER_OF(h2, sc_grpc_out, h2);
    sc_error *err = &out->op->op.err;

    if (out->is_ended && !out->is_answer_over)
        return; /* whole, but not handed on yet */
    if (out->is_answer_over) {
        sc_grpc_out_complete(out);
        return;
    }
    if (end->is_unprocessed && !out->is_resent && !out->channel->is_closing &&
        !out->op->is_request_open) {
        out->is_resent = true;
        out->has_answer = false;
        sc_grpc_inbox_deinit(&out->inbox);
        sc_grpc_channel_place(out->channel, out);
        return;
    }
    out->op->is_unreached = end->is_unprocessed;
    if (end->lost)
        (void)sc_fail(err, SC_UNAVAILABLE, "error reading from server: %s", end->lost->text);
    else
        (void)sc_fail(err, code_of_reset(end->code),
                      "stream terminated by RST_STREAM with error code: %s",
                      sc_h2_code_name(end->code));
    sc_grpc_out_complete(out);
}

/* ---- the end ---- */

static void on_deadline(sc_timer *timer)
{
    sc_grpc_out_give_up(SC_CONTAINER_OF(timer, sc_grpc_out, deadline), SC_DEADLINE,
                        "context deadline exceeded");
}

void sc_grpc_out_give_up(sc_grpc_out *out, sc_code code, const char *text)
{
    if (out->is_complete)
        return;
    out->op->is_unreached = !out->h2.session && !out->is_answer_over;
    (void)sc_fail(&out->op->op.err, code, "%s", text);
    sc_h2_reset(&out->h2, SC_H2_CANCEL);
    sc_grpc_out_complete(out);
}

void sc_grpc_out_complete(sc_grpc_out *out)
{
    if (out->is_complete)
        return;
    out->is_complete = true;
    if (out->wait.next != &out->wait) {
        sc_list_remove(&out->wait);
        out->channel->waiting_count--;
    }
    sc_list_remove(&out->link);
    sc_timer_stop(&out->deadline);
    sc_loop_forget_hook(&out->resume);
    sc_buf_deinit(&out->unsent);
    sc_buf_deinit(&out->paused);
    sc_grpc_inbox_deinit(&out->inbox);
    if (out->op->op.err.code != SC_OK) {
        out->op->answer = SC_STR_NONE;
        if (!out->op->message.at)
            out->op->message = sc_str_from(out->op->op.err.text);
    }
    sc_op_finish(&out->op->op);
}
