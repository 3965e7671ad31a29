/* SPDX-License-Identifier: MIT
 *
 * Events as AppCallback.OnTopicEvent calls (pub/sub semantics, section 6.4).
 */
#include "app/channel_grpc_internal.h"

#include <stdlib.h>

#include "app/bulk_json.h"
#include "app/topic_event.h"
#include "wire/proto.h"
#include "wire/traceparent.h"

typedef struct event_call {
    sc_grpc_call_op grpc; /* first: on_answered gets it back by a cast */
    sc_gate_entry turn;
    sc_app_grpc *app;
    sc_event_op *op;
    sc_pairs metadata;
    sc_str request;
} event_call;

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
    app->stats = settings->stats;
    app->log = settings->log;
    app->max_message_len = settings->max_body_len;
    sc_gate_init(&app->gate, settings->max_concurrency);
    app->channel = sc_grpc_channel_open(loop, &channel);
    return app;
}

sc_grpc_channel *sc_app_grpc_channel(sc_app_grpc *app)
{
    return app->channel;
}

void sc_app_grpc_count(const sc_app_grpc *app, const sc_grpc_call_op *call)
{
    sc_grpc_stats_record_call(app->stats, call, sc_loop_now_ms(app->loop));
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

/* As text and in gRPC's binary form. */
static void add_trace(sc_pairs *to, const sc_event *event, sc_arena *mem)
{
    sc_trace_context context;

    if (!event->has_traceparent)
        return;
    sc_pairs_set(to, mem, SC_STR("traceparent"), event->traceparent);
    if (event->tracestate.len > 0)
        sc_pairs_set(to, mem, SC_STR("tracestate"), event->tracestate);
    if (sc_traceparent_parse(event->traceparent, &context))
        sc_pairs_set(to, mem, SC_STR("grpc-trace-bin"),
                     sc_trace_bin_format(&context, sc_arena_alloc(mem, SC_TRACE_BIN_LEN)));
}

static void fill_metadata(event_call *call)
{
    const sc_event *event = call->op->event;
    sc_arena *mem = call->op->op.mem;

    for (uint32_t i = 0; event->metadata && i < event->metadata->count; i++) {
        if (is_metadata_name(event->metadata->at[i].name))
            sc_pairs_set(&call->metadata, mem, sc_arena_lower(mem, event->metadata->at[i].name),
                         event->metadata->at[i].value);
    }
    sc_pairs_set(&call->metadata, mem, SC_STR("pubsubname"), event->pubsub_name);
    add_trace(&call->metadata, event, mem);
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
    call->turn.op = &op->op;
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

    sc_app_grpc_count(call->app, &call->grpc);
    if (done->err.code == SC_OK) {
        read_answer(call);
    } else if (done->err.code == SC_UNIMPLEMENTED) {
        (void)sc_fail(&op->op.err, SC_OK, "%s", done->err.text);
        op->answer = SC_APP_UNIMPLEMENTED;
    } else {
        op->op.err = done->err;
        op->answer = SC_APP_RETRY;
    }
    sc_op_finish(&op->op);
    sc_gate_leave(&call->app->gate);
}

/* ---- several at once ---- */

typedef struct bulk_call {
    sc_grpc_call_op grpc; /* first */
    sc_gate_entry turn;
    sc_app_grpc *app;
    sc_bulk_event_op *bulk;
    sc_pairs metadata;
    sc_str request;
    bool is_alpha; /* the application has only the older rpc */
} bulk_call;

static void on_bulk_answered(sc_op *done);

static void start_bulk(sc_gate_entry *turn)
{
    bulk_call *call = SC_CONTAINER_OF(turn, bulk_call, turn);

    call->grpc = (sc_grpc_call_op){
        .path = call->is_alpha
                    ? SC_STR("/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1")
                    : SC_STR("/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent"),
        .metadata = &call->metadata,
        .request_parts = &call->request,
        .request_part_count = 1,
    };
    sc_op_init(&call->grpc.op, sc_loop_ops(call->app->loop), call->bulk->op.mem, on_bulk_answered);
    sc_grpc_channel_send(call->app->channel, &call->grpc);
}

static Dapr__Proto__Runtime__V1__TopicEventBulkRequestEntry *bulk_entry(sc_event_op *from,
                                                                        sc_arena *mem)
{
    Dapr__Proto__Runtime__V1__TopicEventBulkRequestEntry *entry =
        sc_arena_new(mem, Dapr__Proto__Runtime__V1__TopicEventBulkRequestEntry);
    Dapr__Proto__Runtime__V1__TopicEventCERequest *event =
        sc_arena_new(mem, Dapr__Proto__Runtime__V1__TopicEventCERequest);

    dapr__proto__runtime__v1__topic_event_bulk_request_entry__init(entry);
    entry->entry_id = from->entry_id;
    entry->content_type = sc_proto_text(from->event->broker_content_type, mem);
    if (from->event->metadata) {
        entry->n_metadata = from->event->metadata->count;
        entry->metadata = sc_proto_map_make(
            &dapr__proto__runtime__v1__topic_event_bulk_request_entry__metadata_entry__descriptor,
            from->event->metadata, mem);
    }
    if (sc_topic_event_fill_ce(from->event, mem, event, &from->op.err) != SC_OK)
        return NULL;
    if (from->event->is_raw) { /* the data of the wrapper is what the broker had */
        entry->event_case = DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_BULK_REQUEST_ENTRY__EVENT_BYTES;
        entry->bytes = event->data;
    } else {
        entry->event_case =
            DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_BULK_REQUEST_ENTRY__EVENT_CLOUD_EVENT;
        entry->cloud_event = event;
    }
    return entry;
}

static sc_str bulk_request(sc_bulk_event_op *bulk)
{
    Dapr__Proto__Runtime__V1__TopicEventBulkRequest out =
        DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_BULK_REQUEST__INIT;
    sc_arena *mem = bulk->op.mem;
    sc_pairs metadata = {0};

    out.entries = sc_arena_zero(mem, (bulk->count + 1) * sizeof(*out.entries));
    for (size_t i = 0; i < bulk->count; i++) {
        out.entries[out.n_entries] = bulk_entry(bulk->entries[i], mem);
        out.n_entries += out.entries[out.n_entries] != NULL;
    }
    sc_pairs_add(&metadata, mem, SC_STR("pubsubName"), bulk->pubsub_name);
    out.n_metadata = metadata.count;
    out.metadata = sc_proto_map_make(
        &dapr__proto__runtime__v1__topic_event_bulk_request__metadata_entry__descriptor, &metadata,
        mem);
    out.id = sc_proto_text(bulk->id, mem);
    out.topic = sc_proto_text(bulk->topic, mem);
    out.pubsub_name = sc_proto_text(bulk->pubsub_name, mem);
    out.type = sc_proto_text(SC_STR("com.dapr.event.sent.bulk"), mem);
    out.path = sc_proto_text(bulk->path, mem);
    return sc_proto_pack(&out.base, mem);
}

static void deliver_bulk(void *self, sc_bulk_event_op *bulk)
{
    sc_app_grpc *app = self;
    sc_arena *mem = bulk->op.mem;
    const sc_event *first = bulk->entries[0]->event;
    bulk_call *call = sc_arena_new(mem, bulk_call);

    call->app = app;
    call->bulk = bulk;
    call->turn.start = start_bulk;
    call->turn.op = &bulk->op;
    call->request = bulk_request(bulk);
    sc_pairs_add(&call->metadata, mem, SC_STR("pubsubname"), bulk->pubsub_name);
    add_trace(&call->metadata, first, mem);
    if (app->api_token.len > 0)
        sc_pairs_add(&call->metadata, mem, SC_STR("dapr-api-token"), app->api_token);
    sc_gate_enter(&app->gate, &call->turn);
}

static void take_status(sc_bulk_event_op *bulk,
                        const Dapr__Proto__Runtime__V1__TopicEventBulkResponseEntry *status,
                        const sc_log *log)
{
    for (size_t i = 0; i < bulk->count; i++) {
        sc_event_op *entry = bulk->entries[i];

        if (strcmp(status->entry_id, entry->entry_id) != 0)
            continue;
        entry->answer = sc_topic_event_answer((int)status->status, &entry->op.err);
        return;
    }
    sc_bulk_tell_unknown(sc_str_from(status->entry_id), log);
}

/* Entries that the answer does not name are to be retried. */
static void read_statuses(bulk_call *call)
{
    sc_bulk_event_op *bulk = call->bulk;
    Dapr__Proto__Runtime__V1__TopicEventBulkResponse *answer =
        sc_proto_unpack(&dapr__proto__runtime__v1__topic_event_bulk_response__descriptor,
                        call->grpc.answer, bulk->op.mem);

    sc_bulk_answer_all(bulk, SC_APP_RETRY, 0, "no status returned from app for the entry");
    for (size_t s = 0; answer && s < answer->n_statuses; s++)
        take_status(bulk, answer->statuses[s], call->app->log);
}

static void on_bulk_answered(sc_op *done)
{
    bulk_call *call = (bulk_call *)done;
    sc_bulk_event_op *bulk = call->bulk;

    sc_app_grpc_count(call->app, &call->grpc);
    if (done->err.code == SC_UNIMPLEMENTED && !call->is_alpha) {
        sc_log_warn(call->app->log, "falling back to OnBulkTopicEventAlpha1: %s", done->err.text);
        call->is_alpha = true;
        start_bulk(&call->turn);
        return;
    }
    if (done->err.code == SC_OK)
        read_statuses(call);
    else if (done->err.code == SC_UNIMPLEMENTED)
        sc_bulk_answer_all(bulk, SC_APP_UNIMPLEMENTED, 0, done->err.text);
    else
        bulk->op.err = done->err;
    sc_op_finish(&bulk->op);
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
    return (sc_event_sink){
        .deliver = deliver, .deliver_bulk = deliver_bulk, .cancel = cancel, .self = app};
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
    app->on_closed = on_closed;
    app->user = user;
    sc_gate_close(&app->gate);
    sc_grpc_channel_close(app->channel, on_channel_closed, app);
}
