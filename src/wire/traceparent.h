/* SPDX-License-Identifier: MIT
 *
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): the texts that are passed on.
 */
#ifndef SC_WIRE_TRACEPARENT_H
#define SC_WIRE_TRACEPARENT_H

#include "core/str.h"

/* What Dapr sends when there is no trace. */
#define SC_TRACEPARENT_NONE SC_STR("00-00000000000000000000000000000000-0000000000000000-00")

/* True for version-traceid-parentid-flags with neither id all zero. */
bool sc_traceparent_is_valid(sc_str text);

#endif
