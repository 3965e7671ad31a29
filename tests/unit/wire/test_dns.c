/* SPDX-License-Identifier: MIT
 *
 * DNS messages: what is written is read back, and what is not well-formed is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/dns.h"

#define BYTES(literal) sc_str_of((literal), sizeof(literal) - 1)

static sc_dns_name name_of(const char *text)
{
    sc_dns_name name;
    sc_error err;

    assert_int_equal(sc_dns_name_from(sc_str_from(text), &name, &err), SC_OK);
    return name;
}

/* Opens a copy of exactly this size, so that a read behind its end is found. */
static sc_code open_copy(sc_str bytes)
{
    char *copy = malloc(bytes.len + 1);
    sc_dns_message message;
    sc_error err;
    sc_code code;

    assert_non_null(copy);
    if (bytes.len > 0)
        memcpy(copy + 1, bytes.at, bytes.len);
    code = sc_dns_open(sc_str_of(copy + 1, bytes.len), &message, &err);
    if (code != SC_OK)
        assert_true(err.text[0] != '\0');
    free(copy);
    return code;
}

static void assert_bytes(sc_str got, sc_str want)
{
    if (!sc_str_eq(got, want)) {
        for (size_t i = 0; i < got.len; i++)
            print_message("\\x%02x", (unsigned)(uint8_t)got.at[i]);
        fail_msg("%zu bytes, not the %zu that were expected", got.len, want.len);
    }
}

static void names_are_labels(void **state)
{
    static const char *const wrong[] = {
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a..",
        "1234567890123456789012345678901234567890123456789012345678901234.local",
    };
    sc_dns_name name = name_of("orders.local");
    char text[300];
    sc_error err;

    (void)state;
    assert_bytes(sc_dns_name_bytes(&name), BYTES("\6orders\5local\0"));
    name = name_of("orders.local.");
    assert_bytes(sc_dns_name_bytes(&name), BYTES("\6orders\5local\0"));
    assert_bytes(sc_dns_parent(sc_dns_name_bytes(&name)), BYTES("\5local\0"));
    assert_bytes(sc_dns_parent(BYTES("\5local\0")), BYTES("\0"));
    assert_int_equal(sc_dns_parent(BYTES("\0")).len, 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(wrong); i++)
        assert_int_equal(sc_dns_name_from(sc_str_from(wrong[i]), &name, &err), SC_INVALID);
    memset(text, 'a', sizeof(text));
    for (size_t i = 50; i < sizeof(text); i += 50)
        text[i] = '.';
    assert_int_equal(sc_dns_name_from(sc_str_of(text, 253), &name, &err), SC_OK);
    assert_int_equal(name.len, 255);
    assert_int_equal(sc_dns_name_from(sc_str_of(text, 254), &name, &err), SC_INVALID);
    assert_non_null(strstr(err.text, "longer than 255 bytes"));
}

static void a_question_is_these_bytes(void **state)
{
    sc_dns_name name = name_of("orders.local");
    sc_dns_writer writer;
    sc_buf buf = {0};

    (void)state;
    sc_dns_begin(&writer, &buf, 0, 0);
    sc_dns_add_question(&writer, &name, SC_DNS_PTR);
    assert_bytes(sc_buf_str(&buf), BYTES("\0\0\0\0\0\1\0\0\0\0\0\0\6orders\5local\0\0\x0c\0\1"));
    sc_buf_deinit(&buf);
}

