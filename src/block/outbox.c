/* SPDX-License-Identifier: MIT
 *
 * The sending half of the outbox: the events of a transaction, as CloudEvents, and their markers.
 */
#include "block/outbox_internal.h"

#include <stdlib.h>

#include "block/state.h"
#include "core/clock.h"
#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

#define MARKER_VALUE SC_STR("\"0\"")

/* One event under way. In the call's arena. */
typedef struct send_one {
    sc_publish_op op; /* first: on_sent gets it back by a cast */
    sc_outbox_send *all;
} send_one;

static void on_sent(sc_op *op);
static void on_nothing_sent(sc_op *op);

/* ---- life ---- */

static sc_str setting(const sc_state *store, const char *name)
{
    const sc_str *value = sc_pairs_get(store->instance->env.settings, sc_str_from(name));

    return value ? *value : SC_STR_NONE;
}

sc_outbox *sc_outbox_new(const sc_outbox_env *env, sc_state *store)
{
    sc_str pubsub = setting(store, "outboxPublishPubsub");
    sc_str topic = setting(store, "outboxPublishTopic");
    sc_outbox *outbox;

    if (pubsub.len == 0 || topic.len == 0)
        return NULL;
    outbox = sc_new(sc_outbox);
    outbox->env = *env;
    outbox->store = store;
    outbox->publish_pubsub = pubsub;
    outbox->publish_topic = topic;
    outbox->pubsub = setting(store, "outboxPubsub");
    if (outbox->pubsub.len == 0)
        outbox->pubsub = pubsub;
    outbox->discards = sc_str_is_truthy(setting(store, "outboxDiscardWhenMissingState"));
    sc_arena_init(&outbox->mem, NULL);
    sc_list_init(&outbox->flows);
    outbox->internal_topic =
        sc_arena_fmt(&outbox->mem, "%.*s%.*s%.*soutbox", SC_FMT(env->namespace_),
                     SC_FMT(env->app_id), SC_FMT(topic));
    return outbox;
}

void sc_outbox_free(sc_outbox *outbox)
{
    if (!outbox)
        return;
    sc_arena_deinit(&outbox->mem);
    free(outbox);
}

void sc_outbox_put(sc_outbox *outbox, sc_str name, sc_str topic, sc_str payload, sc_arena *mem,
                   sc_publish_op *op)
{
    sc_pubsub_entry *entry = sc_pubsubs_find(outbox->env.pubsubs, name);

    if (!entry) {
        sc_op_fail(&op->op, SC_NOT_FOUND, "pubsub %.*s is not found", SC_FMT(name));
        return;
    }
    if (!sc_topic_rules_allow(&entry->rules, &entry->rules.publishing, topic)) {
        sc_op_fail(&op->op, SC_PERMISSION_DENIED, "topic %.*s is not allowed for app id %.*s",
                   SC_FMT(topic), SC_FMT(outbox->env.app_id));
        return;
    }
    op->topic = sc_pubsub_broker_topic(outbox->env.pubsubs, entry, topic, mem);
    op->payload = payload;
    op->content_type = SC_STR("application/cloudevents+json");
    sc_pubsub_publish(entry->pubsub, op);
}

/* ---- events ---- */

bool sc_outbox_is_projection(const sc_state_item *item)
{
    const sc_str *flag = sc_pairs_get(&item->metadata, SC_STR("outbox.projection"));

    return flag && sc_str_is_truthy(*flag) && sc_str_eq(item->operation, SC_STR("upsert"));
}

static const sc_state_item *projection_of(const sc_outbox_send *send, sc_str key)
{
    for (size_t i = 0; i < send->count; i++) {
        if (sc_outbox_is_projection(&send->items[i]) && sc_str_eq(send->items[i].key, key))
            return &send->items[i];
    }
    return NULL;
}

static sc_str content_type_of(const sc_state_item *item)
{
    const sc_str *type = sc_pairs_get(&item->metadata, SC_STR("contentType"));

    return item->content_type.len > 0 ? item->content_type : type ? *type : SC_STR_NONE;
}

/* JSON stays JSON where the content type says so; all else is a string, and a JSON string is its
 * text. */
static void add_data(sc_buf *out, const sc_state_item *payload, sc_str content_type)
{
    sc_str value = payload->value;
    bool is_json = sc_str_eq_nocase(content_type, SC_STR("application/json")) &&
                   (payload->is_json || sc_json_is_valid(value));

    if (!sc_str_is_utf8(value)) {
        sc_buf_add_str(out, SC_STR("\"data_base64\":\""));
        sc_base64_add(out, value);
        sc_buf_add_byte(out, '"');
        return;
    }
    sc_buf_add_str(out, SC_STR("\"data\":"));
    if (is_json || (payload->is_json && value.at[0] == '"'))
        sc_buf_add_str(out, value);
    else
        sc_json_add_string(out, value);
}

