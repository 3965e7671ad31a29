/* SPDX-License-Identifier: MIT
 *
 * Chat completions: writes the request, reads the answer. Unknown members are passed over, missing
 * ones are empty, so servers that are only almost alike will do.
 */
#include "components/shared/chat_wire.h"

#include "wire/json.h"

#define MAX_REFUSAL_LEN 300u

static void add_text(sc_buf *out, const char *before, sc_str text)
{
    sc_buf_add_str(out, sc_str_from(before));
    sc_json_add_string(out, text);
}

/* ---- the request ---- */

/* A developer's message means the same as a system's, and every server knows that. */
static sc_str role_name(sc_chat_role role)
{
    switch (role) {
    case SC_CHAT_DEVELOPER:
    case SC_CHAT_SYSTEM:
        return SC_STR("system");
    case SC_CHAT_ASSISTANT:
        return SC_STR("assistant");
    case SC_CHAT_TOOL:
        return SC_STR("tool");
    case SC_CHAT_USER:
        break;
    }
    return SC_STR("user");
}

/* One text as it is, several as parts; a tool's on lines, for its message has one. */
static void add_content(sc_buf *out, const sc_chat_message *message)
{
    sc_buf all = {0};

    if (message->text_count == 0 && message->call_count > 0) {
        sc_buf_add_str(out, SC_STR(",\"content\":null"));
        return;
    }
    if (message->text_count <= 1) {
        add_text(out, ",\"content\":", message->text_count ? message->texts[0] : SC_STR(""));
        return;
    }
    for (uint32_t i = 0; i < message->text_count; i++) {
        if (message->role == SC_CHAT_TOOL) {
            sc_buf_add_str(&all, i > 0 ? SC_STR("\n") : SC_STR(""));
            sc_buf_add_str(&all, message->texts[i]);
            continue;
        }
        add_text(out,
                 i == 0 ? ",\"content\":[{\"type\":\"text\",\"text\":"
                        : ",{\"type\":\"text\",\"text\":",
                 message->texts[i]);
        sc_buf_add_byte(out, '}');
    }
    if (message->role == SC_CHAT_TOOL)
        add_text(out, ",\"content\":", sc_buf_str(&all));
    else
        sc_buf_add_byte(out, ']');
    sc_buf_deinit(&all);
}

static void add_message(sc_buf *out, const sc_chat_message *message, bool is_first)
{
    add_text(out, is_first ? "{\"role\":" : ",{\"role\":", role_name(message->role));
    if (message->name.len > 0)
        add_text(out, ",\"name\":", message->name);
    add_content(out, message);
    if (message->role == SC_CHAT_TOOL)
        add_text(out, ",\"tool_call_id\":", message->tool_id);
    for (uint32_t i = 0; i < message->call_count; i++) {
        const sc_chat_tool_call *call = &message->calls[i];

        add_text(out, i == 0 ? ",\"tool_calls\":[{\"id\":" : ",{\"id\":", call->id);
        add_text(out, ",\"type\":\"function\",\"function\":{\"name\":", call->name);
        add_text(out, ",\"arguments\":", call->arguments.len > 0 ? call->arguments : SC_STR("{}"));
        sc_buf_add_str(out, SC_STR("}}"));
    }
    sc_buf_add_str(out, message->call_count > 0 ? SC_STR("]}") : SC_STR("}"));
}

static void add_tools(sc_buf *out, const sc_converse_op *op)
{
    sc_str choice = op->tool_choice;

    if (op->tool_count == 0)
        return; /* a choice without tools is refused by some servers */
    for (uint32_t i = 0; i < op->tool_count; i++) {
        const sc_chat_tool *tool = &op->tools[i];

        sc_buf_add_str(out, i == 0 ? SC_STR(",\"tools\":[") : SC_STR(","));
        add_text(out, "{\"type\":\"function\",\"function\":{\"name\":", tool->name);
        if (tool->description.len > 0)
            add_text(out, ",\"description\":", tool->description);
        if (tool->parameters) {
            sc_buf_add_str(out, SC_STR(",\"parameters\":"));
            sc_json_add_doc(out, tool->parameters, false);
        }
        sc_buf_add_str(out, SC_STR("}}"));
    }
    sc_buf_add_byte(out, ']');
    if (sc_str_eq(choice, SC_STR("auto")) || sc_str_eq(choice, SC_STR("none")) ||
        sc_str_eq(choice, SC_STR("required"))) {
        add_text(out, ",\"tool_choice\":", choice);
    } else if (choice.len > 0) {
        add_text(out, ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":", choice);
        sc_buf_add_str(out, SC_STR("}}"));
    }
}

