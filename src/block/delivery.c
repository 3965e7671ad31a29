/* SPDX-License-Identifier: MIT
 *
 * One message on its way from the broker to the application. It is settled at the broker exactly
 * once, and only when the application accepted or dropped it, when the dead-letter topic confirmed
 * its copy, or to leave it there for later.
 *
 * Each step ends by starting the next or by settle(): the one way out.
 */
#include "block/event_decode.h"
#include "core/clock.h"
#include "wire/cloudevent.h"

typedef struct delivery_flow {
    sc_event_op op;       /* first: on_answered gets the flow back by a cast */
    sc_publish_op letter; /* the copy for the dead-letter topic */
    sc_list link;         /* in sub->flows */
    sc_call *call;
    sc_subscription *sub;
    sc_delivery *delivery;
    sc_event event;
    sc_retry_state tries;
    sc_timer retry;
    int64_t first_ms;    /* wall clock of the first attempt */
    uint64_t started_ns; /* the attempt under way */
    int last_status;
    const char *reason;           /* why it ends without success, in a word */
    sc_str story;                 /* the same at length */
    sc_verdict unlettered;        /* what happens without a dead-letter topic */
    bool is_lettered_best_effort; /* a dead letter that fails is forgotten */
    bool is_out;                  /* with the application now */
} delivery_flow;

static void attempt(delivery_flow *flow);
static void on_answered(sc_op *op);
static void on_retry_due(sc_timer *timer);
static void give_up(delivery_flow *flow);
static void on_lettered(sc_op *op);
static void settle(delivery_flow *flow, sc_verdict verdict);

static const sc_pubsubs_env *env_of(const delivery_flow *flow)
{
    return sc_pubsubs_env_of(flow->sub->pubsubs);
}

/* The event's own id, or the broker's where it has none that can be read. */
static sc_str name_of(const delivery_flow *flow)
{
    return flow->event.id.len ? flow->event.id : flow->delivery->message_id;
}

static void note(delivery_flow *flow, sc_ledger_step step, sc_str reason)
{
    sc_ledger_note line = {.step = step,
                           .id = name_of(flow),
                           .pubsub = flow->sub->entry->name,
                           .topic = flow->event.topic,
                           .reason = reason,
                           .attempt = flow->tries.attempts,
                           .status = flow->last_status};

    sc_ledger_write(env_of(flow)->ledger, &line);
}

/* A bulk subscription counts its bulks instead. */
static void count(delivery_flow *flow, sc_ingress_outcome outcome, uint64_t started_ns)
{
    if (!flow->sub->bulk)
        sc_ingress_stats_record(&flow->sub->stats, outcome, started_ns);
}

/* ---- the way to the application ---- */

static void fail_for_good(delivery_flow *flow, const char *reason, sc_str story,
                          sc_verdict unlettered, bool best_effort)
{
    flow->reason = reason;
    flow->story = story;
    flow->unlettered = unlettered;
    flow->is_lettered_best_effort = best_effort;
    give_up(flow);
}

static void on_refused(sc_op *op)
{
    give_up((delivery_flow *)op);
}

/* The same, found out while the broker still hands the message over: decided a moment later. */
static void refuse(delivery_flow *flow, const char *reason, sc_str story, sc_verdict unlettered,
                   bool best_effort)
{
    flow->reason = reason;
    flow->story = story;
    flow->unlettered = unlettered;
    flow->is_lettered_best_effort = best_effort;
    sc_op_init(&flow->op.op, sc_loop_ops(env_of(flow)->loop), &flow->call->mem, on_refused);
    sc_op_finish(&flow->op.op);
}

/* The first route that matches (Dapr: message routing); false: there is none, and the message is
 * on its way out. */
