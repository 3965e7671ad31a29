/* SPDX-License-Identifier: MIT
 *
 * The registry: rows of metric.def, the series made of them, their limits.
 */
#include "observe/metric.h"

#include <stdlib.h>

#include "observe/metric_internal.h"

#define MAX_SERIES    1000u
#define MAX_VALUE_LEN 255u
#define MAX_LABELS    8u

static const struct {
    const char *name;
    sc_metric_kind kind;
    const char *labels;
    const char *help;
} rows[] = {
#define SC_METRIC(id, name, kind, labels, help) {(name), SC_METRIC_##kind, (labels), (help)},
#include "observe/metric.def"
#undef SC_METRIC
};

/* Dapr's (observability: buckets). */
static const double latency_bounds[] = {1,    2,    3,    4,     5,     6,     8,     10,  13,
                                        16,   20,   25,   30,    40,    50,    65,    80,  100,
                                        130,  160,  200,  250,   300,   400,   500,   650, 800,
                                        1000, 2000, 5000, 10000, 20000, 50000, 100000};
static const double size_bounds[] = {1024,      2048,       4096,      16384,    65536,
                                     262144,    1048576,    4194304,   16777216, 67108864,
                                     268435456, 1073741824, 4294967296};

sc_metric_row sc_metric_row_of(sc_metric metric)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "histogram"};

    return (sc_metric_row){.name = rows[metric].name,
                           .labels = rows[metric].labels,
                           .kind = kinds[rows[metric].kind],
                           .help = rows[metric].help};
}

sc_metric_kind sc_metric_kind_of(sc_metric metric)
{
    return rows[metric].kind;
}

/* ---- the registry ---- */

/* How many labels callers give values for. */
static size_t given_labels(sc_metric metric)
{
    sc_str rest = sc_str_from(rows[metric].labels);
    size_t count = 0;

    while (rest.at)
        count += sc_str_cut(&rest, ',').at[0] != '$';
    return count;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static void set_latency_bounds(sc_metrics *metrics, const sc_metric_settings *conf)
{
    double *bounds;

    metrics->latency = (sc_buckets){latency_bounds, SC_ARRAY_LEN(latency_bounds)};
    if (conf->latency_buckets_count == 0)
        return;
    bounds = sc_arena_alloc(&metrics->mem, conf->latency_buckets_count * sizeof(bounds[0]));
    for (uint32_t i = 0; i < conf->latency_buckets_count; i++)
        bounds[i] = (double)conf->latency_buckets[i];
    qsort(bounds, conf->latency_buckets_count, sizeof(bounds[0]), by_value);
    metrics->latency = (sc_buckets){bounds, conf->latency_buckets_count};
}

sc_code sc_metrics_new(const sc_metrics_settings *settings, sc_metrics **out, sc_error *err)
{
    static const sc_metric_settings usual = {0};
    const sc_metric_settings *conf = settings->conf ? settings->conf : &usual;
    sc_metrics *metrics = sc_new(sc_metrics);

    sc_arena_init(&metrics->mem, NULL);
    metrics->app_id = sc_arena_str(&metrics->mem, settings->app_id);
    metrics->namespace_ = sc_arena_str(&metrics->mem, settings->namespace_);
    metrics->max_series = settings->max_series ? settings->max_series : MAX_SERIES;
    metrics->log = settings->log;
    metrics->size = (sc_buckets){size_bounds, SC_ARRAY_LEN(size_bounds)};
    set_latency_bounds(metrics, conf);
    for (size_t i = 0; i < SC_METRIC_ROWS; i++) {
        metrics->families[i].last = &metrics->families[i].first;
        metrics->families[i].label_count = given_labels((sc_metric)i);
    }
    *out = metrics;
    if (conf->rules_count == 0)
        return SC_OK;
    return sc_metric_rules_new(conf->rules, conf->rules_count, &metrics->rules, err);
}

void sc_metrics_free(sc_metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < SC_METRIC_ROWS; i++)
        sc_map_deinit(&metrics->families[i].by_values);
    sc_metric_rules_free(metrics->rules);
    sc_arena_deinit(&metrics->mem);
    free(metrics);
}

sc_arena *sc_metrics_mem(sc_metrics *metrics)
{
    return &metrics->mem;
}

/* ---- series ---- */

static bool is_printable(sc_str value)
{
    if (value.len > MAX_VALUE_LEN)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < ' ' || value.at[i] > '~')
            return false;
    }
    return true;
}

/* name="value", with what Prometheus escapes. */
static void add_label(sc_buf *out, sc_str name, sc_str value)
{
    if (sc_buf_len(out) > 0)
        sc_buf_add_byte(out, ',');
    sc_buf_add_str(out, name);
    sc_buf_add_str(out, SC_STR("=\""));
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '\\' || value.at[i] == '"')
            sc_buf_add_byte(out, '\\');
        sc_buf_add_byte(out, value.at[i]);
    }
    sc_buf_add_byte(out, '"');
}

