/* SPDX-License-Identifier: MIT
 *
 * Invocations that other sidecars pass on. What the application answers, whatever it is, is an
 * answer; only when there is none, or it breaks off, the rpc fails.
 *
 * A small answer leaves as one message: its head waits to the end of the turn for the body behind
 * it.
 */
#include "listen/peer.h"

#include "wire/invoke.h"

typedef struct peer_call {
    sc_invocation inv; /* first: the block's events and done find the call by a cast */
    sc_peer_port *port;
    sc_grpc_stream *stream;
    sc_turn_hook flush; /* the head alone, or the request's start alone */
    sc_trace trace;
    sc_str caller;     /* application ID; empty: not said */
    uint64_t next_seq; /* of the next payload received */
    uint64_t sent_seq;
    sc_buf body; /* CallLocal: the answer's */
    bool is_unary;
    bool has_first;
    bool is_started;
    bool is_over; /* done came, or will not matter */
    bool is_head_sent;
} peer_call;

static void start(peer_call *call);
static void on_flush(sc_turn_hook *hook);
static void on_head(sc_invoke_op *op);
static void on_data(sc_invoke_op *op, const char *at, size_t len);
static void on_drained(sc_invoke_op *op);
static void on_done(sc_invocation *inv);

static const sc_invoke_events events = {
    .on_head = on_head, .on_data = on_data, .on_drained = on_drained};

/* ---- what is asked ---- */

static void refuse(sc_grpc_stream *stream, sc_code code, const char *text)
{
    sc_grpc_finish(stream, code, sc_str_from(text), SC_STR_NONE);
}

static peer_call *new_call(sc_grpc_stream *stream)
{
    peer_call *call = sc_call_make(stream->call, peer_call);
    sc_invocation *inv = &call->inv;

    call->port = stream->user;
    call->stream = stream;
    call->flush.run = on_flush;
    inv->call = stream->call;
    inv->op.events = &events;
    inv->done = on_done;
    stream->user = call;
    return call;
}

static sc_str metadata_of(const peer_call *call, sc_str name)
{
    const sc_str *value = sc_pairs_get(&call->stream->metadata, name);

    return value ? *value : SC_STR_NONE;
}

/* The context of a span of this sidecar's; none when tracing is off. */
static void begin_trace(peer_call *call)
{
    sc_tracer *tracer = &call->port->observe->tracer;
    sc_arena *mem = &call->stream->call->mem;
    sc_str bin = metadata_of(call, SC_STR("grpc-trace-bin"));
    sc_str state = metadata_of(call, SC_STR("tracestate"));

    if (tracer->mode == SC_TRACE_OFF)
        return;
    call->trace =
        bin.len > 0 ? sc_trace_begin_bin(tracer, bin, state, mem)
                    : sc_trace_begin(tracer, metadata_of(call, SC_STR("traceparent")), state, mem);
    call->inv.op.trace = &call->trace;
}

/* The last of a name: what the calling sidecar itself says comes behind what its client said. */
static sc_str last_of(const sc_pairs *pairs, sc_str name)
{
    for (uint32_t i = pairs->count; i-- > 0;) {
        if (sc_str_eq_nocase(pairs->at[i].name, name))
            return pairs->at[i].value;
    }
    return SC_STR_NONE;
}

/* Whether the call is for this sidecar: another may have had its port before. */
static bool is_for_us(const peer_call *call, sc_error *err)
{
    sc_str meant = last_of(&call->inv.op.ask.metadata, SC_STR("dapr-callee-app-id"));

    if (meant.len == 0 || sc_str_eq(meant, call->port->app_id))
        return true;
    (void)sc_fail(err, SC_UNAVAILABLE, "this is the sidecar of %.*s, not of %.*s",
                  SC_FMT(call->port->app_id), SC_FMT(meant));
    return false;
}

/* Names as everybody here expects them. */
static void lower_names(sc_pairs *pairs, sc_arena *mem)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        pairs->at[i].name = sc_arena_lower(mem, pairs->at[i].name);
}

/* As the access rules have it; either way it is a call that came. */
static bool is_allowed(peer_call *call, sc_error *err)
{
    const sc_invoke_request *ask = &call->inv.op.ask;
    bool has_slash = sc_str_starts(ask->method, SC_STR("/"));
    sc_str operation = sc_str_sub(ask->method, has_slash, ask->method.len);
    sc_code code =
        sc_invoke_check_access(call->port->invoker, operation, sc_invoke_verb_name(ask->verb), err);

    call->caller = last_of(&ask->metadata, SC_STR("dapr-caller-app-id"));
    sc_invoke_stats_received(sc_invoker_stats(call->port->invoker), call->caller, code == SC_OK);
    return code == SC_OK;
}

