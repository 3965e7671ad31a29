/* SPDX-License-Identifier: MIT
 *
 * Strings, buffers, arenas, maps, errors and ops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/call.h"
#include "core/map.h"
#include "core/pairs.h"

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    uint64_t n = 7;
    int64_t i = 0;

    (void)state;
    assert_true(sc_str_to_u64(SC_STR("18446744073709551615"), &n));
    assert_true(n == UINT64_MAX);
    assert_false(sc_str_to_u64(SC_STR("18446744073709551616"), &n));
    assert_false(sc_str_to_u64(SC_STR(""), &n));
    assert_false(sc_str_to_u64(SC_STR("1a"), &n));
    assert_true(sc_str_to_i64(SC_STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(sc_str_to_i64(SC_STR("-"), &i));
}

static void utf8_refuses_surrogates_and_overlong_forms(void **state)
{
    (void)state;
    assert_true(sc_str_is_utf8(SC_STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80")));
    assert_false(sc_str_is_utf8(SC_STR("\xed\xa0\x80")));
    assert_false(sc_str_is_utf8(SC_STR("\xc0\xaf")));
    assert_false(sc_str_is_utf8(SC_STR("\xf4\x90\x80\x80")));
    assert_false(sc_str_is_utf8(SC_STR("\xe2\x82")));
}

static void cutting_walks_the_parts(void **state)
{
    sc_str rest = SC_STR("a,,b");

    (void)state;
    assert_true(sc_str_eq(sc_str_cut(&rest, ','), SC_STR("a")));
    assert_true(sc_str_eq(sc_str_cut(&rest, ','), SC_STR("")));
    assert_non_null(rest.at);
    assert_true(sc_str_eq(sc_str_cut(&rest, ','), SC_STR("b")));
    assert_null(rest.at);
}

static void a_buffer_keeps_what_was_not_eaten(void **state)
{
    sc_buf buf = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        sc_buf_add_fmt(&buf, "%04d", i);
        if (i % 3 == 0)
            sc_buf_eat(&buf, 4);
    }
    assert_int_equal(sc_buf_len(&buf), 4 * (1000 - 334));
    assert_true(sc_str_starts(sc_buf_str(&buf), SC_STR("0334")));
    sc_buf_deinit(&buf);
}

static void an_arena_serves_small_and_large_pieces(void **state)
{
    sc_arena_pool pool;
    sc_arena arena;

    (void)state;
    sc_arena_pool_init(&pool, 4);
    sc_arena_init(&arena, NULL);
    for (size_t size = 1; size < 20000; size = size * 3 / 2 + 1) {
        char *one = sc_arena_alloc(&arena, size);
        char *other = sc_arena_alloc(&arena, size);

        memset(one, 0x5a, size);
        memset(other, 0xa5, size);
        assert_int_equal(one[size - 1], 0x5a);
        assert_int_equal((uintptr_t)other % _Alignof(max_align_t), 0);
    }
    sc_arena_deinit(&arena);
    for (int round = 0; round < 3; round++) {
        sc_arena_init(&arena, &pool);
        for (size_t size = 1; size < 20000; size = size * 2 + 1)
            memset(sc_arena_alloc(&arena, size), 0x5a, size);
        assert_true(sc_str_eq(sc_arena_fmt(&arena, "%d-%s", 7, "x"), SC_STR("7-x")));
        sc_arena_deinit(&arena);
    }
    sc_arena_pool_deinit(&pool);
}

static void what_is_appended_in_an_arena_stays_in_one_piece(void **state)
{
    sc_arena mem;
    sc_str text = SC_STR_NONE;
    size_t cap = 0;

    (void)state;
    sc_arena_init(&mem, NULL);
    assert_true(sc_arena_append(&mem, &text, &cap, NULL, 0));
    assert_int_equal(text.len, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(sc_arena_append(&mem, &text, &cap, sc_arena_fmt(&mem, "%04d", i).at, 4));
    assert_int_equal(text.len, 4000);
    assert_in_range(cap, 4000, 8000);
    for (int i = 0; i < 1000; i++)
        assert_true(sc_str_eq(sc_str_sub(text, (size_t)i * 4, (size_t)i * 4 + 4),
                              sc_arena_fmt(&mem, "%04d", i)));
    sc_arena_deinit(&mem);
}

/* Each byte value at each place of texts around the width of the scan. */
static void only_ascii_letters_are_lowered(void **state)
{
    sc_arena mem;

    (void)state;
    sc_arena_init(&mem, NULL);
    for (size_t len = 1; len <= 17; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[17];
                bool is_upper = byte >= 'A' && byte <= 'Z';
                sc_str lowered;

                memset(text, 'a', sizeof(text));
                text[at] = (char)byte;
                lowered = sc_arena_lower(&mem, sc_str_of(text, len));
                assert_int_equal(lowered.at != text, is_upper);
                assert_int_equal(lowered.len, len);
                assert_int_equal((unsigned char)lowered.at[at], is_upper ? byte + 32 : byte);
                assert_int_equal(lowered.at[len - 1 - at],
                                 at == len - 1 - at ? lowered.at[at] : 'a');
                assert_true(sc_str_eq_nocase(lowered, sc_str_of(text, len)));
            }
        }
    }
    sc_arena_deinit(&mem);
}

