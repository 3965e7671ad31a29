/* SPDX-License-Identifier: MIT
 *
 * Where the nodes are: the master that a sentinel names, or the slots that a cluster node lists.
 *
 * Each question goes over a connection of its own that is closed after the answer, to one known
 * address after the other; when all failed, a pause comes. A failover is noticed by losing the
 * master (or its READONLY, or MOVED), not by listening.
 */
#include "components/shared/redis_client_internal.h"

#include <stdio.h>

enum {
    ROUND_PAUSE_MAX_MS = 2000,
    REFRESH_PAUSE_MS = 500, /* between two successful questions, at least */
};

static void ask(sc_redis_client *client);
static void on_ready(void *owner);
static void on_reply(void *owner, sc_redis_request *request, const sc_redis_reply *reply);
static void on_unanswered(void *owner, sc_redis_request *request, const sc_error *why);
static void on_lost(void *owner, const sc_error *why);
static void on_retry(sc_timer *timer);
static void encode_sentinel(sc_redis_request *request, sc_buf *out);
static void encode_slots(sc_redis_request *request, sc_buf *out);
static sc_code take_master(sc_redis_client *client, const sc_redis_reply *reply, sc_error *err);
static sc_code take_slots(sc_redis_client *client, const sc_redis_reply *reply, sc_error *err);

static const redis_conn_ops ops = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_unanswered = on_unanswered,
    .on_lost = on_lost,
};

void redis_topology_init(sc_redis_client *client)
{
    redis_topology *topology = &client->topology;

    sc_timer_init(&topology->retry, client->loop, on_retry);
    topology->request.encode = client->mode == REDIS_SENTINEL ? encode_sentinel : encode_slots;
}

void redis_topology_deinit(sc_redis_client *client)
{
    sc_timer_stop(&client->topology.retry);
    redis_conn_close(client->topology.conn);
    client->topology.conn = NULL;
}

void redis_topology_refresh(sc_redis_client *client)
{
    redis_topology *topology = &client->topology;

    if (client->is_closed)
        return;
    if (topology->conn || sc_timer_is_running(&topology->retry)) {
        topology->wants_refresh = true;
        return;
    }
    topology->tried = 0;
    ask(client);
}

/* The seeds, and behind them (in a cluster) the nodes that we know. */
static size_t candidate_count(const sc_redis_client *client)
{
    return client->seed_count + (client->mode == REDIS_CLUSTER ? client->node_count : 0);
}

static const redis_address *candidate(const sc_redis_client *client, size_t at)
{
    if (at < client->seed_count)
        return &client->seeds[at];
    at -= client->seed_count;
    SC_LIST_EACH (&client->nodes, it)
        if (at-- == 0)
            return &SC_CONTAINER_OF(it, redis_node, link)->address;
    return &client->seeds[0];
}

static void ask(sc_redis_client *client)
{
    redis_topology *topology = &client->topology;
    redis_conn_settings settings = client->conn;

    topology->wants_refresh = false;
    topology->asked = *candidate(client, topology->next % candidate_count(client));
    settings.address = topology->asked;
    settings.db = 0;
    if (client->mode == REDIS_SENTINEL) {
        settings.username = client->settings->sentinel_username;
        settings.password = client->settings->sentinel_password;
        settings.sign_in_fields = "sentinelPassword and sentinelUsername";
    }
    topology->conn = redis_conn_open(client->loop, &settings, &ops, client);
}

static void on_ready(void *owner)
{
    sc_redis_client *client = owner;

    redis_conn_send(client->topology.conn, &client->topology.request, false);
}

static void encode_sentinel(sc_redis_request *request, sc_buf *out)
{
    redis_topology *topology = SC_CONTAINER_OF(request, redis_topology, request);
    sc_redis_client *client = SC_CONTAINER_OF(topology, sc_redis_client, topology);

    sc_redis_begin(out, 3);
    sc_redis_arg(out, SC_STR("SENTINEL"));
    sc_redis_arg(out, SC_STR("GET-MASTER-ADDR-BY-NAME"));
    sc_redis_arg(out, client->settings->sentinel_master);
}

static void encode_slots(sc_redis_request *request, sc_buf *out)
{
    (void)request;
    sc_redis_begin(out, 2);
    sc_redis_arg(out, SC_STR("CLUSTER"));
    sc_redis_arg(out, SC_STR("SLOTS"));
}

static void on_reply(void *owner, sc_redis_request *request, const sc_redis_reply *reply)
{
    sc_redis_client *client = owner;
    redis_topology *topology = &client->topology;
    sc_error err;
    sc_code code;

    (void)request;
    code = client->mode == REDIS_SENTINEL ? take_master(client, reply, &err)
                                          : take_slots(client, reply, &err);
    if (code != SC_OK) {
        redis_conn_lose(topology->conn, &err);
        return;
    }
    redis_conn_close(topology->conn);
    topology->conn = NULL;
    topology->tried = 0;
    topology->failures = 0;
    topology->is_known = true;
    sc_timer_start(&topology->retry, REFRESH_PAUSE_MS);
    redis_client_flush(client);
}