/* A PTR record, then SRV, TXT and addresses of a host, as an answer has them. */
static void write_answer(sc_buf *buf)
{
    sc_dns_name service = name_of("orders.local");
    sc_dns_name instance = name_of("host:7.orders.local");
    sc_dns_name host = name_of("host.local");
    sc_dns_head head = {.section = SC_DNS_ANSWER, .name = &service, .ttl_s = 3200};
    sc_dns_writer writer;

    sc_dns_begin(&writer, buf, 0x1234, SC_DNS_RESPONSE | SC_DNS_AUTHORITATIVE);
    sc_dns_add_ptr(&writer, &head, &instance);
    head = (sc_dns_head){SC_DNS_ADDITIONAL, &instance, true, 0x01020304};
    sc_dns_add_srv(&writer, &head, 50002, &host);
    sc_dns_add_txt(&writer, &head, SC_STR("orders"));
    head = (sc_dns_head){SC_DNS_ADDITIONAL, &host, false, 120};
    sc_dns_add_address(&writer, &head, BYTES("\x0a\0\0\1"));
    sc_dns_add_address(&writer, &head, BYTES("\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
}

static void an_answer_is_these_bytes(void **state)
{
    sc_buf buf = {.from = 0};

    (void)state;
    sc_buf_add(&buf, "before", 6); /* references count from the start of the message */
    write_answer(&buf);
    assert_bytes(sc_str_sub(sc_buf_str(&buf), 6, sc_buf_len(&buf)),
                 BYTES("\x12\x34\x84\0\0\0\0\1\0\0\0\4"
                       "\6orders\5local\0\0\x0c\0\1\0\0\x0c\x80\0\x09"
                       "\6host:7\xc0\x0c"
                       "\xc0\x24\0\x21\x80\1\1\2\3\4\0\x12\0\0\0\0\xc3\x52\4host\5local\0"
                       "\xc0\x24\0\x10\x80\1\1\2\3\4\0\7\6orders"
                       "\4host\xc0\x13\0\1\0\1\0\0\0\x78\0\4\x0a\0\0\1"
                       "\xc0\x5e\0\x1c\0\1\0\0\0\x78\0\x10\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1"));
    sc_buf_deinit(&buf);
}

static void what_was_written_is_read(void **state)
{
    sc_dns_name service = name_of("orders.local");
    sc_dns_name instance = name_of("host:7.orders.local");
    sc_dns_name host = name_of("host.local");
    sc_dns_walk walk = {0};
    sc_dns_message message;
    sc_dns_record record;
    sc_buf buf = {0};
    sc_error err;

    (void)state;
    write_answer(&buf);
    assert_int_equal(sc_dns_open(sc_buf_str(&buf), &message, &err), SC_OK);
    assert_int_equal(message.id, 0x1234);
    assert_true(message.flags & SC_DNS_RESPONSE);
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.type, SC_DNS_PTR);
    assert_int_equal(record.section, SC_DNS_ANSWER);
    assert_true(sc_dns_name_eq(&record.name, &service));
    assert_true(sc_dns_name_eq(&record.target, &instance));
    assert_false(record.is_flush);
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.type, SC_DNS_SRV);
    assert_int_equal(record.section, SC_DNS_ADDITIONAL);
    assert_int_equal(record.class_, 1);
    assert_int_equal(record.ttl_s, 0x01020304);
    assert_int_equal(record.port, 50002);
    assert_true(record.is_flush);
    assert_true(sc_dns_name_eq(&record.target, &host));
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_true(sc_str_eq(sc_dns_first_text(&record), SC_STR("orders")));
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.type, SC_DNS_A);
    assert_bytes(record.data, BYTES("\x0a\0\0\1"));
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.type, SC_DNS_AAAA);
    assert_int_equal(record.data.len, 16);
    assert_false(sc_dns_next_record(&message, &walk, &record));
    sc_buf_deinit(&buf);
}

static void every_cut_of_a_message_is_refused(void **state)
{
    sc_buf buf = {0};
    sc_str whole;

    (void)state;
    write_answer(&buf);
    whole = sc_buf_str(&buf);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(open_copy(sc_str_sub(whole, 0, len)), SC_INVALID);
    sc_buf_add(&buf, "behind", 6); /* bytes behind the end do not matter */
    assert_int_equal(open_copy(sc_buf_str(&buf)), SC_OK);
    sc_buf_deinit(&buf);
}

static void what_is_not_well_formed_is_refused(void **state)
{
#define QUESTION "\0\0\0\0\0\1\0\0\0\0\0\0"
#define ANSWER   "\0\0\x84\0\0\0\0\1\0\0\0\0"
#define IN_120   "\0\1\0\0\0\x78"
    static const struct {
        const char *what;
        sc_str bytes;
    } rows[] = {
        {"a reference to itself", {QUESTION "\xc0\x0c\0\1\0\1", 18}},
        {"a reference forwards", {QUESTION "\xc0\x0e\1a\0\0\1\0\1", 21}},
        {"a reference behind the end", {QUESTION "\xff\xff\0\1\0\1", 18}},
        {"a reference of one byte", {QUESTION "\1a\xc0", 15}},
        {"a circle over a label", {QUESTION "\1a\xc0\x0c\0\1\0\1", 20}},
        {"a label of an unknown kind",
         {QUESTION "\x41"
                   "a\0\0\1\0\1",
          19}},
        {"another label of an unknown kind",
         {QUESTION "\x81"
                   "a\0\0\1\0\1",
          19}},
        {"a name without an end", {QUESTION "\1a\1b", 16}},
        {"a question without a class", {QUESTION "\1a\0\0\1", 17}},
        {"an address of three bytes", {ANSWER "\1a\0\0\1" IN_120 "\0\3\1\2\3", 28}},
        {"an IPv6 address of four bytes", {ANSWER "\1a\0\0\x1c" IN_120 "\0\4\1\2\3\4", 29}},
        {"a text longer than its record", {ANSWER "\1a\0\0\x10" IN_120 "\0\2\5a", 27}},
        {"an SRV record without a name", {ANSWER "\1a\0\0\x21" IN_120 "\0\6\0\0\0\0\0\1", 31}},
        {"an SRV record without a port", {ANSWER "\1a\0\0\x21" IN_120 "\0\4\0\0\0\0", 29}},
        {"an SRV record with bytes left",
         {ANSWER "\1a\0\0\x21" IN_120 "\0\x08\0\0\0\0\0\1\0\0", 33}},
        {"a PTR record that ends within its name", {ANSWER "\1a\0\0\x0c" IN_120 "\0\2\1b\0", 28}},
        {"a PTR record with bytes left", {ANSWER "\1a\0\0\x0c" IN_120 "\0\4\1b\0\0", 29}},
        {"more data than there is", {ANSWER "\1a\0\0\xff" IN_120 "\xff\xff\1", 26}},
        {"more records than there are", {"\0\0\x84\0\0\0\xff\xff\xff\xff\xff\xff", 12}},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (open_copy(rows[i].bytes) != SC_INVALID)
            fail_msg("%s is taken for well-formed", rows[i].what);
    }
}

