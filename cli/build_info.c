/* SPDX-License-Identifier: MIT
 *
 * `build-info`: the versions, as Dapr lays them out.
 */
#include "cli/commands.h"
#include "cli/print.h"

static int run_build_info(cli *c, void *options, const cli_args *args)
{
    (void)options;
    (void)args;
    for (int i = 0; i < 2; i++)
        cli_putf(c, 1, "%s:\n\tVersion: %s\n\tGit Commit: %s\n\tGit Version: %s\n",
                 i == 0 ? "CLI" : "Runtime", PILLION_VERSION, "N/A", "v" PILLION_VERSION);
    return 0;
}

const cli_command cli_build_info = {
    .name = "build-info",
    .summary = "Print what this program was built from",
    .examples = "dapr build-info\n",
    .run = run_build_info,
};
