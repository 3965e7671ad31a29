/* SPDX-License-Identifier: MIT */
#include "wire/http_field.h"

static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')
        return true;
    return c > ' ' && c < 0x7f && strchr("!#$%&'*+.^_`|~", c) != NULL;
}

bool sc_http_is_field_name(sc_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_token_char((unsigned char)name.at[i]))
            return false;
    }
    return name.len > 0;
}

bool sc_http_is_field_value(sc_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
