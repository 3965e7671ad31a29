/* SPDX-License-Identifier: MIT
 *
 * An agent: instructions, tools and a model, asked one question. The model is a conversation
 * component of the sidecar.
 */
#ifndef CHAT_SHARED_AGENT_H
#define CHAT_SHARED_AGENT_H

#include <pillion/client.h>

typedef struct agent_tool {
    const char *name;
    const char *description;
    /* What the tool says; free()d by the agent. `arguments` is JSON. */
    char *(*run)(const char *arguments);
} agent_tool;

typedef struct agent {
    pillion_client *client;
    const char *component; /* conversation component */
    const agent_tool *tools;
    size_t tool_count;
} agent;

/* Called with the answer, or with NULL and what went wrong. */
typedef void (*agent_done)(void *user, const char *reply, const pillion_error *err);

/* Asks the model, runs the tools that it calls, and asks again with what they said, for a few
 * rounds. `asked` outlives that; the texts are copied. `done` comes later, on the loop. */
void agent_run(const agent *asked, const char *instructions, const char *text, agent_done done,
               void *user);

#endif
