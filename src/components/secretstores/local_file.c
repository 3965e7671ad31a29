/* SPDX-License-Identifier: MIT
 *
 * secretstores.local.file: secrets in a JSON file, read once when the store is opened.
 *
 * Without `multiValued` every leaf is a secret, named by its path ("redis:password", "hosts:0").
 * With it, every top-level text or object is one secret, an object's leaves being its values.
 */
#include "component/secretstore.h"
#include "core/file.h"
#include "core/map.h"
#include "wire/json.h"

#define MAX_FILE_LEN (16u * 1024u * 1024u)

typedef struct local_file_conf {
    sc_str secrets_file;
    sc_str nested_separator;
    bool multi_valued;
} local_file_conf;

typedef struct file_secret {
    sc_secret secret;
    struct file_secret *next; /* in the order of the file */
} file_secret;

typedef struct local_file {
    const local_file_conf *conf;
    const sc_component_env *env;
    sc_arena mem;
    sc_map by_key; /* of file_secret */
    file_secret *first;
    file_secret *last;
} local_file;

static const sc_field fields[] = {
    SC_FIELD(local_file_conf, secrets_file, STR, "secretsFile",
             .help = "JSON file with the secrets; a relative path starts at the working directory"),
    SC_FIELD(local_file_conf, nested_separator, STR, "nestedSeparator", .initial = ":",
             .help = "stands between the names of nested objects"),
    SC_FIELD(local_file_conf, multi_valued, BOOL, "multiValued", .initial = "false",
             .help = "each top-level key is one secret, with one value or several"),
    SC_FIELD_END,
};

static sc_code read_secrets(local_file *self, sc_error *err);
static void free_secrets(local_file *self);
static void add_all(local_file *self, const sc_doc *root);

static sc_code local_file_open(void *at, const void *conf, const sc_component_env *env,
                               sc_error *err)
{
    local_file *self = at;

    self->conf = conf;
    self->env = env;
    sc_arena_init(&self->mem, NULL);
    sc_map_init(&self->by_key);
    if (self->conf->secrets_file.len == 0)
        return sc_fail(err, SC_INVALID, "missing local secrets file in metadata");
    if (read_secrets(self, err) != SC_OK) {
        free_secrets(self);
        return err->code;
    }
    return SC_OK;
}

static void free_secrets(local_file *self)
{
    sc_map_deinit(&self->by_key);
    sc_arena_deinit(&self->mem);
}

static sc_code parse(local_file *self, sc_str text, sc_arena *mem, sc_error *err)
{
    sc_doc *root = NULL;
    sc_str rest;

    if (sc_json_parse(text, mem, &root, &rest, err) != SC_OK)
        return err->code;
    rest = sc_str_trim(rest);
    if (rest.len > 0)
        return sc_fail(err, SC_INVALID, "there is more after the JSON object, from byte %zu on",
                       (size_t)(rest.at - text.at) + 1);
    if (root->kind != SC_DOC_OBJECT)
        return sc_fail(err, SC_INVALID,
                       "json: cannot unmarshal %s into Go value of type map[string]interface {}",
                       root->kind == SC_DOC_BOOL ? "bool" : sc_doc_kind_name(root->kind));
    add_all(self, root);
    return SC_OK;
}

static sc_code read_secrets(local_file *self, sc_error *err)
{
    sc_str path = self->conf->secrets_file;
    sc_buf text = {0};
    sc_arena mem;
    sc_code code = sc_file_read(sc_arena_str(&self->mem, path).at, MAX_FILE_LEN, &text, err);

    sc_arena_init(&mem, NULL);
    if (code == SC_OK) {
        code = parse(self, sc_buf_str(&text), &mem, err);
        if (code != SC_OK)
            (void)sc_error_context(err, "secrets file %.*s", SC_FMT(path));
    }
    sc_arena_deinit(&mem);
    sc_buf_deinit(&text);
    return code;
}

/* ---- from the document to secrets ---- */

/* NULL for a key that is there already: two paths may have one name ({"a": {"b": 1}, "a:b": 2}). */
static file_secret *add_secret(local_file *self, sc_str key)
{
    file_secret *one;

    if (sc_map_get(&self->by_key, key)) {
        sc_log_warn(self->env->log,
                    "two secrets have the name %.*s: the first counts. Rename one, or set "
                    "nestedSeparator",
                    SC_FMT(key));
        return NULL;
    }
    one = sc_arena_new(&self->mem, file_secret);
    one->secret.key = key;
    (void)sc_map_put(&self->by_key, key, one);
    if (self->last)
        self->last->next = one;
    else
        self->first = one;
    self->last = one;
    return one;
}

/* "outer:name"; in `mem`. */
static sc_str join(local_file *self, sc_str path, bool has_path, sc_str name)
{
    sc_str separator = self->conf->nested_separator;
    sc_str parts[] = {path, separator.len > 0 ? separator : SC_STR(":"), name};

    return has_path ? sc_arena_join(&self->mem, parts, 3) : sc_arena_str(&self->mem, name);
}