static bool find_route(delivery_flow *flow, sc_error *err)
{
    sc_subscription *sub = flow->sub;
    sc_arena *mem = &flow->call->mem;
    bool is_match = true;

    for (uint32_t i = 0; i < sub->spec.route_count; i++) {
        const sc_cel *match = sub->matches[i];

        if (match &&
            sc_cel_eval(match, sc_event_doc(&flow->event, mem), mem, &is_match, err) != SC_OK) {
            sc_log_error(env_of(flow)->log,
                         "error finding matching route for event %.*s in pubsub %.*s and topic "
                         "%.*s: %s",
                         SC_FMT(name_of(flow)), SC_FMT(sub->entry->name), SC_FMT(flow->event.topic),
                         err->text);
            count(flow, SC_INGRESS_RETRY, 0);
            refuse(flow, "routing", sc_arena_str(mem, sc_str_from(err->text)), SC_VERDICT_LATER,
                   false);
            return false;
        }
        if (!match || is_match) {
            flow->op.path = sub->spec.routes[i].path;
            return true;
        }
    }
    /* the first is worth a look: perhaps a default route was forgotten */
    if (!sub->has_told_unrouted || sc_log_is_on(env_of(flow)->log, SC_LOG_DEBUG))
        sc_log_write(env_of(flow)->log, sub->has_told_unrouted ? SC_LOG_DEBUG : SC_LOG_WARN,
                     "no matching route for event %.*s in pubsub %.*s and topic %.*s; skipping",
                     SC_FMT(name_of(flow)), SC_FMT(sub->entry->name), SC_FMT(flow->event.topic));
    sub->has_told_unrouted = true;
    count(flow, SC_INGRESS_DROP_ASKED, 0);
    note(flow, SC_LEDGER_UNROUTED, SC_STR_NONE);
    refuse(flow, "unrouted", SC_STR("no route matches"), SC_VERDICT_ACK, true);
    return false;
}

void sc_delivery_start(sc_subscription *sub, sc_delivery *delivery)
{
    sc_call *call = sc_loop_call(sc_pubsubs_env_of(sub->pubsubs)->loop);
    delivery_flow *flow = sc_call_make(call, delivery_flow);
    sc_str expired;
    sc_error err;

    flow->call = call;
    flow->sub = sub;
    flow->delivery = delivery;
    sc_list_init(&flow->link);
    sc_list_add(&sub->flows, &flow->link);
    sc_timer_init(&flow->retry, sc_pubsubs_env_of(sub->pubsubs)->loop, on_retry_due);
    flow->first_ms = sc_clock_wall_ms();
    if (sc_event_decode(sub, delivery, &call->mem, &flow->event, &expired, &err) != SC_OK) {
        sc_log_error(env_of(flow)->log,
                     "error deserializing cloud event in pubsub %.*s and topic %.*s: %s",
                     SC_FMT(sub->entry->name), SC_FMT(flow->event.topic), err.text);
        count(flow, SC_INGRESS_RETRY, 0);
        refuse(flow, "malformed", sc_arena_str(&call->mem, sc_str_from(err.text)), SC_VERDICT_LATER,
               false);
        return;
    }
    if (expired.len > 0) {
        sc_log_warn(env_of(flow)->log, "dropping expired pub/sub event %.*s as of %.*s",
                    SC_FMT(name_of(flow)), SC_FMT(expired));
        count(flow, SC_INGRESS_DROP, 0);
        note(flow, SC_LEDGER_EXPIRED, SC_STR_NONE);
        refuse(flow, "expired", SC_STR("the event expired"), SC_VERDICT_ACK, true);
        return;
    }
    if (!find_route(flow, &err))
        return;
    flow->op.event = &flow->event;
    attempt(flow);
}

static void attempt(delivery_flow *flow)
{
    sc_subscription *sub = flow->sub;

    sc_op_init(&flow->op.op, sc_loop_ops(env_of(flow)->loop), &flow->call->mem, on_answered);
    flow->op.http_status = 0;
    flow->op.body = flow->op.odd_status = SC_STR_NONE;
    flow->started_ns = sc_clock_mono_ns();
    sub->in_flight++;
    sub->sink.deliver(sub->sink.self, &flow->op);
}

/* Many applications answer {"status": "ok"}. */
static void tell_odd_status(delivery_flow *flow)
{
    if (flow->sub->has_told_odd_status)
        return;
    flow->sub->has_told_odd_status = true;
    sc_log_warn(env_of(flow)->log,
                "the application answered status '%.*s' to an event of topic %.*s: that counts as "
                "success; Dapr knows SUCCESS, RETRY and DROP",
                SC_FMT(flow->op.odd_status), SC_FMT(flow->event.topic));
}

static void handled(delivery_flow *flow)
{
    if (flow->op.odd_status.len > 0)
        tell_odd_status(flow);
    count(flow, SC_INGRESS_SUCCESS, flow->started_ns);
    flow->tries.attempts++;
    note(flow, SC_LEDGER_DELIVERED, SC_STR_NONE);
    settle(flow, SC_VERDICT_ACK);
}

/* The application has nothing that takes it: done with, and no dead letter, as in Dapr. */
static void unwanted(delivery_flow *flow)
{
    sc_str story = sc_arena_str(&flow->call->mem, sc_str_from(flow->op.op.err.text));

    count(flow, SC_INGRESS_SUCCESS, flow->started_ns);
    flow->tries.attempts++;
    sc_log_warn(env_of(flow)->log,
                "non-retriable error returned from app while processing pub/sub event %.*s: %.*s",
                SC_FMT(name_of(flow)), SC_FMT(story));
    note(flow, SC_LEDGER_DROPPED, story);
    settle(flow, SC_VERDICT_ACK);
}

