/* SPDX-License-Identifier: MIT
 *
 * What the files of nameresolution.mdns share: this sidecar's records, and what is known of others.
 * Neither does I/O.
 */
#ifndef SC_COMPONENTS_NAMERESOLUTION_MDNS_INTERNAL_H
#define SC_COMPONENTS_NAMERESOLUTION_MDNS_INTERNAL_H

#include "core/arena.h"
#include "core/list.h"
#include "core/map.h"
#include "io/timer.h"
#include "wire/dns.h"

/* ---- this sidecar ---- */

typedef struct mdns_service {
    sc_dns_name service;  /* APP.local */
    sc_dns_name instance; /* HOST:PID.APP.local */
    sc_dns_name host;     /* HOST.local */
    sc_dns_name types;    /* _services._dns-sd._udp.local */
    char app_id[SC_DNS_NAME_MAX + 1];
    uint8_t address[16];
    uint8_t address_len; /* 4 or 16 */
    uint16_t port;
} mdns_service;

/* Kinds of messages about it; those that answer a question are bits, so that several can be owed.
 */
enum {
    MDNS_SERVICE = 1u << 0,  /* who has this app id? */
    MDNS_INSTANCE = 1u << 1, /* where is this instance? */
    MDNS_TYPES = 1u << 2,    /* which services are there? */
    MDNS_PROBE = 1u << 3,
    MDNS_ANNOUNCEMENT = 1u << 4,
    MDNS_GOODBYE = 1u << 5,
};

/* Fails with SC_INVALID, naming what is wrong, when `app_id` or `host_name` cannot be in a DNS name
 * or `address` is no IP address. */
sc_code mdns_service_init(mdns_service *service, sc_str app_id, sc_str host_name, long pid,
                          sc_str address, uint16_t port, sc_error *err) SC_MUST_CHECK;
/* The kind of message that `question` of `message` is owed: 0 for none. */
unsigned mdns_service_owes(const mdns_service *service, const sc_dns_message *message,
                           const sc_dns_question *question);
/* Appends the message of `kind`. */
void mdns_service_write(const mdns_service *service, unsigned kind, uint16_t id, sc_buf *to);

/* ---- others ---- */

#define MDNS_ADDRESS_MAX 80u /* "[fe80::1%interface]:65535" */

typedef struct mdns_instance {
    char *name; /* bytes of a DNS name; heap */
    size_t name_len;
    char *address;       /* "10.0.0.1:50002"; heap */
    uint64_t expires_ms; /* loop clock */
} mdns_instance;

/* An application that somebody asks for. */
typedef struct mdns_app {
    sc_dns_name service; /* its key */
    char *app_id;
    mdns_instance *instances;
    sc_str *addresses; /* of the instances */
    uint32_t count;
    uint32_t cap;
    uint64_t wanted_ms;  /* when it was last asked for; loop clock */
    uint64_t browsed_ms; /* when the network was last asked */
    sc_timer browse;     /* the flow's, see mdns.c */
    sc_list waiting;
    void *owner;
} mdns_app;

typedef struct mdns_cache {
    sc_map apps; /* of mdns_app */
    /* An instance was added to `app`, as its last. */
    void (*on_found)(void *user, mdns_app *app);
    void *user;
} mdns_cache;

void mdns_cache_init(mdns_cache *cache, void (*on_found)(void *user, mdns_app *app), void *user);
/* Frees the apps; nothing must wait there. */
void mdns_cache_deinit(mdns_cache *cache);
/* NULL when it is not known. */
mdns_app *mdns_cache_find(const mdns_cache *cache, const sc_dns_name *service);
/* A new one. */
mdns_app *mdns_cache_add(mdns_cache *cache, const sc_dns_name *service, sc_str app_id);
void mdns_cache_remove(mdns_cache *cache, mdns_app *app);
/* Takes what a response says about the apps that are known; `interface` is where it came in. */
void mdns_cache_learn(mdns_cache *cache, const sc_dns_message *message, const char *interface,
                      uint64_t now_ms);
/* Drops what was not heard of for too long. */
void mdns_app_expire(mdns_app *app, uint64_t now_ms);
/* Drops the instance at `address`; true when there was one. */
bool mdns_app_drop(mdns_app *app, sc_str address);

#endif
