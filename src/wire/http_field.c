/* SPDX-License-Identifier: MIT */
#include "wire/http_field.h"

#include "wire/http1_internal.h"
#include "wire/http1_scan.h"

bool sc_http_is_field_name(sc_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!sc_http1_is_of(name.at[i], SC_HTTP1_TOKEN))
            return false;
    }
    return name.len > 0;
}

bool sc_http_is_field_value(sc_str value)
{
    return value.len == 0 ||
           sc_http1_skip_value(value.at, value.at + value.len) == value.at + value.len;
}
