/* SPDX-License-Identifier: MIT
 *
 * `help`, and the help of every command, from the tables.
 */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/print.h"

static void add_text(cli *c, sc_buf *out, const char *text, const char *indent)
{
    sc_str rest = sc_str_from(text);

    while (rest.len > 0) {
        sc_str line = sc_str_cut(&rest, '\n');

        sc_buf_add_str(out, sc_str_from(line.len > 0 ? indent : ""));
        while (line.len > 0) { /* the tables say "dapr"; we say what we were called */
            size_t at = sc_str_find_str(line, SC_STR("dapr "));

            sc_buf_add_str(out, sc_str_sub(line, 0, at));
            if (at < line.len)
                sc_buf_add_fmt(out, "%s ", c->name);
            line = sc_str_sub(line, at + 5, line.len);
        }
        sc_buf_add_byte(out, '\n');
    }
}

/* "  -a, --app-id ID" */
static sc_str flag_head(cli *c, const cli_flag *flag)
{
    char letter[8] = "    ";

    if (flag->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
    return sc_arena_fmt(&c->mem, "  %s--%s%s%s", letter, flag->name, flag->value ? " " : "",
                        flag->value ? flag->value : "");
}

static bool is_shown(const cli_flag *flag)
{
    return !flag->is_hidden && !flag->deprecated && !flag->without_effect;
}

static void add_flags(cli *c, sc_buf *out, const cli_flag *table)
{
    size_t width = 0;

    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        sc_str head = flag_head(c, flag);

        if (is_shown(flag) && head.len > width)
            width = head.len;
    }
    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        if (!is_shown(flag))
            continue;
        sc_buf_add_fmt(out, "%-*s   %s", (int)width, flag_head(c, flag).at, flag->help);
        if (flag->is_required)
            sc_buf_add_str(out, SC_STR(" (required)"));
        else if (flag->initial && flag->initial[0])
            sc_buf_add_fmt(out, " (default %s)", flag->initial);
        sc_buf_add_byte(out, '\n');
    }
}

void cli_help_command(cli *c, const cli_command *command)
{
    sc_buf out = {0};

    sc_buf_add_fmt(&out, "%s.\n", command->summary);
    if (command->about) {
        sc_buf_add_byte(&out, '\n');
        add_text(c, &out, command->about, "");
    }
    sc_buf_add_fmt(&out, "\nUsage:\n  %s %s", c->name, command->name);
    if (command->flags)
        sc_buf_add_str(&out, SC_STR(" [flags]"));
    if (command->words)
        sc_buf_add_fmt(&out, " %s", command->words);
    sc_buf_add_byte(&out, '\n');
    if (command->examples) {
        sc_buf_add_str(&out, SC_STR("\nExamples:\n"));
        add_text(c, &out, command->examples, "  ");
    }
    if (command->flags) {
        sc_buf_add_str(&out, SC_STR("\nFlags:\n"));
        add_flags(c, &out, command->flags);
    }
    sc_buf_add_str(&out, SC_STR("\nGlobal flags:\n"));
    add_flags(c, &out, cli_global_flags);
    cli_put(c, 1, sc_buf_str(&out));
    sc_buf_deinit(&out);
}

void cli_help_all(cli *c)
{
    sc_buf out = {0};

    sc_buf_add_fmt(&out,
                   "Pillion %s: a sidecar runtime that speaks the Dapr API.\n\nUsage:\n"
                   "  %s [command]\n\nCommands:\n",
                   PILLION_VERSION, c->name);
    for (const cli_command *const *at = c->commands; *at; at++) {
        if (!(*at)->is_hidden)
            sc_buf_add_fmt(&out, "  %-16s %s\n", (*at)->name, (*at)->summary);
    }
    sc_buf_add_str(&out, SC_STR("\nFlags:\n"));
    add_flags(c, &out, cli_global_flags);
    sc_buf_add_fmt(&out,
                   "  -v, --version            Print the version and exit\n\n"
                   "Use \"%s [command] --help\" for more about a command.\n",
                   c->name);
    cli_put(c, 1, sc_buf_str(&out));
    sc_buf_deinit(&out);
}

static int run_help(cli *c, void *options, const cli_args *args)
{
    char wants_help[] = "--help";
    char *raw[] = {wants_help, NULL};
    const cli_command *command;

    (void)options;
    if (args->count == 0) {
        cli_help_all(c);
        return 0;
    }
    command = cli_command_find(c, sc_str_from(args->words[0]));
    if (!command)
        return cli_fail(c, "there is no command '%s' to help with; '%s help' lists them",
                        args->words[0], c->name);
    if (command->takes_raw)
        return command->run(c, NULL, &(cli_args){.raw_count = 1, .raw = raw});
    cli_help_command(c, command);
    return 0;
}

const cli_command cli_help = {
    .name = "help",
    .summary = "Help about a command",
    .words = "[COMMAND]",
    .examples = "dapr help run\n",
    .choices = "@command",
    .run = run_help,
};
