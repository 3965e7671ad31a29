/* SPDX-License-Identifier: MIT
 *
 * SubscribeTopicEventsAlpha1 (pub/sub semantics, section 5): a subscription that lives as long as
 * its stream. Events go out as they come; answers come back under the event's id, in any order.
 *
 * The end has two parts, in either order: the stream is over, and the subscription has closed. The
 * call is held until both are.
 */
#include "api/grpc/internal.h"
#include "app/topic_event.h"
#include "dapr/proto/runtime/v1/pubsub.pb-c.h"

typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestAlpha1 stream_request;
typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsResponseAlpha1 stream_response;

typedef struct topic_stream {
    sc_grpc_ctx *ctx;
    sc_call *call; /* a reference until the subscription closed */
    sc_subscription *subscription;
    sc_metadata_stream listed;
    sc_list waiting; /* events the client has, of sent_event */
    bool is_over;    /* nothing can be sent any more */
} topic_stream;

typedef struct sent_event {
    sc_list link;
    sc_event_op *op;
} sent_event;

/* ---- events to the client ---- */

static void deliver(void *self, sc_event_op *op)
{
    topic_stream *topic = self;
    sent_event *sent = sc_arena_new(op->op.mem, sent_event);
    Dapr__Proto__Runtime__V1__TopicEventRequest event;
    stream_response out = DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__INIT;

    sc_list_init(&sent->link);
    sent->op = op;
    op->sink_state = sent;
    if (topic->is_over) {
        sc_op_fail(&op->op, SC_CANCELLED, "context canceled");
        return;
    }
    if (sc_topic_event_fill(op->event, SC_STR("/"), op->op.mem, &event, &op->op.err) != SC_OK) {
        op->answer = SC_APP_RETRY;
        sc_op_finish(&op->op);
        return;
    }
    out.subscribe_topic_events_response_type_case =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_TYPE_EVENT_MESSAGE;
    out.event_message = &event;
    sc_list_add(&topic->waiting, &sent->link);
    sc_grpc_send(topic->ctx->stream, sc_proto_pack(&out.base, op->op.mem));
}

static void cancel(void *self, sc_op *op)
{
    sent_event *sent = ((sc_event_op *)op)->sink_state;

    (void)self;
    if (sc_list_is_empty(&sent->link))
        return;
    sc_list_remove(&sent->link);
    sc_op_fail(op, SC_CANCELLED, "context canceled");
}

static void
take_answer(topic_stream *topic,
            const Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestProcessedAlpha1 *in)
{
    sc_str id = sc_str_from(in->id);

    SC_LIST_EACH_SAFE (&topic->waiting, it) {
        sent_event *sent = SC_CONTAINER_OF(it, sent_event, link);

        if (!sc_str_eq(sent->op->event->id, id))
            continue;
        sc_list_remove(&sent->link);
        sent->op->answer =
            sc_topic_event_answer(in->status ? (int)in->status->status : 0, &sent->op->op.err);
        sc_op_finish(&sent->op->op);
        return;
    }
    sc_log_error(topic->ctx->api->log, "no client stream expecting publish response for id %.*s",
                 SC_FMT(sc_str_sub(id, 0, 200)));
}

/* ---- the end ---- */

static void on_subscription_closed(void *user)
{
    topic_stream *topic = user;
    sc_grpc_ctx *ctx = topic->ctx;

    topic->subscription = NULL;
    if (!topic->is_over) { /* the sidecar ends */
        topic->is_over = true;
        grpc_fail(ctx, SC_UNKNOWN, "stream closed");
    }
    sc_metadata_remove_stream(ctx->api->metadata, &topic->listed);
    sc_call_unref(topic->call);
}

static void stop(sc_metadata_stream *listed)
{
    topic_stream *topic = SC_CONTAINER_OF(listed, topic_stream, listed);

    if (topic->subscription)
        sc_subscription_close(topic->subscription, on_subscription_closed, topic);
}

/* No more answers can come: what the client still has goes back to the broker. */
static void give_back(topic_stream *topic)
{
    topic->is_over = true;
    if (topic->subscription)
        sc_subscription_close(topic->subscription, on_subscription_closed, topic);
    SC_LIST_EACH_SAFE (&topic->waiting, it) {
        sent_event *sent = SC_CONTAINER_OF(it, sent_event, link);

        sc_list_remove(&sent->link);
        sc_op_fail(&sent->op->op, SC_CANCELLED, "context canceled");
    }
}

static void end(topic_stream *topic, sc_code code, const char *text)
{
    give_back(topic);
    grpc_fail(topic->ctx, code, "%s", text);
}

static topic_stream *topic_of(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;

    return ctx->extra;
}

/* ---- the beginning ---- */

static void on_open(sc_grpc_stream *stream)
{
    sc_grpc_ctx *ctx = stream->user;
    topic_stream *topic = sc_call_make(stream->call, topic_stream);

    topic->ctx = ctx;
    topic->call = stream->call;
    sc_list_init(&topic->waiting);
    ctx->extra = topic;
    (void)grpc_open_stream(stream);
}

