/* SPDX-License-Identifier: MIT
 *
 * Publishing. An application's bytes are checked once, spliced into the envelope and handed to the
 * component; the answer comes when the broker confirmed.
 */
#include "block/pubsub.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/duration.h"
#include "core/map.h"
#include "wire/cloudevent.h"

struct sc_pubsubs {
    sc_pubsubs_env env;
    sc_pubsub_entry **entries;
    uint32_t count;
    int64_t
        stamp_s; /* the second that `stamp` says; a zone's rules are not asked for each publish */
    char stamp[SC_CLOCK_TEXT_MAX];
    sc_str stamp_text;
    sc_buf scratch; /* envelopes are built here, then copied at their exact size */
    sc_arena mem;
    sc_credit credit;
    uint32_t closing;
    void (*on_closed)(void *user);
    void *user;
    sc_op closed;
};

static void on_published(sc_op *op);
static void on_bulk_published(sc_op *op);

/* ---- components ---- */

sc_pubsubs *sc_pubsubs_new(const sc_pubsubs_env *env)
{
    sc_pubsubs *pubsubs = sc_new(sc_pubsubs);

    pubsubs->env = *env;
    sc_arena_init(&pubsubs->mem, NULL);
    sc_credit_init(&pubsubs->credit, env->loop, SC_CREDIT_MESSAGES, SC_CREDIT_BYTES);
    return pubsubs;
}

void sc_pubsubs_free(sc_pubsubs *pubsubs)
{
    for (uint32_t i = 0; i < pubsubs->count; i++) {
        sc_egress_stats_deinit(&pubsubs->entries[i]->stats);
        free(pubsubs->entries[i]);
    }
    free(pubsubs->entries);
    sc_buf_deinit(&pubsubs->scratch);
    sc_arena_deinit(&pubsubs->mem);
    sc_credit_deinit(&pubsubs->credit);
    free(pubsubs);
}

const sc_pubsubs_env *sc_pubsubs_env_of(const sc_pubsubs *pubsubs)
{
    return &pubsubs->env;
}

sc_credit *sc_pubsubs_credit(sc_pubsubs *pubsubs)
{
    return &pubsubs->credit;
}

sc_code sc_pubsubs_add(sc_pubsubs *pubsubs, const sc_component *component,
                       const sc_component_env *env, sc_error *err)
{
    sc_pubsub_entry *entry;
    sc_pubsub *opened;

    if (sc_pubsubs_find(pubsubs, env->name))
        return sc_fail(err, SC_ALREADY_EXISTS, "a pub/sub component '%.*s' is there already",
                       SC_FMT(env->name));
    if (sc_pubsub_open(component, env, &opened, err) != SC_OK)
        return err->code;
    entry = sc_new(sc_pubsub_entry);
    entry->pubsub = opened;
    entry->name = opened->instance->env.name;
    entry->stats = (sc_egress_stats){.metrics = pubsubs->env.metrics, .component = entry->name};
    entry->rules =
        sc_topic_rules_read(opened->instance->env.settings, pubsubs->env.app_id, &pubsubs->mem);
    entry->is_namespaced = env->names_namespace;
    pubsubs->entries =
        realloc(pubsubs->entries, (pubsubs->count + 1) * sizeof(pubsubs->entries[0]));
    if (!pubsubs->entries)
        sc_out_of_memory("components");
    pubsubs->entries[pubsubs->count++] = entry;
    return SC_OK;
}

sc_pubsub_entry *sc_pubsubs_find(const sc_pubsubs *pubsubs, sc_str name)
{
    for (uint32_t i = 0; i < pubsubs->count; i++) {
        if (sc_str_eq(pubsubs->entries[i]->name, name))
            return pubsubs->entries[i];
    }
    return NULL;
}

