/* SPDX-License-Identifier: MIT
 *
 * The JSON scanner: the public conformance suite where it is there, and our own corner cases.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wire/json.h"

static sc_arena arena;
static sc_buf out;

static sc_str written(const sc_doc *doc, bool is_sorted)
{
    sc_buf_clear(&out);
    sc_json_add_doc(&out, doc, is_sorted);
    return sc_buf_str(&out);
}

static void check_file(const char *folder, const char *name, int *checked)
{
    static char text[1 << 20];
    char path[512];
    FILE *file;
    size_t len;
    bool ok;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    ok = sc_json_is_valid(sc_str_of(text, len));
    if (name[0] == 'y' && !ok)
        fail_msg("%s is refused", name);
    if (name[0] == 'n' && ok)
        fail_msg("%s is accepted", name);
    (*checked)++; /* an i_ file may go either way: it only must do no harm */
}

static void the_conformance_suite_is_met(void **state)
{
    char folder[512] = TEST_DATA_DIR "/json-test-suite";
    struct dirent *entry;
    DIR *dir;
    int checked = 0;

    (void)state;
    dir = opendir(TEST_DATA_DIR "/json-test-suite/test_parsing");
    if (dir)
        (void)snprintf(folder, sizeof(folder), "%s/json-test-suite/test_parsing", TEST_DATA_DIR);
    else
        dir = opendir(folder);
    if (!dir) {
        print_message("no conformance data at %s\n", folder);
        skip();
    }
    while ((entry = readdir(dir)) != NULL) {
        if (sc_str_ends(sc_str_from(entry->d_name), SC_STR(".json")))
            check_file(folder, entry->d_name, &checked);
    }
    closedir(dir);
    print_message("%d files\n", checked);
    assert_int_equal(checked, 318); /* y_ 95, n_ 188, i_ 35: the whole suite */
}

static void documents_survive_a_round_trip(void **state)
{
    sc_str text = SC_STR(
        "{\"b\":[1,2.50,-1e400,{}],\"a\":\"x\\ud83d\\ude00\\n\",\"n\":null,\"t\":true,\"a\":7}");
    sc_doc *doc;
    sc_error err;

    (void)state;
    assert_int_equal(sc_json_parse(text, &arena, &doc, NULL, &err), SC_OK);
    assert_true(sc_str_eq(sc_doc_get(doc, SC_STR("a"))->text, SC_STR("7")));
    assert_true(
        sc_str_eq(written(doc, false),
                  SC_STR("{\"b\":[1,2.50,-1e400,{}],\"a\":\"x\xf0\x9f\x98\x80\\n\",\"n\":null,"
                         "\"t\":true,\"a\":7}")));
    assert_true(sc_str_eq(written(doc, true),
                          SC_STR("{\"a\":7,\"b\":[1,2.50,-1e400,{}],\"n\":null,\"t\":true}")));
}

static void strings_are_escaped_as_go_does(void **state)
{
    (void)state;
    sc_buf_clear(&out);
    sc_json_add_string(&out, SC_STR("<a&b>\xe2\x80\xa8\x01\xff\x7f\"\\\t\xc3\xbc"));
    assert_true(sc_str_eq(
        sc_buf_str(&out),
        SC_STR("\"\\u003ca\\u0026b\\u003e\\u2028\\u0001\\ufffd\x7f\\\"\\\\\\t\xc3\xbc\"")));
}

static void lone_surrogates_and_broken_bytes_are_replaced(void **state)
{
    sc_doc *doc;
    sc_error err;

    (void)state;
    assert_int_equal(sc_json_parse(SC_STR("\"\\ud800x\\udc00\xff\""), &arena, &doc, NULL, &err),
                     SC_OK);
    assert_true(sc_str_eq(doc->text, SC_STR("\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd")));
}

static void what_follows_the_first_value_is_left(void **state)
{
    sc_str value;
    sc_str rest;
    sc_error err;

    (void)state;
    assert_int_equal(sc_json_scan(SC_STR(" {\"a\" : 1} x"), &value, &rest, &err), SC_OK);
    assert_true(sc_str_eq(value, SC_STR("{\"a\" : 1}")));
    assert_true(sc_str_eq(rest, SC_STR("x")));
    assert_int_equal(sc_json_scan(SC_STR("\n {\"a\":x}"), &value, &rest, &err), SC_INVALID);
    assert_string_equal(err.text,
                        "invalid character 'x' looking for beginning of value (line 2, column 7)");
    assert_int_equal(sc_json_scan(SC_STR(""), &value, &rest, &err), SC_INVALID);
}

static void members_are_walked_in_place(void **state)
{
    sc_str at = SC_STR("{ \"id\" : \"a\\\"b\", \"data\":{\"x\":[1,{}]},\"n\":1 }");
    sc_str key;
    sc_str value;

    (void)state;
    assert_true(sc_json_next_member(&at, &key, &value));
    assert_true(sc_str_eq(key, SC_STR("id")));
    assert_true(sc_str_eq(sc_json_unquote(value, &arena), SC_STR("a\"b")));
    assert_true(sc_json_next_member(&at, &key, &value));
    assert_true(sc_str_eq(value, SC_STR("{\"x\":[1,{}]}")));
    assert_true(sc_json_next_member(&at, &key, &value));
    assert_true(sc_str_eq(value, SC_STR("1")));
    assert_false(sc_json_next_member(&at, &key, &value));
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
    sc_buf_deinit(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_conformance_suite_is_met),
        cmocka_unit_test(documents_survive_a_round_trip),
        cmocka_unit_test(strings_are_escaped_as_go_does),
        cmocka_unit_test(lone_surrogates_and_broken_bytes_are_replaced),
        cmocka_unit_test(what_follows_the_first_value_is_left),
        cmocka_unit_test(members_are_walked_in_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
