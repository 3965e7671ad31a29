/* SPDX-License-Identifier: MIT
 *
 * The application server: what is registered, start and stop, and who gets a request.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "app_internal.h"
#include "client_internal.h"

#define DEFAULT_BODY_LEN (16u * 1024u * 1024u)
#define MAX_HEAD_LEN     65536u
#define STOP_LINGER_MS   5000u

static void on_request(void *self, sc_http_exchange *ex);
static void on_server_closed(void *self);

static const sc_http_handler handler = {.on_request = on_request};

/* ---- settings and registrations ---- */

static void break_with(pillion_app *app, const sc_error *why)
{
    if (app->broken.code == SC_OK)
        app->broken = *why;
}

static int port_of_env(pillion_app *app)
{
    const char *text = getenv("APP_PORT");
    uint64_t port = 0;
    sc_error err;

    if (text && text[0] && (!sc_str_to_u64(sc_str_from(text), &port) || port > UINT16_MAX)) {
        (void)sc_fail(&err, SC_INVALID, "APP_PORT '%s' is not in 1..65535", text);
        break_with(app, &err);
        return 0;
    }
    return (int)port;
}

pillion_app *pillion_app_new(const pillion_app_settings *settings)
{
    static const pillion_app_settings none;
    const pillion_app_settings *set = settings ? settings : &none;
    pillion_app *app = sc_new(pillion_app);
    const char *token = set->api_token ? set->api_token : getenv("APP_API_TOKEN");
    sc_error err;

    sc_arena_init(&app->mem, NULL);
    sc_list_init(&app->requests);
    sc_error_clear(&app->broken);
    app->routes_tail = &app->routes;
    app->rules_tail = &app->rules;
    app->owns_loop = !set->loop;
    app->loop = set->loop ? set->loop : pillion_loop_new();
    loop_hold(app->loop);
    app->host = sc_arena_str(&app->mem, sc_str_from(set->host ? set->host : "127.0.0.1"));
    app->port = set->port ? set->port : port_of_env(app);
    app->api_token = sc_arena_str(&app->mem, sc_str_from(token));
    app->max_body_len = set->max_body_len ? set->max_body_len : DEFAULT_BODY_LEN;
    if (app->port < 0 || app->port > UINT16_MAX) {
        (void)sc_fail(&err, SC_INVALID, "port %d is not in 1..65535", app->port);
        break_with(app, &err);
    }
    return app;
}

pillion_loop *pillion_app_loop(const pillion_app *app)
{
    return app->loop;
}

static route *add_route(pillion_app *app, const char *method, const char *path)
{
    route *added = sc_arena_new(&app->mem, route);
    sc_error err;

    added->method = sc_arena_str(&app->mem, sc_str_from(method));
    added->path = sc_arena_str(&app->mem, sc_str_from(path));
    if (route_check(added->path, &err) != SC_OK)
        break_with(app, &err);
    for (const route *it = app->routes; it; it = it->next) {
        if (!sc_str_eq(it->path, added->path) || !sc_str_eq(it->method, added->method))
            continue;
        (void)sc_fail(&err, SC_INVALID, "the route %s %s is there twice", method ? method : "(any)",
                      path);
        break_with(app, &err);
    }
    *app->routes_tail = added;
    app->routes_tail = &added->next;
    return added;
}

void pillion_app_route(pillion_app *app, const char *method, const char *path,
                       pillion_handler on_request_of_user, void *user)
{
    route *added = add_route(app, method, path);

    added->on_request = on_request_of_user;
    added->user = user;
}

void pillion_app_fallback(pillion_app *app, pillion_handler on_request_of_user, void *user)
{
    app->fallback = sc_arena_new(&app->mem, route);
    app->fallback->on_request = on_request_of_user;
    app->fallback->user = user;
}

void pillion_app_events(pillion_app *app, const char *path, pillion_event_handler on_event,
                        void *user)
{
    route *added = add_route(app, "POST", path);

    added->on_event = on_event;
    added->user = user;
}

