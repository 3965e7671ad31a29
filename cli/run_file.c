/* SPDX-License-Identifier: MIT
 *
 * Reads a multi-app file. Keys that flags of `run` stand for come from their table; paths of the
 * common section are taken from the file's folder, those of an application from its own.
 */
#include "cli/run_file.h"

#include <limits.h>
#include <stdlib.h>

#include "cli/files.h"
#include "core/yaml.h"

#define S cli_run_settings

/* Keys without a flag. */
static const cli_flag file_keys[] = {
    CLI_TEXT(S, folder, .name = "", .key = "appDirPath", .is_per_app = true, .choices = "@dir"),
    CLI_TEXT(S, resources_path, .name = "", .key = "resourcesPath", .choices = "@dir"),
    CLI_TEXT(S, runtime_path, .name = "", .key = "runtimePath", .choices = "@dir"),
    CLI_TEXT(S, app_log, .name = "", .key = "appLogDestination", .initial = "fileAndConsole"),
    CLI_TEXT(S, sidecar_log, .name = "", .key = "daprdLogDestination", .initial = "file"),
    CLI_FLAGS_END,
};

typedef struct reader {
    cli *c;
    const char *name; /* of the file, for messages */
    sc_str folder;    /* of the file */
    const sc_doc *common;
    sc_error *err;
} reader;

static sc_code read_app(reader *r, const sc_doc *doc, S *to);

static sc_code wrong(reader *r, const sc_doc *doc, const char *key, const char *what)
{
    return sc_fail(r->err, SC_INVALID, "%s:%u:%u: %s %s", r->name, doc->line, doc->column, key,
                   what);
}

/* A scalar as it would be typed. */
static sc_str scalar(const sc_doc *doc)
{
    if (doc->kind == SC_DOC_BOOL)
        return sc_str_from(doc->truth ? "true" : "false");
    return doc->text;
}

/* ---- keys ---- */

static bool is_path(const cli_flag *flag)
{
    return flag->choices && flag->choices[0] == '@';
}

static sc_code add_value(reader *r, const cli_flag *flag, const sc_doc *value, sc_str folder, S *to)
{
    sc_str text = scalar(value);
    sc_error err;

    if (value->kind == SC_DOC_ARRAY || value->kind == SC_DOC_OBJECT)
        return wrong(r, value, flag->key, "is a single value");
    if (is_path(flag) && text.len > 0) {
        text = cli_path_from(r->c, folder, text);
        if (!cli_file_exists(text))
            return sc_fail(r->err, SC_NOT_FOUND,
                           "%s:%u:%u: %s: stat %.*s: no such file or directory", r->name,
                           value->line, value->column, flag->key, SC_FMT(text));
    }
    if (cli_flag_set(r->c, flag, text, to, &err) != SC_OK)
        return wrong(r, value, flag->key,
                     flag->kind == CLI_FLAG_NUMBER ? "is a number" : "is true or false");
    return SC_OK;
}

static sc_code read_key(reader *r, const cli_flag *flag, const sc_doc *value, sc_str folder, S *to)
{
    if (value->kind == SC_DOC_NULL)
        return SC_OK;
    if (flag->kind != CLI_FLAG_LIST)
        return add_value(r, flag, value, folder, to);
    if (value->kind != SC_DOC_ARRAY)
        return wrong(r, value, flag->key, "is a list");
    to->resources =
        (cli_texts){0}; /* the only list: an application's own replaces the common one */
    SC_DOC_EACH (value, it) {
        if (add_value(r, flag, it, folder, to) != SC_OK)
            return r->err->code;
    }
    return SC_OK;
}

static sc_code read_keys(reader *r, const cli_flag *table, const sc_doc *doc, bool is_common,
                         sc_str folder, S *to)
{
    for (const cli_flag *flag = table; flag->name; flag++) {
        const sc_doc *value = flag->key ? sc_doc_member(doc, flag->key) : NULL;

        if (!value || (is_common && flag->is_per_app))
            continue;
        if (read_key(r, flag, value, folder, to) != SC_OK)
            return r->err->code;
    }
    return SC_OK;
}