size_t sc_pubsub_capabilities(const sc_pubsub_entry *entry, const char *names[SC_MAX_CAPABILITIES])
{
    static const struct {
        uint32_t feature;
        const char *name;
    } rows[] = {
        {SC_PUBSUB_TTL, "MESSAGE_TTL"},
        {SC_PUBSUB_WILDCARDS, "SUBSCRIBE_WILDCARDS"},
        {SC_PUBSUB_BULK_PUBLISH, "BULK_PUBSUB"},
    };
    size_t count = 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (entry->pubsub->ops->features & rows[i].feature)
            names[count++] = rows[i].name;
    }
    return count;
}

uint32_t sc_pubsubs_count(const sc_pubsubs *pubsubs)
{
    return pubsubs->count;
}

sc_pubsub_entry *sc_pubsubs_at(const sc_pubsubs *pubsubs, uint32_t index)
{
    return pubsubs->entries[index];
}

static void on_all_closed(sc_op *op)
{
    sc_pubsubs *pubsubs = SC_CONTAINER_OF(op, sc_pubsubs, closed);

    pubsubs->on_closed(pubsubs->user);
}

static void on_one_closed(void *user)
{
    sc_pubsubs *pubsubs = user;

    if (--pubsubs->closing == 0)
        sc_op_finish(&pubsubs->closed);
}

void sc_pubsubs_close(sc_pubsubs *pubsubs, uint64_t linger_ms, void (*on_closed)(void *user),
                      void *user)
{
    pubsubs->on_closed = on_closed;
    pubsubs->user = user;
    pubsubs->closing = pubsubs->count + 1;
    sc_op_init(&pubsubs->closed, sc_loop_ops(pubsubs->env.loop), NULL, on_all_closed);
    for (uint32_t i = 0; i < pubsubs->count; i++)
        sc_pubsub_close(pubsubs->entries[i]->pubsub, linger_ms, on_one_closed, pubsubs);
    on_one_closed(pubsubs);
}

sc_str sc_pubsub_broker_topic(const sc_pubsubs *pubsubs, const sc_pubsub_entry *entry, sc_str topic,
                              sc_arena *mem)
{
    sc_str parts[] = {pubsubs->env.namespace_, topic};

    return entry->is_namespaced ? sc_arena_join(mem, parts, 2) : topic;
}

/* ---- what may be published ---- */

static sc_problem *on_resource(sc_problem *problem, sc_str name)
{
    problem->resource_name = name;
    return problem;
}

sc_pubsub_entry *sc_pubsubs_check_name(sc_pubsubs *pubsubs, sc_str name, sc_str topic,
                                       const sc_pairs *metadata, sc_arena *mem, sc_problem *problem)
{
    sc_pubsub_entry *entry = sc_pubsubs_find(pubsubs, name);

    if (entry && topic.len > 0)
        return entry;
    if (name.len == 0)
        on_resource(
            sc_problem_set(problem, mem, SC_REASON_PUBSUB_NAME_EMPTY, "pubsub name is empty"),
            name);
    else if (!entry)
        sc_problem_set(problem, mem, SC_REASON_PUBSUB_NOT_FOUND, "pubsub %.*s is not found",
                       SC_FMT(name));
    else
        on_resource(sc_problem_set(problem, mem, SC_REASON_PUBSUB_TOPIC_EMPTY,
                                   "topic is empty in pubsub %.*s", SC_FMT(name)),
                    name);
    problem->info = *metadata;
    problem->has_info = true;
    return NULL;
}

static bool check_scope(sc_pubsub_entry *to, const sc_pubsubs *pubsubs, sc_str topic, sc_arena *mem,
                        sc_problem *problem)
{
    if (sc_topic_rules_allow(&to->rules, &to->rules.publishing, topic))
        return true;
    on_resource(sc_problem_set(problem, mem, SC_REASON_PUBSUB_FORBIDDEN,
                               "topic %.*s is not allowed for app id %.*s", SC_FMT(topic),
                               SC_FMT(pubsubs->env.app_id)),
                to->name);
    sc_problem_info(problem, mem, SC_STR("topic"), topic);
    sc_problem_info(problem, mem, SC_STR("error"), problem->message);
    return false;
}