void pillion_app_subscribe(pillion_app *app, const char *pubsub, const char *topic,
                           pillion_event_handler on_event, void *user)
{
    pillion_subscription plain = {.pubsub = pubsub, .topic = topic};

    pillion_app_subscribe_with(app, &plain, on_event, user);
}

static const char *keep(pillion_app *app, const char *text)
{
    return text ? sc_arena_str(&app->mem, sc_str_from(text)).at : NULL;
}

void pillion_app_subscribe_with(pillion_app *app, const pillion_subscription *subscription,
                                pillion_event_handler on_event, void *user)
{
    rule *added = sc_arena_new(&app->mem, rule);
    pillion_subscription *said = &added->said;
    pillion_pair *metadata = sc_arena_zero(
        &app->mem, subscription->metadata_count * sizeof(subscription->metadata[0]) + 1);
    sc_error err;

    *said = *subscription;
    if (!said->pubsub || !said->pubsub[0] || !said->topic || !said->topic[0]) {
        (void)sc_fail(&err, SC_INVALID, "a subscription needs a component and a topic");
        break_with(app, &err);
        return;
    }
    said->pubsub = keep(app, said->pubsub);
    said->topic = keep(app, said->topic);
    said->match = keep(app, said->match);
    said->dead_letter_topic = keep(app, said->dead_letter_topic);
    for (size_t i = 0; i < said->metadata_count; i++)
        metadata[i] = (pillion_pair){.name = keep(app, said->metadata[i].name),
                                     .value = keep(app, said->metadata[i].value)};
    said->metadata = metadata;
    added->route = said->route ? sc_arena_str(&app->mem, sc_str_from(said->route))
                               : sc_arena_fmt(&app->mem, "/pillion/events/%u", app->rule_count);
    app->rule_count++;
    *app->rules_tail = added;
    app->rules_tail = &added->next;
    pillion_app_events(app, added->route.at, on_event, user);
}

void pillion_app_cors(pillion_app *app, const pillion_cors *cors)
{
    const char **origins = sc_arena_zero(&app->mem, cors->origin_count * sizeof(origins[0]) + 1);

    app->cors = *cors;
    for (size_t i = 0; i < cors->origin_count; i++)
        origins[i] = keep(app, cors->origins[i]);
    app->cors.origins = origins;
    app->has_cors = true;
}

/* ---- start and stop ---- */

pillion_code pillion_app_start(pillion_app *app, pillion_error *err)
{
    sc_http_limits limits = sc_http_default_limits();
    sc_listen at = {.host = app->host, .port = (uint16_t)app->port};
    sc_error why;

    if (app->broken.code != SC_OK)
        return error_take(err, &app->broken);
    if (app->state == APP_SERVING || app->state == APP_STOPPING)
        return error_set(err, PILLION_FAILED_PRECONDITION, "the application has been started");
    limits.max_body_len = app->max_body_len;
    limits.max_head_len = MAX_HEAD_LEN;
    if (sc_http_server_open(loop_sc(app->loop), &at, &limits, &handler, app, &app->server, &why) !=
        SC_OK)
        return error_take(err, &why);
    app->state = APP_SERVING;
    error_clear(err);
    return PILLION_OK;
}

int pillion_app_port(const pillion_app *app)
{
    return app->state == APP_SERVING ? sc_listener_port(sc_http_server_listener(app->server)) : 0;
}

static void stop(pillion_app *app, uint64_t linger_ms)
{
    if (app->state != APP_SERVING)
        return;
    app->state = APP_STOPPING;
    sc_http_server_close(app->server, linger_ms, on_server_closed, app);
}

void pillion_app_stop(pillion_app *app)
{
    stop(app, STOP_LINGER_MS);
}

static void on_server_closed(void *self)
{
    pillion_app *app = self;

    app->server = NULL;
    app->state = APP_STOPPED;
    loop_look(app->loop);
    app_maybe_go(app);
}

