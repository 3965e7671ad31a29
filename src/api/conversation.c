/* SPDX-License-Identifier: MIT
 *
 * Conversation messages (gRPC API, conversation).
 */
#include "api/conversation.h"

#include "block/pii.h"
#include "dapr/proto/runtime/v1/conversation.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"
#include "wire/proto_json.h"

typedef Dapr__Proto__Runtime__V1__ConversationRequest request_alpha1;
typedef Dapr__Proto__Runtime__V1__ConversationRequestAlpha2 request_alpha2;
typedef Dapr__Proto__Runtime__V1__ConversationMessageContent content;
typedef Dapr__Proto__Runtime__V1__ConversationToolCalls tool_calls;

const ProtobufCMessageDescriptor *const sc_api_any_types[] = {
    &google__protobuf__string_value__descriptor, &google__protobuf__bool_value__descriptor,
    &google__protobuf__int32_value__descriptor,  &google__protobuf__int64_value__descriptor,
    &google__protobuf__uint32_value__descriptor, &google__protobuf__uint64_value__descriptor,
    &google__protobuf__float_value__descriptor,  &google__protobuf__double_value__descriptor,
    &google__protobuf__bytes_value__descriptor,  &google__protobuf__struct__descriptor,
    &google__protobuf__value__descriptor,        &google__protobuf__list_value__descriptor,
    &google__protobuf__duration__descriptor,     NULL,
};

/* ---- shared ---- */

sc_str sc_conversation_name(const ProtobufCMessage *message)
{
    if (message->descriptor == sc_conversation_alpha1.request)
        return sc_str_from(((const request_alpha1 *)message)->name);
    return sc_str_from(((const request_alpha2 *)message)->name);
}

static void refuse(sc_converse_request *req, const char *why)
{
    (void)sc_problem_set(&req->problem, &req->call->mem, SC_REASON_CONVERSATION_PARAMETERS,
                         "failed conversing with component %.*s: invalid params: %s",
                         SC_FMT(req->component_name), why);
}

static sc_str read_text(const char *text, bool is_scrubbed, sc_arena *mem)
{
    sc_str all = sc_str_from(text);

    return is_scrubbed ? sc_pii_scrub(all, mem) : all;
}

/* A map of Any as one document; NULL when it is empty. The entries of both versions look alike. */
static sc_doc *read_parameters(const void *const *entries, size_t count, sc_arena *mem)
{
    typedef Dapr__Proto__Runtime__V1__ConversationRequestAlpha2__ParametersEntry entry;
    sc_doc *all = count > 0 ? sc_doc_new(mem, SC_DOC_OBJECT) : NULL;

    for (size_t i = 0; i < count; i++) {
        const entry *one = entries[i];

        if (one->value)
            sc_doc_put(all, sc_str_from(one->key),
                       sc_proto_any_doc(&one->value->base, sc_api_any_types, mem));
    }
    return all;
}

static const sc_pairs *read_metadata(void *const *entries, size_t count, sc_arena *mem)
{
    sc_pairs *all = sc_arena_new(mem, sc_pairs);

    *all = sc_proto_map(entries, count, mem);
    return all;
}

/* ---- version alpha1 ---- */

static sc_chat_role role_of(const char *name)
{
    static const struct {
        const char *name;
        sc_chat_role role;
    } rows[] = {
        {"system", SC_CHAT_SYSTEM},       {"developer", SC_CHAT_DEVELOPER},
        {"assistant", SC_CHAT_ASSISTANT}, {"ai", SC_CHAT_ASSISTANT},
        {"tool", SC_CHAT_TOOL},           {"function", SC_CHAT_TOOL},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (sc_str_eq(sc_str_from(name), sc_str_from(rows[i].name)))
            return rows[i].role;
    }
    return SC_CHAT_USER;
}

static void read_alpha1(const ProtobufCMessage *message, sc_converse_request *req)
{
    const request_alpha1 *in = (const request_alpha1 *)message;
    sc_arena *mem = &req->call->mem;
    sc_chat_message *all = sc_arena_zero(mem, (in->n_inputs + 1) * sizeof(all[0]));
    sc_str *texts = sc_arena_zero(mem, (in->n_inputs + 1) * sizeof(texts[0]));

    for (size_t i = 0; i < in->n_inputs; i++) {
        texts[i] = read_text(in->inputs[i]->content, in->inputs[i]->scrubpii, mem);
        all[i].role = role_of(in->inputs[i]->role);
        all[i].texts = &texts[i];
        all[i].text_count = 1;
    }
    req->has_inputs = in->n_inputs > 0;
    req->scrubs_answer = in->scrubpii;
    req->op.messages = all;
    req->op.message_count = (uint32_t)in->n_inputs;
    req->op.temperature = in->temperature;
    req->op.has_temperature =
        in->has_temperature_case ==
        DAPR__PROTO__RUNTIME__V1__CONVERSATION_REQUEST__HAS_TEMPERATURE_TEMPERATURE;
    req->op.parameters =
        read_parameters((const void *const *)in->parameters, in->n_parameters, mem);
    req->op.metadata = read_metadata((void *const *)in->metadata, in->n_metadata, mem);
}