/* A secret is text: numbers as they are written, null as nothing. */
static sc_str leaf_text(const sc_doc *leaf)
{
    if (leaf->kind == SC_DOC_BOOL)
        return leaf->truth ? SC_STR("true") : SC_STR("false");
    return leaf->kind == SC_DOC_NULL ? SC_STR("") : leaf->text;
}

/* Calls `add` for every leaf below `node`. */
static void walk(local_file *self, const sc_doc *node, sc_str path, bool has_path,
                 void (*add)(local_file *self, sc_str path, sc_str value))
{
    uint32_t index = 0;

    SC_DOC_EACH (node, it) {
        sc_str name = it->key;

        if (node->kind == SC_DOC_ARRAY)
            name = sc_arena_fmt(&self->mem, "%u", index++);
        else if (sc_doc_get(node, it->key) != it) /* of repeated names the last counts */
            continue;
        if (it->kind == SC_DOC_OBJECT || it->kind == SC_DOC_ARRAY)
            walk(self, it, join(self, path, has_path, name), true, add);
        else
            add(self, join(self, path, has_path, name), sc_arena_str(&self->mem, leaf_text(it)));
    }
}

static void add_single(local_file *self, sc_str path, sc_str value)
{
    file_secret *one = add_secret(self, path);

    if (one)
        sc_pairs_add(&one->secret.values, &self->mem, path, value);
}

/* To the secret that was added last. */
static void add_value(local_file *self, sc_str path, sc_str value)
{
    sc_pairs *values = &self->last->secret.values;

    if (!sc_pairs_get(values, path))
        sc_pairs_add(values, &self->mem, path, value);
}

static void add_multi_valued(local_file *self, const sc_doc *root)
{
    SC_DOC_EACH (root, it) {
        sc_str key = sc_arena_str(&self->mem, it->key);

        if (sc_doc_get(root, it->key) != it)
            continue;
        if (it->kind == SC_DOC_STRING) {
            add_single(self, key, sc_arena_str(&self->mem, it->text));
        } else if (it->kind == SC_DOC_OBJECT) {
            (void)add_secret(self, key);
            walk(self, it, SC_STR_NONE, false, add_value);
        } else {
            sc_log_warn(self->env->log,
                        "secret %.*s is passed over: with multiValued a secret is a text or an "
                        "object, and this is of type %s",
                        SC_FMT(key), sc_doc_kind_name(it->kind));
        }
    }
}

static void add_all(local_file *self, const sc_doc *root)
{
    if (self->conf->multi_valued)
        add_multi_valued(self, root);
    else
        walk(self, root, SC_STR_NONE, false, add_single);
}

/* ---- asking ---- */

static size_t local_file_capabilities(const void *at, const char *names[SC_MAX_CAPABILITIES])
{
    const local_file *self = at;

    names[0] = "MULTIPLE_KEY_VALUES_PER_SECRET";
    return self->conf->multi_valued ? 1 : 0;
}

static void local_file_get(void *at, sc_secret_op *op)
{
    const local_file *self = at;
    const file_secret *found = sc_map_get(&self->by_key, op->key);

    if (!found) {
        sc_op_fail(&op->op, SC_NOT_FOUND, "secret %.*s not found", SC_FMT(op->key));
        return;
    }
    op->values = sc_pairs_copy(&found->secret.values, op->op.mem);
    sc_op_finish(&op->op);
}

static void local_file_bulk_get(void *at, sc_bulk_secret_op *op)
{
    const local_file *self = at;

    op->secrets = sc_arena_zero(op->op.mem, (self->by_key.count + 1) * sizeof(op->secrets[0]));
    for (const file_secret *it = self->first; it; it = it->next)
        op->secrets[op->count++] =
            (sc_secret){.key = sc_arena_str(op->op.mem, it->secret.key),
                        .values = sc_pairs_copy(&it->secret.values, op->op.mem)};
    sc_op_finish(&op->op);
}

static void local_file_close(void *at, uint64_t linger_ms, void (*on_closed)(void *user),
                             void *user)
{
    (void)linger_ms;
    free_secrets(at);
    on_closed(user);
}

static const sc_secretstore_ops ops = {
    .open = local_file_open,
    .capabilities = local_file_capabilities,
    .get = local_file_get,
    .bulk_get = local_file_bulk_get,
    .close = local_file_close,
};

extern const sc_component sc_secretstores_local_file;
const sc_component sc_secretstores_local_file = {
    .type = "secretstores.local.file",
    .version = "v1",
    .title = "Local file",
    .fields = fields,
    .conf_size = sizeof(local_file_conf),
    .self_size = sizeof(local_file),
    .secretstore = &ops,
};