static void on_signal(void *self, int signum)
{
    (void)signum;
    pillion_app_stop(self);
}

pillion_code pillion_app_run(pillion_app *app, pillion_error *err)
{
    sc_signal_watch *watches[2];
    pillion_code code = PILLION_OK;

    assert(!loop_is_running(app->loop));
    error_clear(err);
    if (app->state != APP_SERVING)
        code = pillion_app_start(app, err);
    if (code != PILLION_OK)
        return code;
    watches[0] = sc_signal_open(loop_sc(app->loop), SIGINT, on_signal, app);
    watches[1] = sc_signal_open(loop_sc(app->loop), SIGTERM, on_signal, app);
    while (app->state != APP_STOPPED) {
        if (loop_take_stop(app->loop))
            pillion_app_stop(app);
        (void)loop_turn(app->loop, -1);
    }
    sc_signal_close(watches[0]);
    sc_signal_close(watches[1]);
    return PILLION_OK;
}

void app_maybe_go(pillion_app *app)
{
    if (!app->is_freed || app->server || !sc_list_is_empty(&app->requests))
        return;
    loop_release(app->loop);
    sc_arena_deinit(&app->mem);
    free(app);
}

void pillion_app_free(pillion_app *app)
{
    pillion_loop *own;

    if (!app)
        return;
    own = app->owns_loop ? app->loop : NULL;
    assert(!own || !loop_is_running(own));
    stop(app, 0);
    if (own) { /* nobody is left to answer what was kept */
        while (app->server || !loop_is_alone(own))
            (void)loop_turn(own, -1);
        SC_LIST_EACH_SAFE (&app->requests, it)
            request_drop(SC_CONTAINER_OF(it, pillion_request, link));
    }
    app->is_freed = true;
    app_maybe_go(app);
    pillion_loop_free(own);
}

/* ---- requests ---- */

static bool is_sidecars(sc_str path)
{
    return sc_str_starts(path, SC_STR("/dapr/"));
}

static void answer_unmatched(pillion_request *request, sc_str allowed)
{
    pillion_app *app = request->app;

    request->status = allowed.len > 0 ? 405 : 404;
    if (allowed.len > 0)
        pillion_respond_header(request, "Allow", allowed.at);
    if (app->fallback)
        app->fallback->on_request(app->fallback->user, request);
    else
        pillion_respond_json(request, request->status, "{\"error\":%s,\"method\":%s,\"path\":%s}",
                             sc_http_status_text(request->status), request->method, request->path);
}

/* What every application answers unless it has routes of its own for it. */
static bool answer_builtin(pillion_request *request, sc_str method, sc_str path)
{
    if (!sc_str_eq(method, SC_STR("GET")))
        return false;
    if (sc_str_eq(path, SC_STR("/dapr/subscribe"))) {
        pillion_respond(request, 200, "application/json",
                        str_out(subscriptions_json(request->app, &request->ex->call->mem)));
        return true;
    }
    if (sc_str_eq(path, SC_STR("/healthz"))) {
        pillion_respond(request, 200, NULL, pillion_text(""));
        return true;
    }
    return false;
}

static void on_request(void *self, sc_http_exchange *ex)
{
    pillion_app *app = self;
    pillion_request *request = request_new(app, ex);
    sc_str method = ex->req.method;
    sc_str allowed = SC_STR_NONE;
    const route *to;

    if (app->has_cors && cors_apply(request))
        return;
    to = route_find(app, method, ex->req.path, &ex->call->mem, &request->params, &allowed);
    if (((to && to->on_event) || is_sidecars(ex->req.path)) &&
        !pillion_request_has_token(request)) {
        pillion_respond_json(request, 401, "{\"error\":%s}",
                             "the header dapr-api-token is missing or wrong");
        return;
    }
    if (!to && answer_builtin(request, method, ex->req.path))
        return;
    if (!to)
        answer_unmatched(request, allowed);
    else if (to->on_event)
        app_deliver(request, to);
    else
        to->on_request(to->user, request);
}
