/* SPDX-License-Identifier: MIT
 *
 * Arenas: bump allocation in pooled chunks; large pieces get a chunk of their own.
 */
#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct sc_arena_chunk {
    sc_arena_chunk *next;
    size_t size; /* with this header; SC_ARENA_CHUNK when it may go to the pool */
    max_align_t mem[];
};

#define ALIGN       _Alignof(max_align_t)
#define FIRST_CHUNK 512u /* without a pool: what lives long is often small */

void sc_arena_pool_init(sc_arena_pool *pool, size_t free_max)
{
    *pool = (sc_arena_pool){.free_max = free_max};
}

void sc_arena_pool_deinit(sc_arena_pool *pool)
{
    while (pool->free) {
        sc_arena_chunk *chunk = pool->free;

        pool->free = chunk->next;
        free(chunk);
    }
    pool->free_count = 0;
}

void sc_arena_init(sc_arena *arena, sc_arena_pool *pool)
{
    *arena = (sc_arena){.pool = pool};
}

static void chunk_give_back(sc_arena_pool *pool, sc_arena_chunk *chunk)
{
    if (pool && chunk->size == SC_ARENA_CHUNK && pool->free_count < pool->free_max) {
        chunk->next = pool->free;
        pool->free = chunk;
        pool->free_count++;
    } else {
        free(chunk);
    }
}

void sc_arena_deinit(sc_arena *arena)
{
    sc_arena_chunk *chunk = arena->chunks;
    sc_arena_pool *pool = arena->pool;

    /* The arena itself may live in one of its chunks: do not touch it after this. */
    arena->chunks = NULL;
    arena->at = arena->end = NULL;
    while (chunk) {
        sc_arena_chunk *next = chunk->next;

        chunk_give_back(pool, chunk);
        chunk = next;
    }
}

/* Without a pool each chunk is larger than the one before, so that little of them is unused. */
static size_t chunk_size(const sc_arena *arena, size_t piece)
{
    size_t size = FIRST_CHUNK;

    if (arena->pool)
        return SC_ARENA_CHUNK;
    while (size < SC_ARENA_CHUNK && (size < sizeof(sc_arena_chunk) + piece ||
                                     (arena->chunks && size <= arena->chunks->size)))
        size *= 2;
    return size;
}

static sc_arena_chunk *chunk_take(sc_arena_pool *pool, size_t size)
{
    sc_arena_chunk *chunk;

    if (pool && pool->free) {
        chunk = pool->free;
        pool->free = chunk->next;
        pool->free_count--;
        return chunk;
    }
    chunk = sc_try_alloc(size);
    if (!chunk)
        sc_out_of_memory("arena chunk");
    chunk->size = size;
    return chunk;
}

/* A piece too large for the open chunk; the open chunk stays open when the piece gets its own. */
static void *alloc_slow(sc_arena *arena, size_t size)
{
    sc_arena_chunk *chunk;

    if (size > (SC_ARENA_CHUNK - sizeof(sc_arena_chunk)) / 2) {
        if (size > SIZE_MAX - sizeof(*chunk))
            return NULL;
        chunk = sc_try_alloc(sizeof(*chunk) + size);
        if (!chunk)
            return NULL;
        chunk->size = sizeof(*chunk) + size;
        if (arena->chunks) {
            chunk->next = arena->chunks->next;
            arena->chunks->next = chunk;
        } else {
            chunk->next = NULL;
            arena->chunks = chunk;
        }
        return chunk->mem;
    }
    chunk = chunk_take(arena->pool, chunk_size(arena, size));
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->at = (char *)chunk->mem + size;
    arena->end = (char *)chunk + chunk->size;
    return chunk->mem;
}

void *sc_arena_try(sc_arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGN)
        return NULL;
    size = (size + ALIGN - 1) & ~(ALIGN - 1);
    if ((size_t)(arena->end - arena->at) >= size && arena->at) {
        void *piece = arena->at;

        arena->at += size;
        return piece;
    }
    return alloc_slow(arena, size);
}

void *sc_arena_alloc(sc_arena *arena, size_t size)
{
    void *piece = sc_arena_try(arena, size);

    if (!piece)
        sc_out_of_memory("arena piece");
    return piece;
}

void *sc_arena_zero(sc_arena *arena, size_t size)
{
    return memset(sc_arena_alloc(arena, size), 0, size);
}

sc_str sc_arena_str(sc_arena *arena, sc_str s)
{
    char *copy = sc_arena_alloc(arena, s.len + 1);

    if (s.len)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return (sc_str){copy, s.len};
}

sc_str sc_arena_utf8(sc_arena *arena, sc_str s)
{
    char *copy;
    size_t len = 0;

    if (sc_str_is_utf8(s))
        return sc_arena_str(arena, s);
    copy = sc_arena_alloc(arena, s.len * 3 + 1);
    while (s.len > 0) {
        size_t good = sc_str_utf8_len(s);

        memcpy(copy + len, s.at, good);
        len += good;
        if (good < s.len) {
            memcpy(copy + len, "\xef\xbf\xbd", 3);
            len += 3;
            good++;
        }
        s = sc_str_sub(s, good, s.len);
    }
    copy[len] = '\0';
    return (sc_str){copy, len};
}

static bool has_upper(sc_str s)
{
    size_t i = 0;

    for (uint64_t eight; s.len - i >= sizeof(eight); i += sizeof(eight)) {
        memcpy(&eight, s.at + i, sizeof(eight));
        if (sc_str_uppers(eight))
            return true;
    }
    for (; i < s.len; i++) {
        if (s.at[i] >= 'A' && s.at[i] <= 'Z')
            return true;
    }
    return false;
}

sc_str sc_arena_lower(sc_arena *arena, sc_str s)
{
    char *copy;

    if (!has_upper(s))
        return s;
    copy = sc_arena_alloc(arena, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        copy[i] = (char)(s.at[i] >= 'A' && s.at[i] <= 'Z' ? s.at[i] | 0x20 : s.at[i]);
    copy[s.len] = '\0';
    return (sc_str){copy, s.len};
}

sc_str sc_arena_fmt(sc_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    char *text;
    int n;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    text = sc_arena_alloc(arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return (sc_str){text, (size_t)n};
}

sc_str sc_arena_join(sc_arena *arena, const sc_str *parts, size_t count)
{
    size_t len = 0;
    char *joined, *to;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    joined = to = sc_arena_alloc(arena, len + 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(to, parts[i].at, parts[i].len);
        to += parts[i].len;
    }
    *to = '\0';
    return (sc_str){joined, len};
}

bool sc_arena_append(sc_arena *arena, sc_str *to, size_t *cap, const void *at, size_t len)
{
    size_t want = to->len + len;
    char *mem = (char *)(uintptr_t)to->at;

    if (want > *cap) {
        size_t grown = *cap * 2 > want ? *cap * 2 : want;

        mem = sc_arena_try(arena, grown);
        if (!mem)
            return false;
        if (to->len > 0)
            memcpy(mem, to->at, to->len);
        *cap = grown;
    }
    if (len > 0)
        memcpy(mem + to->len, at, len);
    *to = (sc_str){mem, want};
    return true;
}
