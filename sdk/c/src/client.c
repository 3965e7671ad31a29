/* SPDX-License-Identifier: MIT
 *
 * A client: settings and environment, its two connections, and how it goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client_internal.h"
#include "io/tls.h"
#include "stream.h"

#define DEFAULT_TIMEOUT_MS  60000u
#define DEFAULT_CONNECTIONS 64u
#define DEFAULT_BODY_LEN    (4u * 1024u * 1024u)
#define CONNECT_TIMEOUT_MS  10000u
#define MAX_CA_FILE_LEN     (4u * 1024u * 1024u)
#define KEEPALIVE_MS        30000u

/* ---- settings ---- */

static const char *from_env(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

typedef sc_code (*endpoint_parser)(sc_str text, endpoint *out, sc_error *err);

/* The setting, else the endpoint variable, else host and port variables. */
static sc_code find_endpoint(sc_arena *mem, const char *setting, const char *name,
                             endpoint_parser parse, const char *port_name, uint16_t default_port,
                             endpoint *out, sc_error *err)
{
    const char *named = setting ? setting : from_env(name);
    const char *port = from_env(port_name);
    const char *host = from_env("DAPR_RUNTIME_HOST");
    uint64_t number = default_port;

    if (named) {
        sc_code code = parse(sc_arena_str(mem, sc_str_from(named)), out, err);

        return code == SC_OK ? SC_OK : sc_error_context(err, "%s", setting ? "endpoint" : name);
    }
    if (port && (!sc_str_to_u64(sc_str_from(port), &number) || number == 0 || number > UINT16_MAX))
        return sc_fail(err, SC_INVALID, "%s '%s' is not in 1..65535", port_name, port);
    *out = (endpoint){.host = sc_arena_str(mem, sc_str_from(host ? host : "127.0.0.1")),
                      .port = (uint16_t)number};
    return SC_OK;
}

pillion_client *pillion_client_new(const pillion_client_settings *settings)
{
    static const pillion_client_settings none;
    const pillion_client_settings *set = settings ? settings : &none;
    pillion_client *client = sc_new(pillion_client);
    const char *token = set->api_token ? set->api_token : from_env("DAPR_API_TOKEN");

    sc_arena_init(&client->mem, NULL);
    sc_list_init(&client->calls);
    sc_list_init(&client->streams);
    client->owns_loop = !set->loop;
    client->loop = set->loop ? set->loop : pillion_loop_new();
    loop_hold(client->loop);
    client->timeout_ms = set->timeout_ms ? set->timeout_ms : DEFAULT_TIMEOUT_MS;
    client->max_body_len = set->max_body_len ? set->max_body_len : DEFAULT_BODY_LEN;
    client->max_connections = set->max_connections ? set->max_connections : DEFAULT_CONNECTIONS;
    client->api_token = sc_arena_str(&client->mem, sc_str_from(token));
    if (set->ca_file)
        client->ca_file = sc_arena_str(&client->mem, sc_str_from(set->ca_file)).at;
    sc_error_clear(&client->broken);
    if (find_endpoint(&client->mem, set->http_endpoint, "DAPR_HTTP_ENDPOINT", endpoint_parse_http,
                      "DAPR_HTTP_PORT", 3500, &client->http_at, &client->broken) == SC_OK)
        (void)!find_endpoint(&client->mem, set->grpc_endpoint, "DAPR_GRPC_ENDPOINT",
                             endpoint_parse_grpc, "DAPR_GRPC_PORT", 50001, &client->grpc_at,
                             &client->broken);
    return client;
}

pillion_code pillion_client_check(const pillion_client *client, pillion_error *err)
{
    if (client->broken.code != SC_OK)
        return error_take(err, &client->broken);
    error_clear(err);
    return PILLION_OK;
}

pillion_loop *pillion_client_loop(const pillion_client *client)
{
    return client->loop;
}

/* ---- connections ---- */

static sc_code read_file(const char *path, sc_buf *out, sc_error *err)
{
    FILE *file = fopen(path, "re");
    size_t got;

    if (!file)
        return sc_fail(err, SC_INVALID, "CA file %s: %s", path, strerror(errno));
    do {
        got = fread(sc_buf_room(out, 65536), 1, 65536, file);
        sc_buf_added(out, got);
    } while (got > 0 && sc_buf_len(out) <= MAX_CA_FILE_LEN);
    (void)fclose(file);
    if (sc_buf_len(out) > MAX_CA_FILE_LEN)
        return sc_fail(err, SC_INVALID, "CA file %s is longer than %u bytes", path,
                       MAX_CA_FILE_LEN);
    return SC_OK;
}

/* The dial for an endpoint; `dial->tls` is a reference of the caller's, or NULL. */
static sc_code make_dial(pillion_client *client, const endpoint *at, sc_str alpn, sc_dial *dial,
                         sc_error *err)
{
    sc_tls_settings tls = {.alpn = alpn};
    sc_buf pem = {0};
    sc_code code = client->broken.code;

    *dial = (sc_dial){.host = at->host,
                      .port = at->port,
                      .is_unix = at->is_unix,
                      .timeout_ms = CONNECT_TIMEOUT_MS};
    if (code != SC_OK) {
        *err = client->broken;
        return code;
    }
    if (!at->is_tls)
        return SC_OK;
    if (client->ca_file)
        code = read_file(client->ca_file, &pem, err);
    if (code == SC_OK) {
        tls.ca_pem = sc_buf_str(&pem);
        code = sc_tls_context_new(&tls, &dial->tls, err);
    }
    sc_buf_deinit(&pem);
    return code;
}

sc_http_client *client_http(pillion_client *client, sc_error *err)
{
    sc_http_client_settings settings = {.max_connections = client->max_connections};

    if (client->http)
        return client->http;
    if (make_dial(client, &client->http_at, SC_STR_NONE, &settings.dial, err) != SC_OK)
        return NULL;
    client->http = sc_http_client_open(loop_sc(client->loop), &settings);
    sc_tls_context_unref(settings.dial.tls);
    return client->http;
}

sc_grpc_channel *client_grpc(pillion_client *client, sc_error *err)
{
    sc_grpc_channel_settings settings = {.max_message_len = client->max_body_len,
                                         .keepalive_ms = KEEPALIVE_MS};

    if (client->grpc)
        return client->grpc;
    if (make_dial(client, &client->grpc_at, SC_STR("h2"), &settings.dial, err) != SC_OK)
        return NULL;
    client->grpc = sc_grpc_channel_open(loop_sc(client->loop), &settings);
    sc_tls_context_unref(settings.dial.tls);
    return client->grpc;
}

/* ---- the end ---- */

static void on_connection_closed(void *at)
{
    pillion_client *client = at;

    client->closing--;
    client_maybe_go(client);
}

void client_maybe_go(pillion_client *client)
{
    if (!client->is_freed || client->closing > 0 || !sc_list_is_empty(&client->calls) ||
        !sc_list_is_empty(&client->streams))
        return;
    loop_release(client->loop);
    sc_arena_deinit(&client->mem);
    free(client);
}

void pillion_client_free(pillion_client *client)
{
    pillion_loop *own;

    if (!client)
        return;
    own = client->owns_loop ? client->loop : NULL;
    client->is_freed = true;
    client->closing++; /* it does not go while this function uses it */
    SC_LIST_EACH_SAFE (&client->calls, it)
        pillion_call_cancel(SC_CONTAINER_OF(it, pillion_call, link));
    SC_LIST_EACH_SAFE (&client->streams, it)
        stream_cut(it);
    if (client->http) {
        client->closing++;
        sc_http_client_close(client->http, on_connection_closed, client);
    }
    if (client->grpc) {
        client->closing++;
        sc_grpc_channel_close(client->grpc, on_connection_closed, client);
    }
    on_connection_closed(client);
    pillion_loop_free(own);
}