/* Two labels of 63 bytes, then references that add them again and again: 255 bytes are the limit.
 */
static void references_do_not_make_long_names(void **state)
{
    sc_buf buf = {0};
    sc_str sizes = BYTES("\0\0\0\0\0\3\0\0\0\0\0\0");
    char label[64];

    (void)state;
    memset(label, 'a', sizeof(label));
    label[0] = 63;
    sc_buf_add_str(&buf, sizes);
    sc_buf_add(&buf, label, sizeof(label)); /* at 12 */
    sc_buf_add_str(&buf, BYTES("\0\0\1\0\1"));
    sc_buf_add(&buf, label, sizeof(label)); /* at 81 */
    sc_buf_add_str(&buf, BYTES("\xc0\x0c\0\1\0\1"));
    sc_buf_add(&buf, label, 62 + 1); /* at 151: 63 + 64 + 64 + 64 + 1 is one too many */
    sc_buf_at(&buf)[151] = 62;
    sc_buf_add_str(&buf, BYTES("\xc0\x51\0\1\0\1"));
    assert_int_equal(open_copy(sc_buf_str(&buf)), SC_OK); /* 63 + 64 + 64 + 1 = 192 */
    sc_buf_at(&buf)[5] = 4;
    sc_buf_add(&buf, label, sizeof(label)); /* at 220: 64 + 192 = 256 */
    sc_buf_add_str(&buf, BYTES("\xc0\x97\0\1\0\1"));
    assert_int_equal(open_copy(sc_buf_str(&buf)), SC_INVALID);
    sc_buf_deinit(&buf);
}

/* The top bit of the class, unknown types and sections that are empty. */
static void questions_and_records_follow_each_other(void **state)
{
    sc_str bytes = BYTES("\0\7\0\0\0\2\0\1\0\0\0\1"
                         "\1a\0\0\x0c\x80\1"
                         "\1b\0\0\xff\0\1"
                         "\xc0\x0c\0\x2f" IN_120 "\0\2xy"
                         "\0\0\x29\5\xa0\0\0\0\0\0\0");
    sc_dns_walk walk = {0};
    sc_dns_question question;
    sc_dns_message message;
    sc_dns_record record;
    sc_error err;

    (void)state;
    assert_int_equal(sc_dns_open(bytes, &message, &err), SC_OK);
    assert_int_equal(message.count[SC_DNS_AUTHORITY], 0);
    assert_true(sc_dns_next_question(&message, &walk, &question));
    assert_true(question.wants_unicast);
    assert_int_equal(question.class_, 1);
    assert_true(sc_dns_next_question(&message, &walk, &question));
    assert_false(question.wants_unicast);
    assert_int_equal(question.type, 255);
    assert_false(sc_dns_next_question(&message, &walk, &question));
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.section, SC_DNS_ANSWER);
    assert_int_equal(record.type, 47);
    assert_bytes(sc_dns_name_bytes(&record.name), BYTES("\1a\0"));
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.section, SC_DNS_ADDITIONAL);
    assert_bytes(sc_dns_name_bytes(&record.name), BYTES("\0"));
    assert_false(sc_dns_next_record(&message, &walk, &record));
    walk = (sc_dns_walk){0}; /* records alone */
    assert_true(sc_dns_next_record(&message, &walk, &record));
    assert_int_equal(record.type, 47);
}

static void texts_may_be_missing(void **state)
{
    sc_dns_record record = {.type = SC_DNS_TXT};

    (void)state;
    assert_null(sc_dns_first_text(&record).at);
    record.data = BYTES("\0");
    assert_int_equal(sc_dns_first_text(&record).len, 0);
    record.data = BYTES("\2ab\1c");
    assert_true(sc_str_eq(sc_dns_first_text(&record), SC_STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_labels),
        cmocka_unit_test(a_question_is_these_bytes),
        cmocka_unit_test(an_answer_is_these_bytes),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_cut_of_a_message_is_refused),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(references_do_not_make_long_names),
        cmocka_unit_test(questions_and_records_follow_each_other),
        cmocka_unit_test(texts_may_be_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
