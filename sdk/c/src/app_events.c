/* SPDX-License-Identifier: MIT
 *
 * What the application tells its sidecar (pub/sub semantics, section 3.3), and deliveries: one
 * event or a bulk of them in, verdicts out (sections 6.3 and 8).
 */
#include "app_internal.h"
#include "event_bulk.h"
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

typedef struct bulk {
    pillion_request *request;
    event_entry *entries;
    size_t count;
    size_t open; /* without a verdict; one more while entries are handed out */
} bulk;

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
    event_entry *entry = (event_entry *)event;

    entry->verdict = verdict;
    finish_bulk(entry->of);
}

static void deliver_bulk(pillion_request *request, const route *to, event_entry *entries,
                         size_t count)
{
    bulk *all = sc_arena_new(&request->ex->call->mem, bulk);

    *all = (bulk){.request = request, .entries = entries, .count = count, .open = count + 1};
    for (size_t i = 0; i < count; i++) {
        entries[i].of = all;
        entries[i].event.settle = settle_entry;
        if (entries[i].is_good)
            event_handle(&entries[i].event, to->on_event, to->user);
        else
            finish_bulk(all);
    }
    finish_bulk(all);
}

void app_deliver(pillion_request *request, const route *to)
{
    size_t count;
    event_entry *entries =
        event_bulk_read(&request->ex->call->mem, request_header(request, SC_STR("content-type")),
                        request->ex->req.body, &count);

    if (entries)
        deliver_bulk(request, to, entries, count);
    else
        deliver_one(request, to);
}
