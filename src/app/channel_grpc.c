/* SPDX-License-Identifier: MIT
 *
 * Events as AppCallback.OnTopicEvent calls (pub/sub semantics, section 6.4).
 */
#include "app/channel_grpc.h"

#include <stdlib.h>

#include "app/gate.h"
#include "app/topic_event.h"
#include "wire/proto.h"

typedef struct event_call {
    sc_grpc_call_op grpc; /* first: on_answered gets it back by a cast */
    sc_gate_entry turn;
    sc_app_grpc *app;
    sc_event_op *op;
    sc_pairs metadata;
    sc_str request;
} event_call;

struct sc_app_grpc {
    sc_loop *loop;
    sc_grpc_channel *channel;
    sc_arena mem;
    sc_str api_token;
    const sc_log *log;
    sc_gate gate;
    void (*on_closed)(void *user);
    void *user;
};

static void on_answered(sc_op *op);

sc_app_grpc *sc_app_grpc_open(sc_loop *loop, const sc_app_grpc_settings *settings)
{
    sc_app_grpc *app = sc_new(sc_app_grpc);
    sc_grpc_channel_settings channel = {
        .dial = {.host = settings->host,
                 .port = settings->port,
                 .timeout_ms = 5000,
                 .tls = settings->tls},
        .max_message_len = settings->max_body_len,
        .keepalive_ms = 10000,
    };

    app->loop = loop;
    sc_arena_init(&app->mem, NULL);
    app->api_token = sc_arena_str(&app->mem, settings->api_token);
    app->log = settings->log;
    sc_gate_init(&app->gate, settings->max_concurrency);
    app->channel = sc_grpc_channel_open(loop, &channel);
    return app;
}

sc_grpc_channel *sc_app_grpc_channel(sc_app_grpc *app)
{
    return app->channel;
}

/* ---- the request ---- */

/* Names that gRPC or HTTP/2 keep for themselves are never the broker's to set. */
static bool is_metadata_name(sc_str name)
{
    if (name.len == 0 || sc_str_starts_nocase(name, SC_STR("grpc-")) ||
        sc_str_eq_nocase(name, SC_STR("content-type")) || sc_str_eq_nocase(name, SC_STR("te")) ||
        sc_str_eq_nocase(name, SC_STR("connection")) || sc_str_eq_nocase(name, SC_STR("host")) ||
        sc_str_eq_nocase(name, SC_STR("content-length")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static sc_str lower(sc_str name, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, name.len + 1);

    for (size_t i = 0; i < name.len; i++)
        to[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] + 32 : name.at[i]);
    return sc_str_of(to, name.len);
}

static void fill_metadata(event_call *call)
{
    const sc_event *event = call->op->event;
    sc_arena *mem = call->op->op.mem;

    for (uint32_t i = 0; event->metadata && i < event->metadata->count; i++) {
        if (is_metadata_name(event->metadata->at[i].name))
            sc_pairs_set(&call->metadata, mem, lower(event->metadata->at[i].name, mem),
                         event->metadata->at[i].value);
    }
    sc_pairs_set(&call->metadata, mem, SC_STR("pubsubname"), event->pubsub_name);
    if (event->has_traceparent && !sc_pairs_get(&call->metadata, SC_STR("traceparent")))
        sc_pairs_add(&call->metadata, mem, SC_STR("traceparent"), event->traceparent);
    if (call->app->api_token.len > 0)
        sc_pairs_set(&call->metadata, mem, SC_STR("dapr-api-token"), call->app->api_token);
}

static void start(sc_gate_entry *turn)
{
    event_call *call = SC_CONTAINER_OF(turn, event_call, turn);

    call->grpc = (sc_grpc_call_op){
        .path = SC_STR("/dapr.proto.runtime.v1.AppCallback/OnTopicEvent"),
        .metadata = &call->metadata,
        .request_parts = &call->request,
        .request_part_count = 1,
        .timeout_ms = call->op->timeout_ms,
    };
    sc_op_init(&call->grpc.op, sc_loop_ops(call->app->loop), call->op->op.mem, on_answered);
    sc_grpc_channel_send(call->app->channel, &call->grpc);
}

static void deliver(void *self, sc_event_op *op)
{
    sc_app_grpc *app = self;
    event_call *call = sc_arena_new(op->op.mem, event_call);
    Dapr__Proto__Runtime__V1__TopicEventRequest event;

    call->app = app;
    call->op = op;
    call->turn.start = start;
    op->sink_state = call;
    if (sc_topic_event_fill(op->event, op->path, op->op.mem, &event, &op->op.err) != SC_OK) {
        sc_list_init(&call->turn.link);
        op->answer = SC_APP_RETRY;
        sc_op_finish(&op->op);
        return;
    }
    call->request = sc_proto_pack(&event.base, op->op.mem);
    fill_metadata(call);
    sc_gate_enter(&app->gate, &call->turn);
}

/* ---- the answer ---- */

static void read_answer(event_call *call)
{
    sc_event_op *op = call->op;
    Dapr__Proto__Runtime__V1__TopicEventResponse *answer = sc_proto_unpack(
        &dapr__proto__runtime__v1__topic_event_response__descriptor, call->grpc.answer, op->op.mem);

    if (answer) {
        op->answer = sc_topic_event_answer((int)answer->status, &op->op.err);
        return;
    }
    op->answer = SC_APP_RETRY;
    (void)sc_fail(&op->op.err, SC_OK, "the application's answer is no TopicEventResponse");
}

static void on_answered(sc_op *done)
{
    event_call *call = (event_call *)done;
    sc_event_op *op = call->op;

    if (done->err.code == SC_OK) {
        read_answer(call);
    } else if (done->err.code == SC_UNIMPLEMENTED) {
        sc_log_warn(call->app->log,
                    "non-retriable error returned from app while processing pub/sub event %.*s: %s",
                    SC_FMT(op->event->id), done->err.text);
        op->answer = SC_APP_UNIMPLEMENTED;
    } else {
        op->op.err = done->err;
        op->answer = SC_APP_RETRY;
    }
    sc_op_finish(&op->op);
    sc_gate_leave(&call->app->gate);
}

static void cancel(void *self, sc_op *op)
{
    event_call *call = ((sc_event_op *)op)->sink_state;

    if (sc_gate_cancel(&call->turn))
        sc_op_fail(op, SC_CANCELLED, "context canceled");
    else
        sc_grpc_channel_cancel(((sc_app_grpc *)self)->channel, &call->grpc);
}

sc_event_sink sc_app_grpc_sink(sc_app_grpc *app)
{
    return (sc_event_sink){.deliver = deliver, .cancel = cancel, .self = app};
}

/* ---- the end ---- */

static void on_channel_closed(void *self)
{
    sc_app_grpc *app = self;
    void (*on_closed)(void *user) = app->on_closed;
    void *user = app->user;

    sc_arena_deinit(&app->mem);
    free(app);
    if (on_closed)
        on_closed(user);
}

void sc_app_grpc_close(sc_app_grpc *app, void (*on_closed)(void *user), void *user)
{
    sc_gate_entry *turn;

    app->on_closed = on_closed;
    app->user = user;
    while ((turn = sc_gate_take(&app->gate)) != NULL)
        sc_op_fail(&SC_CONTAINER_OF(turn, event_call, turn)->op->op, SC_CANCELLED,
                   "the sidecar is shutting down");
    sc_grpc_channel_close(app->channel, on_channel_closed, app);
}