static void subscribe(topic_stream *topic,
                      const Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestInitialAlpha1 *in)
{
    sc_grpc_ctx *ctx = topic->ctx;
    sc_route everything = {.path = SC_STR("/")};
    sc_event_sink sink = {.deliver = deliver, .cancel = cancel, .self = topic};
    sc_subscription_spec spec = {
        .kind = SC_SUBSCRIPTION_STREAMING,
        .pubsub_name = sc_str_from(in->pubsub_name),
        .topic = sc_str_from(in->topic),
        .dead_letter_topic = sc_str_from(in->dead_letter_topic),
        .metadata = sc_proto_map((void *const *)in->metadata, in->n_metadata, grpc_mem(ctx)),
        .routes = &everything,
        .route_count = 1};
    stream_response out = DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__INIT;
    Dapr__Proto__Runtime__V1__SubscribeTopicEventsResponseInitialAlpha1 initial =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_INITIAL_ALPHA1__INIT;
    sc_error err;

    if (sc_subscription_open(ctx->api->pubsubs, &spec, &sink, &topic->subscription, &err) !=
        SC_OK) {
        grpc_fail(ctx, SC_UNKNOWN, "failed to create subscription for %s: %s", in->pubsub_name,
                  err.text);
        return;
    }
    sc_call_ref(topic->call);
    topic->listed.stop = stop;
    topic->listed.spec = sc_subscription_spec_of(topic->subscription);
    sc_metadata_add_stream(ctx->api->metadata, &topic->listed);
    out.subscribe_topic_events_response_type_case =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_TYPE_INITIAL_RESPONSE;
    out.initial_response = &initial;
    sc_grpc_send(ctx->stream, sc_proto_pack(&out.base, grpc_mem(ctx)));
}

static void
check_and_subscribe(topic_stream *topic,
                    const Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestInitialAlpha1 *in)
{
    sc_grpc_ctx *ctx = topic->ctx;
    sc_pubsub_entry *entry = sc_pubsubs_find(ctx->api->pubsubs, sc_str_from(in->pubsub_name));
    sc_problem problem = {0};

    if (ctx->api->metadata->is_stopping) {
        grpc_fail(ctx, SC_UNKNOWN, "stream closed"); /* the others have been closed already */
    } else if (in->pubsub_name[0] == '\0') {
        grpc_fail(ctx, SC_UNKNOWN, "pubsubName is required");
    } else if (in->topic[0] == '\0') {
        grpc_fail(ctx, SC_UNKNOWN, "topic is required");
    } else if (!entry) {
        grpc_reply_problem(ctx, sc_problem_set(&problem, grpc_mem(ctx), SC_REASON_PUBSUB_NOT_FOUND,
                                               "pubsub %s is not found", in->pubsub_name));
    } else if (!sc_topic_rules_allow(&entry->rules, &entry->rules.subscribing,
                                     sc_str_from(in->topic))) {
        grpc_fail(ctx, SC_UNKNOWN,
                  "failed to create subscription for %s: subscription to topic '%s' on pubsub '%s' "
                  "is not allowed",
                  in->pubsub_name, in->topic, in->pubsub_name);
    } else {
        subscribe(topic, in);
    }
}

static void on_message(sc_grpc_stream *stream, sc_str message)
{
    topic_stream *topic = topic_of(stream);
    bool is_subscribed = topic->subscription != NULL;
    sc_arena mem; /* of this message only: the stream may live for days */
    stream_request *in;

    sc_arena_init(&mem, stream->call->mem.pool);
    in = sc_proto_unpack(
        &dapr__proto__runtime__v1__subscribe_topic_events_request_alpha1__descriptor, message,
        is_subscribed ? &mem : grpc_mem(topic->ctx));
    if (topic->is_over || stream->is_finished) {
        /* too late */
    } else if (!in) {
        end(topic, SC_INTERNAL,
            "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
    } else if (
        in->subscribe_topic_events_request_type_case ==
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_TYPE_EVENT_PROCESSED) {
        if (is_subscribed)
            take_answer(topic, in->event_processed);
        else
            end(topic, SC_UNKNOWN, "initial request is required");
    } else if (
        in->subscribe_topic_events_request_type_case ==
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_TYPE_INITIAL_REQUEST) {
        if (is_subscribed)
            end(topic, SC_UNKNOWN, "duplicate initial request received");
        else
            check_and_subscribe(topic, in->initial_request);
    } else if (!is_subscribed) {
        end(topic, SC_UNKNOWN, "initial request is required");
    }
    sc_arena_deinit(&mem);
}

static void on_half_close(sc_grpc_stream *stream)
{
    end(topic_of(stream), SC_UNKNOWN, "EOF");
}

static void on_cancelled(sc_grpc_stream *stream)
{
    give_back(topic_of(stream));
}

const sc_grpc_handler grpc_subscribe = {.on_open = on_open,
                                        .on_message = on_message,
                                        .on_half_close = on_half_close,
                                        .on_cancelled = on_cancelled};
