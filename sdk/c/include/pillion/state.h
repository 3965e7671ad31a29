/* SPDX-License-Identifier: MIT
 *
 * State: values under keys. A value is JSON; each has an ETag that changes with every write.
 */
#ifndef PILLION_STATE_H
#define PILLION_STATE_H

#include "pillion/call.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pillion_concurrency {
    PILLION_CONCURRENCY_DEFAULT, /* the component's: last write wins */
    PILLION_FIRST_WRITE,         /* fails with PILLION_ABORTED when the ETag does not match, or when
                                    none is given and the key exists */
    PILLION_LAST_WRITE
} pillion_concurrency;

typedef enum pillion_consistency {
    PILLION_CONSISTENCY_DEFAULT,
    PILLION_STRONG,
    PILLION_EVENTUAL
} pillion_consistency;

/* Zeroed: no ETag, the component's defaults. */
typedef struct pillion_state_options {
    const char *etag; /* NULL or "": none */
    pillion_concurrency concurrency;
    pillion_consistency consistency;
    uint32_t ttl_s;               /* seconds until the key is gone; 0: for ever */
    const pillion_pair *metadata; /* further, for the component */
    size_t metadata_count;
    const pillion_pair *headers; /* of the request, for example traceparent */
    size_t header_count;
    uint32_t timeout_ms; /* 0: the client's */
} pillion_state_options;

/* ---- read ---- */

/* A value that was read. Good until its call is freed. */
typedef struct pillion_state_value {
    const char *key;
    bool is_found;     /* false: no such key, `value` is empty */
    pillion_str value; /* JSON */
    const char *etag;  /* "": the component has none */
    const char *error; /* bulk and query: why this one could not be read; "" when it could */
} pillion_state_value;

/* The value under `key` of the component `store`; pillion_state_result(call, 0) has it. A missing
 * key is no failure: is_found is false. Options that count: consistency, metadata, headers,
 * timeout_ms. NULL is allowed. */
PILLION_API pillion_call *pillion_state_get(pillion_client *client, const char *store,
                                            const char *key,
                                            const pillion_state_options *options) PILLION_CHECK;
/* Several keys at once: a result for each, in no certain order. Options: metadata, headers,
 * timeout_ms. */
PILLION_API pillion_call *
pillion_state_get_bulk(pillion_client *client, const char *store, const char *const *keys,
                       size_t count, const pillion_state_options *options) PILLION_CHECK;
/* The values that `query` finds, a document of Dapr's query language, for stores that have it. The
 * token for the next page is in pillion_call_json(call) under "token". Options as above. */
PILLION_API pillion_call *pillion_state_query(pillion_client *client, const char *store,
                                              pillion_str query,
                                              const pillion_state_options *options) PILLION_CHECK;
/* The result at this place; NULL past the last one, and of a call that failed. */
PILLION_API const pillion_state_value *pillion_state_result(const pillion_call *call, size_t index);

/* ---- write ---- */

/* Sets `key` to `value`, which is JSON (PILLION_INVALID otherwise). With an ETag: only when that
 * is still the key's, else PILLION_ABORTED. */
PILLION_API pillion_call *pillion_state_set(pillion_client *client, const char *store,
                                            const char *key, pillion_str value,
                                            const pillion_state_options *options) PILLION_CHECK;
/* Removes `key`; a missing one is no failure. */
PILLION_API pillion_call *pillion_state_delete(pillion_client *client, const char *store,
                                               const char *key,
                                               const pillion_state_options *options) PILLION_CHECK;

typedef enum pillion_state_verb { PILLION_UPSERT, PILLION_DELETE } pillion_state_verb;

/* One of several writes. */
typedef struct pillion_state_change {
    const char *key;
    pillion_str value; /* JSON; not of a PILLION_DELETE */
    pillion_state_verb verb;
    const char *etag;
    pillion_concurrency concurrency;
    pillion_consistency consistency;
    uint32_t ttl_s;
    const pillion_pair *metadata;
    size_t metadata_count;
} pillion_state_change;

/* Sets several keys in one request, each for itself: some may be written although the call fails.
 * Every change is a PILLION_UPSERT. */
PILLION_API pillion_call *pillion_state_set_bulk(pillion_client *client, const char *store,
                                                 const pillion_state_change *changes, size_t count,
                                                 const pillion_options *options) PILLION_CHECK;
/* All of the changes or none (as far as the component keeps that promise). PILLION_ABORTED when an
 * ETag does not match, PILLION_UNIMPLEMENTED when the store has no transactions. */
PILLION_API pillion_call *pillion_state_transact(pillion_client *client, const char *store,
                                                 const pillion_state_change *changes, size_t count,
                                                 const pillion_options *options) PILLION_CHECK;

/* Makes the new value out of the present one: JSON in memory that the library will free(), as
 * pillion_json_format returns it; NULL: leave it as it is. May be called again, with what somebody
 * else wrote meanwhile. */
typedef char *(*pillion_state_changer)(void *user, const pillion_state_value *now);

/* Reads, changes and writes `key`, again and again until nobody else wrote in between, so that no
 * change is lost: counters, lists. pillion_state_result(call, 0) has what was written, without its
 * new ETag. Within the timeout; then PILLION_ABORTED. Options: consistency, ttl_s, metadata,
 * headers, timeout_ms. */
PILLION_API pillion_call *pillion_state_update(pillion_client *client, const char *store,
                                               const char *key, pillion_state_changer change,
                                               void *user,
                                               const pillion_state_options *options) PILLION_CHECK;

#ifdef __cplusplus
}
#endif
#endif
