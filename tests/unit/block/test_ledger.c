/* SPDX-License-Identifier: MIT
 *
 * The ledger: the newest entries are there, whole and in order, whatever their lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "block/ledger.h"

#define LONGEST                                                                                    \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxx"

static void write_entry(sc_ledger *ledger, unsigned number, size_t reason_len)
{
    char id[16];
    sc_ledger_note note = {.step = SC_LEDGER_RETRYING,
                           .id = sc_str_of(id, (size_t)snprintf(id, sizeof(id), "%u", number)),
                           .pubsub = SC_STR("pubsub"),
                           .topic = number % 2 ? SC_STR("odd") : SC_STR("even"),
                           .reason = sc_str_of(LONGEST, reason_len),
                           .attempt = number};

    sc_ledger_write(ledger, &note);
}

static sc_buf read_all(const sc_ledger *ledger, sc_str id, sc_str topic)
{
    sc_ledger_query query = {.id = id, .topic = topic, .limit = 1000000};
    sc_buf text = {0};

    sc_ledger_read(ledger, &query, &text);
    sc_buf_add_byte(&text, '\0');
    return text;
}

/* How many entries `text` has, which are those up to `newest`, the newest first, `step` apart. */
static unsigned count_in_order(const char *text, unsigned newest, unsigned step)
{
    unsigned count = 0;
    char expected[96];

    for (const char *at = text; (at = strstr(at, "\"id\":")) != NULL; at++) {
        unsigned number = newest - count++ * step;

        snprintf(expected, sizeof(expected), "\"id\":\"%u\",\"pubsub\":\"pubsub\",\"topic\":\"%s\"",
                 number, number % 2 ? "odd" : "even");
        assert_memory_equal(at, expected, strlen(expected));
        snprintf(expected, sizeof(expected), "\"attempt\":%u}", number);
        assert_non_null(strstr(at, expected));
    }
    return count;
}

static void the_newest_entries_are_there_in_order(void **state)
{
    const uint32_t size = 2000;
    sc_ledger *ledger = sc_ledger_new(size);
    unsigned most = 0;

    (void)state;
    for (unsigned number = 1; number <= 3000; number++) {
        sc_buf text;
        unsigned count;

        write_entry(ledger, number, (number * 37 + number / 7) % sizeof(LONGEST));
        text = read_all(ledger, SC_STR_NONE, SC_STR_NONE);
        count = count_in_order(sc_buf_at(&text), number, 1);
        assert_in_range(count, number < size / 256 - 2 ? number : size / 256 - 2, number);
        most = count > most ? count : most;
        sc_buf_deinit(&text);
    }
    assert_in_range(most, 16, size / 40);
    sc_ledger_free(ledger);
}

static void entries_are_found_by_id_and_topic(void **state)
{
    sc_ledger *ledger = sc_ledger_new(1u << 16);
    sc_buf text;

    (void)state;
    for (unsigned number = 1; number <= 100; number++)
        write_entry(ledger, number, 10);
    text = read_all(ledger, SC_STR_NONE, SC_STR("odd"));
    assert_int_equal(count_in_order(sc_buf_at(&text), 99, 2), 50);
    sc_buf_deinit(&text);
    text = read_all(ledger, SC_STR("42"), SC_STR("even"));
    assert_int_equal(count_in_order(sc_buf_at(&text), 42, 1), 1);
    sc_buf_deinit(&text);
    sc_ledger_free(ledger);
}

static void an_empty_ledger_has_no_entries(void **state)
{
    sc_ledger *ledger = sc_ledger_new(0);
    sc_buf text = read_all(ledger, SC_STR_NONE, SC_STR_NONE);

    (void)state;
    assert_string_equal(sc_buf_at(&text), "{\"messages\":[]}");
    sc_buf_deinit(&text);
    sc_ledger_free(ledger);
}

static void long_texts_are_cut(void **state)
{
    sc_ledger *ledger = sc_ledger_new(0);
    sc_ledger_note note = {
        .id = SC_STR(LONGEST), .topic = SC_STR(LONGEST), .reason = SC_STR(LONGEST)};
    sc_buf text;

    (void)state;
    for (int i = 0; i < 10; i++)
        sc_ledger_write(ledger, &note);
    text = read_all(ledger, SC_STR(LONGEST), SC_STR(LONGEST));
    assert_non_null(strstr(sc_buf_at(&text), "\"id\":\"xxxx"));
    assert_true(sc_buf_len(&text) < 5 * 400);
    sc_buf_deinit(&text);
    sc_ledger_free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_entries_are_there_in_order),
        cmocka_unit_test(entries_are_found_by_id_and_topic),
        cmocka_unit_test(an_empty_ledger_has_no_entries),
        cmocka_unit_test(long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
