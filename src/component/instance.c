/* SPDX-License-Identifier: MIT
 *
 * What opening a component of any kind begins with.
 */
#include "component/instance.h"

#include <stdlib.h>

static sc_component_env copy_env(const sc_component_env *env, sc_arena *mem)
{
    sc_component_env copy = *env;
    sc_pairs *settings = sc_arena_new(mem, sc_pairs);
    sc_pairs *hidden = sc_arena_new(mem, sc_pairs);
    sc_log *log = sc_arena_new(mem, sc_log);

    *settings = sc_pairs_copy(env->settings, mem);
    if (env->hidden)
        *hidden = sc_pairs_copy(env->hidden, mem);
    if (env->log) {
        *log = *env->log;
        log->component = sc_arena_str(mem, env->log->component);
    }
    copy.settings = settings;
    copy.hidden = hidden;
    copy.log = log;
    copy.name = sc_arena_str(mem, env->name);
    copy.app_id = sc_arena_str(mem, env->app_id);
    copy.namespace_ = sc_arena_str(mem, env->namespace_);
    copy.instance_id = sc_arena_str(mem, env->instance_id);
    return copy;
}

/* Settings that the runtime itself reads, of components of any type (components format, section 9).
 */
static bool is_runtimes(sc_str name)
{
    static const char *const names[] = {
        "consumerID",
        "subscriptionScopes",
        "publishingScopes",
        "allowedTopics",
        "protectedTopics",
        "keyPrefix",
        "actorStateStore",
        "primaryEncryptionKey",
        "secondaryEncryptionKey",
        "outboxPublishPubsub",
        "outboxPublishTopic",
        "outboxPubsub",
        "outboxDiscardWhenMissingState",
        "direction",
        "route",
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (sc_str_eq_nocase(name, sc_str_from(names[i])))
            return true;
    }
    return false;
}

/* Nothing that somebody wrote is ignored without a word. */
static void tell_ineffective(const sc_instance *instance)
{
    const sc_component *component = instance->component;
    const sc_pairs *settings = instance->env.settings;

    for (uint32_t i = 0; i < instance->unknown.count; i++) {
        if (!is_runtimes(instance->unknown.at[i].name))
            sc_log_warn(instance->env.log, "metadata '%.*s' is no setting of %s and has no effect",
                        SC_FMT(instance->unknown.at[i].name), component->type);
    }
    for (uint32_t i = 0; i < settings->count; i++) {
        const sc_field *field = sc_field_find(component->fields, settings->at[i].name);

        if (field && (field->flags & SC_FIELD_DEPRECATED))
            sc_log_warn(instance->env.log, "metadata '%s': %s", field->name, field->help);
    }
}

sc_code sc_instance_init(sc_instance *instance, const sc_component *component,
                         const sc_component_env *env, sc_error *err)
{
    sc_code code;

    *instance = (sc_instance){.component = component};
    sc_arena_init(&instance->mem, NULL);
    instance->env = copy_env(env, &instance->mem);
    instance->conf = sc_arena_zero(&instance->mem, component->conf_size + 1);
    instance->self = sc_arena_zero(&instance->mem, component->self_size + 1);
    code = sc_fields_decode(component->fields, instance->env.settings, instance->env.hidden,
                            &instance->mem, instance->conf, &instance->unknown, err);
    if (code == SC_OK)
        tell_ineffective(instance);
    else
        sc_arena_deinit(&instance->mem);
    return code;
}

void sc_instance_deinit(sc_instance *instance)
{
    sc_arena_deinit(&instance->mem);
}

sc_code sc_instance_open(const sc_component *component, sc_open_fn open, sc_close_fn close,
                         const sc_component_env *env, sc_instance **out, sc_error *err)
{
    sc_instance *instance = sc_new(sc_instance);
    sc_code code = sc_instance_init(instance, component, env, err);

    if (code != SC_OK) {
        free(instance);
        return code;
    }
    instance->close = close;
    if (open)
        code = open(instance->self, instance->conf, &instance->env, err);
    if (code != SC_OK) {
        sc_instance_deinit(instance);
        free(instance);
        return code;
    }
    *out = instance;
    return SC_OK;
}

static void on_closed(void *at)
{
    sc_instance *instance = at;
    void (*tell)(void *user) = instance->on_closed;
    void *user = instance->user;

    sc_instance_deinit(instance);
    free(instance);
    if (tell)
        tell(user);
}

void sc_instance_close(sc_instance *instance, uint64_t linger_ms, void (*tell)(void *user),
                       void *user)
{
    instance->on_closed = tell;
    instance->user = user;
    if (instance->close)
        instance->close(instance->self, linger_ms, on_closed, instance);
    else
        on_closed(instance);
}

/* ---- those of one kind ---- */

sc_code sc_instance_set_open(sc_instance_set *set, const sc_component *component, sc_open_fn open,
                             sc_close_fn close, const sc_component_env *env, sc_error *err)
{
    sc_instance *instance;

    if (sc_instance_set_find(set, env->name))
        return sc_fail(err, SC_ALREADY_EXISTS, "a component '%.*s' (%s) is there already",
                       SC_FMT(env->name), component->type);
    if (sc_instance_open(component, open, close, env, &instance, err) != SC_OK)
        return err->code;
    set->at = realloc(set->at, (set->count + 1) * sizeof(set->at[0]));
    if (!set->at)
        sc_out_of_memory("components");
    set->at[set->count++] = instance;
    return SC_OK;
}

sc_instance *sc_instance_set_find(const sc_instance_set *set, sc_str name)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (sc_str_eq(set->at[i]->env.name, name))
            return set->at[i];
    }
    return NULL;
}

static void on_set_closed(sc_op *op)
{
    sc_instance_set *set = SC_CONTAINER_OF(op, sc_instance_set, closed);

    free(set->at);
    set->at = NULL;
    set->count = 0;
    set->on_closed(set->user);
}

static void on_one_closed(void *user)
{
    sc_instance_set *set = user;

    if (--set->closing == 0)
        sc_op_finish(&set->closed);
}

void sc_instance_set_close(sc_instance_set *set, sc_loop *loop, uint64_t linger_ms,
                           void (*tell)(void *user), void *user)
{
    set->on_closed = tell;
    set->user = user;
    set->closing = set->count + 1;
    sc_op_init(&set->closed, sc_loop_ops(loop), NULL, on_set_closed);
    for (uint32_t i = 0; i < set->count; i++)
        sc_instance_close(set->at[i], linger_ms, on_one_closed, set);
    on_one_closed(set);
}
