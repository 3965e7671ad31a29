/* SPDX-License-Identifier: MIT
 *
 * Checks a baggage header (https://www.w3.org/TR/baggage/); it is passed on as it is.
 */
#ifndef SC_WIRE_BAGGAGE_H
#define SC_WIRE_BAGGAGE_H

#include "core/error.h"
#include "core/str.h"

/* Fails with SC_INVALID, worded as Dapr words it: "invalid key: \"a b\"". */
sc_code sc_baggage_check(sc_str text, sc_error *err) SC_MUST_CHECK;

#endif
