/* SPDX-License-Identifier: MIT
 *
 * Conversations: finds the component, checks what was asked for, asks, cleans the answer.
 */
#include "block/conversation.h"

#include <stdlib.h>

#include "block/pii.h"
#include "core/clock.h"
#include "observe/operation_stats.h"

struct sc_conversations {
    sc_loop *loop;
    sc_metrics *metrics;
    sc_instance_set set;
    sc_arena mem; /* of sc_operation_stats, one in each instance->extra */
};

static void on_answered(sc_op *op);

/* ---- components ---- */

sc_conversations *sc_conversations_new(sc_loop *loop, sc_metrics *metrics)
{
    sc_conversations *conversations = sc_new(sc_conversations);

    conversations->loop = loop;
    conversations->metrics = metrics;
    sc_arena_init(&conversations->mem, NULL);
    return conversations;
}

void sc_conversations_free(sc_conversations *conversations)
{
    sc_arena_deinit(&conversations->mem);
    free(conversations);
}

sc_code sc_conversations_add(sc_conversations *conversations, const sc_component *component,
                             const sc_component_env *env, sc_error *err)
{
    const sc_conversation_ops *ops = component->conversation;
    sc_operation_stats *stats;

    if (sc_instance_set_open(&conversations->set, component, ops->open, ops->close, env, err) !=
        SC_OK)
        return err->code;
    stats = sc_arena_new(&conversations->mem, sc_operation_stats);
    sc_operation_stats_init(stats, conversations->metrics, SC_METRIC_CONVERSATION_COUNT, env->name,
                            SC_STR_NONE);
    sc_instance_set_find(&conversations->set, env->name)->extra = stats;
    return SC_OK;
}

void sc_conversations_close(sc_conversations *conversations, uint64_t linger_ms,
                            void (*on_closed)(void *user), void *user)
{
    sc_instance_set_close(&conversations->set, conversations->loop, linger_ms, on_closed, user);
}

/* ---- a call ---- */

static bool has_tool(const sc_converse_op *op, sc_str name)
{
    for (uint32_t i = 0; i < op->tool_count; i++) {
        if (sc_str_eq(op->tools[i].name, name))
            return true;
    }
    return false;
}

static bool refuse_choice(sc_converse_request *req, const char *text)
{
    (void)sc_problem_set(&req->problem, &req->call->mem, SC_REASON_CONVERSATION_PARAMETERS,
                         "failed conversing with component %.*s: invalid params: %s be 'auto', "
                         "'none', 'required', or a specific tool name matching the tools available "
                         "to be used",
                         SC_FMT(req->component_name), text);
    return false;
}

/* A choice that nothing was said about is the model's, where there are tools. */
static bool check_tool_choice(sc_converse_request *req)
{
    sc_converse_op *op = &req->op;
    sc_str choice = op->tool_choice;

    if (choice.len == 0 && op->tool_count > 0)
        op->tool_choice = SC_STR("auto");
    if (choice.len == 0 || sc_str_eq(choice, SC_STR("auto")) || sc_str_eq(choice, SC_STR("none")))
        return true;
    if (sc_str_eq(choice, SC_STR("required")))
        return op->tool_count > 0 || refuse_choice(req, "tool choice must");
    return op->tool_count == 0 || has_tool(op, choice) ||
           refuse_choice(req, "tool choice selected was not found. Must");
}

/* Starts the request; false: `problem` is set. */
static bool start(sc_conversations *conversations, sc_converse_request *req)
{
    sc_arena *mem = &req->call->mem;
    const sc_instance *component = sc_instance_set_find(&conversations->set, req->component_name);

    if (!component) {
        (void)sc_problem_set(&req->problem, mem, SC_REASON_CONVERSATION_NOT_FOUND,
                             "failed finding conversation component %.*s",
                             SC_FMT(req->component_name));
        return false;
    }
    if (!req->has_inputs) {
        (void)sc_problem_set(&req->problem, mem, SC_REASON_CONVERSATION_INPUTS,
                             "failed conversing with component %.*s: missing inputs in request",
                             SC_FMT(req->component_name));
        return false;
    }
    if (!sc_problem_is_none(&req->problem) || !check_tool_choice(req))
        return false;
    req->component = component;
    req->started_ns = sc_clock_mono_ns();
    component->component->conversation->converse(component->self, &req->op);
    return true;
}

void sc_converse(sc_conversations *conversations, sc_converse_request *req)
{
    sc_call_ref(req->call);
    sc_op_init(&req->op.op, sc_loop_ops(conversations->loop), &req->call->mem, on_answered);
    if (!start(conversations, req))
        sc_op_finish(&req->op.op);
}

void sc_converse_cancel(sc_converse_request *req)
{
    const sc_instance *component = req->component;

    if (component && component->component->conversation->cancel)
        component->component->conversation->cancel(component->self, &req->op);
}

static void on_answered(sc_op *op)
{
    sc_converse_request *req = SC_CONTAINER_OF(op, sc_converse_request, op.op);
    sc_call *call = req->call;

    if (req->component)
        sc_operation_stats_record(req->component->extra, op->err.code == SC_OK, req->started_ns);
    req->component = NULL; /* nothing runs that could be cancelled */
    if (op->err.code != SC_OK)
        (void)sc_problem_set(&req->problem, &call->mem, SC_REASON_CONVERSATION_INVOKE,
                             "failed conversing with component %.*s: %s",
                             SC_FMT(req->component_name), op->err.text);
    for (uint32_t i = 0; req->scrubs_answer && i < req->op.choice_count; i++)
        req->op.choices[i].content = sc_pii_scrub(req->op.choices[i].content, &call->mem);
    req->done(req);
    sc_call_unref(call);
}