/* Every result repeats the parameters of the request. */
static const ProtobufCMessage *answer_alpha1(const ProtobufCMessage *message,
                                             const sc_converse_request *req)
{
    typedef Dapr__Proto__Runtime__V1__ConversationResponse response;
    typedef Dapr__Proto__Runtime__V1__ConversationResult result;
    typedef Dapr__Proto__Runtime__V1__ConversationResult__ParametersEntry entry;
    const request_alpha1 *in = (const request_alpha1 *)message;
    sc_arena *mem = &req->call->mem;
    response *out = sc_arena_new(mem, response);
    entry **parameters = sc_arena_zero(mem, (in->n_parameters + 1) * sizeof(parameters[0]));

    dapr__proto__runtime__v1__conversation_response__init(out);
    out->contextid = in->contextid;
    out->outputs = sc_arena_zero(mem, (req->op.choice_count + 1) * sizeof(out->outputs[0]));
    for (size_t i = 0; i < in->n_parameters; i++) {
        parameters[i] = sc_arena_new(mem, entry);
        dapr__proto__runtime__v1__conversation_result__parameters_entry__init(parameters[i]);
        parameters[i]->key = in->parameters[i]->key;
        parameters[i]->value = in->parameters[i]->value;
    }
    for (uint32_t i = 0; i < req->op.choice_count; i++) {
        result *one = sc_arena_new(mem, result);

        dapr__proto__runtime__v1__conversation_result__init(one);
        one->result = sc_proto_text(req->op.choices[i].content, mem);
        one->parameters = parameters;
        one->n_parameters = in->n_parameters;
        out->outputs[out->n_outputs++] = one;
    }
    return &out->base;
}

const sc_conversation_version sc_conversation_alpha1 = {
    .request = &dapr__proto__runtime__v1__conversation_request__descriptor,
    .read = read_alpha1,
    .answer = answer_alpha1,
};

/* ---- version alpha2: the way in ---- */

static void read_texts(sc_chat_message *to, content *const *from, size_t count, bool is_scrubbed,
                       sc_arena *mem)
{
    to->texts = sc_arena_zero(mem, (count + 1) * sizeof(to->texts[0]));
    to->text_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        to->texts[i] = read_text(from[i]->text, is_scrubbed, mem);
}

/* False: a call is of no kind. */
static bool read_calls(sc_chat_message *to, tool_calls *const *from, size_t count, sc_arena *mem)
{
    to->calls = sc_arena_zero(mem, (count + 1) * sizeof(to->calls[0]));
    to->call_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (from[i]->tool_types_case !=
            DAPR__PROTO__RUNTIME__V1__CONVERSATION_TOOL_CALLS__TOOL_TYPES_FUNCTION)
            return false;
        to->calls[i] = (sc_chat_tool_call){.id = sc_str_from(from[i]->id),
                                           .name = sc_str_from(from[i]->function->name),
                                           .arguments = sc_str_from(from[i]->function->arguments)};
    }
    return true;
}

/* NULL: the message is fine; else what is wrong with it. */
static const char *read_message(const Dapr__Proto__Runtime__V1__ConversationMessage *in,
                                bool is_scrubbed, sc_chat_message *to, sc_arena *mem)
{
    switch (in->message_types_case) {
    case DAPR__PROTO__RUNTIME__V1__CONVERSATION_MESSAGE__MESSAGE_TYPES_OF_DEVELOPER:
        to->role = SC_CHAT_DEVELOPER;
        to->name = sc_str_from(in->of_developer->name);
        read_texts(to, in->of_developer->content, in->of_developer->n_content, is_scrubbed, mem);
        return NULL;
    case DAPR__PROTO__RUNTIME__V1__CONVERSATION_MESSAGE__MESSAGE_TYPES_OF_SYSTEM:
        to->role = SC_CHAT_SYSTEM;
        to->name = sc_str_from(in->of_system->name);
        read_texts(to, in->of_system->content, in->of_system->n_content, is_scrubbed, mem);
        return NULL;
    case DAPR__PROTO__RUNTIME__V1__CONVERSATION_MESSAGE__MESSAGE_TYPES_OF_USER:
        to->role = SC_CHAT_USER;
        to->name = sc_str_from(in->of_user->name);
        read_texts(to, in->of_user->content, in->of_user->n_content, is_scrubbed, mem);
        return NULL;
    case DAPR__PROTO__RUNTIME__V1__CONVERSATION_MESSAGE__MESSAGE_TYPES_OF_ASSISTANT:
        to->role = SC_CHAT_ASSISTANT;
        to->name = sc_str_from(in->of_assistant->name);
        read_texts(to, in->of_assistant->content, in->of_assistant->n_content, is_scrubbed, mem);
        return read_calls(to, in->of_assistant->tool_calls, in->of_assistant->n_tool_calls, mem)
                   ? NULL
                   : "tool types cannot be nil";
    case DAPR__PROTO__RUNTIME__V1__CONVERSATION_MESSAGE__MESSAGE_TYPES_OF_TOOL:
        to->role = SC_CHAT_TOOL;
        to->name = sc_str_from(in->of_tool->name);
        to->tool_id = sc_str_from(in->of_tool->tool_id);
        read_texts(to, in->of_tool->content, in->of_tool->n_content, is_scrubbed, mem);
        return NULL;
    default:
        return "message type cannot be nil";
    }
}

