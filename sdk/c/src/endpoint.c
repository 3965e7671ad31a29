/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

static bool take_prefix(sc_str *rest, sc_str prefix)
{
    if (!sc_str_starts_nocase(*rest, prefix))
        return false;
    *rest = sc_str_sub(*rest, prefix.len, rest->len);
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static sc_code parse_authority(sc_str rest, uint16_t default_port, endpoint *out, sc_error *err)
{
    sc_str text = rest;
    sc_str port;
    uint64_t number = default_port;

    if (take_prefix(&rest, SC_STR("["))) {
        out->host = sc_str_cut(&rest, ']');
        port = rest;
        if (!rest.at || (port.len > 0 && !take_prefix(&port, SC_STR(":"))))
            return sc_fail(err, SC_INVALID, "'%.*s' is not [address]:port", SC_FMT(text));
    } else {
        out->host = sc_str_cut(&rest, ':');
        port = rest;
        if (rest.at && port.len == 0)
            return sc_fail(err, SC_INVALID, "'%.*s' ends in a colon without a port", SC_FMT(text));
    }
    if (out->host.len == 0)
        return sc_fail(err, SC_INVALID, "'%.*s' names no host", SC_FMT(text));
    if (port.len > 0 && (!sc_str_to_u64(port, &number) || number == 0 || number > UINT16_MAX))
        return sc_fail(err, SC_INVALID, "port '%.*s' is not in 1..65535", SC_FMT(port));
    out->port = (uint16_t)number;
    return SC_OK;
}

static sc_code parse_socket(sc_str path, endpoint *out, sc_error *err)
{
    if (path.len == 0)
        return sc_fail(err, SC_INVALID, "a Unix socket needs a path: unix:///path");
    out->is_unix = true;
    out->host = path;
    return SC_OK;
}

sc_code endpoint_parse_http(sc_str text, endpoint *out, sc_error *err)
{
    sc_str rest = text;
    endpoint at = {0};
    sc_code code;

    if (take_prefix(&rest, SC_STR("unix://"))) {
        code = parse_socket(rest, &at, err);
    } else {
        at.is_tls = take_prefix(&rest, SC_STR("https://"));
        if (!at.is_tls && !take_prefix(&rest, SC_STR("http://")))
            return sc_fail(err, SC_INVALID,
                           "'%.*s' does not begin with http://, https:// or unix://", SC_FMT(text));
        if (sc_str_ends(rest, SC_STR("/")))
            rest.len--;
        if (sc_str_find(rest, '/') < rest.len || sc_str_find(rest, '?') < rest.len)
            return sc_fail(err, SC_INVALID, "'%.*s' has more than a host and a port", SC_FMT(text));
        code = parse_authority(rest, at.is_tls ? 443 : 80, &at, err);
    }
    if (code == SC_OK)
        *out = at;
    return code;
}

/* Cuts "?tls=..." off. */
static sc_code take_tls(sc_str *text, endpoint *out, sc_error *err)
{
    sc_str query = *text;
    sc_str all = *text;

    *text = sc_str_cut(&query, '?');
    if (query.len == 0)
        return SC_OK;
    if (!take_prefix(&query, SC_STR("tls=")) || !sc_str_to_bool(query, &out->is_tls))
        return sc_fail(err, SC_INVALID, "only ?tls=true or ?tls=false may follow in '%.*s'",
                       SC_FMT(all));
    return SC_OK;
}

sc_code endpoint_parse_grpc(sc_str text, endpoint *out, sc_error *err)
{
    sc_str rest = text;
    endpoint at = {0};
    sc_code code;

    if (sc_str_starts_nocase(text, SC_STR("http://")) ||
        sc_str_starts_nocase(text, SC_STR("https://")))
        return endpoint_parse_http(text, out, err);
    if (take_tls(&rest, &at, err) != SC_OK)
        return SC_INVALID;
    if (take_prefix(&rest, SC_STR("unix://")) || take_prefix(&rest, SC_STR("unix:"))) {
        code = parse_socket(rest, &at, err);
    } else {
        if (take_prefix(&rest, SC_STR("dns://"))) {
            sc_str server = sc_str_cut(&rest, '/'); /* the system's resolver is asked anyway */

            (void)server;
        } else if (!take_prefix(&rest, SC_STR("dns:")) && !take_prefix(&rest, SC_STR("ipv4:"))) {
            (void)take_prefix(&rest, SC_STR("ipv6:"));
        }
        if (sc_str_find_str(rest, SC_STR("://")) < rest.len)
            return sc_fail(err, SC_INVALID, "the scheme of '%.*s' is not known", SC_FMT(text));
        code = parse_authority(rest, 443, &at, err);
    }
    if (code == SC_OK)
        *out = at;
    return code;
}