static void add_attributes(sc_outbox *outbox, const sc_outbox_send *send, sc_str id,
                           sc_str content_type, sc_pairs *to)
{
    sc_arena *mem = &send->call->mem;
    char time[SC_CLOCK_TEXT_MAX];

    sc_pairs_add(to, mem, SC_STR("datacontenttype"),
                 content_type.len > 0 ? content_type : SC_STR("text/plain"));
    sc_pairs_add(to, mem, SC_STR("id"), id);
    sc_pairs_add(to, mem, SC_STR("pubsubname"), outbox->pubsub);
    sc_pairs_add(to, mem, SC_STR("source"), outbox->env.app_id);
    sc_pairs_add(to, mem, SC_STR("specversion"), SC_STR("1.0"));
    sc_pairs_add(to, mem, SC_STR("time"),
                 sc_arena_str(mem, sc_clock_format_s(sc_clock_wall_ms() / 1000, true, time)));
    sc_pairs_add(to, mem, SC_STR("topic"), SC_STR_NONE);
    sc_pairs_add(to, mem, SC_STR("traceid"), send->traceparent);
    sc_pairs_add(to, mem, SC_STR("traceparent"), SC_STR_NONE);
    sc_pairs_add(to, mem, SC_STR("tracestate"), send->tracestate);
    sc_pairs_add(to, mem, SC_STR("type"), SC_STR("com.dapr.event.sent"));
}

/* Everything that the item's metadata says is an attribute too; only data and id are ours. */
static sc_str make_event(sc_outbox *outbox, const sc_outbox_send *send, const sc_state_item *item,
                         sc_str id)
{
    const sc_state_item *projection = projection_of(send, item->key);
    const sc_state_item *payload = projection ? projection : item;
    sc_str content_type = content_type_of(payload);
    sc_arena *mem = &send->call->mem;
    sc_pairs attributes = {0};
    bool has_data = false;
    sc_buf out = {0};
    sc_str text;

    if (content_type.len == 0)
        content_type = content_type_of(item);
    add_attributes(outbox, send, id, content_type, &attributes);
    for (uint32_t i = 0; i < item->metadata.count; i++) {
        sc_pair pair = item->metadata.at[i];

        if (!sc_str_eq(pair.name, SC_STR("data")) && !sc_str_eq(pair.name, SC_STR("id")))
            sc_pairs_set(&attributes, mem, pair.name, pair.value);
    }
    sc_pairs_sort(&attributes);
    for (uint32_t i = 0; i < attributes.count; i++) {
        sc_buf_add_byte(&out, i == 0 ? '{' : ',');
        if (!has_data && sc_str_cmp(attributes.at[i].name, SC_STR("data")) > 0) {
            add_data(&out, payload, content_type);
            sc_buf_add_byte(&out, ',');
            has_data = true;
        }
        sc_json_add_string(&out, attributes.at[i].name);
        sc_buf_add_byte(&out, ':');
        sc_json_add_string(&out, attributes.at[i].value);
    }
    sc_buf_add_byte(&out, '}');
    text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

/* ---- sending ---- */

static bool is_published(const sc_state_item *item)
{
    return sc_str_eq(item->operation, SC_STR("upsert")) && !sc_outbox_is_projection(item);
}

static void send_item(sc_outbox *outbox, sc_outbox_send *send, const sc_state_item *item)
{
    sc_arena *mem = &send->call->mem;
    send_one *one = sc_arena_new(mem, send_one);
    char uuid[SC_UUID_LEN + 1];
    sc_str id;

    sc_random_uuid(outbox->env.random, uuid);
    id = sc_arena_fmt(mem, "outbox-%s", uuid);
    send->markers[send->marker_count++] =
        (sc_state_write){.key = id, .value = MARKER_VALUE, .is_json = true};
    one->all = send;
    sc_op_init(&one->op.op, sc_loop_ops(outbox->env.loop), mem, on_sent);
    sc_outbox_put(outbox, outbox->pubsub, outbox->internal_topic,
                  make_event(outbox, send, item, id), mem, &one->op);
}

void sc_outbox_publish(sc_outbox *outbox, sc_outbox_send *send)
{
    sc_call_ref(send->call);
    send->markers = sc_arena_zero(&send->call->mem, (send->count + 1) * sizeof(send->markers[0]));
    send->waiting = 1;
    for (size_t i = 0; i < send->count; i++) {
        if (!is_published(&send->items[i]))
            continue;
        send->waiting++;
        send_item(outbox, send, &send->items[i]);
    }
    sc_op_init(&send->nothing, sc_loop_ops(outbox->env.loop), NULL, on_nothing_sent);
    sc_op_finish(&send->nothing);
}

static void count_down(sc_outbox_send *send)
{
    sc_call *call = send->call;

    if (--send->waiting > 0)
        return;
    send->done(send);
    sc_call_unref(call);
}

static void on_sent(sc_op *op)
{
    sc_outbox_send *send = ((send_one *)op)->all;

    if (op->err.code != SC_OK)
        send->err = op->err;
    count_down(send);
}

static void on_nothing_sent(sc_op *op)
{
    count_down(SC_CONTAINER_OF(op, sc_outbox_send, nothing));
}
