/* SPDX-License-Identifier: MIT
 *
 * Addresses, and which node of a cluster holds a key: hash slots, redirections and the answer to
 * CLUSTER SLOTS. Does no I/O.
 */
#include "components/shared/redis_client_internal.h"

#define DEFAULT_PORT 6379

bool redis_address_set(redis_address *out, sc_str host, int64_t port)
{
    if (host.len == 0 || host.len >= REDIS_HOST_MAX || memchr(host.at, '\0', host.len) ||
        port <= 0 || port > UINT16_MAX)
        return false;
    *out = (redis_address){.port = (uint16_t)port};
    memcpy(out->host, host.at, host.len);
    return true;
}

bool redis_address_eq(const redis_address *a, const redis_address *b)
{
    return a->is_unix == b->is_unix && a->port == b->port && strcmp(a->host, b->host) == 0;
}

static sc_code parse_path(sc_str text, redis_address *out, sc_error *err)
{
    if (!redis_address_set(out, text, DEFAULT_PORT))
        return sc_fail(err, SC_INVALID, "redisHost: '%.*s' is no path of a Unix socket",
                       SC_FMT(text));
    out->is_unix = true;
    out->port = 0;
    return SC_OK;
}

/* Splits "host:port", where an IPv6 address stands in brackets or has no port. */
static void split_port(sc_str text, sc_str *host, sc_str *port)
{
    size_t colon = sc_str_find(text, ':');
    size_t close = sc_str_find(text, ']');

    *port = SC_STR_NONE;
    if (text.len && text.at[0] == '[' && close < text.len) {
        *host = sc_str_sub(text, 1, close);
        if (close + 1 < text.len && text.at[close + 1] == ':')
            *port = sc_str_sub(text, close + 2, text.len);
        return;
    }
    *host = text;
    if (colon == text.len ||
        sc_str_find(sc_str_sub(text, colon + 1, text.len), ':') != text.len - colon - 1)
        return;
    *host = sc_str_sub(text, 0, colon);
    *port = sc_str_sub(text, colon + 1, text.len);
}

sc_code redis_address_parse(sc_str text, uint64_t port, redis_address *out, sc_error *err)
{
    sc_str host;
    sc_str port_text;
    uint64_t own = 0;

    text = sc_str_trim(text);
    if (sc_str_starts(text, SC_STR("unix://")))
        return parse_path(sc_str_sub(text, 7, text.len), out, err);
    if (sc_str_starts(text, SC_STR("/")))
        return parse_path(text, out, err);
    split_port(text, &host, &port_text);
    if (port_text.at && (!sc_str_to_u64(port_text, &own) || own == 0 || own > UINT16_MAX))
        return sc_fail(err, SC_INVALID, "redisHost: port '%.*s' is not in 1..65535",
                       SC_FMT(port_text));
    if (port > UINT16_MAX)
        return sc_fail(err, SC_INVALID, "redisPort: %llu is not in 1..65535",
                       (unsigned long long)port);
    if (own && port && own != port)
        return sc_fail(err, SC_INVALID, "redisHost names port %llu but redisPort says %llu",
                       (unsigned long long)own, (unsigned long long)port);
    if (!own)
        own = port ? port : DEFAULT_PORT;
    if (!redis_address_set(out, host.len ? host : SC_STR("localhost"), (int64_t)own))
        return sc_fail(err, SC_INVALID, "redisHost: '%.*s' is no host", SC_FMT(text));
    return SC_OK;
}

/* CRC16-CCITT (XMODEM): polynomial 0x1021, as the cluster specification has it. */
static uint16_t crc16(sc_str bytes)
{
    uint32_t crc = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint32_t)(unsigned char)bytes.at[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x8000u ? (crc << 1) ^ 0x1021u : crc << 1;
        crc &= 0xffffu;
    }
    return (uint16_t)crc;
}

uint16_t sc_redis_slot_of(sc_str key)
{
    size_t open = sc_str_find(key, '{');

    if (open < key.len) {
        sc_str rest = sc_str_sub(key, open + 1, key.len);
        size_t close = sc_str_find(rest, '}');

        if (close < rest.len && close > 0)
            key = sc_str_sub(rest, 0, close);
    }
    return (uint16_t)(crc16(key) % REDIS_SLOTS);
}

bool redis_parse_redirect(sc_str text, const redis_address *from, uint16_t *slot,
                          redis_address *out)
{
    sc_str rest = text;
    sc_str slot_text;
    sc_str where;
    sc_str host;
    size_t colon;
    uint64_t number;
    uint64_t port;

    sc_str_cut(&rest, ' ');
    slot_text = sc_str_cut(&rest, ' ');
    where = sc_str_cut(&rest, ' ');
    if (!sc_str_to_u64(slot_text, &number) || number >= REDIS_SLOTS)
        return false;
    /* The port stands behind the last colon; an IPv6 address comes without brackets. */
    for (colon = where.len; colon > 0 && where.at[colon - 1] != ':'; colon--)
        ;
    if (colon == 0 || !sc_str_to_u64(sc_str_sub(where, colon, where.len), &port) ||
        port > UINT16_MAX)
        return false;
    host = sc_str_sub(where, 0, colon - 1);
    if (host.len == 0 || sc_str_eq(host, SC_STR("?")))
        host = sc_str_from(from->host);
    if (!redis_address_set(out, host, (int64_t)port))
        return false;
    *slot = (uint16_t)number;
    return true;
}

sc_code redis_slots_range(const sc_redis_reply *reply, size_t at, const redis_address *from,
                          redis_slot_range *out, sc_error *err)
{
    const sc_redis_reply *range = sc_redis_item(reply, at);
    const sc_redis_reply *first = sc_redis_item(range, 0);
    const sc_redis_reply *last = sc_redis_item(range, 1);
    const sc_redis_reply *master = sc_redis_item(range, 2);
    const sc_redis_reply *port = sc_redis_item(master, 1);
    sc_str host = sc_redis_text(sc_redis_item(master, 0));

    if (!reply || reply->kind != SC_REDIS_ARRAY)
        return sc_fail(err, SC_INTERNAL, "redis cluster: CLUSTER SLOTS answered no list");
    if (at >= reply->count)
        return SC_NOT_FOUND;
    if (!first || first->kind != SC_REDIS_NUMBER || !last || last->kind != SC_REDIS_NUMBER ||
        first->number < 0 || last->number < first->number || last->number >= REDIS_SLOTS || !port ||
        port->kind != SC_REDIS_NUMBER)
        return sc_fail(err, SC_INTERNAL, "redis cluster: CLUSTER SLOTS: range %zu makes no sense",
                       at);
    if (host.len == 0 || sc_str_eq(host, SC_STR("?")))
        host = sc_str_from(from->host);
    if (!redis_address_set(&out->master, host, port->number))
        return sc_fail(err, SC_INTERNAL,
                       "redis cluster: CLUSTER SLOTS names '%.*s' port %lld, which is no address",
                       SC_FMT(host), (long long)port->number);
    out->first = (uint16_t)first->number;
    out->last = (uint16_t)last->number;
    return SC_OK;
}
