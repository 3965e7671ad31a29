/* SPDX-License-Identifier: MIT
 *
 * `version`: command line and runtime are one binary here, so one version.
 */
#include "cli/version.h"

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/print.h"

typedef struct version_options {
    sc_str output;
} version_options;

static const cli_flag flags[] = {
    CLI_TEXT(version_options, output, .name = "output", .letter = 'o', .value = "FORMAT",
             .choices = "json", .help = "Format: json"),
    CLI_FLAGS_END,
};

void cli_version_print(cli *c)
{
    /* The blank before the first line feed is there in Dapr's too. */
    cli_putf(c, 1, "CLI version: %s \nRuntime version: %s\n", PILLION_VERSION, PILLION_VERSION);
}

static int run_version(cli *c, void *self, const cli_args *args)
{
    const version_options *options = self;
    cli_format format;

    (void)args;
    if (options->output.len == 0) {
        cli_version_print(c);
        return 0;
    }
    if (!cli_format_from(c, options->output, "json", &format))
        return 1;
    cli_putf(c, 1, "{\"Cli version\":\"%s\",\"Runtime version\":\"%s\"}\n", PILLION_VERSION,
             PILLION_VERSION);
    return 0;
}

const cli_command cli_version = {
    .name = "version",
    .summary = "Print the version",
    .examples = "dapr version\n"
                "dapr version -o json\n",
    .flags = flags,
    .options_size = sizeof(version_options),
    .run = run_version,
};
