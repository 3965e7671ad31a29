/* SPDX-License-Identifier: MIT
 *
 * Programmatic subscriptions from JSON. Member names match in any case, as Go's decoder does.
 */
#include "block/programmatic.h"

#include "wire/json.h"
#include "wire/proto.h"

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
    SC_DOC_EACH (map, it) {
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
    SC_DOC_EACH (list, it) {
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

/* ---- gRPC ---- */

static void read_grpc_routes(const Dapr__Proto__Runtime__V1__TopicRoutes *routes, sc_arena *mem,
                             sc_subscription_spec *spec)
{
    size_t count = routes ? routes->n_rules : 0;
    bool has_default = routes && routes->default_[0] != '\0';

    spec->routes = sc_arena_zero(mem, (count + 1) * sizeof(sc_route));
    for (size_t i = 0; i < count; i++) {
        spec->routes[spec->route_count].match = sc_str_from(routes->rules[i]->match);
        spec->routes[spec->route_count++].path = sc_str_from(routes->rules[i]->path);
    }
    if (has_default || count == 0)
        spec->routes[spec->route_count++].path =
            has_default ? sc_str_from(routes->default_) : SC_STR("");
}

static uint32_t positive(int32_t n)
{
    return n > 0 ? (uint32_t)n : 0;
}

sc_code
sc_programmatic_from_grpc(const Dapr__Proto__Runtime__V1__ListTopicSubscriptionsResponse *list,
                          sc_arena *mem, sc_subscription_spec **specs, uint32_t *count,
                          sc_error *err)
{
    *count = 0;
    *specs = sc_arena_zero(mem, (list->n_subscriptions + 1) * sizeof(**specs));
    for (size_t i = 0; i < list->n_subscriptions; i++) {
        const Dapr__Proto__Runtime__V1__TopicSubscription *item = list->subscriptions[i];
        sc_subscription_spec spec = {
            .kind = SC_SUBSCRIPTION_PROGRAMMATIC,
            .pubsub_name = sc_str_from(item->pubsub_name),
            .topic = sc_str_from(item->topic),
            .dead_letter_topic = sc_str_from(item->dead_letter_topic),
            .metadata = sc_proto_map((void *const *)item->metadata, item->n_metadata, mem)};
        uint32_t place;

        read_grpc_routes(item->routes, mem, &spec);
        if (item->bulk_subscribe) {
            spec.is_bulk = item->bulk_subscribe->enabled;
            spec.bulk_max_messages = positive(item->bulk_subscribe->max_messages_count);
            spec.bulk_max_await_ms = positive(item->bulk_subscribe->max_await_duration_ms);
        }
        if (sc_subscription_spec_check(&spec, err) != SC_OK)
            return err->code;
        place = place_of(*specs, *count, &spec);
        (*specs)[place] = spec;
        *count += place == *count;
    }
    return SC_OK;
}
