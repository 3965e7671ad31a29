/* SPDX-License-Identifier: MIT
 *
 * Template variables of settings (components, section 4.4), replaced in Dapr's order: what one puts
 * in may hold a later one.
 */
#include "sidecar/templates.h"

#include "core/env.h"

typedef struct variable {
    sc_str tag;
    bool (*write)(const sc_template_env *env, sc_buf *out); /* false: there is no value */
} variable;

static bool write_uuid(const sc_template_env *env, sc_buf *out)
{
    char text[SC_UUID_LEN + 1];

    sc_random_uuid(env->random, text);
    sc_buf_add_str(out, sc_str_from(text));
    return true;
}

static bool write_pod_name(const sc_template_env *env, sc_buf *out)
{
    sc_str name = sc_env_get("POD_NAME");

    (void)env;
    sc_buf_add_str(out, name);
    return name.len > 0;
}

static bool write_namespace(const sc_template_env *env, sc_buf *out)
{
    sc_buf_add_str(out, env->namespace_);
    sc_buf_add_byte(out, '.');
    sc_buf_add_str(out, env->app_id);
    return true;
}

static bool write_app_id(const sc_template_env *env, sc_buf *out)
{
    sc_buf_add_str(out, env->app_id);
    return true;
}

static const variable variables[] = {
    {SC_STR_INIT("{uuid}"), write_uuid},
    {SC_STR_INIT("{podName}"), write_pod_name},
    {SC_STR_INIT("{namespace}"), write_namespace},
    {SC_STR_INIT("{appID}"), write_app_id},
};

static bool replace(sc_str *text, const variable *one, const sc_template_env *env, sc_arena *mem)
{
    size_t found = sc_str_find_str(*text, one->tag);
    sc_str rest = *text;
    sc_buf out = {0};
    bool is_known = true;

    if (found == text->len)
        return true;
    while (is_known && found < rest.len) {
        sc_buf_add_str(&out, sc_str_sub(rest, 0, found));
        is_known = one->write(env, &out);
        rest = sc_str_sub(rest, found + one->tag.len, rest.len);
        found = sc_str_find_str(rest, one->tag);
    }
    sc_buf_add_str(&out, rest);
    *text = sc_arena_str(mem, sc_buf_str(&out));
    sc_buf_deinit(&out);
    return is_known;
}

sc_code sc_templates_fill(sc_pairs *settings, const sc_template_env *env, sc_arena *mem,
                          sc_error *err)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        for (size_t v = 0; v < SC_ARRAY_LEN(variables); v++) {
            if (!replace(&settings->at[i].value, &variables[v], env, mem))
                return sc_fail(err, SC_INVALID,
                               "failed to parse metadata: property %.*s refers to {podName} but "
                               "podName is not set",
                               SC_FMT(settings->at[i].name));
        }
    }
    return SC_OK;
}

bool sc_templates_name_namespace(const sc_pairs *settings)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        sc_str value = settings->at[i].value;

        if (sc_str_find_str(value, SC_STR("{namespace}")) < value.len)
            return true;
    }
    return false;
}