/* A bare JSON schema is put into the form that the protocol has for one. */
static void add_format(sc_buf *out, const sc_doc *format)
{
    sc_str type = sc_doc_string(sc_doc_get(format, SC_STR("type")));
    bool is_whole = sc_str_eq(type, SC_STR("json_schema")) ||
                    sc_str_eq(type, SC_STR("json_object")) || sc_str_eq(type, SC_STR("text"));

    if (!format)
        return;
    sc_buf_add_str(out, SC_STR(",\"response_format\":"));
    if (!is_whole)
        sc_buf_add_str(out, SC_STR("{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
                                   "\"response\",\"schema\":"));
    sc_json_add_doc(out, format, false);
    if (!is_whole)
        sc_buf_add_str(out, SC_STR("}}"));
}

static bool is_ours(sc_str name)
{
    static const char *const names[] = {"messages", "tools", "tool_choice", "stream"};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (sc_str_eq(name, sc_str_from(names[i])))
            return true;
    }
    return false;
}

/* The request's parameters are settings of the protocol: max_tokens, seed, stop, model ... What is
 * said twice counts once, the parameter. */
static bool add_parameters(sc_buf *out, const sc_doc *parameters)
{
    bool is_first = true;

    for (const sc_doc *it = parameters ? parameters->first : NULL; it; it = it->next) {
        if (is_ours(it->key) || it->kind == SC_DOC_NULL)
            continue;
        sc_buf_add_byte(out, is_first ? '{' : ',');
        sc_json_add_string(out, it->key);
        sc_buf_add_byte(out, ':');
        sc_json_add_doc(out, it, false);
        is_first = false;
    }
    return !is_first;
}

static bool has(const sc_doc *parameters, const char *name)
{
    return sc_doc_get(parameters, sc_str_from(name)) != NULL;
}

void sc_chat_write_request(const sc_converse_op *op, sc_str model, sc_buf *out)
{
    const sc_doc *extra = op->parameters;

    sc_buf_add_byte(out, add_parameters(out, extra) ? ',' : '{');
    if (!has(extra, "model")) {
        add_text(out, "\"model\":", model);
        sc_buf_add_byte(out, ',');
    }
    sc_buf_add_str(out, SC_STR("\"messages\":["));
    for (uint32_t i = 0; i < op->message_count; i++)
        add_message(out, &op->messages[i], i == 0);
    sc_buf_add_byte(out, ']');
    if (op->has_temperature && !has(extra, "temperature")) {
        sc_buf_add_str(out, SC_STR(",\"temperature\":"));
        sc_json_add_double(out, op->temperature);
    }
    add_tools(out, op);
    if (!has(extra, "response_format"))
        add_format(out, op->response_format);
    if (op->prompt_cache_retention_s > 0 && op->prompt_cache_retention_s % 3600 == 0)
        sc_buf_add_fmt(out, ",\"prompt_cache_retention\":\"%lluh\"",
                       (unsigned long long)op->prompt_cache_retention_s / 3600);
    else if (op->prompt_cache_retention_s > 0)
        sc_buf_add_fmt(out, ",\"prompt_cache_retention\":\"%llus\"",
                       (unsigned long long)op->prompt_cache_retention_s);
    if (op->metadata && op->metadata->count > 0 && !has(extra, "metadata")) {
        sc_buf_add_str(out, SC_STR(",\"metadata\":"));
        sc_json_add_pairs(out, op->metadata);
    }
    sc_buf_add_byte(out, '}');
}

/* ---- the answer ---- */

static const sc_doc *member(const sc_doc *doc, const char *name)
{
    return sc_doc_get(doc, sc_str_from(name));
}

static sc_str text_member(const sc_doc *doc, const char *name)
{
    return sc_doc_string(member(doc, name));
}

static uint64_t count_member(const sc_doc *doc, const char *name)
{
    const sc_doc *number = member(doc, name);
    uint64_t n = 0;

    return sc_doc_is(number, SC_DOC_NUMBER) && sc_str_to_u64(number->text, &n) ? n : 0;
}

