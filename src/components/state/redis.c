/* SPDX-License-Identifier: MIT
 *
 * state.redis: keys as hashes (or JSON documents, where the server has the module), laid out as
 * Dapr lays them out. This file is the component's life and its reads; redis_write.c writes.
 */
#include "components/state/redis_internal.h"
#include "core/duration.h"
#include "wire/json.h"

#define REPLICAS_AGE_MS 10000u

typedef enum read_form {
    READ_HASH,
    READ_DOCUMENT,
    READ_PLAIN, /* a string that somebody else wrote */
} read_form;

/* One get. In the op's arena. */
typedef struct read_flow {
    sc_redis_request request; /* first: on_read gets it back by a cast */
    redis_state *self;
    sc_state_get_op *op;
    read_form form;
    bool was_document; /* tried as one already */
    bool was_hash;
} read_flow;

static void on_read(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err);
/* ---- reading ---- */

static void encode_read(sc_redis_request *request, sc_buf *out)
{
    read_flow *flow = (read_flow *)request;

    switch (flow->form) {
    case READ_HASH:
        sc_redis_begin(out, 4);
        sc_redis_arg(out, SC_STR("HMGET"));
        sc_redis_arg(out, flow->op->key);
        sc_redis_arg(out, SC_STR("data"));
        sc_redis_arg(out, SC_STR("version"));
        break;
    case READ_DOCUMENT:
        sc_redis_begin(out, 2);
        sc_redis_arg(out, SC_STR("JSON.GET"));
        sc_redis_arg(out, flow->op->key);
        break;
    case READ_PLAIN:
        sc_redis_begin(out, 2);
        sc_redis_arg(out, SC_STR("GET"));
        sc_redis_arg(out, flow->op->key);
        break;
    }
}

static void send_read(read_flow *flow, read_form form)
{
    flow->form = form;
    flow->was_hash |= form == READ_HASH;
    flow->was_document |= form == READ_DOCUMENT;
    if (sc_redis_send(flow->self->client, &flow->request, &flow->op->op.err) != SC_PENDING)
        sc_op_finish(&flow->op->op);
}

static void redis_get(void *at, sc_state_get_op *op)
{
    read_flow *flow = sc_arena_new(op->op.mem, read_flow);

    flow->self = at;
    flow->op = op;
    flow->request.encode = encode_read;
    flow->request.done = on_read;
    flow->request.key = op->key;
    flow->request.size = op->key.len + 64;
    flow->request.is_repeatable = true;
    send_read(flow, sc_redis_state_keeps_document(at, op->metadata) ? READ_DOCUMENT : READ_HASH);
}

static bool take_hash(read_flow *flow, const sc_redis_reply *reply)
{
    const sc_redis_reply *data = sc_redis_item(reply, 0);
    const sc_redis_reply *version = sc_redis_item(reply, 1);
    sc_state_get_op *op = flow->op;

    if (!data || !version)
        return false;
    if (data->kind == SC_REDIS_NIL && version->kind == SC_REDIS_NIL)
        return true; /* no such key */
    if (data->kind != SC_REDIS_TEXT || version->kind != SC_REDIS_TEXT)
        return false;
    op->out.is_found = true;
    op->out.value = sc_arena_str(op->op.mem, data->text);
    op->out.etag = sc_arena_str(op->op.mem, version->text);
    return true;
}

static bool take_document(read_flow *flow, const sc_redis_reply *reply)
{
    sc_state_get_op *op = flow->op;
    sc_str data;
    sc_str version;

    if (reply->kind == SC_REDIS_NIL)
        return true;
    if (!sc_redis_state_split_document(sc_redis_text(reply), &data, &version))
        return false;
    op->out.is_found = true;
    op->out.value = sc_arena_str(op->op.mem, data);
    op->out.etag = sc_arena_str(op->op.mem, version);
    return true;
}

static void take(read_flow *flow, const sc_redis_reply *reply)
{
    sc_state_get_op *op = flow->op;
    bool is_ours = true;

    if (flow->form == READ_HASH) {
        is_ours = take_hash(flow, reply);
    } else if (flow->form == READ_DOCUMENT) {
        is_ours = take_document(flow, reply);
    } else if (reply->kind == SC_REDIS_TEXT) {
        op->out.is_found = true;
        op->out.value = sc_arena_str(op->op.mem, reply->text);
    }
    if (!is_ours)
        (void)sc_fail(&op->op.err, SC_INTERNAL,
                      "required hash field 'data' or 'version' was not found");
    sc_op_finish(&op->op);
}

/* A key of another type than expected is tried in the forms that are left. */
static void on_read(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    read_flow *flow = (read_flow *)request;
    bool is_other = flow->form == READ_DOCUMENT ? reply && reply->kind == SC_REDIS_ERROR
                                                : sc_redis_is_error(reply, SC_STR("WRONGTYPE"));

    if (!err) {
        take(flow, reply);
    } else if (is_other && flow->form != READ_PLAIN && !flow->was_hash) {
        send_read(flow, READ_HASH);
    } else if (is_other && flow->form == READ_HASH && flow->self->server.has_json &&
               !flow->was_document) {
        send_read(flow, READ_DOCUMENT);
    } else if (is_other && flow->form != READ_PLAIN) {
        send_read(flow, READ_PLAIN);
    } else {
        flow->op->op.err = *err;
        sc_op_finish(&flow->op->op);
    }
}

