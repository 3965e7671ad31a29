/* SPDX-License-Identifier: MIT
 *
 * Conversations with language models (Dapr: conversation building block): names to components, the
 * rules for tools, and taking personal data out on the way there and back.
 */
#ifndef SC_BLOCK_CONVERSATION_H
#define SC_BLOCK_CONVERSATION_H

#include "block/problem.h"
#include "component/conversation.h"
#include "observe/metric.h"

typedef struct sc_conversations sc_conversations;

sc_conversations *sc_conversations_new(sc_loop *loop, sc_metrics *metrics);
/* All components are closed before. */
void sc_conversations_free(sc_conversations *conversations);
/* Opens a component under env->name. Fails as sc_instance_set_open. */
sc_code sc_conversations_add(sc_conversations *conversations, const sc_component *component,
                             const sc_component_env *env, sc_error *err) SC_MUST_CHECK;
/* Closes every component; `on_closed` after the last. */
void sc_conversations_close(sc_conversations *conversations, uint64_t linger_ms,
                            void (*on_closed)(void *user), void *user);

/* One call. Made in the call's arena by a head; slices live as long as the call. */
typedef struct sc_converse_request {
    sc_call *call; /* the block holds a reference until `done` ran */
    sc_str component_name;
    bool has_inputs;    /* the request has some, perhaps without messages */
    bool scrubs_answer; /* personal data is taken out of what the model says */
    void (*done)(struct sc_converse_request *req); /* once, later, on the loop */
    void *user;
    sc_problem problem; /* out */
    sc_converse_op op;  /* in and out; the head fills the inputs (messages with scrubbed texts) */
    /* the block's own */
    const sc_instance *component;
    uint64_t started_ns;
} sc_converse_request;

void sc_converse(sc_conversations *conversations, sc_converse_request *req);
/* Nobody waits for the answer any more; `done` still runs. */
void sc_converse_cancel(sc_converse_request *req);

#endif
