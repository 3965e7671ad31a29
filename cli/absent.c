/* SPDX-License-Identifier: MIT
 *
 * Commands of Dapr that are not there yet: known by name, and answered plainly.
 */
#include "cli/absent.h"

#include "cli/commands.h"
#include "cli/print.h"

int cli_absent(cli *c, const char *what)
{
    return cli_fail(c,
                    "'%s' is not there yet: this command line works with applications and sidecars "
                    "on this machine",
                    what);
}

static int run_annotate(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_absent(c, "annotate");
}

static int run_dashboard(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_fail(c, "'dashboard' is not there yet: 'list -o wide' shows what runs, and "
                       "GET /v1.0/metadata of a sidecar its components and subscriptions");
}

static int run_mcpservers(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_absent(c, "mcpservers");
}

static int run_mtls(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_absent(c, "mtls");
}

static int run_scheduler(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_absent(c, "scheduler");
}

static int run_status(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_fail(c,
                    "'status' tells about Dapr's services on Kubernetes, which are not there yet; "
                    "'list' tells about the sidecars on this machine");
}

static int run_upgrade(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_fail(c,
                    "'upgrade' is for Kubernetes, which is not there yet; on this machine, install "
                    "the newer program over this one");
}

static int run_workflow(cli *c, void *options, const cli_args *args)
{
    (void)options, (void)args;
    return cli_absent(c, "workflow");
}

#define ABSENT(command)                                                                            \
    {                                                                                              \
        .name = #command, .summary = "Not there yet", .words = "", .is_hidden = true,              \
        .takes_raw = true, .run = run_##command                                                    \
    }

const cli_command cli_annotate = ABSENT(annotate);
const cli_command cli_dashboard = ABSENT(dashboard);
const cli_command cli_mcpservers = ABSENT(mcpservers);
const cli_command cli_mtls = ABSENT(mtls);
const cli_command cli_scheduler = ABSENT(scheduler);
const cli_command cli_status = ABSENT(status);
const cli_command cli_upgrade = ABSENT(upgrade);
const cli_command cli_workflow = ABSENT(workflow);
