/* SPDX-License-Identifier: MIT
 *
 * The simple tests of the CEL specification (https://github.com/google/cel-spec, tests/simple),
 * where they are at hand. `outside` names what routing rules have no use for, each with its reason;
 * all the rest must hold.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "core/buf.h"
#include "expr/cel.h"
#include "support/textproto.h"

#define FOLDER TEST_DATA_DIR "/cel"

/* file/section/test; "*" stands for any rest; "~text": tests whose expression holds the text. */
static const struct {
    const char *name;
    const char *why;
} outside[] = {
    {"~TestAllTypes", "protobuf messages: events are JSON"},
    {"~Value{", "protobuf messages (wrappers)"},
    {"logic/AND/short_circuit_type_*", "unchecked: a rule is checked, and such a type is refused"},
    {"logic/OR/short_circuit_type_*", "unchecked"},
    {"comparisons/eq_literal/eq_mixed_types", "unchecked: 1.0 == 1 is refused when it is read"},
    {"comparisons/ne_literal/ne_mixed_types", "unchecked"},
    {"basic/functions/unbound_is_runtime_error", "unchecked: unknown functions are refused"},
    {"parse/receiver_function_names/*", "unchecked: unknown functions"},
    {"fields/quoted_map_fields/*", "names in backquotes are not in cel-go 0.20"},
    {"fields/qualified_identifier_resolution/qualified_ident",
     "variables with dots: there is one, event"},
    {"fields/qualified_identifier_resolution/map_field_select", "variables with dots"},
    {"fields/qualified_identifier_resolution/qualified_identifier_resolution_unchecked",
     "variables with dots"},
    {"fields/qualified_identifier_resolution/ident_with_longest_prefix_check",
     "variables with dots"},
    {"namespace/qualified/self_eval_qualified_lookup", "variables with dots"},
    {"namespace/namespace/*", "containers: names have no package"},
    {"namespace/namespace_shadowing/basic", "containers"},
    {"namespace/namespace_shadowing/disambiguation", "containers"},
    {"namespace/namespace_shadowing/comprehension_shadowing_disambiguation",
     "global variables: test_cel.c has this for event"},
    {"namespace/namespace_shadowing/comprehension_shadowing_namespaced_selector_disambiguation",
     "containers"},
};

typedef struct counts {
    unsigned held;
    unsigned left_out;
    unsigned failed;
    bool is_used[SC_ARRAY_LEN(outside)];
} counts;

static bool is_meant(const char *pattern, const char *name, sc_str expr)
{
    const char *star = strchr(pattern, '*');

    if (pattern[0] == '~')
        return sc_str_find_str(expr, sc_str_from(pattern + 1)) < expr.len;
    return strncmp(pattern, name, star ? (size_t)(star - pattern) : strlen(pattern) + 1) == 0;
}

static bool is_outside(const char *name, sc_str expr, counts *all)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(outside); i++) {
        if (is_meant(outside[i].name, name, expr)) {
            all->is_used[i] = true;
            return true;
        }
    }
    return false;
}

/* ---- what is wanted, as sc_cel_show writes it ---- */

static void show(const textproto *value, sc_arena *mem, sc_buf *out);

static void show_seconds(int64_t seconds, int64_t nanos, sc_buf *out)
{
    bool is_negative = seconds < 0 || nanos < 0;
    char fraction[16] = "";

    if (nanos != 0) {
        size_t len =
            (size_t)snprintf(fraction, sizeof(fraction), ".%09lld", (long long)llabs(nanos));

        while (fraction[len - 1] == '0')
            fraction[--len] = '\0';
    }
    sc_buf_add_fmt(out, "%s%lld%ss", is_negative ? "-" : "", (long long)llabs(seconds), fraction);
}

