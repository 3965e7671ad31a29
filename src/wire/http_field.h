/* SPDX-License-Identifier: MIT
 *
 * What may stand in a header field of HTTP (RFC 9110, section 5). Fields that come from anywhere
 * but an HTTP parser are checked before they are written: a line end in one would end it.
 */
#ifndef SC_WIRE_HTTP_FIELD_H
#define SC_WIRE_HTTP_FIELD_H

#include "core/str.h"

/* A token, which is never empty. */
bool sc_http_is_field_name(sc_str name);
/* No control characters but tabs. */
bool sc_http_is_field_value(sc_str value);

#endif