static sc_code read_env(reader *r, const sc_doc *doc, S *to)
{
    const sc_doc *env = sc_doc_member(doc, "env");

    if (!env || env->kind == SC_DOC_NULL)
        return SC_OK;
    if (env->kind != SC_DOC_OBJECT)
        return wrong(r, env, "env", "is a mapping of names to values");
    SC_DOC_EACH (env, it) {
        if (it->kind == SC_DOC_ARRAY || it->kind == SC_DOC_OBJECT)
            return wrong(r, it, "env", "is a mapping of names to values");
        sc_pairs_set(&to->env, &r->c->mem, it->key, scalar(it));
    }
    return SC_OK;
}

/* ---- one application ---- */

static sc_code read_command(reader *r, const sc_doc *doc, S *to)
{
    const sc_doc *command = sc_doc_member(doc, "command");
    uint32_t count = 0;

    if (!command || command->kind == SC_DOC_NULL)
        return SC_OK;
    if (command->kind != SC_DOC_ARRAY)
        return wrong(r, command, "command", "is a list of words: [\"python3\", \"app.py\"]");
    to->command = sc_arena_zero(&r->c->mem, (command->count + 1) * sizeof(char *));
    SC_DOC_EACH (command, it)
        to->command[count++] = sc_arena_str(&r->c->mem, scalar(it)).at;
    if (count == 0)
        to->command = NULL;
    return SC_OK;
}

static bool is_destination(sc_str text)
{
    return sc_str_eq(text, SC_STR("console")) || sc_str_eq(text, SC_STR("file")) ||
           sc_str_eq(text, SC_STR("fileAndConsole"));
}

/* An application's folder may bring resources and configuration of its own. */
static void use_own_folder(reader *r, const sc_doc *doc, S *to)
{
    sc_str own = sc_arena_fmt(&r->c->mem, "%.*s/.dapr/resources", SC_FMT(to->folder));
    sc_str config = sc_arena_fmt(&r->c->mem, "%.*s/.dapr/config.yaml", SC_FMT(to->folder));

    if (!sc_doc_member(doc, "resourcesPaths") && !sc_doc_member(doc, "resourcesPath") &&
        cli_folder_exists(own)) {
        to->resources = (cli_texts){.at = sc_arena_new(&r->c->mem, sc_str), .count = 1};
        to->resources.at[0] = own;
    }
    if (!sc_doc_member(doc, "configFilePath") && cli_file_exists(config))
        to->config = config;
}

static sc_code read_folder(reader *r, const sc_doc *doc, S *to)
{
    const sc_doc *folder = sc_doc_member(doc, "appDirPath");

    if (!folder || scalar(folder).len == 0)
        return sc_fail(
            r->err, SC_INVALID,
            "required field 'appDirPath' not found in the provided app config file (%s:%u)",
            r->name, doc->line);
    if (read_key(r, &file_keys[0], folder, r->folder, to) != SC_OK)
        return r->err->code;
    if (!cli_folder_exists(to->folder))
        return wrong(r, folder, "appDirPath", "is a folder");
    return SC_OK;
}

static sc_code read_app(reader *r, const sc_doc *doc, S *to)
{
    char full[PATH_MAX];

    cli_flags_init(r->c, cli_run_flags, to);
    cli_flags_init(r->c, file_keys, to);
    if (doc->kind != SC_DOC_OBJECT)
        return wrong(r, doc, "an entry of apps", "is a mapping with appDirPath and more");
    if (read_folder(r, doc, to) != SC_OK)
        return r->err->code;
    if (realpath(to->folder.at, full))
        to->folder = sc_arena_str(&r->c->mem, sc_str_from(full));
    if (r->common && (read_keys(r, cli_run_flags, r->common, true, r->folder, to) != SC_OK ||
                      read_keys(r, file_keys, r->common, true, r->folder, to) != SC_OK ||
                      read_env(r, r->common, to) != SC_OK))
        return r->err->code;
    if (to->resources_path.len > 0 && to->resources.count == 0)
        to->components = to->resources_path;
    to->resources_path = SC_STR_NONE;
    use_own_folder(r, doc, to);
    if (read_keys(r, cli_run_flags, doc, false, to->folder, to) != SC_OK ||
        read_keys(r, file_keys + 1, doc, false, to->folder, to) != SC_OK ||
        read_env(r, doc, to) != SC_OK || read_command(r, doc, to) != SC_OK)
        return r->err->code;
    if (to->resources_path.len > 0 && !sc_doc_member(doc, "resourcesPaths")) {
        to->resources = (cli_texts){0};
        to->components = to->resources_path;
    }
    if (to->app_id.len == 0)
        to->app_id = sc_arena_str(&r->c->mem, cli_path_base(to->folder));
    if (!is_destination(to->app_log) || !is_destination(to->sidecar_log))
        return wrong(r, doc, "appLogDestination and daprdLogDestination",
                     "are console, file or fileAndConsole");
    return SC_OK;
}

