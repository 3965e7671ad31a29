/* SPDX-License-Identifier: MIT
 *
 * Values of resources: reads them, and follows their references (components, sections 4.1 to 4.3).
 */
#include "sidecar/values.h"

#include "component/field.h"
#include "core/env.h"
#include "io/timer.h"
#include "wire/json.h"

/* ---- reading ---- */

static sc_code wrong(const char *file, const sc_doc *doc, const char *what, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "%s:%u:%u: %s", file, doc->line, doc->column, what);
}

static const sc_doc *member(const sc_doc *doc, const char *key)
{
    return sc_doc_get_nocase(doc, sc_str_from(key));
}

/* Quotes or not, a setting is text; a list or mapping is its JSON. */
static sc_str text_of(const sc_doc *doc, sc_arena *mem)
{
    sc_buf json = {0};
    sc_str text;

    if (!doc)
        return SC_STR_NONE;
    switch (doc->kind) {
    case SC_DOC_NULL:
        return SC_STR_NONE;
    case SC_DOC_BOOL:
        return doc->truth ? SC_STR("true") : SC_STR("false");
    case SC_DOC_NUMBER:
    case SC_DOC_STRING:
        return doc->text;
    case SC_DOC_ARRAY:
    case SC_DOC_OBJECT:
        break;
    }
    sc_json_add_doc(&json, doc, true);
    text = sc_arena_str(mem, sc_buf_str(&json));
    sc_buf_deinit(&json);
    return text;
}

sc_code sc_value_read(const sc_doc *item, const char *file, sc_arena *mem, sc_value_spec *out,
                      sc_error *err)
{
    const sc_doc *secret = member(item, "secretKeyRef");
    const sc_doc *env = member(item, "envRef");

    if (!sc_doc_is(item, SC_DOC_OBJECT))
        return wrong(file, item, "a value is a mapping with value, secretKeyRef or envRef", err);
    *out = (sc_value_spec){.name = text_of(member(item, "name"), mem),
                           .text = text_of(member(item, "value"), mem),
                           .line = item->line,
                           .column = item->column};
    if (sc_doc_is(secret, SC_DOC_OBJECT)) {
        out->secret_name = text_of(member(secret, "name"), mem);
        out->secret_key = text_of(member(secret, "key"), mem);
        if (out->secret_name.len == 0)
            return wrong(file, secret, "secretKeyRef has no name", err);
        if (out->secret_key.len == 0)
            out->secret_key = out->secret_name;
    } else if (secret && secret->kind != SC_DOC_NULL) {
        return wrong(file, secret, "secretKeyRef is a mapping with name and key", err);
    }
    out->has_env = env && env->kind != SC_DOC_NULL;
    out->env_name = text_of(env, mem);
    return SC_OK;
}

sc_code sc_values_read(const sc_doc *list, const char *path, const char *file, sc_arena *mem,
                       sc_value_list *out, sc_error *err)
{
    *out = (sc_value_list){.file = file};
    if (!list || list->kind == SC_DOC_NULL)
        return SC_OK;
    if (list->kind != SC_DOC_ARRAY)
        return sc_fail(err, SC_INVALID, "%s:%u:%u: %s is a list of name and value", file,
                       list->line, list->column, path);
    out->at = sc_arena_zero(mem, (list->count + 1) * sizeof(out->at[0]));
    SC_DOC_EACH (list, it) {
        sc_value_spec *one = &out->at[out->count++];

        if (sc_value_read(it, file, mem, one, err) != SC_OK)
            return err->code;
        if (one->name.len == 0)
            return sc_fail(err, SC_INVALID, "%s:%u:%u: an entry of %s has no name", file, it->line,
                           it->column, path);
    }
    return SC_OK;
}

bool sc_values_need_secrets(const sc_value_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->at[i].secret_name.len > 0)
            return true;
    }
    return false;
}

/* ---- secrets ---- */

/* Waiting for one secret. Lives in the call's arena, which the op holds on to for as long as the
 * store takes. */
typedef struct fetch {
    sc_secret_op op;
    sc_pairs metadata;
    sc_call *call;
    sc_timer timer;
    bool is_done;
    bool is_late;
} fetch;

static void on_fetched(sc_op *op)
{
    fetch *f = SC_CONTAINER_OF(op, fetch, op.op);

    f->is_done = true;
    sc_call_unref(f->call);
}

static void on_late(sc_timer *timer)
{
    SC_CONTAINER_OF(timer, fetch, timer)->is_late = true;
}

