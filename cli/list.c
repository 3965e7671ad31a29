/* SPDX-License-Identifier: MIT
 *
 * `list`: the sidecars that run on this machine.
 */
#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/instances.h"
#include "cli/print.h"

#define COMMAND_MAX      28u /* characters of a command in the table, before "..." */
#define WIDE_COMMAND_MAX 17u /* the same in Dapr's own table */
#define CREATED          "%Y-%m-%d %H:%M.%S" /* as Dapr writes it, the dot too */

typedef struct list_options {
    sc_str output;
    bool kubernetes;
} list_options;

static const cli_flag flags[] = {
    CLI_TEXT(list_options, output, .name = "output", .letter = 'o', .value = "FORMAT",
             .initial = "table", .choices = "table wide json yaml",
             .help = "Format: table, wide (with process numbers and log files), json or yaml"),
    CLI_SWITCH(list_options, kubernetes, .name = "kubernetes", .letter = 'k', .is_hidden = true,
               .help = "Those of a Kubernetes cluster"),
    CLI_FLAGS_END,
};

static sc_str number(cli *c, int64_t n)
{
    return sc_arena_fmt(&c->mem, "%lld", (long long)n);
}

/* One line of at most `most` bytes and "...", cut between characters. */
static sc_str shortened(cli *c, sc_str text, size_t most)
{
    char *line = sc_arena_alloc(&c->mem, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        line[i] = (unsigned char)text.at[i] < 0x20 ? ' ' : text.at[i];
    if (text.len <= most + 3)
        return sc_str_of(line, text.len);
    while (most > 0 && ((unsigned char)line[most] & 0xC0) == 0x80)
        most--;
    return sc_arena_fmt(&c->mem, "%.*s...", (int)most, line);
}

/* The first eight columns are the table; all of them, with Dapr's own lengths, are the wide one. */
#define TABLE_COLUMNS 8u
#define WIDE_COLUMNS  15u

static void put_table(cli *c, const cli_instances *all, bool is_wide)
{
    static const char *const heads[WIDE_COLUMNS] = {
        "APP ID",  "HTTP PORT",         "GRPC PORT",    "APP PORT",       "COMMAND",
        "AGE",     "CREATED",           "STATUS",       "DAPRD PID",      "CLI PID",
        "APP PID", "RUN TEMPLATE PATH", "APP LOG PATH", "DAPRD LOG PATH", "RUNTEMPLATENAME"};
    uint32_t columns = is_wide ? WIDE_COLUMNS : TABLE_COLUMNS;
    cli_table table;

    cli_table_init(&table, c, heads, columns);
    for (uint32_t i = 0; i < all->count; i++) {
        const cli_instance *one = &all->at[i];
        sc_str cells[WIDE_COLUMNS] = {
            one->app_id,
            number(c, one->http_port),
            number(c, one->grpc_port),
            number(c, one->app_port),
            shortened(c, one->command, is_wide ? WIDE_COMMAND_MAX : COMMAND_MAX),
            cli_age(c, one->started_s),
            cli_local_time(c, one->started_s, is_wide ? CREATED : "%Y-%m-%d %H:%M:%S"),
            sc_str_from(one->status),
            number(c, one->sidecar_pid),
            number(c, one->cli_pid),
            number(c, one->app_pid),
            one->run_file,
            one->app_log,
            one->sidecar_log,
            one->run_name};

        for (uint32_t j = 0; j < columns; j++)
            cli_table_add(&table, cells[j]);
    }
    cli_table_put(&table, "  ", is_wide);
}

static sc_doc *as_doc(cli *c, const cli_instance *one)
{
    sc_doc *doc = sc_doc_new(&c->mem, SC_DOC_OBJECT);

    cli_doc_text(c, doc, "appId", one->app_id);
    cli_doc_number(c, doc, "httpPort", one->http_port);
    cli_doc_number(c, doc, "grpcPort", one->grpc_port);
    cli_doc_number(c, doc, "appPort", one->app_port);
    cli_doc_truth(c, doc, "metricsEnabled", one->has_metrics);
    cli_doc_text(c, doc, "command", one->command);
    cli_doc_text(c, doc, "age", cli_age(c, one->started_s));
    cli_doc_text(c, doc, "created", cli_local_time(c, one->started_s, CREATED));
    cli_doc_text(c, doc, "status", sc_str_from(one->status));
    cli_doc_number(c, doc, "daprdPid", one->sidecar_pid);
    cli_doc_number(c, doc, "cliPid", one->cli_pid);
    cli_doc_number(c, doc, "appPid", one->app_pid);
    cli_doc_number(c, doc, "maxRequestBodySize", one->max_body_size);
    cli_doc_number(c, doc, "httpReadBufferSize", one->read_buffer_size);
    cli_doc_text(c, doc, "runTemplatePath", one->run_file);
    cli_doc_text(c, doc, "appLogPath", one->app_log);
    cli_doc_text(c, doc, "daprdLogPath", one->sidecar_log);
    cli_doc_text(c, doc, "runTemplateName", one->run_name);
    return doc;
}

static int run_list(cli *c, void *self, const cli_args *args)
{
    const list_options *options = self;
    sc_doc *list = sc_doc_new(&c->mem, SC_DOC_ARRAY);
    cli_instances all;
    cli_format format;

    (void)args;
    if (options->kubernetes)
        return cli_absent(c, "list --kubernetes");
    if (!cli_format_from(c, options->output, "table wide json yaml", &format))
        return 1;
    all = cli_instances_find(c);
    if (format == CLI_FORMAT_JSON || format == CLI_FORMAT_YAML) {
        for (uint32_t i = 0; i < all.count; i++)
            sc_doc_add(list, as_doc(c, &all.at[i]));
        cli_put_doc(c, list, format);
    } else if (all.count == 0) {
        cli_put(c, 1, SC_STR("No Dapr instances found.\n"));
    } else {
        put_table(c, &all, format == CLI_FORMAT_WIDE);
    }
    return 0;
}

const cli_command cli_list = {
    .name = "list",
    .summary = "List the applications with a sidecar on this machine",
    .about =
        "Sidecars of this program and of Dapr's are found by the list of processes. STATUS is what "
        "their health says: Running, Starting, or Not responding.",
    .examples = "dapr list\n"
                "dapr list -o json\n",
    .flags = flags,
    .options_size = sizeof(list_options),
    .run = run_list,
};
