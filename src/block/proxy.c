/* SPDX-License-Identifier: MIT
 *
 * A stream of our server and a call of a channel, and what goes from one to the other. While the
 * target is looked up the stream is paused, so that its messages wait with the client.
 */
#include "block/proxy.h"

#include "wire/traceparent.h"

struct sc_proxied {
    sc_grpc_call_op grpc; /* first: the channel's events and done find the call by a cast */
    const sc_proxy *proxy;
    sc_grpc_stream *stream;
    sc_call *call; /* held until grpc is done, or nothing comes of it */
    sc_grpc_channel *channel;
    sc_peer *peer; /* held; NULL: the call is for the own application */
    sc_name_op name;
    const sc_trace *trace;
    sc_pairs metadata;
    bool is_started;
    bool is_half_closed;
    bool is_over; /* the stream is finished, or gone */
};

static void on_headers(sc_grpc_call_op *grpc);
static void on_message(sc_grpc_call_op *grpc, sc_str message);
static void on_drained(sc_grpc_call_op *grpc);
static void on_done(sc_op *done);
static void on_resolved(sc_op *op);

static const sc_grpc_call_events events = {
    .on_headers = on_headers, .on_message = on_message, .on_drained = on_drained};

/* ---- metadata ---- */

/* What is said anew on each connection. */
static bool is_of_connection(sc_str name)
{
    return name.len == 0 || name.at[0] == ':' || sc_str_eq(name, SC_STR("content-type")) ||
           sc_str_eq(name, SC_STR("user-agent")) || sc_str_eq(name, SC_STR("te")) ||
           sc_str_eq(name, SC_STR("host")) || sc_str_eq(name, SC_STR("grpc-accept-encoding"));
}

static void fill_metadata(sc_proxied *call)
{
    const sc_pairs *from = &call->stream->metadata;
    sc_arena *mem = &call->call->mem;

    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = from->at[i].name;

        if (!is_of_connection(name) && !sc_str_eq(name, SC_STR("dapr-app-id")) &&
            !sc_str_eq(name, SC_STR("dapr-api-token")) &&
            !(call->trace && sc_str_eq(name, SC_STR("traceparent"))))
            sc_pairs_add(&call->metadata, mem, name, from->at[i].value);
    }
}

static void add_for_peer(sc_proxied *call)
{
    sc_arena *mem = &call->call->mem;

    sc_pairs_add(&call->metadata, mem, SC_STR("dapr-caller-app-id"), call->proxy->app_id);
    sc_pairs_add(&call->metadata, mem, SC_STR("dapr-callee-app-id"), call->name.app_id);
    if (call->trace)
        sc_pairs_add(&call->metadata, mem, SC_STR("traceparent"),
                     call->trace->parent.len > 0 ? call->trace->parent : SC_TRACEPARENT_NONE);
}

typedef void (*put_fn)(sc_grpc_stream *stream, sc_str name, sc_str value);

static void put_all(sc_proxied *call, const sc_pairs *from, put_fn put)
{
    for (uint32_t i = 0; i < from->count; i++) {
        sc_str name = from->at[i].name;

        if (!is_of_connection(name) && !sc_str_eq(name, SC_STR("grpc-status-details-bin")))
            put(call->stream, name, from->at[i].value);
    }
}

/* ---- the way ---- */

static sc_str last_of(const sc_pairs *pairs, sc_str name)
{
    for (uint32_t i = pairs->count; i-- > 0;) {
        if (sc_str_eq(pairs->at[i].name, name))
            return pairs->at[i].value;
    }
    return SC_STR_NONE;
}

sc_str sc_proxy_target(const sc_grpc_stream *stream)
{
    const sc_str *id = sc_pairs_get(&stream->metadata, SC_STR("dapr-app-id"));

    return id ? *id : last_of(&stream->metadata, SC_STR("dapr-callee-app-id"));
}

static void finish(sc_proxied *call, sc_code code, const char *text)
{
    call->is_over = true;
    sc_grpc_finish(call->stream, code, sc_str_from(text), SC_STR_NONE);
}

