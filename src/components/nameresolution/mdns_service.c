/* SPDX-License-Identifier: MIT
 *
 * This sidecar's records, in the form that the Go runtime gives and takes: the service type is the
 * bare app id, and everything about an instance is in one message.
 *
 * The goodbye takes back what is this sidecar's alone. The address of the host stays: other
 * sidecars of the machine announce it too; it tells which of two instances of the same name is
 * meant.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "components/nameresolution/mdns_internal.h"

#define TTL_S      3200u
#define HOST_TTL_S 120u /* RFC 6762, section 10 */

static bool read_address(mdns_service *service, sc_str text)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    service->address_len = inet_pton(AF_INET, copy, service->address) == 1 ? 4 : 16;
    return service->address_len == 4 || inet_pton(AF_INET6, copy, service->address) == 1;
}

sc_code mdns_service_init(mdns_service *service, sc_str app_id, sc_str host_name, long pid,
                          sc_str address, uint16_t port, sc_error *err)
{
    char text[2 * SC_DNS_NAME_MAX];

    *service = (mdns_service){.port = port};
    if (!read_address(service, address))
        return sc_fail(err, SC_INVALID,
                       "mDNS announces IP addresses, and '%.*s' is none: set DAPR_HOST_IP to the "
                       "address where others reach this machine",
                       SC_FMT(address));
    (void)snprintf(service->app_id, sizeof(service->app_id), "%.*s", SC_FMT(app_id));
    (void)snprintf(text, sizeof(text), "%.*s.local", SC_FMT(app_id));
    if (sc_dns_name_from(sc_str_from(text), &service->service, err) != SC_OK)
        return sc_error_context(err, "the app id cannot be announced by mDNS");
    (void)snprintf(text, sizeof(text), "%.*s.local", SC_FMT(host_name));
    if (sc_dns_name_from(sc_str_from(text), &service->host, err) != SC_OK)
        return sc_error_context(err, "the host name cannot be announced by mDNS");
    (void)snprintf(text, sizeof(text), "%.*s:%ld.%.*s.local", SC_FMT(host_name), pid,
                   SC_FMT(app_id));
    if (sc_dns_name_from(sc_str_from(text), &service->instance, err) != SC_OK)
        return sc_error_context(err, "host name and app id cannot be announced by mDNS");
    return sc_dns_name_from(SC_STR("_services._dns-sd._udp.local"), &service->types, err);
}

/* ---- questions ---- */

/* The asker has the PTR record, and it is good for a while (RFC 6762, section 7.1). */
static bool is_known(const sc_dns_message *message, const sc_dns_name *target)
{
    sc_dns_walk walk = {0};
    sc_dns_record record;

    while (sc_dns_next_record(message, &walk, &record)) {
        if (record.section == SC_DNS_ANSWER && record.type == SC_DNS_PTR &&
            record.ttl_s >= TTL_S / 2 && sc_dns_name_eq(&record.target, target))
            return true;
    }
    return false;
}

unsigned mdns_service_owes(const mdns_service *service, const sc_dns_message *message,
                           const sc_dns_question *question)
{
    if (sc_dns_name_eq(&question->name, &service->service))
        return is_known(message, &service->instance) ? 0 : MDNS_SERVICE;
    if (sc_dns_name_eq(&question->name, &service->types))
        return is_known(message, &service->service) ? 0 : MDNS_TYPES;
    return sc_dns_name_eq(&question->name, &service->instance) ? MDNS_INSTANCE : 0;
}

/* ---- messages ---- */

static void add_ptr(const mdns_service *service, sc_dns_writer *writer, uint32_t ttl_s)
{
    sc_dns_head head = {.section = SC_DNS_ANSWER, .name = &service->service, .ttl_s = ttl_s};

    sc_dns_add_ptr(writer, &head, &service->instance);
}

static void add_type(const mdns_service *service, sc_dns_writer *writer)
{
    sc_dns_head head = {.section = SC_DNS_ANSWER, .name = &service->types, .ttl_s = TTL_S};

    sc_dns_add_ptr(writer, &head, &service->service);
}

static void add_srv_and_txt(const mdns_service *service, sc_dns_writer *writer,
                            sc_dns_section section, bool is_flush, uint32_t ttl_s)
{
    sc_dns_head head = {
        .section = section, .name = &service->instance, .is_flush = is_flush, .ttl_s = ttl_s};

    sc_dns_add_srv(writer, &head, service->port, &service->host);
    sc_dns_add_txt(writer, &head, sc_str_from(service->app_id));
}

static void add_address(const mdns_service *service, sc_dns_writer *writer, sc_dns_section section,
                        bool is_flush)
{
    sc_dns_head head = {
        .section = section, .name = &service->host, .is_flush = is_flush, .ttl_s = HOST_TTL_S};

    sc_dns_add_address(writer, &head, sc_str_of(service->address, service->address_len));
}

/* SRV, TXT and PTR of the instance, its address, and, unless it goes, its type. */
static void add_all(const mdns_service *service, sc_dns_writer *writer, unsigned kind)
{
    uint32_t ttl_s = kind == MDNS_GOODBYE ? 0 : TTL_S;

    add_srv_and_txt(service, writer, SC_DNS_ANSWER, true, ttl_s);
    add_ptr(service, writer, ttl_s);
    if (kind != MDNS_GOODBYE)
        add_type(service, writer);
    add_address(service, writer, SC_DNS_ANSWER, kind == MDNS_ANNOUNCEMENT);
}

void mdns_service_write(const mdns_service *service, unsigned kind, uint16_t id, sc_buf *to)
{
    sc_dns_writer writer;

    sc_dns_begin(&writer, to, id, kind == MDNS_PROBE ? 0 : SC_DNS_RESPONSE | SC_DNS_AUTHORITATIVE);
    switch (kind) {
    case MDNS_PROBE:
        sc_dns_add_question(&writer, &service->instance, SC_DNS_PTR);
        add_srv_and_txt(service, &writer, SC_DNS_AUTHORITY, false, TTL_S);
        break;
    case MDNS_SERVICE:
        add_ptr(service, &writer, TTL_S);
        add_srv_and_txt(service, &writer, SC_DNS_ADDITIONAL, false, TTL_S);
        add_address(service, &writer, SC_DNS_ADDITIONAL, false);
        break;
    case MDNS_TYPES:
        add_type(service, &writer);
        break;
    default: /* MDNS_INSTANCE, MDNS_ANNOUNCEMENT, MDNS_GOODBYE */
        add_all(service, &writer, kind);
    }
}
