/* SPDX-License-Identifier: MIT
 *
 * W3C Trace Context (https://www.w3.org/TR/trace-context/) as text, and gRPC's binary form of the
 * same
 * (https://github.com/census-instrumentation/opencensus-specs/blob/master/encodings/BinaryEncoding.md).
 */
#ifndef SC_WIRE_TRACEPARENT_H
#define SC_WIRE_TRACEPARENT_H

#include "core/str.h"

/* What Dapr sends when there is no trace. */
#define SC_TRACEPARENT_NONE   SC_STR("00-00000000000000000000000000000000-0000000000000000-00")
#define SC_TRACEPARENT_LEN    55u
#define SC_TRACE_BIN_LEN      29u
#define SC_TRACESTATE_MAX_LEN 512u /* a longer one is not passed on, as in Dapr */

typedef struct sc_trace_context {
    uint8_t trace_id[16]; /* not all zero */
    uint8_t span_id[8];   /* not all zero */
    bool is_sampled;
} sc_trace_context;

/* version-traceid-parentid-flags; false when it is malformed or an id is all zero. */
bool sc_traceparent_parse(sc_str text, sc_trace_context *context);
bool sc_traceparent_is_valid(sc_str text);
/* Version 00. The slice points to `text`. */
sc_str sc_traceparent_format(const sc_trace_context *context, char text[SC_TRACEPARENT_LEN]);

/* The value of grpc-trace-bin, decoded from base64. */
bool sc_trace_bin_parse(sc_str bytes, sc_trace_context *context);
sc_str sc_trace_bin_format(const sc_trace_context *context, char bytes[SC_TRACE_BIN_LEN]);

#endif