static void on_unanswered(void *owner, sc_redis_request *request, const sc_error *why)
{
    (void)owner;
    (void)request;
    (void)why; /* on_lost follows */
}

static void on_lost(void *owner, const sc_error *why)
{
    sc_redis_client *client = owner;
    redis_topology *topology = &client->topology;

    redis_conn_close(topology->conn);
    topology->conn = NULL;
    topology->next++;
    if (++topology->tried < candidate_count(client)) {
        ask(client);
        return;
    }
    topology->tried = 0;
    topology->wants_refresh = true;
    if (topology->failures < 31)
        topology->failures++;
    sc_timer_start(&topology->retry,
                   redis_client_pause_ms(client, topology->failures, ROUND_PAUSE_MAX_MS));
    if (!topology->is_known)
        redis_client_set_trouble(client, why);
}

/* The pause is over. After an answer, asks again only when somebody noticed a change. */
static void on_retry(sc_timer *timer)
{
    redis_topology *topology = SC_CONTAINER_OF(timer, redis_topology, retry);
    sc_redis_client *client = SC_CONTAINER_OF(topology, sc_redis_client, topology);

    if (topology->wants_refresh)
        ask(client);
}

/* ---- Sentinel ---- */

static sc_code take_master(sc_redis_client *client, const sc_redis_reply *reply, sc_error *err)
{
    sc_str host = sc_redis_text(sc_redis_item(reply, 0));
    sc_str port_text = sc_redis_text(sc_redis_item(reply, 1));
    redis_address address;
    redis_node *node;
    uint64_t port;

    if (reply->kind == SC_REDIS_ERROR)
        return sc_fail(err, redis_error_code(reply->text), "sentinel at %s: %.*s",
                       client->topology.asked.host, SC_FMT(reply->text));
    if (reply->kind == SC_REDIS_NIL)
        return sc_fail(err, SC_NOT_FOUND,
                       "sentinel at %s knows no master '%.*s', check sentinelMasterName",
                       client->topology.asked.host, SC_FMT(client->settings->sentinel_master));
    if (!sc_str_to_u64(port_text, &port) || port > UINT16_MAX ||
        !redis_address_set(&address, host, (int64_t)port))
        return sc_fail(err, SC_INTERNAL, "sentinel at %s names a master without an address",
                       client->topology.asked.host);
    node = redis_client_route(client, SC_STR_NONE);
    if (node && !redis_address_eq(&node->address, &address)) {
        /* It keeps its place so that nothing that waits for it is disturbed. */
        sc_error moved;

        sc_fail(&moved, SC_UNAVAILABLE, "redis: the master moved from %s:%u to %s:%u",
                node->address.host, (unsigned)node->address.port, address.host,
                (unsigned)address.port);
        node->address = address;
        node->failures = 0;
        if (node->conn)
            redis_conn_lose(node->conn, &moved);
        sc_timer_stop(&node->retry);
    }
    if (client->is_closed)
        return SC_OK;
    if (!node)
        node = redis_client_node(client, &address);
    redis_node_connect(node);
    return SC_OK;
}

/* ---- Cluster ---- */

static void drop_unseen_nodes(sc_redis_client *client)
{
    SC_LIST_EACH_SAFE (&client->nodes, it) {
        redis_node *node = SC_CONTAINER_OF(it, redis_node, link);

        if (node->seen == client->topology.round || redis_conn_pending_count(node->conn) > 0)
            continue;
        redis_client_forget_node(client, node);
        redis_node_close(node);
    }
}

static sc_code take_slots(sc_redis_client *client, const sc_redis_reply *reply, sc_error *err)
{
    const redis_address *asked = &client->topology.asked;
    redis_slot_range range;
    sc_code code = SC_OK;
    size_t count = 0;

    if (reply->kind == SC_REDIS_ERROR)
        return sc_fail(err, redis_error_code(reply->text), "redis cluster at %s: %.*s", asked->host,
                       SC_FMT(reply->text));
    while ((code = redis_slots_range(reply, count, asked, &range, err)) == SC_OK)
        count++;
    if (code != SC_NOT_FOUND)
        return code;
    if (count == 0)
        return sc_fail(err, SC_UNAVAILABLE, "redis cluster at %s: no slot has a node yet",
                       asked->host);
    client->topology.round++;
    for (size_t i = 0; i < count; i++) {
        redis_node *node;

        if (redis_slots_range(reply, i, asked, &range, err) != SC_OK)
            break;
        node = redis_client_node(client, &range.master);
        if (!node)
            return sc_fail(err, SC_EXHAUSTED, "redis cluster has more than %u masters",
                           REDIS_NODES_MAX);
        node->seen = client->topology.round;
        for (size_t slot = range.first; slot <= range.last; slot++)
            client->slots[slot] = node;
        redis_node_connect(node);
    }
    drop_unseen_nodes(client);
    return SC_OK;
}
