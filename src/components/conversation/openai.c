/* SPDX-License-Identifier: MIT
 *
 * conversation.openai: OpenAI, Azure OpenAI, and every server that speaks the same protocol.
 */
#include "components/shared/chat_client.h"

static const sc_field fields[] = {
    SC_FIELD(sc_chat_conf, key, STR, "key", .flags = SC_FIELD_REQUIRED | SC_FIELD_SECRET,
             .help = "API key"),
    SC_FIELD(sc_chat_conf, model, STR, "model",
             .help = "model; OPENAI_MODEL (AZURE_OPENAI_MODEL) wins; gpt-5-nano, on Azure "
                     "gpt-4.1-nano unless given"),
    SC_FIELD(sc_chat_conf, endpoint, STR, "endpoint",
             .help = "base URL of the API; https://api.openai.com/v1 unless given"),
    SC_FIELD(sc_chat_conf, api_type, CHOICE, "apiType", .initial = "open_ai",
             .choices = "open_ai|azure", .help = "azure: endpoint and apiVersion are needed"),
    SC_FIELD(sc_chat_conf, api_version, STR, "apiVersion", .help = "version of Azure's API"),
    SC_FIELD(sc_chat_conf, cache_ttl_ms, DURATION, "responseCacheTTL", .aliases = "cacheTTL",
             .plain_unit_ms = 1000,
             .help = "answers are kept so long for the same request; nothing is kept unless given"),
    SC_FIELD(sc_chat_conf, timeout_ms, DURATION, "timeout", .initial = "2m", .plain_unit_ms = 1000,
             .help = "longest wait for an answer; 0: no limit"),
    SC_FIELD_END,
};

static sc_code describe_azure(const sc_chat_conf *conf, sc_chat_server *server, sc_arena *mem,
                              sc_error *err)
{
    if (conf->endpoint.len == 0 || conf->api_version.len == 0)
        return sc_fail(err, SC_INVALID, "with apiType azure, metadata '%s' is needed",
                       conf->endpoint.len == 0 ? "endpoint" : "apiVersion");
    server->model = sc_chat_model("AZURE_OPENAI_MODEL", conf->model, "gpt-4.1-nano");
    server->key_header = SC_STR("api-key");
    server->url = sc_arena_fmt(
        mem, "%.*s/openai/deployments/%.*s/chat/completions?api-version=%.*s",
        SC_FMT(sc_chat_base_url(conf->endpoint)), SC_FMT(server->model), SC_FMT(conf->api_version));
    return SC_OK;
}

static sc_code openai_open(void *at, const void *settings, const sc_component_env *env,
                           sc_error *err)
{
    sc_chat_client **client = at;
    const sc_chat_conf *conf = settings;
    sc_str endpoint = conf->endpoint.len > 0 ? conf->endpoint : SC_STR("https://api.openai.com/v1");
    sc_chat_server server = {.endpoint = endpoint,
                             .key = sc_str_trim(conf->key),
                             .cache_ttl_ms = conf->cache_ttl_ms,
                             .timeout_ms = conf->timeout_ms};
    sc_arena mem;
    sc_code code = SC_OK;

    sc_arena_init(&mem, NULL);
    if (sc_str_eq(conf->api_type, SC_STR("azure"))) {
        code = describe_azure(conf, &server, &mem, err);
    } else {
        server.model = sc_chat_model("OPENAI_MODEL", conf->model, "gpt-5-nano");
        server.key_header = SC_STR("Authorization");
        server.key_prefix = SC_STR("Bearer ");
        server.url =
            sc_arena_fmt(&mem, "%.*s/chat/completions", SC_FMT(sc_chat_base_url(endpoint)));
    }
    if (code == SC_OK)
        code = sc_chat_client_open(&server, env->loop, client, err);
    sc_arena_deinit(&mem);
    return code;
}

static const sc_conversation_ops ops = {
    .open = openai_open,
    .converse = sc_chat_converse,
    .cancel = sc_chat_cancel,
    .close = sc_chat_close,
};

extern const sc_component sc_conversation_openai;
const sc_component sc_conversation_openai = {
    .type = "conversation.openai",
    .version = "v1",
    .title = "OpenAI",
    .fields = fields,
    .conf_size = sizeof(sc_chat_conf),
    .self_size = sizeof(sc_chat_client *),
    .conversation = &ops,
};