/* ---- what the server can do ---- */

static sc_redis_script script_of(const sc_redis_request *request)
{
    const redis_question *question = (const redis_question *)request;

    return (sc_redis_script)(question - question->self->load_scripts);
}

static void encode_load(sc_redis_request *request, sc_buf *out)
{
    sc_redis_begin(out, 3);
    sc_redis_arg(out, SC_STR("SCRIPT"));
    sc_redis_arg(out, SC_STR("LOAD"));
    sc_redis_arg(out, sc_redis_state_script(script_of(request)));
}

/* Without a key it is wrong, which only a server that knows the command says. */
static void encode_probe(sc_redis_request *request, sc_buf *out)
{
    (void)request;
    sc_redis_begin(out, 1);
    sc_redis_arg(out, SC_STR("JSON.GET"));
}

static void encode_info(sc_redis_request *request, sc_buf *out)
{
    (void)request;
    sc_redis_begin(out, 2);
    sc_redis_arg(out, SC_STR("INFO"));
    sc_redis_arg(out, SC_STR("replication"));
}

static void ask(redis_state *self, redis_question *question,
                void (*encode)(sc_redis_request *request, sc_buf *out),
                void (*done)(sc_redis_request *request, const sc_redis_reply *reply,
                             const sc_error *err))
{
    sc_error err;

    if (question->is_asked)
        return;
    *question = (redis_question){.self = self};
    question->request.encode = encode;
    question->request.done = done;
    question->request.size = 4096;
    question->request.is_repeatable = true;
    question->is_asked = sc_redis_send(self->client, &question->request, &err) == SC_PENDING;
}

/* Whose answer it is; without one (the connection went) it is asked again when the server is back.
 */
static redis_state *answered(sc_redis_request *request)
{
    redis_question *question = (redis_question *)request;

    question->is_asked = false;
    return question->self;
}

static void on_script_loaded(sc_redis_request *request, const sc_redis_reply *reply,
                             const sc_error *err)
{
    redis_state *self = answered(request);
    char *sha = self->server.shas[script_of(request)];

    if (!err && sc_redis_text(reply).len == sizeof(self->server.shas[0]) - 1)
        memcpy(sha, reply->text.at, reply->text.len);
}

static void on_probed(sc_redis_request *request, const sc_redis_reply *reply, const sc_error *err)
{
    redis_state *self = answered(request);

    (void)err;
    if (!reply)
        return;
    self->server.has_json = !sc_str_starts(reply->text, SC_STR("ERR unknown command")) &&
                            !sc_redis_is_error(reply, SC_STR("NOPERM"));
    if (self->indexes)
        sc_redis_state_make_indexes(self);
}

/* "connected_slaves:2" in the answer to INFO replication. */
static uint64_t read_replicas(sc_str info)
{
    sc_str name = SC_STR("connected_slaves:");
    size_t at = sc_str_find_str(info, name);
    sc_str rest = sc_str_sub(info, at + name.len, info.len);
    uint64_t count = 0;

    if (at == info.len || !sc_str_to_u64(sc_str_trim(sc_str_cut(&rest, '\n')), &count))
        return 0;
    return count;
}

/* Strong writes find by themselves whether the connection is up. */
static void on_link_ready(void *at)
{
    (void)at;
}

static void on_link_lost(void *at, const sc_error *why)
{
    (void)at;
    (void)why;
}

static void on_replicas_counted(sc_redis_request *request, const sc_redis_reply *reply,
                                const sc_error *err)
{
    static const sc_redis_link_ops ops = {on_link_ready, on_link_lost};
    redis_state *self = answered(request);

    self->server.replicas = err ? 0 : read_replicas(sc_redis_text(reply));
    if (self->server.replicas > 0 && !self->strong && !self->on_closed &&
        !sc_redis_client_is_cluster(self->client))
        self->strong = sc_redis_link_open(self->client, SC_STR_NONE, &ops, self);
}

void sc_redis_state_count_replicas(redis_state *self)
{
    uint64_t now_ms = sc_loop_now_ms(self->env->loop);

    if (self->server.asked_ms > 0 && now_ms - self->server.asked_ms < REPLICAS_AGE_MS)
        return;
    self->server.asked_ms = now_ms;
    ask(self, &self->count_replicas, encode_info, on_replicas_counted);
}

/* ---- life ---- */

static void on_ready(void *at)
{
    redis_state *self = at;

    self->was_ready = true;
    self->server.asked_ms = 0;
    for (size_t i = 0; i < SC_REDIS_SCRIPTS; i++)
        ask(self, &self->load_scripts[i], encode_load, on_script_loaded);
    ask(self, &self->probe_json, encode_probe, on_probed);
    sc_redis_state_count_replicas(self);
}

