/* SPDX-License-Identifier: MIT
 *
 * What the operations on state share.
 */
#ifndef PILLION_SRC_STATE_H
#define PILLION_SRC_STATE_H

#include "client_internal.h"

/* What a read leaves in call->result. */
typedef struct state_values {
    size_t count;
    pillion_state_value at[];
} state_values;

/* As many values, each of a key that is not there, as the call's result. */
state_values *state_new_values(pillion_call *call, size_t count);

bool state_is_named(const char *text);
/* The call ends because its store or key has no name. */
pillion_call *state_refuse_names(pillion_call *call);
/* Appends "/<version>/state/<store><rest>". */
void state_path(sc_buf *path, const char *version, const char *store, const char *rest);
void state_request(pillion_call *call, const char *method, sc_buf *path, sc_str body,
                   const pillion_pair *headers, size_t header_count);
/* The request that reads `key`, not sent yet. */
void state_ask(pillion_call *call, const char *store, const char *key,
               const pillion_state_options *set);
pillion_state_change state_change_of(const char *key, pillion_str value,
                                     const pillion_state_options *set);
/* The object for one change, as the save and transaction APIs take it. Fails with SC_INVALID when
 * it has no key, or a value that is not JSON. */
sc_code state_add_change(sc_buf *body, const pillion_state_change *change,
                         sc_error *err) SC_MUST_CHECK;

#endif