/* The request is unpacked: is it one, and may it be? */
static bool check(peer_call *call, sc_error *err)
{
    sc_invoke_request *ask = &call->inv.op.ask;
    sc_arena *mem = &call->stream->call->mem;

    lower_names(&ask->metadata, mem);
    if (ask->version == 0) {
        (void)sc_fail(err, SC_INTERNAL,
                      "error invoking app channel: rpc error: code = Unimplemented desc = "
                      "Unsupported spec version: 0");
        return false;
    }
    return sc_invoke_clean_method(ask->method, mem, &ask->method, err) == SC_OK &&
           is_for_us(call, err) && is_allowed(call, err);
}

/* What the caller said about the length, for the application to hear the same. */
static uint64_t announced_len(const sc_invoke_request *ask)
{
    sc_str text = last_of(&ask->metadata, SC_STR("content-length"));
    uint64_t len;

    return sc_str_to_u64(text, &len) ? len : SC_HTTP_LEN_UNKNOWN;
}

/* ---- CallLocalStream ---- */

static bool take_first(peer_call *call, const sc_invoke_chunk *chunk, sc_error *err)
{
    sc_invoke_request *ask = &call->inv.op.ask;
    sc_arena *mem = &call->stream->call->mem;

    call->has_first = true;
    if (sc_invoke_request_unpack(sc_arena_str(mem, chunk->head), mem, ask, err) != SC_OK)
        return false;
    if (!chunk->has_head || !ask->has_metadata || !ask->has_message) {
        (void)sc_fail(err, SC_INVALID,
                      "parsing InternalInvokeRequest error: request does not contain the required "
                      "fields in the leading chunk");
        return false;
    }
    ask->data = chunk->payload.len > 0 ? sc_arena_str(mem, chunk->payload) : SC_STR_NONE;
    return check(call, err);
}

/* A broken body is an application call that fails. */
static bool take_next(peer_call *call, const sc_invoke_chunk *chunk, sc_error *err)
{
    if (chunk->has_head)
        (void)sc_fail(err, SC_INTERNAL,
                      "error invoking app channel: request metadata found in non-leading chunk");
    else if (chunk->has_payload && chunk->seq != call->next_seq)
        (void)sc_fail(err, SC_INTERNAL,
                      "error invoking app channel: invalid sequence number received: %llu "
                      "(expected: %llu)",
                      (unsigned long long)chunk->seq, (unsigned long long)call->next_seq);
    else
        return true;
    return false;
}

static void give_up(peer_call *call, const sc_error *err)
{
    bool was_over = call->is_over;

    call->is_over = true;
    sc_loop_forget_hook(&call->flush);
    refuse(call->stream, err->code, err->text);
    if (call->is_started && !was_over)
        sc_invocation_cancel(&call->inv);
}

static void stream_message(sc_grpc_stream *stream, sc_str message)
{
    peer_call *call = stream->user;
    bool is_first = !call->has_first;
    sc_invoke_chunk chunk;
    sc_error err;

    if (sc_invoke_chunk_unpack(message, &chunk, &err) != SC_OK ||
        !(is_first ? take_first(call, &chunk, &err) : take_next(call, &chunk, &err))) {
        give_up(call, &err);
        return;
    }
    call->next_seq += chunk.has_payload;
    if (is_first) { /* it may be whole: the end of the turn tells */
        sc_loop_at_turn_end(call->port->loop, &call->flush);
        return;
    }
    if (!call->is_started)
        start(call);
    if (chunk.payload.len > 0 && !call->is_over)
        sc_invoke_write(&call->inv.op, chunk.payload.at, chunk.payload.len);
    if (!call->is_over && sc_invoke_is_congested(&call->inv.op))
        sc_grpc_pause(stream);
}

/* The body is whole. One whose length nobody told goes on in chunks, as it came. */
static void begin_whole(peer_call *call)
{
    sc_invoke_op *op = &call->inv.op;
    bool is_chunked = announced_len(&op->ask) == SC_HTTP_LEN_UNKNOWN && op->ask.data.len > 0;

    op->body_len = is_chunked ? SC_HTTP_LEN_UNKNOWN : op->ask.data.len;
    op->is_body_open = false;
    sc_loop_forget_hook(&call->flush);
    call->is_started = true;
    sc_invoke_own(call->port->invoker, &call->inv);
}