static void on_lost(void *at, const sc_error *why)
{
    redis_state *self = at;

    sc_log_warn(self->env->log, "redis at %.*s: %s; connecting again",
                SC_FMT(self->client ? sc_redis_client_name(self->client) : self->settings.hosts),
                why->text);
}

/* maxRetries and maxRetryBackoff are what redisMaxRetries and redisMinRetryInterval were called;
 * the backoff counts nanoseconds unless it says its unit. */
static sc_code apply_older_names(redis_state *self, sc_error *err)
{
    sc_str backoff = self->conf->max_retry_backoff;
    int64_t ns;

    self->settings = self->conf->redis;
    if (self->conf->max_retries != -2)
        self->settings.max_retries = self->conf->max_retries;
    if (backoff.len == 0)
        return SC_OK;
    if (!sc_str_to_i64(backoff, &ns) && !sc_duration_parse(backoff, &ns))
        return sc_fail(err, SC_INVALID,
                       "metadata 'maxRetryBackoff': '%.*s' is no duration like 2s and no number "
                       "of nanoseconds",
                       SC_FMT(sc_str_sub(backoff, 0, 100)));
    self->settings.min_retry_ms = ns / 1000000;
    return SC_OK;
}

static sc_code redis_open(void *at, const void *conf, const sc_component_env *env, sc_error *err)
{
    static const sc_redis_client_ops ops = {on_ready, on_lost};
    redis_state *self = at;
    int64_t seconds;

    self->conf = conf;
    self->env = env;
    if (apply_older_names(self, err) != SC_OK)
        return err->code;
    if (self->conf->ttl.len > 0 &&
        sc_go_parse_int(self->conf->ttl, "strconv.ParseInt", &seconds, err) != SC_OK)
        return sc_error_context(err, "metadata 'ttlInSeconds'");
    sc_arena_init(&self->mem, NULL);
    sc_list_init(&self->apart);
    if (sc_redis_state_read_indexes(self, err) != SC_OK ||
        sc_redis_client_open(env->loop, &self->settings, &ops, self, &self->client, err) != SC_OK) {
        sc_arena_deinit(&self->mem);
        return sc_error_context(err, "redis store");
    }
    return SC_OK;
}

static sc_component_state redis_component_state(void *at, sc_error *why)
{
    redis_state *self = at;

    if (sc_redis_client_is_ready(self->client))
        return SC_COMPONENT_READY;
    if (why)
        *why = *sc_redis_client_trouble(self->client);
    return self->was_ready ? SC_COMPONENT_LOST : SC_COMPONENT_CONNECTING;
}

static uint32_t redis_features(void *at)
{
    const redis_state *self = at;
    uint32_t features = SC_STATE_ETAG | SC_STATE_TRANSACTIONAL | SC_STATE_TTL;

    return self->server.has_json || self->indexes ? features | SC_STATE_QUERY : features;
}

static void on_client_closed(void *at)
{
    redis_state *self = at;

    sc_arena_deinit(&self->mem);
    self->on_closed(self->user);
}

static void redis_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user), void *user)
{
    redis_state *self = at;

    self->on_closed = on_closed;
    self->user = user;
    sc_redis_link_close(self->strong);
    self->strong = NULL;
    sc_redis_state_abandon(self);
    sc_redis_client_close(self->client, linger_ms, on_client_closed, self);
}

static const sc_field fields[] = {
    SC_REDIS_FIELDS(redis_state_conf, redis),
    SC_FIELD(redis_state_conf, ttl, STR, "ttlInSeconds",
             .help = "How long items live that say nothing themselves; 0 or less, or not set: for "
                     "ever."),
    SC_FIELD(redis_state_conf, query_indexes, STR, "queryIndexes",
             .help = "Indexes for queries, as JSON: [{\"name\": ..., \"indexes\": [{\"key\": "
                     "..., \"type\": \"TEXT\"}]}]. Needs a server with the JSON and search "
                     "modules."),
    SC_FIELD(redis_state_conf, max_retries, I64, "maxRetries", .initial = "-2",
             .flags = SC_FIELD_DEPRECATED, .help = "Say redisMaxRetries."),
    SC_FIELD(redis_state_conf, max_retry_backoff, STR, "maxRetryBackoff",
             .flags = SC_FIELD_DEPRECATED,
             .help = "Say redisMinRetryInterval; a bare number counts nanoseconds here."),
    SC_FIELD_END,
};

static const sc_state_ops ops = {
    .open = redis_open,
    .state = redis_component_state,
    .features = redis_features,
    .get = redis_get,
    .write = sc_redis_state_write,
    .transact = sc_redis_state_transact,
    .query = sc_redis_state_query,
    .close = redis_close,
};

extern const sc_component sc_state_redis;
const sc_component sc_state_redis = {
    .type = "state.redis",
    .version = "v1",
    .title = "Redis",
    .fields = fields,
    .conf_size = sizeof(redis_state_conf),
    .self_size = sizeof(redis_state),
    .state = &ops,
};
