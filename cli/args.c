/* SPDX-License-Identifier: MIT
 *
 * Flags as Go's pflag reads them: --name value, --name=value, -n value, -nvalue, -n=value; words in
 * between; "--" ends the flags.
 */
#include <stdlib.h>

#include "cli/print.h"

typedef struct reader {
    cli *c;
    const cli_command *command;
    void *options;
    cli_args *out;
    bool *wants_help;
    sc_error *err;
    int at; /* in out->raw */
} reader;

static sc_code read_long(reader *r, sc_str arg);
static sc_code read_short(reader *r, sc_str arg);
static sc_code take(reader *r, const cli_flag *flag, const char *shown, sc_str value);

const cli_flag *cli_flag_find(const cli_flag *table, sc_str name)
{
    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        if (sc_str_eq(name, sc_str_from(flag->name)))
            return flag;
    }
    return NULL;
}

static const cli_flag *find_letter(const cli_flag *table, char letter)
{
    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        if (flag->letter == letter)
            return flag;
    }
    return NULL;
}

bool cli_args_has(const cli_command *command, const cli_args *args, const char *name)
{
    const cli_flag *flag = cli_flag_find(command->flags, sc_str_from(name));

    return flag && (args->given >> (flag - command->flags)) & 1;
}

/* ---- values ---- */

static void *member(const cli_flag *flag, void *options)
{
    return (char *)options + flag->offset;
}

static void add_to_list(cli *c, cli_texts *list, sc_str text)
{
    while (text.at) {
        sc_str one = sc_str_cut(&text, ',');
        sc_str *grown = sc_arena_alloc(&c->mem, (list->count + 1) * sizeof(sc_str));

        if (list->count > 0)
            memcpy(grown, list->at, list->count * sizeof(sc_str));
        grown[list->count++] = one;
        list->at = grown;
    }
}

sc_code cli_flag_set(cli *c, const cli_flag *flag, sc_str text, void *options, sc_error *err)
{
    const char *parser = "ParseBool";

    switch (flag->kind) {
    case CLI_FLAG_TEXT:
        *(sc_str *)member(flag, options) = text;
        return SC_OK;
    case CLI_FLAG_LIST:
        add_to_list(c, member(flag, options), text);
        return SC_OK;
    case CLI_FLAG_SWITCH:
        if (sc_str_to_bool(text, member(flag, options)))
            return SC_OK;
        break;
    case CLI_FLAG_NUMBER:
        if (sc_str_to_i64(text, member(flag, options)))
            return SC_OK;
        parser = "ParseInt";
        break;
    }
    return sc_fail(err, SC_INVALID, "strconv.%s: parsing \"%.*s\": invalid syntax", parser,
                   SC_FMT(text));
}

void cli_flags_init(cli *c, const cli_flag *table, void *options)
{
    for (const cli_flag *flag = table; flag && flag->name; flag++) {
        if (flag->initial &&
            cli_flag_set(c, flag, sc_str_from(flag->initial), options, NULL) != SC_OK)
            assert(flag->initial == NULL); /* its own flag refuses it */
    }
}

/* ---- arguments ---- */

static sc_code check_required(const reader *r)
{
    sc_buf missing = {0};

    for (const cli_flag *flag = r->command->flags; flag && flag->name; flag++) {
        if (flag->is_required && !cli_args_has(r->command, r->out, flag->name))
            sc_buf_add_fmt(&missing, "%s\"%s\"", sc_buf_len(&missing) ? ", " : "", flag->name);
    }
    if (sc_buf_len(&missing) > 0)
        (void)sc_fail(r->err, SC_INVALID, "required flag(s) %.*s not set",
                      SC_FMT(sc_buf_str(&missing)));
    sc_buf_deinit(&missing);
    return r->err->code;
}

sc_code cli_args_read(cli *c, const cli_command *command, int raw_count, char **raw, void *options,
                      cli_args *out, bool *wants_help, sc_error *err)
{
    reader r = {c, command, options, out, wants_help, err, 0};
    bool has_ended = false;

    sc_error_clear(err);
    *wants_help = false;
    *out = (cli_args){
        .raw = raw,
        .raw_count = raw_count,
        .words = sc_arena_zero(&c->mem, ((size_t)raw_count + 1) * sizeof(char *)),
    };
    for (r.at = 0; r.at < raw_count; r.at++) {
        sc_str arg = sc_str_from(raw[r.at]);
        sc_code code = SC_OK;

        if (!has_ended && sc_str_eq(arg, SC_STR("--")))
            has_ended = true;
        else if (!has_ended && sc_str_starts(arg, SC_STR("--")))
            code = read_long(&r, sc_str_sub(arg, 2, arg.len));
        else if (!has_ended && arg.len > 1 && arg.at[0] == '-')
            code = read_short(&r, arg);
        else
            out->words[out->count++] = raw[r.at];
        if (code != SC_OK || *wants_help)
            return code;
    }
    if (out->count > 0 && !command->words)
        return sc_fail(err, SC_INVALID, "unexpected word \"%s\": %s takes flags only",
                       out->words[0], command->name);
    return check_required(&r);
}

