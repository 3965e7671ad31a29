/* SPDX-License-Identifier: MIT
 *
 * What the application tells its sidecar (pub/sub semantics, section 3.3), and deliveries: one
 * event or a bulk of them in, verdicts out (sections 6.3 and 8).
 */
#include "app_internal.h"
#include "wire/base64.h"
#include "wire/cloudevent.h"
#include "wire/json.h"

/* ---- subscriptions ---- */

static bool is_same_topic(const rule *a, const rule *b)
{
    return strcmp(a->said.pubsub, b->said.pubsub) == 0 && strcmp(a->said.topic, b->said.topic) == 0;
}

static bool is_first_of_topic(const pillion_app *app, const rule *r)
{
    for (const rule *it = app->rules; it != r; it = it->next)
        if (is_same_topic(it, r))
            return false;
    return true;
}

static void add_text(sc_buf *out, const char *before, const char *text)
{
    sc_buf_add_str(out, sc_str_from(before));
    sc_json_add_string(out, sc_str_from(text));
}

static void add_routes(sc_buf *out, const rule *first)
{
    const rule *fallback = NULL;
    bool has_rule = false;

    sc_buf_add_str(out, SC_STR(",\"routes\":{\"rules\":["));
    for (const rule *it = first; it; it = it->next) {
        if (!is_same_topic(it, first))
            continue;
        if (!it->said.match) {
            fallback = fallback ? fallback : it;
            continue;
        }
        add_text(out, has_rule ? ",{\"match\":" : "{\"match\":", it->said.match);
        add_text(out, ",\"path\":", it->route.at);
        sc_buf_add_byte(out, '}');
        has_rule = true;
    }
    sc_buf_add_byte(out, ']');
    if (fallback)
        add_text(out, ",\"default\":", fallback->route.at);
    sc_buf_add_byte(out, '}');
}

static void add_subscription(sc_buf *out, const rule *first, sc_arena *mem)
{
    const pillion_subscription *said = &first->said;

    add_text(out, "{\"pubsubname\":", said->pubsub);
    add_text(out, ",\"topic\":", said->topic);
    add_routes(out, first);
    if (said->dead_letter_topic)
        add_text(out, ",\"deadLetterTopic\":", said->dead_letter_topic);
    if (said->metadata_count > 0) {
        sc_pairs metadata = copy_pairs(mem, said->metadata, said->metadata_count);

        sc_buf_add_str(out, SC_STR(",\"metadata\":"));
        sc_json_add_pairs(out, &metadata);
    }
    if (said->bulk_max_messages > 1) {
        sc_buf_add_fmt(out, ",\"bulkSubscribe\":{\"enabled\":true,\"maxMessagesCount\":%u",
                       said->bulk_max_messages);
        if (said->bulk_await_ms > 0)
            sc_buf_add_fmt(out, ",\"maxAwaitDurationMs\":%u", said->bulk_await_ms);
        sc_buf_add_byte(out, '}');
    }
    sc_buf_add_byte(out, '}');
}

