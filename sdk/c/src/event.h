/* SPDX-License-Identifier: MIT
 *
 * Events out of whatever carries them, and how their verdict finds its way back.
 */
#ifndef PILLION_EVENT_H
#define PILLION_EVENT_H

#include "internal.h"

/* An event with what the user does not see; lives in an arena of its carrier. */
typedef struct sdk_event {
    pillion_event pub; /* first */
    sc_arena *mem;
    sc_pairs attributes; /* all, by name: texts unquoted, other values as JSON */
    const sc_doc *json;
    bool json_was_read;
    /* Where the verdict goes, once; NULL: nowhere. The event may be gone afterwards. */
    void (*settle)(struct sdk_event *event, pillion_verdict verdict);
    void *carrier;
    bool is_settled;
} sdk_event;

/*
 * The event that a request carries: a CloudEvent in JSON (by its content type, or because the body
 * says specversion), one whose attributes are ce- headers, or a bare body. `headers` have names in
 * lower case. Everything is copied into `mem`. Fails with SC_INVALID when the body claims to be a
 * CloudEvent and is none.
 */
sc_code event_read(sc_arena *mem, const sc_pairs *headers, sc_str body, sdk_event *out,
                   sc_error *err) SC_MUST_CHECK;
/* A CloudEvent in JSON. */
sc_code event_read_json(sc_arena *mem, sc_str body, sdk_event *out, sc_error *err) SC_MUST_CHECK;
/* Fills the texts of `out` from out->attributes, and `data` as given. */
void event_fill(sdk_event *out, pillion_str data);
/* Hands it to the user's handler and settles it unless the verdict comes later. */
void event_handle(sdk_event *event, pillion_event_handler handler, void *user);

#endif
