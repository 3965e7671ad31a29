/* SPDX-License-Identifier: MIT
 *
 * conversation.echo: answers with what it was told, for tests and for working without a model. It
 * asks for every tool it is offered, with the names of its parameters as arguments.
 */
#include "component/conversation.h"

#include <stdlib.h>

static const sc_field fields[] = {SC_FIELD_END};

static bool add_calls(sc_converse_op *op, sc_chat_choice *choice);

/* Every text, each on a line; what a tool answered says so. */
static sc_str all_texts(const sc_converse_op *op)
{
    sc_buf out = {0};
    sc_str text;

    for (uint32_t i = 0; i < op->message_count; i++) {
        const sc_chat_message *message = &op->messages[i];

        for (uint32_t t = 0; t < message->text_count; t++) {
            if (message->texts[t].len == 0)
                continue;
            if (sc_buf_len(&out) > 0)
                sc_buf_add_byte(&out, '\n');
            if (message->role == SC_CHAT_TOOL)
                sc_buf_add_fmt(&out, "Tool Response for tool ID '%.*s' with name '%.*s': ",
                               SC_FMT(message->tool_id), SC_FMT(message->name));
            sc_buf_add_str(&out, message->texts[t]);
        }
    }
    text = sc_arena_str(op->op.mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return text;
}

static uint64_t count_words(sc_str text)
{
    uint64_t count = 0;
    bool is_inside = false;

    for (size_t i = 0; i < text.len; i++) {
        bool is_space = text.at[i] == ' ' || (text.at[i] >= '\t' && text.at[i] <= '\r');

        count += !is_space && !is_inside;
        is_inside = !is_space;
    }
    return count;
}

static void echo_converse(void *at, sc_converse_op *op)
{
    sc_chat_choice *choice = sc_arena_new(op->op.mem, sc_chat_choice);
    uint64_t words;

    (void)at;
    choice->content = all_texts(op);
    words = count_words(choice->content);
    if (!add_calls(op, choice))
        return;
    choice->finish_reason = choice->call_count > 0 ? SC_STR("tool_calls") : SC_STR("stop");
    op->choices = choice;
    op->choice_count = 1;
    op->usage = (sc_chat_usage){
        .completion_tokens = words, .prompt_tokens = words, .total_tokens = 2 * words};
    op->has_usage = true;
    sc_op_finish(&op->op);
}

/* ---- tools ---- */

static int by_text(const void *a, const void *b)
{
    return sc_str_cmp(*(const sc_str *)a, *(const sc_str *)b);
}

/* "city,unit": the names of the properties, sorted. False, and the op has failed, when they are no
 * object. */
static bool name_arguments(sc_converse_op *op, const sc_chat_tool *tool, sc_str *arguments)
{
    const sc_doc *properties = sc_doc_get(tool->parameters, SC_STR("properties"));
    sc_str *names;
    uint32_t count = 0;

    *arguments = SC_STR("");
    if (!properties)
        return true;
    if (properties->kind != SC_DOC_OBJECT) {
        sc_op_fail(&op->op, SC_INVALID, "tool function properties must be a map[string]any, got %s",
                   sc_doc_kind_name(properties->kind));
        return false;
    }
    names = sc_arena_alloc(op->op.mem, (2 * properties->count + 1) * sizeof(names[0]));
    SC_DOC_EACH (properties, it)
        names[count++] = it->key;
    qsort(names, count, sizeof(names[0]), by_text);
    for (uint32_t i = count; i > 0; i--) { /* a comma before each but the first */
        names[2 * i - 2] = names[i - 1];
        names[2 * i - 1] = SC_STR(",");
    }
    if (count > 0)
        *arguments = sc_arena_join(op->op.mem, names, 2 * count - 1);
    return true;
}

/* One call for each tool on offer, then the calls that the assistant made before. */
static bool add_calls(sc_converse_op *op, sc_chat_choice *choice)
{
    uint32_t count = op->tool_count;

    for (uint32_t i = 0; i < op->message_count; i++)
        count += op->messages[i].call_count;
    choice->calls = sc_arena_zero(op->op.mem, (count + 1) * sizeof(choice->calls[0]));
    for (uint32_t i = 0; i < op->tool_count; i++) {
        sc_chat_tool_call *call = &choice->calls[choice->call_count++];

        call->id = sc_arena_fmt(op->op.mem, "%u", i);
        call->name = op->tools[i].name;
        if (!name_arguments(op, &op->tools[i], &call->arguments))
            return false;
    }
    for (uint32_t i = 0; i < op->message_count; i++) {
        for (uint32_t c = 0; c < op->messages[i].call_count; c++)
            choice->calls[choice->call_count++] = op->messages[i].calls[c];
    }
    return true;
}

static const sc_conversation_ops ops = {
    .converse = echo_converse,
};

extern const sc_component sc_conversation_echo;
const sc_component sc_conversation_echo = {
    .type = "conversation.echo",
    .version = "v1",
    .title = "Echo",
    .fields = fields,
    .conversation = &ops,
};
