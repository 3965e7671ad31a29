/* SPDX-License-Identifier: MIT
 *
 * Metrics from the start of the sidecar: what records, and the page on its port.
 */
#include "sidecar/runtime_internal.h"

/* The port as daprd reads it, when the page is opened. */
static sc_code read_port(sc_str text, uint16_t *port, sc_error *err)
{
    int64_t n;

    if (!sc_str_to_i64(text, &n))
        return sc_fail(
            err, SC_INVALID,
            "failed to parse metrics port: strconv.Atoi: parsing \"%.*s\": invalid syntax",
            SC_FMT(text));
    if (n < 0 || n > UINT16_MAX)
        return sc_fail(err, SC_INVALID,
                       "failed to listen on metrics port %lld: it is not in 0..65535",
                       (long long)n);
    *port = (uint16_t)n;
    return SC_OK;
}

static sc_code open_page(sc_runtime *rt, sc_error *err)
{
    sc_listen at = {.host = rt->options.metrics_host};

    if (read_port(rt->options.metrics_port_text, &at.port, err) != SC_OK)
        return err->code;
    if (sc_metrics_page_open(rt->loop, &at, rt->observe.metrics, &rt->metrics_page, err) != SC_OK)
        return sc_error_context(err, "failed to listen on %.*s:%u", SC_FMT(at.host), at.port);
    sc_log_info(&rt->log, "metrics server started on %.*s/",
                SC_FMT(sc_metrics_page_name(rt->metrics_page)));
    return SC_OK;
}

sc_code sc_runtime_open_metrics(sc_runtime *rt, sc_error *err)
{
    const sc_options *o = &rt->options;
    sc_observe_settings settings = {.metric = &rt->configuration.metric,
                                    .tracing = &rt->configuration.tracing,
                                    .api_log = &rt->configuration.api_log,
                                    .api_log_flag = o->has_logs_api ? &o->logs_api : NULL,
                                    .app_id = o->app_id,
                                    .namespace_ = o->plain_namespace};

    if (sc_observe_init(&rt->observe, &settings, &rt->log, err) != SC_OK)
        return err->code;
    return o->serves_metrics ? open_page(rt, err) : SC_OK;
}
