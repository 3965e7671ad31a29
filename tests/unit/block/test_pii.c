/* SPDX-License-Identifier: MIT
 *
 * What is taken out of texts, and what stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "block/pii.h"

static void assert_scrubbed(const char *text, const char *want)
{
    sc_arena mem;
    sc_str got;

    sc_arena_init(&mem, NULL);
    got = sc_pii_scrub(sc_str_from(text), &mem);
    if (!sc_str_eq(got, sc_str_from(want)))
        fail_msg("'%s' became '%.*s', not '%s'", text, SC_FMT(got), want);
    sc_arena_deinit(&mem);
}

static void assert_stays(const char *text)
{
    assert_scrubbed(text, text);
}

static void addresses_of_people_go(void **state)
{
    (void)state;
    assert_scrubbed("ping bob.b+x@mail.example.org.", "ping <EMAIL_ADDRESS>.");
    assert_scrubbed("a@b.co,c@d.de", "<EMAIL_ADDRESS>,<EMAIL_ADDRESS>");
    assert_scrubbed("I live at 22 Jump Street, ok", "I live at <STREET_ADDRESS>, ok");
    assert_scrubbed("12 St. James Pl", "<STREET_ADDRESS>");
    assert_scrubbed("5 old mill road", "<STREET_ADDRESS>");
    assert_scrubbed("P.O. Box 123 and po box #4", "<PO_BOX> and <PO_BOX>");
    assert_scrubbed("Beverly Hills 90210", "Beverly Hills <ZIP_CODE>");
    assert_scrubbed("12345-6789", "<ZIP_CODE>");
    assert_stays("at 5 times a day we drive");
    assert_stays("user@localhost");
    assert_stays("@b.co");
    assert_stays("a@b.c");
}

static void telephones_go(void **state)
{
    static const char *const numbers[] = {
        "+919140520809",  "+49 (30) 901820-0", "415-555-1212", "(415) 555-1212",
        "1-415-555-1212", "415.555.1212",      "4155551212",   "+1 415 555 1212",
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "phone %s!", numbers[i]);
        assert_scrubbed(text, "phone <PHONE_NUMBER>!");
    }
    assert_stays("415-555-121");
    assert_stays("a415-555-1212");
    assert_stays("1+2");
}

static void numbers_of_cards_and_accounts_go(void **state)
{
    (void)state;
    assert_scrubbed("here, 6011553157232994", "here, <CREDIT_CARD>");
    assert_scrubbed("4111 1111 1111 1111 or 4111-1111-1111-1112", "<CREDIT_CARD> or <CREDIT_CARD>");
    assert_scrubbed("378282246310005", "<CREDIT_CARD>"); /* 15 digits */
    assert_scrubbed("My SSN is 488-23-3729.", "My SSN is <US_SSN>.");
    assert_scrubbed("DE89 3704 0044 0532 0130 00", "<IBAN>");
    assert_scrubbed("GB82WEST12345698765432", "<IBAN>");
    assert_scrubbed("ISBN 0-306-40615-2", "ISBN <ISBN>");
    assert_scrubbed("isbn: 080442957X", "isbn: <ISBN>");
    assert_scrubbed("978-3-16-148410-0", "<ISBN>");
    assert_stays("378282246310006");         /* its check digit is wrong */
    assert_stays("DE88 3704 0044 0532 01");  /* as well */
    assert_stays("978-3-16-148410-1 units"); /* as well */
    assert_stays("12345678901234567890123"); /* longer than any card */
}

static void addresses_of_machines_go(void **state)
{
    (void)state;
    assert_scrubbed("from 10.0.0.255, to ::1.", "from <IP>, to <IP>.");
    assert_scrubbed("2001:db8::8a2e:370:7334", "<IP>");
    assert_scrubbed("00:1B:44:11:3a:B7 00-1B-44-11-3A-B7", "<MAC_ADDRESS> <MAC_ADDRESS>");
    assert_stays("version 1.2.3");
    assert_stays("1.2.3.4.5");
    assert_stays("256.1.1.1");
    assert_stays("12:30:45");
    assert_stays("std::vector");
}

static void other_numbers_and_links_stay(void **state)
{
    (void)state;
    assert_stays("");
    assert_stays("I paid $12345 for 3.14159 of 1,000,000 in 2024");
    assert_stays("see https://a.example/emp/488-23-3729?mail=a@b.co now");
    assert_stays("git@host.example:team/repo");
    assert_stays("order A12345B");
    assert_stays("\xc3\xa9"
                 "12345"); /* a letter stands before */
}

/* Whatever is in it, a long text takes its length, not the square of it. */
static void long_texts_end(void **state)
{
    static const char *const parts[] = {"1 ",   "a.", "::",    "9-",  "+1 ",
                                        "a@b.", "(1", "12 A ", "\xff"};
    static char text[100000];

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(parts); i++) {
        size_t len = strlen(parts[i]);
        sc_arena mem;

        for (size_t at = 0; at + len < sizeof(text); at += len)
            memcpy(text + at, parts[i], len);
        sc_arena_init(&mem, NULL);
        (void)sc_pii_scrub(sc_str_of(text, sizeof(text) - len), &mem);
        sc_arena_deinit(&mem);
    }
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_of_people_go),           TEST(telephones_go),
        TEST(numbers_of_cards_and_accounts_go), TEST(addresses_of_machines_go),
        TEST(other_numbers_and_links_stay),     TEST(long_texts_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