static sc_code unknown(reader *r, sc_str name)
{
    cli_guess guess = {.typed = name};

    for (const cli_flag *flag = r->command->flags; flag && flag->name; flag++)
        cli_guess_offer(&guess, flag->name);
    for (const cli_flag *flag = cli_global_flags; flag->name; flag++)
        cli_guess_offer(&guess, flag->name);
    (void)sc_fail(r->err, SC_INVALID, "unknown flag: --%.*s", SC_FMT(name));
    if (guess.best)
        return sc_fail(r->err, SC_INVALID, "unknown flag: --%.*s; did you mean --%s?", SC_FMT(name),
                       guess.best);
    if (r->out->count > 0)
        return sc_fail(r->err, SC_INVALID,
                       "unknown flag: --%.*s; if it belongs to \"%s\", put -- before that",
                       SC_FMT(name), r->out->words[0]);
    return SC_INVALID;
}

static sc_code read_long(reader *r, sc_str value)
{
    sc_str name = sc_str_cut(&value, '=');
    const cli_flag *flag = cli_flag_find(r->command->flags, name);

    if (!flag)
        flag = cli_flag_find(cli_global_flags, name);
    if (!flag)
        return unknown(r, name);
    if (!value.at && flag->kind != CLI_FLAG_SWITCH) {
        if (r->at + 1 >= r->out->raw_count)
            return sc_fail(r->err, SC_INVALID, "flag needs an argument: --%s", flag->name);
        value = sc_str_from(r->out->raw[++r->at]);
    }
    return take(r, flag, flag->name, value);
}

/* One letter, or several switches of which the last may have a value. */
static sc_code read_short(reader *r, sc_str arg)
{
    for (size_t i = 1; i < arg.len; i++) {
        const cli_flag *flag = find_letter(r->command->flags, arg.at[i]);
        sc_str value = sc_str_sub(arg, i + 1, arg.len);

        if (!flag)
            flag = find_letter(cli_global_flags, arg.at[i]);
        if (!flag)
            return sc_fail(r->err, SC_INVALID, "unknown shorthand flag: '%c' in %.*s", arg.at[i],
                           SC_FMT(arg));
        if (sc_str_starts(value, SC_STR("=")))
            value = sc_str_sub(value, 1, value.len);
        else if (flag->kind == CLI_FLAG_SWITCH)
            value = SC_STR_NONE;
        else if (value.len == 0 && r->at + 1 >= r->out->raw_count)
            return sc_fail(r->err, SC_INVALID, "flag needs an argument: '%c' in %.*s", arg.at[i],
                           SC_FMT(arg));
        else if (value.len == 0)
            value = sc_str_from(r->out->raw[++r->at]);
        if (take(r, flag, flag->name, value) != SC_OK)
            return r->err->code;
        if (flag->kind != CLI_FLAG_SWITCH || value.at)
            return SC_OK;
    }
    return SC_OK;
}

static void note(reader *r, const cli_flag *flag)
{
    if (flag->deprecated)
        cli_putf(r->c, 2, "Flag --%s has been deprecated, %s\n", flag->name, flag->deprecated);
    if (flag->without_effect)
        cli_putf(r->c, 2, "Flag --%s has no effect: %s\n", flag->name, flag->without_effect);
}

/* `value` without bytes: a switch that is on. */
static sc_code take(reader *r, const cli_flag *flag, const char *shown, sc_str value)
{
    bool is_global = !cli_flag_find(r->command->flags, sc_str_from(flag->name));
    void *target = is_global ? (void *)r->c : r->options;

    if (is_global && strcmp(flag->name, "help") == 0) {
        *r->wants_help = true;
        return SC_OK;
    }
    if (!value.at && flag->kind == CLI_FLAG_SWITCH)
        value = SC_STR("true");
    if (cli_flag_set(r->c, flag, value, target, r->err) != SC_OK)
        return sc_error_context(r->err, "invalid argument \"%.*s\" for \"--%s\" flag",
                                SC_FMT(value), shown);
    if (!is_global) {
        r->out->given |= UINT64_C(1) << (flag - r->command->flags);
        note(r, flag);
    }
    return SC_OK;
}
