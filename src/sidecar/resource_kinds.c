/* SPDX-License-Identifier: MIT
 *
 * The kinds of resources, a row each. Names of fields match in any case, as Dapr's decoder takes
 * them.
 */
#include "core/duration.h"
#include "sidecar/resources_internal.h"

#define INIT_TIMEOUT_MS 5000u

typedef sc_resource_loader loader;

static sc_code load_component(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err);
static sc_code load_subscription_v1(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err);
static sc_code load_subscription_v2(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err);
static sc_code load_endpoint(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err);

const sc_document_kind sc_document_kinds[] = {
    {SC_STR_INIT("dapr.io/v1alpha1"), SC_STR_INIT("Component"), load_component},
    {SC_STR_INIT("dapr.io/v1alpha1"), SC_STR_INIT("Subscription"), load_subscription_v1},
    {SC_STR_INIT("dapr.io/v2alpha1"), SC_STR_INIT("Subscription"), load_subscription_v2},
    {SC_STR_INIT("dapr.io/v1alpha1"), SC_STR_INIT("HTTPEndpoint"), load_endpoint},
    {SC_STR_INIT("dapr.io/v1alpha1"), SC_STR_INIT("Resiliency"), NULL},
    {SC_STR_INIT("dapr.io/v1alpha1"), SC_STR_INIT("MCPServer"), NULL},
    {SC_STR_INIT("dapr.io/v1alpha1"), SC_STR_INIT("WorkflowAccessPolicy"), NULL},
};
const size_t sc_document_kind_count = SC_ARRAY_LEN(sc_document_kinds);

/* ---- what they share ---- */

static const sc_doc *at(const sc_doc *doc, const char *key)
{
    return sc_doc_get_nocase(doc, sc_str_from(key));
}

static sc_code wrong(const loader *l, const sc_doc *doc, const char *what, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "%s:%u:%u: %s", l->file, doc->line, doc->column, what);
}

/* The text of an optional scalar. */
static sc_code read_text(const loader *l, const sc_doc *doc, const char *key, sc_str *out,
                         sc_error *err)
{
    const sc_doc *value = at(doc, key);

    if (!value || value->kind == SC_DOC_NULL)
        return SC_OK;
    if (value->kind == SC_DOC_ARRAY || value->kind == SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID, "%s:%u:%u: %s is a text, not %s", l->file, value->line,
                       value->column, key, value->kind == SC_DOC_ARRAY ? "a list" : "a mapping");
    *out = value->text;
    return SC_OK;
}

static sc_code read_bool(const loader *l, const sc_doc *doc, const char *key, bool *out,
                         sc_error *err)
{
    const sc_doc *value = at(doc, key);

    if (!value || value->kind == SC_DOC_NULL)
        return SC_OK;
    if (value->kind != SC_DOC_BOOL)
        return sc_fail(err, SC_INVALID, "%s:%u:%u: %s is true or false, without quotes", l->file,
                       value->line, value->column, key);
    *out = value->truth;
    return SC_OK;
}

static sc_code read_count(const loader *l, const sc_doc *doc, const char *key, uint32_t *out,
                          sc_error *err)
{
    const sc_doc *value = at(doc, key);
    uint64_t n;

    if (!value || value->kind == SC_DOC_NULL)
        return SC_OK;
    if (value->kind != SC_DOC_NUMBER || !sc_str_to_u64(value->text, &n) || n > INT32_MAX)
        return sc_fail(err, SC_INVALID, "%s:%u:%u: %s is a whole number from 0", l->file,
                       value->line, value->column, key);
    *out = (uint32_t)n;
    return SC_OK;
}

/* The mapping under `key`, or NULL; anything else is wrong. */
static sc_code read_mapping(const loader *l, const sc_doc *doc, const char *key, const sc_doc **out,
                            sc_error *err)
{
    *out = at(doc, key);
    if (*out && (*out)->kind == SC_DOC_NULL)
        *out = NULL;
    if (*out && (*out)->kind != SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID, "%s:%u:%u: %s is a mapping", l->file, (*out)->line,
                       (*out)->column, key);
    return SC_OK;
}

static sc_code read_spec(const loader *l, const sc_doc *doc, const sc_doc **spec, sc_error *err)
{
    if (read_mapping(l, doc, "spec", spec, err) != SC_OK)
        return err->code;
    return *spec ? SC_OK : wrong(l, doc, "spec is missing", err);
}

static sc_str name_of(const sc_doc *doc)
{
    const sc_doc *name = at(at(doc, "metadata"), "name");

    return name ? name->text : SC_STR_NONE; /* resources.c has checked it */
}

static sc_str place_of(const loader *l, const sc_doc *doc)
{
    return sc_arena_fmt(l->mem, "%s:%u", l->file, doc->line);
}

