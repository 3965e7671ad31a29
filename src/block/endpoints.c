/* SPDX-License-Identifier: MIT
 *
 * Places outside. Each is an invoker of its own, whose application is the channel to the place, so
 * that a call goes there as one goes to the own application: tried once, without the headers that
 * sidecars add for each other.
 */
#include "block/endpoints.h"

#include <stdlib.h>

#include "app/channel_http.h"
#include "core/list.h"
#include "core/map.h"
#include "core/number.h"
#include "io/tls.h"

#define URLS_MAX        64u /* channels that are kept though nobody uses them now */
#define DIAL_TIMEOUT_MS 15000u

/* The channel to one place. */
typedef struct outside {
    sc_list link; /* of sc_endpoints.urls */
    sc_endpoints *owner;
    char *name; /* of the resource; the URL */
    sc_app_http *channel;
    sc_invoker *invoker;
    uint32_t in_flight;
    bool is_closed; /* the channel is; the calls that it failed may not be over yet */
} outside;

/* A call to it. In the call's arena. */
typedef struct visit {
    outside *to;
    void (*done)(sc_invocation *inv); /* the caller's */
    void *user;
} visit;

struct sc_endpoints {
    sc_endpoints_settings set;
    sc_map named;        /* of outside, by the name of a resource */
    sc_map by_url;       /* of outside */
    sc_list urls;        /* the same, the longest unused first */
    sc_tls_context *tls; /* for https URLs: the system's roots; made when first needed */
    uint32_t open;       /* channels, also those that close */
    bool is_closing;
    void (*on_closed)(void *user);
    void *user;
};

sc_endpoints *sc_endpoints_new(const sc_endpoints_settings *settings)
{
    sc_endpoints *self = sc_new(sc_endpoints);

    self->set = *settings;
    sc_map_init(&self->named);
    sc_map_init(&self->by_url);
    sc_list_init(&self->urls);
    return self;
}

/* ---- URLs ---- */

static bool take_port(sc_str text, uint16_t *port)
{
    bool is_negative;
    uint64_t value;

    if (!sc_int_parse(text, &is_negative, &value) || is_negative || value == 0 || value > 65535)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static bool split_authority(sc_str text, sc_endpoint_url *out)
{
    sc_str rest = text;

    if (sc_str_starts(text, SC_STR("["))) {
        size_t end = sc_str_find(text, ']');

        out->host = sc_str_sub(text, 1, end);
        rest = sc_str_sub(text, end + 1, text.len);
        if (end == text.len || (rest.len > 0 && rest.at[0] != ':'))
            return false;
        return rest.len == 0 || take_port(sc_str_sub(rest, 1, rest.len), &out->port);
    }
    out->host = sc_str_cut(&rest, ':');
    return out->host.len > 0 && (!rest.at || take_port(rest, &out->port));
}

/* What must not stand in a request line or in a Host header. */
static bool is_clean(sc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '@' || c == '\\')
            return false;
    }
    return true;
}

bool sc_endpoint_url_parse(sc_str text, sc_endpoint_url *out)
{
    sc_str http = SC_STR("http://");
    sc_str https = SC_STR("https://");
    bool is_tls = sc_str_starts(text, https);
    size_t slash;

    if (!is_tls && !sc_str_starts(text, http))
        return false;
    text = sc_str_sub(text, is_tls ? https.len : http.len, text.len);
    slash = sc_str_find(text, '/');
    *out = (sc_endpoint_url){.is_tls = is_tls,
                             .authority = sc_str_sub(text, 0, slash),
                             .port = is_tls ? 443 : 80,
                             .prefix = sc_str_sub(text, slash, text.len)};
    return is_clean(text) && split_authority(out->authority, out) && out->host.len > 0;
}

/* ---- places ---- */

