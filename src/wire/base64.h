/* SPDX-License-Identifier: MIT
 *
 * Base64 (RFC 4648 section 4).
 */
#ifndef SC_WIRE_BASE64_H
#define SC_WIRE_BASE64_H

#include "core/arena.h"
#include "core/buf.h"

/* Appends the padded text. */
void sc_base64_add(sc_buf *out, sc_str bytes);
/* The text in `mem`, padded or not. */
sc_str sc_base64_encode(sc_str bytes, bool is_padded, sc_arena *mem);
/* Reads padded or unpadded text (also the URL alphabet's '-' and '_') into `mem`. False, and
 * nothing written, for other characters or an impossible length. */
bool sc_base64_decode(sc_str text, sc_arena *mem, sc_str *bytes) SC_MUST_CHECK;

#endif
