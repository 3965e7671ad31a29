/* SPDX-License-Identifier: MIT
 *
 * An arena: memory for one call, taken piece by piece and given back all at once.
 *
 * Chunks come from a pool shared by the arenas of one thread, so a steady load allocates nothing
 * from the heap. Small pieces cannot fail; use sc_arena_try for a size that a peer chose.
 */
#ifndef SC_CORE_ARENA_H
#define SC_CORE_ARENA_H

#include "core/str.h"

#define SC_ARENA_CHUNK 4096u /* bytes of a pooled chunk, header included; others begin smaller */

typedef struct sc_arena_chunk sc_arena_chunk;

/* Free chunks for reuse. One per thread; not locked. */
typedef struct sc_arena_pool {
    sc_arena_chunk *free;
    size_t free_count;
    size_t free_max; /* more than this go back to the heap */
} sc_arena_pool;

typedef struct sc_arena {
    sc_arena_pool *pool; /* may be NULL: chunks come from the heap */
    sc_arena_chunk *chunks;
    char *at;
    char *end;
} sc_arena;

void sc_arena_pool_init(sc_arena_pool *pool, size_t free_max);
void sc_arena_pool_deinit(sc_arena_pool *pool);

/* No memory is taken until the first allocation. */
void sc_arena_init(sc_arena *arena, sc_arena_pool *pool);
/* Gives everything back; the arena may be used again. */
void sc_arena_deinit(sc_arena *arena);

/* `size` bytes aligned for any type, not zeroed. Never NULL. */
void *sc_arena_alloc(sc_arena *arena, size_t size);
/* As above, zeroed. */
void *sc_arena_zero(sc_arena *arena, size_t size);
#define sc_arena_new(arena, type) ((type *)sc_arena_zero((arena), sizeof(type)))
/* For a size that a peer chose: NULL when the heap has none. */
void *sc_arena_try(sc_arena *arena, size_t size) SC_MUST_CHECK;

/* A copy in the arena; NUL-terminated behind its length for the C library's sake. */
sc_str sc_arena_str(sc_arena *arena, sc_str s);
/* A copy in which every byte that is no UTF-8 is U+FFFD, as Go makes it. */
sc_str sc_arena_utf8(sc_arena *arena, sc_str s);
/* printf into the arena; NUL-terminated behind its length. */
sc_str sc_arena_fmt(sc_arena *arena, const char *fmt, ...) SC_PRINTF(2, 3);
/* ASCII letters in lower case; `s` itself when it has no others. */
sc_str sc_arena_lower(sc_arena *arena, sc_str s);
/* a, then b, ... up to `count` slices, in one piece. */
sc_str sc_arena_join(sc_arena *arena, const sc_str *parts, size_t count);
/* Appends to `*to`, whose room in the arena is `*cap` bytes, 0 at first; it moves when it outgrows
 * that. False, and nothing changed, when the heap has no room. */
bool sc_arena_append(sc_arena *arena, sc_str *to, size_t *cap, const void *at,
                     size_t len) SC_MUST_CHECK;

#endif