static outside *open_outside(sc_endpoints *self, sc_str name, const sc_endpoint_url *url,
                             const sc_endpoint *resource, sc_tls_context *tls)
{
    outside *one = sc_new(outside);
    sc_app_http_settings channel = {.host = url->host,
                                    .port = url->port,
                                    .version = SC_HTTP_1_1,
                                    .tls = url->is_tls ? tls : NULL,
                                    .dial_timeout_ms = DIAL_TIMEOUT_MS,
                                    .authority = url->authority,
                                    .base_path = url->prefix,
                                    .headers = resource ? resource->headers : NULL,
                                    .api_token = resource ? SC_STR_NONE : self->set.url_token,
                                    .max_concurrency = self->set.max_concurrency,
                                    .stats = self->set.stats};
    sc_invoker_settings invoker = {
        .loop = self->set.loop, .log = self->set.log, .random = self->set.random};

    one->owner = self;
    one->name = sc_alloc_zero(name.len + 1);
    memcpy(one->name, name.at, name.len);
    sc_list_init(&one->link);
    one->channel = sc_app_http_open(self->set.loop, &channel);
    invoker.app_id = sc_str_of(one->name, name.len);
    invoker.own = sc_app_http_target(one->channel);
    one->invoker = sc_invoker_new(&invoker);
    self->open++;
    return one;
}

/* Frees it behind the channel and the last call. */
static void release(outside *one)
{
    sc_endpoints *self = one->owner;
    void (*on_closed)(void *) = self->on_closed;
    void *closed_user = self->user;

    if (!one->is_closed || one->in_flight > 0)
        return;
    sc_invoker_free(one->invoker);
    free(one->name);
    free(one);
    if (--self->open > 0 || !self->is_closing)
        return;
    free(self);
    on_closed(closed_user);
}

static void on_outside_closed(void *user)
{
    outside *one = user;

    one->is_closed = true;
    release(one);
}

static void close_outside(outside *one)
{
    sc_list_remove(&one->link);
    sc_app_http_close(one->channel, on_outside_closed, one);
}

/* Those of the message's frame, which the channel writes itself (Go leaves them out too). */
static bool is_of_frame(sc_str name)
{
    static const char *const own[] = {"host", "content-length", "transfer-encoding", "connection",
                                      "trailer"};

    for (size_t i = 0; i < SC_ARRAY_LEN(own); i++) {
        if (sc_str_eq_nocase(name, sc_str_from(own[i])))
            return true;
    }
    return false;
}

/* Values may be secret: they are not told. */
static sc_code check_headers(const sc_pairs *headers, sc_error *err)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        sc_str name = headers->at[i].name;
        sc_str value = headers->at[i].value;
        bool is_good = name.len > 0 && !is_of_frame(name);

        for (size_t at = 0; at < name.len; at++)
            is_good &= name.at[at] > ' ' && name.at[at] < 0x7f && name.at[at] != ':';
        if (!is_good)
            return sc_fail(err, SC_INVALID, "spec.headers: '%.*s' is no header that can be set",
                           SC_FMT(name));
        for (size_t at = 0; at < value.len; at++) {
            unsigned char c = (unsigned char)value.at[at];

            if ((c < ' ' && c != '\t') || c == 0x7f)
                return sc_fail(err, SC_INVALID,
                               "spec.headers: the value of '%.*s' has a control character, a line "
                               "break for example, at position %zu",
                               SC_FMT(name), at);
        }
    }
    return SC_OK;
}

sc_code sc_endpoints_add(sc_endpoints *self, const sc_endpoint *one, sc_error *err)
{
    sc_endpoint_url url;

    if (check_headers(one->headers, err) != SC_OK)
        return err->code;
    if (!sc_endpoint_url_parse(one->base_url, &url))
        return sc_fail(err, SC_INVALID,
                       "baseUrl '%.*s' must be http:// or https:// with a host, perhaps a port, "
                       "and a prefix if need be",
                       SC_FMT(one->base_url));
    (void)sc_map_put(&self->named, one->name, open_outside(self, one->name, &url, one, one->tls));
    return SC_OK;
}

