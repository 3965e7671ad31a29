/* SPDX-License-Identifier: MIT
 *
 * `components`: those that files define, or those that a running sidecar has loaded.
 */
#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/instances.h"
#include "cli/print.h"
#include "cli/resources_list.h"

typedef struct components_options {
    sc_str app_id;
    cli_texts folders;
    sc_str name;
    sc_str output;
    bool kubernetes;
} components_options;

static const cli_flag flags[] = {
    CLI_TEXT(components_options, app_id, .name = "app-id", .letter = 'a', .value = "ID",
             .choices = "@app", .help = "What this application's sidecar has loaded"),
    CLI_LIST(components_options, folders, .name = "resources-path", .value = "DIR",
             .choices = "@dir",
             .help = "Folder to look into (default: components of the Dapr folder)"),
    CLI_TEXT(components_options, name, .name = "name", .letter = 'n', .value = "NAME",
             .help = "Only the component of this name"),
    CLI_TEXT(components_options, output, .name = "output", .letter = 'o', .value = "FORMAT",
             .initial = "table", .choices = "table json yaml",
             .help = "Format: table, json or yaml"),
    CLI_SWITCH(components_options, kubernetes, .name = "kubernetes", .letter = 'k',
               .is_hidden = true, .help = "On Kubernetes"),
    CLI_FLAGS_END,
};

/* "a, b": the texts of a list. */
static sc_str joined(cli *c, const sc_doc *list)
{
    sc_str text = SC_STR("");

    if (!sc_doc_is(list, SC_DOC_ARRAY))
        return text;
    SC_DOC_EACH (list, it)
        text = sc_arena_fmt(&c->mem, "%.*s%s%.*s", SC_FMT(text), text.len ? ", " : "",
                            SC_FMT(sc_doc_string(it)));
    return text;
}

/* ---- files ---- */

static void add_file_row(cli *c, cli_table *table, const cli_resource *one)
{
    cli_table_add(table, cli_resource_namespace(one));
    cli_table_add(table, one->name);
    cli_table_add(table, one->type);
    cli_table_add(table, sc_doc_member_text(sc_doc_member(one->doc, "spec"), "version"));
    cli_table_add(table, joined(c, sc_doc_member(one->doc, "scopes")));
    cli_table_add(table, cli_resource_created(c, one));
    cli_table_add(table, cli_age(c, one->changed_s));
    cli_table_add(table, one->file);
}

static int list_files(cli *c, const components_options *o, cli_format format)
{
    static const char *const heads[] = {"Namespace", "Name",    "Type", "VERSION",
                                        "SCOPES",    "CREATED", "AGE",  "FILE"};
    sc_str folder = sc_arena_fmt(&c->mem, "%.*s/components", SC_FMT(c->root));
    cli_texts own = {&folder, 1};
    cli_listing what = {.kind = "Component",
                        .word = "component",
                        .folders = o->folders.count ? &o->folders : &own,
                        .name = o->name,
                        .format = format,
                        .heads = heads,
                        .columns = SC_ARRAY_LEN(heads),
                        .add_row = add_file_row};

    return cli_resources_list(c, &what);
}

/* ---- a running sidecar ---- */

static int list_loaded(cli *c, const components_options *o, cli_format format)
{
    static const char *const heads[] = {"Name", "Type", "VERSION", "CAPABILITIES"};
    cli_instances all = cli_instances_find(c);
    const cli_instance *one = cli_instances_get(&all, o->app_id);
    const sc_doc *components = one ? sc_doc_member(one->metadata, "components") : NULL;
    sc_doc *list = sc_doc_new(&c->mem, SC_DOC_ARRAY);
    cli_table table;

    if (!one)
        return cli_fail(c, "couldn't find app id %.*s; running: %.*s", SC_FMT(o->app_id),
                        SC_FMT(cli_instances_names(c, &all)));
    if (!one->metadata)
        return cli_fail(c, "the sidecar of %.*s does not answer: %s", SC_FMT(o->app_id),
                        one->err.text);
    cli_table_init(&table, c, heads, SC_ARRAY_LEN(heads));
    for (const sc_doc *it = components ? components->first : NULL; it; it = it->next) {
        if (o->name.len > 0 && !sc_str_eq(o->name, sc_doc_member_text(it, "name")))
            continue;
        cli_table_add(&table, sc_doc_member_text(it, "name"));
        cli_table_add(&table, sc_doc_member_text(it, "type"));
        cli_table_add(&table, sc_doc_member_text(it, "version"));
        cli_table_add(&table, joined(c, sc_doc_member(it, "capabilities")));
        sc_doc_add(list, cli_doc_copy(c, it));
    }
    if (o->name.len > 0 && list->count == 0)
        return cli_fail(c, "the sidecar of %.*s has no component named %.*s", SC_FMT(o->app_id),
                        SC_FMT(o->name));
    cli_put_list(c, &table, list, format);
    return 0;
}

static int run_components(cli *c, void *self, const cli_args *args)
{
    const components_options *o = self;
    cli_format format;

    (void)args;
    if (o->kubernetes)
        return cli_absent(c, "components --kubernetes");
    if (!cli_format_from(c, o->output, "table json yaml", &format))
        return 1;
    return o->app_id.len > 0 ? list_loaded(c, o, format) : list_files(c, o, format);
}

const cli_command cli_components = {
    .name = "components",
    .summary = "List components: of a folder, or those that a sidecar has loaded",
    .examples = "dapr components\n"
                "dapr components --resources-path ./components -o yaml\n"
                "dapr components --app-id orders\n",
    .flags = flags,
    .options_size = sizeof(components_options),
    .run = run_components,
};