/* A text, or parts of which some are texts; a model that declines says so elsewhere. */
static sc_str read_content(const sc_doc *message, sc_arena *mem)
{
    const sc_doc *content = member(message, "content");
    sc_buf all = {0};
    sc_str text;

    if (!sc_doc_is(content, SC_DOC_ARRAY)) {
        text = sc_doc_string(content);
        return text.len > 0 ? text : text_member(message, "refusal");
    }
    SC_DOC_EACH (content, it)
        sc_buf_add_str(&all, text_member(it, "text"));
    text = sc_arena_str(mem, sc_buf_str(&all));
    sc_buf_deinit(&all);
    return text;
}

static void read_calls(const sc_doc *list, sc_chat_choice *to, sc_arena *mem)
{
    if (!sc_doc_is(list, SC_DOC_ARRAY))
        return;
    to->calls = sc_arena_zero(mem, (list->count + 1) * sizeof(to->calls[0]));
    SC_DOC_EACH (list, it) {
        const sc_doc *function = member(it, "function");

        if (!function)
            continue;
        to->calls[to->call_count++] = (sc_chat_tool_call){
            .id = text_member(it, "id"),
            .name = text_member(function, "name"),
            .arguments = text_member(function, "arguments"),
        };
    }
}

static void read_usage(const sc_doc *usage, sc_converse_op *op)
{
    const sc_doc *completion = member(usage, "completion_tokens_details");
    const sc_doc *prompt = member(usage, "prompt_tokens_details");

    op->usage = (sc_chat_usage){
        .completion_tokens = count_member(usage, "completion_tokens"),
        .prompt_tokens = count_member(usage, "prompt_tokens"),
        .total_tokens = count_member(usage, "total_tokens"),
        .accepted_prediction_tokens = count_member(completion, "accepted_prediction_tokens"),
        .completion_audio_tokens = count_member(completion, "audio_tokens"),
        .reasoning_tokens = count_member(completion, "reasoning_tokens"),
        .rejected_prediction_tokens = count_member(completion, "rejected_prediction_tokens"),
        .prompt_audio_tokens = count_member(prompt, "audio_tokens"),
        .cached_tokens = count_member(prompt, "cached_tokens"),
    };
    op->has_usage =
        op->usage.completion_tokens || op->usage.prompt_tokens || op->usage.total_tokens;
}

sc_code sc_chat_read_answer(sc_str body, sc_converse_op *op, sc_error *err)
{
    sc_arena *mem = op->op.mem;
    sc_doc *doc = NULL;
    const sc_doc *choices;

    if (sc_json_parse(body, mem, &doc, NULL, err) != SC_OK)
        return sc_error_context(err, "the answer of the model is not JSON");
    choices = member(doc, "choices");
    if (!sc_doc_is(choices, SC_DOC_ARRAY) || choices->count == 0)
        return sc_fail(err, SC_INVALID, "the answer of the model has no choices");
    op->choices = sc_arena_zero(mem, (choices->count + 1) * sizeof(op->choices[0]));
    SC_DOC_EACH (choices, it) {
        const sc_doc *message = member(it, "message");
        sc_chat_choice *to = &op->choices[op->choice_count];
        sc_str reason = text_member(it, "finish_reason");

        to->index = op->choice_count++;
        to->finish_reason = reason.len > 0 ? reason : SC_STR("unknown");
        to->content = read_content(message, mem);
        read_calls(member(message, "tool_calls"), to, mem);
    }
    op->model = text_member(doc, "model");
    read_usage(member(doc, "usage"), op);
    return SC_OK;
}

sc_str sc_chat_read_refusal(sc_str body, sc_arena *mem)
{
    sc_doc *doc = NULL;
    const sc_doc *error;
    sc_str text = body;

    if (sc_json_parse(body, mem, &doc, NULL, NULL) == SC_OK) {
        error = member(doc, "error");
        text = sc_doc_is(error, SC_DOC_OBJECT) ? text_member(error, "message")
               : error                         ? sc_doc_string(error)
                                               : text_member(doc, "message");
        if (text.len == 0)
            text = body;
    }
    text = sc_str_trim(sc_str_sub(text, 0, MAX_REFUSAL_LEN));
    return text.len > 0 ? text : SC_STR("the answer says nothing");
}
