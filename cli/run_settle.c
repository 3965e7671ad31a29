/* SPDX-License-Identifier: MIT
 *
 * Settings made complete and checked before anything is started: identifier, protocol, sizes,
 * resource paths and ports.
 */
#include <stdio.h>

#include "cli/files.h"
#include "cli/print.h"
#include "cli/resources.h"
#include "cli/run_settings.h"
#include "core/quantity.h"
#include "core/random.h"
#include "io/stream.h"

typedef cli_run_settings settings;

static sc_code settle_words(cli *c, settings *s, sc_error *err);
static sc_code settle_paths(cli *c, settings *s, sc_error *err);
static sc_code settle_ports(cli *c, sc_loop *loop, settings *s, sc_error *err);

sc_code cli_run_settle(cli *c, sc_loop *loop, settings *s, sc_error *err)
{
    if (settle_words(c, s, err) != SC_OK || settle_paths(c, s, err) != SC_OK)
        return err->code;
    return settle_ports(c, loop, s, err);
}

/* ---- words ---- */

static sc_str random_id(cli *c)
{
    static const char *const first[] = {
        "amber", "brisk",  "calm",  "clear",  "coral",  "crisp", "daring", "eager",
        "early", "fair",   "fresh", "gentle", "golden", "grand", "happy",  "hardy",
        "keen",  "lively", "lucid", "merry",  "mellow", "noble", "polite", "proud",
        "quick", "quiet",  "rapid", "silver", "steady", "sunny", "swift",  "witty",
    };
    static const char *const second[] = {
        "badger", "beacon", "birch",  "bridge",  "brook",  "canyon", "cedar",   "comet",
        "crane",  "delta",  "falcon", "fern",    "fjord",  "harbor", "heron",   "lantern",
        "lark",   "maple",  "meadow", "otter",   "pebble", "pine",   "prairie", "raven",
        "ridge",  "river",  "robin",  "sparrow", "spruce", "summit", "tundra",  "willow",
    };
    sc_random random;

    sc_random_init(&random);
    return sc_arena_fmt(&c->mem, "%s-%s", first[sc_random_below(&random, SC_ARRAY_LEN(first))],
                        second[sc_random_below(&random, SC_ARRAY_LEN(second))]);
}

static sc_code settle_words(cli *c, settings *s, sc_error *err)
{
    static const char *const protocols[] = {"http", "https", "grpc", "grpcs", "h2c"};
    bool is_known = false;
    int64_t size;

    if (s->app_id.len == 0)
        s->app_id = random_id(c);
    for (size_t i = 0; i < SC_ARRAY_LEN(protocols); i++)
        is_known = is_known || sc_str_eq_nocase(s->app_protocol, sc_str_from(protocols[i]));
    if (!is_known)
        return sc_fail(err, SC_INVALID,
                       "invalid app protocol '%.*s': --app-protocol is http, https, grpc, grpcs or "
                       "h2c",
                       SC_FMT(s->app_protocol));
    if (!sc_quantity_parse(s->max_body_size, &size))
        return sc_fail(err, SC_INVALID,
                       "invalid max request body size: '%.*s'; --max-body-size is a size like 4Mi",
                       SC_FMT(s->max_body_size));
    if (!sc_quantity_parse(s->read_buffer_size, &size))
        return sc_fail(err, SC_INVALID,
                       "invalid http read buffer size: '%.*s'; --read-buffer-size is a size like "
                       "4Ki",
                       SC_FMT(s->read_buffer_size));
    return SC_OK;
}

/* ---- paths ---- */

/* ["a" "b"], as Go prints a list of strings. */
static sc_str quoted(cli *c, const cli_texts *paths)
{
    sc_str text = SC_STR("[");

    for (uint32_t i = 0; i < paths->count; i++)
        text = sc_arena_fmt(&c->mem, "%.*s%s\"%.*s\"", SC_FMT(text), i ? " " : "",
                            SC_FMT(paths->at[i]));
    return sc_arena_fmt(&c->mem, "%.*s]", SC_FMT(text));
}

static const cli_resource *find_orphan(const cli_resources *all)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const cli_resource *one = &all->at[i];
        const sc_doc *spec = sc_doc_member(one->doc, "spec");

        if (sc_str_eq(one->kind, SC_STR("Component")))
            return NULL;
        if (sc_str_eq(one->kind, SC_STR("Subscription")) &&
            sc_doc_member_text(spec, "pubsubname").len > 0)
            return one;
    }
    return NULL;
}

/* The Dapr folder of this application. */
static sc_str root_of(cli *c, const settings *s)
{
    return s->runtime_path.len ? sc_arena_fmt(&c->mem, "%.*s/.dapr", SC_FMT(s->runtime_path))
                               : c->root;
}

/* Subscriptions to components that no given folder defines can only mean the components of the
 * Dapr folder: tutorials keep their subscriptions apart. */
