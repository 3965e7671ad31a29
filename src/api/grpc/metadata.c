/* SPDX-License-Identifier: MIT
 *
 * GetMetadata, SetMetadata, Shutdown.
 */
#include <stdio.h>

#include "api/grpc/internal.h"
#include "dapr/proto/runtime/v1/metadata.pb-c.h"

typedef Dapr__Proto__Runtime__V1__GetMetadataResponse answer;

static void add_components(answer *out, const sc_metadata *metadata, sc_arena *mem)
{
    uint32_t count = metadata->component_count;

    out->registered_components =
        sc_arena_zero(mem, (count + 1) * sizeof(*out->registered_components));
    for (uint32_t i = 0; i < count; i++) {
        const sc_metadata_component *one = &metadata->components[i];
        Dapr__Proto__Runtime__V1__RegisteredComponents *to =
            sc_arena_new(mem, Dapr__Proto__Runtime__V1__RegisteredComponents);

        dapr__proto__runtime__v1__registered_components__init(to);
        to->name = sc_proto_text(one->name, mem);
        to->type = sc_proto_text(one->type, mem);
        to->version = sc_proto_text(one->version, mem);
        to->n_capabilities = one->capability_count;
        to->capabilities = sc_arena_zero(mem, SC_MAX_CAPABILITIES * sizeof(char *));
        for (size_t c = 0; c < to->n_capabilities; c++)
            to->capabilities[c] = sc_proto_text(sc_str_from(one->capabilities[c]), mem);
        out->registered_components[out->n_registered_components++] = to;
    }
}

static Dapr__Proto__Runtime__V1__PubsubSubscriptionRules *rules_of(const sc_subscription_spec *spec,
                                                                   sc_arena *mem)
{
    Dapr__Proto__Runtime__V1__PubsubSubscriptionRules *rules =
        sc_arena_new(mem, Dapr__Proto__Runtime__V1__PubsubSubscriptionRules);

    dapr__proto__runtime__v1__pubsub_subscription_rules__init(rules);
    rules->rules = sc_arena_zero(mem, (spec->route_count + 1) * sizeof(*rules->rules));
    for (uint32_t i = 0; i < spec->route_count; i++) {
        Dapr__Proto__Runtime__V1__PubsubSubscriptionRule *rule =
            sc_arena_new(mem, Dapr__Proto__Runtime__V1__PubsubSubscriptionRule);

        dapr__proto__runtime__v1__pubsub_subscription_rule__init(rule);
        rule->match = sc_proto_text(spec->routes[i].match, mem);
        rule->path = sc_proto_text(spec->routes[i].path, mem);
        rules->rules[rules->n_rules++] = rule;
    }
    return rules;
}

static Dapr__Proto__Runtime__V1__PubsubSubscriptionType type_of(sc_subscription_kind kind)
{
    switch (kind) {
    case SC_SUBSCRIPTION_DECLARATIVE:
        return DAPR__PROTO__RUNTIME__V1__PUBSUB_SUBSCRIPTION_TYPE__DECLARATIVE;
    case SC_SUBSCRIPTION_PROGRAMMATIC:
        return DAPR__PROTO__RUNTIME__V1__PUBSUB_SUBSCRIPTION_TYPE__PROGRAMMATIC;
    case SC_SUBSCRIPTION_STREAMING:
        return DAPR__PROTO__RUNTIME__V1__PUBSUB_SUBSCRIPTION_TYPE__STREAMING;
    }
    return DAPR__PROTO__RUNTIME__V1__PUBSUB_SUBSCRIPTION_TYPE__UNKNOWN;
}

static void add_subscription(answer *out, const sc_subscription_spec *spec, sc_arena *mem)
{
    Dapr__Proto__Runtime__V1__PubsubSubscription *to =
        sc_arena_new(mem, Dapr__Proto__Runtime__V1__PubsubSubscription);

    dapr__proto__runtime__v1__pubsub_subscription__init(to);
    to->pubsub_name = sc_proto_text(spec->pubsub_name, mem);
    to->topic = sc_proto_text(spec->topic, mem);
    to->dead_letter_topic = sc_proto_text(spec->dead_letter_topic, mem);
    to->n_metadata = spec->metadata.count;
    to->metadata = sc_proto_map_make(
        &dapr__proto__runtime__v1__pubsub_subscription__metadata_entry__descriptor, &spec->metadata,
        mem);
    to->rules = rules_of(spec, mem);
    to->type = type_of(spec->kind);
    out->subscriptions[out->n_subscriptions++] = to;
}

static void add_subscriptions(answer *out, const sc_metadata *metadata, sc_arena *mem)
{
    uint32_t count = metadata->subscription_count + metadata->stream_count;

    out->subscriptions = sc_arena_zero(mem, (count + 1) * sizeof(*out->subscriptions));
    for (uint32_t i = 0; i < metadata->subscription_count; i++)
        add_subscription(out, metadata->subscriptions[i], mem);
    SC_LIST_EACH (&metadata->streams, it)
        add_subscription(out, SC_CONTAINER_OF(it, sc_metadata_stream, link)->spec, mem);
}

