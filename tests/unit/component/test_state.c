/* SPDX-License-Identifier: MIT
 *
 * The state contract: bulk gets over single ones, what stores read from metadata, queries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "component/state.h"

/* ---- bulk get ---- */

typedef struct slow_store {
    sc_state_get_op *waiting[16];
    size_t count;
    size_t most;
} slow_store;

static void hold(void *at, sc_state_get_op *op)
{
    slow_store *self = at;

    self->waiting[self->count++] = op;
    if (self->count > self->most)
        self->most = self->count;
}

/* Answers the newest: completions come in any order. */
static void answer_one(slow_store *self)
{
    sc_state_get_op *op = self->waiting[--self->count];

    if (sc_str_eq(op->key, SC_STR("bad"))) {
        sc_op_fail(&op->op, SC_UNAVAILABLE, "gone");
        return;
    }
    op->out.is_found = true;
    op->out.value = op->key;
    sc_op_finish(&op->op);
}

static bool is_done;

static void on_done(sc_op *op)
{
    (void)op;
    is_done = true;
}

static void read_all(size_t parallelism, size_t expected_most)
{
    static const sc_state_ops ops = {.get = hold};
    static const sc_str keys[] = {SC_STR_INIT("a"), SC_STR_INIT("bad"), SC_STR_INIT("c"),
                                  SC_STR_INIT("a"), SC_STR_INIT("e")};
    slow_store self = {0};
    sc_state state = {.ops = &ops, .self = &self};
    sc_state_bulk_get_op op = {.keys = keys, .count = 5, .parallelism = parallelism};
    sc_op_queue queue;
    sc_arena mem;

    sc_arena_init(&mem, NULL);
    sc_op_queue_init(&queue, NULL);
    sc_op_init(&op.op, &queue, &mem, on_done);
    is_done = false;
    sc_state_bulk_get(&state, &op);
    while (!is_done) {
        assert_true(self.count > 0);
        answer_one(&self);
        while (sc_op_queue_run(&queue, 10) > 0)
            ;
    }
    assert_int_equal(self.most, expected_most);
    assert_int_equal(op.row_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(sc_str_eq(op.rows[i].key, keys[i]));
        assert_int_equal(op.rows[i].value.is_found, i != 1);
    }
    assert_true(sc_str_eq(op.rows[1].error, SC_STR("gone")));
    assert_int_equal(op.op.err.code, SC_OK);
    sc_arena_deinit(&mem);
}

static void bulk_get_keeps_the_order_and_the_parallelism(void **state)
{
    (void)state;
    read_all(0, 5);
    read_all(1, 1);
    read_all(3, 3);
    read_all(100, 5);
}

static void bulk_get_of_nothing_completes_later(void **state)
{
    static const sc_state_ops ops = {.get = hold};
    sc_state store = {.ops = &ops};
    sc_state_bulk_get_op op = {0};
    sc_op_queue queue;
    sc_arena mem;

    (void)state;
    sc_arena_init(&mem, NULL);
    sc_op_queue_init(&queue, NULL);
    sc_op_init(&op.op, &queue, &mem, on_done);
    is_done = false;
    sc_state_bulk_get(&store, &op);
    assert_false(is_done);
    assert_int_equal(sc_op_queue_run(&queue, 10), 1);
    assert_true(is_done);
    sc_arena_deinit(&mem);
}

/* ---- numbers and metadata ---- */

static void integers_are_read_as_go_reads_them(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
        const char *error; /* NULL: fine */
    } rows[] = {
        {"0", 0, NULL},
        {"02", 2, NULL},
        {"+7", 7, NULL},
        {"-5", -5, NULL},
        {"9223372036854775807", INT64_MAX, NULL},
        {"9223372036854775808", 0, "f: parsing \"9223372036854775808\": value out of range"},
        {"", 0, "f: parsing \"\": invalid syntax"},
        {"-", 0, "f: parsing \"-\": invalid syntax"},
        {"1.5", 0, "f: parsing \"1.5\": invalid syntax"},
        {" 1", 0, "f: parsing \" 1\": invalid syntax"},
        {"+-1", 0, "f: parsing \"+-1\": invalid syntax"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        int64_t value = 0;
        sc_error err = {0};
        sc_code code = sc_go_parse_int(sc_str_from(rows[i].text), "f", &value, &err);

        assert_int_equal(code, rows[i].error ? SC_INVALID : SC_OK);
        assert_int_equal(value, rows[i].value);
        if (rows[i].error)
            assert_string_equal(err.text, rows[i].error);
    }
}