static bool read_raw_flag(const sc_pairs *metadata, sc_str name, sc_arena *mem, bool *is_raw,
                          sc_problem *problem)
{
    const sc_str *value = sc_pairs_get(metadata, SC_STR("rawPayload"));

    *is_raw = false;
    if (!value || value->len == 0 || sc_str_to_bool(*value, is_raw))
        return true;
    on_resource(
        sc_problem_set(problem, mem, SC_REASON_PUBSUB_METADATA,
                       "failed deserializing metadata. Error: rawPayload value must be a valid "
                       "boolean: actual is '%.*s'",
                       SC_FMT(*value)),
        name);
    problem->info = *metadata;
    problem->has_info = true;
    return false;
}

/* ---- envelopes ---- */

static sc_str override(const sc_pairs *metadata, const char *name, sc_str otherwise)
{
    const sc_str *value = sc_pairs_get_nocase(metadata, sc_str_from(name));

    return value && value->len > 0 ? *value : otherwise;
}

/* Go's rule: a duration, or whole seconds; anything else is ignored. */
static bool read_ttl(const sc_pairs *metadata, int64_t *ttl_ms)
{
    const sc_str *value = sc_pairs_get_nocase(metadata, SC_STR("ttl"));
    uint64_t seconds;
    int64_t ns;

    if (!value || value->len == 0)
        value = sc_pairs_get_nocase(metadata, SC_STR("ttlInSeconds"));
    if (!value)
        return false;
    if (sc_str_to_u64(*value, &seconds) && seconds < INT64_MAX / 1000)
        *ttl_ms = (int64_t)seconds * 1000;
    else if (sc_duration_parse(*value, &ns))
        *ttl_ms = ns / 1000000;
    else
        return false;
    return true;
}

typedef struct envelope_texts {
    char id[SC_UUID_LEN + 1];
    char expiration[SC_CLOCK_TEXT_MAX];
} envelope_texts;

typedef struct envelope_source {
    sc_str topic;
    sc_str content_type;
    sc_str body;
    sc_str traceparent;
    sc_str tracestate;
    const sc_pairs *metadata;
} envelope_source;

static sc_str time_text(sc_pubsubs *pubsubs, int64_t wall_s)
{
    if (pubsubs->stamp_s != wall_s) {
        pubsubs->stamp_s = wall_s;
        pubsubs->stamp_text = sc_clock_format_s(wall_s, true, pubsubs->stamp);
    }
    return pubsubs->stamp_text;
}

static sc_envelope describe(sc_pubsubs *pubsubs, const sc_pubsub_entry *to,
                            const envelope_source *from, envelope_texts *texts)
{
    int64_t now_ms = sc_clock_wall_ms();
    int64_t ttl_ms;
    bool has_source = sc_pairs_get_nocase(from->metadata, SC_STR("cloudevent.source")) != NULL;
    sc_envelope e = {.content_type = from->content_type,
                     .data = from->body,
                     .topic = from->topic,
                     .pubsub_name = to->name};

    sc_random_uuid(pubsubs->env.random, texts->id);
    e.id = override(from->metadata, "cloudevent.id", sc_str_of(texts->id, SC_UUID_LEN));
    e.source = override(from->metadata, "cloudevent.source",
                        has_source ? SC_STR("Dapr") : pubsubs->env.app_id);
    e.type = override(from->metadata, "cloudevent.type", SC_STR("com.dapr.event.sent"));
    e.subject = override(from->metadata, "cloudevent.subject", SC_STR_NONE);
    e.time = time_text(pubsubs, now_ms / 1000);
    e.traceid = override(from->metadata, "cloudevent.traceparent",
                         override(from->metadata, "cloudevent.traceid", from->traceparent));
    e.traceparent = e.traceid;
    e.tracestate = override(from->metadata, "cloudevent.tracestate", from->tracestate);
    if (!(to->pubsub->ops->features & SC_PUBSUB_TTL) && read_ttl(from->metadata, &ttl_ms))
        e.expiration = sc_clock_format_s((now_ms + ttl_ms) / 1000, false, texts->expiration);
    return e;
}