/* Room for one more: closes the longest unused. When all are in use, there are more for a while. */
static void make_room(sc_endpoints *self)
{
    SC_LIST_EACH (&self->urls, it) {
        outside *one = SC_CONTAINER_OF(it, outside, link);

        if (self->by_url.count < URLS_MAX)
            return;
        if (one->in_flight > 0)
            continue;
        (void)sc_map_remove(&self->by_url, sc_str_from(one->name));
        close_outside(one);
        return;
    }
}

static bool has_tls(sc_endpoints *self)
{
    sc_tls_settings tls = {.ca_pem = SC_STR_NONE};
    sc_error err;

    if (self->tls || sc_tls_context_new(&tls, &self->tls, &err) == SC_OK)
        return true;
    sc_log_error(self->set.log, "https URLs cannot be invoked: %s", err.text);
    return false;
}

static outside *outside_of_url(sc_endpoints *self, sc_str text)
{
    outside *one = sc_map_get(&self->by_url, text);
    sc_endpoint_url url;

    if (!one) {
        if (!sc_endpoint_url_parse(text, &url) || (url.is_tls && !has_tls(self)))
            return NULL;
        make_room(self);
        one = open_outside(self, text, &url, NULL, self->tls);
        (void)sc_map_put(&self->by_url, text, one);
    }
    sc_list_remove(&one->link);
    sc_list_add(&self->urls, &one->link);
    return one;
}

/* As Dapr: what stands behind a dot is no part of an endpoint's name. */
static outside *find(sc_endpoints *self, sc_str target)
{
    outside *one = NULL;

    if (self->named.count > 0)
        one = sc_map_get(&self->named, sc_str_cut(&target, '.'));
    return one;
}

/* ---- calls ---- */

static void on_done(sc_invocation *inv)
{
    const visit *v = inv->user;
    outside *to = v->to;

    inv->user = v->user;
    v->done(inv);
    to->in_flight--;
    release(to);
}

/* The place that is meant. NULL: none, or it cannot be asked for what it is asked for, and the
 * invoker says why. */
static outside *place_of(sc_endpoints *self, sc_invocation *inv)
{
    bool is_url = sc_str_starts(inv->target, SC_STR("http://")) ||
                  sc_str_starts(inv->target, SC_STR("https://"));
    outside *to = is_url ? outside_of_url(self, inv->target) : find(self, inv->target);
    sc_str method;
    sc_error err;

    if (!to || self->is_closing ||
        sc_invoke_clean_method(inv->op.ask.method, &inv->call->mem, &method, &err) != SC_OK)
        return NULL;
    inv->op.ask.method = method;
    return to;
}

void sc_endpoints_invoke(sc_endpoints *self, sc_invoker *invoker, sc_invocation *inv)
{
    outside *to = place_of(self, inv);
    visit *v;

    if (!to) {
        sc_invoke(invoker, inv);
        return;
    }
    v = sc_arena_new(&inv->call->mem, visit);
    *v = (visit){.to = to, .done = inv->done, .user = inv->user};
    inv->done = on_done;
    inv->user = v;
    to->in_flight++;
    sc_invoke_own(to->invoker, inv);
}

/* ---- the end ---- */

static void close_all(sc_map *map)
{
    size_t walk = 0;
    void *value;
    sc_str key;

    while (sc_map_next(map, &walk, &key, &value))
        close_outside(value);
    sc_map_deinit(map);
}

void sc_endpoints_close(sc_endpoints *self, void (*on_closed)(void *user), void *user)
{
    self->on_closed = on_closed;
    self->user = user;
    self->open++; /* this function: channels may close at once */
    close_all(&self->named);
    close_all(&self->by_url);
    sc_tls_context_unref(self->tls);
    self->is_closing = true;
    if (--self->open > 0)
        return;
    free(self);
    on_closed(user);
}
