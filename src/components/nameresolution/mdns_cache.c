/* SPDX-License-Identifier: MIT
 *
 * What is known of other sidecars. Only of applications that were asked for is anything kept, so
 * what others send takes no memory.
 *
 * As in the Go runtime, an instance counts when its SRV record, a TXT record with the app id and an
 * address stand in one message, and it counts for a minute, however long its records say.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "components/nameresolution/mdns_internal.h"

#define LIFE_MS       60000u
#define INSTANCES_MAX 256u /* of an application */
#define READ_MAX      16u  /* instances of one message */

/* What one message says about one instance. */
typedef struct said {
    const sc_dns_record *srv;
    const char *interface;
    bool has_text;
    char v4[MDNS_ADDRESS_MAX]; /* "": none */
    char v6[MDNS_ADDRESS_MAX];
} said;

/* ---- apps ---- */

void mdns_cache_init(mdns_cache *cache, void (*on_found)(void *user, mdns_app *app), void *user)
{
    sc_map_init(&cache->apps);
    cache->on_found = on_found;
    cache->user = user;
}

mdns_app *mdns_cache_find(const mdns_cache *cache, const sc_dns_name *service)
{
    return sc_map_get(&cache->apps, sc_dns_name_bytes(service));
}

mdns_app *mdns_cache_add(mdns_cache *cache, const sc_dns_name *service, sc_str app_id)
{
    mdns_app *app = sc_new(mdns_app);

    app->service = *service;
    app->app_id = sc_alloc_zero(app_id.len + 1);
    memcpy(app->app_id, app_id.at, app_id.len);
    sc_list_init(&app->waiting);
    (void)sc_map_put(&cache->apps, sc_dns_name_bytes(service), app);
    return app;
}

static void free_app(mdns_app *app)
{
    while (app->count > 0)
        (void)mdns_app_drop(app, app->addresses[0]);
    free(app->instances);
    free(app->addresses);
    free(app->app_id);
    free(app);
}

void mdns_cache_remove(mdns_cache *cache, mdns_app *app)
{
    (void)sc_map_remove(&cache->apps, sc_dns_name_bytes(&app->service));
    free_app(app);
}

void mdns_cache_deinit(mdns_cache *cache)
{
    size_t walk = 0;
    void *value;
    sc_str key;

    while (sc_map_next(&cache->apps, &walk, &key, &value))
        free_app(value);
    sc_map_deinit(&cache->apps);
}

/* ---- instances of an app ---- */

static void remove_at(mdns_app *app, uint32_t i)
{
    uint32_t last = --app->count;

    free(app->instances[i].name);
    free(app->instances[i].address);
    app->instances[i] = app->instances[last];
    app->addresses[i] = app->addresses[last];
}

static mdns_instance *find_address(const mdns_app *app, sc_str address)
{
    for (uint32_t i = 0; i < app->count; i++) {
        if (sc_str_eq(app->addresses[i], address))
            return &app->instances[i];
    }
    return NULL;
}

bool mdns_app_drop(mdns_app *app, sc_str address)
{
    const mdns_instance *found = find_address(app, address);

    if (found)
        remove_at(app, (uint32_t)(found - app->instances));
    return found != NULL;
}

void mdns_app_expire(mdns_app *app, uint64_t now_ms)
{
    for (uint32_t i = app->count; i-- > 0;) {
        if (app->instances[i].expires_ms <= now_ms)
            remove_at(app, i);
    }
}

static void drop_name(mdns_app *app, sc_str name)
{
    for (uint32_t i = app->count; i-- > 0;) {
        if (sc_str_eq(sc_str_of(app->instances[i].name, app->instances[i].name_len), name))
            remove_at(app, i);
    }
}

static void grow(mdns_app *app)
{
    app->cap = app->cap ? app->cap * 2 : 2;
    app->instances = realloc(app->instances, app->cap * sizeof(app->instances[0]));
    app->addresses = realloc(app->addresses, app->cap * sizeof(app->addresses[0]));
    if (!app->instances || !app->addresses)
        sc_out_of_memory("instances of an application");
}

