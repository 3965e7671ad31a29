/* SPDX-License-Identifier: MIT
 *
 * secretstores.local.env: the sidecar's environment variables, read when they are asked for. Dapr's
 * own variables and its tokens are never handed out.
 */
#include <unistd.h>

#include "component/secretstore.h"
#include "core/env.h"

typedef struct local_env_conf {
    sc_str prefix;
} local_env_conf;

typedef struct local_env {
    const local_env_conf *conf;
    const sc_component_env *env;
} local_env;

static const sc_field fields[] = {
    SC_FIELD(local_env_conf, prefix, STR, "prefix",
             .help = "put before every key that is asked for, and cut from the keys of all"),
    SC_FIELD_END,
};

static sc_code local_env_open(void *at, const void *conf, const sc_component_env *env,
                              sc_error *err)
{
    local_env *self = at;

    (void)err;
    self->conf = conf;
    self->env = env;
    return SC_OK;
}

static void local_env_get(void *at, sc_secret_op *op)
{
    const local_env *self = at;
    sc_str parts[] = {self->conf->prefix, op->key};
    sc_str name = sc_arena_join(op->op.mem, parts, 2);
    sc_str value = SC_STR("");

    if (!sc_env_is_open(name))
        sc_log_warn(self->env->log, "Access to env var %.*s is forbidden", SC_FMT(name));
    else
        value = sc_env_get(sc_arena_str(op->op.mem, name).at);
    sc_pairs_add(&op->values, op->op.mem, op->key, sc_arena_str(op->op.mem, value));
    sc_op_finish(&op->op);
}

static uint32_t count_all(void)
{
    uint32_t count = 0;

    while (environ[count])
        count++;
    return count;
}

static void local_env_bulk_get(void *at, sc_bulk_secret_op *op)
{
    const local_env *self = at;
    uint32_t count = count_all();
    sc_str prefix = self->conf->prefix;
    sc_arena *mem = op->op.mem;

    op->secrets = sc_arena_zero(mem, (count + 1) * sizeof(op->secrets[0]));
    for (uint32_t i = 0; i < count; i++) {
        sc_str value = sc_str_from(environ[i]);
        sc_str name = sc_str_cut(&value, '=');
        sc_secret *to = &op->secrets[op->count];

        if (!sc_str_starts(name, prefix) || name.len == prefix.len || !sc_env_is_open(name))
            continue;
        to->key = sc_arena_str(mem, sc_str_sub(name, prefix.len, name.len));
        sc_pairs_add(&to->values, mem, to->key, sc_arena_str(mem, value));
        op->count++;
    }
    sc_op_finish(&op->op);
}

static const sc_secretstore_ops ops = {
    .open = local_env_open,
    .get = local_env_get,
    .bulk_get = local_env_bulk_get,
};

extern const sc_component sc_secretstores_local_env;
const sc_component sc_secretstores_local_env = {
    .type = "secretstores.local.env",
    .version = "v1",
    .title = "Environment variables",
    .fields = fields,
    .conf_size = sizeof(local_env_conf),
    .self_size = sizeof(local_env),
    .secretstore = &ops,
};
