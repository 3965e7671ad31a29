/* SPDX-License-Identifier: MIT
 *
 * Four series an operation: counted and timed, succeeded and failed.
 */
#include "observe/operation_stats.h"

#include "core/clock.h"

void sc_operation_stats_init(sc_operation_stats *stats, sc_metrics *metrics, sc_metric count,
                             sc_str component, sc_str operation)
{
    for (size_t i = 0; i < 2; i++) {
        sc_str success = i ? SC_STR("true") : SC_STR("false");
        const sc_str with[] = {component, operation, success};
        const sc_str without[] = {component, success};
        bool has_operation = operation.len > 0;

        stats->count[i] = sc_metrics_series(metrics, count, has_operation ? with : without,
                                            has_operation ? 3 : 2);
        stats->latency[i] = sc_metrics_series(
            metrics, (sc_metric)(count + 1), has_operation ? with : without, has_operation ? 3 : 2);
    }
}

double sc_elapsed_ms(uint64_t started_ns)
{
    return (double)(sc_clock_mono_ns() - started_ns) / 1e6;
}

void sc_operation_stats_record(sc_operation_stats *stats, bool is_success, uint64_t started_ns)
{
    sc_series_add(stats->count[is_success]);
    if (started_ns > 0 && stats->latency[is_success])
        sc_series_observe(stats->latency[is_success], sc_elapsed_ms(started_ns));
}
