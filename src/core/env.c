/* SPDX-License-Identifier: MIT
 *
 * Environment variables, and Go's way of putting them into texts.
 */
#include "core/env.h"

#include <stdlib.h>

#define NAME_MAX_LEN 255u /* a longer name is of no variable */

sc_str sc_env_get(const char *name)
{
    return sc_str_from(getenv(name));
}

bool sc_env_is_open(sc_str name)
{
    return !sc_str_starts_nocase(name, SC_STR("DAPR_")) &&
           !sc_str_eq_nocase(name, SC_STR("APP_API_TOKEN")) &&
           sc_str_find(name, '\0') == name.len; /* the C library would read a shorter name */
}

static bool is_name_char(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The shell's one-letter variables. */
static bool is_special(char c)
{
    return (c >= '0' && c <= '9') || (c != '\0' && strchr("*#$@!?-", c) != NULL);
}

/* The name at the start of `text`, which stood behind a '$'; `used` is what belongs to it. */
static sc_str take_name(sc_str text, size_t *used)
{
    size_t end = 0;

    if (text.at[0] == '{') {
        size_t close = sc_str_find(text, '}');

        *used = close == text.len ? 1 : close + 1; /* "${" without its end goes */
        return sc_str_sub(text, 1, close == text.len ? 1 : close);
    }
    if (is_special(text.at[0])) {
        *used = 1;
        return sc_str_sub(text, 0, 1);
    }
    while (end < text.len && is_name_char(text.at[end]))
        end++;
    *used = end;
    return sc_str_sub(text, 0, end);
}

static sc_str value_of(sc_str name)
{
    char text[NAME_MAX_LEN + 1];

    if (name.len > NAME_MAX_LEN)
        return SC_STR_NONE;
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    return sc_env_get(text);
}

void sc_env_expand(sc_str text, sc_buf *out)
{
    while (text.len > 0) {
        size_t dollar = sc_str_find(text, '$');
        size_t used = 0;
        sc_str name;

        sc_buf_add_str(out, sc_str_sub(text, 0, dollar));
        text = sc_str_sub(text, dollar, text.len);
        if (text.len == 0)
            return;
        if (text.len == 1) {
            sc_buf_add_str(out, text);
            return;
        }
        text = sc_str_sub(text, 1, text.len);
        name = take_name(text, &used);
        if (name.len > 0)
            sc_buf_add_str(out, value_of(name));
        else if (used == 0)
            sc_buf_add_str(out, SC_STR("$"));
        text = sc_str_sub(text, used, text.len);
    }
}
