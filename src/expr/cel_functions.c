/* SPDX-License-Identifier: MIT
 *
 * The standard functions (CEL language definition, "List of Standard Definitions").
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/number.h"
#include "expr/cel_internal.h"

#define REGEX_STEPS 100000u

static cel_value no_overload(cel_run *run, const char *name)
{
    return cel_error(run, "no such overload: %s", name);
}

/* ---- strings ---- */

static cel_value call_size(cel_run *run, const cel_value *args, size_t count)
{
    int64_t points = 0;

    (void)count;
    if (args->kind == CEL_LIST || args->kind == CEL_MAP)
        return cel_int((int64_t)args->count);
    if (args->kind == CEL_BYTES)
        return cel_int((int64_t)args->s.len);
    if (args->kind != CEL_STRING)
        return no_overload(run, "size");
    for (size_t i = 0; i < args->s.len; i++)
        points += ((unsigned char)args->s.at[i] & 0xc0) != 0x80;
    return cel_int(points);
}

static cel_value call_contains(cel_run *run, const cel_value *args, size_t count)
{
    (void)count;
    if (args[0].kind != CEL_STRING || args[1].kind != CEL_STRING)
        return no_overload(run, "contains");
    return cel_bool(args[1].s.len == 0 || sc_str_find_str(args[0].s, args[1].s) < args[0].s.len);
}

static cel_value call_starts(cel_run *run, const cel_value *args, size_t count)
{
    (void)count;
    if (args[0].kind != CEL_STRING || args[1].kind != CEL_STRING)
        return no_overload(run, "startsWith");
    return cel_bool(sc_str_starts(args[0].s, args[1].s));
}

static cel_value call_ends(cel_run *run, const cel_value *args, size_t count)
{
    (void)count;
    if (args[0].kind != CEL_STRING || args[1].kind != CEL_STRING)
        return no_overload(run, "endsWith");
    return cel_bool(sc_str_ends(args[0].s, args[1].s));
}

/* RE2 has neither looking around nor back references nor possessive groups: what PCRE2 would take
 * beyond it is refused. */
static bool is_re2(sc_str pattern)
{
    bool in_class = false;

    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.at[i];
        char next = i + 1 < pattern.len ? pattern.at[i + 1] : '\0';

        if (c == '\\') {
            if (!in_class && ((next >= '1' && next <= '9') || next == 'k' || next == 'g' ||
                              next == 'K' || next == 'R'))
                return false;
            i++;
        } else if (c == '[') {
            in_class = true;
        } else if (c == ']') {
            in_class = false;
        } else if (!in_class && c == '(' && next == '*') {
            return false;
        } else if (!in_class && c == '(' && next == '?') {
            char kind = i + 2 < pattern.len ? pattern.at[i + 2] : '\0';
            char after = i + 3 < pattern.len ? pattern.at[i + 3] : '\0';

            if (!strchr(":PimsU-<", kind) || kind == '\0' ||
                (kind == '<' && (after == '=' || after == '!')) || (kind == 'P' && after != '<'))
                return false;
        } else if (!in_class && next == '+' && strchr("*+?}", c)) {
            return false;
        }
    }
    return true;
}

static cel_value call_matches(cel_run *run, const cel_value *args, size_t count)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = NULL;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    int found;

    (void)count;
    if (args[0].kind != CEL_STRING || args[1].kind != CEL_STRING)
        return no_overload(run, "matches");
    if (is_re2(args[1].s))
        code = pcre2_compile((PCRE2_SPTR)args[1].s.at, args[1].s.len,
                             PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY, &error,
                             &offset, NULL);
    if (!code)
        return cel_error(run, "error parsing regexp: '%.*s' is no RE2 expression",
                         SC_FMT(sc_str_sub(args[1].s, 0, 100)));
    match = pcre2_match_data_create(1, NULL);
    limits = pcre2_match_context_create(NULL);
    (void)pcre2_set_match_limit(limits, REGEX_STEPS);
    found = pcre2_match(code, (PCRE2_SPTR)(args[0].s.len ? args[0].s.at : ""), args[0].s.len, 0, 0,
                        match, limits);
    pcre2_match_context_free(limits);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    run->steps += 100;
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH)
        return cel_bool(found >= 0);
    return cel_error(run, "the regular expression takes too many steps");
}

/* ---- conversions ---- */