sc_str subscriptions_json(const pillion_app *app, sc_arena *mem)
{
    sc_buf out = {0};
    sc_str text;

    sc_buf_add_byte(&out, '[');
    for (const rule *it = app->rules; it; it = it->next) {
        if (!is_first_of_topic(app, it))
            continue;
        if (sc_buf_len(&out) > 1)
            sc_buf_add_byte(&out, ',');
        add_subscription(&out, it, mem);
    }
    sc_buf_add_byte(&out, ']');
    text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

/* ---- one event ---- */

static const char *verdict_name(pillion_verdict verdict)
{
    return verdict == PILLION_SUCCESS ? "SUCCESS" : verdict == PILLION_DROP ? "DROP" : "RETRY";
}

static void settle_one(sdk_event *event, pillion_verdict verdict)
{
    pillion_respond_json(event->carrier, 200, "{\"status\":%s}", verdict_name(verdict));
}

static void deliver_one(pillion_request *request, const route *to)
{
    sc_arena *mem = &request->ex->call->mem;
    sdk_event *event = sc_arena_new(mem, sdk_event);
    sc_error err;

    if (event_read(mem, &request->ex->req.headers, request->ex->req.body, event, &err) != SC_OK) {
        pillion_respond_json(request, 400, "{\"error\":%s}", err.text);
        return;
    }
    event->settle = settle_one;
    event->carrier = request;
    event_handle(event, to->on_event, to->user);
}

/* ---- a bulk ---- */

typedef struct bulk bulk;

typedef struct bulk_entry {
    sdk_event event; /* first */
    bulk *of;
    sc_str id; /* JSON, with its quotes */
    pillion_verdict verdict;
} bulk_entry;

struct bulk {
    pillion_request *request;
    bulk_entry *entries;
    size_t count;
    size_t open; /* without a verdict; one more while entries are handed out */
};

static void finish_bulk(bulk *all)
{
    sc_buf out = {0};

    if (--all->open > 0)
        return;
    sc_buf_add_str(&out, SC_STR("{\"statuses\":["));
    for (size_t i = 0; i < all->count; i++) {
        sc_buf_add_str(&out, i > 0 ? SC_STR(",{\"entryId\":") : SC_STR("{\"entryId\":"));
        sc_buf_add_str(&out, all->entries[i].id);
        sc_buf_add_fmt(&out, ",\"status\":\"%s\"}", verdict_name(all->entries[i].verdict));
    }
    sc_buf_add_str(&out, SC_STR("]}"));
    pillion_respond(all->request, 200, "application/json", str_out(sc_buf_str(&out)));
    sc_buf_deinit(&out);
}

static void settle_entry(sdk_event *event, pillion_verdict verdict)
{
    bulk_entry *entry = (bulk_entry *)event;

    entry->verdict = verdict;
    finish_bulk(entry->of);
}

/* An entry's event: a CloudEvent, or the base64 of a raw message. */
static bool read_entry(bulk_entry *entry, sc_str object, sc_arena *mem)
{
    sc_str name, value, event = SC_STR_NONE, type = SC_STR_NONE, bytes;
    sc_error err;

    entry->id = SC_STR("\"\"");
    while (sc_json_next_member(&object, &name, &value)) {
        if (sc_str_eq(name, SC_STR("entryId")) && value.at[0] == '"')
            entry->id = value;
        else if (sc_str_eq(name, SC_STR("event")))
            event = value;
        else if (sc_str_eq(name, SC_STR("contentType")))
            type = sc_json_unquote(value, mem);
    }
    if (event.len > 0 && event.at[0] == '{')
        return event_read_json(mem, event, &entry->event, &err) == SC_OK;
    if (event.len == 0 || event.at[0] != '"' ||
        !sc_base64_decode(sc_json_unquote(event, mem), mem, &bytes))
        return false;
    entry->event = (sdk_event){.mem = mem};
    sc_pairs_set(&entry->event.attributes, mem, SC_STR("datacontenttype"), sc_arena_str(mem, type));
    event_fill(&entry->event, str_out(sc_arena_str(mem, bytes)));
    return true;
}

static void set_default(sdk_event *event, const char **text, sc_str value)
{
    if ((*text)[0] == '\0' && value.len > 0)
        *text = sc_arena_str(event->mem, value).at;
}

static void deliver_bulk(pillion_request *request, const route *to, sc_str list, sc_str pubsub,
                         sc_str topic)
{
    sc_arena *mem = &request->ex->call->mem;
    bulk *all = sc_arena_new(mem, bulk);
    sc_str rest = list, element;

    all->request = request;
    while (sc_json_next_element(&rest, &element))
        all->count++;
    all->entries = sc_arena_zero(mem, all->count * sizeof(all->entries[0]) + 1);
    all->open = all->count + 1;
    rest = list;
    for (size_t i = 0; i < all->count && sc_json_next_element(&rest, &element); i++) {
        bulk_entry *entry = &all->entries[i];

        entry->verdict = PILLION_RETRY;
        if (!read_entry(entry, element, mem)) {
            entry->of = all;
            finish_bulk(all);
            continue;
        }
        entry->of = all;
        entry->event.settle = settle_entry;
        set_default(&entry->event, &entry->event.pub.pubsub, pubsub);
        set_default(&entry->event, &entry->event.pub.topic, topic);
        event_handle(&entry->event, to->on_event, to->user);
    }
    finish_bulk(all);
}

/* A bulk is told by its body: a list of entries under this type. */
static bool is_bulk(const pillion_request *request, sc_str *list, sc_str *pubsub, sc_str *topic)
{
    sc_arena *mem = &request->ex->call->mem;
    sc_str content_type = request_header(request, SC_STR("content-type"));
    sc_str rest, name, value;
    bool has_type = false;

    *list = *pubsub = *topic = SC_STR_NONE;
    if (!sc_media_type_is(content_type, SC_STR("application/json")) ||
        sc_json_scan(request->ex->req.body, &rest, NULL, NULL) != SC_OK || rest.at[0] != '{')
        return false;
    while (sc_json_next_member(&rest, &name, &value)) {
        if (sc_str_eq(name, SC_STR("entries")) && value.at[0] == '[')
            *list = value;
        else if (sc_str_eq(name, SC_STR("type")))
            has_type = sc_str_eq(value, SC_STR("\"com.dapr.event.sent.bulk\""));
        else if (sc_str_eq(name, SC_STR("pubsubname")))
            *pubsub = sc_json_unquote(value, mem);
        else if (sc_str_eq(name, SC_STR("topic")))
            *topic = sc_json_unquote(value, mem);
    }
    return has_type && list->len > 0;
}

void app_deliver(pillion_request *request, const route *to)
{
    sc_str list, pubsub, topic;

    if (is_bulk(request, &list, &pubsub, &topic))
        deliver_bulk(request, to, list, pubsub, topic);
    else
        deliver_one(request, to);
}
