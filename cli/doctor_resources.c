/* SPDX-License-Identifier: MIT
 *
 * `doctor`: what the files of the resources path say, and whether the brokers they name answer.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/doctor_internal.h"
#include "cli/files.h"
#include "cli/http.h"
#include "cli/redis.h"

static bool is_kind(const cli_resource *one, const char *kind)
{
    return sc_str_eq(one->kind, sc_str_from(kind));
}

/* ---- where components connect to ---- */

static bool is_true(sc_str text)
{
    bool truth = false;

    return sc_str_to_bool(text, &truth) && truth;
}

static void check_redis_at(doctor *d, const cli_resource *one, sc_str address)
{
    bool asks_plainly = cli_resource_setting(one, SC_STR("redisPassword")).len == 0 &&
                        !is_true(cli_resource_setting(one, SC_STR("enableTLS")));
    sc_str port_text = address;
    sc_str host = sc_arena_str(&d->c->mem, sc_str_cut(&port_text, ':'));
    uint64_t port = 6379;
    sc_error err;

    if (port_text.len > 0 && (!sc_str_to_u64(port_text, &port) || port > UINT16_MAX)) {
        doctor_bad(d, "Component %.*s: redisHost '%.*s' is not HOST:PORT (%.*s)", SC_FMT(one->name),
                   SC_FMT(address), SC_FMT(one->file));
        return;
    }
    if (!cli_can_connect(host, (uint16_t)port, &err)) {
        doctor_bad(d,
                   "Component %.*s: Redis on %.*s does not answer (%s): start it, run '%s init', "
                   "or correct redisHost in %.*s",
                   SC_FMT(one->name), SC_FMT(address), err.text, d->c->name, SC_FMT(one->file));
        return;
    }
    if (asks_plainly && cli_redis_ask(host, (uint16_t)port) == CLI_REDIS_LOCKED)
        doctor_bad(d,
                   "Component %.*s: Redis on %.*s asks for a password: set redisPassword in %.*s",
                   SC_FMT(one->name), SC_FMT(address), SC_FMT(one->file));
    else if (asks_plainly && cli_redis_ask(host, (uint16_t)port) == CLI_REDIS_STRANGER)
        doctor_bad(d, "Component %.*s: what answers on %.*s is no Redis: correct redisHost in %.*s",
                   SC_FMT(one->name), SC_FMT(address), SC_FMT(one->file));
    else
        doctor_good(d, "Component %.*s: Redis on %.*s answers", SC_FMT(one->name), SC_FMT(address));
}

static void check_redis(doctor *d, const cli_resource *one)
{
    sc_str hosts = cli_resource_setting(one, SC_STR("redisHost"));

    while (hosts.len > 0) { /* of a cluster: several */
        sc_str address = sc_str_trim(sc_str_cut(&hosts, ','));

        if (sc_str_starts(address, SC_STR("/")) || sc_str_starts(address, SC_STR("unix:")))
            continue;
        check_redis_at(d, one, address);
    }
}

static void check_sqlite(doctor *d, const cli_resource *one)
{
    sc_str file = cli_resource_setting(one, SC_STR("connectionString"));
    sc_str folder = cli_path_parent(file);
    const char *path = sc_arena_str(&d->c->mem, folder).at;

    if (file.len == 0 || sc_str_starts(file, SC_STR(":memory:")) ||
        sc_str_starts(file, SC_STR("file:")))
        return;
    if (access(path, W_OK | X_OK) != 0)
        doctor_bad(d,
                   "Component %.*s: %s cannot be written to: make the folder, or correct "
                   "connectionString in %.*s",
                   SC_FMT(one->name), path, SC_FMT(one->file));
    else
        doctor_good(d, "Component %.*s: %.*s can be written", SC_FMT(one->name), SC_FMT(file));
}

/* ---- documents ---- */

