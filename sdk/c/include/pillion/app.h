/* SPDX-License-Identifier: MIT
 *
 * An application server: the HTTP port that the sidecar calls. It answers /dapr/subscribe, turns
 * deliveries into events, and serves ordinary routes, so that nothing else is needed.
 *
 *     pillion_app *app = pillion_app_new(NULL);
 *     pillion_app_subscribe(app, "pubsub", "orders", on_order, NULL);
 *     pillion_app_route(app, "GET", "/orders/{id}", on_get_order, NULL);
 *     pillion_app_run(app, &err);
 *     pillion_app_free(app);
 *
 * Handlers run on the loop's thread, one at a time. One that has to wait answers later and waits by
 * callback; one that blocks makes all others wait.
 */
#ifndef PILLION_APP_H
#define PILLION_APP_H

#include "pillion/pubsub.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pillion_app pillion_app;
typedef struct pillion_request pillion_request;

/* Zeroed is right for an application beside its sidecar. */
typedef struct pillion_app_settings {
    pillion_loop *loop; /* NULL: one of its own; otherwise yours, which outlives the application */
    const char *host;   /* address to listen on; NULL: 127.0.0.1; "": all */
    int port;           /* 0: APP_PORT of the environment, else a free one (pillion_app_port) */
    /* When there is a token, events and /dapr/ routes are for requests that carry it as
     * dapr-api-token: 401 otherwise. NULL: APP_API_TOKEN of the environment; "": none. Ordinary
     * routes ask pillion_request_has_token. */
    const char *api_token;
    size_t max_body_len; /* of a request; 413 past it. 0: 16 MiB */
} pillion_app_settings;

/* `settings` may be NULL. */
PILLION_API pillion_app *pillion_app_new(const pillion_app_settings *settings) PILLION_CHECK;
/* Stops it at once and frees it. Not inside one of its handlers. */
PILLION_API void pillion_app_free(pillion_app *app);
PILLION_API pillion_loop *pillion_app_loop(const pillion_app *app);

/* Listens; requests are handled while the loop runs. Fails with PILLION_UNAVAILABLE when the port
 * is taken, and with PILLION_INVALID for the first route or subscription that made no sense. */
PILLION_API pillion_code pillion_app_start(pillion_app *app, pillion_error *err);
/* The port it listens on; 0 before the start. */
PILLION_API int pillion_app_port(const pillion_app *app);
/* No new requests; those under way are answered, for up to 5 s. Anywhere on the loop's thread. */
PILLION_API void pillion_app_stop(pillion_app *app);
/* The whole life of a server: starts unless started, runs the loop until pillion_app_stop, SIGINT
 * or SIGTERM, and has stopped when it returns. The two signals are watched meanwhile. */
PILLION_API pillion_code pillion_app_run(pillion_app *app, pillion_error *err);

/* ---- events ---- */

typedef struct pillion_subscription {
    const char *pubsub;
    const char *topic;
    /* A CEL expression over the event, for example "event.type == \"vip\"": only events for which
     * it holds. Rules are tried in the order of their calls. NULL: all events that no rule takes.
     */
    const char *match;
    const char *route;             /* path to deliver to; NULL: one of the library's choice */
    const char *dead_letter_topic; /* NULL: none */
    const pillion_pair *metadata;  /* for example rawPayload, maxInFlight */
    size_t metadata_count;
    /* More than 1: the sidecar sends up to so many at once, waiting up to bulk_await_ms (0: its
     * own default) for them; the handler still gets them one by one. */
    uint32_t bulk_max_messages;
    uint32_t bulk_await_ms;
} pillion_subscription;

/* Has events of `topic` delivered to `handler`. */
PILLION_API void pillion_app_subscribe(pillion_app *app, const char *pubsub, const char *topic,
                                       pillion_event_handler handler, void *user);
/* The same with everything that can be said. Several calls for one topic, with different `match`,
 * are rules of one subscription; dead letters, metadata and bulk are those of its first call. */
PILLION_API void pillion_app_subscribe_with(pillion_app *app,
                                            const pillion_subscription *subscription,
                                            pillion_event_handler handler, void *user);