/* Room for one more of `size` bytes: lists here are short, so each grows by copying. */
static void *grown(loader *l, const void *old, uint32_t count, size_t size)
{
    char *list = sc_arena_zero(l->mem, (count + 1) * size);

    if (count > 0)
        memcpy(list, old, count * size);
    return list;
}

/* ---- Component ---- */

/* spec.initTimeout: what is no duration means the default, as in Dapr. */
static uint64_t init_timeout(sc_str text)
{
    int64_t ns;

    return sc_duration_parse(text, &ns) && ns >= 1000000 ? (uint64_t)ns / 1000000 : INIT_TIMEOUT_MS;
}

/* "name (type/version)", or "name (type)" without a version. */
static sc_str log_name(loader *l, const sc_component_spec *one)
{
    return sc_arena_fmt(l->mem, "%.*s (%.*s%s%.*s)", SC_FMT(one->name), SC_FMT(one->type),
                        one->version.len ? "/" : "", SC_FMT(one->version));
}

/* True when the name is taken, which is fatal: each one is a line of the reason. */
static bool is_duplicate(loader *l, const sc_component_spec *one)
{
    for (uint32_t i = 0; i < l->out->component_count; i++) {
        const sc_component_spec *twin = &l->out->components[i];
        sc_str story;

        if (!sc_str_eq(twin->name, one->name))
            continue;
        story = sc_arena_fmt(l->mem,
                             "duplicate definition of Component name %.*s with existing "
                             "%.*s (%.*s and %.*s)",
                             SC_FMT(log_name(l, one)), SC_FMT(log_name(l, twin)),
                             SC_FMT(one->place), SC_FMT(twin->place));
        if (l->fatal.code == SC_OK)
            (void)sc_fail(&l->fatal, SC_INVALID, "failed to load components: %.*s", SC_FMT(story));
        else
            (void)sc_fail(&l->fatal, SC_INVALID, "%s\n%.*s",
                          sc_arena_fmt(l->mem, "%s", l->fatal.text).at, SC_FMT(story));
        return true;
    }
    return false;
}

static sc_code load_component(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err)
{
    const sc_doc *spec;
    const sc_doc *auth;
    sc_component_spec one = {.name = name_of(doc), .place = place_of(l, doc)};
    sc_str timeout = SC_STR_NONE;

    if (read_spec(l, doc, &spec, err) != SC_OK ||
        read_text(l, spec, "type", &one.type, err) != SC_OK ||
        read_text(l, spec, "version", &one.version, err) != SC_OK ||
        read_text(l, at(doc, "metadata"), "namespace", &one.namespace_, err) != SC_OK ||
        read_text(l, spec, "initTimeout", &timeout, err) != SC_OK ||
        read_bool(l, spec, "ignoreErrors", &one.ignore_errors, err) != SC_OK ||
        read_mapping(l, doc, "auth", &auth, err) != SC_OK ||
        sc_values_read(at(spec, "metadata"), "spec.metadata", l->file, l->mem, &one.settings,
                       err) != SC_OK ||
        read_text(l, auth, "secretStore", &one.settings.secret_store, err) != SC_OK)
        return err->code;
    one.init_timeout_ms = init_timeout(timeout);
    if (is_duplicate(l, &one) || !is_in_scope)
        return SC_OK;
    if (one.type.len == 0 && l->fatal.code == SC_OK)
        (void)sc_fail(&l->fatal, SC_INVALID,
                      "process component %.*s error: %.*s: spec.type is missing; say for example "
                      "'type: pubsub.redis'",
                      SC_FMT(one.name), SC_FMT(one.place));
    l->out->components = grown(l, l->out->components, l->out->component_count, sizeof(one));
    l->out->components[l->out->component_count++] = one;
    return SC_OK;
}

/* ---- Subscription ---- */

