/* SPDX-License-Identifier: MIT
 *
 * Programmatic subscriptions from JSON. Member names match in any case, as Go's decoder does.
 */
#include "block/programmatic.h"

#include "wire/json.h"

static const sc_doc *at(const sc_doc *doc, const char *key)
{
    return sc_doc_get_nocase(doc, sc_str_from(key));
}

/* The text of an optional member; anything but a string or null is wrong. */
static sc_code read_text(const sc_doc *item, const char *key, sc_str *out, sc_error *err)
{
    const sc_doc *value = at(item, key);

    *out = SC_STR_NONE;
    if (!value || value->kind == SC_DOC_NULL)
        return SC_OK;
    if (value->kind != SC_DOC_STRING)
        return sc_fail(err, SC_INVALID, "json: cannot unmarshal %s into field %s of type string",
                       sc_doc_kind_name(value->kind), key);
    *out = value->text;
    return SC_OK;
}

static sc_code read_metadata(const sc_doc *item, sc_arena *mem, sc_pairs *metadata, sc_error *err)
{
    const sc_doc *map = at(item, "metadata");

    if (!map || map->kind == SC_DOC_NULL)
        return SC_OK;
    if (map->kind != SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID, "json: cannot unmarshal %s into field metadata",
                       sc_doc_kind_name(map->kind));
    SC_DOC_EACH(map, it)
    {
        if (it->kind != SC_DOC_STRING)
            return sc_fail(
                err, SC_INVALID,
                "json: cannot unmarshal %s into metadata '%.*s' of type string; write it in quotes",
                sc_doc_kind_name(it->kind), SC_FMT(it->key));
        sc_pairs_set(metadata, mem, it->key, it->text);
    }
    return SC_OK;
}

static sc_code read_rules(const sc_doc *item, sc_arena *mem, sc_subscription_spec *spec,
                          sc_error *err)
{
    const sc_doc *routes = at(item, "routes");
    const sc_doc *rules = at(routes, "rules");
    sc_str fallback = SC_STR_NONE;
    uint32_t count = sc_doc_is(rules, SC_DOC_ARRAY) ? rules->count : 0;

    spec->routes = sc_arena_zero(mem, (count + 1) * sizeof(sc_route));
    for (uint32_t i = 0; i < count; i++) {
        sc_route *route = &spec->routes[spec->route_count++];

        if (read_text(sc_doc_at(rules, i), "match", &route->match, err) != SC_OK ||
            read_text(sc_doc_at(rules, i), "path", &route->path, err) != SC_OK)
            return err->code;
    }
    if (routes && read_text(routes, "default", &fallback, err) != SC_OK)
        return err->code;
    if (fallback.len == 0 && read_text(item, "route", &fallback, err) != SC_OK)
        return err->code;
    if (fallback.len > 0)
        spec->routes[spec->route_count++].path = fallback;
    return SC_OK;
}

static uint32_t number(const sc_doc *doc)
{
    uint64_t n;

    return sc_doc_is(doc, SC_DOC_NUMBER) && sc_str_to_u64(doc->text, &n) && n <= UINT32_MAX
               ? (uint32_t)n
               : 0;
}

static sc_code read_item(const sc_doc *item, sc_arena *mem, sc_subscription_spec *spec,
                         sc_error *err)
{
    const sc_doc *bulk = at(item, "bulkSubscribe");

    *spec = (sc_subscription_spec){.kind = SC_SUBSCRIPTION_PROGRAMMATIC};
    if (item->kind != SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID, "json: cannot unmarshal %s into a subscription",
                       sc_doc_kind_name(item->kind));
    if (read_text(item, "pubsubname", &spec->pubsub_name, err) != SC_OK ||
        read_text(item, "topic", &spec->topic, err) != SC_OK ||
        read_text(item, "deadLetterTopic", &spec->dead_letter_topic, err) != SC_OK ||
        read_metadata(item, mem, &spec->metadata, err) != SC_OK ||
        read_rules(item, mem, spec, err) != SC_OK)
        return err->code;
    spec->is_bulk = sc_doc_is(at(bulk, "enabled"), SC_DOC_BOOL) && at(bulk, "enabled")->truth;
    spec->bulk_max_messages = number(at(bulk, "maxMessagesCount"));
    spec->bulk_max_await_ms = number(at(bulk, "maxAwaitDurationMs"));
    return sc_subscription_spec_check(spec, err);
}

/* Where an item of the same pubsub and topic stands already, or the end. */
static uint32_t place_of(const sc_subscription_spec *specs, uint32_t count,
                         const sc_subscription_spec *spec)
{
    uint32_t i = 0;

    while (i < count && !(sc_str_eq(specs[i].pubsub_name, spec->pubsub_name) &&
                          sc_str_eq(specs[i].topic, spec->topic)))
        i++;
    return i;
}

sc_code sc_programmatic_parse(sc_str body, const sc_log *log, sc_arena *mem,
                              sc_subscription_spec **specs, uint32_t *count, sc_error *err)
{
    sc_doc *list;

    *count = 0;
    *specs = NULL;
    if (sc_str_trim(body).len == 0)
        return SC_OK;
    if (sc_json_parse(sc_arena_str(mem, body), mem, &list, NULL, err) != SC_OK)
        return err->code;
    if (list->kind == SC_DOC_NULL)
        return SC_OK;
    if (list->kind != SC_DOC_ARRAY)
        return sc_fail(err, SC_INVALID, "json: cannot unmarshal %s into a list of subscriptions",
                       sc_doc_kind_name(list->kind));
    *specs = sc_arena_zero(mem, (list->count + 1) * sizeof(**specs));
    SC_DOC_EACH(list, it)
    {
        sc_subscription_spec spec;
        uint32_t place;

        if (read_item(it, mem, &spec, err) != SC_OK)
            return err->code;
        if (spec.route_count == 0) {
            sc_log_warn(log, "topic %.*s has an empty routes. removing from subscriptions list",
                        SC_FMT(spec.topic));
            continue;
        }
        place = place_of(*specs, *count, &spec);
        (*specs)[place] = spec;
        *count += place == *count;
    }
    return SC_OK;
}
