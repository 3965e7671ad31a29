/* SPDX-License-Identifier: MIT
 *
 * SubscribeTopicEventsAlpha1 from the application's side (pub/sub semantics, section 5): one call
 * after another until the stream is closed. Each event has an arena of its own, because the user
 * may keep it longer than the call, the stream or the client.
 */
#include "stream.h"

#include <stdlib.h>

#include "dapr/proto/runtime/v1/pubsub.pb-c.h"
#include "event.h"
#include "event_proto.h"
#include "wire/proto.h"

#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 5000u

typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestAlpha1 stream_request;
typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestInitialAlpha1 initial_request;
typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsRequestProcessedAlpha1 processed_request;
typedef Dapr__Proto__Runtime__V1__SubscribeTopicEventsResponseAlpha1 stream_response;
typedef Dapr__Proto__Runtime__V1__TopicEventResponse verdict_message;

/* Lives until the user closed it and its call is over. */
struct pillion_stream {
    sc_list link; /* client->streams until it is closed or the client goes */
    pillion_client *client;
    pillion_loop *loop;
    sc_arena mem; /* what was said at the start */
    sc_arena attempt;
    pillion_stream_settings set;
    const char *pubsub;
    const char *topic;
    sc_pairs metadata;
    sc_pairs call_metadata;
    sc_grpc_call_op call;
    sc_str first_message;
    sc_list waiting; /* of held_event: for pillion_stream_next */
    sc_list held;    /* of held_event: with the user */
    sc_timer retry;
    uint32_t pause_ms;
    pillion_error refusal; /* since pillion_stream_next last told; PILLION_OK: none */
    bool is_calling;
    bool is_standing; /* the sidecar said yes to this call */
    bool is_cut;      /* no more calls */
    bool is_closed;   /* by the user */
};

typedef struct held_event {
    sdk_event event; /* first */
    sc_list link;
    sc_arena mem;
    pillion_stream *stream; /* NULL: its call is over, nobody hears the verdict */
} held_event;

static void on_message(sc_grpc_call_op *call, sc_str message);
static void on_call_over(sc_op *op);
static void on_retry(sc_timer *timer);

static const sc_grpc_call_events call_events = {.on_message = on_message};

/* ---- the call ---- */

static sc_str pack_first(pillion_stream *stream)
{
    stream_request out = DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__INIT;
    initial_request initial =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_INITIAL_ALPHA1__INIT;
    sc_arena *mem = &stream->mem;

    initial.pubsub_name = sc_proto_text(sc_str_from(stream->pubsub), mem);
    initial.topic = sc_proto_text(sc_str_from(stream->topic), mem);
    initial.dead_letter_topic = sc_proto_text(sc_str_from(stream->set.dead_letter_topic), mem);
    initial.n_metadata = stream->metadata.count;
    initial.metadata = sc_proto_map_make(
        &dapr__proto__runtime__v1__subscribe_topic_events_request_initial_alpha1__metadata_entry__descriptor,
        &stream->metadata, mem);
    out.subscribe_topic_events_request_type_case =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_TYPE_INITIAL_REQUEST;
    out.initial_request = &initial;
    return sc_proto_pack(&out.base, mem);
}

static void start_call(pillion_stream *stream)
{
    sc_error err;
    sc_grpc_channel *channel = client_grpc(stream->client, &err);

    sc_arena_deinit(&stream->attempt);
    stream->is_calling = true;
    stream->is_standing = false;
    stream->call = (sc_grpc_call_op){
        .path = SC_STR("/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1"),
        .metadata = &stream->call_metadata,
        .request_parts = &stream->first_message,
        .request_part_count = 1,
        .is_request_open = true,
        .events = &call_events,
    };
    sc_op_init(&stream->call.op, sc_loop_ops(loop_sc(stream->loop)), &stream->attempt,
               on_call_over);
    if (channel)
        sc_grpc_channel_send(channel, &stream->call);
    else
        sc_op_fail(&stream->call.op, err.code, "%s", err.text);
}

static void on_retry(sc_timer *timer)
{
    start_call(SC_CONTAINER_OF(timer, pillion_stream, retry));
}

