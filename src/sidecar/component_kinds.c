/* SPDX-License-Identifier: MIT
 *
 * The table of kinds, and for each the few lines between it and its block.
 */
#include "sidecar/component_kinds.h"

static sc_code open_secretstore(sc_runtime *rt, const sc_component *component,
                                const sc_component_env *env, sc_error *err);
static size_t secretstore_capabilities(const sc_runtime *rt, sc_str name,
                                       const char *names[SC_MAX_CAPABILITIES]);
static void close_secretstores(sc_runtime *rt);
static sc_code open_conversation(sc_runtime *rt, const sc_component *component,
                                 const sc_component_env *env, sc_error *err);
static void close_conversations(sc_runtime *rt);
static sc_code open_pubsub(sc_runtime *rt, const sc_component *component,
                           const sc_component_env *env, sc_error *err);
static size_t pubsub_capabilities(const sc_runtime *rt, sc_str name,
                                  const char *names[SC_MAX_CAPABILITIES]);
static void close_pubsubs(sc_runtime *rt);
static sc_code open_state(sc_runtime *rt, const sc_component *component,
                          const sc_component_env *env, sc_error *err);
static size_t state_capabilities(const sc_runtime *rt, sc_str name,
                                 const char *names[SC_MAX_CAPABILITIES]);
static void close_states(sc_runtime *rt);

/* In the order in which one may need another: closed from the last to the first. */
static const sc_component_kind kinds[] = {
    {"secretstores.", "secret store", open_secretstore, secretstore_capabilities,
     close_secretstores},
    {"pubsub.", "message bus", open_pubsub, pubsub_capabilities, close_pubsubs},
    {"state.", "state store", open_state, state_capabilities, close_states},
    {"bindings.", "binding", NULL, NULL, NULL},
    {"configuration.", "configuration store", NULL, NULL, NULL},
    {"lock.", "lock store", NULL, NULL, NULL},
    {"crypto.", "crypto provider", NULL, NULL, NULL},
    {"conversation.", "conversation", open_conversation, NULL, close_conversations},
    {"middleware.", "middleware", NULL, NULL, NULL},
};

#define FIRST_KIND (&kinds[0]) /* the others may refer to secrets */

const sc_component_kind *sc_component_kind_of(sc_str type)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if (sc_str_starts(type, sc_str_from(kinds[i].prefix)))
            return &kinds[i];
    }
    return NULL;
}

bool sc_component_kind_is_first(const sc_component_kind *kind)
{
    return kind == FIRST_KIND;
}

void sc_component_kinds_make(sc_runtime *rt)
{
    sc_pubsubs_env pubsubs = {.loop = rt->loop,
                              .log = &rt->subscriptions_log,
                              .app_id = rt->options.app_id,
                              .namespace_ = rt->options.namespace_,
                              .ledger = rt->ledger,
                              .metrics = rt->observe.metrics,
                              .tracer = &rt->observe.tracer,
                              .random = &rt->random};

    rt->secretstores = sc_secretstores_new(
        &(sc_secretstores_env){.loop = rt->loop,
                               .metrics = rt->observe.metrics,
                               .scopes = rt->configuration.secret_scopes,
                               .scope_count = rt->configuration.secret_scopes_count});
    rt->conversations = sc_conversations_new(rt->loop, rt->observe.metrics);
    rt->pubsubs = sc_pubsubs_new(&pubsubs);
    rt->states = sc_states_new(&(sc_states_env){.loop = rt->loop,
                                                .log = &rt->processor,
                                                .app_id = rt->options.app_id,
                                                .namespace_ = rt->options.namespace_,
                                                .plain_namespace = rt->options.plain_namespace,
                                                .pubsubs = rt->pubsubs,
                                                .random = &rt->random,
                                                .metrics = rt->observe.metrics});
}

static void close_next_kind(sc_runtime *rt)
{
    while (rt->closing_kind > 0) {
        const sc_component_kind *kind = &kinds[--rt->closing_kind];

        if (kind->close) {
            kind->close(rt);
            return;
        }
    }
    sc_runtime_on_components_closed(rt);
}

void sc_component_kinds_close(sc_runtime *rt)
{
    rt->closing_kind = SC_ARRAY_LEN(kinds);
    close_next_kind(rt);
}

/* ---- secret stores ---- */

static sc_code open_secretstore(sc_runtime *rt, const sc_component *component,
                                const sc_component_env *env, sc_error *err)
{
    return sc_secretstores_add(rt->secretstores, component, env, err);
}

static size_t secretstore_capabilities(const sc_runtime *rt, sc_str name,
                                       const char *names[SC_MAX_CAPABILITIES])
{
    return sc_secretstores_capabilities(rt->secretstores, name, names);
}

static void on_secretstores_closed(void *user)
{
    sc_runtime *rt = user;

    sc_secretstores_free(rt->secretstores);
    close_next_kind(rt);
}

static void close_secretstores(sc_runtime *rt)
{
    sc_secretstores_close(rt->secretstores, SC_LINGER_MS, on_secretstores_closed, rt);
}

/* ---- conversation ---- */

static sc_code open_conversation(sc_runtime *rt, const sc_component *component,
                                 const sc_component_env *env, sc_error *err)
{
    return sc_conversations_add(rt->conversations, component, env, err);
}

static void on_conversations_closed(void *user)
{
    sc_runtime *rt = user;

    sc_conversations_free(rt->conversations);
    close_next_kind(rt);
}

static void close_conversations(sc_runtime *rt)
{
    sc_conversations_close(rt->conversations, SC_LINGER_MS, on_conversations_closed, rt);
}

/* ---- pub/sub ---- */

static sc_code open_pubsub(sc_runtime *rt, const sc_component *component,
                           const sc_component_env *env, sc_error *err)
{
    return sc_pubsubs_add(rt->pubsubs, component, env, err);
}

static size_t pubsub_capabilities(const sc_runtime *rt, sc_str name,
                                  const char *names[SC_MAX_CAPABILITIES])
{
    return sc_pubsub_capabilities(sc_pubsubs_find(rt->pubsubs, name), names);
}

static void on_pubsubs_closed(void *user)
{
    sc_runtime *rt = user;

    sc_pubsubs_free(rt->pubsubs);
    close_next_kind(rt);
}

static void close_pubsubs(sc_runtime *rt)
{
    sc_pubsubs_close(rt->pubsubs, SC_LINGER_MS, on_pubsubs_closed, rt);
}

/* ---- state ---- */

static sc_code open_state(sc_runtime *rt, const sc_component *component,
                          const sc_component_env *env, sc_error *err)
{
    return sc_states_add(rt->states, component, env, err);
}

static size_t state_capabilities(const sc_runtime *rt, sc_str name,
                                 const char *names[SC_MAX_CAPABILITIES])
{
    return sc_state_capabilities(sc_states_find(rt->states, name)->state, names);
}

static void on_states_closed(void *user)
{
    sc_runtime *rt = user;

    sc_states_free(rt->states);
    close_next_kind(rt);
}

static void close_states(sc_runtime *rt)
{
    sc_states_close(rt->states, SC_LINGER_MS, on_states_closed, rt);
}
