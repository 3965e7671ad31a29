/* SPDX-License-Identifier: MIT
 *
 * pubsub.redis: a topic is a Redis stream, a subscription a consumer group, as Dapr writes and
 * reads them, so that sidecars of both kinds share streams. A publish is one XADD.
 */
#include "components/pubsub/redis_internal.h"
#include "core/clock.h"
#include "wire/json.h"

typedef struct redis_publish_flow {
    sc_redis_request request; /* first: on_added gets the flow back by a cast */
    redis_pubsub *self;
    sc_publish_op *op;
    sc_str metadata; /* as JSON */
} redis_publish_flow;

static void on_added(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err);

/* ---- publishing ---- */

static sc_str metadata_json(const sc_publish_op *op)
{
    sc_buf out = {0};
    sc_str text;
    sc_pairs sorted;

    if (!op->metadata || op->metadata->count == 0)
        return SC_STR("{}");
    sorted = sc_pairs_copy(op->metadata, op->op.mem);
    sc_pairs_sort(&sorted);
    sc_json_add_pairs(&out, &sorted);
    text = sc_arena_str(op->op.mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

/* XADD topic [MAXLEN ~ n | MINID ~ ms] * data payload metadata json */
static void encode_add(sc_redis_request *request, sc_buf *out)
{
    redis_publish_flow *flow = (redis_publish_flow *)request;
    const redis_conf *conf = flow->self->conf;
    bool has_limit = conf->max_len_approx > 0 || conf->stream_ttl_ms > 0;

    sc_redis_begin(out, has_limit ? 10 : 7);
    sc_redis_arg(out, SC_STR("XADD"));
    sc_redis_arg(out, flow->op->topic);
    if (has_limit) {
        sc_redis_arg(out, conf->max_len_approx > 0 ? SC_STR("MAXLEN") : SC_STR("MINID"));
        sc_redis_arg(out, SC_STR("~"));
        sc_redis_arg_u64(out, conf->max_len_approx > 0
                                  ? conf->max_len_approx
                                  : (uint64_t)(sc_clock_wall_ms() - conf->stream_ttl_ms));
    }
    sc_redis_arg(out, SC_STR("*"));
    sc_redis_arg(out, SC_STR("data"));
    sc_redis_arg(out, flow->op->payload);
    sc_redis_arg(out, SC_STR("metadata"));
    sc_redis_arg(out, flow->metadata);
}

static void redis_publish(void *at, sc_publish_op *op)
{
    redis_pubsub *self = at;
    redis_publish_flow *flow = sc_arena_new(op->op.mem, redis_publish_flow);
    uint64_t delay_ms;

    if (sc_pubsub_delay(op->metadata, &delay_ms, &op->op.err) == SC_OK && delay_ms > 0)
        (void)sc_fail(&op->op.err, SC_INVALID,
                      "pubsub.redis cannot deliver later: leave out delay and deliverAt");
    if (op->op.err.code != SC_OK) {
        sc_op_finish(&op->op);
        return;
    }
    flow->self = self;
    flow->op = op;
    flow->metadata = metadata_json(op);
    flow->request.encode = encode_add;
    flow->request.done = on_added;
    flow->request.key = op->topic;
    flow->request.size = op->payload.len + op->topic.len + flow->metadata.len + 128;
    if (sc_redis_send(self->client, &flow->request, &op->op.err) != SC_PENDING)
        sc_op_finish(&op->op);
}

static void on_added(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    sc_publish_op *op = ((redis_publish_flow *)request)->op;

    (void)reply;
    if (err)
        op->op.err = *err;
    sc_op_finish(&op->op);
}

/* ---- life ---- */

static void on_ready(void *at)
{
    ((redis_pubsub *)at)->was_ready = true;
}

static void on_lost(void *at, const sc_error *why)
{
    redis_pubsub *self = at;
    sc_str name = self->client ? sc_redis_client_name(self->client) : self->conf->redis.hosts;

    if (sc_str_starts(sc_str_from(why->text), SC_STR("redis "))) /* it names the server itself */
        sc_log_warn(self->env->log, "%s; connecting again", why->text);
    else
        sc_log_warn(self->env->log, "redis at %.*s: %s; connecting again", SC_FMT(name), why->text);
}

/* Settings that Dapr takes without a word. */
static void tell_odd_settings(const redis_pubsub *self)
{
    const redis_conf *conf = self->conf;
    sc_str type = conf->redis.type;

    if (!sc_str_eq_nocase(type, SC_STR("node")) && !sc_str_eq_nocase(type, SC_STR("cluster")))
        sc_log_warn(self->env->log, "redisType '%.*s' is neither node nor cluster: taken as node",
                    SC_FMT(type));
    if (conf->redis.username.len > 0 && conf->redis.password.len == 0)
        sc_log_warn(self->env->log,
                    "redisUsername has no effect without redisPassword: signing in as the default "
                    "user");
    if (conf->max_len_approx > 0 && conf->stream_ttl_ms > 0)
        sc_log_warn(self->env->log,
                    "both maxLenApprox and streamTTL are set: maxLenApprox is used");
}

static sc_code redis_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    static const sc_redis_client_ops ops = {on_ready, on_lost};
    redis_pubsub *self = at;

    self->conf = conf;
    self->env = env;
    sc_list_init(&self->subs);
    self->group =
        self->conf->consumer_id.len > 0 ? sc_str_trim(self->conf->consumer_id) : env->app_id;
    tell_odd_settings(self);
    return sc_redis_client_open(env->loop, &self->conf->redis, &ops, self, &self->client, err);
}

static sc_component_state redis_state(void *at, sc_error *why)
{
    redis_pubsub *self = at;

    if (sc_redis_client_is_ready(self->client))
        return SC_COMPONENT_READY;
    if (why)
        *why = *sc_redis_client_trouble(self->client);
    return self->was_ready ? SC_COMPONENT_LOST : SC_COMPONENT_CONNECTING;
}

static void on_client_closed(void *at)
{
    redis_pubsub *self = at;

    self->on_closed(self->user);
}

static void redis_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    redis_pubsub *self = at;

    self->on_closed = on_closed;
    self->user = user;
    sc_redis_client_close(self->client, linger_ms, on_client_closed, self);
}

