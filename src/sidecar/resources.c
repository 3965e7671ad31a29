/* SPDX-License-Identifier: MIT
 *
 * Reads resource folders: files in the order of their names, documents in the order of the file.
 * What cannot be read is passed over with a warning, as in Dapr; what concerns another application
 * or namespace, in silence.
 */
#include "sidecar/resources.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "core/file.h"
#include "core/yaml.h"
#include "sidecar/resources_internal.h"

typedef sc_resource_loader loader;

static sc_code load_folder(loader *l, sc_str folder, sc_error *err);
static void load_file(loader *l, const char *path);
static void load_text(loader *l, sc_str text);
static void load_document(loader *l, const sc_doc *doc);

static const sc_doc *at(const sc_doc *doc, const char *key)
{
    return sc_doc_get_nocase(doc, sc_str_from(key));
}

static sc_str text_at(const sc_doc *doc, const char *key)
{
    const sc_doc *value = at(doc, key);

    return value && value->kind != SC_DOC_ARRAY && value->kind != SC_DOC_OBJECT ? value->text
                                                                                : SC_STR_NONE;
}

sc_code sc_resources_load(const sc_str *folders, uint32_t folder_count, sc_str app_id,
                          sc_str namespace_, const sc_log *log, sc_arena *mem, sc_resources *out,
                          sc_error *err)
{
    loader l = {.app_id = app_id, .namespace_ = namespace_, .log = log, .mem = mem, .out = out};

    *out = (sc_resources){0};
    for (uint32_t i = 0; i < folder_count; i++) {
        if (load_folder(&l, folders[i], err) != SC_OK)
            return err->code;
    }
    if (l.fatal.code != SC_OK)
        *err = l.fatal;
    return l.fatal.code;
}

/* ---- folders and files ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_yaml_ending(const char *name)
{
    sc_str dot = sc_str_from(strrchr(name, '.'));

    return sc_str_eq_nocase(dot, SC_STR(".yaml")) || sc_str_eq_nocase(dot, SC_STR(".yml"));
}

/* "..data" and its like, by which Kubernetes swaps the files of a volume; also ".git". */
static bool is_hidden_other(const char *name)
{
    return name[0] == '.' && !has_yaml_ending(name);
}

/* The files of the folder itself, sorted; in the arena. */
static sc_code list_folder(loader *l, const char *path, const char ***names, size_t *count,
                           sc_error *err)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t cap = 64;

    if (!dir)
        return sc_fail(err, SC_NOT_FOUND, "failed to load components: open %s: %s", path,
                       sc_file_error_text(errno));
    *names = sc_arena_alloc(l->mem, cap * sizeof(char *));
    *count = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_type == DT_DIR || is_hidden_other(entry->d_name))
            continue;
        if (*count == cap) {
            const char **grown = sc_arena_alloc(l->mem, cap * 2 * sizeof(char *));

            memcpy(grown, *names, cap * sizeof(char *));
            *names = grown;
            cap *= 2;
        }
        (*names)[(*count)++] = sc_arena_str(l->mem, sc_str_from(entry->d_name)).at;
    }
    closedir(dir);
    qsort(*names, *count, sizeof(char *), by_name);
    return SC_OK;
}

static sc_code load_folder(loader *l, sc_str folder, sc_error *err)
{
    const char *path = sc_arena_str(l->mem, folder).at;
    const char **names = NULL;
    size_t count = 0;

    if (list_folder(l, path, &names, &count, err) != SC_OK)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        if (has_yaml_ending(names[i]))
            load_file(l, sc_arena_fmt(l->mem, "%s/%s", path, names[i]).at);
        else
            sc_log_warn(l->log, "A non-YAML Component file %s was detected, it will not be loaded",
                        names[i]);
    }
    return SC_OK;
}

static void load_file(loader *l, const char *path)
{
    sc_buf text = {0};
    sc_error err;

    l->file = path;
    if (sc_file_read(path, SC_YAML_MAX_LEN, &text, &err) == SC_OK)
        load_text(l, sc_buf_len(&text) > 0 ? sc_buf_str(&text) : SC_STR(""));
    else
        sc_log_warn(l->log, "daprd load Component error when opening file %s: %s", path, err.text);
    sc_buf_deinit(&text);
}

/* ---- documents ---- */

static void warn(loader *l, sc_str kind, const sc_error *err)
{
    sc_log_warn(l->log, "daprd load %.*s error when parsing manifests yaml resource in %s: %s",
                SC_FMT(kind), l->file, err->text);
}

