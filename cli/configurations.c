/* SPDX-License-Identifier: MIT
 *
 * `configurations`: the Configuration resources of the Dapr folder.
 */
#include <stdlib.h>

#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/resources_list.h"

typedef struct configurations_options {
    cli_texts folders;
    sc_str name;
    sc_str output;
    bool kubernetes;
} configurations_options;

static const cli_flag flags[] = {
    CLI_LIST(configurations_options, folders, .name = "resources-path", .value = "DIR",
             .choices = "@dir", .help = "Folder to look into (default: the Dapr folder)"),
    CLI_TEXT(configurations_options, name, .name = "name", .letter = 'n', .value = "NAME",
             .help = "Only the configuration of this name"),
    CLI_TEXT(configurations_options, output, .name = "output", .letter = 'o', .value = "FORMAT",
             .initial = "table", .choices = "table json yaml",
             .help = "Format: table, json or yaml"),
    CLI_SWITCH(configurations_options, kubernetes, .name = "kubernetes", .letter = 'k',
               .is_hidden = true, .help = "On Kubernetes"),
    CLI_FLAGS_END,
};

static bool is_traced(const sc_doc *spec)
{
    const sc_doc *rate = sc_doc_member(sc_doc_member(spec, "tracing"), "samplingRate");
    char text[32] = "";

    if (!rate || rate->text.len == 0 || rate->text.len >= sizeof(text))
        return false;
    memcpy(text, rate->text.at, rate->text.len);
    return strtod(text, NULL) > 0;
}

static bool is_measured(const sc_doc *spec)
{
    const sc_doc *metrics = sc_doc_member(sc_doc_member(spec, "metrics"), "enabled");

    if (!metrics)
        metrics = sc_doc_member(sc_doc_member(spec, "metric"), "enabled");
    return !sc_doc_is(metrics, SC_DOC_BOOL) || metrics->truth;
}

static void add_row(cli *c, cli_table *table, const cli_resource *one)
{
    const sc_doc *spec = sc_doc_member(one->doc, "spec");

    cli_table_add(table, cli_resource_namespace(one));
    cli_table_add(table, one->name);
    cli_table_add(table, sc_str_from(is_traced(spec) ? "true" : "false"));
    cli_table_add(table, sc_str_from(is_measured(spec) ? "true" : "false"));
    cli_table_add(table, cli_age(c, one->changed_s));
    cli_table_add(table, cli_resource_created(c, one));
    cli_table_add(table, one->file);
}

static int run_configurations(cli *c, void *self, const cli_args *args)
{
    static const char *const heads[] = {
        "Namespace", "Name", "TRACING-ENABLED", "METRICS-ENABLED", "AGE", "CREATED", "FILE"};
    const configurations_options *o = self;
    cli_texts own = {&c->root, 1};
    cli_listing what = {.kind = "Configuration",
                        .word = "configuration",
                        .folders = o->folders.count ? &o->folders : &own,
                        .name = o->name,
                        .heads = heads,
                        .columns = SC_ARRAY_LEN(heads),
                        .add_row = add_row};

    (void)args;
    if (o->kubernetes)
        return cli_absent(c, "configurations --kubernetes");
    if (!cli_format_from(c, o->output, "table json yaml", &what.format))
        return 1;
    return cli_resources_list(c, &what);
}

const cli_command cli_configurations = {
    .name = "configurations",
    .summary = "List Configuration resources",
    .examples = "dapr configurations\n"
                "dapr configurations --resources-path ./config -o json\n",
    .flags = flags,
    .options_size = sizeof(configurations_options),
    .run = run_configurations,
};