/* The bytes to store, in `mem`; `*id` is the CloudEvent id where it is ours to know. */
static sc_code make_payload(sc_pubsubs *pubsubs, const sc_pubsub_entry *to,
                            const envelope_source *from, sc_arena *mem, sc_str *payload, sc_str *id,
                            sc_error *err)
{
    envelope_texts texts;
    sc_envelope envelope = describe(pubsubs, to, from, &texts);
    sc_code code = SC_OK;

    sc_buf_clear(&pubsubs->scratch);
    if (sc_media_type_is(from->content_type, SC_CLOUDEVENT_JSON)) {
        sc_cloudevent own;

        envelope.traceid =
            from->traceparent; /* overrides do not reach an application's own event */
        envelope.tracestate = from->tracestate;
        code = sc_envelope_patch(from->body, &envelope, mem, &pubsubs->scratch, err);
        if (code == SC_OK && sc_cloudevent_parse(sc_buf_str(&pubsubs->scratch), &own, err) == SC_OK)
            *id = sc_arena_str(mem, sc_cloudevent_text(own.id, mem));
    } else {
        sc_envelope_build(&envelope, &pubsubs->scratch);
        *id = sc_arena_str(mem, envelope.id);
    }
    if (code == SC_OK)
        *payload = sc_arena_str(mem, sc_buf_str(&pubsubs->scratch));
    sc_buf_reset(&pubsubs->scratch, 65536);
    return code;
}

/* ---- one message ---- */

static void publish_failed(const sc_pubsubs *pubsubs, const sc_pubsub_entry *to, sc_str topic,
                           const sc_error *err, sc_arena *mem, sc_problem *problem)
{
    (void)pubsubs;
    on_resource(sc_problem_set(problem, mem, SC_REASON_PUBSUB_PUBLISH,
                               "error when publishing to topic %.*s in pubsub %.*s: %s",
                               SC_FMT(topic), SC_FMT(to->name), err->text),
                to->name);
    sc_problem_info(problem, mem, SC_STR("topic"), topic);
    sc_problem_info(problem, mem, SC_STR("error"), sc_arena_str(mem, sc_str_from(err->text)));
}

static void cannot_create(const sc_pubsubs *pubsubs, const sc_pubsub_entry *to, const sc_error *err,
                          sc_arena *mem, sc_problem *problem)
{
    on_resource(
        sc_problem_set(problem, mem, SC_REASON_PUBSUB_CLOUD_EVENT, "cannot create cloudevent"),
        to->name);
    sc_problem_info(problem, mem, SC_STR("appID"), pubsubs->env.app_id);
    sc_problem_info(problem, mem, SC_STR("error"), sc_arena_str(mem, sc_str_from(err->text)));
}

/* A message without an envelope carries its trace beside it. */
static void add_trace(sc_publish_request *req)
{
    sc_arena *mem = &req->call->mem;

    if (req->traceparent.len == 0 || sc_pairs_get(&req->metadata, SC_STR("traceparent")))
        return;
    sc_pairs_add(&req->metadata, mem, SC_STR("traceparent"), req->traceparent);
    if (req->tracestate.len > 0)
        sc_pairs_add(&req->metadata, mem, SC_STR("tracestate"), req->tracestate);
}

