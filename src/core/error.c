/* SPDX-License-Identifier: MIT
 *
 * The story of a failure: written once, carried by value.
 */
#include "core/error.h"

#include <stdio.h>
#include <string.h>

/* A text that did not fit ends in three dots, cut before any half UTF-8 sequence. */
static void mark_cut(char *text, size_t size)
{
    size_t end = size - 4;

    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    memcpy(text + end, "...", 4);
}

sc_code sc_fail_list(sc_error *err, sc_code code, const char *fmt, va_list args)
{
    int n;

    if (!err)
        return code;
    err->code = code;
    n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    if (n >= (int)sizeof(err->text))
        mark_cut(err->text, sizeof(err->text));
    return code;
}

sc_code sc_fail(sc_error *err, sc_code code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)sc_fail_list(err, code, fmt, args);
    va_end(args);
    return code;
}

sc_code sc_error_context(sc_error *err, const char *fmt, ...)
{
    char story[SC_ERROR_TEXT_MAX];
    va_list args;
    int n;

    memcpy(story, err->text, sizeof(story));
    va_start(args, fmt);
    n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    if (n < 0 || n >= (int)sizeof(err->text))
        return err->code;
    if (snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", story) >=
        (int)sizeof(err->text) - n)
        mark_cut(err->text, sizeof(err->text));
    return err->code;
}

const char *sc_code_name(sc_code code)
{
    switch (code) {
#define SC_CODE(name, grpc, http, text)                                                            \
    case SC_##name:                                                                                \
        return text;
#include "core/code.def"
#undef SC_CODE
    case SC_PENDING:
        break;
    }
    return "Unknown";
}

int sc_code_http_status(sc_code code)
{
    switch (code) {
#define SC_CODE(name, grpc, http, text)                                                            \
    case SC_##name:                                                                                \
        return http;
#include "core/code.def"
#undef SC_CODE
    case SC_PENDING:
        break;
    }
    return 500;
}
