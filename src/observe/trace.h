/* SPDX-License-Identifier: MIT
 *
 * The trace context of each call (observability: tracing): passed on as it came, or the context of
 * a new span, or none at all, as spec.tracing says. Spans themselves are not kept.
 */
#ifndef SC_OBSERVE_TRACE_H
#define SC_OBSERVE_TRACE_H

#include "core/arena.h"
#include "core/log.h"
#include "core/random.h"
#include "observe/settings.h"
#include "wire/traceparent.h"

typedef enum sc_trace_mode {
    SC_TRACE_PASS, /* what came goes on unchanged */
    SC_TRACE_MAKE, /* every call is a span of its own */
    SC_TRACE_OFF,  /* samplingRate "0": neither read nor made */
} sc_trace_mode;

typedef struct sc_tracer {
    sc_trace_mode mode;
    uint64_t threshold; /* a root span below it is sampled */
    sc_random random;
} sc_tracer;

/* Logs the sampler, and what is asked for and not there (exporters). */
void sc_tracer_init(sc_tracer *tracer, const sc_tracing_settings *settings, const sc_log *log);

/* What a call goes on with. */
typedef struct sc_trace {
    sc_str parent; /* a valid traceparent, or empty */
    sc_str state;  /* its tracestate, or empty */
} sc_trace;

/* The context of a call that came with `parent` and `state` (texts as they came; empty: none).
 * Slices point to them, or into `mem`. `tracer` NULL: passes on. */
sc_trace sc_trace_begin(sc_tracer *tracer, sc_str parent, sc_str state, sc_arena *mem);
/* The same for a parent in binary form. */
sc_trace sc_trace_begin_bin(sc_tracer *tracer, sc_str parent, sc_str state, sc_arena *mem);
/* A part of a call that is a span of its own: one event of a bulk, one delivery. */
sc_str sc_trace_child(sc_tracer *tracer, sc_str parent, sc_arena *mem);

#endif