pillion_stream *pillion_subscribe(pillion_client *client, const char *pubsub, const char *topic,
                                  const pillion_stream_settings *settings)
{
    static const pillion_stream_settings none;
    pillion_stream *stream = sc_new(pillion_stream);

    sc_arena_init(&stream->mem, NULL);
    sc_arena_init(&stream->attempt, NULL);
    sc_list_init(&stream->waiting);
    sc_list_init(&stream->held);
    stream->client = client;
    stream->loop = client->loop;
    stream->set = settings ? *settings : none;
    stream->pubsub = copy_text(&stream->mem, sc_str_from(pubsub));
    stream->topic = copy_text(&stream->mem, sc_str_from(topic));
    stream->metadata = copy_pairs(&stream->mem, stream->set.metadata, stream->set.metadata_count);
    stream->first_message = pack_first(stream);
    if (client->api_token.len > 0)
        sc_pairs_add(&stream->call_metadata, &stream->mem, SC_STR("dapr-api-token"),
                     sc_arena_str(&stream->mem, client->api_token));
    stream->pause_ms = RETRY_MIN_MS;
    sc_timer_init(&stream->retry, loop_sc(client->loop), on_retry);
    sc_list_add(&client->streams, &stream->link);
    start_call(stream);
    return stream;
}

/* ---- events ---- */

static void free_event(held_event *held)
{
    sc_arena mem = held->mem; /* it lives in it */

    sc_list_remove(&held->link);
    sc_arena_deinit(&mem);
}

static void send_verdict(pillion_stream *stream, held_event *held, pillion_verdict verdict)
{
    stream_request out = DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__INIT;
    processed_request processed =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_PROCESSED_ALPHA1__INIT;
    verdict_message status = DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__INIT;
    sc_str message;

    status.status =
        verdict == PILLION_SUCCESS
            ? DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__SUCCESS
        : verdict == PILLION_DROP
            ? DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__DROP
            : DAPR__PROTO__RUNTIME__V1__TOPIC_EVENT_RESPONSE__TOPIC_EVENT_RESPONSE_STATUS__RETRY;
    processed.id = sc_proto_text(sc_str_from(held->event.pub.id), &held->mem);
    processed.status = &status;
    out.subscribe_topic_events_request_type_case =
        DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_REQUEST_TYPE_EVENT_PROCESSED;
    out.event_processed = &processed;
    message = sc_proto_pack(&out.base, &held->mem);
    sc_grpc_call_write(&stream->call, &message, 1);
}

static void settle(sdk_event *event, pillion_verdict verdict)
{
    held_event *held = (held_event *)event;

    if (held->stream)
        send_verdict(held->stream, held, verdict);
    free_event(held);
}

static void take_event(pillion_stream *stream,
                       const Dapr__Proto__Runtime__V1__TopicEventRequest *message)
{
    sc_arena mem;
    held_event *held;

    sc_arena_init(&mem, NULL);
    held = sc_arena_new(&mem, held_event);
    held->mem = mem;
    held->stream = stream;
    event_from_proto(&held->mem, message, &held->event);
    held->event.settle = settle;
    sc_list_init(&held->link);
    if (stream->set.on_event) {
        sc_list_add(&stream->held, &held->link);
        event_handle(&held->event, stream->set.on_event, stream->set.user);
    } else {
        sc_list_add(&stream->waiting, &held->link);
        loop_look(stream->loop);
    }
}

static void tell_state(pillion_stream *stream, const pillion_error *state)
{
    if (stream->set.on_state && !stream->is_closed)
        stream->set.on_state(stream->set.user, state);
}

static void on_message(sc_grpc_call_op *call, sc_str message)
{
    pillion_stream *stream = SC_CONTAINER_OF(call, pillion_stream, call);
    pillion_error good;
    sc_arena mem;
    stream_response *in;

    sc_arena_init(&mem, NULL);
    in = sc_proto_unpack(
        &dapr__proto__runtime__v1__subscribe_topic_events_response_alpha1__descriptor, message,
        &mem);
    if (in &&
        in->subscribe_topic_events_response_type_case ==
            DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_TYPE_EVENT_MESSAGE) {
        take_event(stream, in->event_message);
    } else if (
        in &&
        in->subscribe_topic_events_response_type_case ==
            DAPR__PROTO__RUNTIME__V1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_ALPHA1__SUBSCRIBE_TOPIC_EVENTS_RESPONSE_TYPE_INITIAL_RESPONSE) {
        stream->is_standing = true;
        stream->pause_ms = RETRY_MIN_MS;
        error_clear(&good);
        tell_state(stream, &good);
    } /* what is neither is of a newer sidecar: passed over */
    sc_arena_deinit(&mem);
}

/* ---- a call is over ---- */

/* Nobody hears verdicts of these any more. Those that the user has not seen are gone. */
static void let_events_go(pillion_stream *stream)
{
    SC_LIST_EACH_SAFE (&stream->waiting, it)
        free_event(SC_CONTAINER_OF(it, held_event, link));
    SC_LIST_EACH_SAFE (&stream->held, it) {
        held_event *held = SC_CONTAINER_OF(it, held_event, link);

        held->stream = NULL;
        sc_list_remove(it);
    }
}

