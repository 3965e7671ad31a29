/* SPDX-License-Identifier: MIT
 *
 * `list`: the sidecars that run on this machine.
 */
#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/instances.h"
#include "cli/print.h"

#define COMMAND_MAX 28u /* characters of a command in the table, before "..." */
#define WIDE_MAX    17u /* the same in Dapr's own table */

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

static void add_all(cli_table *table, const sc_str *cells, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cli_table_add(table, cells[i]);
}

static void put_table(cli *c, const cli_instances *all)
{
    static const char *const heads[] = {"APP ID",  "HTTP PORT", "GRPC PORT", "APP PORT",
                                        "COMMAND", "AGE",       "CREATED",   "STATUS"};
    cli_table table;

    cli_table_init(&table, c, heads, SC_ARRAY_LEN(heads));
    for (uint32_t i = 0; i < all->count; i++) {
        const cli_instance *one = &all->at[i];
        sc_str cells[] = {one->app_id,
                          number(c, one->http_port),
                          number(c, one->grpc_port),
                          number(c, one->app_port),
                          shortened(c, one->command, COMMAND_MAX),
                          cli_age(c, one->started_s),
                          cli_local_time(c, one->started_s, "%Y-%m-%d %H:%M:%S"),
                          sc_str_from(one->status)};

        add_all(&table, cells, SC_ARRAY_LEN(cells));
    }
    cli_table_put(&table, "  ", false);
}

/* The columns of Dapr 1.18. */
static void put_wide(cli *c, const cli_instances *all)
{
    static const char *const heads[] = {
        "APP ID",  "HTTP PORT",         "GRPC PORT",    "APP PORT",       "COMMAND",
        "AGE",     "CREATED",           "STATUS",       "DAPRD PID",      "CLI PID",
        "APP PID", "RUN TEMPLATE PATH", "APP LOG PATH", "DAPRD LOG PATH", "RUNTEMPLATENAME"};
    cli_table table;

    cli_table_init(&table, c, heads, SC_ARRAY_LEN(heads));
    for (uint32_t i = 0; i < all->count; i++) {
        const cli_instance *one = &all->at[i];
        sc_str cells[] = {one->app_id,
                          number(c, one->http_port),
                          number(c, one->grpc_port),
                          number(c, one->app_port),
                          shortened(c, one->command, WIDE_MAX),
                          cli_age(c, one->started_s),
                          cli_local_time(c, one->started_s, "%Y-%m-%d %H:%M.%S"),
                          sc_str_from(one->status),
                          number(c, one->sidecar_pid),
                          number(c, one->cli_pid),
                          number(c, one->app_pid),
                          one->run_file,
                          one->app_log,
                          one->sidecar_log,
                          one->run_name};

        add_all(&table, cells, SC_ARRAY_LEN(cells));
    }
    cli_table_put(&table, "  ", true);
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
    cli_doc_text(c, doc, "created", cli_local_time(c, one->started_s, "%Y-%m-%d %H:%M.%S"));
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
    } else if (format == CLI_FORMAT_WIDE) {
        put_wide(c, &all);
    } else {
        put_table(c, &all);
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
