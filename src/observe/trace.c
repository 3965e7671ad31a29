/* SPDX-License-Identifier: MIT
 *
 * Sampling as OpenTelemetry's ParentBased(TraceIDRatioBased): the caller decides; a root span by
 * the last eight bytes of its trace id.
 */
#include "observe/trace.h"

#include <math.h>
#include <stdlib.h>

#define USUAL_RATE 0.0001

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

/* False for a text that is no number. */
static bool read_rate(sc_str text, double *rate)
{
    char copy[64] = "";
    char *end;

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    *rate = strtod(copy, &end);
    return *end == '\0' && !isnan(*rate);
}

void sc_tracer_init(sc_tracer *tracer, const sc_tracing_settings *settings, const sc_log *log)
{
    sc_str text = sc_str_trim(settings->sampling_rate);
    bool has_env =
        is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_ENDPOINT");
    bool exports = settings->to_stdout || settings->zipkin_address.len > 0 ||
                   settings->otel_address.len > 0 || has_env;
    double rate;
    bool has_rate = read_rate(text, &rate);

    sc_random_init(&tracer->random);
    tracer->mode = has_rate && rate == 0     ? SC_TRACE_OFF
                   : text.len > 0 || exports ? SC_TRACE_MAKE
                                             : SC_TRACE_PASS;
    if (!has_rate)
        rate = has_env && text.len == 0 ? 1 : USUAL_RATE;
    rate = rate < 0 ? 0 : rate > 1 ? 1 : rate;
    tracer->threshold = (uint64_t)(rate * 9223372036854775808.0);
    if (exports)
        sc_log_warn(log,
                    "spans are not exported yet (spec.tracing, OTEL_EXPORTER_OTLP_ENDPOINT): trace "
                    "contexts are made and passed on");
    sc_log_info(log,
                "Dapr trace sampler initialized: ParentBased{root:TraceIDRatioBased{%g},"
                "remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler,"
                "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}",
                rate);
}

/* ---- spans ---- */

static void fill_random(sc_random *random, uint8_t *to, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        uint64_t bits = sc_random_u64(random);

        bits += bits == 0; /* no id is all zero */
        memcpy(to + i, &bits, 8);
    }
}

static bool is_sampled(const sc_tracer *tracer, const uint8_t *trace_id)
{
    uint64_t last = 0;

    for (size_t i = 8; i < 16; i++)
        last = last << 8 | trace_id[i];
    return last >> 1 < tracer->threshold;
}

/* `context` becomes that of a new span below it, or of a root span when `has_parent` is false. */
static sc_str make_span(sc_tracer *tracer, bool has_parent, sc_trace_context *context,
                        sc_arena *mem)
{
    if (!has_parent) {
        fill_random(&tracer->random, context->trace_id, sizeof(context->trace_id));
        context->is_sampled = is_sampled(tracer, context->trace_id);
    }
    fill_random(&tracer->random, context->span_id, sizeof(context->span_id));
    return sc_traceparent_format(context, sc_arena_alloc(mem, SC_TRACEPARENT_LEN));
}

/* Version 00, flags 00 or 01: what would be written anyway. */
static bool is_plain(sc_str text)
{
    return text.len == SC_TRACEPARENT_LEN && text.at[0] == '0' && text.at[1] == '0' &&
           text.at[53] == '0' && (text.at[54] == '0' || text.at[54] == '1');
}

static sc_str go_on(sc_tracer *tracer, bool has_parent, sc_str text, sc_trace_context *context,
                    sc_arena *mem)
{
    sc_trace_mode mode = tracer ? tracer->mode : SC_TRACE_PASS;

    if (mode == SC_TRACE_MAKE)
        return make_span(tracer, has_parent, context, mem);
    if (mode == SC_TRACE_OFF || !has_parent)
        return SC_STR_NONE;
    if (is_plain(text))
        return text;
    return sc_traceparent_format(context, sc_arena_alloc(mem, SC_TRACEPARENT_LEN));
}

static bool is_printable(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < ' ' || text.at[i] > '~')
            return false;
    }
    return true;
}

static sc_trace with_state(bool has_parent, sc_str parent, sc_str state)
{
    bool is_kept =
        has_parent && parent.len > 0 && state.len <= SC_TRACESTATE_MAX_LEN && is_printable(state);

    return (sc_trace){.parent = parent, .state = is_kept ? state : SC_STR_NONE};
}

sc_trace sc_trace_begin(sc_tracer *tracer, sc_str parent, sc_str state, sc_arena *mem)
{
    sc_trace_context context;
    bool has_parent = sc_traceparent_parse(parent, &context);

    return with_state(has_parent, go_on(tracer, has_parent, parent, &context, mem), state);
}

sc_trace sc_trace_begin_bin(sc_tracer *tracer, sc_str parent, sc_str state, sc_arena *mem)
{
    sc_trace_context context;
    bool has_parent = sc_trace_bin_parse(parent, &context);

    return with_state(has_parent, go_on(tracer, has_parent, SC_STR_NONE, &context, mem), state);
}

sc_str sc_trace_child(sc_tracer *tracer, sc_str parent, sc_arena *mem)
{
    return sc_trace_begin(tracer, parent, SC_STR_NONE, mem).parent;
}