static const sc_field fields[] = {
    SC_REDIS_FIELDS(redis_conf, redis),
    SC_FIELD(redis_conf, consumer_id, STR, "consumerID",
             .help = "Name of the consumer group; the app ID when not set."),
    SC_FIELD(
        redis_conf, processing_timeout_ms, DURATION, "processingTimeout", .initial = "60s",
        .plain_unit_ms = 1,
        .help =
            "How long an unacknowledged message rests before it is offered again; 0: for ever."),
    SC_FIELD(redis_conf, redeliver_interval_ms, DURATION, "redeliverInterval", .initial = "15s",
             .plain_unit_ms = 1, .help = "How often messages at rest are looked for; 0: never."),
    SC_FIELD(redis_conf, queue_depth, U64, "queueDepth", .initial = "100",
             .help = "Messages fetched in one read at most."),
    SC_FIELD(redis_conf, concurrency, U64, "concurrency",
             .help = "Messages with the application at a time, of all topics together; when not "
                     "set, each subscription's maxInFlight alone counts (100 by default)."),
    SC_FIELD(redis_conf, max_len_approx, U64, "maxLenApprox",
             .help = "About how many entries a stream keeps; 0: all."),
    SC_FIELD(redis_conf, stream_ttl_ms, DURATION, "streamTTL", .plain_unit_ms = 1,
             .help = "About how long a stream keeps entries; 0: for ever."),
    SC_FIELD_END,
};

static const sc_pubsub_ops ops = {
    .open = redis_open,
    .state = redis_state,
    .publish = redis_publish,
    .subscribe = redis_subscribe,
    .unsubscribe = redis_unsubscribe,
    .close = redis_close,
};

extern const sc_component sc_pubsub_redis;
const sc_component sc_pubsub_redis = {
    .type = "pubsub.redis",
    .version = "v1",
    .title = "Redis Streams",
    .fields = fields,
    .conf_size = sizeof(redis_conf),
    .self_size = sizeof(redis_pubsub),
    .pubsub = &ops,
};
