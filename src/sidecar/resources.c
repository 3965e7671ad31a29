/* SPDX-License-Identifier: MIT
 *
 * Reads resource folders. One document that is wrong in form is named with its place; what concerns
 * another application or namespace is passed over.
 */
#include "sidecar/resources.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "core/duration.h"
#include "core/file.h"
#include "core/yaml.h"

typedef struct loader {
    sc_str app_id;
    sc_str namespace_;
    const sc_log *log;
    sc_arena *mem;
    sc_resources *out;
    sc_error *err;
    const char *file; /* being read */
} loader;

static sc_code load_folder(loader *l, sc_str folder);
static sc_code load_file(loader *l, const char *path);
static sc_code load_document(loader *l, const sc_doc *doc);
static bool is_path_segment(sc_str name)
{
    return !sc_str_eq(name, SC_STR(".")) && !sc_str_eq(name, SC_STR("..")) &&
           !memchr(name.at, '/', name.len) && !memchr(name.at, '%', name.len);
}

static sc_code load_component(loader *l, const sc_doc *doc);
static sc_code load_subscription(loader *l, const sc_doc *doc, bool is_v2);

static const sc_doc *at(const sc_doc *doc, const char *key)
{
    return sc_doc_get(doc, sc_str_from(key));
}

/* A scalar as text: quotes or not, a setting is text to the component. */
static sc_str scalar(const sc_doc *doc)
{
    if (!doc)
        return SC_STR_NONE;
    if (doc->kind == SC_DOC_BOOL)
        return doc->text.len ? doc->text : doc->truth ? SC_STR("true") : SC_STR("false");
    return doc->kind == SC_DOC_STRING || doc->kind == SC_DOC_NUMBER ? doc->text : SC_STR_NONE;
}

static bool is_true(const sc_doc *doc)
{
    return sc_doc_is(doc, SC_DOC_BOOL) ? doc->truth : sc_str_is_truthy(scalar(doc));
}

static sc_code wrong(loader *l, const sc_doc *doc, const char *what)
{
    return sc_fail(l->err, SC_INVALID, "%s:%u:%u: %s", l->file, doc->line, doc->column, what);
}

sc_code sc_resources_load(const sc_str *folders, uint32_t folder_count, sc_str app_id,
                          sc_str namespace_, const sc_log *log, sc_arena *mem, sc_resources *out,
                          sc_error *err)
{
    loader l = {
        .app_id = app_id, .namespace_ = namespace_, .log = log, .mem = mem, .out = out, .err = err};

    *out = (sc_resources){0};
    for (uint32_t i = 0; i < folder_count; i++) {
        if (load_folder(&l, folders[i]) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_yaml_ending(const char *name)
{
    sc_str dot = sc_str_from(strrchr(name, '.'));

    return sc_str_eq_nocase(dot, SC_STR(".yaml")) || sc_str_eq_nocase(dot, SC_STR(".yml"));
}

/* The files of the folder itself, sorted; in the arena. */
static sc_code list_folder(loader *l, const char *path, const char ***names, size_t *count)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t cap = 64;

    if (!dir)
        return sc_fail(l->err, SC_NOT_FOUND,
                       "error validating resources path [\"%s\"] : stat %s: %s", path, path,
                       sc_file_error_text(errno));
    *names = sc_arena_alloc(l->mem, cap * sizeof(char *));
    *count = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_type == DT_DIR || entry->d_name[0] == '.')
            continue;
        if (*count == cap) {
            const char **grown = sc_arena_alloc(l->mem, cap * 2 * sizeof(char *));

            memcpy(grown, *names, cap * sizeof(char *));
            *names = grown;
            cap *= 2;
        }
        (*names)[(*count)++] = sc_arena_str(l->mem, sc_str_from(entry->d_name)).at;
    }
    closedir(dir);
    qsort(*names, *count, sizeof(char *), by_name);
    return SC_OK;
}

static sc_code load_folder(loader *l, sc_str folder)
{
    const char *path = sc_arena_str(l->mem, folder).at;
    const char **names = NULL;
    size_t count = 0;

    if (list_folder(l, path, &names, &count) != SC_OK)
        return l->err->code;
    for (size_t i = 0; i < count; i++) {
        if (!has_yaml_ending(names[i])) {
            sc_log_warn(l->log, "A non-YAML Component file %s was detected, it will not be loaded",
                        names[i]);
            continue;
        }
        if (load_file(l, sc_arena_fmt(l->mem, "%s/%s", path, names[i]).at) != SC_OK)
            return l->err->code;
    }
    return SC_OK;
}

