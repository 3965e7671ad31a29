/* SPDX-License-Identifier: MIT
 *
 * The conversation API, second alpha: messages in, choices out; a choice may ask for tools. The run
 * keeps the messages as JSON and adds to them.
 */
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_TOOL_ROUNDS 4

typedef struct run {
    const agent *agent;
    char *messages; /* JSON objects with commas between */
    int rounds;     /* in which tools were run */
    agent_done done;
    void *user;
} run;

static void on_answer(void *user, pillion_call *call);

static void finish(run *self, const char *reply, const pillion_error *err)
{
    self->done(self->user, reply, err);
    free(self->messages);
    free(self);
}

/* ---- asking ---- */

static char *describe_tools(const agent *of)
{
    char *tools = NULL;

    for (size_t i = 0; i < of->tool_count; i++)
        (void)pillion_json_append(
            &tools,
            "%-s{\"function\":{\"name\":%s,\"description\":%s,\"parameters\":{\"type\":\"object\","
            "\"properties\":{}}}}",
            i > 0 ? "," : "", of->tools[i].name, of->tools[i].description);
    return tools;
}

/* After the last round of tools the model has to answer: it is offered none. */
static void ask(run *self)
{
    bool offers_tools = self->agent->tool_count > 0 && self->rounds < MAX_TOOL_ROUNDS;
    char *tools = offers_tools ? describe_tools(self->agent) : NULL;
    char *body =
        pillion_json_format("{\"inputs\":[{\"messages\":[%-s]}]%-s%-s%-s}", self->messages,
                            tools ? ",\"tools\":[" : "", tools ? tools : "", tools ? "]" : "");
    char path[256];

    (void)snprintf(path, sizeof(path), "/v1.0-alpha2/conversation/%s/converse",
                   self->agent->component);
    pillion_then(pillion_api(self->agent->client, "POST", path, pillion_text(body), NULL),
                 on_answer, self);
    free(body);
    free(tools);
}

void agent_run(const agent *asked, const char *instructions, const char *text, agent_done done,
               void *user)
{
    run *self = calloc(1, sizeof(*self));

    if (!self)
        abort();
    *self = (run){.agent = asked, .done = done, .user = user};
    self->messages = pillion_json_format("{\"ofSystem\":{\"content\":[{\"text\":%s}]}},"
                                         "{\"ofUser\":{\"content\":[{\"text\":%s}]}}",
                                         instructions, text);
    ask(self);
}

/* ---- tools ---- */

static char *run_tool(const agent *of, const char *name, const char *arguments)
{
    for (size_t i = 0; i < of->tool_count; i++)
        if (strcmp(of->tools[i].name, name) == 0)
            return of->tools[i].run(arguments);
    return pillion_json_format("%-s", "there is no such tool");
}

/* Adds the calls that the model made and what each of its tools said. */
static void add_tool_round(run *self, const pillion_json *calls)
{
    char *calls_text = pillion_json_print(calls);

    (void)pillion_json_append(&self->messages, ",{\"ofAssistant\":{\"toolCalls\":%-s}}",
                              calls_text);
    free(calls_text);
    for (const pillion_json *it = pillion_json_first(calls); it; it = pillion_json_next(it)) {
        const char *name = pillion_json_string(pillion_json_find(it, "/function/name"), "");
        const char *arguments =
            pillion_json_string(pillion_json_find(it, "/function/arguments"), "{}");
        char *said = run_tool(self->agent, name, arguments);

        (void)pillion_json_append(
            &self->messages,
            ",{\"ofTool\":{\"toolId\":%s,\"name\":%s,\"content\":[{\"text\":%s}]}}",
            pillion_json_string(pillion_json_get(it, "id"), ""), name, said);
        free(said);
    }
    self->rounds++;
}

/* conversation.echo asks for every tool that it is offered and repeats the calls it is shown: what
 * was answered once is not a new wish. */
static bool wants_tools(const run *self, const pillion_json *calls)
{
    for (const pillion_json *it = pillion_json_first(calls); it; it = pillion_json_next(it)) {
        char *answered = pillion_json_format("{\"toolId\":%s",
                                             pillion_json_string(pillion_json_get(it, "id"), ""));
        bool is_new = !strstr(self->messages, answered);

        free(answered);
        if (is_new)
            return self->rounds < MAX_TOOL_ROUNDS;
    }
    return false;
}

static void on_answer(void *user, pillion_call *call)
{
    run *self = user;
    const pillion_json *message =
        pillion_json_find(pillion_call_json(call), "/outputs/0/choices/0/message");
    const pillion_json *calls = pillion_json_get(message, "toolCalls");
    pillion_error err = *pillion_call_error(call);

    if (err.code == PILLION_OK && !message) {
        err.code = PILLION_INTERNAL;
        (void)snprintf(err.text, sizeof(err.text), "the model answered nothing");
    }
    if (err.code != PILLION_OK) {
        finish(self, NULL, &err);
    } else if (wants_tools(self, calls)) {
        add_tool_round(self, calls);
        ask(self);
    } else {
        finish(self, pillion_json_string(pillion_json_get(message, "content"), ""), &err);
    }
}