/* Events that come to `path` because a Subscription resource of the sidecar says so. */
PILLION_API void pillion_app_events(pillion_app *app, const char *path,
                                    pillion_event_handler handler, void *user);

/* ---- routes ---- */

/* Answers the request, now or after it returned: the request stays good until it is answered. */
typedef void (*pillion_handler)(void *user, pillion_request *request);

/* Requests with this method (NULL: any) and path go to `handler`. In the path {name} stands for one
 * segment and {name...}, at its end, for the rest. Of several that fit, the one that is literal
 * where others have a parameter wins, from left to right. An unknown path is answered 404, a known
 * one with another method 405 with Allow. A HEAD goes to the route for GET unless it has its own.
 */
PILLION_API void pillion_app_route(pillion_app *app, const char *method, const char *path,
                                   pillion_handler handler, void *user);
/* Answers what has no route instead; pillion_request_status tells 404 or 405. */
PILLION_API void pillion_app_fallback(pillion_app *app, pillion_handler handler, void *user);

/* Cross-origin resource sharing for routes that browsers call. */
typedef struct pillion_cors {
    const char *const *origins; /* "http://localhost:3000", or "*" */
    size_t origin_count;
    bool allow_credentials;
    uint32_t max_age_s; /* how long a browser may remember; 0: 600 */
} pillion_cors;

/* Answers preflights (any method, any header) and adds the headers to all answers. */
PILLION_API void pillion_app_cors(pillion_app *app, const pillion_cors *cors);

/* ---- a request; texts are good until it is answered ---- */

PILLION_API const char *pillion_request_method(const pillion_request *request);
/* As sent, without the query. */
PILLION_API const char *pillion_request_path(const pillion_request *request);
/* The segment behind {name}, decoded; NULL for a name that is not in the route. */
PILLION_API const char *pillion_request_param(const pillion_request *request, const char *name);
/* The first query parameter of this name, decoded, or NULL. */
PILLION_API const char *pillion_request_query(const pillion_request *request, const char *name);
/* The header of this name (any case), or NULL. */
PILLION_API const char *pillion_request_header(const pillion_request *request, const char *name);
PILLION_API pillion_str pillion_request_body(const pillion_request *request);
/* The body as JSON; NULL, with the place of the mistake in `err`, when it is none. */
PILLION_API const pillion_json *pillion_request_json(pillion_request *request, pillion_error *err);
/* The body as an event: a CloudEvent in JSON or in ce- headers, or else a bare body. It is the
 * request's: there is nothing to answer. NULL, with the reason, when it claims to be a CloudEvent
 * and is none. */
PILLION_API pillion_event *pillion_request_event(pillion_request *request, pillion_error *err);
/* True when it carries the application's token, or when there is none to carry. */
PILLION_API bool pillion_request_has_token(const pillion_request *request);
/* True when the connection is known to be lost: an answer would be dropped, but is still what ends
 * the request. */
PILLION_API bool pillion_request_is_gone(const pillion_request *request);
/* In a fallback: the status that fits, 404 or 405. */
PILLION_API int pillion_request_status(const pillion_request *request);
PILLION_API pillion_app *pillion_request_app(const pillion_request *request);

/* ---- the answer ---- */

/* Adds a header to the answer to come. Not Content-Length, Transfer-Encoding, Connection, Date. */
PILLION_API void pillion_respond_header(pillion_request *request, const char *name,
                                        const char *value);
/* Answers; the request is gone afterwards. `content_type` NULL: none. */
PILLION_API void pillion_respond(pillion_request *request, int status, const char *content_type,
                                 pillion_str body);
/* Answers with JSON, made as pillion_json_format makes it. */
PILLION_API void pillion_respond_json(pillion_request *request, int status, const char *format, ...)
    PILLION_PRINTF(3, 4);
/* Answers piece by piece: start, any number of writes, end; the request is gone after the end.
 * Writes are gathered and leave at the end of the loop's turn. True: the peer takes less than you
 * write, slow down (write again after a pillion_timer). */
PILLION_API void pillion_respond_start(pillion_request *request, int status,
                                       const char *content_type);
PILLION_API bool pillion_respond_write(pillion_request *request, pillion_str part);
PILLION_API void pillion_respond_end(pillion_request *request);

#ifdef __cplusplus
}
#endif
#endif
