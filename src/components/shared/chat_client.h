/* SPDX-License-Identifier: MIT
 *
 * Language models behind the chat completions protocol of OpenAI, which many servers speak: what
 * conversation.openai and conversation.ollama have in common.
 */
#ifndef SC_COMPONENTS_SHARED_CHAT_CLIENT_H
#define SC_COMPONENTS_SHARED_CHAT_CLIENT_H

#include "component/conversation.h"

/* Filled by the settings table of a component. */
typedef struct sc_chat_conf {
    sc_str key;
    sc_str model;
    sc_str endpoint; /* up to and without "/chat/completions" */
    sc_str api_type; /* "open_ai", "azure" */
    sc_str api_version;
    int64_t cache_ttl_ms; /* 0: answers are not kept */
    int64_t timeout_ms;
} sc_chat_conf;

/* What a component decides from its settings. */
typedef struct sc_chat_server {
    sc_str endpoint; /* as the settings have it, for messages */
    sc_str url;      /* of the completions */
    sc_str model;
    sc_str key;        /* empty: none is sent */
    sc_str key_header; /* "authorization" */
    sc_str key_prefix; /* "Bearer " */
    int64_t cache_ttl_ms;
    int64_t timeout_ms; /* 0: no limit */
} sc_chat_server;

typedef struct sc_chat_client sc_chat_client;

/* `server` is copied. Fails with SC_INVALID for a URL or key that cannot be used, SC_UNAVAILABLE
 * when the curl module cannot be loaded. */
sc_code sc_chat_client_open(const sc_chat_server *server, sc_loop *loop, sc_chat_client **out,
                            sc_error *err) SC_MUST_CHECK;

/* The methods of a component whose `self` is a pointer to its client (sc_chat_client **). What
 * still runs when it is closed fails at once: an answer may take minutes. */
void sc_chat_converse(void *self, sc_converse_op *op);
void sc_chat_cancel(void *self, sc_converse_op *op);
void sc_chat_close(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user);

/* `url` without slashes at its end. */
sc_str sc_chat_base_url(sc_str url);
/* `variable` of the environment, which wins; else what the settings say; else `initial`. */
sc_str sc_chat_model(const char *variable, sc_str set, const char *initial);

#endif
