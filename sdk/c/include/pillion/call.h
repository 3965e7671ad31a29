/* SPDX-License-Identifier: MIT
 *
 * A client of one sidecar, and calls to it.
 *
 * Each operation (pillion_publish, pillion_state_get, ...) is one function that starts a call and
 * returns it. Then take your pick:
 *
 *     pillion_finish(pillion_publish(...), &err);     wait until it is done, and forget it
 *     pillion_wait(call, &err);                       wait, read the results, pillion_call_free
 *     pillion_then(call, on_published, user);         go on; be called back on the loop
 *
 * Several calls may be started before any is waited for: they run at the same time.
 */
#ifndef PILLION_CALL_H
#define PILLION_CALL_H

#include "pillion/base.h"
#include "pillion/json.h"
#include "pillion/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pillion_client pillion_client;
typedef struct pillion_call pillion_call;

/* ---- the client ---- */

/* Zeroed is right for a program beside its sidecar: everything then comes from the environment, as
 * Dapr sets it. */
typedef struct pillion_client_settings {
    /* NULL: the client makes a loop of its own, which runs inside pillion_wait and pillion_finish
     * (see pillion_client_loop). Otherwise yours, which outlives the client. */
    pillion_loop *loop;
    /* "http://host:port", "https://host", "unix:///path". NULL: DAPR_HTTP_ENDPOINT, else
     * 127.0.0.1 (DAPR_RUNTIME_HOST) with DAPR_HTTP_PORT, else port 3500. */
    const char *http_endpoint;
    /* The same, also "host:port?tls=true" and "dns:host:port"; for streams only. NULL:
     * DAPR_GRPC_ENDPOINT, else the same host with DAPR_GRPC_PORT, else port 50001. */
    const char *grpc_endpoint;
    /* Sent with every call as dapr-api-token. NULL: DAPR_API_TOKEN; "": none. */
    const char *api_token;
    /* PEM file of authorities to trust for https; NULL: the system's. */
    const char *ca_file;
    /* Of each call whose options name none, from its start to the last byte of the answer.
     * 0: 60,000. */
    uint32_t timeout_ms;
    /* Longest body of an answer; PILLION_EXHAUSTED past it. 0: 4 MiB. */
    size_t max_body_len;
    /* At the same time; more calls wait for one to be free. 0: 64. */
    uint32_t max_connections;
} pillion_client_settings;

/* Connects when the first call needs it, again after a loss. `settings` may be NULL. Never NULL: a
 * setting that makes no sense is the error of every call, and of pillion_client_check. */
PILLION_API pillion_client *
pillion_client_new(const pillion_client_settings *settings) PILLION_CHECK;
/* PILLION_OK, or what is wrong with the settings or the environment. Sends nothing. */
PILLION_API pillion_code pillion_client_check(const pillion_client *client, pillion_error *err);
/* Calls and streams under way end with PILLION_CANCELLED: their callbacks come on the loop, soon.
 * Calls without a callback stay yours to free. */
PILLION_API void pillion_client_free(pillion_client *client);
/* The loop it runs on; lives as long as the client, or longer when it is yours. */
PILLION_API pillion_loop *pillion_client_loop(const pillion_client *client);

/* ---- a call under way ---- */

/* Runs the client's loop until the call is complete, other work of the loop included. Returns how
 * it went; the results can be read then. PILLION_FAILED_PRECONDITION, and nothing waited for,
 * inside a callback of the same loop: a callback uses pillion_then, or a client with a loop of its
 * own. Not after pillion_then. */
PILLION_API pillion_code pillion_wait(pillion_call *call, pillion_error *err);
/* The same, and frees the call, also when it could not be waited for. */
PILLION_API pillion_code pillion_finish(pillion_call *call, pillion_error *err);
/* Calls `done` once, later, on the loop, never inside this function. The call and its results are
 * good until `done` returns, and are freed then. `done` may be NULL: nobody cares how it ends. */
PILLION_API void pillion_then(pillion_call *call, void (*done)(void *user, pillion_call *call),
                              void *user);
/* Gives up: completes soon with PILLION_CANCELLED, unless it is complete. */
PILLION_API void pillion_call_cancel(pillion_call *call);
/* Forgets the call and its results; gives it up when it is under way. Not after pillion_then. */
PILLION_API void pillion_call_free(pillion_call *call);

/* ---- what came of it; good until the call is freed ---- */

/* PILLION_PENDING while under way. */
PILLION_API pillion_code pillion_call_code(const pillion_call *call);
/* The story of a failure. */
PILLION_API const pillion_error *pillion_call_error(const pillion_call *call);
/* HTTP status of the answer; 0: none came. */
PILLION_API int pillion_call_status(const pillion_call *call);
/* The answer's body, also of a failure. */
PILLION_API pillion_str pillion_call_body(const pillion_call *call);
/* The answer's header of this name (any case), or NULL. */
PILLION_API const char *pillion_call_header(const pillion_call *call, const char *name);
/* The body as JSON; NULL when it is none. Read when first asked for. */
PILLION_API const pillion_json *pillion_call_json(pillion_call *call);

/* ---- options that every operation knows ---- */

typedef struct pillion_options {
    uint32_t timeout_ms;          /* 0: the client's */
    const pillion_pair *metadata; /* for the component, for example ttlInSeconds */
    size_t metadata_count;
    const pillion_pair *headers; /* of the request, for example traceparent */
    size_t header_count;
} pillion_options;

#ifdef __cplusplus
}
#endif
#endif
