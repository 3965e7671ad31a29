/* SPDX-License-Identifier: MIT
 *
 * The contract of a conversation component (Dapr: conversation building block): a language model,
 * or something that answers like one. All methods are called on the loop thread and never wait.
 */
#ifndef SC_COMPONENT_CONVERSATION_H
#define SC_COMPONENT_CONVERSATION_H

#include "component/instance.h"
#include "core/doc.h"

typedef enum sc_chat_role {
    SC_CHAT_DEVELOPER,
    SC_CHAT_SYSTEM,
    SC_CHAT_USER,
    SC_CHAT_ASSISTANT,
    SC_CHAT_TOOL, /* what a tool answered */
} sc_chat_role;

/* The model asks the application to call a function. */
typedef struct sc_chat_tool_call {
    sc_str id;        /* empty: none */
    sc_str name;      /* of the function */
    sc_str arguments; /* JSON, as the model wrote it */
} sc_chat_tool_call;

typedef struct sc_chat_message {
    sc_chat_role role;
    sc_str name;    /* who speaks, or the tool; may be empty */
    sc_str tool_id; /* SC_CHAT_TOOL: the id of the call that this answers */
    sc_str *texts;
    uint32_t text_count;
    sc_chat_tool_call *calls; /* SC_CHAT_ASSISTANT */
    uint32_t call_count;
} sc_chat_message;

/* A function that the model may ask for. */
typedef struct sc_chat_tool {
    sc_str name;
    sc_str description;
    const sc_doc *parameters; /* a JSON schema; NULL: none */
} sc_chat_tool;

typedef struct sc_chat_choice {
    sc_str finish_reason;
    int64_t index;
    sc_str content;
    sc_chat_tool_call *calls;
    uint32_t call_count;
} sc_chat_choice;

typedef struct sc_chat_usage {
    uint64_t completion_tokens;
    uint64_t prompt_tokens;
    uint64_t total_tokens;
    uint64_t accepted_prediction_tokens;
    uint64_t completion_audio_tokens;
    uint64_t reasoning_tokens;
    uint64_t rejected_prediction_tokens;
    uint64_t prompt_audio_tokens;
    uint64_t cached_tokens;
} sc_chat_usage;

typedef struct sc_converse_op {
    sc_op op;
    const sc_chat_message *messages;
    uint32_t message_count;
    const sc_chat_tool *tools;
    uint32_t tool_count;
    sc_str tool_choice; /* "auto", "none", "required", the name of a tool; empty: not said */
    double temperature;
    bool has_temperature;
    const sc_doc *response_format;     /* a JSON schema; NULL: free text */
    const sc_doc *parameters;          /* an object of settings for the model; NULL: none */
    const sc_pairs *metadata;          /* of the request; may be NULL */
    uint64_t prompt_cache_retention_s; /* 0: not said */
    /* out, in op.mem */
    sc_chat_choice *choices;
    uint32_t choice_count;
    sc_str model; /* empty: unknown */
    sc_chat_usage usage;
    bool has_usage;
    void *work; /* the component's, while it runs */
} sc_converse_op;

typedef struct sc_conversation_ops {
    /* Checks the settings. `conf` lives as long as `self`. NULL: there is nothing to open. */
    sc_code (*open)(void *self, const void *conf, const sc_component_env *env, sc_error *err);
    /* Completes op->op later. */
    void (*converse)(void *self, sc_converse_op *op);
    /* Nobody waits for the answer any more: op->op completes soon, with SC_CANCELLED unless it was
     * done already. NULL: nothing can be cut short. */
    void (*cancel)(void *self, sc_converse_op *op);
    /* Fails what still runs, frees; then `on_closed`, at once or later. NULL: there is nothing to
     * close. */
    void (*close)(void *self, uint64_t linger_ms, void (*on_closed)(void *user), void *user);
} sc_conversation_ops;

#endif
