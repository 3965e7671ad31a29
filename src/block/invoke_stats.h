/* SPDX-License-Identifier: MIT
 *
 * Metrics of service invocation between sidecars (observability: service invocation, access rules),
 * by the application at the other end.
 */
#ifndef SC_BLOCK_INVOKE_STATS_H
#define SC_BLOCK_INVOKE_STATS_H

#include "observe/metric.h"

typedef struct sc_invoke_stats sc_invoke_stats;

/* `metrics` outlives them; NULL: nothing is counted. */
sc_invoke_stats *sc_invoke_stats_new(sc_metrics *metrics);
void sc_invoke_stats_free(sc_invoke_stats *stats); /* NULL is fine */

/* The caller's side: an attempt begins, and ended. `status`: of HTTP or gRPC; `started_ns`:
 * sc_clock_mono_ns(). */
void sc_invoke_stats_sent(sc_invoke_stats *stats, sc_str callee);
void sc_invoke_stats_returned(sc_invoke_stats *stats, sc_str callee, int status,
                              uint64_t started_ns);
/* The callee's side. `is_allowed`: what the access rules said. */
void sc_invoke_stats_received(sc_invoke_stats *stats, sc_str caller, bool is_allowed);
void sc_invoke_stats_answered(sc_invoke_stats *stats, sc_str caller, int status);

#endif
