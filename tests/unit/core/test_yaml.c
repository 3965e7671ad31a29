/* SPDX-License-Identifier: MIT
 *
 * YAML resources: documents, types, positions, and errors that name the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