static sc_code read_rules(loader *l, const sc_doc *routes, sc_subscription_spec *one, sc_error *err)
{
    const sc_doc *rules = at(routes, "rules");
    uint32_t count = sc_doc_is(rules, SC_DOC_ARRAY) ? rules->count : 0;

    if (rules && rules->kind != SC_DOC_ARRAY && rules->kind != SC_DOC_NULL)
        return wrong(l, rules, "spec.routes.rules is a list of match and path", err);
    one->routes = sc_arena_zero(l->mem, (count + 1) * sizeof(sc_route));
    for (uint32_t i = 0; i < count; i++) {
        const sc_doc *rule = sc_doc_at(rules, i);
        sc_route *route = &one->routes[one->route_count++];

        if (rule->kind != SC_DOC_OBJECT)
            return wrong(l, rule, "a rule is a mapping with match and path", err);
        if (read_text(l, rule, "match", &route->match, err) != SC_OK ||
            read_text(l, rule, "path", &route->path, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

static sc_code read_metadata(loader *l, const sc_doc *spec, sc_subscription_spec *one,
                             sc_error *err)
{
    const sc_doc *map;

    if (read_mapping(l, spec, "metadata", &map, err) != SC_OK || !map)
        return err->code;
    SC_DOC_EACH (map, it) {
        if (it->kind == SC_DOC_ARRAY || it->kind == SC_DOC_OBJECT)
            return sc_fail(err, SC_INVALID, "%s:%u:%u: spec.metadata '%.*s' is a text", l->file,
                           it->line, it->column, SC_FMT(it->key));
        sc_pairs_set(&one->metadata, l->mem, it->key, it->text);
    }
    return SC_OK;
}

static sc_code read_bulk(loader *l, const sc_doc *spec, sc_subscription_spec *one, sc_error *err)
{
    const sc_doc *bulk;

    if (read_mapping(l, spec, "bulkSubscribe", &bulk, err) != SC_OK ||
        read_bool(l, bulk, "enabled", &one->is_bulk, err) != SC_OK ||
        read_count(l, bulk, "maxMessagesCount", &one->bulk_max_messages, err) != SC_OK)
        return err->code;
    return read_count(l, bulk, "maxAwaitDurationMs", &one->bulk_max_await_ms, err);
}

static sc_code read_subscription(loader *l, const sc_doc *spec, sc_subscription_spec *one,
                                 sc_error *err)
{
    if (read_text(l, spec, "pubsubname", &one->pubsub_name, err) != SC_OK ||
        read_text(l, spec, "topic", &one->topic, err) != SC_OK ||
        read_text(l, spec, "deadLetterTopic", &one->dead_letter_topic, err) != SC_OK ||
        read_metadata(l, spec, one, err) != SC_OK || read_bulk(l, spec, one, err) != SC_OK)
        return err->code;
    if (one->pubsub_name.len == 0)
        return wrong(l, spec, "spec.pubsubname is missing: the name of a pub/sub component", err);
    return one->topic.len > 0 ? SC_OK : wrong(l, spec, "spec.topic is missing", err);
}

/* The later of two with one name counts. A rule that does not compile ends the process, as in Dapr;
 * so does a value that this runtime would not know what to do with. */
static void keep_subscription(loader *l, const sc_doc *doc, const sc_subscription_spec *one)
{
    sc_resources *out = l->out;
    uint32_t place = 0;
    sc_error why;

    sc_error_clear(&why);
    if (sc_subscription_spec_check(one, &why) != SC_OK && l->fatal.code == SC_OK) {
        l->fatal = why;
        (void)sc_error_context(&l->fatal, "%s:%u", l->file, doc->line);
    }
    while (place < out->subscription_count &&
           (one->name.len == 0 || !sc_str_eq(out->subscriptions[place].name, one->name)))
        place++;
    if (place == out->subscription_count)
        out->subscriptions = grown(l, out->subscriptions, out->subscription_count++, sizeof(*one));
    else
        sc_log_warn(l->log, "%s:%u: this Subscription replaces an earlier one of the name %.*s",
                    l->file, doc->line, SC_FMT(one->name));
    out->subscriptions[place] = *one;
}

static sc_code load_subscription_v1(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err)
{
    sc_subscription_spec one = {.kind = SC_SUBSCRIPTION_DECLARATIVE, .name = name_of(doc)};
    const sc_doc *spec;
    sc_str route = SC_STR_NONE;

    if (!is_in_scope)
        return SC_OK;
    if (read_spec(l, doc, &spec, err) != SC_OK || read_subscription(l, spec, &one, err) != SC_OK ||
        read_text(l, spec, "route", &route, err) != SC_OK)
        return err->code;
    if (at(spec, "routes"))
        sc_log_warn(l->log,
                    "%s:%u: spec.routes has no effect in a Subscription of dapr.io/v1alpha1; write "
                    "'apiVersion: dapr.io/v2alpha1'",
                    l->file, at(spec, "routes")->line);
    if (route.len > 0) {
        one.routes = sc_arena_new(l->mem, sc_route);
        one.routes[one.route_count++].path = route;
    }
    keep_subscription(l, doc, &one);
    return SC_OK;
}

static sc_code load_subscription_v2(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err)
{
    sc_subscription_spec one = {.kind = SC_SUBSCRIPTION_DECLARATIVE, .name = name_of(doc)};
    const sc_doc *spec;
    const sc_doc *routes;
    sc_str fallback = SC_STR_NONE;

    if (!is_in_scope)
        return SC_OK;
    if (read_spec(l, doc, &spec, err) != SC_OK || read_subscription(l, spec, &one, err) != SC_OK ||
        read_mapping(l, spec, "routes", &routes, err) != SC_OK ||
        read_rules(l, routes, &one, err) != SC_OK ||
        read_text(l, routes, "default", &fallback, err) != SC_OK)
        return err->code;
    if (at(spec, "route"))
        sc_log_warn(l->log,
                    "%s:%u: spec.route has no effect in a Subscription of dapr.io/v2alpha1; write "
                    "'routes: {default: ...}'",
                    l->file, at(spec, "route")->line);
    if (fallback.len > 0)
        one.routes[one.route_count++].path = fallback;
    keep_subscription(l, doc, &one);
    return SC_OK;
}

/* ---- HTTPEndpoint ---- */

static sc_code check_url(const loader *l, const sc_doc *spec, sc_str url, sc_error *err)
{
    sc_str rest = sc_str_starts(url, SC_STR("https://"))  ? sc_str_sub(url, 8, url.len)
                  : sc_str_starts(url, SC_STR("http://")) ? sc_str_sub(url, 7, url.len)
                                                          : SC_STR_NONE;
    const sc_doc *place = at(spec, "baseUrl");

    if (rest.len == 0 || rest.at[0] == '/')
        return wrong(l, place ? place : spec,
                     "spec.baseUrl is http:// or https:// with a host, and a prefix if need be",
                     err);
    return SC_OK;
}

static sc_code read_tls(loader *l, const sc_doc *spec, sc_endpoint_spec *one, sc_error *err)
{
    static const char *const names[] = {"rootCA", "certificate", "privateKey"};
    static const char *const choices[] = {"", "Never", "OnceAsClient", "FreelyAsClient"};
    const sc_doc *tls;

    one->tls = (sc_value_list){.file = l->file, .secret_store = one->headers.secret_store};
    if (read_mapping(l, spec, "clientTLS", &tls, err) != SC_OK || !tls)
        return err->code;
    one->tls.at = sc_arena_zero(l->mem, SC_ARRAY_LEN(names) * sizeof(sc_value_spec));
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        const sc_doc *value = at(tls, names[i]);
        sc_value_spec *to = &one->tls.at[one->tls.count];

        if (!value || value->kind == SC_DOC_NULL)
            continue;
        if (sc_value_read(value, l->file, l->mem, to, err) != SC_OK)
            return err->code;
        to->name = sc_str_from(names[i]);
        one->tls.count++;
    }
    if (read_text(l, tls, "renegotiation", &one->renegotiation, err) != SC_OK)
        return err->code;
    for (size_t i = 0; i < SC_ARRAY_LEN(choices); i++) {
        if (sc_str_eq(one->renegotiation, sc_str_from(choices[i])))
            return SC_OK;
    }
    return wrong(l, at(tls, "renegotiation"),
                 "spec.clientTLS.renegotiation is Never, OnceAsClient or FreelyAsClient", err);
}

static bool is_known_endpoint(loader *l, const sc_endpoint_spec *one)
{
    for (uint32_t i = 0; i < l->out->endpoint_count; i++) {
        const sc_endpoint_spec *twin = &l->out->endpoints[i];

        if (!sc_str_eq(twin->name, one->name))
            continue;
        sc_log_warn(l->log,
                    "failed to load HTTP endpoints: duplicate definition of HTTPEndpoint name %.*s "
                    "with existing %.*s (%.*s and %.*s)",
                    SC_FMT(one->name), SC_FMT(twin->name), SC_FMT(one->place), SC_FMT(twin->place));
        return true;
    }
    return false;
}

static sc_code load_endpoint(loader *l, const sc_doc *doc, bool is_in_scope, sc_error *err)
{
    sc_endpoint_spec one = {.name = name_of(doc), .place = place_of(l, doc)};
    const sc_doc *spec;
    const sc_doc *auth;

    if (read_spec(l, doc, &spec, err) != SC_OK ||
        read_text(l, at(doc, "metadata"), "namespace", &one.namespace_, err) != SC_OK ||
        read_text(l, spec, "baseUrl", &one.base_url, err) != SC_OK ||
        check_url(l, spec, one.base_url, err) != SC_OK ||
        sc_values_read(at(spec, "headers"), "spec.headers", l->file, l->mem, &one.headers, err) !=
            SC_OK ||
        read_mapping(l, doc, "auth", &auth, err) != SC_OK ||
        read_text(l, auth, "secretStore", &one.headers.secret_store, err) != SC_OK ||
        read_tls(l, spec, &one, err) != SC_OK)
        return err->code;
    if (is_known_endpoint(l, &one) || !is_in_scope)
        return SC_OK;
    l->out->endpoints = grown(l, l->out->endpoints, l->out->endpoint_count, sizeof(one));
    l->out->endpoints[l->out->endpoint_count++] = one;
    return SC_OK;
}
