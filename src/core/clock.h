/* SPDX-License-Identifier: MIT
 *
 * Wall-clock time and its RFC 3339 texts. Deadlines use the loop's monotonic clock instead.
 */
#ifndef SC_CORE_CLOCK_H
#define SC_CORE_CLOCK_H

#include "core/str.h"

#define SC_CLOCK_TEXT_MAX 48u

/* Since 1970, UTC. */
int64_t sc_clock_wall_ms(void);
int64_t sc_clock_wall_ns(void);
/* Monotonic, for measuring how long something took. */
uint64_t sc_clock_mono_ns(void);

/* "2026-01-02T03:04:05.678Z": UTC, milliseconds. Written into `text`; the slice points there. */
sc_str sc_clock_format_ms(int64_t wall_ms, char text[SC_CLOCK_TEXT_MAX]);
/* "2026-01-02T03:04:05Z", or with the local zone's offset when `is_local`. */
sc_str sc_clock_format_s(int64_t wall_s, bool is_local, char text[SC_CLOCK_TEXT_MAX]);
/* "2026-01-02T03:04:05.123456789Z", trailing zeros of the fraction cut, as Go's RFC3339Nano. */
sc_str sc_clock_format_ns(int64_t wall_ns, char text[SC_CLOCK_TEXT_MAX]);
/* Any RFC 3339 time, with or without a fraction. */
bool sc_clock_parse(sc_str text, int64_t *wall_ms) SC_MUST_CHECK;

#endif