static void add_app(answer *out, const sc_metadata *metadata, sc_arena *mem)
{
    Dapr__Proto__Runtime__V1__AppConnectionProperties *app =
        sc_arena_new(mem, Dapr__Proto__Runtime__V1__AppConnectionProperties);
    char text[SC_DURATION_TEXT_MAX];

    dapr__proto__runtime__v1__app_connection_properties__init(app);
    app->port = metadata->app_port;
    app->protocol = sc_proto_text(metadata->app_protocol, mem);
    app->channel_address = sc_proto_text(metadata->app_host, mem);
    if (metadata->app_max_concurrency > 0)
        app->max_concurrency = (int32_t)metadata->app_max_concurrency;
    if (metadata->has_app_health) {
        app->health = sc_arena_new(mem, Dapr__Proto__Runtime__V1__AppConnectionHealthProperties);
        dapr__proto__runtime__v1__app_connection_health_properties__init(app->health);
        app->health->health_check_path = sc_proto_text(metadata->app_health_path, mem);
        app->health->health_probe_interval =
            sc_proto_text(sc_metadata_health_interval(metadata, text), mem);
        app->health->health_probe_timeout =
            sc_proto_text(sc_metadata_health_timeout(metadata, text), mem);
        app->health->health_threshold = (int32_t)metadata->app_health_threshold;
    }
    out->app_connection_properties = app;
}

static void add_names(answer *out, const sc_metadata *metadata, sc_arena *mem)
{
    out->enabled_features =
        sc_arena_zero(mem, (metadata->feature_count + 1) * sizeof(*out->enabled_features));
    for (uint32_t i = 0; i < metadata->feature_count; i++)
        out->enabled_features[out->n_enabled_features++] =
            sc_proto_text(metadata->features[i], mem);
    out->http_endpoints =
        sc_arena_zero(mem, (metadata->http_endpoint_count + 1) * sizeof(*out->http_endpoints));
    for (uint32_t i = 0; i < metadata->http_endpoint_count; i++) {
        Dapr__Proto__Runtime__V1__MetadataHTTPEndpoint *to =
            sc_arena_new(mem, Dapr__Proto__Runtime__V1__MetadataHTTPEndpoint);

        dapr__proto__runtime__v1__metadata_httpendpoint__init(to);
        to->name = sc_proto_text(metadata->http_endpoints[i], mem);
        out->http_endpoints[out->n_http_endpoints++] = to;
    }
}

void grpc_get_metadata(sc_grpc_ctx *ctx, sc_str message)
{
    const sc_metadata *metadata = ctx->api->metadata;
    sc_arena *mem = grpc_mem(ctx);
    sc_pairs extended = sc_pairs_copy(&metadata->extended, mem);
    Dapr__Proto__Runtime__V1__ActorRuntime actors = DAPR__PROTO__RUNTIME__V1__ACTOR_RUNTIME__INIT;
    Dapr__Proto__Runtime__V1__MetadataWorkflows workflows =
        DAPR__PROTO__RUNTIME__V1__METADATA_WORKFLOWS__INIT;
    answer out = DAPR__PROTO__RUNTIME__V1__GET_METADATA_RESPONSE__INIT;

    (void)message; /* no fields */
    sc_pairs_set(&extended, mem, SC_STR("daprRuntimeVersion"), metadata->version);
    out.id = sc_proto_text(metadata->app_id, mem);
    out.runtime_version = sc_proto_text(metadata->version, mem);
    out.n_extended_metadata = extended.count;
    out.extended_metadata = sc_proto_map_make(
        &dapr__proto__runtime__v1__get_metadata_response__extended_metadata_entry__descriptor,
        &extended, mem);
    add_components(&out, metadata, mem);
    add_subscriptions(&out, metadata, mem);
    add_app(&out, metadata, mem);
    add_names(&out, metadata, mem);
    actors.runtime_status = DAPR__PROTO__RUNTIME__V1__ACTOR_RUNTIME__ACTOR_RUNTIME_STATUS__DISABLED;
    actors.placement = sc_proto_text(SC_STR("placement: disconnected"), mem);
    out.actor_runtime = &actors;
    out.workflows = &workflows;
    grpc_reply(ctx, &out.base);
}

void grpc_set_metadata(sc_grpc_ctx *ctx, sc_str message)
{
    Dapr__Proto__Runtime__V1__SetMetadataRequest *in =
        grpc_unpack(ctx, &dapr__proto__runtime__v1__set_metadata_request__descriptor, message);
    sc_error err;

    if (!in)
        return;
    if (sc_metadata_set(ctx->api->metadata, sc_str_from(in->key), sc_str_from(in->value), &err) !=
        SC_OK)
        grpc_fail(ctx, err.code, "%s", err.text);
    else
        grpc_reply_empty(ctx);
}

void grpc_shutdown(sc_grpc_ctx *ctx, sc_str message)
{
    const sc_str *force = sc_pairs_get(&ctx->stream->metadata, SC_STR("dapr-force-shutdown"));

    (void)message;
    grpc_reply_empty(ctx);
    ctx->api->on_shutdown(ctx->api->user, force && sc_str_eq_nocase(*force, SC_STR("true")));
}