/* The labels of a series as they stand on the page; `given`: values of the labels without '$'. */
static sc_str write_labels(sc_metrics *metrics, sc_metric metric, const sc_str *given)
{
    sc_str rest = sc_str_from(rows[metric].labels);
    sc_buf text = {0};
    sc_str kept;

    while (rest.at) {
        sc_str name = sc_str_cut(&rest, ',');

        if (name.at[0] != '$')
            add_label(&text, name, *given++);
        else if (sc_str_eq(name, SC_STR("$app_id")))
            add_label(&text, SC_STR("app_id"), metrics->app_id);
        else
            add_label(&text, SC_STR("namespace"), metrics->namespace_);
    }
    kept = sc_arena_str(&metrics->mem, sc_buf_str(&text));
    sc_buf_deinit(&text);
    return kept;
}

static sc_series *add_series(sc_metrics *metrics, sc_metric metric, const sc_str *values)
{
    sc_metric_family *family = &metrics->families[metric];
    const sc_buckets *buckets = rows[metric].kind == SC_METRIC_LATENCY ? &metrics->latency
                                : rows[metric].kind == SC_METRIC_SIZE  ? &metrics->size
                                                                       : NULL;
    size_t size = sizeof(sc_metric_entry);
    sc_metric_entry *entry;

    if (buckets)
        size += (buckets->count + 1) * sizeof(entry->series.in_bucket[0]);
    entry = sc_arena_zero(&metrics->mem, size);
    entry->labels = write_labels(metrics, metric, values);
    entry->series.buckets = buckets;
    *family->last = entry;
    family->last = &entry->next;
    return &entry->series;
}

static sc_series *others(sc_metrics *metrics, sc_metric metric, size_t count)
{
    sc_metric_family *family = &metrics->families[metric];
    sc_str values[MAX_LABELS];

    if (family->others)
        return family->others;
    for (size_t i = 0; i < count; i++)
        values[i] = SC_STR("other");
    if (metrics->log)
        sc_log_warn(
            metrics->log,
            "metric dapr_%s has %u series: what else comes is counted under the label value "
            "'other'. Fewer distinct values: spec.metric.http.increasedCardinality: false, "
            "pathMatching, or rules",
            rows[metric].name, metrics->max_series);
    family->others = add_series(metrics, metric, values);
    return family->others;
}

static void rewrite(sc_metrics *metrics, sc_metric metric, sc_str *values, sc_arena *mem)
{
    sc_str rest = sc_str_from(rows[metric].labels);

    while (metrics->rules && rest.at) {
        sc_str name = sc_str_cut(&rest, ',');

        if (name.at[0] == '$')
            continue;
        *values = sc_metric_rules_apply(metrics->rules, rows[metric].name, name, *values, mem);
        values++;
    }
}

static sc_series *find_or_add(sc_metrics *metrics, sc_metric metric, const sc_str *values,
                              size_t count, sc_arena *mem)
{
    sc_metric_family *family = &metrics->families[metric];
    sc_str parts[MAX_LABELS * 2];
    char lengths[MAX_LABELS];
    sc_series *found;
    sc_str key;

    for (size_t i = 0; i < count; i++) {
        if (!is_printable(values[i]))
            return NULL;
        lengths[i] = (char)values[i].len;
        parts[i * 2] = sc_str_of(&lengths[i], 1);
        parts[i * 2 + 1] = values[i];
    }
    key = sc_arena_join(mem, parts, count * 2);
    found = sc_map_get(&family->by_values, key);
    if (found)
        return found;
    if (family->by_values.count >= metrics->max_series)
        return others(metrics, metric, count);
    found = add_series(metrics, metric, values);
    (void)sc_map_put(&family->by_values, key, found);
    return found;
}

sc_series *sc_metrics_series(sc_metrics *metrics, sc_metric metric, const sc_str *values,
                             size_t count)
{
    sc_str rewritten[MAX_LABELS] = {{0}};
    sc_arena mem;
    sc_series *found;

    if (!metrics)
        return NULL;
    assert(count == metrics->families[metric].label_count && count <= MAX_LABELS);
    for (size_t i = 0; i < count; i++)
        rewritten[i] = values[i];
    sc_arena_init(&mem, NULL);
    rewrite(metrics, metric, rewritten, &mem);
    found = find_or_add(metrics, metric, rewritten, count, &mem);
    sc_arena_deinit(&mem);
    return found;
}

void sc_series_observe(sc_series *series, double value)
{
    uint32_t at = 0;

    if (!series)
        return;
    while (at < series->buckets->count && value > series->buckets->bounds[at])
        at++;
    series->in_bucket[at]++;
    series->count++;
    series->value += value;
}