static void read_messages(const request_alpha2 *in, sc_converse_request *req)
{
    sc_arena *mem = &req->call->mem;
    sc_chat_message *all;
    size_t count = 0;

    for (size_t i = 0; i < in->n_inputs; i++)
        count += in->inputs[i]->n_messages;
    all = sc_arena_zero(mem, (count + 1) * sizeof(all[0]));
    req->op.messages = all;
    for (size_t i = 0; i < in->n_inputs; i++) {
        for (size_t m = 0; m < in->inputs[i]->n_messages; m++) {
            const char *wrong = read_message(in->inputs[i]->messages[m], in->inputs[i]->scrub_pii,
                                             &all[req->op.message_count++], mem);

            if (wrong && sc_problem_is_none(&req->problem))
                refuse(req, wrong);
        }
    }
}

/* A tool that is no function is passed over. */
static void read_tools(const request_alpha2 *in, sc_converse_request *req)
{
    sc_arena *mem = &req->call->mem;
    sc_chat_tool *all = sc_arena_zero(mem, (in->n_tools + 1) * sizeof(all[0]));

    req->op.tools = all;
    for (size_t i = 0; i < in->n_tools; i++) {
        const Dapr__Proto__Runtime__V1__ConversationToolsFunction *function;

        if (in->tools[i]->tool_types_case !=
            DAPR__PROTO__RUNTIME__V1__CONVERSATION_TOOLS__TOOL_TYPES_FUNCTION)
            continue;
        function = in->tools[i]->function;
        all[req->op.tool_count++] = (sc_chat_tool){
            .name = sc_str_from(function->name),
            .description = sc_str_from(function->description),
            .parameters = sc_proto_struct_doc((ProtobufCMessage *)function->parameters, mem)};
    }
}

static void read_alpha2(const ProtobufCMessage *message, sc_converse_request *req)
{
    const request_alpha2 *in = (const request_alpha2 *)message;
    sc_arena *mem = &req->call->mem;

    read_messages(in, req);
    read_tools(in, req);
    req->has_inputs = in->n_inputs > 0;
    req->scrubs_answer = in->scrub_pii;
    req->op.tool_choice = sc_str_from(in->tool_choice);
    req->op.temperature = in->temperature;
    req->op.has_temperature =
        in->has_temperature_case ==
        DAPR__PROTO__RUNTIME__V1__CONVERSATION_REQUEST_ALPHA2__HAS_TEMPERATURE_TEMPERATURE;
    req->op.response_format = sc_proto_struct_doc((ProtobufCMessage *)in->response_format, mem);
    req->op.parameters =
        read_parameters((const void *const *)in->parameters, in->n_parameters, mem);
    req->op.metadata = read_metadata((void *const *)in->metadata, in->n_metadata, mem);
    if (in->prompt_cache_retention && in->prompt_cache_retention->seconds > 0)
        req->op.prompt_cache_retention_s = (uint64_t)in->prompt_cache_retention->seconds;
}

/* ---- version alpha2: the way out ---- */

static tool_calls *make_call(const sc_chat_tool_call *call, sc_arena *mem)
{
    typedef Dapr__Proto__Runtime__V1__ConversationToolCallsOfFunction of_function;
    tool_calls *to = sc_arena_new(mem, tool_calls);
    of_function *function = sc_arena_new(mem, of_function);

    dapr__proto__runtime__v1__conversation_tool_calls__init(to);
    dapr__proto__runtime__v1__conversation_tool_calls_of_function__init(function);
    to->id = sc_proto_text(call->id, mem);
    to->tool_types_case = DAPR__PROTO__RUNTIME__V1__CONVERSATION_TOOL_CALLS__TOOL_TYPES_FUNCTION;
    to->function = function;
    function->name = sc_proto_text(call->name, mem);
    function->arguments = sc_proto_text(call->arguments, mem);
    return to;
}

