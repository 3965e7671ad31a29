/* SPDX-License-Identifier: MIT
 *
 * The registry in the text format of Prometheus, version 0.0.4.
 */
#include "observe/metric_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "observe/metric_internal.h"

static void add_fraction(sc_buf *out, double value)
{
    char text[40];
    int digits = 0;
    int exponent;

    do
        (void)snprintf(text, sizeof(text), "%.*e", digits, value);
    while (strtod(text, NULL) != value && ++digits < 17);
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 6)
        (void)snprintf(text, sizeof(text), "%.*f", digits > exponent ? digits - exponent : 0,
                       value);
    sc_buf_add_str(out, sc_str_from(text));
}

void sc_metric_add_number(sc_buf *out, double value)
{
    if (value >= 0 && value < 1e6 && value == floor(value))
        sc_buf_add_u64(out, (uint64_t)value);
    else if (isfinite(value))
        add_fraction(out, value);
    else
        sc_buf_add_str(out, isnan(value) ? SC_STR("NaN")
                            : value > 0  ? SC_STR("+Inf")
                                         : SC_STR("-Inf"));
}

void sc_metric_add_head(sc_buf *out, const char *name, const char *kind, const char *help)
{
    sc_buf_add_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

/* ---- series ---- */

/* name_suffix{labels */
static void add_name(sc_buf *out, const char *name, const char *suffix, sc_str labels)
{
    sc_buf_add_str(out, SC_STR("dapr_"));
    sc_buf_add_str(out, sc_str_from(name));
    sc_buf_add_str(out, sc_str_from(suffix));
    sc_buf_add_byte(out, '{');
    sc_buf_add_str(out, labels);
}

static void add_value(sc_buf *out, double value)
{
    sc_buf_add_str(out, SC_STR("} "));
    sc_metric_add_number(out, value);
    sc_buf_add_byte(out, '\n');
}

static void add_histogram(sc_buf *out, const char *name, const sc_metric_entry *entry)
{
    const sc_series *series = &entry->series;
    uint64_t below = 0;

    for (uint32_t i = 0; i <= series->buckets->count; i++) {
        below += series->in_bucket[i];
        add_name(out, name, "_bucket", entry->labels);
        sc_buf_add_str(out, entry->labels.len > 0 ? SC_STR(",le=\"") : SC_STR("le=\""));
        sc_metric_add_number(out,
                             i < series->buckets->count ? series->buckets->bounds[i] : INFINITY);
        sc_buf_add_byte(out, '"');
        add_value(out, (double)below);
    }
    add_name(out, name, "_sum", entry->labels);
    add_value(out, series->value);
    add_name(out, name, "_count", entry->labels);
    add_value(out, (double)series->count);
}

static void add_family(sc_buf *out, const sc_metric_family *family, sc_metric metric)
{
    sc_metric_row row = sc_metric_row_of(metric);
    bool has_head = false;

    for (const sc_metric_entry *it = family->first; it; it = it->next) {
        if (it->series.count == 0)
            continue;
        if (!has_head)
            sc_buf_add_fmt(out, "# HELP dapr_%s %s\n# TYPE dapr_%s %s\n", row.name, row.help,
                           row.name, row.kind);
        has_head = true;
        if (it->series.buckets) {
            add_histogram(out, row.name, it);
            continue;
        }
        add_name(out, row.name, "", it->labels);
        add_value(out, sc_metric_kind_of(metric) == SC_METRIC_GAUGE ? it->series.value
                                                                    : (double)it->series.count);
    }
}

void sc_metrics_write(const sc_metrics *metrics, sc_buf *out)
{
    for (unsigned i = 0; metrics && i < SC_METRIC_ROWS; i++)
        add_family(out, &metrics->families[i], (sc_metric)i);
}
