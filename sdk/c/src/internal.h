/* SPDX-License-Identifier: MIT
 *
 * What the files of the client library share. The layers below are linked in with hidden symbols;
 * only what the public headers declare is visible outside.
 */
#ifndef PILLION_INTERNAL_H
#define PILLION_INTERNAL_H

#include <stdarg.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/doc.h"
#include "core/error.h"
#include "core/pairs.h"
#include "io/loop.h"
#include "io/timer.h"
#include "pillion/client.h"

/* ---- base.c ---- */

static inline sc_str str_in(pillion_str s)
{
    return sc_str_of(s.at, s.len);
}
/* `s` ends in NUL. */
static inline pillion_str str_out(sc_str s)
{
    return (pillion_str){s.at ? s.at : "", s.len};
}
/* A copy in `mem` with NUL; "" for NULL. */
const char *copy_text(sc_arena *mem, sc_str s);
/* Heap copies for settings: NULL stays NULL. */
char *keep_text(const char *text);
/* Copies `pairs` into `mem`. */
sc_pairs copy_pairs(sc_arena *mem, const pillion_pair *pairs, size_t count);

/* Sets `err` (NULL is allowed) to success. */
void error_clear(pillion_error *err);
/* Writes code and text and returns the code; status and name are cleared. */
pillion_code error_set(pillion_error *err, pillion_code code, const char *format, ...)
    SC_PRINTF(3, 4);
/* The same from an error of the layers below. */
pillion_code error_take(pillion_error *err, const sc_error *from);
pillion_code error_copy(pillion_error *err, const pillion_error *from);

/* ---- loop.c ---- */

sc_loop *loop_sc(const pillion_loop *loop);
/* Something that has to be closed before the loop can go: counted until loop_release. */
void loop_hold(pillion_loop *loop);
void loop_release(pillion_loop *loop);
/* At most one thing is held. */
bool loop_is_alone(const pillion_loop *loop);
/* One turn with the time limit of pillion_loop_step. */
bool loop_turn(pillion_loop *loop, int timeout_ms);
/* True inside a callback of the loop, or inside run, step and wait: it must not be run again. */
bool loop_is_running(const pillion_loop *loop);
/* The turn under way ends without waiting for more: somebody looks at what has just changed. */
void loop_look(pillion_loop *loop);
/* True when pillion_loop_stop was called since the last time this said so. */
bool loop_take_stop(pillion_loop *loop);
/* Milliseconds, with jitter of a quarter. */
uint32_t loop_jitter(pillion_loop *loop, uint32_t ms);

/* ---- json.c, json_format.c ---- */

/* The document in `mem`: its strings and numbers end in NUL. `text` is copied. NULL when it is no
 * JSON. */
const sc_doc *json_read(sc_arena *mem, sc_str text, sc_error *err);
static inline const sc_doc *json_doc(const pillion_json *value)
{
    return (const sc_doc *)value;
}
static inline const pillion_json *json_of(const sc_doc *doc)
{
    return (const pillion_json *)doc;
}
/* Appends as pillion_json_format does. False for an unknown conversion; `out` then holds a part. */
bool json_add_format(sc_buf *out, const char *format, va_list args);

#endif
