/* SPDX-License-Identifier: MIT
 *
 * One pass over the text: where something may begin, each kind says how long a match it sees there,
 * and the longest wins. No kind looks further than its own longest form, or starts inside a run of
 * characters that it would have started at the beginning of, so the pass stays linear.
 */
#include "block/pii.h"

#include <arpa/inet.h>

#include "core/buf.h"

/* The length of a match of the kind at `at`, or 0. */
typedef size_t (*match_fn)(sc_str text, size_t at);

static size_t match_link(sc_str text, size_t at);
static size_t match_email(sc_str text, size_t at);
static size_t match_ip4(sc_str text, size_t at);
static size_t match_ip6(sc_str text, size_t at);
static size_t match_mac(sc_str text, size_t at);
static size_t match_card(sc_str text, size_t at);
static size_t match_ssn(sc_str text, size_t at);
static size_t match_iban(sc_str text, size_t at);
static size_t match_isbn(sc_str text, size_t at);
static size_t match_phone(sc_str text, size_t at);
static size_t match_po_box(sc_str text, size_t at);
static size_t match_street(sc_str text, size_t at);
static size_t match_zip(sc_str text, size_t at);

/* Of two matches of one length the first row counts. */
static const struct {
    match_fn match;
    const char *placeholder; /* NULL: stays as it is */
} kinds[] = {
    {match_link, NULL},           {match_email, "<EMAIL_ADDRESS>"},
    {match_ip4, "<IP>"},          {match_ip6, "<IP>"},
    {match_mac, "<MAC_ADDRESS>"}, {match_iban, "<IBAN>"},
    {match_isbn, "<ISBN>"},       {match_card, "<CREDIT_CARD>"},
    {match_ssn, "<US_SSN>"},      {match_phone, "<PHONE_NUMBER>"},
    {match_po_box, "<PO_BOX>"},   {match_street, "<STREET_ADDRESS>"},
    {match_zip, "<ZIP_CODE>"},
};

sc_str sc_pii_scrub(sc_str text, sc_arena *mem)
{
    sc_buf out = {0};
    size_t copied = 0;
    size_t at = 0;
    sc_str result = text;

    while (at < text.len) {
        size_t longest = 0;
        size_t kind = 0;

        for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
            size_t len = kinds[i].match(text, at);

            if (len > longest) {
                longest = len;
                kind = i;
            }
        }
        if (longest > 0 && kinds[kind].placeholder) {
            sc_buf_add_str(&out, sc_str_sub(text, copied, at));
            sc_buf_add_str(&out, sc_str_from(kinds[kind].placeholder));
            copied = at + longest;
        }
        at += longest > 0 ? longest : 1;
    }
    if (copied > 0) {
        sc_buf_add_str(&out, sc_str_sub(text, copied, text.len));
        result = sc_arena_str(mem, sc_buf_str(&out));
    }
    sc_buf_deinit(&out);
    return result;
}

/* ---- characters ---- */