static void dropped(delivery_flow *flow)
{
    count(flow, flow->op.http_status == 404 ? SC_INGRESS_DROP : SC_INGRESS_DROP_ASKED,
          flow->started_ns);
    flow->tries.attempts++;
    if (flow->op.http_status == 404)
        sc_log_error(env_of(flow)->log,
                     "non-retriable error returned from app while processing pub/sub event %.*s: "
                     "%.*s. status "
                     "code returned: 404",
                     SC_FMT(name_of(flow)), SC_FMT(flow->op.body));
    else
        sc_log_warn(env_of(flow)->log,
                    "DROP status returned from app while processing pub/sub event %.*s",
                    SC_FMT(name_of(flow)));
    note(flow, SC_LEDGER_DROPPED, SC_STR_NONE);
    fail_for_good(flow, "dropped",
                  flow->op.http_status == 404 ? SC_STR("the application answered 404")
                                              : SC_STR("the application answered DROP"),
                  SC_VERDICT_ACK, false);
}

static void failed(delivery_flow *flow)
{
    sc_subscription *sub = flow->sub;
    const sc_pubsubs_env *env = env_of(flow);
    sc_str story = sc_arena_str(&flow->call->mem, sc_str_from(flow->op.op.err.text));
    uint64_t pause_ms;

    count(flow, SC_INGRESS_RETRY, flow->started_ns);
    sc_log_warn(env->log,
                "retriable error returned from app while processing pub/sub event %.*s, topic: "
                "%.*s, %s%.*s",
                SC_FMT(name_of(flow)), SC_FMT(flow->event.topic),
                flow->last_status >= 300 ? "" : "err: ", SC_FMT(story));
    if (sub->is_closing) {
        settle(flow, SC_VERDICT_ABANDON);
        return;
    }
    if (sc_retry_next(&sub->retry, &flow->tries, sc_random_unit(env->random), &pause_ms)) {
        note(flow, SC_LEDGER_RETRYING, story);
        sc_timer_start(&flow->retry, pause_ms);
        return;
    }
    fail_for_good(flow, "undeliverable", story, SC_VERDICT_LATER, false);
}

static void on_answered(sc_op *op)
{
    delivery_flow *flow = (delivery_flow *)op;

    flow->sub->in_flight--;
    flow->last_status = flow->op.http_status;
    if (op->err.code != SC_OK || flow->op.answer == SC_APP_RETRY)
        failed(flow);
    else if (flow->op.answer == SC_APP_DROP)
        dropped(flow);
    else if (flow->op.answer == SC_APP_UNIMPLEMENTED)
        unwanted(flow);
    else
        handled(flow);
}

static void on_retry_due(sc_timer *timer)
{
    attempt(SC_CONTAINER_OF(timer, delivery_flow, retry));
}

/* ---- dead letters ---- */

static void add_reason(sc_pairs *to, sc_arena *mem, const char *name, sc_str value)
{
    if (value.len > 0)
        sc_pairs_add(to, mem, sc_str_from(name), value);
}

/* Why it is here, as CloudEvent extension attributes (their names: lower-case letters and digits).
 */
static sc_pairs reasons(const delivery_flow *flow, sc_arena *mem)
{
    char time[SC_CLOCK_TEXT_MAX];
    sc_pairs all = {0};

    add_reason(&all, mem, "deadletterreason", sc_str_from(flow->reason));
    add_reason(&all, mem, "deadletterdetail", sc_str_sub(flow->story, 0, 400));
    if (flow->last_status > 0)
        add_reason(&all, mem, "deadletterstatus", sc_arena_fmt(mem, "%d", flow->last_status));
    add_reason(&all, mem, "deadletterattempts", sc_arena_fmt(mem, "%u", flow->tries.attempts));
    add_reason(&all, mem, "deadletterfirsttime",
               sc_arena_str(mem, sc_clock_format_ms(flow->first_ms, time)));
    add_reason(&all, mem, "deadletterlasttime",
               sc_arena_str(mem, sc_clock_format_ms(sc_clock_wall_ms(), time)));
    add_reason(&all, mem, "deadlettertopic", flow->event.topic);
    add_reason(&all, mem, "deadlettersubscription", flow->sub->spec.name);
    add_reason(&all, mem, "deadletterappid", env_of(flow)->app_id);
    return all;
}