static sc_proxied *new_call(const sc_proxy *proxy, sc_grpc_stream *stream, const sc_trace *trace)
{
    sc_proxied *call = sc_call_make(stream->call, sc_proxied);

    call->proxy = proxy;
    call->stream = stream;
    call->call = stream->call;
    call->trace = trace;
    return call;
}

/* What is left of the client's deadline; 0: there is none. */
static uint64_t time_left(const sc_proxied *call)
{
    uint64_t now_ms = sc_loop_now_ms(call->proxy->loop);

    if (call->stream->deadline_ms == 0)
        return 0;
    return call->stream->deadline_ms > now_ms ? call->stream->deadline_ms - now_ms : 1;
}

static void start(sc_proxied *call, sc_grpc_channel *channel)
{
    sc_grpc_call_op *grpc = &call->grpc;

    call->channel = channel;
    grpc->path = call->stream->path;
    grpc->metadata = &call->metadata;
    grpc->is_request_open = true;
    grpc->timeout_ms = time_left(call);
    grpc->events = &events;
    sc_op_init(&grpc->op, sc_loop_ops(call->proxy->loop), &call->call->mem, on_done);
    sc_call_ref(call->call);
    call->is_started = true;
    sc_grpc_channel_send(channel, grpc);
    if (call->is_half_closed)
        sc_grpc_call_half_close(grpc);
}

/* Without an application that speaks gRPC: as Dapr words what its connection meets. */
static void start_own(sc_proxied *call)
{
    const sc_proxy *proxy = call->proxy;
    sc_error err;

    if (sc_invoke_check_access(proxy->invoker, call->stream->path, SC_STR("NONE"), &err) != SC_OK) {
        finish(call, err.code, err.text);
    } else if (proxy->app) {
        fill_metadata(call);
        if (proxy->app_api_token.len > 0)
            sc_pairs_add(&call->metadata, &call->call->mem, SC_STR("dapr-api-token"),
                         proxy->app_api_token);
        start(call, sc_app_grpc_channel(proxy->app));
    } else if (sc_invoker_has_app(proxy->invoker)) {
        finish(call, SC_UNAVAILABLE,
               "connection error: desc = \"error reading server preface: http2: frame too large\"");
    } else {
        finish(call, SC_UNAVAILABLE,
               "connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:0: "
               "connect: connection refused\"");
    }
}

static void start_peer(sc_proxied *call)
{
    sc_peer *peer;
    sc_error err;

    if (sc_peers_get(call->proxy->peers, call->name.address, &peer, &err) != SC_OK) {
        finish(call, SC_UNKNOWN, err.text);
        return;
    }
    sc_peer_hold(peer);
    call->peer = peer;
    fill_metadata(call);
    add_for_peer(call);
    start(call, sc_peer_channel(peer));
}

static void resolve(sc_proxied *call)
{
    sc_code code;

    if (!call->proxy->names) {
        finish(call, SC_UNKNOWN, "name resolver not initialized");
        return;
    }
    sc_op_init(&call->name.op, sc_loop_ops(call->proxy->loop), &call->call->mem, on_resolved);
    code = sc_names_look_up(call->proxy->names, &call->name);
    if (code == SC_OK) {
        start_peer(call);
    } else if (code == SC_PENDING) {
        sc_call_ref(call->call);
        sc_grpc_pause(call->stream);
    } else {
        finish(call, SC_UNKNOWN, call->name.op.err.text);
    }
}

static void on_resolved(sc_op *op)
{
    sc_proxied *call = SC_CONTAINER_OF(op, sc_proxied, name.op);

    if (!call->is_over) {
        if (op->err.code == SC_OK)
            start_peer(call);
        else
            finish(call, SC_UNKNOWN, op->err.text);
    }
    if (!call->is_over)
        sc_grpc_resume(call->stream);
    sc_call_unref(call->call);
}

