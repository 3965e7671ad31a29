/* SPDX-License-Identifier: MIT
 *
 * Several events in one request (pub/sub semantics, section 8).
 */
#ifndef PILLION_EVENT_BULK_H
#define PILLION_EVENT_BULK_H

#include "event.h"

typedef struct event_entry {
    sdk_event event; /* first */
    sc_str id;       /* JSON, with its quotes, as it came */
    bool is_good;    /* false: there is no event in it */
    pillion_verdict verdict;
    void *of; /* the receiver's */
} event_entry;

/* The entries of `body` in `mem`, or NULL when it is no bulk: a JSON object with a list of entries
 * under the type of Dapr's bulks, sent as application/json. Texts are copied but for the ids, which
 * are borrowed from `body`. */
event_entry *event_bulk_read(sc_arena *mem, sc_str content_type, sc_str body, size_t *count);

#endif
