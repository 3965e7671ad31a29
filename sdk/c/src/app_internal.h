/* SPDX-License-Identifier: MIT
 *
 * The application server's insides: the server, its routes, its subscriptions, and the requests
 * that are not answered yet.
 */
#ifndef PILLION_APP_INTERNAL_H
#define PILLION_APP_INTERNAL_H

#include "core/list.h"
#include "event.h"
#include "internal.h"
#include "net/http_server.h"

typedef enum app_state { APP_NEW, APP_SERVING, APP_STOPPING, APP_STOPPED } app_state;

typedef struct route {
    struct route *next;
    sc_str method; /* empty: any */
    sc_str path;
    pillion_handler on_request; /* one of the two */
    pillion_event_handler on_event;
    void *user;
} route;

/* What one call of pillion_app_subscribe said, in app->mem. */
typedef struct rule {
    struct rule *next;
    pillion_subscription said;
    sc_str route;
} rule;

struct pillion_app {
    pillion_loop *loop;
    bool owns_loop;
    sc_arena mem; /* routes, subscriptions, settings */
    sc_str host;
    int port;
    sc_str api_token; /* empty: none */
    size_t max_body_len;
    route *routes;
    route **routes_tail;
    rule *rules;
    rule **rules_tail;
    uint32_t rule_count;
    route *fallback; /* NULL: none */
    pillion_cors cors;
    bool has_cors;
    sc_error broken; /* the first registration that made no sense; SC_OK: none */
    app_state state;
    sc_http_server *server; /* while serving or stopping */
    sc_list requests;       /* of pillion_request, not answered */
    bool is_freed;
};

struct pillion_request {
    sc_list link;
    pillion_app *app;
    sc_http_exchange *ex; /* with a reference to its call */
    const char *method;
    const char *path;
    sc_pairs params;
    pillion_str body;
    const sc_doc *json;
    bool json_was_read;
    sdk_event *event; /* pillion_request_event */
    sc_pairs answer_headers;
    int status; /* of a fallback */
    bool is_gone;
    bool is_streaming;
};

/* ---- app_route.c ---- */

/* Why `path` is no pattern, into `err`. */
sc_code route_check(sc_str path, sc_error *err) SC_MUST_CHECK;
/* The route for a request, its parameters into `params`. NULL: none; `*allowed` then lists the
 * methods of the routes that fit the path, empty when none does. */
const route *route_find(const pillion_app *app, sc_str method, sc_str path, sc_arena *mem,
                        sc_pairs *params, sc_str *allowed);

/* ---- app_events.c ---- */

/* The list for GET /dapr/subscribe. */
sc_str subscriptions_json(const pillion_app *app, sc_arena *mem);
/* Hands the event, or each of a bulk request, to the route's handler; the verdicts are the answer.
 */
void app_deliver(pillion_request *request, const route *to);

/* ---- app_cors.c ---- */

/* Adds headers to the answer to come. True when the request was a preflight and is answered. */
bool cors_apply(pillion_request *request);

/* ---- request.c ---- */

/* A request over `ex`, which must not have one. */
pillion_request *request_new(pillion_app *app, sc_http_exchange *ex);
/* Forgets it: the user's pointer is of no more use. */
void request_drop(pillion_request *request);
/* The header's value, or empty. */
sc_str request_header(const pillion_request *request, sc_str name);
/* A request of it ended: a freed application goes with the last of them. */
void app_maybe_go(pillion_app *app);

#endif
