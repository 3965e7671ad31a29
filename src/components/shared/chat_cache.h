/* SPDX-License-Identifier: MIT
 *
 * Answers kept for a while, by the whole request that they answer. Bounded in number and bytes: the
 * oldest go first.
 */
#ifndef SC_COMPONENTS_SHARED_CHAT_CACHE_H
#define SC_COMPONENTS_SHARED_CHAT_CACHE_H

#include "core/list.h"
#include "core/map.h"

#define SC_CHAT_CACHE_MAX_COUNT 1000u
#define SC_CHAT_CACHE_MAX_LEN   (16u * 1024u * 1024u) /* requests and answers */

typedef struct sc_chat_cache {
    uint64_t ttl_ms; /* 0: nothing is kept */
    sc_map by_request;
    sc_list entries; /* the oldest first */
    size_t len;
} sc_chat_cache;

void sc_chat_cache_init(sc_chat_cache *cache, uint64_t ttl_ms);
void sc_chat_cache_deinit(sc_chat_cache *cache);
/* The answer, good until the cache is next changed; false when there is none that is young enough
 * at `now_ms` of the loop's clock. */
bool sc_chat_cache_get(sc_chat_cache *cache, sc_str request, uint64_t now_ms, sc_str *answer);
/* Copies both. Keeps nothing that alone is longer than the bound. */
void sc_chat_cache_put(sc_chat_cache *cache, sc_str request, sc_str answer, uint64_t now_ms);

#endif