static cel_value call_int(cel_run *run, const cel_value *args, size_t count)
{
    int64_t i;
    sc_str digits;

    (void)count;
    switch (args->kind) {
    case CEL_INT:
        return *args;
    case CEL_UINT:
        return args->u <= INT64_MAX ? cel_int((int64_t)args->u) : cel_error(run, "range error");
    case CEL_DOUBLE:
        if (!(args->d > -9223372036854775808.0 && args->d < 9223372036854775808.0))
            return cel_error(run, "range error");
        return cel_int((int64_t)args->d);
    case CEL_STRING:
        digits =
            args->s.len > 1 && args->s.at[0] == '+' ? sc_str_sub(args->s, 1, args->s.len) : args->s;
        return sc_str_to_i64(digits, &i)
                   ? cel_int(i)
                   : cel_error(run, "strconv.ParseInt: parsing \"%.*s\": invalid syntax",
                               SC_FMT(sc_str_sub(args->s, 0, 60)));
    case CEL_TIMESTAMP:
        return cel_int(args->i);
    default:
        return no_overload(run, "int");
    }
}

static cel_value call_uint(cel_run *run, const cel_value *args, size_t count)
{
    uint64_t u;

    (void)count;
    switch (args->kind) {
    case CEL_UINT:
        return *args;
    case CEL_INT:
        return args->i >= 0 ? cel_uint((uint64_t)args->i) : cel_error(run, "range error");
    case CEL_DOUBLE:
        if (!(args->d >= 0 && args->d < 18446744073709551616.0))
            return cel_error(run, "range error");
        return cel_uint((uint64_t)args->d);
    case CEL_STRING:
        return sc_str_to_u64(args->s, &u)
                   ? cel_uint(u)
                   : cel_error(run, "strconv.ParseUint: parsing \"%.*s\": invalid syntax",
                               SC_FMT(sc_str_sub(args->s, 0, 60)));
    default:
        return no_overload(run, "uint");
    }
}

static cel_value call_double(cel_run *run, const cel_value *args, size_t count)
{
    sc_str text;
    char *end;
    double d;

    (void)count;
    switch (args->kind) {
    case CEL_DOUBLE:
        return *args;
    case CEL_INT:
        return cel_double((double)args->i);
    case CEL_UINT:
        return cel_double((double)args->u);
    case CEL_STRING:
        text = sc_arena_str(run->mem, args->s);
        d = strtod(text.at, &end);
        if (text.len == 0 || end != text.at + text.len || strchr(" \t\n\r\v\f", text.at[0]))
            return cel_error(run, "strconv.ParseFloat: parsing \"%.*s\": invalid syntax",
                             SC_FMT(sc_str_sub(text, 0, 60)));
        return cel_double(d);
    default:
        return no_overload(run, "double");
    }
}

static sc_str double_text(double d, sc_arena *mem)
{
    char text[SC_DOUBLE_TEXT_MAX];

    if (isnan(d) || isinf(d))
        return isnan(d) ? SC_STR("NaN") : d > 0 ? SC_STR("+Inf") : SC_STR("-Inf");
    return sc_arena_str(mem, sc_double_format(d, -4, text));
}

static cel_value call_string(cel_run *run, const cel_value *args, size_t count)
{
    (void)count;
    switch (args->kind) {
    case CEL_STRING:
        return *args;
    case CEL_BOOL:
        return cel_string(args->truth ? SC_STR("true") : SC_STR("false"));
    case CEL_INT:
        return cel_string(sc_arena_fmt(run->mem, "%lld", (long long)args->i));
    case CEL_UINT:
        return cel_string(sc_arena_fmt(run->mem, "%llu", (unsigned long long)args->u));
    case CEL_DOUBLE:
        return cel_string(double_text(args->d, run->mem));
    case CEL_BYTES:
        return sc_str_is_utf8(args->s)
                   ? cel_string(args->s)
                   : cel_error(run, "invalid UTF-8 in bytes, cannot convert to string");
    case CEL_TIMESTAMP:
        return cel_string(cel_format_timestamp(args, run->mem));
    case CEL_DURATION:
        return cel_string(cel_format_duration(args->i, run->mem));
    default:
        return no_overload(run, "string");
    }
}

static cel_value call_bytes(cel_run *run, const cel_value *args, size_t count)
{
    (void)count;
    if (args->kind != CEL_STRING && args->kind != CEL_BYTES)
        return no_overload(run, "bytes");
    return (cel_value){.kind = CEL_BYTES, .s = args->s};
}

static cel_value call_bool(cel_run *run, const cel_value *args, size_t count)
{
    bool truth;

    (void)count;
    if (args->kind == CEL_BOOL)
        return *args;
    if (args->kind != CEL_STRING)
        return no_overload(run, "bool");
    return sc_str_to_bool(args->s, &truth)
               ? cel_bool(truth)
               : cel_error(run, "strconv.ParseBool: parsing \"%.*s\": invalid syntax",
                           SC_FMT(sc_str_sub(args->s, 0, 60)));
}

