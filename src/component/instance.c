/* SPDX-License-Identifier: MIT
 *
 * What opening a component of any kind begins with.
 */
#include "component/instance.h"

static sc_component_env copy_env(const sc_component_env *env, sc_arena *mem)
{
    sc_component_env copy = *env;
    sc_pairs *settings = sc_arena_new(mem, sc_pairs);
    sc_log *log = sc_arena_new(mem, sc_log);

    *settings = sc_pairs_copy(env->settings, mem);
    if (env->log) {
        *log = *env->log;
        log->component = sc_arena_str(mem, env->log->component);
    }
    copy.settings = settings;
    copy.log = log;
    copy.name = sc_arena_str(mem, env->name);
    copy.app_id = sc_arena_str(mem, env->app_id);
    copy.namespace_ = sc_arena_str(mem, env->namespace_);
    copy.instance_id = sc_arena_str(mem, env->instance_id);
    return copy;
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
    code = sc_fields_decode(component->fields, instance->env.settings, &instance->mem,
                            instance->conf, &instance->unknown, err);
    if (code != SC_OK)
        sc_arena_deinit(&instance->mem);
    return code;
}

void sc_instance_deinit(sc_instance *instance)
{
    sc_arena_deinit(&instance->mem);
}