static void stream_half_close(sc_grpc_stream *stream)
{
    peer_call *call = stream->user;
    sc_error err;

    if (!call->has_first) {
        (void)sc_fail(&err, SC_INVALID,
                      "parsing InternalInvokeRequest error: request does not contain the required "
                      "fields in the leading chunk");
        give_up(call, &err);
    } else if (call->is_started) {
        if (!call->is_over)
            sc_invoke_write_end(&call->inv.op);
    } else {
        begin_whole(call);
    }
}

/* The body is not whole yet. */
static void start(peer_call *call)
{
    sc_invoke_op *op = &call->inv.op;

    op->body_len = announced_len(&op->ask);
    op->is_body_open = true;
    sc_loop_forget_hook(&call->flush);
    call->is_started = true;
    sc_invoke_own(call->port->invoker, &call->inv);
}

static void stream_open(sc_grpc_stream *stream)
{
    begin_trace(new_call(stream));
}

static void on_cancelled(sc_grpc_stream *stream)
{
    peer_call *call = stream->user;
    bool was_over = call->is_over;

    call->is_over = true;
    sc_loop_forget_hook(&call->flush);
    if (call->is_started && !was_over)
        sc_invocation_cancel(&call->inv);
}

static void on_stream_drained(sc_grpc_stream *stream)
{
    peer_call *call = stream->user;

    if (call->is_started && !call->is_over)
        sc_invoke_set_paused(&call->inv.op, false);
}

static void on_drained(sc_invoke_op *op)
{
    sc_grpc_resume(((peer_call *)op)->stream);
}

/* ---- CallLocal ---- */

static void unary_message(sc_grpc_stream *stream, sc_str message)
{
    peer_call *call = stream->user;
    sc_invoke_request *ask = &call->inv.op.ask;
    sc_error err;

    call->is_unary = true;
    if (sc_invoke_request_unpack(message, &stream->call->mem, ask, &err) != SC_OK) {
        give_up(call, &err);
        return;
    }
    if (!ask->has_message) {
        (void)sc_fail(&err, SC_INVALID,
                      "parsing InternalInvokeRequest error: field Message is nil");
        give_up(call, &err);
        return;
    }
    if (!check(call, &err)) {
        give_up(call, &err);
        return;
    }
    begin_whole(call);
}

/* ---- what is answered ---- */

static void on_head(sc_invoke_op *op)
{
    peer_call *call = (peer_call *)op;

    if (!call->is_over && !call->is_unary)
        sc_loop_at_turn_end(call->port->loop, &call->flush);
}

/* The head with a first piece of the body, which may be empty. */
static void send_head(peer_call *call, const char *at, size_t len)
{
    sc_str head = sc_invoke_response_open(&call->inv.op.answer, len, &call->stream->call->mem);
    char *room = sc_grpc_send_room(call->stream, head.len + len);

    memcpy(room, head.at, head.len);
    if (len > 0)
        memcpy(room + head.len, at, len);
    sc_grpc_send_commit(call->stream, head.len + len);
    sc_loop_forget_hook(&call->flush);
    call->is_head_sent = true;
    call->sent_seq = len > 0;
}

static void on_flush(sc_turn_hook *hook)
{
    peer_call *call = SC_CONTAINER_OF(hook, peer_call, flush);

    if (!call->is_started)
        start(call);
    else if (call->inv.op.has_head && !call->is_head_sent)
        send_head(call, NULL, 0);
}

/* CallLocal has no parts: the answer is one message, with a limit as any message. */
static void keep_body(peer_call *call, const char *at, size_t len)
{
    uint64_t max = call->port->max_body_len;
    sc_error err;

    if (max == 0 || sc_buf_len(&call->body) + len <= max) {
        sc_buf_add(&call->body, at, len);
        return;
    }
    (void)sc_fail(&err, SC_EXHAUSTED,
                  "the answer is longer than %llu bytes, the most that CallLocal can carry",
                  (unsigned long long)max);
    give_up(call, &err);
}

static void on_data(sc_invoke_op *op, const char *at, size_t len)
{
    peer_call *call = (peer_call *)op;
    char head[SC_INVOKE_CHUNK_MAX];
    size_t head_len;
    char *room;

    if (call->is_over)
        return;
    if (call->is_unary) {
        keep_body(call, at, len);
        return;
    }
    if (!call->is_head_sent) {
        send_head(call, at, len);
        return;
    }
    head_len = sc_invoke_chunk_open(call->sent_seq++, len, head);
    room = sc_grpc_send_room(call->stream, head_len + len);
    memcpy(room, head, head_len);
    memcpy(room + head_len, at, len);
    sc_grpc_send_commit(call->stream, head_len + len);
    if (sc_grpc_is_congested(call->stream))
        sc_invoke_set_paused(op, true);
}

