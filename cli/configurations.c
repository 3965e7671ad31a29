/* SPDX-License-Identifier: MIT
 *
 * `configurations`: the Configuration resources of the Dapr folder.
 */
#include <stdlib.h>

#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/print.h"
#include "cli/resources.h"

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

static const sc_doc *at(const sc_doc *doc, const char *key)
{
    return sc_doc_get(doc, sc_str_from(key));
}

static bool is_traced(const sc_doc *spec)
{
    const sc_doc *rate = at(at(spec, "tracing"), "samplingRate");
    char text[32] = "";

    if (!rate || rate->text.len == 0 || rate->text.len >= sizeof(text))
        return false;
    memcpy(text, rate->text.at, rate->text.len);
    return strtod(text, NULL) > 0;
}

static bool is_measured(const sc_doc *spec)
{
    const sc_doc *metrics = at(at(spec, "metrics"), "enabled");

    if (!metrics)
        metrics = at(at(spec, "metric"), "enabled");
    return !sc_doc_is(metrics, SC_DOC_BOOL) || metrics->truth;
}

static void add_row(cli *c, cli_table *table, const cli_resource *one)
{
    const sc_doc *spec = at(one->doc, "spec");

    cli_table_add(table, sc_doc_string(at(at(one->doc, "metadata"), "namespace")));
    cli_table_add(table, one->name);
    cli_table_add(table, sc_str_from(is_traced(spec) ? "true" : "false"));
    cli_table_add(table, sc_str_from(is_measured(spec) ? "true" : "false"));
    cli_table_add(table, cli_age(c, one->changed_s));
    cli_table_add(table, cli_local_time(c, one->changed_s, "%Y-%m-%d %H:%M.%S"));
    cli_table_add(table, one->file);
}

static int run_configurations(cli *c, void *self, const cli_args *args)
{
    static const char *const heads[] = {
        "Namespace", "Name", "TRACING-ENABLED", "METRICS-ENABLED", "AGE", "CREATED", "FILE"};
    const configurations_options *o = self;
    cli_texts folders = o->folders.count ? o->folders : (cli_texts){&c->root, 1};
    sc_doc *list = sc_doc_new(&c->mem, SC_DOC_ARRAY);
    cli_resources all = {0};
    cli_format format;
    cli_table table;
    sc_error err;

    (void)args;
    if (o->kubernetes)
        return cli_absent(c, "configurations --kubernetes");
    if (!cli_format_from(c, o->output, "table json yaml", &format))
        return 1;
    for (uint32_t i = 0; i < folders.count; i++) {
        if (cli_resources_read(c, folders.at[i], &all, &err) != SC_OK)
            return cli_fail(c, "%s", err.text);
    }
    cli_table_init(&table, c, heads, SC_ARRAY_LEN(heads));
    for (uint32_t i = 0; i < all.count; i++) {
        const cli_resource *one = &all.at[i];

        if (!sc_str_eq(one->kind, SC_STR("Configuration")) ||
            (o->name.len > 0 && !sc_str_eq(o->name, one->name)))
            continue;
        add_row(c, &table, one);
        sc_doc_add(list, cli_doc_copy(c, one->doc));
    }
    if (o->name.len > 0 && list->count == 0)
        return cli_fail(c, "there is no configuration named %.*s in %.*s", SC_FMT(o->name),
                        SC_FMT(folders.at[0]));
    if (format == CLI_FORMAT_TABLE)
        cli_table_put(&table, "  ", true);
    else
        cli_put_doc(c, list, format);
    return 0;
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
