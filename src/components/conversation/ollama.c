/* SPDX-License-Identifier: MIT
 *
 * conversation.ollama: models that run on a machine of one's own, through Ollama's form of the chat
 * completions protocol.
 */
#include "components/shared/chat_client.h"

static const sc_field fields[] = {
    SC_FIELD(sc_chat_conf, model, STR, "model",
             .help = "model; OLLAMA_MODEL wins; llama3.2:latest unless given"),
    SC_FIELD(sc_chat_conf, endpoint, STR, "endpoint", .initial = "http://localhost:11434/v1",
             .help = "base URL of the API"),
    SC_FIELD(sc_chat_conf, key, STR, "key", .flags = SC_FIELD_SECRET,
             .help = "for a server that asks for one"),
    SC_FIELD(sc_chat_conf, cache_ttl_ms, DURATION, "responseCacheTTL", .aliases = "cacheTTL",
             .plain_unit_ms = 1000,
             .help = "answers are kept so long for the same request; nothing is kept unless given"),
    SC_FIELD(sc_chat_conf, timeout_ms, DURATION, "timeout", .initial = "2m", .plain_unit_ms = 1000,
             .help = "longest wait for an answer; 0: no limit"),
    SC_FIELD_END,
};

static sc_code ollama_open(void *at, const void *settings, const sc_component_env *env,
                           sc_error *err)
{
    sc_chat_client **client = at;
    const sc_chat_conf *conf = settings;
    sc_chat_server server = {.model = sc_chat_model("OLLAMA_MODEL", conf->model, "llama3.2:latest"),
                             .endpoint = conf->endpoint,
                             .key = sc_str_trim(conf->key),
                             .key_header = SC_STR("Authorization"),
                             .key_prefix = SC_STR("Bearer "),
                             .cache_ttl_ms = conf->cache_ttl_ms,
                             .timeout_ms = conf->timeout_ms};
    sc_arena mem;
    sc_code code;

    sc_arena_init(&mem, NULL);
    server.url =
        sc_arena_fmt(&mem, "%.*s/chat/completions", SC_FMT(sc_chat_base_url(conf->endpoint)));
    code = sc_chat_client_open(&server, env->loop, client, err);
    sc_arena_deinit(&mem);
    return code;
}

static const sc_conversation_ops ops = {
    .open = ollama_open,
    .converse = sc_chat_converse,
    .cancel = sc_chat_cancel,
    .close = sc_chat_close,
};

extern const sc_component sc_conversation_ollama;
const sc_component sc_conversation_ollama = {
    .type = "conversation.ollama",
    .version = "v1",
    .title = "Ollama",
    .fields = fields,
    .conf_size = sizeof(sc_chat_conf),
    .self_size = sizeof(sc_chat_client *),
    .conversation = &ops,
};