sc_proxied *sc_proxy_from_client(const sc_proxy *proxy, sc_grpc_stream *stream,
                                 const sc_trace *trace)
{
    sc_proxied *call = new_call(proxy, stream, trace);
    sc_name_op *name = &call->name;
    sc_error err;

    if (sc_invoke_split_target(sc_proxy_target(stream), proxy->namespace_, &name->app_id,
                               &name->namespace_, &err) != SC_OK) {
        finish(call, SC_UNKNOWN, err.text);
    } else if (sc_str_eq(name->app_id, proxy->app_id) &&
               sc_str_eq(name->namespace_, proxy->namespace_)) {
        call->trace = NULL;
        start_own(call);
    } else {
        resolve(call);
    }
    return call;
}

sc_proxied *sc_proxy_from_peer(const sc_proxy *proxy, sc_grpc_stream *stream)
{
    sc_proxied *call = new_call(proxy, stream, NULL);
    sc_str meant = last_of(&stream->metadata, SC_STR("dapr-callee-app-id"));

    if (meant.len == 0 || sc_str_eq(meant, proxy->app_id))
        start_own(call);
    else
        finish(call, SC_UNAVAILABLE,
               sc_arena_fmt(&stream->call->mem, "this is the sidecar of %.*s, not of %.*s",
                            SC_FMT(proxy->app_id), SC_FMT(meant))
                   .at);
    return call;
}

/* ---- from the stream ---- */

void sc_proxied_message(sc_proxied *call, sc_str message)
{
    if (call->is_over)
        return;
    sc_grpc_call_write(&call->grpc, &message, 1);
    if (sc_grpc_call_is_congested(&call->grpc))
        sc_grpc_pause(call->stream);
}

void sc_proxied_half_close(sc_proxied *call)
{
    call->is_half_closed = true;
    if (call->is_started && !call->is_over)
        sc_grpc_call_half_close(&call->grpc);
}

void sc_proxied_cancel(sc_proxied *call)
{
    if (call->is_over)
        return;
    call->is_over = true;
    if (call->is_started)
        sc_grpc_channel_cancel(call->channel, &call->grpc);
}

void sc_proxied_drained(sc_proxied *call)
{
    if (call->is_started && !call->is_over)
        sc_grpc_call_resume(&call->grpc);
}

/* ---- from the target ---- */

static void on_headers(sc_grpc_call_op *grpc)
{
    sc_proxied *call = (sc_proxied *)grpc;

    put_all(call, &grpc->headers, sc_grpc_set_header);
    sc_grpc_send_headers(call->stream);
}

static void on_message(sc_grpc_call_op *grpc, sc_str message)
{
    sc_proxied *call = (sc_proxied *)grpc;

    sc_grpc_send(call->stream, message);
    if (!call->is_over && sc_grpc_is_congested(call->stream))
        sc_grpc_call_pause(grpc);
}

static void on_drained(sc_grpc_call_op *grpc)
{
    sc_proxied *call = (sc_proxied *)grpc;

    if (!call->is_over)
        sc_grpc_resume(call->stream);
}

/* The next call is not to meet the same dead connection. */
static void doubt(const sc_proxied *call)
{
    const sc_proxy *proxy = call->proxy;

    if (!call->grpc.is_unreached)
        return;
    sc_peers_drop(proxy->peers, call->name.address);
    sc_names_doubt(proxy->names, call->name.address);
}

static void tell_end(sc_proxied *call)
{
    const sc_grpc_call_op *grpc = &call->grpc;
    const sc_str *details = sc_pairs_get(&grpc->trailers, SC_STR("grpc-status-details-bin"));

    put_all(call, &grpc->trailers, sc_grpc_set_trailer);
    call->is_over = true;
    sc_grpc_finish(call->stream, grpc->op.err.code, sc_str_from(grpc->op.err.text),
                   details ? *details : SC_STR_NONE);
}

static void on_done(sc_op *done)
{
    sc_proxied *call = (sc_proxied *)done;
    sc_call *held = call->call;

    if (!call->is_over)
        tell_end(call);
    if (call->peer) {
        doubt(call);
        sc_peer_release(call->peer);
    } else {
        sc_app_grpc_count(call->proxy->app, &call->grpc);
    }
    sc_call_unref(held);
}