static void add_default_components(cli *c, settings *s, const cli_resources *all)
{
    const cli_resource *orphan = find_orphan(all);
    sc_str own = sc_arena_fmt(&c->mem, "%.*s/components", SC_FMT(root_of(c, s)));
    cli_resources defaults = {0};
    cli_texts more = {.count = s->resources.count + 1};
    sc_str pubsub;
    sc_error err;

    if (!orphan || cli_resources_read(c, own, &defaults, &err) != SC_OK)
        return;
    pubsub = sc_doc_string(sc_doc_get(sc_doc_member(orphan->doc, "spec"), SC_STR("pubsubname")));
    if (!cli_resources_find(&defaults, SC_STR("Component"), pubsub))
        return;
    more.at = sc_arena_alloc(&c->mem, more.count * sizeof(sc_str));
    memcpy(more.at, s->resources.at, s->resources.count * sizeof(sc_str));
    more.at[s->resources.count] = own;
    s->resources = more;
    cli_say(c, CLI_INFO,
            "%.*s subscribes to '%.*s', which is defined in %.*s: using that folder too",
            SC_FMT(orphan->file), SC_FMT(pubsub), SC_FMT(own));
}

static sc_code settle_paths(cli *c, settings *s, sc_error *err)
{
    cli_resources all = {0};
    bool is_default = s->resources.count == 0 && s->components.len == 0;
    sc_str why;

    if (s->resources.count == 0) {
        s->resources.at = sc_arena_new(&c->mem, sc_str);
        s->resources.at[s->resources.count++] =
            is_default ? sc_arena_fmt(&c->mem, "%.*s/components", SC_FMT(root_of(c, s)))
                       : s->components;
    }
    for (uint32_t i = 0; i < s->resources.count; i++) {
        if (cli_resources_read(c, s->resources.at[i], &all, err) == SC_OK)
            continue;
        if (err->code == SC_INVALID)
            return sc_error_context(err, "error validating components in resources path %.*s ",
                                    SC_FMT(quoted(c, &s->resources)));
        (void)sc_error_context(err, "error validating resources path %.*s ",
                               SC_FMT(quoted(c, &s->resources)));
        why = sc_arena_fmt(&c->mem, "%s", err->text);
        if (is_default)
            return sc_fail(err, SC_NOT_FOUND,
                           "%s; run '%s init' first, or name a folder with --resources-path",
                           why.at, c->name);
        return sc_fail(err, SC_NOT_FOUND,
                       "%s; start from the folder that holds it, or correct the path", why.at);
    }
    if (!is_default)
        add_default_components(c, s, &all);
    if (s->config.len == 0) {
        sc_str config = sc_arena_fmt(&c->mem, "%.*s/config.yaml", SC_FMT(root_of(c, s)));

        if (cli_file_exists(config))
            s->config = config;
    }
    return SC_OK;
}

/* ---- ports ---- */

typedef struct port_choice {
    int64_t *port;
    const char *name; /* in messages, as Dapr's */
    const char *flag;
    sc_listener *held; /* so that no two get the same */
} port_choice;

static void on_accept(void *self, sc_stream *stream)
{
    (void)self;
    sc_stream_close(stream);
}

static sc_code hold_port(sc_loop *loop, port_choice *choice, sc_error *err)
{
    sc_listen at = {.port = *choice->port > 0 ? (uint16_t)*choice->port : 0};

    if (*choice->port > UINT16_MAX)
        return sc_fail(err, SC_INVALID,
                       "invalid configuration for %s. Port %lld is not in 1..65535: change --%s",
                       choice->name, (long long)*choice->port, choice->flag);
    if (sc_listener_open(loop, &at, on_accept, NULL, &choice->held, err) == SC_OK) {
        *choice->port = sc_listener_port(choice->held);
        return SC_OK;
    }
    if (at.port == 0)
        return sc_error_context(err, "no free port for %s", choice->name);
    return sc_fail(err, SC_UNAVAILABLE,
                   "invalid configuration for %s. Port %u is not available: port already in use; "
                   "choose another with --%s",
                   choice->name, at.port, choice->flag);
}

static sc_code settle_ports(cli *c, sc_loop *loop, settings *s, sc_error *err)
{
    port_choice choices[] = {
        {&s->http_port, "HTTPPort", "dapr-http-port", NULL},
        {&s->grpc_port, "GRPCPort", "dapr-grpc-port", NULL},
        {&s->metrics_port, "MetricsPort", "metrics-port", NULL},
        {&s->internal_port, "InternalGRPCPort", "dapr-internal-grpc-port", NULL},
        {&s->profile_port, "ProfilePort", "profile-port", NULL},
    };
    size_t count = SC_ARRAY_LEN(choices) - (s->is_profiled ? 0 : 1);
    sc_code code = SC_OK;

    (void)c;
    for (int is_auto = 0; is_auto < 2 && code == SC_OK; is_auto++) { /* named ones first */
        for (size_t i = 0; i < count && code == SC_OK; i++) {
            if (!choices[i].held && (*choices[i].port < 1) == (is_auto == 1))
                code = hold_port(loop, &choices[i], err);
        }
    }
    for (size_t i = 0; i < count; i++)
        sc_listener_close(choices[i].held);
    return code;
}