static void load_text(loader *l, sc_str text)
{
    uint32_t lines_before = 0;

    while (text.at) {
        uint32_t lines;
        sc_str one = sc_yaml_cut_document(&text, &lines);
        sc_doc *all;
        sc_error err;

        if (sc_yaml_parse_resource(one, l->file, lines_before, l->mem, &all, &err) == SC_OK) {
            SC_DOC_EACH (all, doc)
                load_document(l, doc);
        } else {
            warn(l, SC_STR("Component"), &err);
        }
        lines_before += lines;
    }
}

static bool is_in_namespace(const loader *l, const sc_doc *doc)
{
    sc_str space = text_at(at(doc, "metadata"), "namespace");

    return space.len == 0 || l->namespace_.len == 0 || sc_str_eq(space, l->namespace_);
}

static bool is_in_scope(const loader *l, const sc_doc *doc)
{
    const sc_doc *scopes = at(doc, "scopes");

    if (!sc_doc_is(scopes, SC_DOC_ARRAY) || scopes->count == 0)
        return true;
    SC_DOC_EACH (scopes, it) {
        if (sc_str_eq(it->text, l->app_id))
            return true;
    }
    return false;
}

static const sc_document_kind *find_kind(sc_str kind, sc_str version, sc_str *right_version)
{
    *right_version = SC_STR_NONE;
    for (size_t i = 0; i < sc_document_kind_count; i++) {
        const sc_document_kind *one = &sc_document_kinds[i];

        if (!sc_str_eq(one->kind, kind))
            continue;
        if (sc_str_eq(one->version, version))
            return one;
        *right_version = one->version;
    }
    return NULL;
}

/* Dapr passes such documents over in silence. */
static void warn_not_ours(loader *l, const sc_doc *doc, sc_str kind, sc_str version, sc_str right)
{
    if (kind.len == 0 || version.len == 0)
        sc_log_warn(l->log,
                    "%s:%u: a document without %s has no effect; a resource is a mapping with "
                    "apiVersion, kind, metadata and spec",
                    l->file, doc->line, kind.len == 0 ? "kind" : "apiVersion");
    else if (right.len > 0)
        sc_log_warn(l->log,
                    "%s:%u: a %.*s of apiVersion '%.*s' has no effect; write 'apiVersion: %.*s'",
                    l->file, doc->line, SC_FMT(kind), SC_FMT(version), SC_FMT(right));
    else if (sc_str_eq(kind, SC_STR("Configuration")))
        sc_log_warn(l->log,
                    "%s:%u: a Configuration has no effect in a resources folder; name the file "
                    "with --config",
                    l->file, doc->line);
    else
        sc_log_warn(l->log, "%s:%u: a resource of kind %.*s (%.*s) is not known and has no effect",
                    l->file, doc->line, SC_FMT(kind), SC_FMT(version));
}

/* A name must be one segment of a path. */
static sc_code check_name(loader *l, const sc_doc *doc, sc_str kind, sc_error *err)
{
    sc_str name = text_at(at(doc, "metadata"), "name");
    const char *rule = NULL;

    if (name.len == 0 && !sc_str_eq(kind, SC_STR("Subscription")))
        return sc_fail(err, SC_INVALID, "%s:%u:%u: metadata.name is missing", l->file, doc->line,
                       doc->column);
    if (sc_str_eq(name, SC_STR(".")))
        rule = "may not be '.'";
    else if (sc_str_eq(name, SC_STR("..")))
        rule = "may not be '..'";
    else if (memchr(name.at, '/', name.len))
        rule = "may not contain '/'";
    else if (memchr(name.at, '%', name.len))
        rule = "may not contain '%'";
    if (!rule)
        return SC_OK;
    return sc_fail(err, SC_INVALID, "invalid name \"%.*s\" for \"%.*s\": %s (%s:%u)", SC_FMT(name),
                   SC_FMT(kind), rule, l->file, doc->line);
}

static void load_document(loader *l, const sc_doc *doc)
{
    sc_str kind = text_at(doc, "kind");
    sc_str version = text_at(doc, "apiVersion");
    sc_str right;
    const sc_document_kind *found = find_kind(kind, version, &right);
    sc_error err;

    sc_error_clear(&err);
    if (!found)
        warn_not_ours(l, doc, kind, version, right);
    else if (!is_in_namespace(l, doc) || (!found->load && !is_in_scope(l, doc)))
        return;
    else if (!found->load)
        sc_log_warn(l->log,
                    "%s:%u: resources of kind %.*s are not implemented yet; it has no effect",
                    l->file, doc->line, SC_FMT(kind));
    else if (check_name(l, doc, kind, &err) != SC_OK ||
             found->load(l, doc, is_in_scope(l, doc), &err) != SC_OK)
        warn(l, kind, &err);
}
