/* SPDX-License-Identifier: MIT
 *
 * Durations as Go writes them: "1h2m3.5s", "500ms", "-1s".
 */
#ifndef SC_CORE_DURATION_H
#define SC_CORE_DURATION_H

#include "core/str.h"

/* Go's time.ParseDuration: a sign, then numbers with units ns us µs ms s m h; "0" alone is allowed.
 * False for other text and for what does not fit. */
bool sc_duration_parse(sc_str text, int64_t *ns) SC_MUST_CHECK;

#define SC_DURATION_TEXT_MAX 40u
/* Go's Duration.String: "1m30s", "1.5ms", "0s". */
sc_str sc_duration_format(int64_t ns, char text[SC_DURATION_TEXT_MAX]);

#endif
