/* SPDX-License-Identifier: MIT
 *
 * One event on its way to a subscriber, and who takes it: the user's application over HTTP or gRPC,
 * or a streaming subscription. The block decides; a sink only carries and reports.
 */
#ifndef SC_APP_EVENT_H
#define SC_APP_EVENT_H

#include "core/doc.h"
#include "core/op.h"
#include "core/pairs.h"

typedef enum sc_app_answer {
    SC_APP_SUCCESS,
    SC_APP_RETRY, /* the application said RETRY, or could not be reached, or failed: op.err tells */
    SC_APP_DROP,  /* the application said DROP, or 404 */
    SC_APP_UNIMPLEMENTED, /* a gRPC application without the rpc, a bulk that is answered 404:
                             acknowledged, not dead-lettered; op.err.text tells */
} sc_app_answer;

/* What the subscriber is told. Slices live as long as the delivery. */
typedef struct sc_event {
    sc_str payload;    /* bytes an HTTP application gets */
    const sc_doc *doc; /* the CloudEvent as a tree; NULL until sc_event_doc made it */
    sc_str id;         /* CloudEvent id, unescaped; may be empty */
    sc_str pubsub_name;
    sc_str topic;             /* as received, without namespace prefix */
    const sc_pairs *metadata; /* the broker's message metadata */
    sc_str traceparent;       /* to send on; has_traceparent false: no header at all */
    sc_str tracestate;        /* of it; empty: none */
    bool has_traceparent;
    bool is_raw;         /* subscription metadata rawPayload */
    bool is_octets;      /* the broker says application/octet-stream: payload is not an envelope */
    bool is_binary_mode; /* contentMode: binary */
    sc_str content_type; /* of the broker message; a default where it has none */
    sc_str broker_content_type; /* as the component has it; may be empty */
} sc_event;

/* The event as a tree, read when first asked for; NULL when the payload is no JSON object. */
const sc_doc *sc_event_doc(sc_event *event, sc_arena *mem);

typedef struct sc_event_op {
    sc_op op; /* SC_OK with `answer`; else SC_APP_RETRY with the reason */
    sc_event *event;
    sc_str path;         /* route */
    uint64_t timeout_ms; /* 0: none */
    /* out */
    sc_app_answer answer;
    int http_status;   /* 0: none */
    sc_str body;       /* start of what the application answered, for the log */
    sc_str odd_status; /* it counts as success, though nobody knows this status; empty: none */
    char entry_id[37]; /* in a bulk delivery, the same for every attempt; "": not in one yet */
    void *sink_state;
} sc_event_op;

/* Several deliveries in one call (Dapr: bulk subscribe). The sink fills the answer of every entry,
 * as if it had come alone, and finishes this op; not the entries. */
typedef struct sc_bulk_event_op {
    sc_op op;
    sc_event_op **entries;
    size_t count;
    sc_str id; /* of the batch */
    sc_str pubsub_name;
    sc_str topic;
    sc_str path;
} sc_bulk_event_op;

typedef struct sc_event_sink {
    void (*deliver)(void *self, sc_event_op *op);
    void (*deliver_bulk)(void *self, sc_bulk_event_op *op); /* NULL: no bulk */
    void (*cancel)(void *self, sc_op *op); /* gives up: completes soon; may be NULL */
    void *self;
} sc_event_sink;

#endif