/* With the reasons in it, or beside it where it is no event: raw bytes, say. */
static sc_str letter_of(const delivery_flow *flow, sc_pairs *extra, sc_pairs *metadata,
                        sc_arena *mem)
{
    sc_str payload = flow->delivery->payload;
    sc_cloudevent own;
    sc_buf text = {0};

    if (!flow->event.is_raw && !flow->event.is_octets &&
        sc_cloudevent_parse(payload, &own, NULL) == SC_OK) {
        /* it would expire again on its way */
        add_reason(extra, mem, "deadletterexpiration", sc_cloudevent_text(own.expiration, mem));
        if (sc_cloudevent_extend(payload, extra, SC_STR("expiration"), mem, &text))
            payload = sc_arena_str(mem, sc_buf_str(&text));
        sc_buf_deinit(&text);
        return payload;
    }
    for (uint32_t i = 0; i < extra->count; i++)
        sc_pairs_set(metadata, mem, extra->at[i].name, extra->at[i].value);
    return payload;
}

static void send_letter(delivery_flow *flow)
{
    sc_subscription *sub = flow->sub;
    sc_arena *mem = &flow->call->mem;
    sc_pairs extra = reasons(flow, mem);
    sc_pairs *metadata = sc_arena_new(mem, sc_pairs);

    *metadata = sc_pairs_copy(&flow->delivery->metadata, mem);
    sc_pairs_set(metadata, mem, SC_STR("pubsubName"), sub->entry->name);
    sc_op_init(&flow->letter.op, sc_loop_ops(env_of(flow)->loop), mem, on_lettered);
    flow->letter.topic =
        sc_pubsub_broker_topic(sub->pubsubs, sub->entry, sub->spec.dead_letter_topic, mem);
    flow->letter.payload = letter_of(flow, &extra, metadata, mem);
    flow->letter.content_type = flow->delivery->content_type;
    flow->letter.metadata = metadata;
    if (!sc_topic_rules_allow(&sub->entry->rules, &sub->entry->rules.publishing,
                              sub->spec.dead_letter_topic))
        sc_op_fail(&flow->letter.op, SC_PERMISSION_DENIED,
                   "topic %.*s is not allowed for app id %.*s", SC_FMT(sub->spec.dead_letter_topic),
                   SC_FMT(env_of(flow)->app_id));
    else
        sc_pubsub_publish(sub->entry->pubsub, &flow->letter);
}

static void give_up(delivery_flow *flow)
{
    if (flow->sub->spec.dead_letter_topic.len > 0) {
        send_letter(flow);
        return;
    }
    if (flow->unlettered == SC_VERDICT_LATER) {
        if (flow->tries.attempts > 0)
            count(flow, SC_INGRESS_RETRY, 0);
        note(flow, SC_LEDGER_RELEASED, flow->story);
        sc_log_error(
            env_of(flow)->log,
            "pub/sub event %.*s of topic %.*s stays with the broker after %u attempts and is tried "
            "again later: %.*s",
            SC_FMT(name_of(flow)), SC_FMT(flow->event.topic), flow->tries.attempts,
            SC_FMT(flow->story));
    }
    settle(flow, flow->unlettered);
}

static void on_lettered(sc_op *op)
{
    delivery_flow *flow = SC_CONTAINER_OF(op, delivery_flow, letter.op);

    if (op->err.code == SC_OK) {
        if (flow->unlettered == SC_VERDICT_LATER && flow->tries.attempts > 0)
            count(flow, SC_INGRESS_DROP, 0);
        note(flow, SC_LEDGER_DEAD_LETTERED, flow->story);
        settle(flow, SC_VERDICT_ACK);
        return;
    }
    sc_log_error(
        env_of(flow)->log,
        "error sending message to dead letter, origin topic: %.*s dead letter topic %.*s err: %s",
        SC_FMT(flow->event.topic), SC_FMT(flow->sub->spec.dead_letter_topic), op->err.text);
    settle(flow, flow->is_lettered_best_effort ? SC_VERDICT_ACK : SC_VERDICT_LATER);
}

/* ---- the end ---- */

static void settle(delivery_flow *flow, sc_verdict verdict)
{
    sc_delivery *delivery = flow->delivery;

    sc_timer_stop(&flow->retry);
    sc_list_remove(&flow->link);
    delivery->settle(delivery, verdict);
    sc_call_unref(flow->call);
}

void sc_deliveries_release(sc_subscription *sub)
{
    SC_LIST_EACH_SAFE (&sub->flows, it) {
        delivery_flow *flow = SC_CONTAINER_OF(it, delivery_flow, link);

        if (sc_timer_is_running(&flow->retry))
            settle(flow, SC_VERDICT_ABANDON);
    }
}