static void show_timestamp(int64_t seconds, int64_t nanos, sc_buf *out)
{
    time_t at = seconds;
    struct tm parts;
    sc_buf fraction = {0};

    (void)gmtime_r(&at, &parts);
    sc_buf_add_fmt(out, "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1,
                   parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    show_seconds(0, nanos, &fraction); /* "0.5s": the middle of it */
    sc_buf_add_str(out, sc_str_sub(sc_buf_str(&fraction), 1, sc_buf_len(&fraction) - 1));
    sc_buf_add_byte(out, 'Z');
    sc_buf_deinit(&fraction);
}

static int64_t number(const textproto *fields, const char *name)
{
    sc_str text = textproto_text(fields, name);
    int64_t n = 0;

    if (text.len > 0)
        assert_true(sc_str_to_i64(text, &n));
    return n;
}

static void show_object(const textproto *any, sc_buf *out)
{
    if (sc_str_eq(any->name, SC_STR("google.protobuf.Timestamp")))
        show_timestamp(number(any->first, "seconds"), number(any->first, "nanos"), out);
    else if (sc_str_eq(any->name, SC_STR("google.protobuf.Duration")))
        show_seconds(number(any->first, "seconds"), number(any->first, "nanos"), out);
    else
        sc_buf_add_fmt(out, "message %.*s", SC_FMT(any->name));
}

static void show_list(const textproto *list, sc_arena *mem, sc_buf *out)
{
    sc_buf_add_byte(out, '[');
    for (const textproto *it = list->first; it; it = it->next) {
        if (it != list->first)
            sc_buf_add_str(out, SC_STR(", "));
        show(it->first, mem, out);
    }
    sc_buf_add_byte(out, ']');
}

static void show_map(const textproto *map, sc_arena *mem, sc_buf *out)
{
    sc_buf_add_byte(out, '{');
    for (const textproto *it = map->first; it; it = it->next) {
        if (it != map->first)
            sc_buf_add_str(out, SC_STR(", "));
        show(textproto_get(it->first, "key")->first, mem, out);
        sc_buf_add_str(out, SC_STR(": "));
        show(textproto_get(it->first, "value")->first, mem, out);
    }
    sc_buf_add_byte(out, '}');
}

static void show(const textproto *value, sc_arena *mem, sc_buf *out)
{
    sc_str kind = value ? value->name : SC_STR_NONE;

    if (sc_str_eq(kind, SC_STR("null_value")))
        sc_buf_add_str(out, SC_STR("null"));
    else if (sc_str_eq(kind, SC_STR("int64_value")))
        sc_buf_add_fmt(out, "%lld", strtoll(sc_arena_str(mem, value->text).at, NULL, 0));
    else if (sc_str_eq(kind, SC_STR("uint64_value")))
        sc_buf_add_fmt(out, "%lluu", strtoull(sc_arena_str(mem, value->text).at, NULL, 0));
    else if (sc_str_eq(kind, SC_STR("double_value")))
        sc_buf_add_fmt(out, "double(%.17g)", strtod(sc_arena_str(mem, value->text).at, NULL));
    else if (sc_str_eq(kind, SC_STR("string_value")))
        sc_buf_add_fmt(out, "\"%.*s\"", SC_FMT(value->text));
    else if (sc_str_eq(kind, SC_STR("bytes_value")))
        sc_buf_add_fmt(out, "b\"%.*s\"", SC_FMT(value->text));
    else if (sc_str_eq(kind, SC_STR("type_value")))
        sc_buf_add_fmt(out, "type(%.*s)", SC_FMT(value->text));
    else if (sc_str_eq(kind, SC_STR("list_value")))
        show_list(value, mem, out);
    else if (sc_str_eq(kind, SC_STR("map_value")))
        show_map(value, mem, out);
    else if (sc_str_eq(kind, SC_STR("object_value")))
        show_object(value->first, out);
    else
        sc_buf_add_str(out, value ? value->text : SC_STR("true"));
}

/* ---- one test ---- */

/* A value as an expression of CEL: of the kinds that bindings have. */
static void literal(const textproto *value, sc_arena *mem, sc_buf *out)
{
    bool is_duration = sc_str_eq(value->name, SC_STR("object_value"));

    if (is_duration)
        sc_buf_add_str(out, SC_STR("duration(\""));
    show(value, mem, out);
    if (is_duration)
        sc_buf_add_str(out, SC_STR("\")"));
}

/* Whether a binding can be the variable of a macro. */
static bool is_variable(sc_str name)
{
    return sc_str_find(name, '.') == name.len && !sc_str_eq(name, SC_STR("true")) &&
           !sc_str_eq(name, SC_STR("false")) && !sc_str_eq(name, SC_STR("null"));
}

/* A binding is a variable of a macro: x = 1 makes "[1].map(x, EXPR)[0]" of "EXPR". */
static sc_str with_bindings(const textproto *test, sc_arena *mem)
{
    sc_str text = textproto_text(test, "expr");

    for (; test; test = test->next) {
        sc_str name = textproto_text(test->first, "key");
        sc_buf out = {0};

        if (!sc_str_eq(test->name, SC_STR("bindings")) || !is_variable(name))
            continue;
        sc_buf_add_byte(&out, '[');
        literal(textproto_get(textproto_get(test->first, "value")->first, "value")->first, mem,
                &out);
        sc_buf_add_fmt(&out, "].map(%.*s, ", SC_FMT(name));
        sc_buf_add_str(&out, text);
        sc_buf_add_str(&out, SC_STR(")[0]"));
        text = sc_arena_str(mem, sc_buf_str(&out));
        sc_buf_deinit(&out);
    }
    return text;
}

/* The value, "error" or "compile: ...", in `mem`. */
static sc_str evaluate(sc_str text, bool *is_error, sc_arena *mem)
{
    static const sc_doc no_event = {.kind = SC_DOC_OBJECT};
    sc_cel *program;
    sc_error err;
    sc_str shown;

    if (sc_cel_compile(text, mem, &program, &err) != SC_OK) {
        *is_error = true;
        return sc_arena_fmt(mem, "compile: %s", err.text);
    }
    shown = sc_cel_show(program, &no_event, mem);
    *is_error = sc_str_starts(shown, SC_STR("error "));
    return shown;
}

static void check_test(const char *file, sc_str section, const textproto *test, counts *all)
{
    char name[256];
    sc_arena mem;
    sc_buf wanted = {0};
    sc_str text;
    sc_str got;
    bool is_error;
    bool wants_error = textproto_get(test, "eval_error") != NULL;

    (void)snprintf(name, sizeof(name), "%s/%.*s/%.*s", file, SC_FMT(section),
                   SC_FMT(textproto_text(test, "name")));
    if (is_outside(name, textproto_text(test, "expr"), all)) {
        all->left_out++;
        return;
    }
    sc_arena_init(&mem, NULL);
    if (!wants_error)
        show(textproto_get(test, "value") ? textproto_get(test, "value")->first : NULL, &mem,
             &wanted);
    text = with_bindings(test, &mem);
    got = evaluate(text, &is_error, &mem);
    if (sc_str_starts(sc_buf_str(&wanted), SC_STR("{")) && !sc_str_eq(got, sc_buf_str(&wanted))) {
        /* The entries of a map have no order. */
        text = sc_arena_fmt(&mem, "(%.*s) == %.*s", SC_FMT(text), SC_FMT(sc_buf_str(&wanted)));
        got = evaluate(text, &is_error, &mem);
        sc_buf_clear(&wanted);
        sc_buf_add_str(&wanted, SC_STR("true"));
    }
    if (wants_error ? !is_error : !sc_str_eq(got, sc_buf_str(&wanted))) {
        print_message("%s: %.*s\n    is %.*s\n    not %.*s\n", name, SC_FMT(text), SC_FMT(got),
                      SC_FMT(wants_error ? SC_STR("an error") : sc_buf_str(&wanted)));
        all->failed++;
    } else {
        all->held++;
    }
    sc_buf_deinit(&wanted);
    sc_arena_deinit(&mem);
}

/* ---- files ---- */

static void run_file(const char *file_name, counts *all)
{
    static char text[1 << 20];
    char path[512];
    sc_arena mem;
    FILE *file;
    size_t len;
    textproto *fields;
    sc_str name;

    (void)snprintf(path, sizeof(path), FOLDER "/%s", file_name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    sc_arena_init(&mem, NULL);
    fields = textproto_read(sc_str_of(text, len), &mem);
    if (!fields)
        fail_msg("%s cannot be read", path);
    name = textproto_text(fields, "name");
    for (; fields; fields = fields->next) {
        if (!sc_str_eq(fields->name, SC_STR("section")))
            continue;
        for (const textproto *it = fields->first; it; it = it->next) {
            if (sc_str_eq(it->name, SC_STR("test")))
                check_test(sc_arena_str(&mem, name).at, textproto_text(fields->first, "name"),
                           it->first, all);
        }
    }
    sc_arena_deinit(&mem);
}

static void specification_is_met(void **state)
{
    static counts all;
    struct dirent *entry;
    DIR *folder = opendir(FOLDER);

    (void)state;
    if (!folder) {
        print_message("no conformance data at " FOLDER "\n");
        skip();
    }
    while ((entry = readdir(folder)) != NULL) {
        if (sc_str_ends(sc_str_from(entry->d_name), SC_STR(".textproto")))
            run_file(entry->d_name, &all);
    }
    (void)closedir(folder);
    print_message("%u hold, %u are outside\n", all.held, all.left_out);
    for (size_t i = 0; i < SC_ARRAY_LEN(outside); i++) {
        if (!all.is_used[i])
            fail_msg("outside, but no such test: %s (%s)", outside[i].name, outside[i].why);
    }
    assert_int_equal(all.failed, 0);
    assert_true(all.held > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(specification_is_met)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
