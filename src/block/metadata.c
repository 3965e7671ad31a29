/* SPDX-License-Identifier: MIT
 *
 * The metadata document, keys in Dapr's order, empty ones left out.
 */
#include "block/metadata.h"

#include "wire/json.h"

#define MAX_EXTENDED     1000u
#define MAX_EXTENDED_LEN 1048576u

/* Gives back what replaced values took. */
static void compact(sc_metadata *metadata)
{
    sc_arena fresh;

    sc_arena_init(&fresh, NULL);
    metadata->extended = sc_pairs_copy(&metadata->extended, &fresh);
    sc_arena_deinit(&metadata->mem);
    metadata->mem = fresh;
    metadata->mem_len = 0;
}

sc_code sc_metadata_set(sc_metadata *metadata, sc_str key, sc_str value, sc_error *err)
{
    size_t len = key.len + value.len;

    if (sc_str_eq(key, SC_STR("daprRuntimeVersion")))
        return SC_OK;
    for (uint32_t i = 0; i < metadata->extended.count; i++)
        len += metadata->extended.at[i].name.len + metadata->extended.at[i].value.len;
    if (len > MAX_EXTENDED_LEN || metadata->extended.count >= MAX_EXTENDED)
        return sc_fail(err, SC_EXHAUSTED, "extended metadata is limited to %u entries and %u bytes",
                       MAX_EXTENDED, MAX_EXTENDED_LEN);
    metadata->mem_len += key.len + value.len;
    if (metadata->mem_len > 2 * MAX_EXTENDED_LEN)
        compact(metadata);
    sc_pairs_set(&metadata->extended, &metadata->mem, sc_arena_utf8(&metadata->mem, key),
                 sc_arena_utf8(&metadata->mem, value));
    return SC_OK;
}

sc_str sc_metadata_health_interval(const sc_metadata *metadata, char text[SC_DURATION_TEXT_MAX])
{
    return sc_duration_format((int64_t)metadata->app_health_interval_s * 1000000000, text);
}

sc_str sc_metadata_health_timeout(const sc_metadata *metadata, char text[SC_DURATION_TEXT_MAX])
{
    return sc_duration_format((int64_t)metadata->app_health_timeout_ms * 1000000, text);
}

const char *sc_subscription_kind_name(sc_subscription_kind kind)
{
    static const char *const names[] = {"DECLARATIVE", "PROGRAMMATIC", "STREAMING"};

    return names[kind];
}

static void add(sc_buf *out, const char *before, sc_str text)
{
    sc_buf_add_str(out, sc_str_from(before));
    sc_json_add_string(out, text);
}

void sc_metadata_add_stream(sc_metadata *metadata, sc_metadata_stream *stream)
{
    sc_list_add(&metadata->streams, &stream->link);
    metadata->stream_count++;
}

void sc_metadata_remove_stream(sc_metadata *metadata, sc_metadata_stream *stream)
{
    sc_list_remove(&stream->link);
    metadata->stream_count--;
    if (metadata->on_stream_gone)
        metadata->on_stream_gone(metadata->user);
}

static void add_features(const sc_metadata *metadata, sc_buf *out)
{
    for (uint32_t i = 0; i < metadata->feature_count; i++)
        add(out, i == 0 ? ",\"enabledFeatures\":[" : ",", metadata->features[i]);
    if (metadata->feature_count > 0)
        sc_buf_add_byte(out, ']');
}

static void add_endpoints(const sc_metadata *metadata, sc_buf *out)
{
    for (uint32_t i = 0; i < metadata->http_endpoint_count; i++) {
        add(out,
            i == 0 ? ",\"httpEndpoints\":[{\"name\":" : ",{\"name\":", metadata->http_endpoints[i]);
        sc_buf_add_byte(out, '}');
    }
    if (metadata->http_endpoint_count > 0)
        sc_buf_add_byte(out, ']');
}

static void add_components(const sc_metadata *metadata, sc_buf *out)
{
    for (uint32_t i = 0; i < metadata->component_count; i++) {
        const sc_metadata_component *one = &metadata->components[i];

        add(out, i == 0 ? ",\"components\":[{\"name\":" : ",{\"name\":", one->name);
        add(out, ",\"type\":", one->type);
        add(out, ",\"version\":", one->version);
        for (size_t c = 0; c < one->capability_count; c++)
            add(out, c > 0 ? "," : ",\"capabilities\":[", sc_str_from(one->capabilities[c]));
        sc_buf_add_str(out, one->capability_count > 0 ? SC_STR("]}") : SC_STR("}"));
    }
    if (metadata->component_count > 0)
        sc_buf_add_byte(out, ']');
}

