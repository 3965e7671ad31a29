/* SPDX-License-Identifier: MIT
 *
 * Raw bytes get a wrapper, octet streams have their attributes beside them, and everything else is
 * a CloudEvent in JSON that is passed on as it came.
 */
#include "block/event_decode.h"

#include "core/clock.h"
#include "wire/cloudevent.h"

static const sc_pubsubs_env *env_of(const sc_subscription *sub)
{
    return sc_pubsubs_env_of(sub->pubsubs);
}

/* Without the namespace that the broker's topic carries. */
static sc_str plain_topic(const sc_subscription *sub, sc_str topic)
{
    sc_str space = env_of(sub)->namespace_;

    if (sub->entry->is_namespaced && sc_str_starts(topic, space))
        return sc_str_sub(topic, space.len, topic.len);
    return topic;
}

static sc_str content_type_of(const sc_delivery *delivery)
{
    const sc_str *named;

    if (delivery->content_type.len > 0)
        return delivery->content_type;
    named = sc_pairs_get(&delivery->metadata, SC_STR("content-type"));
    return named ? *named : SC_STR("application/json");
}

/* The context to send on: of the event, or of the delivery as a span below it; the empty one that
 * Dapr sends when what the event says is none (pub/sub semantics, delivery). */
static void set_trace(const sc_subscription *sub, sc_event *event, sc_str parent, sc_str state,
                      sc_arena *mem)
{
    sc_tracer *tracer = env_of(sub)->tracer;
    sc_trace trace = sc_trace_begin(tracer, parent, state, mem);

    event->has_traceparent = !(tracer && tracer->mode == SC_TRACE_OFF);
    event->traceparent = trace.parent.len > 0 ? trace.parent : SC_TRACEPARENT_NONE;
    event->tracestate = trace.state;
}

/* ---- raw ---- */

static void wrap_raw(const sc_subscription *sub, const sc_delivery *delivery, sc_arena *mem,
                     sc_event *event)
{
    const sc_str *traceparent = sc_pairs_get(&delivery->metadata, SC_STR("traceparent"));
    char *id = sc_arena_alloc(mem, SC_UUID_LEN + 1);
    sc_buf text = {0};

    sc_random_uuid(env_of(sub)->random, id);
    event->id = sc_str_of(id, SC_UUID_LEN);
    sc_envelope_wrap_raw(delivery->payload, event->id, event->topic, event->pubsub_name,
                         event->metadata, &text);
    event->payload = sc_arena_str(mem, sc_buf_str(&text));
    sc_buf_deinit(&text);
    event->is_raw = true;
    if (traceparent)
        set_trace(sub, event, *traceparent, SC_STR_NONE, mem);
}

/* ---- octet streams (CloudEvents binary mode at the broker) ---- */

static sc_str lower(sc_str name, sc_arena *mem)
{
    char *to = sc_arena_alloc(mem, name.len + 1);

    for (size_t i = 0; i < name.len; i++)
        to[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 0x20 : name.at[i]);
    to[name.len] = '\0';
    return sc_str_of(to, name.len);
}

/* The attributes are the metadata that begin with "ce_"; the data is not among them. */
static void read_octets(const sc_subscription *sub, const sc_delivery *delivery, sc_arena *mem,
                        sc_event *event)
{
    sc_str prefix = SC_STR("ce_");
    sc_doc *doc = sc_doc_new(mem, SC_DOC_OBJECT);
    sc_str parent;

    for (uint32_t i = 0; i < delivery->metadata.count; i++) {
        const sc_pair *one = &delivery->metadata.at[i];

        if (sc_str_starts(one->name, prefix) && one->name.len > prefix.len)
            sc_doc_put(doc, lower(sc_str_sub(one->name, prefix.len, one->name.len), mem),
                       sc_doc_new_string(mem, one->value));
    }
    sc_doc_put(doc, SC_STR("datacontenttype"), sc_doc_new_string(mem, event->content_type));
    event->doc = doc;
    event->is_octets = true;
    event->id = sc_doc_string(sc_doc_get(doc, SC_STR("id")));
    parent = sc_doc_string(sc_doc_get(doc, SC_STR("traceparent")));
    if (parent.len > 0)
        set_trace(sub, event, parent, sc_doc_string(sc_doc_get(doc, SC_STR("tracestate"))), mem);
}

/* ---- JSON ---- */

/* An event that says nothing of a trace is sent on without one. */
static void read_trace(const sc_subscription *sub, const sc_cloudevent *ce, sc_arena *mem,
                       sc_event *event)
{
    sc_str raw = ce->traceparent.len ? ce->traceparent : ce->traceid;

    if (raw.len > 0)
        set_trace(sub, event, sc_cloudevent_text(raw, mem), sc_cloudevent_text(ce->tracestate, mem),
                  mem);
}

sc_code sc_event_decode(const sc_subscription *sub, const sc_delivery *delivery, sc_arena *mem,
                        sc_event *event, sc_str *expired, sc_error *err)
{
    sc_cloudevent ce;

    *expired = SC_STR_NONE;
    *event = (sc_event){.payload = delivery->payload,
                        .pubsub_name = sub->entry->name,
                        .topic = plain_topic(sub, delivery->topic),
                        .metadata = &delivery->metadata,
                        .content_type = content_type_of(delivery),
                        .broker_content_type = delivery->content_type,
                        .is_binary_mode = sub->is_binary_mode};
    if (sub->is_raw) {
        wrap_raw(sub, delivery, mem, event);
        return SC_OK;
    }
    /* a bulk has no place for bytes: there everything is JSON */
    if (!sub->bulk && sc_media_type_is(event->content_type, SC_STR("application/octet-stream"))) {
        read_octets(sub, delivery, mem, event);
        return SC_OK;
    }
    if (sc_cloudevent_parse(delivery->payload, &ce, err) != SC_OK)
        return err->code;
    event->id = sc_cloudevent_text(ce.id, mem);
    read_trace(sub, &ce, mem, event);
    if (sc_cloudevent_is_expired(&ce, sc_clock_wall_ms(), mem))
        *expired = sc_cloudevent_text(ce.expiration, mem);
    return SC_OK;
}