/* Finds out what is wrong with the request, or starts it. False: `problem` is set. */
static bool start_publish(sc_publish_request *req)
{
    sc_pubsubs *pubsubs = req->pubsubs;
    sc_arena *mem = &req->call->mem;
    sc_error err;
    bool is_raw;
    envelope_source from = {req->topic,       req->content_type, req->body,
                            req->traceparent, req->tracestate,   &req->metadata};

    req->to = sc_pubsubs_check_name(pubsubs, req->pubsub_name, req->topic, &req->metadata, mem,
                                    &req->problem);
    if (!req->to || !read_raw_flag(&req->metadata, req->to->name, mem, &is_raw, &req->problem))
        return false;
    req->op.payload = req->body;
    if (is_raw)
        add_trace(req);
    else if (make_payload(pubsubs, req->to, &from, mem, &req->op.payload, &req->id, &err) !=
             SC_OK) {
        cannot_create(pubsubs, req->to, &err, mem, &req->problem);
        return false;
    }
    if (!check_scope(req->to, pubsubs, req->topic, mem, &req->problem))
        return false;
    req->op.topic = sc_pubsub_broker_topic(pubsubs, req->to, req->topic, mem);
    req->op.content_type = is_raw ? req->content_type : SC_CLOUDEVENT_JSON;
    req->op.metadata = &req->metadata;
    req->started_ns = sc_clock_mono_ns();
    sc_pubsub_publish(req->to->pubsub, &req->op);
    return true;
}

void sc_publish(sc_pubsubs *pubsubs, sc_publish_request *req)
{
    sc_call_ref(req->call);
    req->pubsubs = pubsubs;
    sc_op_init(&req->op.op, sc_loop_ops(pubsubs->env.loop), &req->call->mem, on_published);
    if (!start_publish(req))
        sc_op_finish(&req->op.op);
}

static void on_published(sc_op *op)
{
    sc_publish_request *req = SC_CONTAINER_OF(op, sc_publish_request, op.op);
    bool reached_broker = req->to && sc_problem_is_none(&req->problem);
    sc_call *call = req->call;

    if (reached_broker) {
        sc_ledger_note note = {.step = SC_LEDGER_PUBLISHED,
                               .id = req->id,
                               .pubsub = req->to->name,
                               .topic = req->topic};

        sc_egress_stats_record(&req->to->stats, req->topic, false, op->err.code == SC_OK,
                               req->started_ns);
        if (op->err.code != SC_OK) {
            publish_failed(req->pubsubs, req->to, req->topic, &op->err, &call->mem, &req->problem);
            note.step = SC_LEDGER_PUBLISH_FAILED;
            note.reason = sc_str_from(op->err.text);
        }
        sc_ledger_write(req->pubsubs->env.ledger, &note);
    }
    req->done(req);
    sc_call_unref(call);
}

/* ---- many messages ---- */

static bool check_entry_ids(sc_bulk_publish_request *req)
{
    sc_map seen;
    bool ok = true;

    sc_map_init(&seen);
    for (size_t i = 0; ok && i < req->count; i++)
        ok = req->entries[i].entry_id.len > 0 &&
             !sc_map_put(&seen, req->entries[i].entry_id, &req->entries[i]);
    sc_map_deinit(&seen);
    if (ok)
        return true;
    on_resource(
        sc_problem_set(
            &req->problem, &req->call->mem, SC_REASON_PUBSUB_MARSHAL_EVENTS,
            "error marshaling events to bytes for topic %.*s pubsub %.*s. error: entryId is "
            "duplicated or not present for entry",
            SC_FMT(req->topic), SC_FMT(req->to->name)),
        req->to->name);
    sc_problem_info(&req->problem, &req->call->mem, SC_STR("appID"), req->pubsubs->env.app_id);
    sc_problem_info(&req->problem, &req->call->mem, SC_STR("error"),
                    SC_STR("entryId is duplicated or not present for entry"));
    return false;
}

/* The request's metadata with the entry's over it; none at all for an entry without its own. */
static const sc_pairs *merged(const sc_bulk_publish_request *req,
                              const sc_bulk_publish_entry *entry)
{
    sc_pairs *all = sc_arena_new(&req->call->mem, sc_pairs);

    if (!entry->has_metadata)
        return all;
    *all = sc_pairs_copy(&req->metadata, &req->call->mem);
    for (uint32_t i = 0; i < entry->metadata.count; i++)
        sc_pairs_set(all, &req->call->mem, entry->metadata.at[i].name, entry->metadata.at[i].value);
    return all;
}