/* No answer, or not to its end. */
static void finish_failed(peer_call *call)
{
    sc_invocation *inv = &call->inv;
    sc_arena *mem = &call->stream->call->mem;
    bool has_app = sc_invoker_has_app(call->port->invoker);

    sc_grpc_finish(call->stream, SC_INTERNAL,
                   sc_arena_fmt(mem, "%s%.*s", has_app ? "error invoking app channel: " : "",
                                SC_FMT(inv->failure)),
                   SC_STR_NONE);
}

static void finish_unary(peer_call *call)
{
    sc_invoke_response *answer = &call->inv.op.answer;

    answer->data = sc_buf_str(&call->body);
    sc_grpc_send(call->stream, sc_invoke_response_pack(answer, &call->stream->call->mem));
    sc_grpc_finish(call->stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void finish_stream(peer_call *call)
{
    if (!call->is_head_sent)
        send_head(call, NULL, 0);
    sc_grpc_finish(call->stream, SC_OK, SC_STR_NONE, SC_STR_NONE);
}

static void on_done(sc_invocation *inv)
{
    peer_call *call = (peer_call *)inv;

    if (call->is_over) {
        sc_buf_deinit(&call->body);
        return;
    }
    call->is_over = true;
    sc_loop_forget_hook(&call->flush);
    sc_invoke_stats_answered(sc_invoker_stats(call->port->invoker), call->caller,
                             inv->op.has_head ? inv->op.answer.status : (int)inv->op.op.err.code);
    if (inv->op.op.err.code != SC_OK)
        finish_failed(call);
    else if (call->is_unary)
        finish_unary(call);
    else
        finish_stream(call);
    sc_buf_deinit(&call->body);
}

/* ---- other services, for the application ---- */

static void proxy_open(sc_grpc_stream *stream)
{
    const sc_peer_port *port = stream->user;
    sc_str target;

    if (sc_proxy_find_target(stream, &target))
        stream->user = sc_proxy_begin_own(port->proxy, stream);
    else
        refuse(stream, SC_UNKNOWN,
               "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not "
               "found");
}

static void proxy_message(sc_grpc_stream *stream, sc_str message)
{
    sc_proxy_message(stream->user, message);
}

static void proxy_half_close(sc_grpc_stream *stream)
{
    sc_proxy_half_close(stream->user);
}

static void proxy_cancelled(sc_grpc_stream *stream)
{
    sc_proxy_cancelled(stream->user);
}

static void proxy_drained(sc_grpc_stream *stream)
{
    sc_proxy_drained(stream->user);
}

/* ---- the service ---- */

static const sc_grpc_handler call_local_stream = {.on_open = stream_open,
                                                  .on_message = stream_message,
                                                  .on_half_close = stream_half_close,
                                                  .on_cancelled = on_cancelled,
                                                  .on_drained = on_stream_drained};

static const sc_grpc_handler call_local = {.on_open = stream_open,
                                           .on_message = unary_message,
                                           .on_cancelled = on_cancelled,
                                           .is_unary_request = true};

static const sc_grpc_handler proxied = {.on_open = proxy_open,
                                        .on_message = proxy_message,
                                        .on_half_close = proxy_half_close,
                                        .on_cancelled = proxy_cancelled,
                                        .on_drained = proxy_drained};

static const sc_grpc_handler *find(void *self, sc_grpc_stream *stream)
{
    sc_str prefix = SC_STR("/dapr.proto.internals.v1.ServiceInvocation/");
    sc_str method;

    stream->user = self;
    if (!sc_str_starts(stream->path, prefix))
        return &proxied;
    method = sc_str_sub(stream->path, prefix.len, stream->path.len);
    if (sc_str_eq(method, SC_STR("CallLocalStream")))
        return &call_local_stream;
    return sc_str_eq(method, SC_STR("CallLocal")) ? &call_local : NULL;
}

static bool has_service(void *self, sc_str service)
{
    (void)self;
    return sc_str_eq(service, SC_STR("dapr.proto.internals.v1.ServiceInvocation"));
}

const sc_grpc_service sc_peer_service = {.find = find, .has_service = has_service};
