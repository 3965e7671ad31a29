/* SPDX-License-Identifier: MIT
 *
 * The JSON of chat completions, without I/O.
 */
#ifndef SC_COMPONENTS_SHARED_CHAT_WIRE_H
#define SC_COMPONENTS_SHARED_CHAT_WIRE_H

#include "component/conversation.h"

/* Appends the body of the request. */
void sc_chat_write_request(const sc_converse_op *op, sc_str model, sc_buf *out);
/* Fills the outputs of `op` from the body of a good answer. Fails with SC_INVALID. */
sc_code sc_chat_read_answer(sc_str body, sc_converse_op *op, sc_error *err) SC_MUST_CHECK;
/* What the body of a refusal says, in `mem`: its message, or its beginning. */
sc_str sc_chat_read_refusal(sc_str body, sc_arena *mem);

#endif