static char char_at(sc_str text, size_t at)
{
    return at < text.len ? text.at[at] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Part of a word: bytes beyond ASCII are letters of some script. */
static bool is_word(char c)
{
    return is_digit(c) || is_letter(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Whether a word, not the rest of one, may begin here. */
static bool begins(sc_str text, size_t at)
{
    return at == 0 || !is_word(text.at[at - 1]);
}

static bool ends(sc_str text, size_t at)
{
    return !is_word(char_at(text, at));
}

/* The number of digits from `at` on, `max` at most. */
static size_t digits_at(sc_str text, size_t at, size_t max)
{
    size_t count = 0;

    while (count < max && is_digit(char_at(text, at + count)))
        count++;
    return count;
}

/* A number that is no part of a longer one, as "14159" is of "3.14159". */
static bool number_begins(sc_str text, size_t at)
{
    return begins(text, at) &&
           (at < 2 || (text.at[at - 1] != '.' && text.at[at - 1] != ',') ||
            !is_digit(text.at[at - 2])) &&
           (at < 1 || text.at[at - 1] != '$');
}

static bool number_ends(sc_str text, size_t at)
{
    char c = char_at(text, at);

    return ends(text, at) && !((c == '.' || c == ',') && is_digit(char_at(text, at + 1)));
}

/* ---- addresses of the network ---- */

/* Left as it is: a link to a page about somebody is still a link. So is git@host:path. */
static size_t match_link(sc_str text, size_t at)
{
    static const char *const starts[] = {"http://", "https://", "ftp://", "git@"};
    size_t len = 0;

    if (!begins(text, at) || (text.at[at] | 0x20) < 'f' || (text.at[at] | 0x20) > 'h')
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(starts) && len == 0; i++) {
        if (sc_str_starts_nocase(sc_str_sub(text, at, text.len), sc_str_from(starts[i])))
            len = strlen(starts[i]);
    }
    while (len > 0 && at + len < text.len && (unsigned char)text.at[at + len] > ' ')
        len++;
    return len;
}

static bool is_local(char c)
{
    return is_digit(c) || is_letter(c) || (c != '\0' && strchr("._%+-", c) != NULL);
}

/* The end of a label of a host name; `*has_letters_only` says what it is made of. */
static size_t skip_label(sc_str text, size_t at, bool *has_letters_only)
{
    *has_letters_only = true;
    while (is_digit(char_at(text, at)) || is_letter(char_at(text, at)) || char_at(text, at) == '-')
        *has_letters_only = is_letter(text.at[at++]) && *has_letters_only;
    return at;
}

/* local@label.label.tld; the last label has two letters at least. */
static size_t match_email(sc_str text, size_t at)
{
    size_t i = at;
    size_t end = 0;

    if (!is_local(text.at[at]) || (at > 0 && is_local(text.at[at - 1])))
        return 0;
    while (is_local(char_at(text, i)))
        i++;
    if (char_at(text, i) != '@')
        return 0;
    for (bool is_first = true;; is_first = false) {
        size_t from = i + 1;
        bool has_letters_only;

        i = skip_label(text, from, &has_letters_only);
        if (!is_first && has_letters_only && i - from >= 2)
            end = i;
        if (i == from || char_at(text, i) != '.')
            return end > 0 ? end - at : 0;
    }
}

static size_t match_ip4(sc_str text, size_t at)
{
    size_t i = at;

    if (!is_digit(text.at[at]) || !number_begins(text, at))
        return 0;
    for (int part = 0; part < 4; part++) {
        size_t count = digits_at(text, i, 4);
        unsigned n = 0;

        if (count == 0 || count > 3)
            return 0;
        for (size_t d = 0; d < count; d++)
            n = n * 10 + (unsigned)(text.at[i + d] - '0');
        if (n > 255)
            return 0;
        i += count;
        if (part < 3 && char_at(text, i++) != '.')
            return 0;
    }
    return number_ends(text, i) ? i - at : 0;
}

static size_t match_ip6(sc_str text, size_t at)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char address[16];
    size_t len = 0;
    size_t colons = 0;
    size_t digits = 0;

    if ((!is_hex(text.at[at]) && text.at[at] != ':') || !begins(text, at) ||
        (at > 0 && text.at[at - 1] == ':'))
        return 0;
    while (len < sizeof(copy) - 1 &&
           (is_hex(char_at(text, at + len)) || char_at(text, at + len) == ':' ||
            char_at(text, at + len) == '.')) {
        colons += text.at[at + len] == ':';
        digits += is_hex(text.at[at + len]);
        len++;
    }
    while (len > 0 && text.at[at + len - 1] == '.') /* the end of a sentence */
        len--;
    if (colons < 2 || digits == 0 || !ends(text, at + len))
        return 0;
    memcpy(copy, text.at + at, len);
    copy[len] = '\0';
    return inet_pton(AF_INET6, copy, address) == 1 ? len : 0;
}

static size_t match_mac(sc_str text, size_t at)
{
    char between = char_at(text, at + 2);

    if (!is_hex(text.at[at]) || !begins(text, at) || (between != ':' && between != '-'))
        return 0;
    for (size_t part = 0; part < 6; part++) {
        if (!is_hex(char_at(text, at + 3 * part)) || !is_hex(char_at(text, at + 3 * part + 1)))
            return 0;
        if (part < 5 && char_at(text, at + 3 * part + 2) != between)
            return 0;
    }
    return ends(text, at + 17) && char_at(text, at + 17) != between ? 17 : 0;
}

/* ---- numbers with a check digit ---- */

#define MAX_DIGITS 19u

/* Digits from `at` on with single spaces or hyphens between: their values in `digits`, the length
 * with separators in the result. Ends before a twentieth digit. */
static size_t grouped_digits(sc_str text, size_t at, unsigned digits[MAX_DIGITS], size_t *count)
{
    size_t i = at;

    *count = 0;
    while (*count < MAX_DIGITS && is_digit(char_at(text, i))) {
        digits[(*count)++] = (unsigned)(text.at[i] - '0');
        i++;
        if ((char_at(text, i) == ' ' || char_at(text, i) == '-') && is_digit(char_at(text, i + 1)))
            i++;
    }
    if (*count > 0 && !is_digit(text.at[i - 1]))
        i--;
    return i - at;
}

/* ISO/IEC 7812-1, annex B (Luhn). */
static bool is_luhn(const unsigned *digits, size_t count)
{
    unsigned sum = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned n = digits[count - 1 - i] * (i % 2 == 1 ? 2 : 1);

        sum += n > 9 ? n - 9 : n;
    }
    return sum % 10 == 0;
}

