/* SPDX-License-Identifier: MIT
 *
 * The media type of a body that came without one: what Go's HTTP server writes then, by the
 * WHATWG's rules for it (https://mimesniff.spec.whatwg.org/).
 */
#ifndef SC_WIRE_SNIFF_H
#define SC_WIRE_SNIFF_H

#include "core/str.h"

/* The type of the body that begins with `start`; at most its first 512 bytes count. Never empty. */
sc_str sc_sniff_type(sc_str start);

#endif