static void a_map_finds_what_was_put_and_not_what_was_removed(void **state)
{
    static int values[500];
    sc_map map;
    char key[16];

    (void)state;
    sc_map_init(&map);
    for (size_t i = 0; i < 500; i++) {
        int len = snprintf(key, sizeof(key), "k%zu", i);
        assert_null(sc_map_put(&map, sc_str_of(key, (size_t)len), &values[i]));
    }
    for (size_t i = 0; i < 500; i += 2) {
        int len = snprintf(key, sizeof(key), "k%zu", i);
        assert_ptr_equal(sc_map_remove(&map, sc_str_of(key, (size_t)len)), &values[i]);
    }
    assert_null(sc_map_get(&map, SC_STR("k10")));
    assert_ptr_equal(sc_map_get(&map, SC_STR("k11")), &values[11]);
    assert_int_equal(map.count, 250);
    sc_map_deinit(&map);
}

static void a_long_error_text_is_cut_visibly(void **state)
{
    sc_error err;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(sc_fail(&err, SC_INVALID, "%s", text), SC_INVALID);
    assert_true(sc_str_ends(sc_str_from(err.text), SC_STR("...")));
    assert_int_equal(sc_error_context(&err, "file '%s'", "a.yaml"), SC_INVALID);
    assert_true(sc_str_starts(sc_str_from(err.text), SC_STR("file 'a.yaml': ")));
}

static int done_count;

static void on_done(sc_op *op)
{
    (void)op;
    done_count++;
}

static void an_op_completes_later_and_once(void **state)
{
    sc_op_queue queue;
    sc_op op;

    (void)state;
    sc_op_queue_init(&queue, NULL);
    sc_op_init(&op, &queue, NULL, on_done);
    sc_op_fail(&op, SC_UNAVAILABLE, "gone");
    assert_int_equal(done_count, 0);
    assert_int_equal(sc_op_queue_run(&queue, 10), 1);
    assert_int_equal(done_count, 1);
    assert_int_equal(sc_op_queue_run(&queue, 10), 0);
    assert_string_equal(op.err.text, "gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(utf8_refuses_surrogates_and_overlong_forms),
        cmocka_unit_test(cutting_walks_the_parts),
        cmocka_unit_test(a_buffer_keeps_what_was_not_eaten),
        cmocka_unit_test(an_arena_serves_small_and_large_pieces),
        cmocka_unit_test(what_is_appended_in_an_arena_stays_in_one_piece),
        cmocka_unit_test(only_ascii_letters_are_lowered),
        cmocka_unit_test(a_map_finds_what_was_put_and_not_what_was_removed),
        cmocka_unit_test(a_long_error_text_is_cut_visibly),
        cmocka_unit_test(an_op_completes_later_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
