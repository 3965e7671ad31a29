/* SPDX-License-Identifier: MIT
 *
 * Proxied calls. Two streams are joined: `in`, the client's, and `out`, to the application or the
 * next sidecar. What one says is said to the other; what one cannot take makes the other wait.
 *
 * Messages are kept as long as nobody can have seen them and they are few, so that a call whose
 * connection never came about goes to another instance.
 */
#include "block/proxy.h"

#include <stdlib.h>

#include "wire/traceparent.h"

#define KEPT_MAX      (64u * 1024u)
#define FAILOVERS_MAX 16u

struct sc_proxy {
    sc_proxy_settings set;
};

struct sc_proxy_call {
    sc_grpc_call_op out; /* first: the channel's events and done find the call by a cast */
    sc_proxy *proxy;
    sc_grpc_stream *in;
    sc_grpc_channel *channel;
    sc_peer *peer; /* NULL: the own application */
    sc_name_op name;
    sc_pairs metadata;
    sc_str app_id;
    sc_str namespace_;
    sc_buf kept; /* messages so far, each behind its length */
    uint32_t failovers;
    bool is_keeping; /* `kept` is all there was */
    bool is_half_closed;
    bool is_sent;      /* `out` is under way */
    bool is_resolving; /* `name` is */
    bool is_over;      /* the client has its status, or is gone */
};

static void resolve(sc_proxy_call *call);
static void on_resolved(sc_op *op);
static void send(sc_proxy_call *call, sc_grpc_channel *channel);
static void on_headers(sc_grpc_call_op *out);
static void on_message(sc_grpc_call_op *out, sc_str message);
static void on_out_drained(sc_grpc_call_op *out);
static void on_done(sc_op *done);

static const sc_grpc_call_events events = {
    .on_headers = on_headers, .on_message = on_message, .on_drained = on_out_drained};

sc_proxy *sc_proxy_new(const sc_proxy_settings *settings)
{
    sc_proxy *proxy = sc_new(sc_proxy);

    proxy->set = *settings;
    return proxy;
}

void sc_proxy_free(sc_proxy *proxy)
{
    free(proxy);
}

bool sc_proxy_find_target(const sc_grpc_stream *stream, sc_str *target)
{
    const sc_str *named = sc_pairs_get(&stream->metadata, SC_STR("dapr-app-id"));

    if (!named)
        named = sc_pairs_get(&stream->metadata, SC_STR("dapr-callee-app-id"));
    if (named)
        *target = *named;
    return named != NULL;
}

/* ---- metadata ---- */

/* What each connection says for itself. */
static bool is_of_connection(sc_str name)
{
    return sc_str_eq(name, SC_STR("content-type")) || sc_str_eq(name, SC_STR("user-agent")) ||
           sc_str_eq(name, SC_STR("grpc-accept-encoding"));
}

static void copy_metadata(sc_proxy_call *call, bool drops_token, bool drops_trace)
{
    const sc_pairs *from = &call->in->metadata;
    sc_arena *mem = &call->in->call->mem;

    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = from->at[i].name;

        if (is_of_connection(name) || sc_str_eq(name, SC_STR("dapr-app-id")) ||
            (drops_token && sc_str_eq(name, SC_STR("dapr-api-token"))) ||
            (drops_trace &&
             (sc_str_eq(name, SC_STR("traceparent")) || sc_str_eq(name, SC_STR("grpc-trace-bin")))))
            continue;
        sc_pairs_add(&call->metadata, mem, name, from->at[i].value);
    }
}

/* For another sidecar: who calls whom, and the trace. */
static void fill_for_peer(sc_proxy_call *call, const sc_trace *trace)
{
    const sc_proxy_settings *set = &call->proxy->set;
    sc_arena *mem = &call->in->call->mem;
    sc_trace_context context;

    copy_metadata(call, set->api_token.len > 0, trace != NULL);
    sc_pairs_add(&call->metadata, mem, SC_STR("dapr-caller-app-id"), set->app_id);
    sc_pairs_add(&call->metadata, mem, SC_STR("dapr-callee-app-id"), call->app_id);
    if (!trace)
        return;
    sc_pairs_add(&call->metadata, mem, SC_STR("traceparent"),
                 trace->parent.len > 0 ? trace->parent : SC_TRACEPARENT_NONE);
    if (sc_traceparent_parse(trace->parent, &context))
        sc_pairs_add(&call->metadata, mem, SC_STR("grpc-trace-bin"),
                     sc_trace_bin_format(&context, sc_arena_alloc(mem, SC_TRACE_BIN_LEN)));
}

/* For the own application, where the token is the application's. */
static void fill_for_own(sc_proxy_call *call, bool drops_token)
{
    const sc_proxy_settings *set = &call->proxy->set;

    copy_metadata(call, drops_token || set->app_api_token.len > 0, false);
    if (set->app_api_token.len > 0)
        sc_pairs_add(&call->metadata, &call->in->call->mem, SC_STR("dapr-api-token"),
                     set->app_api_token);
}

