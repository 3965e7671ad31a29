/* SPDX-License-Identifier: MIT
 *
 * Heap allocation with the two rules of this program: small and ours cannot fail, large and a
 * peer's can.
 */
#include "core/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void sc_out_of_memory(const char *what)
{
    fprintf(stderr, "out of memory: %s\n", what);
    abort();
}

void *sc_alloc_zero(size_t size)
{
    void *mem = calloc(1, size ? size : 1);

    if (!mem)
        sc_out_of_memory("small allocation");
    return mem;
}

void *sc_try_alloc(size_t size)
{
    return malloc(size ? size : 1);
}

void *sc_try_realloc(void *old, size_t size)
{
    return realloc(old, size ? size : 1);
}

char *sc_strdup(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(sc_alloc_zero(size), text, size);
}

void sc_give_back_free_memory(void)
{
#ifdef __GLIBC__ /* other heaps do it by themselves */
    (void)malloc_trim(0);
#endif
}