/* The secret's values in `mem`. */
static sc_code fetch_secret(const sc_value_list *list, const sc_value_source *source, sc_str name,
                            sc_arena *mem, sc_pairs *values, sc_error *err)
{
    sc_call *call = sc_loop_call(source->loop);
    fetch *f = sc_call_make(call, fetch);
    sc_code code = SC_OK;

    f->call = sc_call_ref(call);
    if (source->namespace_.len > 0)
        sc_pairs_add(&f->metadata, &call->mem, SC_STR("namespace"), source->namespace_);
    sc_op_init(&f->op.op, sc_loop_ops(source->loop), &call->mem, on_fetched);
    f->op.key = sc_arena_str(&call->mem, name);
    f->op.metadata = &f->metadata;
    sc_timer_init(&f->timer, source->loop, on_late);
    sc_timer_start(&f->timer, source->timeout_ms);
    sc_secretstores_get(source->stores, list->secret_store, &f->op);
    while (!f->is_done && !f->is_late)
        (void)sc_loop_turn(source->loop, true);
    sc_timer_stop(&f->timer);
    if (!f->is_done)
        code = sc_fail(err, SC_DEADLINE, "secret %.*s: no answer within %llu ms", SC_FMT(name),
                       (unsigned long long)source->timeout_ms);
    else if (f->op.op.err.code != SC_OK)
        code = sc_fail(err, f->op.op.err.code, "%s", f->op.op.err.text);
    else
        *values = sc_pairs_copy(&f->op.values, mem);
    sc_call_unref(call);
    return code;
}

/* A secret that was asked for once; several values may come from one. */
typedef struct fetched {
    sc_str name;
    sc_pairs values;
    bool is_there;
} fetched;

static const fetched *get_secret(const sc_value_list *list, const sc_value_source *source,
                                 const sc_value_spec *spec, fetched *cache, uint32_t *cached,
                                 sc_arena *mem)
{
    fetched *one = &cache[*cached];
    sc_error err;

    for (uint32_t i = 0; i < *cached; i++) {
        if (sc_str_eq(cache[i].name, spec->secret_name))
            return &cache[i];
    }
    (*cached)++;
    one->name = spec->secret_name;
    one->is_there = fetch_secret(list, source, spec->secret_name, mem, &one->values, &err) == SC_OK;
    if (!one->is_there)
        sc_log_error(source->secrets,
                     "Error getting secret: %s (%s %.*s, '%.*s' at %s:%u:%u, secret store %.*s)",
                     err.text, source->kind, SC_FMT(source->owner), SC_FMT(spec->name), list->file,
                     spec->line, spec->column, SC_FMT(list->secret_store));
    return one;
}

/* ---- environment variables ---- */

/* DAPR_ENV_KEYS, where it is set, names all that may be referred to. */
static bool is_listed(sc_str name)
{
    sc_str keys = sc_env_get("DAPR_ENV_KEYS");

    if (keys.len == 0)
        return true;
    while (keys.at) {
        if (sc_str_eq_nocase(sc_str_cut(&keys, ' '), name))
            return true;
    }
    return false;
}

static sc_str get_variable(const sc_value_source *source, sc_str name, sc_arena *mem)
{
    if (name.len == 0 || sc_str_find(name, ' ') < name.len || !sc_env_is_open(name) ||
        !is_listed(name)) {
        sc_log_warn(source->log, "%s %.*s references an env variable that isn't allowed: %.*s",
                    source->kind, SC_FMT(source->owner), SC_FMT(name));
        return SC_STR_NONE;
    }
    return sc_arena_str(mem, sc_env_get(sc_arena_str(mem, name).at));
}

/* ---- both ---- */

void sc_values_resolve(const sc_value_list *list, const sc_value_source *source, sc_arena *mem,
                       sc_pairs *values, sc_pairs *hidden)
{
    fetched *cache = sc_arena_zero(mem, (list->count + 1) * sizeof(cache[0]));
    uint32_t cached = 0;

    *values = *hidden = (sc_pairs){0};
    for (uint32_t i = 0; i < list->count; i++) {
        const sc_value_spec *spec = &list->at[i];
        sc_str text = spec->text;
        const fetched *secret;
        const sc_str *value;

        if (text.len == 0 && spec->has_env)
            text = get_variable(source, spec->env_name, mem);
        if (spec->secret_name.len > 0) {
            secret = get_secret(list, source, spec, cache, &cached, mem);
            value = sc_pairs_get(&secret->values, spec->secret_key);
            if (value && value->len > 0) {
                text = *value;
                sc_pairs_add(hidden, mem, spec->name, spec->secret_name);
            } else if (secret->is_there) {
                sc_log_warn(source->secrets,
                            "secret %.*s of secret store %.*s has nothing under the key '%.*s' "
                            "(%s %.*s, '%.*s' at %s:%u:%u)",
                            SC_FMT(spec->secret_name), SC_FMT(list->secret_store),
                            SC_FMT(spec->secret_key), source->kind, SC_FMT(source->owner),
                            SC_FMT(spec->name), list->file, spec->line, spec->column);
            }
        }
        sc_pairs_add(values, mem, spec->name, text);
    }
}