/* The sidecar's words for a subscription that it will not make (section 5). */
static void name_refusal(pillion_error *err)
{
    sc_str text = sc_str_from(err->text);

    if (sc_str_ends(text, SC_STR(" is not found")))
        err->code = PILLION_NOT_FOUND;
    else if (sc_str_ends(text, SC_STR(" is not allowed")))
        err->code = PILLION_PERMISSION_DENIED;
    else if (sc_str_ends(text, SC_STR(" is required")))
        err->code = PILLION_INVALID;
}

static bool is_refusal(const pillion_error *err)
{
    switch (err->code) {
    case PILLION_NOT_FOUND:
    case PILLION_PERMISSION_DENIED:
    case PILLION_INVALID:
    case PILLION_UNAUTHENTICATED:
    case PILLION_UNIMPLEMENTED:
        return true;
    default:
        return false;
    }
}

static void leave_client(pillion_stream *stream)
{
    pillion_client *client = stream->client;

    sc_list_remove(&stream->link);
    stream->client = NULL;
    client_maybe_go(client);
}

static void maybe_free(pillion_stream *stream)
{
    if (!stream->is_closed || stream->is_calling)
        return;
    sc_arena_deinit(&stream->attempt);
    sc_arena_deinit(&stream->mem);
    free(stream);
}

static void on_call_over(sc_op *op)
{
    pillion_stream *stream = SC_CONTAINER_OF(op, pillion_stream, call.op);
    pillion_error why;

    stream->is_calling = false;
    loop_look(stream->loop);
    (void)error_take(&why, &op->err);
    if (why.code == PILLION_OK) /* the sidecar ends no stream so */
        (void)error_set(&why, PILLION_UNAVAILABLE, "the sidecar ended the stream");
    let_events_go(stream);
    if (stream->is_cut) {
        leave_client(stream);
        maybe_free(stream);
        return;
    }
    name_refusal(&why);
    if (!stream->is_standing && is_refusal(&why)) {
        stream->refusal = why;
        loop_look(stream->loop);
    }
    sc_timer_start(&stream->retry, loop_jitter(stream->loop, stream->pause_ms));
    stream->pause_ms = stream->pause_ms * 2 < RETRY_MAX_MS ? stream->pause_ms * 2 : RETRY_MAX_MS;
    tell_state(stream, &why);
}

void stream_cut(sc_list *link)
{
    pillion_stream *stream = SC_CONTAINER_OF(link, pillion_stream, link);

    stream->is_cut = true;
    sc_timer_stop(&stream->retry);
    if (!stream->is_calling)
        leave_client(stream);
    else if (stream->call.internal)
        sc_grpc_channel_cancel(stream->client->grpc, &stream->call);
    /* else it never left, and is about to complete */
}

/* ---- for users ---- */

static uint64_t now_ms(const pillion_stream *stream)
{
    return sc_loop_now_ms(loop_sc(stream->loop));
}

static pillion_event *take_waiting(pillion_stream *stream)
{
    held_event *held = SC_CONTAINER_OF(stream->waiting.next, held_event, link);

    sc_list_remove(&held->link);
    sc_list_add(&stream->held, &held->link);
    return &held->event.pub;
}

pillion_event *pillion_stream_next(pillion_stream *stream, int timeout_ms, pillion_error *err)
{
    uint64_t until_ms = now_ms(stream) + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);

    error_clear(err);
    if (stream->set.on_event || loop_is_running(stream->loop)) {
        (void)error_set(err, PILLION_FAILED_PRECONDITION,
                        stream->set.on_event
                            ? "the events of this stream go to its on_event"
                            : "waiting inside a callback would stop the loop it waits for");
        return NULL;
    }
    while (sc_list_is_empty(&stream->waiting)) {
        uint64_t now = now_ms(stream);

        if (stream->refusal.code != PILLION_OK) {
            (void)error_copy(err, &stream->refusal);
            error_clear(&stream->refusal);
            return NULL;
        }
        if (timeout_ms >= 0 && now >= until_ms) {
            (void)error_set(err, PILLION_DEADLINE, "no event within %d ms", timeout_ms);
            return NULL;
        }
        (void)loop_turn(stream->loop, timeout_ms < 0 ? -1 : (int)(until_ms - now));
    }
    return take_waiting(stream);
}

void pillion_stream_close(pillion_stream *stream)
{
    if (!stream || stream->is_closed)
        return;
    stream->is_closed = true;
    let_events_go(stream);
    if (!stream->is_cut)
        stream_cut(&stream->link);
    maybe_free(stream);
}