/* 4-4-4-4 with separators looks like a card even when a digit is wrong. */
static bool is_in_fours(sc_str match)
{
    if (match.len != 19)
        return false;
    for (size_t i = 0; i < match.len; i++) {
        if (is_digit(match.at[i]) == (i % 5 == 4))
            return false;
    }
    return true;
}

static size_t match_card(sc_str text, size_t at)
{
    unsigned digits[MAX_DIGITS];
    size_t count;
    size_t len;

    if (!is_digit(text.at[at]) || !number_begins(text, at))
        return 0;
    len = grouped_digits(text, at, digits, &count);
    if (!number_ends(text, at + len))
        return 0;
    if (is_in_fours(sc_str_sub(text, at, at + len)) || (count == 16 && len == 16))
        return len;
    return count >= 13 && is_luhn(digits, count) ? len : 0;
}

static size_t match_ssn(sc_str text, size_t at)
{
    char between = char_at(text, at + 3);

    if (!is_digit(text.at[at]) || !number_begins(text, at) || (between != '-' && between != ' '))
        return 0;
    if (digits_at(text, at, 4) != 3 || digits_at(text, at + 4, 3) != 2 ||
        char_at(text, at + 6) != between || digits_at(text, at + 7, 5) != 4)
        return 0;
    return number_ends(text, at + 11) ? 11 : 0;
}

/* ISO 13616: the remainder by 97 of the rearranged letters and digits is 1. */
static size_t match_iban(sc_str text, size_t at)
{
    char compact[34];
    size_t count = 0;
    size_t i = at;
    unsigned remainder = 0;

    if (!is_letter(text.at[at]) || !begins(text, at) || !is_letter(char_at(text, at + 1)) ||
        digits_at(text, at + 2, 2) != 2)
        return 0;
    while (count < sizeof(compact) && (is_digit(char_at(text, i)) || is_letter(char_at(text, i)))) {
        compact[count++] = text.at[i++];
        if (count % 4 == 0 && char_at(text, i) == ' ' &&
            (is_digit(char_at(text, i + 1)) || is_letter(char_at(text, i + 1))))
            i++;
    }
    if (count < 15 || !ends(text, i))
        return 0;
    for (size_t n = 0; n < count; n++) {
        char c = compact[(n + 4) % count];

        if (is_digit(c))
            remainder = (remainder * 10 + (unsigned)(c - '0')) % 97;
        else
            remainder = (remainder * 100 + (unsigned)((c | 0x20) - 'a') + 10) % 97;
    }
    return remainder == 1 ? i - at : 0;
}

static bool is_isbn(const unsigned *digits, size_t count)
{
    unsigned sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += digits[i] * (count == 13 ? (i % 2 ? 3u : 1u) : (unsigned)(10 - i));
    return sum % (count == 13 ? 10 : 11) == 0;
}

static bool follows_isbn(sc_str text, size_t at)
{
    sc_str before = sc_str_sub(text, at > 10 ? at - 10 : 0, at);
    size_t found = before.len;

    for (size_t i = 0; i + 4 <= before.len; i++) {
        if (sc_str_starts_nocase(sc_str_sub(before, i, before.len), SC_STR("ISBN")))
            found = i;
    }
    return found < before.len;
}

/* Ten digits (the last may be X) or thirteen. Without "ISBN" in front only in groups, or with the
 * prefix of books. */
static size_t match_isbn(sc_str text, size_t at)
{
    unsigned digits[MAX_DIGITS];
    size_t count;
    size_t len;
    bool is_announced;

    if (!is_digit(text.at[at]) || !number_begins(text, at))
        return 0;
    len = grouped_digits(text, at, digits, &count);
    if (count == 9) { /* perhaps "-X" */
        size_t x = at + len + (char_at(text, at + len) == '-');

        if ((char_at(text, x) | 0x20) == 'x') {
            digits[count++] = 10;
            len = x + 1 - at;
        }
    }
    if ((count != 10 && count != 13) || !number_ends(text, at + len) || !is_isbn(digits, count))
        return 0;
    is_announced = follows_isbn(text, at);
    if (count == 13)
        return is_announced || (digits[0] == 9 && digits[1] == 7 && digits[2] >= 8) ? len : 0;
    return is_announced || len == 13 ? len : 0;
}

/* ---- telephones ---- */

/* "+" and 8 to 15 digits in groups of any kind. */
static size_t match_international(sc_str text, size_t at)
{
    size_t count = 0;
    size_t end = at;

    for (size_t i = at + 1; i < text.len && i < at + 32 && count <= 15; i++) {
        char c = text.at[i];

        if (is_digit(c)) {
            count++;
            end = i + 1;
        } else if (c == '\0' || !strchr(" -.()/", c)) {
            break;
        }
    }
    return count >= 8 && count <= 15 && ends(text, end) ? end - at : 0;
}