static cel_value call_type(cel_run *run, const cel_value *args, size_t count)
{
    (void)run;
    (void)count;
    return (cel_value){.kind = CEL_TYPE, .s = cel_kind_name(args->kind)};
}

static cel_value call_dyn(cel_run *run, const cel_value *args, size_t count)
{
    (void)run;
    (void)count;
    return *args;
}

/* ---- time ---- */

static cel_value call_timestamp(cel_run *run, const cel_value *args, size_t count)
{
    cel_value out;

    (void)count;
    if (args->kind == CEL_TIMESTAMP)
        return *args;
    if (args->kind == CEL_INT && args->i >= -62135596800LL && args->i <= 253402300799LL)
        return (cel_value){.kind = CEL_TIMESTAMP, .i = args->i};
    if (args->kind == CEL_STRING && cel_parse_timestamp(args->s, &out))
        return out;
    if (args->kind == CEL_STRING || args->kind == CEL_INT)
        return cel_error(run, "'%.*s' is no RFC 3339 time of the years 1 to 9999",
                         SC_FMT(sc_str_sub(args->s, 0, 60)));
    return no_overload(run, "timestamp");
}

static cel_value call_duration(cel_run *run, const cel_value *args, size_t count)
{
    int64_t ns;

    (void)count;
    if (args->kind == CEL_DURATION)
        return *args;
    if (args->kind != CEL_STRING)
        return no_overload(run, "duration");
    return cel_parse_duration(args->s, &ns) ? (cel_value){.kind = CEL_DURATION, .i = ns}
                                            : cel_error(run, "time: invalid duration \"%.*s\"",
                                                        SC_FMT(sc_str_sub(args->s, 0, 60)));
}

#define TIME_PARTS                                                                                 \
    TIME_PART(getFullYear)                                                                         \
    TIME_PART(getMonth)                                                                            \
    TIME_PART(getDayOfYear)                                                                        \
    TIME_PART(getDayOfMonth)                                                                       \
    TIME_PART(getDate)                                                                             \
    TIME_PART(getDayOfWeek)                                                                        \
    TIME_PART(getHours)                                                                            \
    TIME_PART(getMinutes)                                                                          \
    TIME_PART(getSeconds)                                                                          \
    TIME_PART(getMilliseconds)

#define TIME_PART(name)                                                                            \
    static cel_value call_##name(cel_run *run, const cel_value *args, size_t count)                \
    {                                                                                              \
        return cel_time_part(run, #name, args, count);                                             \
    }
TIME_PARTS
#undef TIME_PART

/* ---- the table ---- */

static const cel_function functions[] = {{"size", false, 1, 1, CEL_INT, call_size},
                                         {"size", true, 1, 1, CEL_INT, call_size},
                                         {"contains", true, 2, 2, CEL_BOOL, call_contains},
                                         {"startsWith", true, 2, 2, CEL_BOOL, call_starts},
                                         {"endsWith", true, 2, 2, CEL_BOOL, call_ends},
                                         {"matches", true, 2, 2, CEL_BOOL, call_matches},
                                         {"matches", false, 2, 2, CEL_BOOL, call_matches},
                                         {"int", false, 1, 1, CEL_INT, call_int},
                                         {"uint", false, 1, 1, CEL_UINT, call_uint},
                                         {"double", false, 1, 1, CEL_DOUBLE, call_double},
                                         {"string", false, 1, 1, CEL_STRING, call_string},
                                         {"bytes", false, 1, 1, CEL_BYTES, call_bytes},
                                         {"bool", false, 1, 1, CEL_BOOL, call_bool},
                                         {"type", false, 1, 1, CEL_TYPE, call_type},
                                         {"dyn", false, 1, 1, CEL_DYN, call_dyn},
                                         {"timestamp", false, 1, 1, CEL_TIMESTAMP, call_timestamp},
                                         {"duration", false, 1, 1, CEL_DURATION, call_duration},
#define TIME_PART(name) {#name, true, 1, 2, CEL_INT, call_##name},
                                         TIME_PARTS
#undef TIME_PART
};

const cel_function *cel_find_function(sc_str name, bool is_method, size_t args)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(functions); i++) {
        const cel_function *one = &functions[i];

        if (one->is_method == is_method && args >= one->min_args && args <= one->max_args &&
            sc_str_eq(name, sc_str_from(one->name)))
            return one;
    }
    return NULL;
}
