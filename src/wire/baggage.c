/* SPDX-License-Identifier: MIT
 *
 * Member by member: key=value, then properties, each behind a ';' (Baggage, section 3.2).
 */
#include "wire/baggage.h"

#define MAX_LEN        8192u
#define MAX_MEMBER_LEN 4096u
#define MAX_MEMBERS    180u

/* A token of RFC 9110. */
static bool is_key(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c))))
            return false;
    }
    return text.len > 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Baggage octets, with every '%' in front of two digits. */
static bool is_value(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c <= ' ' || c > '~' || strchr("\",;\\", c))
            return false;
        if (c == '%' && (i + 2 >= text.len || !is_hex(text.at[i + 1]) || !is_hex(text.at[i + 2])))
            return false;
    }
    return true;
}

static sc_code refuse(const char *what, sc_str text, sc_error *err)
{
    return sc_fail(err, SC_INVALID, "%s: \"%.*s\"", what, SC_FMT(sc_str_sub(text, 0, 200)));
}

/* "key" or "key=value" */
static sc_code check_property(sc_str property, sc_error *err)
{
    sc_str rest = property;
    sc_str key = sc_str_trim(sc_str_cut(&rest, '='));

    if (!is_key(key) || (rest.at && !is_value(sc_str_trim(rest))))
        return refuse("invalid baggage list-member property", property, err);
    return SC_OK;
}

static sc_code check_member(sc_str member, sc_error *err)
{
    sc_str properties = member;
    sc_str value = sc_str_cut(&properties, ';');
    sc_str key = sc_str_cut(&value, '=');

    if (member.len > MAX_MEMBER_LEN)
        return sc_fail(err, SC_INVALID, "list-member too large: %zu", member.len);
    while (properties.at) {
        if (check_property(sc_str_cut(&properties, ';'), err) != SC_OK)
            return err->code;
    }
    if (!value.at)
        return refuse("invalid baggage list-member", member, err);
    if (!is_key(sc_str_trim(key)))
        return refuse("invalid key", sc_str_trim(key), err);
    if (!is_value(sc_str_trim(value)))
        return refuse("invalid value", value, err);
    return SC_OK;
}

sc_code sc_baggage_check(sc_str text, sc_error *err)
{
    size_t count = 0;

    if (text.len > MAX_LEN)
        return sc_fail(err, SC_INVALID, "baggage-string too large: %zu", text.len);
    while (text.len > 0) {
        if (++count > MAX_MEMBERS)
            return sc_fail(err, SC_INVALID, "too many list-members in baggage-string: %zu", count);
        if (check_member(sc_str_cut(&text, ','), err) != SC_OK)
            return err->code;
    }
    return SC_OK;
}
