/* SPDX-License-Identifier: MIT
 *
 * From arguments to a command: the first word picks it, its table reads the rest.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/print.h"
#include "cli/version.h"

#define NOT_UNDERSTOOD 255 /* as Dapr's command line exits */

static const cli_command *const commands[] = {
    /* in the order of the help */
    &cli_init,
    &cli_uninstall,
    &cli_run,
    &cli_list,
    &cli_stop,
    &cli_logs,
    &cli_publish,
    &cli_invoke,
    &cli_components,
    &cli_configurations,
    &cli_doctor,
    &cli_sidecar,
    &cli_install,
    &cli_completion,
    &cli_version,
    &cli_build_info,
    &cli_help,
    /* for scripts and the build */
    &cli_complete,
    &cli_man,
    /* not there yet */
    &cli_annotate,
    &cli_dashboard,
    &cli_mcpservers,
    &cli_mtls,
    &cli_scheduler,
    &cli_status,
    &cli_upgrade,
    &cli_workflow,
    NULL,
};

/* The options of every command are members of `cli` itself. */
const cli_flag cli_global_flags[] = {
    CLI_SWITCH(cli, is_json, .name = "log-as-json", .help = "Print status lines as JSON objects"),
    CLI_TEXT(cli, runtime_path, .name = "runtime-path", .value = "DIR", .choices = "@dir",
             .help = "Folder that holds .dapr (default: $DAPR_RUNTIME_PATH, else the home folder)"),
    {.name = "help", .kind = CLI_FLAG_SWITCH, .letter = 'h', .help = "Print this help and exit"},
    CLI_FLAGS_END,
};

const cli_command *cli_command_find(const cli *c, sc_str name)
{
    for (const cli_command *const *at = c->commands; *at; at++) {
        if (sc_str_eq(name, sc_str_from((*at)->name)))
            return *at;
    }
    return NULL;
}

static int not_understood(cli *c, const char *where, const char *text)
{
    cli_putf(c, 2, "Error: %s (see '%s%s%s --help')\n", text, c->name, where[0] ? " " : "", where);
    return NOT_UNDERSTOOD;
}

static int unknown_command(cli *c, const char *name)
{
    cli_guess guess = {.typed = sc_str_from(name)};
    sc_str text = sc_arena_fmt(&c->mem, "unknown command \"%s\" for \"%s\"", name, c->name);

    for (const cli_command *const *at = c->commands; *at; at++) {
        if (!(*at)->is_hidden)
            cli_guess_offer(&guess, (*at)->name);
    }
    if (guess.best)
        text = sc_arena_fmt(&c->mem, "%.*s; did you mean '%s'?", SC_FMT(text), guess.best);
    return not_understood(c, "", text.at);
}

/* How many arguments stand before the command: global flags only. */
static int find_word(int count, char **args)
{
    int at = 0;

    while (at < count && args[at][0] == '-') {
        sc_str rest = sc_str_from(args[at]);
        const cli_flag *flag;

        while (sc_str_starts(rest, SC_STR("-")))
            rest = sc_str_sub(rest, 1, rest.len);
        flag = cli_flag_find(cli_global_flags, sc_str_cut(&rest, '='));
        at += flag && flag->kind == CLI_FLAG_TEXT && !rest.at ? 2 : 1;
    }
    return at;
}

static bool has_flag(int count, char **args, const char *name, const char *letter)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(args[i], name) == 0 || strcmp(args[i], letter) == 0)
            return true;
    }
    return false;
}

static int run_without_command(cli *c, int count, char **args)
{
    cli_command none = {.name = "", .summary = ""};
    cli_args rest;
    bool wants_help;
    sc_error err;

    if (has_flag(count, args, "--version", "-v")) {
        cli_version_print(c);
        return 0;
    }
    if (cli_args_read(c, &none, count, args, c, &rest, &wants_help, &err) != SC_OK)
        return not_understood(c, "", err.text);
    cli_help_all(c);
    return 0;
}

static void find_root(cli *c)
{
    const char *home = getenv("HOME");

    if (c->runtime_path.len == 0)
        c->runtime_path = sc_str_from(getenv("DAPR_RUNTIME_PATH"));
    if (c->runtime_path.len == 0)
        c->runtime_path = sc_str_from(home && home[0] ? home : "/");
    c->root = sc_arena_fmt(&c->mem, "%.*s/.dapr", SC_FMT(c->runtime_path));
}

static int run_command(cli *c, const cli_command *command, int count, char **args)
{
    void *options = sc_arena_zero(&c->mem, command->options_size + 1);
    cli_args rest = {.raw = args, .raw_count = count};
    bool wants_help = false;
    sc_error err;

    if (!command->takes_raw) {
        cli_flags_init(c, command->flags, options);
        if (cli_args_read(c, command, count, args, options, &rest, &wants_help, &err) != SC_OK)
            return not_understood(c, command->name, err.text);
    }
    if (wants_help) {
        cli_help_command(c, command);
        return 0;
    }
    find_root(c);
    return command->run(c, options, &rest);
}

/* Standard output is a terminal that shows colours (https://no-color.org). */
static bool takes_colour(void)
{
    const char *none = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(none && none[0]) && !(term && strcmp(term, "dumb") == 0);
}

/* The arguments without the command's word: global flags may stand before it. */
static char **without_word(cli *c, int count, char **args, int word)
{
    char **rest = sc_arena_alloc(&c->mem, (size_t)count * sizeof(char *));

    memcpy(rest, args, (size_t)word * sizeof(char *));
    memcpy(rest + word, args + word + 1, (size_t)(count - word) * sizeof(char *));
    return rest;
}

int cli_main(int count, char **args, const cli_host *host)
{
    cli c = {.name = args[0], .host = host, .commands = commands, .has_colour = takes_colour()};
    const cli_command *command = NULL;
    int word;
    int code;

    sc_arena_init(&c.mem, NULL);
    word = find_word(count - 1, args + 1);
    if (word < count - 1)
        command = cli_command_find(&c, sc_str_from(args[1 + word]));
    if (command)
        code = run_command(&c, command, count - 2, without_word(&c, count - 1, args + 1, word));
    else if (word < count - 1)
        code = unknown_command(&c, args[1 + word]);
    else
        code = run_without_command(&c, count - 1, args + 1);
    sc_arena_deinit(&c.mem);
    return code;
}
