/* SPDX-License-Identifier: MIT
 *
 * The table "samplingRate, no exporter" of the observability facts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "observe/trace.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

typedef struct fixture {
    sc_tracer tracer;
    sc_arena mem;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    sc_arena_init(&f->mem, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    sc_arena_deinit(&f->mem);
    free(f);
    return 0;
}

static void set_rate(fixture *f, const char *rate)
{
    sc_tracing_settings settings = {.sampling_rate = sc_str_from(rate)};

    sc_tracer_init(&f->tracer, &settings, NULL);
}

static sc_trace begin(fixture *f, const char *parent, const char *tracestate)
{
    return sc_trace_begin(&f->tracer, sc_str_from(parent), sc_str_from(tracestate), &f->mem);
}

static bool ends(sc_str text, const char *end)
{
    return sc_str_ends(text, sc_str_from(end));
}

static bool is_child(sc_str text, const char *end)
{
    return text.len == SC_TRACEPARENT_LEN && sc_str_starts(text, SC_STR("00-" TRACE "-")) &&
           !sc_str_starts(text, SC_STR("00-" TRACE "-" SPAN)) && ends(text, end) &&
           sc_traceparent_is_valid(text);
}

static void without_a_rate_what_came_goes_on(void **state)
{
    fixture *f = *state;
    sc_trace trace;

    set_rate(f, "");
    assert_int_equal(begin(f, "", "").parent.len, 0);
    assert_int_equal(begin(f, "nonsense", "a=b").state.len, 0);
    trace = begin(f, "00-" TRACE "-" SPAN "-01", "a=b");
    assert_true(sc_str_eq(trace.parent, SC_STR("00-" TRACE "-" SPAN "-01")));
    assert_true(sc_str_eq(trace.state, SC_STR("a=b")));
    trace = begin(f, "01-" TRACE "-" SPAN "-03-x", "");
    assert_true(sc_str_eq(trace.parent, SC_STR("00-" TRACE "-" SPAN "-01")));
}

static void rate_zero_reads_and_makes_nothing(void **state)
{
    fixture *f = *state;

    set_rate(f, "0");
    assert_int_equal(f->tracer.mode, SC_TRACE_OFF);
    assert_int_equal(begin(f, "00-" TRACE "-" SPAN "-01", "a=b").parent.len, 0);
    set_rate(f, "0.0");
    assert_int_equal(f->tracer.mode, SC_TRACE_OFF);
}

static void rate_one_samples_roots_and_follows_callers(void **state)
{
    fixture *f = *state;
    sc_str root;

    set_rate(f, "1");
    root = begin(f, "", "").parent;
    assert_true(sc_traceparent_is_valid(root) && ends(root, "-01"));
    assert_false(sc_str_eq(root, begin(f, "", "").parent));
    assert_true(is_child(begin(f, "00-" TRACE "-" SPAN "-01", "").parent, "-01"));
    assert_true(is_child(begin(f, "00-" TRACE "-" SPAN "-00", "").parent, "-00"));
    assert_true(
        is_child(sc_trace_child(&f->tracer, SC_STR("00-" TRACE "-" SPAN "-01"), &f->mem), "-01"));
}

static void unreadable_and_negative_rates_sample_next_to_nothing(void **state)
{
    fixture *f = *state;
    const char *const rates[] = {"abc", "-1"};

    for (size_t i = 0; i < 2; i++) {
        set_rate(f, rates[i]);
        assert_true(is_child(begin(f, "00-" TRACE "-" SPAN "-01", "").parent, "-01"));
        assert_true(sc_traceparent_is_valid(begin(f, "", "").parent));
    }
    assert_true(ends(begin(f, "", "").parent, "-00")); /* -1 */
}

static void fraction_samples_about_so_many_roots(void **state)
{
    fixture *f = *state;
    int sampled = 0;

    set_rate(f, "0.25");
    for (int i = 0; i < 4000; i++)
        sampled += ends(begin(f, "", "").parent, "-01");
    assert_in_range(sampled, 800, 1200);
}

static void exporter_alone_makes_spans(void **state)
{
    fixture *f = *state;
    sc_tracing_settings settings = {.zipkin_address = SC_STR("http://localhost:9411/api/v2/spans")};

    sc_tracer_init(&f->tracer, &settings, NULL);
    assert_int_equal(f->tracer.mode, SC_TRACE_MAKE);
}

static void binary_parent_is_as_good_as_text(void **state)
{
    fixture *f = *state;
    sc_trace_context context;
    char bytes[SC_TRACE_BIN_LEN];
    sc_trace trace;

    assert_true(sc_traceparent_parse(SC_STR("00-" TRACE "-" SPAN "-01"), &context));
    set_rate(f, "");
    trace = sc_trace_begin_bin(&f->tracer, sc_trace_bin_format(&context, bytes), SC_STR("a=b"),
                               &f->mem);
    assert_true(sc_str_eq(trace.parent, SC_STR("00-" TRACE "-" SPAN "-01")));
    assert_true(sc_str_eq(trace.state, SC_STR("a=b")));
    assert_int_equal(
        sc_trace_begin_bin(&f->tracer, SC_STR("short"), SC_STR_NONE, &f->mem).parent.len, 0);
}

static void long_and_unprintable_states_are_left_out(void **state)
{
    fixture *f = *state;
    char text[600];

    set_rate(f, "");
    memset(text, 'a', sizeof(text));
    assert_int_equal(sc_trace_begin(&f->tracer, SC_STR("00-" TRACE "-" SPAN "-01"),
                                    sc_str_of(text, 513), &f->mem)
                         .state.len,
                     0);
    assert_int_equal(sc_trace_begin(&f->tracer, SC_STR("00-" TRACE "-" SPAN "-01"),
                                    sc_str_of(text, 512), &f->mem)
                         .state.len,
                     512);
    assert_int_equal(begin(f, "00-" TRACE "-" SPAN "-01", "a=b\r\nx: y").state.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_rate_what_came_goes_on),
        TEST(rate_zero_reads_and_makes_nothing),
        TEST(rate_one_samples_roots_and_follows_callers),
        TEST(unreadable_and_negative_rates_sample_next_to_nothing),
        TEST(fraction_samples_about_so_many_roots),
        TEST(exporter_alone_makes_spans),
        TEST(binary_parent_is_as_good_as_text),
        TEST(long_and_unprintable_states_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