static void a_time_to_live_is_set_or_not(void **state)
{
    sc_state_ttl ttl;
    sc_pairs metadata = {0};
    sc_arena mem;
    sc_error err;

    (void)state;
    sc_arena_init(&mem, NULL);
    assert_int_equal(sc_state_read_ttl(NULL, "f", &ttl, &err), SC_OK);
    assert_false(ttl.is_set);
    sc_pairs_add(&metadata, &mem, SC_STR("TTLINSECONDS"), SC_STR("9")); /* names are exact */
    assert_int_equal(sc_state_read_ttl(&metadata, "f", &ttl, &err), SC_OK);
    assert_false(ttl.is_set);
    sc_pairs_add(&metadata, &mem, SC_STR("ttlInSeconds"), SC_STR("-1"));
    assert_int_equal(sc_state_read_ttl(&metadata, "f", &ttl, &err), SC_OK);
    assert_true(ttl.is_set);
    assert_int_equal(ttl.seconds, -1);
    sc_arena_deinit(&mem);
}

/* ---- queries ---- */

static void queries_are_read(void **state)
{
    sc_str text = SC_STR("{\"filter\":{\"AND\":[{\"EQ\":{\"a.b\":\"x\"}},{\"IN\":{\"n\":[1,2]}}]},"
                         "\"sort\":[{\"key\":\"n\"},{\"key\":\"a.b\",\"order\":\"DESC\"}],"
                         "\"page\":{\"limit\":3,\"token\":\"6\"}}");
    sc_state_query query;
    sc_arena mem;
    sc_error err;

    (void)state;
    sc_arena_init(&mem, NULL);
    assert_int_equal(sc_state_query_parse(text, &mem, &query, &err), SC_OK);
    assert_int_equal(query.filter->kind, SC_FILTER_AND);
    assert_int_equal(query.filter->part_count, 2);
    assert_true(sc_str_eq(query.filter->parts[0]->path, SC_STR("a.b")));
    assert_int_equal(query.filter->parts[1]->value->count, 2);
    assert_int_equal(query.sort_count, 2);
    assert_false(query.sorts[0].is_descending);
    assert_true(query.sorts[1].is_descending);
    assert_int_equal(query.limit, 3);
    assert_true(sc_str_eq(query.token, SC_STR("6")));
    assert_int_equal(sc_state_query_parse(SC_STR("{}"), &mem, &query, &err), SC_OK);
    assert_null(query.filter);
    sc_arena_deinit(&mem);
}

static void deep_filters_are_refused_not_followed(void **state)
{
    sc_buf text = {0};
    sc_state_query query;
    sc_arena mem;
    sc_error err;

    (void)state;
    sc_arena_init(&mem, NULL);
    sc_buf_add_str(&text, SC_STR("{\"filter\":"));
    for (int i = 0; i < 5000; i++)
        sc_buf_add_str(&text, SC_STR("{\"OR\":["));
    assert_int_equal(sc_state_query_parse(sc_buf_str(&text), &mem, &query, &err), SC_INVALID);
    sc_buf_deinit(&text);
    sc_arena_deinit(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bulk_get_keeps_the_order_and_the_parallelism),
        cmocka_unit_test(bulk_get_of_nothing_completes_later),
        cmocka_unit_test(integers_are_read_as_go_reads_them),
        cmocka_unit_test(a_time_to_live_is_set_or_not),
        cmocka_unit_test(queries_are_read),
        cmocka_unit_test(deep_filters_are_refused_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
