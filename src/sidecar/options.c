/* SPDX-License-Identifier: MIT
 *
 * Flags as Go's pflag reads them, with daprd's pre-pass: one dash is as good as two. What the
 * values mean together is in options_check.c.
 */
#include "sidecar/options.h"

#include <stdio.h>

#include "component/field.h"
#include "core/duration.h"
#include "core/env.h"
#include "sidecar/options_internal.h"

#define SC_FLAG(name, kind, member, initial, help)                                                 \
    {SC_STR_INIT(name), FLAG_##kind, FLAG_WORKS, offsetof(sc_options, member), initial, help},
#define SC_FLAG_LATER(name, kind, member, initial, help)                                           \
    {SC_STR_INIT(name), FLAG_##kind, FLAG_LATER, offsetof(sc_options, member), initial, help},
#define SC_FLAG_OLD(name, kind, member, initial, hint)                                             \
    {SC_STR_INIT(name), FLAG_##kind, FLAG_OLD, offsetof(sc_options, member), initial, hint},
const sc_flag sc_flags[] = {
#include "sidecar/flags.def"
};
#undef SC_FLAG
#undef SC_FLAG_LATER
#undef SC_FLAG_OLD

const size_t sc_flag_count = SC_ARRAY_LEN(sc_flags);
static_assert(SC_ARRAY_LEN(sc_flags) <= SC_MAX_FLAGS, "SC_MAX_FLAGS is too small");

static const sc_flag *find(sc_str name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(sc_flags); i++) {
        if (sc_str_eq(sc_flags[i].name, name))
            return &sc_flags[i];
    }
    return NULL;
}

bool sc_options_has(const sc_options *options, const char *name)
{
    const sc_flag *found = find(sc_str_from(name));

    return found && options->is_given[found - sc_flags];
}

/* ---- values ---- */

static sc_code bad_value(const sc_flag *flag, sc_str value, const char *why, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "invalid argument \"%.*s\" for \"--%.*s\" flag: %s",
                   SC_FMT(sc_str_sub(value, 0, 100)), SC_FMT(flag->name), why);
}

/* Go's strconv: "strconv.ParseInt: parsing "x": invalid syntax". */
static sc_code bad_syntax(const sc_flag *flag, sc_str value, const char *function, sc_error *err)
{
    char why[240];

    (void)snprintf(why, sizeof(why), "strconv.%s: parsing \"%.*s\": invalid syntax", function,
                   SC_FMT(sc_str_sub(value, 0, 100)));
    return bad_value(flag, value, why, err);
}

static sc_code read_duration(const sc_flag *flag, sc_str value, int64_t *ns, sc_error *err)
{
    char why[240];
    int64_t n;

    if (sc_duration_parse(value, ns))
        return SC_OK;
    (void)snprintf(why, sizeof(why), "time: %s duration \"%.*s\"",
                   sc_str_to_i64(value, &n) ? "missing unit in" : "invalid",
                   SC_FMT(sc_str_sub(value, 0, 100)));
    return bad_value(flag, value, why, err);
}

/* The value in quotes at the start of `*rest`, where "" is a quote; false without its end. */
static bool next_quoted(sc_str *rest, sc_arena *mem, sc_str *one)
{
    char *text = sc_arena_alloc(mem, rest->len);
    size_t len = 0;
    size_t at = 1;

    while (at < rest->len) {
        bool is_quote = rest->at[at] == '"';

        if (is_quote && (at + 1 == rest->len || rest->at[at + 1] != '"')) {
            *one = sc_str_of(text, len);
            *rest = sc_str_sub(*rest, at + 1, rest->len);
            return true;
        }
        text[len++] = rest->at[at];
        at += is_quote ? 2 : 1;
    }
    return false;
}

/* The next value of a comma-separated list (as CSV: one in quotes may hold commas); false when a
 * quote is out of place. */
static bool next_listed(sc_str *rest, sc_arena *mem, sc_str *one)
{
    if (!sc_str_starts(*rest, SC_STR("\""))) {
        *one = sc_str_cut(rest, ',');
        return one->len == 0 || memchr(one->at, '"', one->len) == NULL;
    }
    return next_quoted(rest, mem, one) && sc_str_cut(rest, ',').len == 0;
}

static sc_code read_list(const sc_flag *flag, sc_str value, sc_arena *mem, sc_option_list *list,
                         sc_error *err)
{
    while (value.at) {
        sc_str all = value;
        sc_str one;

        if (!next_listed(&value, mem, &one))
            return bad_value(flag, all,
                             "a quote is out of place; values in quotes end with a quote "
                             "and a comma",
                             err);
        if (one.len == 0)
            continue;
        if (list->count == SC_MAX_LISTED)
            return bad_value(flag, one, "it was given too often", err);
        list->at[list->count++] = one;
    }
    return SC_OK;
}

static sc_code read_value(const sc_flag *flag, sc_str value, sc_arena *mem, sc_options *to,
                          sc_error *err)
{
    void *at = (char *)to + flag->offset;

    switch (flag->kind) {
    case FLAG_TEXT:
        *(sc_str *)at = value;
        return SC_OK;
    case FLAG_BOOL:
        return sc_str_to_bool(value, at) ? SC_OK : bad_syntax(flag, value, "ParseBool", err);
    case FLAG_INT:
        return sc_str_to_i64(value, at) ? SC_OK : bad_syntax(flag, value, "ParseInt", err);
    case FLAG_DURATION:
        return read_duration(flag, value, at, err);
    case FLAG_LIST:
        return read_list(flag, value, mem, at, err);
    }
    return SC_INTERNAL;
}

static sc_code set_defaults(sc_arena *mem, sc_options *to, sc_error *err)
{
    *to = (sc_options){.api_token = sc_env_get("DAPR_API_TOKEN"),
                       .app_api_token = sc_env_get("APP_API_TOKEN"),
                       .plain_namespace = sc_env_get("NAMESPACE"),
                       .no_http2 = sc_str_is_truthy(sc_env_get("DAPR_HTTP_DISABLE_H2C"))};
    to->namespace_ = to->plain_namespace.at ? to->plain_namespace : SC_STR("default");
    for (size_t i = 0; i < SC_ARRAY_LEN(sc_flags); i++) {
        if (read_value(&sc_flags[i], sc_str_from(sc_flags[i].initial), mem, to, err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}

/* ---- arguments ---- */

static sc_code unknown(sc_str arg, sc_str name, sc_error *err)
{
    if (arg.len == 2 && arg.at[1] != '-')
        return sc_fail(err, SC_INVALID, "unknown shorthand flag: '%c' in %.*s", arg.at[1],
                       SC_FMT(arg));
    if (name.len == 0 || name.at[0] == '-')
        return sc_fail(err, SC_INVALID, "bad flag syntax: %.*s", SC_FMT(arg));
    return sc_fail(err, SC_INVALID, "unknown flag: --%.*s", SC_FMT(name));
}

static sc_code take(sc_options *to, int *at, int count, char **args, sc_arena *mem, sc_error *err)
{
    sc_str arg = sc_str_from(args[*at]);
    sc_str value = sc_str_sub(arg, arg.at[1] == '-' ? 2 : 1, arg.len);
    sc_str name = sc_str_cut(&value, '=');
    const sc_flag *flag = find(sc_str_eq(arg, SC_STR("-h")) ? SC_STR("help") : name);

    if (!flag || (arg.len == 2 && flag->kind != FLAG_BOOL))
        return unknown(arg, name, err);
    if (!value.at && flag->kind == FLAG_BOOL) {
        value = SC_STR("true");
    } else if (!value.at) {
        if (*at + 1 >= count)
            return sc_fail(err, SC_INVALID, "flag needs an argument: --%.*s", SC_FMT(name));
        value = sc_str_from(args[++*at]);
    }
    if (flag->state == FLAG_OLD)
        (void)fprintf(stderr, "Flag --%.*s has been deprecated, %s\n", SC_FMT(flag->name),
                      flag->help);
    to->is_given[flag - sc_flags] = true;
    return read_value(flag, value, mem, to, err);
}

static void lower(sc_str *text, sc_arena *mem)
{
    char *copy = sc_arena_alloc(mem, text->len + 1);

    for (size_t i = 0; i < text->len; i++)
        copy[i] =
            (char)(text->at[i] >= 'A' && text->at[i] <= 'Z' ? text->at[i] | 0x20 : text->at[i]);
    *text = sc_str_of(copy, text->len);
}

/* What one flag says about another. */
static void settle(sc_options *to, sc_arena *mem)
{
    lower(&to->app_protocol, mem);
    if (to->app_protocol.len == 0)
        to->app_protocol = SC_STR("http");
    if (to->app_ssl && sc_str_eq(to->app_protocol, SC_STR("http")))
        to->app_protocol = SC_STR("https");
    else if (to->app_ssl && sc_str_eq(to->app_protocol, SC_STR("grpc")))
        to->app_protocol = SC_STR("grpcs");
    if (!sc_str_starts(to->health_path, SC_STR("/")))
        to->health_path = sc_arena_fmt(mem, "/%.*s", SC_FMT(to->health_path));
    if (to->resources.count == 0 && to->components_path.len > 0)
        to->resources.at[to->resources.count++] = to->components_path;
    to->blocks_shutdown = sc_options_has(to, "dapr-block-shutdown-duration");
    to->has_logs_api = sc_options_has(to, "enable-api-logging");
}

sc_code sc_options_parse(int count, char **args, sc_arena *mem, sc_options *out, sc_error *err)
{
    if (set_defaults(mem, out, err) != SC_OK)
        return err->code;
    for (int i = 0; i < count; i++) {
        sc_str arg = sc_str_from(args[i]);

        if (sc_str_eq(arg, SC_STR("--")))
            break;
        if (arg.len < 2 || arg.at[0] != '-')
            continue; /* positional arguments are ignored, as daprd does */
        if (take(out, &i, count, args, mem, err) != SC_OK)
            return err->code;
    }
    settle(out, mem);
    return SC_OK;
}

/* ---- usage ---- */

void sc_options_print_usage(void)
{
    static const char *const kinds[] = {"string", "", "int", "duration", "strings"};

    (void)fprintf(stderr, "Usage of daprd:\n");
    for (size_t i = 0; i < SC_ARRAY_LEN(sc_flags); i++) {
        const sc_flag *flag = &sc_flags[i];
        bool has_default = flag->initial[0] && strcmp(flag->initial, "false") != 0;
        char left[64];

        if (flag->state == FLAG_OLD)
            continue;
        (void)snprintf(left, sizeof(left), "--%.*s %s", SC_FMT(flag->name), kinds[flag->kind]);
        (void)fprintf(stderr, "      %-46s %s", left, flag->help);
        if (has_default)
            (void)fprintf(stderr, " (default %s)", flag->initial);
        (void)fprintf(stderr, "%s\n", flag->state == FLAG_LATER ? " (not implemented yet)" : "");
    }
}
