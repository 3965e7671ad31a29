/* SPDX-License-Identifier: MIT
 *
 * The Common Expression Language (https://github.com/google/cel-spec) as far as routing rules need
 * it (Dapr: "message routing"): the standard operators, macros and functions over one variable,
 * `event`. Expressions are text from configuration, events are text from peers: both are bounded,
 * neither can crash or hang the sidecar.
 */
#ifndef SC_EXPR_CEL_H
#define SC_EXPR_CEL_H

#include "core/doc.h"
#include "core/error.h"

#define SC_CEL_MAX_LEN   65536u   /* bytes of an expression */
#define SC_CEL_MAX_DEPTH 100u     /* of nesting */
#define SC_CEL_MAX_STEPS 1000000u /* of one evaluation */

typedef struct sc_cel sc_cel;

/* Reads `text` into a program that lives in `mem`. Fails with SC_INVALID and the place: syntax,
 * unknown functions, operators on literals of types that can never fit. */
sc_code sc_cel_compile(sc_str text, sc_arena *mem, sc_cel **out, sc_error *err) SC_MUST_CHECK;
/* Whether the expression holds for `event`; scratch comes from `mem`. Fails with SC_INVALID, worded
 * as CEL words it, for errors and for results that are no booleans. */
sc_code sc_cel_eval(const sc_cel *program, const sc_doc *event, sc_arena *mem, bool *truth,
                    sc_error *err) SC_MUST_CHECK;
/* The same for a result of any type, as text: its type and value. For tests. */
sc_str sc_cel_show(const sc_cel *program, const sc_doc *event, sc_arena *mem);

#endif
