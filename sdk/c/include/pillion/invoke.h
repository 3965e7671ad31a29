/* SPDX-License-Identifier: MIT
 *
 * Calling other applications, and what the sidecar has besides: secrets, metadata, health, and any
 * route of its HTTP API by its path.
 */
#ifndef PILLION_INVOKE_H
#define PILLION_INVOKE_H

#include "pillion/call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- service invocation ---- */

typedef struct pillion_invoke_options {
    const char *content_type; /* of the body; NULL: application/json, none without a body */
    const pillion_pair *headers;
    size_t header_count;
    uint32_t timeout_ms; /* 0: the client's; long streams need a time to match */
    /* An answer of any length: called for each part of its body as it arrives, on the loop;
     * pillion_call_status and _header tell the rest. The call's body then stays empty, but for that
     * of a failure. NULL: the body is kept whole. */
    void (*on_part)(void *user, pillion_call *call, pillion_str part);
    /* A body of any length: more follows what is passed as `body`, by pillion_call_write. */
    bool is_body_open;
    /* pillion_call_write said true and would not now. May be NULL. */
    void (*on_room)(void *user, pillion_call *call);
    void *user; /* of both */
} pillion_invoke_options;

/* Calls the application `app_id` with the method (any HTTP verb) and the path, which may have a
 * query and is percent-encoded by you where needed. Status, headers and body of its answer are the
 * call's; a status of 400 or more is a failure (404: PILLION_NOT_FOUND, ...) with the body still
 * there. `options` may be NULL. */
PILLION_API pillion_call *pillion_invoke(pillion_client *client, const char *app_id,
                                         const char *method, const char *path, pillion_str body,
                                         const pillion_invoke_options *options) PILLION_CHECK;
/* printf for paths and queries: %s inserts text with everything escaped that has a meaning there,
 * so that a user's name cannot become another path; %-s inserts text as it is; numbers as in
 * pillion_json_format. free() the result; NULL for any other conversion. */
PILLION_API char *pillion_path_format(const char *format, ...) PILLION_CHECK PILLION_PRINTF(1, 2);
/* Calls a route of the sidecar itself, for what has no function of its own here: bindings,
 * configuration, locks, jobs, conversation, workflows.
 * Example: pillion_api(client, "POST", "/v1.0/bindings/mail", body, NULL). */
PILLION_API pillion_call *pillion_api(pillion_client *client, const char *method, const char *path,
                                      pillion_str body,
                                      const pillion_invoke_options *options) PILLION_CHECK;

/* More of an open body; copies. Dropped when the call is complete. True: much of it waits to be
 * sent; go on in on_room, or when pillion_call_is_full says false after a step of the loop. */
PILLION_API bool pillion_call_write(pillion_call *call, pillion_str part);
/* The open body is whole. */
PILLION_API void pillion_call_write_end(pillion_call *call);
PILLION_API bool pillion_call_is_full(pillion_call *call);
/* Stops and resumes on_part: the peer is then slowed down. A few parts may still come. */
PILLION_API void pillion_call_pause(pillion_call *call);
PILLION_API void pillion_call_resume(pillion_call *call);

/* ---- secrets ---- */

/* The secret `name` of the component `store`. */
PILLION_API pillion_call *pillion_secret_get(pillion_client *client, const char *store,
                                             const char *name,
                                             const pillion_options *options) PILLION_CHECK;
/* All that the application may read: pillion_call_json has {"name": {"key": "value"}}. */
PILLION_API pillion_call *pillion_secret_get_all(pillion_client *client, const char *store,
                                                 const pillion_options *options) PILLION_CHECK;
/* The value under `key` of a secret that was got; `key` NULL: of its only or first one. NULL when
 * there is none. Good until the call is freed. */
PILLION_API const char *pillion_secret_value(pillion_call *call, const char *key);

/* ---- the sidecar ---- */

/* What the sidecar says about itself: pillion_call_json has id, components, subscriptions, ... */
PILLION_API pillion_call *pillion_metadata_get(pillion_client *client,
                                               const pillion_options *options) PILLION_CHECK;
/* Adds a text to its "extended" part. */
PILLION_API pillion_call *pillion_metadata_set(pillion_client *client, const char *name,
                                               const char *value,
                                               const pillion_options *options) PILLION_CHECK;

typedef enum pillion_health_kind {
    PILLION_HEALTH_OUTBOUND, /* it takes calls of its application */
    PILLION_HEALTH_FULL      /* and its application's port answers */
} pillion_health_kind;

/* Asks once: PILLION_OK when healthy. */
PILLION_API pillion_call *pillion_health(pillion_client *client, pillion_health_kind kind,
                                         const pillion_options *options) PILLION_CHECK;
/* Asks until it is healthy, every 100 ms; PILLION_DEADLINE, with the last reason, after
 * `timeout_ms` (0: the client's). A program that starts with its sidecar begins with
 * pillion_finish(pillion_health_wait(client, PILLION_HEALTH_OUTBOUND, 0), &err). */
PILLION_API pillion_call *pillion_health_wait(pillion_client *client, pillion_health_kind kind,
                                              uint32_t timeout_ms) PILLION_CHECK;
/* Asks the sidecar to end. */
PILLION_API pillion_call *pillion_shutdown(pillion_client *client) PILLION_CHECK;

#ifdef __cplusplus
}
#endif
#endif
