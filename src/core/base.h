/* SPDX-License-Identifier: MIT
 *
 * Compiler attributes and the few helpers that every file may use.
 */
#ifndef SC_CORE_BASE_H
#define SC_CORE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SC_MUST_CHECK      __attribute__((warn_unused_result))
#define SC_PRINTF(fmt, at) __attribute__((format(printf, fmt, at)))
#define SC_NORETURN        __attribute__((noreturn))
#define SC_UNUSED          __attribute__((unused))

#define SC_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct of `type` whose field `member` is at `ptr`. */
#define SC_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Prints `what` on stderr and stops the process: a small fixed allocation failed. */
void sc_out_of_memory(const char *what) SC_NORETURN;

/* Zeroed memory for a small object of our own choosing; never NULL. Freed with free(). */
void *sc_alloc_zero(size_t size);
#define sc_new(type) ((type *)sc_alloc_zero(sizeof(type)))

/* Memory whose size a peer chose: NULL when there is none. Not zeroed. Freed with free(). */
void *sc_try_alloc(size_t size) SC_MUST_CHECK;
void *sc_try_realloc(void *old, size_t size) SC_MUST_CHECK;

/* A copy of the NUL-terminated `text`; never NULL. Freed with free(). */
char *sc_strdup(const char *text);

/* Freed memory that the heap kept goes back to the system, as far as its pages are free. */
void sc_give_back_free_memory(void);

#endif