static bool fill_entries(sc_bulk_publish_request *req, bool is_raw)
{
    sc_arena *mem = &req->call->mem;
    sc_error err;

    req->op.entries = sc_arena_zero(mem, (req->count + 1) * sizeof(sc_bulk_entry));
    req->ids = sc_arena_zero(mem, (req->count + 1) * sizeof(sc_str));
    for (size_t i = 0; i < req->count; i++) {
        const sc_bulk_publish_entry *entry = &req->entries[i];
        sc_bulk_entry *to = &req->op.entries[i];
        envelope_source from = {
            req->topic,      entry->content_type,
            entry->body,     sc_trace_child(req->pubsubs->env.tracer, req->traceparent, mem),
            req->tracestate, merged(req, entry)};

        to->entry_id = entry->entry_id;
        to->content_type = is_raw ? entry->content_type : SC_CLOUDEVENT_JSON;
        to->metadata = from.metadata;
        to->payload = entry->body;
        if (!is_raw && make_payload(req->pubsubs, req->to, &from, mem, &to->payload, &req->ids[i],
                                    &err) != SC_OK) {
            cannot_create(req->pubsubs, req->to, &err, mem, &req->problem);
            return false;
        }
    }
    return true;
}

static bool start_bulk(sc_bulk_publish_request *req)
{
    sc_pubsubs *pubsubs = req->pubsubs;
    sc_arena *mem = &req->call->mem;
    bool is_raw;

    req->to = sc_pubsubs_check_name(pubsubs, req->pubsub_name, req->topic, &req->metadata, mem,
                                    &req->problem);
    if (!req->to || !read_raw_flag(&req->metadata, req->to->name, mem, &is_raw, &req->problem) ||
        !check_entry_ids(req) || !fill_entries(req, is_raw) ||
        !check_scope(req->to, pubsubs, req->topic, mem, &req->problem) || req->count == 0)
        return false;
    req->results = req->op.entries;
    req->op.count = req->count;
    req->op.topic = sc_pubsub_broker_topic(pubsubs, req->to, req->topic, mem);
    req->started_ns = sc_clock_mono_ns();
    sc_pubsub_bulk_publish(req->to->pubsub, &req->op);
    return true;
}

void sc_bulk_publish(sc_pubsubs *pubsubs, sc_bulk_publish_request *req)
{
    sc_call_ref(req->call);
    req->pubsubs = pubsubs;
    sc_op_init(&req->op.op, sc_loop_ops(pubsubs->env.loop), &req->call->mem, on_bulk_published);
    if (!start_bulk(req))
        sc_op_finish(&req->op.op);
}

static void note_entries(const sc_bulk_publish_request *req)
{
    for (size_t i = 0; i < req->count; i++) {
        const sc_error *err = &req->results[i].err;
        bool is_stored = err->code == SC_OK;
        sc_ledger_note note = {.step = is_stored ? SC_LEDGER_PUBLISHED : SC_LEDGER_PUBLISH_FAILED,
                               .id = req->ids[i],
                               .pubsub = req->to->name,
                               .topic = req->topic,
                               .reason = sc_str_from(is_stored ? "" : err->text)};

        sc_ledger_write(req->pubsubs->env.ledger, &note);
    }
}

static void on_bulk_published(sc_op *op)
{
    sc_bulk_publish_request *req = SC_CONTAINER_OF(op, sc_bulk_publish_request, op.op);
    sc_call *call = req->call;

    if (req->results) {
        sc_egress_stats_record(&req->to->stats, req->topic, true, op->err.code == SC_OK,
                               req->started_ns);
        note_entries(req);
    }
    if (op->err.code != SC_OK && sc_problem_is_none(&req->problem))
        publish_failed(req->pubsubs, req->to, req->topic, &op->err, &call->mem, &req->problem);
    req->done(req);
    sc_call_unref(call);
}
