/* SPDX-License-Identifier: MIT
 *
 * Checks a traceparent field by field (Trace Context, section 3.2.2).
 */
#include "wire/traceparent.h"

static bool is_hex(sc_str text, bool *is_zero)
{
    *is_zero = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *is_zero = *is_zero && c == '0';
    }
    return true;
}

bool sc_traceparent_is_valid(sc_str text)
{
    bool version_is_zero;
    bool trace_is_zero;
    bool span_is_zero;
    bool unused;

    if (text.len < 55 || text.at[2] != '-' || text.at[35] != '-' || text.at[52] != '-')
        return false;
    return is_hex(sc_str_sub(text, 0, 2), &version_is_zero) &&
           !sc_str_eq(sc_str_sub(text, 0, 2), SC_STR("ff")) &&
           is_hex(sc_str_sub(text, 3, 35), &trace_is_zero) && !trace_is_zero &&
           is_hex(sc_str_sub(text, 36, 52), &span_is_zero) && !span_is_zero &&
           is_hex(sc_str_sub(text, 53, 55), &unused) &&
           (text.len == 55 || (!version_is_zero && text.at[55] == '-'));
}
