/* SPDX-License-Identifier: MIT
 *
 * Pieces of the text format, for metrics that are no series.
 */
#ifndef SC_OBSERVE_METRIC_TEXT_H
#define SC_OBSERVE_METRIC_TEXT_H

#include "core/buf.h"

/* "# HELP" and "# TYPE". */
void sc_metric_add_head(sc_buf *out, const char *name, const char *kind, const char *help);
/* As Go prints the shortest text that reads back as `value`: 0.25, 262144, 1.048576e+06. */
void sc_metric_add_number(sc_buf *out, double value);

#endif
