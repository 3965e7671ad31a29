/* SPDX-License-Identifier: MIT
 *
 * YAML resources: documents, types, positions, and errors that name the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/yaml.h"

static sc_arena arena;
static sc_doc *doc;
static sc_error err;

static sc_code parse(const char *text)
{
    sc_error_clear(&err);
    return sc_yaml_parse(sc_str_from(text), "a.yaml", &arena, &doc, &err);
}

static const sc_doc *at(const sc_doc *from, const char *key)
{
    return sc_doc_get(from, sc_str_from(key));
}

static void documents_keep_order_types_and_places(void **state)
{
    const sc_doc *one;
    const sc_doc *list;

    (void)state;
    assert_int_equal(parse("# comment\n---\nkind: Component\nspec:\n  metadata:\n  - name: a\n    "
                           "value: \"6379\"\n"
                           "  - name: b\n    value: 6379\n  on: yes\n---\n---\nkind: "
                           "'true'\nempty:\nlong: |\n  x\n  y\n"),
                     SC_OK);
    assert_int_equal(doc->count, 2);
    one = sc_doc_at(doc, 0);
    assert_true(sc_str_eq(sc_doc_string(at(one, "kind")), SC_STR("Component")));
    assert_int_equal(at(one, "kind")->line, 3);
    assert_int_equal(at(one, "kind")->column, 7);
    list = at(at(one, "spec"), "metadata");
    assert_int_equal(at(sc_doc_at(list, 0), "value")->kind, SC_DOC_STRING);
    assert_int_equal(at(sc_doc_at(list, 1), "value")->kind, SC_DOC_NUMBER);
    assert_int_equal(sc_doc_at(list, 1)->line, 8);
    assert_true(at(at(one, "spec"), "on")->truth);
    one = sc_doc_at(doc, 1);
    assert_int_equal(at(one, "kind")->kind, SC_DOC_STRING);
    assert_int_equal(at(one, "empty")->kind, SC_DOC_NULL);
    assert_true(sc_str_eq(at(one, "long")->text, SC_STR("x\ny\n")));
}

static void aliases_are_followed(void **state)
{
    (void)state;
    assert_int_equal(parse("a: &x {k: v}\nb: *x\n"), SC_OK);
    assert_true(sc_str_eq(sc_doc_string(at(at(sc_doc_at(doc, 0), "b"), "k")), SC_STR("v")));
}

static void errors_name_the_place(void **state)
{
    (void)state;
    assert_int_equal(parse("a: b\nc: [1, 2\nd: e\n"), SC_INVALID);
    assert_true(sc_str_starts(sc_str_from(err.text), SC_STR("a.yaml:")));
    assert_int_equal(parse("a: *nowhere\n"), SC_INVALID);
    assert_int_equal(parse("\ta: b\n"), SC_INVALID);
}

static void a_small_file_cannot_become_a_large_tree(void **state)
{
    (void)state;
    assert_int_equal(
        parse("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
              "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
              "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e]\n"),
        SC_INVALID);
}

static void scalars_of_resources_are_those_of_kubernetes(void **state)
{
    static const struct {
        const char *text;
        sc_doc_kind kind;
        const char *want;
    } rows[] = {
        {"yes", SC_DOC_BOOL, "true"},
        {"y", SC_DOC_BOOL, "true"},
        {"N", SC_DOC_BOOL, "false"},
        {"Off", SC_DOC_BOOL, "false"},
        {"1.50", SC_DOC_NUMBER, "1.5"},
        {"0777", SC_DOC_NUMBER, "511"},
        {"0x10", SC_DOC_NUMBER, "16"},
        {"1e3", SC_DOC_NUMBER, "1000"},
        {"1_000", SC_DOC_NUMBER, "1000"},
        {"089", SC_DOC_NUMBER, "89"},
        {".5", SC_DOC_NUMBER, "0.5"},
        {"-0", SC_DOC_NUMBER, "0"},
        {"18446744073709551615", SC_DOC_NUMBER, "18446744073709551615"},
        {"2024-01-01", SC_DOC_STRING, "2024-01-01"},
        {"1.2.3", SC_DOC_STRING, "1.2.3"},
        {".", SC_DOC_STRING, "."},
        {"+", SC_DOC_STRING, "+"},
        {".inf", SC_DOC_STRING, ".inf"},
        {"1e999", SC_DOC_STRING, "1e999"},
        {"'yes'", SC_DOC_STRING, "yes"},
        {"\"0777\"", SC_DOC_STRING, "0777"},
        {"~", SC_DOC_NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        sc_str text = sc_arena_fmt(&arena, "v: %s\n", rows[i].text);
        const sc_doc *value;

        assert_int_equal(sc_yaml_parse_resource(text, "a.yaml", 0, &arena, &doc, &err), SC_OK);
        value = at(sc_doc_at(doc, 0), "v");
        if (value->kind != rows[i].kind ||
            (value->kind != SC_DOC_NULL && !sc_str_eq(value->text, sc_str_from(rows[i].want))))
            fail_msg("'%s' is a %s '%.*s'", rows[i].text, sc_doc_kind_name(value->kind),
                     SC_FMT(value->text));
    }
}

static void documents_are_cut_at_separator_lines(void **state)
{
    sc_str rest = SC_STR("---\na: 1\n--- # second\nb: |\n  --- no\n\n---\n---x: 2\n---");
    static const char *const want[] = {"---\na: 1\n", "b: |\n  --- no\n\n", "---x: 2\n", ""};
    static const uint32_t lines_want[] = {3, 4, 2, 0};
    uint32_t count = 0;

    (void)state;
    while (rest.at) {
        uint32_t lines;
        sc_str one = sc_yaml_cut_document(&rest, &lines);

        assert_true(sc_str_eq(one, sc_str_from(want[count])));
        assert_int_equal(lines, lines_want[count]);
        count++;
    }
    assert_int_equal(count, 4);
}

static void places_count_from_the_start_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(
        sc_yaml_parse_resource(SC_STR("a:\n  b: 1\n"), "a.yaml", 10, &arena, &doc, &err), SC_OK);
    assert_int_equal(at(at(sc_doc_at(doc, 0), "a"), "b")->line, 12);
    assert_int_equal(sc_yaml_parse_resource(SC_STR("a: [\n"), "a.yaml", 10, &arena, &doc, &err),
                     SC_INVALID);
    assert_true(sc_str_starts(sc_str_from(err.text), SC_STR("a.yaml:12:")));
    assert_int_equal(
        sc_yaml_parse_resource(SC_STR("a: 1\na: 2\n"), "a.yaml", 0, &arena, &doc, &err), SC_OK);
    assert_true(sc_str_eq(at(sc_doc_at(doc, 0), "a")->text, SC_STR("2")));
    assert_int_equal(parse("a: 1\na: 2\n"), SC_INVALID);
}

/* Of the library's code, in kilobytes. */
static long resident_code(void)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    bool is_it = false;
    long all = 0;
    long one;
    char line[512];

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        if (strstr(line, " r-xp ") || strstr(line, " rw-p ") || strstr(line, " r--p "))
            is_it = strstr(line, " r-xp ") && strstr(line, "libfyaml");
        else if (is_it && sscanf(line, "Rss: %ld kB", &one) == 1)
            all += one;
    }
    (void)fclose(maps);
    return all;
}

static void a_parser_at_rest_is_out_of_memory_and_reads_again(void **state)
{
    (void)state;
    assert_int_equal(parse("a: 1\n"), SC_OK);
    assert_true(resident_code() > 0);
    sc_yaml_rest();
    assert_int_equal(resident_code(), 0);
    assert_int_equal(parse("a: [2, 3]\n"), SC_OK);
    assert_true(sc_str_eq(sc_doc_at(at(sc_doc_at(doc, 0), "a"), 1)->text, SC_STR("3")));
}

static int set_up(void **state)
{
    (void)state;
    sc_arena_init(&arena, NULL);
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    sc_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_keep_order_types_and_places),
        cmocka_unit_test(aliases_are_followed),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(a_small_file_cannot_become_a_large_tree),
        cmocka_unit_test(scalars_of_resources_are_those_of_kubernetes),
        cmocka_unit_test(documents_are_cut_at_separator_lines),
        cmocka_unit_test(places_count_from_the_start_of_the_file),
        cmocka_unit_test(a_parser_at_rest_is_out_of_memory_and_reads_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
