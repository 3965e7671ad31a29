/* SPDX-License-Identifier: MIT
 *
 * One enum of failures for the whole program, and the story that goes with one.
 *
 * A function that can fail returns sc_code and writes the story once, where the cause is known,
 * into the caller's sc_error. The value owns nothing, so it is copied and dropped freely.
 */
#ifndef SC_CORE_ERROR_H
#define SC_CORE_ERROR_H

#include <stdarg.h>

#include "core/base.h"

typedef enum sc_code {
#define SC_CODE(name, grpc, http, text) SC_##name = (grpc),
#include "core/code.def"
#undef SC_CODE
    SC_PENDING = 100, /* not a failure: the op completes later */
} sc_code;

#define SC_ERROR_TEXT_MAX 440

typedef struct sc_error {
    sc_code code;
    char text[SC_ERROR_TEXT_MAX]; /* NUL-terminated, UTF-8, "" on success; cut with "..." */
} sc_error;

/* Writes code and text into `err` (NULL is allowed) and returns `code`. */
sc_code sc_fail(sc_error *err, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);
sc_code sc_fail_list(sc_error *err, sc_code code, const char *fmt, va_list args) SC_PRINTF(3, 0);

/* Puts "text: " in front of the story, keeping the code; returns the code. */
sc_code sc_error_context(sc_error *err, const char *fmt, ...) SC_PRINTF(2, 3);

/* Sets `err` to success. Cheap: the text is not cleared beyond its first byte. */
static inline void sc_error_clear(sc_error *err)
{
    err->code = SC_OK;
    err->text[0] = '\0';
}

/* "InvalidArgument" and so on: the name that Go's gRPC prints. */
const char *sc_code_name(sc_code code);
/* The HTTP status for a reply that has no more exact one. */
int sc_code_http_status(sc_code code);

#endif
