/* SPDX-License-Identifier: MIT
 *
 * `man`: prints the manual page; the build installs what it prints.
 */
#include "cli/man.h"

#include "cli/commands.h"
#include "cli/print.h"

/* Text with what roff would read otherwise: backslashes, hyphens, dots at the start of a line. */
static void add_text(sc_buf *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        bool is_line_start = at == text || at[-1] == '\n';

        if (is_line_start && (*at == '.' || *at == '\''))
            sc_buf_add_str(out, SC_STR("\\&"));
        if (*at == '\\')
            sc_buf_add_str(out, SC_STR("\\e"));
        else if (*at == '-')
            sc_buf_add_str(out, SC_STR("\\-"));
        else
            sc_buf_add_byte(out, *at);
    }
}

static void add_flags(sc_buf *out, const cli_flag *table)
{
    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        if (flag->is_hidden || flag->deprecated || flag->without_effect)
            continue;
        sc_buf_add_str(out, SC_STR(".TP\n"));
        if (flag->letter)
            sc_buf_add_fmt(out, "\\fB\\-%c\\fR, ", flag->letter);
        sc_buf_add_str(out, SC_STR("\\fB"));
        add_text(out, "--");
        add_text(out, flag->name);
        sc_buf_add_str(out, SC_STR("\\fR"));
        if (flag->value)
            sc_buf_add_fmt(out, " \\fI%s\\fR", flag->value);
        sc_buf_add_byte(out, '\n');
        add_text(out, flag->help);
        if (flag->is_required)
            sc_buf_add_str(out, SC_STR(" (required)"));
        else if (flag->initial && flag->initial[0]) {
            sc_buf_add_str(out, SC_STR(" (default "));
            add_text(out, flag->initial);
            sc_buf_add_byte(out, ')');
        }
        sc_buf_add_str(out, SC_STR(".\n"));
    }
}

static void add_command(sc_buf *out, const cli_command *command)
{
    sc_buf_add_fmt(out, ".SS \"%s%s%s%s\"\n", command->name, command->flags ? " [flags]" : "",
                   command->words ? " " : "", command->words ? command->words : "");
    add_text(out, command->summary);
    sc_buf_add_str(out, SC_STR(".\n"));
    if (command->about) {
        sc_buf_add_str(out, SC_STR(".PP\n"));
        add_text(out, command->about);
        sc_buf_add_byte(out, '\n');
    }
    add_flags(out, command->flags);
    if (command->examples) {
        sc_buf_add_str(out, SC_STR(".PP\n.EX\n"));
        add_text(out, command->examples);
        sc_buf_add_str(out, SC_STR(".EE\n"));
    }
}

static const char head[] =
    ".SH NAME\n"
    "pillion, dapr, daprd \\- a sidecar runtime that speaks the Dapr API\n"
    ".SH SYNOPSIS\n"
    ".B pillion\n[\\fIglobal flags\\fR] \\fIcommand\\fR [\\fIflags\\fR]\n.br\n"
    ".B dapr\n\\fIcommand\\fR [\\fIflags\\fR]\n.br\n"
    ".B daprd\n\\fB\\-\\-app\\-id\\fR \\fIID\\fR [\\fIflags\\fR]\n"
    ".SH DESCRIPTION\n"
    "One program: a sidecar that gives applications publish and subscribe, state, service "
    "invocation "
    "and more over HTTP and gRPC, and the command line that runs applications with it. Called by "
    "the "
    "name dapr it is the command line, called daprd it is the sidecar. Applications and files "
    "written "
    "for Dapr work as they are.\n";

static const char tail[] =
    ".SH ENVIRONMENT\n"
    ".TP\nDAPR_RUNTIME_PATH\nThe folder that holds .dapr, as \\-\\-runtime\\-path.\n"
    ".TP\nDAPR_API_TOKEN\nThe token that sidecars ask for; commands send it.\n"
    ".TP\nNO_COLOR\nNo colours.\n"
    ".TP\nPILLION_MODULES\nThe folder of the modules that are loaded on demand.\n"
    ".SH FILES\n"
    ".TP\n~/.dapr/components\nComponents that sidecars load when no folder is named.\n"
    ".TP\n~/.dapr/config.yaml\nTheir configuration.\n"
    ".TP\n~/.dapr/data, ~/.dapr/redis\nWhat the embedded components, or the redis\\-server that "
    "init "
    "started, keep.\n"
    ".SH EXIT STATUS\n"
    "0 when all went well, 1 when a command failed, 255 when it was not understood. "
    "\\fBrun\\fR exits as its application does: its status, or 128 and the number of the signal "
    "that "
    "ended it.\n";

void cli_man_page(const cli *c, sc_buf *out)
{
    sc_buf_add_fmt(out, ".TH PILLION 1 \"\" \"pillion %s\" \"User Commands\"\n", PILLION_VERSION);
    sc_buf_add_str(out, sc_str_from(head));
    sc_buf_add_str(out, SC_STR(".SH COMMANDS\n"));
    for (const cli_command *const *at = c->commands; *at; at++) {
        if (!(*at)->is_hidden)
            add_command(out, *at);
    }
    sc_buf_add_str(out, SC_STR(".SH GLOBAL FLAGS\n"));
    add_flags(out, cli_global_flags);
    sc_buf_add_str(out, sc_str_from(tail));
}

static int run_man(cli *c, void *options, const cli_args *args)
{
    sc_buf page = {0};

    (void)options;
    (void)args;
    cli_man_page(c, &page);
    cli_put(c, 1, sc_buf_str(&page));
    sc_buf_deinit(&page);
    return 0;
}

const cli_command cli_man = {
    .name = "man",
    .summary = "Print the manual page",
    .examples = "dapr man | man -l -\n",
    .is_hidden = true,
    .run = run_man,
};