/* True when it was not known before. */
static bool add_instance(mdns_app *app, sc_str name, const char *address, uint64_t expires_ms)
{
    mdns_instance *found = find_address(app, sc_str_from(address));
    char *kept;

    if (found) {
        found->expires_ms = expires_ms;
        return false;
    }
    if (app->count == INSTANCES_MAX)
        return false;
    if (app->count == app->cap)
        grow(app);
    kept = sc_alloc_zero(name.len + 1);
    memcpy(kept, name.at, name.len);
    found = &app->instances[app->count];
    *found = (mdns_instance){.name = kept,
                             .name_len = name.len,
                             .address = sc_strdup(address),
                             .expires_ms = expires_ms};
    app->addresses[app->count++] = sc_str_from(found->address);
    return true;
}

/* ---- messages ---- */

/* The app whose instance `name` may be: any number of labels before the name of its service. */
static mdns_app *app_of(const mdns_cache *cache, sc_str name)
{
    mdns_app *app = NULL;

    while (!app && (name = sc_dns_parent(name)).len > 1)
        app = sc_map_get(&cache->apps, name);
    return app;
}

/* Addresses that nobody can be called at are passed over. */
static void read_v4(said *says, sc_str bytes)
{
    uint8_t first = (uint8_t)bytes.at[0];
    char text[INET_ADDRSTRLEN];

    if (says->v4[0] == '\0' && first != 0 && first < 224 &&
        inet_ntop(AF_INET, bytes.at, text, sizeof(text)))
        (void)snprintf(says->v4, sizeof(says->v4), "%s:%u", text, says->srv->port);
}

/* An address of the link alone is told apart by the interface where it is. */
static void read_v6(said *says, sc_str bytes)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    bool is_link;

    memcpy(&address, bytes.at, sizeof(address));
    is_link = IN6_IS_ADDR_LINKLOCAL(&address);
    if (says->v6[0] == '\0' && !IN6_IS_ADDR_UNSPECIFIED(&address) &&
        !IN6_IS_ADDR_MULTICAST(&address) && inet_ntop(AF_INET6, &address, text, sizeof(text)))
        (void)snprintf(says->v6, sizeof(says->v6), "[%s%s%s]:%u", text, is_link ? "%" : "",
                       is_link ? says->interface : "", says->srv->port);
}

/* All that the message says about the instance of says->srv. */
static void gather(const sc_dns_message *message, const mdns_app *app, said *says)
{
    sc_str app_id = sc_str_from(app->app_id);
    sc_dns_walk walk = {0};
    sc_dns_record record;

    while (sc_dns_next_record(message, &walk, &record)) {
        if (record.type == SC_DNS_TXT && sc_dns_name_eq(&record.name, &says->srv->name))
            says->has_text = sc_str_eq(sc_dns_first_text(&record), app_id);
        else if (record.type == SC_DNS_A && sc_dns_name_eq(&record.name, &says->srv->target))
            read_v4(says, record.data);
        else if (record.type == SC_DNS_AAAA && sc_dns_name_eq(&record.name, &says->srv->target))
            read_v6(says, record.data);
    }
}

static void learn_instance(mdns_cache *cache, mdns_app *app, const said *says, uint64_t now_ms)
{
    const char *address = says->v4[0] != '\0' ? says->v4 : says->v6;
    sc_str name = sc_dns_name_bytes(&says->srv->name);
    uint64_t ttl_ms = (uint64_t)says->srv->ttl_s * 1000;

    if (ttl_ms > 0) {
        if (says->has_text && address[0] != '\0' && says->srv->port != 0 &&
            add_instance(app, name, address, now_ms + (ttl_ms < LIFE_MS ? ttl_ms : LIFE_MS)))
            cache->on_found(cache->user, app);
    } else if (address[0] != '\0') {
        (void)mdns_app_drop(app, sc_str_from(address));
    } else {
        drop_name(app, name);
    }
}

void mdns_cache_learn(mdns_cache *cache, const sc_dns_message *message, const char *interface,
                      uint64_t now_ms)
{
    sc_dns_walk walk = {0};
    sc_dns_record srv;
    uint32_t read = 0;

    while (cache->apps.count > 0 && read < READ_MAX && sc_dns_next_record(message, &walk, &srv)) {
        mdns_app *app = srv.type == SC_DNS_SRV ? app_of(cache, sc_dns_name_bytes(&srv.name)) : NULL;
        said says = {.srv = &srv, .interface = interface};

        if (!app)
            continue;
        read++;
        gather(message, app, &says);
        learn_instance(cache, app, &says, now_ms);
    }
}