/* ---- beginning ---- */

static sc_proxy_call *new_call(sc_proxy *proxy, sc_grpc_stream *stream)
{
    sc_proxy_call *call = sc_call_make(stream->call, sc_proxy_call);

    call->proxy = proxy;
    call->in = stream;
    call->is_keeping = true;
    return call;
}

static void end(sc_proxy_call *call, sc_code code, const char *text)
{
    call->is_over = true;
    sc_buf_deinit(&call->kept);
    sc_grpc_finish(call->in, code, sc_str_from(text), SC_STR_NONE);
}

static void begin_own(sc_proxy_call *call, bool drops_token)
{
    const sc_proxy_settings *set = &call->proxy->set;
    sc_error err;

    if (sc_invoke_check_access(set->invoker, call->in->path, SC_STR("NONE"), &err) != SC_OK) {
        end(call, err.code, err.text);
    } else if (!set->own) {
        end(call, SC_UNAVAILABLE,
            "connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:0: "
            "connect: connection refused\"");
    } else {
        fill_for_own(call, drops_token);
        send(call, set->own);
    }
}

sc_proxy_call *sc_proxy_begin_own(sc_proxy *proxy, sc_grpc_stream *stream)
{
    sc_proxy_call *call = new_call(proxy, stream);

    begin_own(call, true);
    return call;
}

sc_proxy_call *sc_proxy_begin(sc_proxy *proxy, sc_grpc_stream *stream, sc_str target,
                              const sc_trace *trace)
{
    const sc_proxy_settings *set = &proxy->set;
    sc_proxy_call *call = new_call(proxy, stream);
    sc_error err;

    if (sc_invoke_split_target(target, set->namespace_, &call->app_id, &call->namespace_, &err) !=
        SC_OK) {
        end(call, SC_UNKNOWN, err.text);
    } else if (sc_str_eq(call->app_id, set->app_id) &&
               sc_str_eq(call->namespace_, set->namespace_)) {
        begin_own(call, set->api_token.len > 0);
    } else {
        fill_for_peer(call, trace);
        resolve(call);
    }
    return call;
}

/* ---- another sidecar ---- */

static void go_to_peer(sc_proxy_call *call)
{
    sc_error err;

    if (sc_peers_get(call->proxy->set.peers, call->name.address, &call->peer, &err) != SC_OK) {
        call->peer = NULL;
        end(call, SC_UNKNOWN, err.text);
        return;
    }
    sc_peer_hold(call->peer);
    send(call, sc_peer_channel(call->peer));
}

static void resolve(sc_proxy_call *call)
{
    sc_name_op *name = &call->name;
    sc_code code;

    if (!call->proxy->set.names) {
        end(call, SC_UNKNOWN, "name resolver not initialized");
        return;
    }
    *name = (sc_name_op){.app_id = call->app_id, .namespace_ = call->namespace_};
    sc_op_init(&name->op, sc_loop_ops(call->proxy->set.loop), &call->in->call->mem, on_resolved);
    code = sc_names_look_up(call->proxy->set.names, name);
    if (code == SC_OK) {
        go_to_peer(call);
    } else if (code != SC_PENDING) {
        end(call, SC_UNKNOWN, name->op.err.text);
    } else {
        call->is_resolving = true;
        sc_call_ref(call->in->call);
        sc_grpc_pause(call->in);
    }
}

static void on_resolved(sc_op *op)
{
    sc_proxy_call *call = SC_CONTAINER_OF(op, sc_proxy_call, name.op);
    sc_call *in_call = call->in->call;

    call->is_resolving = false;
    sc_grpc_resume(call->in);
    if (!call->is_over && op->err.code == SC_OK)
        go_to_peer(call);
    else if (!call->is_over)
        end(call, SC_UNKNOWN, op->err.text);
    sc_call_unref(in_call);
}

/* ---- the request ---- */

/* What is left of the client's deadline; 0: it has none. */
static uint64_t time_left_ms(const sc_proxy_call *call)
{
    uint64_t now = sc_loop_now_ms(call->proxy->set.loop);

    if (call->in->deadline_ms == 0)
        return 0;
    return call->in->deadline_ms > now ? call->in->deadline_ms - now : 1;
}

/* Writes again what was kept. */
static void replay(sc_proxy_call *call)
{
    sc_str rest = sc_buf_str(&call->kept);
    uint32_t len;

    while (rest.len >= sizeof(len)) {
        sc_str message;

        memcpy(&len, rest.at, sizeof(len));
        message = sc_str_sub(rest, sizeof(len), sizeof(len) + len);
        rest = sc_str_sub(rest, sizeof(len) + len, rest.len);
        sc_grpc_call_write(&call->out, &message, 1);
    }
}

