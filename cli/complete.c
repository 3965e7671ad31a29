/* SPDX-License-Identifier: MIT
 *
 * `__complete`: what may stand in the place of the last word, one candidate a line with a tab and a
 * description; the last line says whether names of files (":file"), folders (":dir") or programs
 * (":command") fit too. The scripts of `completion` ask it.
 */
#include "cli/commands.h"
#include "cli/instances.h"
#include "cli/print.h"

typedef struct asked {
    cli *c;
    sc_str typed; /* of the word to complete */
    sc_buf out;
    const char *directive;
} asked;

static void offer(asked *a, sc_str word, const char *description)
{
    if (!sc_str_starts(word, a->typed))
        return;
    sc_buf_add_str(&a->out, word);
    if (description)
        sc_buf_add_fmt(&a->out, "\t%s", description);
    sc_buf_add_byte(&a->out, '\n');
}

static void offer_apps(asked *a)
{
    cli_instances all = cli_instances_find(a->c);

    for (uint32_t i = 0; i < all.count; i++)
        offer(a, all.at[i].app_id, NULL);
}

static void offer_commands(asked *a)
{
    for (const cli_command *const *at = a->c->commands; *at; at++) {
        if (!(*at)->is_hidden)
            offer(a, sc_str_from((*at)->name), (*at)->summary);
    }
}

static void offer_choices(asked *a, const char *choices)
{
    sc_str rest = sc_str_from(choices ? choices : "");

    if (sc_str_eq(rest, SC_STR("@app")))
        offer_apps(a);
    else if (sc_str_eq(rest, SC_STR("@command")))
        offer_commands(a);
    else if (sc_str_eq(rest, SC_STR("@file")))
        a->directive = ":file";
    else if (sc_str_eq(rest, SC_STR("@dir")))
        a->directive = ":dir";
    else
        while (rest.len > 0)
            offer(a, sc_str_cut(&rest, ' '), NULL);
}

static void offer_flags(asked *a, const cli_flag *table)
{
    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        if (!flag->is_hidden && !flag->deprecated && !flag->without_effect)
            offer(a, sc_arena_fmt(&a->c->mem, "--%s", flag->name), flag->help);
    }
}

/* The flag that a word names, which waits for a value when the word has none. */
static const cli_flag *flag_of(const cli_command *command, sc_str word, bool *has_value)
{
    const cli_flag *tables[] = {command->flags, cli_global_flags};
    sc_str value = sc_str_sub(word, sc_str_starts(word, SC_STR("--")) ? 2 : 1, word.len);
    sc_str name = sc_str_cut(&value, '=');

    *has_value = value.at != NULL;
    for (size_t i = 0; i < SC_ARRAY_LEN(tables); i++) {
        for (const cli_flag *flag = tables[i]; flag && flag->name; flag++) {
            if (sc_str_starts(word, SC_STR("--")) ? sc_str_eq(name, sc_str_from(flag->name))
                                                  : name.len == 1 && name.at[0] == flag->letter)
                return flag;
        }
    }
    return NULL;
}

/* Behind a flag that waits for its value, or "--flag=" with a part of it. */
static bool offer_value(asked *a, const cli_command *command, sc_str before_last, sc_str last)
{
    bool has_value;
    const cli_flag *flag;

    if (sc_str_starts(last, SC_STR("--")) && sc_str_find(last, '=') < last.len) {
        flag = flag_of(command, last, &has_value);
        if (!flag)
            return true;
        a->typed = sc_str_sub(last, sc_str_find(last, '=') + 1, last.len);
        offer_choices(a, flag->choices);
        return true;
    }
    if (!sc_str_starts(before_last, SC_STR("-")))
        return false;
    flag = flag_of(command, before_last, &has_value);
    if (!flag || has_value || flag->kind == CLI_FLAG_SWITCH)
        return false;
    offer_choices(a, flag->choices);
    return true;
}

/* True when the words of the command have begun: for `run` they are another program's. */
static bool has_words(const cli_command *command, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        sc_str word = sc_str_from(words[i]);
        bool has_value;
        const cli_flag *flag;

        if (sc_str_eq(word, SC_STR("--")) || !sc_str_starts(word, SC_STR("-")))
            return true;
        flag = flag_of(command, word, &has_value);
        if (flag && !has_value && flag->kind != CLI_FLAG_SWITCH)
            i++;
    }
    return false;
}

static void complete_command(asked *a, const cli_command *command, char **words, int count)
{
    sc_str before_last = count > 1 ? sc_str_from(words[count - 2]) : SC_STR_NONE;
    bool is_past_flags = has_words(command, words, count - 1);

    if (is_past_flags && command == &cli_run) { /* another program's */
        a->directive = ":file";
        return;
    }
    if (offer_value(a, command, before_last, a->typed))
        return;
    if (sc_str_starts(a->typed, SC_STR("-"))) {
        offer_flags(a, command->flags);
        offer_flags(a, cli_global_flags);
        return;
    }
    if (command == &cli_run)
        a->directive = ":command";
    offer_choices(a, command->choices);
}

static int run_complete(cli *c, void *options, const cli_args *args)
{
    asked a = {.c = c, .directive = ":none"};
    const cli_command *command = NULL;
    int at = 0;

    (void)options;
    if (args->raw_count == 0)
        return 1;
    a.typed = sc_str_from(args->raw[args->raw_count - 1]);
    while (at < args->raw_count - 1 && args->raw[at][0] == '-')
        at++;
    if (at < args->raw_count - 1)
        command = cli_command_find(c, sc_str_from(args->raw[at]));
    if (command)
        complete_command(&a, command, args->raw + at + 1, args->raw_count - at - 1);
    else if (at == args->raw_count - 1 && sc_str_starts(a.typed, SC_STR("-")))
        offer_flags(&a, cli_global_flags);
    else if (at == args->raw_count - 1)
        offer_commands(&a);
    sc_buf_add_fmt(&a.out, "%s\n", a.directive);
    cli_put(c, 1, sc_buf_str(&a.out));
    sc_buf_deinit(&a.out);
    return 0;
}

const cli_command cli_complete = {
    .name = "__complete",
    .summary = "Candidates for completion scripts",
    .words = "WORDS...",
    .is_hidden = true,
    .takes_raw = true,
    .run = run_complete,
};