static Dapr__Proto__Runtime__V1__ConversationResultChoices *make_choice(const sc_chat_choice *from,
                                                                        sc_arena *mem)
{
    typedef Dapr__Proto__Runtime__V1__ConversationResultChoices choices;
    typedef Dapr__Proto__Runtime__V1__ConversationResultMessage result_message;
    choices *to = sc_arena_new(mem, choices);
    result_message *message = sc_arena_new(mem, result_message);

    dapr__proto__runtime__v1__conversation_result_choices__init(to);
    dapr__proto__runtime__v1__conversation_result_message__init(message);
    to->finish_reason = sc_proto_text(from->finish_reason, mem);
    to->index = from->index;
    to->message = message;
    message->content = sc_proto_text(from->content, mem);
    message->tool_calls =
        sc_arena_zero(mem, (from->call_count + 1) * sizeof(message->tool_calls[0]));
    for (uint32_t i = 0; i < from->call_count; i++)
        message->tool_calls[message->n_tool_calls++] = make_call(&from->calls[i], mem);
    return to;
}

/* Details are there when one of them is. */
static Dapr__Proto__Runtime__V1__ConversationResultAlpha2CompletionUsage *
make_usage(const sc_chat_usage *from, sc_arena *mem)
{
    typedef Dapr__Proto__Runtime__V1__ConversationResultAlpha2CompletionUsage all;
    typedef Dapr__Proto__Runtime__V1__ConversationResultAlpha2CompletionUsageCompletionTokensDetails
        completion;
    typedef Dapr__Proto__Runtime__V1__ConversationResultAlpha2CompletionUsagePromptTokensDetails
        prompt;
    all *to = sc_arena_new(mem, all);

    dapr__proto__runtime__v1__conversation_result_alpha2_completion_usage__init(to);
    to->completion_tokens = from->completion_tokens;
    to->prompt_tokens = from->prompt_tokens;
    to->total_tokens = from->total_tokens;
    if (from->accepted_prediction_tokens || from->completion_audio_tokens ||
        from->reasoning_tokens || from->rejected_prediction_tokens) {
        completion *details = sc_arena_new(mem, completion);

        dapr__proto__runtime__v1__conversation_result_alpha2_completion_usage_completion_tokens_details__init(
            details);
        details->accepted_prediction_tokens = from->accepted_prediction_tokens;
        details->audio_tokens = from->completion_audio_tokens;
        details->reasoning_tokens = from->reasoning_tokens;
        details->rejected_prediction_tokens = from->rejected_prediction_tokens;
        to->completion_tokens_details = details;
    }
    if (from->prompt_audio_tokens || from->cached_tokens) {
        prompt *details = sc_arena_new(mem, prompt);

        dapr__proto__runtime__v1__conversation_result_alpha2_completion_usage_prompt_tokens_details__init(
            details);
        details->audio_tokens = from->prompt_audio_tokens;
        details->cached_tokens = from->cached_tokens;
        to->prompt_tokens_details = details;
    }
    return to;
}

/* One output for each choice, as upstream has it. */
static const ProtobufCMessage *answer_alpha2(const ProtobufCMessage *message,
                                             const sc_converse_request *req)
{
    typedef Dapr__Proto__Runtime__V1__ConversationResponseAlpha2 response;
    typedef Dapr__Proto__Runtime__V1__ConversationResultAlpha2 result;
    const sc_converse_op *op = &req->op;
    sc_arena *mem = &req->call->mem;
    response *out = sc_arena_new(mem, response);

    dapr__proto__runtime__v1__conversation_response_alpha2__init(out);
    out->context_id = ((const request_alpha2 *)message)->context_id;
    out->outputs = sc_arena_zero(mem, (op->choice_count + 1) * sizeof(out->outputs[0]));
    for (uint32_t i = 0; i < op->choice_count; i++) {
        result *one = sc_arena_new(mem, result);

        dapr__proto__runtime__v1__conversation_result_alpha2__init(one);
        one->choices = sc_arena_zero(mem, sizeof(one->choices[0]));
        one->choices[one->n_choices++] = make_choice(&op->choices[i], mem);
        one->model = sc_proto_text(op->model, mem);
        if (op->has_usage)
            one->usage = make_usage(&op->usage, mem);
        out->outputs[out->n_outputs++] = one;
    }
    return &out->base;
}

const sc_conversation_version sc_conversation_alpha2 = {
    .request = &dapr__proto__runtime__v1__conversation_request_alpha2__descriptor,
    .read = read_alpha2,
    .answer = answer_alpha2,
};
