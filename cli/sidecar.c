/* SPDX-License-Identifier: MIT
 *
 * `sidecar`: the runtime itself, in the foreground, with daprd's flags.
 */
#include "cli/commands.h"

static int run_sidecar(cli *c, void *options, const cli_args *args)
{
    (void)options;
    return c->host->sidecar(args->raw_count, args->raw);
}

const cli_command cli_sidecar = {
    .name = "sidecar",
    .summary = "Run a sidecar alone, with the flags of daprd",
    .words = "[DAPRD-FLAGS...]",
    .about =
        "What a container or a service manager starts; 'dapr run' starts it for you. Its flags "
        "are listed by 'dapr sidecar --help'. Called by the name daprd, the program does the "
        "same.",
    .examples = "dapr sidecar --app-id orders --app-port 8000 --resources-path ./components\n",
    .takes_raw = true,
    .run = run_sidecar,
};
