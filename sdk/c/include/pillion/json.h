/* SPDX-License-Identifier: MIT
 *
 * JSON (RFC 8259) to read and to write, enough for an application's messages.
 *
 *     pillion_json *order = pillion_json_parse(body, &err);
 *     int64_t id = pillion_json_int(pillion_json_get(order, "orderId"), -1);
 *     pillion_json_free(order);
 *
 *     char *reply = pillion_json_format("{\"id\":%d,\"note\":%s}", 7, "say \"hi\"");
 *     free(reply);
 */
#ifndef PILLION_JSON_H
#define PILLION_JSON_H

#include "pillion/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A value somewhere in a document. All functions take NULL for "there is none", so that
 * pillion_json_get(pillion_json_get(a, "b"), "c") needs no checks in between. */
typedef struct pillion_json pillion_json;

typedef enum pillion_json_kind {
    PILLION_JSON_MISSING, /* of NULL */
    PILLION_JSON_NULL,
    PILLION_JSON_BOOL,
    PILLION_JSON_NUMBER,
    PILLION_JSON_STRING,
    PILLION_JSON_ARRAY,
    PILLION_JSON_OBJECT
} pillion_json_kind;

/* The document that `text` holds, whole; it keeps nothing of `text`. NULL with PILLION_INVALID and
 * the place of the mistake otherwise. Free the result, and only it, with pillion_json_free; every
 * value inside lives as long. */
PILLION_API pillion_json *pillion_json_parse(pillion_str text, pillion_error *err) PILLION_CHECK;
PILLION_API void pillion_json_free(pillion_json *document);

PILLION_API pillion_json_kind pillion_json_kind_of(const pillion_json *value);

/* The member of this name (of repeated ones the last), or NULL. */
PILLION_API const pillion_json *pillion_json_get(const pillion_json *object, const char *name);
/* The element at this place, from 0, or NULL. */
PILLION_API const pillion_json *pillion_json_at(const pillion_json *array, size_t index);
/* A JSON Pointer (RFC 6901), for example "/choices/0/message"; NULL when nothing is there. */
PILLION_API const pillion_json *pillion_json_find(const pillion_json *value, const char *pointer);

/* How many members or elements; 0 for anything else. */
PILLION_API size_t pillion_json_count(const pillion_json *value);
/* Walks members or elements in their order: NULL at the end. */
PILLION_API const pillion_json *pillion_json_first(const pillion_json *value);
PILLION_API const pillion_json *pillion_json_next(const pillion_json *value);
/* The name of a member of an object; "" for anything else. */
PILLION_API const char *pillion_json_name(const pillion_json *member);

/* The value as C knows it, or `fallback` when it is of another kind (or, for integers, has a
 * fraction or does not fit). Texts live as long as the document; one that holds a NUL is cut there
 * by C's functions: pillion_json_str tells its length. */
PILLION_API const char *pillion_json_string(const pillion_json *value, const char *fallback);
PILLION_API pillion_str pillion_json_str(const pillion_json *value);
PILLION_API int64_t pillion_json_int(const pillion_json *value, int64_t fallback);
PILLION_API double pillion_json_double(const pillion_json *value, double fallback);
PILLION_API bool pillion_json_bool(const pillion_json *value, bool fallback);

/* The value as compact text; free() it. Numbers keep their digits, members their order. */
PILLION_API char *pillion_json_print(const pillion_json *value) PILLION_CHECK;

/*
 * printf for JSON: what the conversions insert is JSON, so nothing can break out of its place.
 *
 *   %s, %.*s            a string in quotes, escaped; NULL: null
 *   %-s, %-.*s          text that is JSON already, as it is
 *   %d %i %u, with hh h l ll z j    a number
 *   %f %g               a number, the shortest text that reads back the same; NaN, infinity: null
 *   %%                  a percent sign
 *
 * The compiler checks the arguments as it does for printf. The result is free()d by you. NULL for
 * any other conversion.
 */
PILLION_API char *pillion_json_format(const char *format, ...) PILLION_CHECK PILLION_PRINTF(1, 2);
/* The same at the end of `*text`, which is NULL at first and grows by realloc: for lists. False,
 * and nothing changed, for a conversion that is not listed. */
PILLION_API bool pillion_json_append(char **text, const char *format, ...) PILLION_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