static void send(sc_proxy_call *call, sc_grpc_channel *channel)
{
    call->channel = channel;
    call->out = (sc_grpc_call_op){.path = call->in->path,
                                  .metadata = &call->metadata,
                                  .is_request_open = true,
                                  .timeout_ms = time_left_ms(call),
                                  .events = &events};
    sc_op_init(&call->out.op, sc_loop_ops(call->proxy->set.loop), &call->in->call->mem, on_done);
    call->is_sent = true;
    sc_call_ref(call->in->call);
    sc_grpc_channel_send(channel, &call->out);
    if (!call->is_sent) /* refused at once: on_done has it */
        return;
    replay(call);
    if (call->is_half_closed)
        sc_grpc_call_half_close(&call->out);
}

static void keep(sc_proxy_call *call, sc_str message)
{
    uint32_t len = (uint32_t)message.len;

    if (!call->is_keeping)
        return;
    if (sc_buf_len(&call->kept) + message.len > KEPT_MAX) {
        call->is_keeping = false;
        sc_buf_deinit(&call->kept);
        return;
    }
    sc_buf_add(&call->kept, &len, sizeof(len));
    sc_buf_add_str(&call->kept, message);
}

void sc_proxy_message(sc_proxy_call *call, sc_str message)
{
    if (call->is_over)
        return;
    if (call->peer || !call->is_sent)
        keep(call, message);
    if (!call->is_sent)
        return;
    sc_grpc_call_write(&call->out, &message, 1);
    if (sc_grpc_call_is_congested(&call->out))
        sc_grpc_pause(call->in);
}

void sc_proxy_half_close(sc_proxy_call *call)
{
    call->is_half_closed = true;
    if (call->is_sent && !call->is_over)
        sc_grpc_call_half_close(&call->out);
}

void sc_proxy_cancelled(sc_proxy_call *call)
{
    if (call->is_over)
        return;
    call->is_over = true;
    sc_buf_deinit(&call->kept);
    if (call->is_sent)
        sc_grpc_channel_cancel(call->channel, &call->out);
}

static void on_out_drained(sc_grpc_call_op *out)
{
    sc_grpc_resume(((sc_proxy_call *)out)->in);
}

/* ---- the answer ---- */

/* Somebody has seen the request: it is not sent again. */
static void stop_keeping(sc_proxy_call *call)
{
    call->is_keeping = false;
    sc_buf_deinit(&call->kept);
}

static void on_headers(sc_grpc_call_op *out)
{
    sc_proxy_call *call = (sc_proxy_call *)out;

    stop_keeping(call);
    for (uint32_t i = 0; i < out->headers.count; i++) {
        if (!is_of_connection(out->headers.at[i].name))
            sc_grpc_set_header(call->in, out->headers.at[i].name, out->headers.at[i].value);
    }
    sc_grpc_send_headers(call->in);
}

static void on_message(sc_grpc_call_op *out, sc_str message)
{
    sc_proxy_call *call = (sc_proxy_call *)out;

    sc_grpc_send(call->in, message);
    if (sc_grpc_is_congested(call->in))
        sc_grpc_call_pause(out);
}

void sc_proxy_drained(sc_proxy_call *call)
{
    if (call->is_sent && !call->is_over)
        sc_grpc_call_resume(&call->out);
}

/* The same call to another instance, if the connection to this one never came about. */
static bool fails_over(sc_proxy_call *call)
{
    const sc_proxy_settings *set = &call->proxy->set;
    sc_code code = call->out.op.err.code;
    bool is_last = call->name.is_last;

    if (!call->peer || (code != SC_UNAVAILABLE && code != SC_UNAUTHENTICATED))
        return false;
    sc_peers_drop(set->peers, call->name.address);
    sc_names_doubt(set->names, call->name.address);
    sc_peer_release(call->peer);
    call->peer = NULL;
    if (call->is_over || !call->out.is_unreached || is_last || !call->is_keeping ||
        call->failovers++ >= FAILOVERS_MAX)
        return false;
    resolve(call);
    return true;
}

static void pass_on_status(sc_proxy_call *call)
{
    const sc_pairs *trailers = &call->out.trailers;
    const sc_str *details = sc_pairs_get(trailers, SC_STR("grpc-status-details-bin"));

    for (uint32_t i = 0; i < trailers->count; i++) {
        if (!is_of_connection(trailers->at[i].name) &&
            !sc_str_eq(trailers->at[i].name, SC_STR("grpc-status-details-bin")))
            sc_grpc_set_trailer(call->in, trailers->at[i].name, trailers->at[i].value);
    }
    call->is_over = true;
    sc_grpc_finish(call->in, call->out.op.err.code, call->out.message,
                   details ? *details : SC_STR_NONE);
}

static void on_done(sc_op *done)
{
    sc_proxy_call *call = (sc_proxy_call *)done;
    sc_call *in_call = call->in->call;

    call->is_sent = false;
    if (!fails_over(call) && !call->is_over)
        pass_on_status(call);
    if (!call->is_sent && !call->is_resolving)
        sc_buf_deinit(&call->kept);
    if (call->peer && !call->is_sent) {
        sc_peer_release(call->peer);
        call->peer = NULL;
    }
    sc_call_unref(in_call);
}
