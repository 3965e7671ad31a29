/* SPDX-License-Identifier: MIT
 *
 * process_*: what the kernel says of this process, under the names of Prometheus' client libraries.
 */
#ifndef SC_OBSERVE_PROCESS_STATS_H
#define SC_OBSERVE_PROCESS_STATS_H

#include "core/buf.h"

/* Appends them, read now. What cannot be read is left out. */
void sc_process_stats_write(sc_buf *out);

#endif
