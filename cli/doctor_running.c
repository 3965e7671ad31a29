/* SPDX-License-Identifier: MIT
 *
 * `doctor`: sidecars that run: whether they answer, their applications listen, and subscriptions
 * have a component and a route.
 */
#include <stdlib.h>

#include "cli/doctor_internal.h"

#define ASK_LIMIT_MS 2000u

/* Routes of one subscription are asked for with OPTIONS, which changes nothing. Routers that know
 * no OPTIONS answer 404 as well, so that is a warning. */
static void check_route(doctor *d, const cli_instance *one, sc_str host, sc_str topic, sc_str path)
{
    cli_request ask = {.host = host,
                       .port = one->app_port,
                       .method = "OPTIONS",
                       .target = path,
                       .timeout_ms = ASK_LIMIT_MS};

    if (!sc_str_starts(path, SC_STR("/")))
        ask.target = sc_arena_fmt(&d->c->mem, "/%.*s", SC_FMT(path));
    cli_http_all(d->c, &ask, 1);
    if (ask.err.code == SC_OK && ask.status == 404)
        doctor_warn(d,
                    "%.*s: the application answers 404 on %.*s, where it wants topic %.*s: has it "
                    "that route?",
                    SC_FMT(one->app_id), SC_FMT(ask.target), SC_FMT(topic));
    else if (ask.err.code == SC_OK)
        doctor_good(d, "%.*s: topic %.*s goes to %.*s", SC_FMT(one->app_id), SC_FMT(topic),
                    SC_FMT(ask.target));
}

static void check_subscription(doctor *d, const cli_instance *one, const sc_doc *subscription,
                               sc_str host, bool is_http)
{
    sc_str pubsub = sc_doc_member_text(subscription, "pubsubname");
    sc_str topic = sc_doc_member_text(subscription, "topic");
    const sc_doc *rules = sc_doc_member(subscription, "rules");

    if (!cli_instance_has_component(one, pubsub))
        doctor_bad(d,
                   "%.*s: topic %.*s is wanted from '%.*s', which its sidecar has not loaded: add "
                   "the component to its resources path",
                   SC_FMT(one->app_id), SC_FMT(topic), SC_FMT(pubsub));
    if (!is_http || !sc_doc_is(rules, SC_DOC_ARRAY))
        return;
    SC_DOC_EACH (rules, it) {
        if (sc_doc_member_text(it, "path").len > 0)
            check_route(d, one, host, topic, sc_doc_member_text(it, "path"));
    }
}

static void check_app(doctor *d, const cli_instance *one)
{
    const sc_doc *app = sc_doc_member(one->metadata, "appConnectionProperties");
    const sc_doc *subscriptions = sc_doc_member(one->metadata, "subscriptions");
    sc_str host = sc_doc_member_text(app, "channelAddress");
    sc_str protocol = sc_doc_member_text(app, "protocol");
    bool listens = false;
    sc_error err;

    if (host.len == 0)
        host = SC_STR("127.0.0.1");
    if (one->app_port > 0) {
        listens = cli_can_connect(host, one->app_port, &err);
        if (listens)
            doctor_good(d, "%.*s: the application listens on port %u", SC_FMT(one->app_id),
                        one->app_port);
        else
            doctor_bad(d,
                       "%.*s: the application does not listen on port %u (%s): start it, or "
                       "correct --app-port",
                       SC_FMT(one->app_id), one->app_port, err.text);
    }
    if (!sc_doc_is(subscriptions, SC_DOC_ARRAY))
        return;
    SC_DOC_EACH (subscriptions, it)
        check_subscription(d, one, it, host, listens && sc_str_eq(protocol, SC_STR("http")));
}

static void check_one(doctor *d, const cli_instance *one)
{
    if (!one->metadata) {
        doctor_bad(d, "%.*s: its sidecar (process %d) does not answer: %s", SC_FMT(one->app_id),
                   one->sidecar_pid, one->err.text);
        return;
    }
    if (strcmp(one->status, "Running") == 0)
        doctor_good(d, "%.*s: its sidecar is ready", SC_FMT(one->app_id));
    else
        doctor_warn(d, "%.*s: its sidecar is not ready yet", SC_FMT(one->app_id));
    check_app(d, one);
}

void doctor_check_running(doctor *d)
{
    sc_str wanted = d->options->app_id;

    if (wanted.len > 0 && !cli_instances_get(&d->running, wanted))
        doctor_bad(d, "%.*s does not run; running: %.*s", SC_FMT(wanted),
                   SC_FMT(cli_instances_names(d->c, &d->running)));
    for (uint32_t i = 0; i < d->running.count; i++) {
        if (wanted.len == 0 || sc_str_eq(wanted, d->running.at[i].app_id))
            check_one(d, &d->running.at[i]);
    }
}
