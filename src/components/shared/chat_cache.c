/* SPDX-License-Identifier: MIT
 *
 * Entries expire in the order they were made, so one list is both ages and order of going.
 */
#include "components/shared/chat_cache.h"

#include <stdlib.h>

typedef struct entry {
    sc_list link;
    uint64_t end_ms;
    size_t request_len;
    size_t answer_len;
    char bytes[]; /* the request, then the answer */
} entry;

static sc_str request_of(const entry *one)
{
    return sc_str_of(one->bytes, one->request_len);
}

void sc_chat_cache_init(sc_chat_cache *cache, uint64_t ttl_ms)
{
    *cache = (sc_chat_cache){.ttl_ms = ttl_ms};
    sc_map_init(&cache->by_request);
    sc_list_init(&cache->entries);
}

static void drop(sc_chat_cache *cache, entry *one)
{
    (void)sc_map_remove(&cache->by_request, request_of(one));
    sc_list_remove(&one->link);
    cache->len -= one->request_len + one->answer_len;
    free(one);
}

static entry *oldest(sc_chat_cache *cache)
{
    return sc_list_is_empty(&cache->entries) ? NULL
                                             : SC_CONTAINER_OF(cache->entries.next, entry, link);
}

static void drop_expired(sc_chat_cache *cache, uint64_t now_ms)
{
    while (oldest(cache) && oldest(cache)->end_ms <= now_ms)
        drop(cache, oldest(cache));
}

void sc_chat_cache_deinit(sc_chat_cache *cache)
{
    drop_expired(cache, UINT64_MAX);
    sc_map_deinit(&cache->by_request);
}

bool sc_chat_cache_get(sc_chat_cache *cache, sc_str request, uint64_t now_ms, sc_str *answer)
{
    const entry *found;

    drop_expired(cache, now_ms);
    found = sc_map_get(&cache->by_request, request);
    if (found)
        *answer = sc_str_of(found->bytes + found->request_len, found->answer_len);
    return found != NULL;
}

void sc_chat_cache_put(sc_chat_cache *cache, sc_str request, sc_str answer, uint64_t now_ms)
{
    size_t len = request.len + answer.len;
    entry *one = sc_map_get(&cache->by_request, request);

    if (cache->ttl_ms == 0 || len > SC_CHAT_CACHE_MAX_LEN)
        return;
    if (one) /* two asked the same at once */
        drop(cache, one);
    while (oldest(cache) && (cache->by_request.count >= SC_CHAT_CACHE_MAX_COUNT ||
                             cache->len + len > SC_CHAT_CACHE_MAX_LEN))
        drop(cache, oldest(cache));
    one = sc_try_alloc(sizeof(*one) + len);
    if (!one)
        return;
    one->end_ms = now_ms + cache->ttl_ms;
    one->request_len = request.len;
    one->answer_len = answer.len;
    memcpy(one->bytes, request.at, request.len);
    memcpy(one->bytes + request.len, answer.at, answer.len);
    sc_list_add(&cache->entries, &one->link);
    cache->len += len;
    (void)sc_map_put(&cache->by_request, request_of(one), one);
}