static bool is_phone_separator(char c)
{
    return c == ' ' || c == '-' || c == '.';
}

/* [1-](ddd) ddd-dddd, ddd.ddd.dddd, or ten digits in a row. */
static size_t match_phone(sc_str text, size_t at)
{
    size_t i = at;
    bool is_bracketed;
    bool is_spread;

    if (text.at[at] == '+' && (at == 0 || !is_word(text.at[at - 1])))
        return match_international(text, at);
    if ((!is_digit(text.at[at]) && text.at[at] != '(') || !number_begins(text, at))
        return 0;
    if (text.at[i] == '1' && is_phone_separator(char_at(text, i + 1)))
        i += 2;
    is_bracketed = char_at(text, i) == '(';
    i += is_bracketed;
    if (digits_at(text, i, 3) != 3)
        return 0;
    i += 3;
    if (is_bracketed && char_at(text, i++) != ')')
        return 0;
    is_spread = is_phone_separator(char_at(text, i));
    i += is_spread;
    if (digits_at(text, i, 3) != 3)
        return 0;
    i += 3;
    if (is_phone_separator(char_at(text, i)) != (is_spread || is_bracketed))
        return 0;
    i += is_spread || is_bracketed;
    if (digits_at(text, i, 5) != 4)
        return 0;
    return number_ends(text, i + 4) ? i + 4 - at : 0;
}

/* ---- where somebody lives ---- */

/* Past `word` in any case and the spaces and dots behind it, or `at` itself. */
static size_t skip_word(sc_str text, size_t at, const char *word)
{
    sc_str want = sc_str_from(word);

    if (!sc_str_starts_nocase(sc_str_sub(text, at, text.len), want))
        return at;
    at += want.len;
    while (char_at(text, at) == '.' || char_at(text, at) == ' ')
        at++;
    return at;
}

/* "P.O. Box 12", "po box #34". */
static size_t match_po_box(sc_str text, size_t at)
{
    size_t p;
    size_t o;
    size_t box;
    size_t count;

    if ((text.at[at] | 0x20) != 'p' || !begins(text, at))
        return 0;
    p = skip_word(text, at, "p");
    o = skip_word(text, p, "o");
    box = skip_word(text, o, "box");
    if (p == at || o == p || box == o)
        return 0;
    box += char_at(text, box) == '#';
    count = digits_at(text, box, 8);
    return count > 0 && ends(text, box + count) ? box + count - at : 0;
}

static bool is_among(sc_str word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sc_str_eq_nocase(word, sc_str_from(words[i])))
            return true;
    }
    return false;
}

/* "5 times a day we drive" is no address: words that mean something else as well count only where
 * all are written as names. */
static bool is_street_word(sc_str word, bool are_names)
{
    static const char *const streets[] = {"street",  "avenue", "ave",       "road",
                                          "rd",      "lane",   "highway",   "hwy",
                                          "parkway", "pkwy",   "boulevard", "blvd"};
    static const char *const others[] = {"st",    "square", "sq",   "trail", "trl",    "drive",
                                         "dr",    "court",  "ct",   "way",   "circle", "cir",
                                         "place", "pl",     "park", "ln"};

    return is_among(word, streets, SC_ARRAY_LEN(streets)) ||
           (are_names && is_among(word, others, SC_ARRAY_LEN(others)));
}

/* A number, up to three words, and the word for a street: "22 Jump Street". */
static size_t match_street(sc_str text, size_t at)
{
    size_t count = digits_at(text, at, 6);
    size_t i = at + count;
    bool are_names = true;

    if (count == 0 || count > 5 || !number_begins(text, at))
        return 0;
    for (int word = 0; word < 4; word++) {
        size_t from = i + 1;

        if (char_at(text, i) != ' ')
            return 0;
        for (i = from; i - from < 24 && is_word(char_at(text, i));)
            i++;
        if (i == from)
            return 0;
        are_names = are_names && !(text.at[from] >= 'a' && text.at[from] <= 'z');
        if (word > 0 && ends(text, i) && is_street_word(sc_str_sub(text, from, i), are_names))
            return i - at;
        i += char_at(text, i) == '.'; /* "12 St. James St" */
    }
    return 0;
}

/* Five digits, or five and four. */
static size_t match_zip(sc_str text, size_t at)
{
    if (!is_digit(text.at[at]) || !number_begins(text, at) || digits_at(text, at, 6) != 5)
        return 0;
    if (char_at(text, at + 5) == '-' && digits_at(text, at + 6, 5) == 4 &&
        number_ends(text, at + 10))
        return 10;
    return number_ends(text, at + 5) && char_at(text, at + 5) != '-' ? 5 : 0;
}