static void add_extended(const sc_metadata *metadata, sc_buf *out)
{
    sc_arena mem;
    sc_pairs all;

    sc_arena_init(&mem, NULL);
    all = sc_pairs_copy(&metadata->extended, &mem);
    sc_pairs_set(&all, &mem, SC_STR("daprRuntimeVersion"), metadata->version);
    sc_pairs_sort(&all);
    sc_buf_add_str(out, SC_STR(",\"extended\":"));
    sc_json_add_pairs(out, &all);
    sc_arena_deinit(&mem);
}

static void add_rules(const sc_subscription_spec *spec, sc_buf *out)
{
    if (spec->route_count == 0)
        return;
    sc_buf_add_str(out, SC_STR(",\"rules\":["));
    for (uint32_t i = 0; i < spec->route_count; i++) {
        sc_buf_add_str(out, i == 0 ? SC_STR("{") : SC_STR(",{"));
        if (spec->routes[i].match.len > 0)
            add(out, "\"match\":", spec->routes[i].match);
        if (spec->routes[i].path.len > 0)
            add(out,
                spec->routes[i].match.len > 0 ? ",\"path\":" : "\"path\":", spec->routes[i].path);
        sc_buf_add_byte(out, '}');
    }
    sc_buf_add_byte(out, ']');
}

static void add_subscription(const sc_subscription_spec *spec, bool is_first, sc_buf *out)
{
    add(out,
        is_first ? ",\"subscriptions\":[{\"pubsubname\":" : ",{\"pubsubname\":", spec->pubsub_name);
    add(out, ",\"topic\":", spec->topic);
    if (spec->metadata.count > 0) {
        sc_buf_add_str(out, SC_STR(",\"metadata\":"));
        sc_json_add_pairs(out, &spec->metadata);
    }
    add_rules(spec, out);
    add(out, ",\"deadLetterTopic\":", spec->dead_letter_topic);
    sc_buf_add_fmt(out, ",\"type\":\"%s\"}", sc_subscription_kind_name(spec->kind));
}

static void add_subscriptions(const sc_metadata *metadata, sc_buf *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < metadata->subscription_count; i++)
        add_subscription(metadata->subscriptions[i], count++ == 0, out);
    SC_LIST_EACH (&metadata->streams, it)
        add_subscription(SC_CONTAINER_OF(it, sc_metadata_stream, link)->spec, count++ == 0, out);
    if (count > 0)
        sc_buf_add_byte(out, ']');
}

static void add_health(const sc_metadata *metadata, sc_buf *out)
{
    char text[SC_DURATION_TEXT_MAX];

    sc_buf_add_str(out, SC_STR(",\"health\":{"));
    if (metadata->app_health_path.len > 0) {
        add(out, "\"healthCheckPath\":", metadata->app_health_path);
        sc_buf_add_byte(out, ',');
    }
    add(out, "\"healthProbeInterval\":", sc_metadata_health_interval(metadata, text));
    add(out, ",\"healthProbeTimeout\":", sc_metadata_health_timeout(metadata, text));
    sc_buf_add_fmt(out, ",\"healthThreshold\":%u}", metadata->app_health_threshold);
}

static void add_app(const sc_metadata *metadata, sc_buf *out)
{
    sc_buf_add_str(out, SC_STR(",\"appConnectionProperties\":{"));
    if (metadata->app_port > 0)
        sc_buf_add_fmt(out, "\"port\":%u,", metadata->app_port);
    add(out, "\"protocol\":", metadata->app_protocol);
    add(out, ",\"channelAddress\":", metadata->app_host);
    if (metadata->app_max_concurrency > 0)
        sc_buf_add_fmt(out, ",\"maxConcurrency\":%lld", (long long)metadata->app_max_concurrency);
    if (metadata->has_app_health)
        add_health(metadata, out);
    sc_buf_add_byte(out, '}');
}

void sc_metadata_write(const sc_metadata *metadata, sc_buf *out)
{
    add(out, "{\"id\":", metadata->app_id);
    add(out, ",\"runtimeVersion\":", metadata->version);
    add_features(metadata, out);
    add_components(metadata, out);
    add_extended(metadata, out);
    add_subscriptions(metadata, out);
    add_endpoints(metadata, out);
    add_app(metadata, out);
    sc_buf_add_str(out,
                   SC_STR(",\"actorRuntime\":{\"runtimeStatus\":\"DISABLED\",\"hostReady\":false,"
                          "\"placement\":\"placement: disconnected\"}}\n"));
}
