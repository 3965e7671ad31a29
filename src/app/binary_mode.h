/* SPDX-License-Identifier: MIT
 *
 * CloudEvents HTTP binary mode (CloudEvents HTTP protocol binding, section 3.1): the data is the
 * body, the attributes are ce-* headers. Asked for by subscription metadata `contentMode: binary`.
 */
#ifndef SC_APP_BINARY_MODE_H
#define SC_APP_BINARY_MODE_H

#include "core/pairs.h"

/* Splits `envelope`: adds the ce-* headers, and sets content type and body. What is no CloudEvent
 * is left as it is. Results borrow from the envelope or live in `mem`. */
void sc_event_to_binary_mode(sc_str envelope, sc_arena *mem, sc_pairs *headers,
                             sc_str *content_type, sc_str *body);

#endif