/* ---- the file ---- */

static bool has_yaml_ending(sc_str path)
{
    return sc_str_ends(path, SC_STR(".yaml")) || sc_str_ends(path, SC_STR(".yml"));
}

static sc_code find_file(cli *c, sc_str path, cli_run_file *out, sc_str *folder, sc_error *err)
{
    char full[PATH_MAX];

    *folder = cli_path_from(c, SC_STR(""), SC_STR("."));
    if (sc_str_eq(path, SC_STR("-")))
        return SC_OK;
    if (cli_folder_exists(path))
        path = sc_arena_fmt(&c->mem, "%.*s/dapr.yaml", SC_FMT(path));
    if (!has_yaml_ending(path))
        return sc_fail(err, SC_INVALID, "file \"%.*s\" is not a YAML file", SC_FMT(path));
    path = sc_arena_str(&c->mem, cli_path_from(c, SC_STR(""), path));
    if (!realpath(path.at, full))
        return sc_fail(err, SC_NOT_FOUND, "stat %s: no such file or directory", path.at);
    out->path = sc_arena_str(&c->mem, sc_str_from(full));
    *folder = cli_path_parent(out->path);
    return SC_OK;
}

static bool has_version(const sc_doc *root)
{
    const sc_doc *version = sc_doc_member(root, "version");

    return version && version->text.len > 0 && !sc_str_eq(version->text, SC_STR("0"));
}

static sc_code check_twins(const cli_run_file *file, sc_error *err)
{
    for (uint32_t i = 0; i < file->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (sc_str_eq(file->apps[i].app_id, file->apps[j].app_id))
                return sc_fail(err, SC_INVALID,
                               "two applications are called '%.*s': give one "
                               "another appID",
                               SC_FMT(file->apps[i].app_id));
        }
    }
    return SC_OK;
}

sc_code cli_run_file_read(cli *c, sc_str path, cli_run_file *out, sc_error *err)
{
    reader r = {.c = c, .err = err};
    const sc_doc *root;
    const sc_doc *apps;
    sc_doc *all = NULL;
    sc_str text;

    *out = (cli_run_file){0};
    if (find_file(c, path, out, &r.folder, err) != SC_OK)
        return err->code;
    r.name = out->path.len ? cli_path_base(out->path).at : "standard input";
    if (cli_file_read(c, out->path.len ? out->path : path, &text, err) != SC_OK ||
        sc_yaml_parse(text, r.name, &c->mem, &all, err) != SC_OK)
        return err->code;
    root = all->first;
    if (!has_version(root))
        return sc_fail(err, SC_INVALID,
                       "required field 'version' not found in the provided run template file");
    out->name = sc_doc_member_text(root, "name");
    r.common = sc_doc_member(root, "common");
    apps = sc_doc_member(root, "apps");
    if (apps && apps->kind != SC_DOC_ARRAY && apps->kind != SC_DOC_NULL)
        return wrong(&r, apps, "apps", "is a list");
    out->apps = sc_arena_zero(&c->mem, ((apps ? apps->count : 0) + 1) * sizeof(S));
    for (const sc_doc *it = apps ? apps->first : NULL; it; it = it->next) {
        if (read_app(&r, it, &out->apps[out->count++]) != SC_OK)
            return err->code;
    }
    return check_twins(out, err);
}
