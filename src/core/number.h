/* SPDX-License-Identifier: MIT
 *
 * Numbers as Go writes and reads them.
 */
#ifndef SC_CORE_NUMBER_H
#define SC_CORE_NUMBER_H

#include "core/str.h"

#define SC_DOUBLE_TEXT_MAX 64u

/* The shortest text that reads back as `d`, which is finite: plain for a decimal exponent from
 * `lowest` (-4: strconv's %v, -6: JSON) to 20, else with an exponent ("1e+21"). */
sc_str sc_double_format(double d, int lowest, char text[SC_DOUBLE_TEXT_MAX]);

/* strconv.ParseInt and ParseUint with base 0: a sign, 0x, 0o, 0 and 0b, "_" between digits. False
 * for what is no such number or does not fit 64 bits; a magnitude beyond int64_t is positive. */
bool sc_int_parse(sc_str text, bool *is_negative, uint64_t *magnitude) SC_MUST_CHECK;

#endif