static void check_component(doctor *d, const cli_resource *one)
{
    sc_str version = sc_doc_member_text(sc_doc_member(one->doc, "spec"), "version");

    if (one->name.len == 0 || one->type.len == 0) {
        doctor_bad(d, "%.*s:%u: a Component needs metadata.name and spec.type", SC_FMT(one->file),
                   one->doc->line);
        return;
    }
    if (!d->c->host->has_component(one->type, version)) {
        doctor_bad(d, "Component %.*s: this program has no %.*s/%.*s: correct spec.type in %.*s:%u",
                   SC_FMT(one->name), SC_FMT(one->type),
                   SC_FMT(version.len ? version : SC_STR("v1")), SC_FMT(one->file), one->doc->line);
        return;
    }
    if (sc_str_ends(one->type, SC_STR(".redis")))
        check_redis(d, one);
    else if (sc_str_ends(one->type, SC_STR(".sqlite")))
        check_sqlite(d, one);
    else
        doctor_good(d, "Component %.*s (%.*s)", SC_FMT(one->name), SC_FMT(one->type));
}

static void check_subscription(doctor *d, const cli_resources *all, const cli_resource *one)
{
    const sc_doc *spec = sc_doc_member(one->doc, "spec");
    sc_str pubsub = sc_doc_member_text(spec, "pubsubname");
    sc_str topic = sc_doc_member_text(spec, "topic");

    if (pubsub.len == 0 || topic.len == 0)
        doctor_bad(d, "%.*s:%u: a Subscription needs spec.pubsubname and spec.topic",
                   SC_FMT(one->file), one->doc->line);
    else if (!cli_resources_find(all, SC_STR("Component"), pubsub))
        doctor_bad(d,
                   "Subscription %.*s: no component is named '%.*s': add one to the folder, or "
                   "correct spec.pubsubname in %.*s:%u",
                   SC_FMT(one->name), SC_FMT(pubsub), SC_FMT(one->file), one->doc->line);
    else
        doctor_good(d, "Subscription %.*s: topic %.*s of %.*s", SC_FMT(one->name), SC_FMT(topic),
                    SC_FMT(pubsub));
}

static void check_twins(doctor *d, const cli_resources *all, uint32_t index)
{
    const cli_resource *one = &all->at[index];
    const cli_resource *first = cli_resources_find(all, one->kind, one->name);

    if (first != one && is_kind(one, "Component"))
        doctor_bad(d, "Two components are named '%.*s', in %.*s and %.*s: rename one",
                   SC_FMT(one->name), SC_FMT(first->file), SC_FMT(one->file));
}

static bool is_known_kind(sc_str kind)
{
    static const char *const kinds[] = {"Component",  "Subscription",        "Configuration",
                                        "Resiliency", "HTTPEndpoint",        "MCPServer",
                                        "Secret",     "WorkflowAccessPolicy"};

    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if (sc_str_eq(kind, sc_str_from(kinds[i])))
            return true;
    }
    return false;
}

void doctor_check_resources(doctor *d)
{
    sc_str own = sc_arena_fmt(&d->c->mem, "%.*s/components", SC_FMT(d->c->root));
    cli_texts folders = d->options->folders.count ? d->options->folders : (cli_texts){&own, 1};
    cli_resources all = {0};
    sc_error err;

    if (d->options->folders.count == 0 && !cli_folder_exists(own))
        return; /* said already */
    for (uint32_t i = 0; i < folders.count; i++) {
        if (cli_resources_read(d->c, folders.at[i], &all, &err) != SC_OK)
            doctor_bad(d, "%s: correct it, or name another folder", err.text);
    }
    for (uint32_t i = 0; i < all.count; i++) {
        const cli_resource *one = &all.at[i];

        check_twins(d, &all, i);
        if (is_kind(one, "Component"))
            check_component(d, one);
        else if (is_kind(one, "Subscription"))
            check_subscription(d, &all, one);
        else if (!is_known_kind(one->kind))
            doctor_bad(d,
                       "%.*s:%u: kind '%.*s' is not known: it is Component, Subscription or "
                       "another of Dapr's",
                       SC_FMT(one->file), one->doc->line, SC_FMT(one->kind));
    }
}