static sc_code load_file(loader *l, const char *path)
{
    sc_buf text = {0};
    sc_doc *all = NULL;
    sc_code code = sc_file_read(path, SC_YAML_MAX_LEN, &text, l->err);

    l->file = path;
    if (code == SC_OK)
        code = sc_yaml_parse(sc_buf_str(&text), path, l->mem, &all, l->err);
    sc_buf_deinit(&text);
    if (code != SC_OK)
        return code;
    SC_DOC_EACH (all, doc) {
        if (load_document(l, doc) != SC_OK)
            return l->err->code;
    }
    return SC_OK;
}

static bool concerns(const loader *l, const sc_doc *doc)
{
    sc_str space = sc_doc_string(at(at(doc, "metadata"), "namespace"));
    const sc_doc *scopes = at(doc, "scopes");

    if (space.len > 0 && l->namespace_.len > 0 && !sc_str_eq(space, l->namespace_))
        return false;
    if (!sc_doc_is(scopes, SC_DOC_ARRAY) || scopes->count == 0)
        return true;
    SC_DOC_EACH (scopes, it) {
        if (sc_str_eq(scalar(it), l->app_id))
            return true;
    }
    return false;
}

static sc_code load_document(loader *l, const sc_doc *doc)
{
    sc_str kind = sc_doc_string(at(doc, "kind"));
    sc_str version = sc_doc_string(at(doc, "apiVersion"));

    if (doc->kind != SC_DOC_OBJECT)
        return wrong(l, doc, "a resource is a mapping with apiVersion, kind, metadata and spec");
    if (kind.len == 0)
        return wrong(l, doc, "kind is missing; say for example 'kind: Component'");
    if (version.len == 0)
        return wrong(l, doc,
                     "apiVersion is missing; say for example 'apiVersion: dapr.io/v1alpha1'");
    if (!concerns(l, doc))
        return SC_OK;
    if (sc_str_eq(kind, SC_STR("Component")) && sc_str_eq(version, SC_STR("dapr.io/v1alpha1")))
        return load_component(l, doc);
    if (sc_str_eq(kind, SC_STR("Subscription")) && sc_str_eq(version, SC_STR("dapr.io/v1alpha1")))
        return load_subscription(l, doc, false);
    if (sc_str_eq(kind, SC_STR("Subscription")) && sc_str_eq(version, SC_STR("dapr.io/v2alpha1")))
        return load_subscription(l, doc, true);
    sc_log_warn(l->log,
                "%s:%u: resources of kind %.*s (%.*s) are not implemented yet; it has no effect",
                l->file, doc->line, SC_FMT(kind), SC_FMT(version));
    return SC_OK;
}

/* ---- Component ---- */

#define INIT_TIMEOUT_MS 5000u

/* spec.initTimeout: what is no duration means the default, as in Dapr. */
static uint64_t init_timeout(const sc_doc *doc)
{
    int64_t ns;

    return sc_duration_parse(scalar(doc), &ns) && ns >= 1000000 ? (uint64_t)ns / 1000000
                                                                : INIT_TIMEOUT_MS;
}

static const sc_component_spec *find_component(const sc_resources *all, sc_str name)
{
    for (uint32_t i = 0; i < all->component_count; i++) {
        if (sc_str_eq(all->components[i].name, name))
            return &all->components[i];
    }
    return NULL;
}

/* Room for one more of `size` bytes: lists here are short, so each grows by copying. */
static void *grown(loader *l, const void *old, uint32_t count, size_t size)
{
    char *list = sc_arena_zero(l->mem, (count + 1) * size);

    if (count > 0)
        memcpy(list, old, count * size);
    return list;
}

static sc_code load_component(loader *l, const sc_doc *doc)
{
    const sc_doc *spec = at(doc, "spec");
    const sc_doc *metadata = at(doc, "metadata");
    const sc_component_spec *twin;
    sc_component_spec one = {.name = scalar(at(metadata, "name")),
                             .type = scalar(at(spec, "type")),
                             .version = scalar(at(spec, "version")),
                             .namespace_ = scalar(at(metadata, "namespace")),
                             .init_timeout_ms = init_timeout(at(spec, "initTimeout")),
                             .ignore_errors = is_true(at(spec, "ignoreErrors"))};

    if (one.name.len == 0)
        return wrong(l, doc, "metadata.name is missing");
    if (!is_path_segment(one.name))
        return wrong(
            l, at(metadata, "name"),
            "a name stands in paths of the API: it cannot be '.' or '..' and holds neither "
            "'/' nor '%'");
    if (!sc_doc_is(spec, SC_DOC_OBJECT) || one.type.len == 0)
        return wrong(l, doc, "spec.type is missing; say for example 'type: pubsub.redis'");
    twin = find_component(l->out, one.name);
    if (twin)
        return sc_fail(l->err, SC_INVALID,
                       "duplicate definition of Component name %.*s (%.*s/%.*s) with existing %.*s "
                       "(%.*s/%.*s) at "
                       "%.*s",
                       SC_FMT(one.name), SC_FMT(one.type), SC_FMT(one.version), SC_FMT(twin->name),
                       SC_FMT(twin->type), SC_FMT(twin->version), SC_FMT(twin->place));
    one.place = sc_arena_fmt(l->mem, "%s:%u", l->file, doc->line);
    if (sc_values_read(at(spec, "metadata"), "spec.metadata", l->file, l->mem, &one.settings,
                       l->err) != SC_OK)
        return l->err->code;
    one.settings.secret_store = scalar(at(at(doc, "auth"), "secretStore"));
    l->out->components = grown(l, l->out->components, l->out->component_count, sizeof(one));
    l->out->components[l->out->component_count++] = one;
    return SC_OK;
}

/* ---- Subscription ---- */

static sc_code read_routes(loader *l, const sc_doc *routes, sc_subscription_spec *one)
{
    const sc_doc *rules = at(routes, "rules");
    sc_str fallback = scalar(at(routes, "default"));
    uint32_t count = rules ? rules->count : 0;

    if (rules && rules->kind != SC_DOC_ARRAY)
        return wrong(l, rules, "spec.routes.rules is a list of match and path");
    one->routes = sc_arena_zero(l->mem, (count + 1) * sizeof(sc_route));
    for (uint32_t i = 0; i < count; i++) {
        const sc_doc *rule = sc_doc_at(rules, i);

        one->routes[one->route_count++] =
            (sc_route){.match = scalar(at(rule, "match")), .path = scalar(at(rule, "path"))};
    }
    if (fallback.len > 0)
        one->routes[one->route_count++] = (sc_route){.path = fallback};
    return SC_OK;
}

static void read_bulk(const sc_doc *bulk, sc_subscription_spec *one)
{
    uint64_t n;

    one->is_bulk = is_true(at(bulk, "enabled"));
    if (sc_str_to_u64(scalar(at(bulk, "maxMessagesCount")), &n) && n <= UINT32_MAX)
        one->bulk_max_messages = (uint32_t)n;
    if (sc_str_to_u64(scalar(at(bulk, "maxAwaitDurationMs")), &n) && n <= UINT32_MAX)
        one->bulk_max_await_ms = (uint32_t)n;
}

static sc_code load_subscription(loader *l, const sc_doc *doc, bool is_v2)
{
    const sc_doc *spec = at(doc, "spec");
    const sc_doc *metadata = at(spec, "metadata");
    sc_subscription_spec one = {.kind = SC_SUBSCRIPTION_DECLARATIVE,
                                .name = scalar(at(at(doc, "metadata"), "name")),
                                .pubsub_name = scalar(at(spec, "pubsubname")),
                                .topic = scalar(at(spec, "topic")),
                                .dead_letter_topic = scalar(at(spec, "deadLetterTopic"))};
    sc_str route = scalar(at(spec, "route"));

    if (!sc_doc_is(spec, SC_DOC_OBJECT))
        return wrong(l, doc, "spec is missing");
    if (one.pubsub_name.len == 0)
        return wrong(l, spec, "spec.pubsubname is missing: the name of a pub/sub component");
    if (one.topic.len == 0)
        return wrong(l, spec, "spec.topic is missing");
    if (is_v2 && read_routes(l, at(spec, "routes"), &one) != SC_OK)
        return l->err->code;
    if (!is_v2 && route.len > 0) {
        one.routes = sc_arena_new(l->mem, sc_route);
        one.routes[one.route_count++].path = route;
    }
    if (sc_doc_is(metadata, SC_DOC_OBJECT)) {
        SC_DOC_EACH (metadata, it)
            sc_pairs_add(&one.metadata, l->mem, it->key, scalar(it));
    }
    read_bulk(at(spec, "bulkSubscribe"), &one);
    if (sc_subscription_spec_check(&one, l->err) != SC_OK)
        return sc_error_context(l->err, "%s:%u", l->file, doc->line);
    l->out->subscriptions =
        grown(l, l->out->subscriptions, l->out->subscription_count, sizeof(one));
    l->out->subscriptions[l->out->subscription_count++] = one;
    return SC_OK;
}
