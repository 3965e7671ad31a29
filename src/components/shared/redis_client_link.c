/* SPDX-License-Identifier: MIT
 *
 * Links: connections of their own for commands that block, such as XREADGROUP.
 *
 * A link dials only while the command connection to the same node is up, so an outage is tried
 * from one place; it follows the key when a cluster moves it and the master when Sentinel does.
 */
#include "components/shared/redis_client_internal.h"

#include <stdlib.h>

enum { LINK_PAUSE_MAX_MS = 2000 };

struct sc_redis_link {
    sc_list link; /* in client->links */
    sc_redis_client *client;
    sc_str key;
    const sc_redis_link_ops *ops;
    void *self;
    redis_conn *conn;
    redis_address address; /* of conn */
    sc_timer retry;
    uint32_t failures;
};

static void on_ready(void *owner);
static void on_reply(void *owner, sc_redis_request *request, const sc_redis_reply *reply);
static void on_unanswered(void *owner, sc_redis_request *request, const sc_error *why);
static void on_lost(void *owner, const sc_error *why);
static void on_retry(sc_timer *timer);

static const redis_conn_ops ops = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_unanswered = on_unanswered,
    .on_lost = on_lost,
};

static void dial(sc_redis_link *link)
{
    sc_redis_client *client = link->client;
    redis_node *node = redis_client_route(client, link->key);
    redis_conn_settings settings = client->conn;

    if (link->conn || sc_timer_is_running(&link->retry) || client->is_closing)
        return;
    if (!node) {
        redis_topology_refresh(client);
        return;
    }
    if (!redis_conn_is_ready(node->conn)) {
        redis_node_connect(node); /* when it is ready we are kicked */
        return;
    }
    link->address = node->address;
    settings.address = node->address;
    settings.wants_client_id = true;
    settings.wants_master = client->mode == REDIS_SENTINEL;
    link->conn = redis_conn_open(client->loop, &settings, &ops, link);
}

sc_redis_link *sc_redis_link_open(sc_redis_client *client, sc_str key,
                                  const sc_redis_link_ops *link_ops, void *self)
{
    sc_redis_link *link = sc_new(sc_redis_link);

    link->client = client;
    link->key = key;
    link->ops = link_ops;
    link->self = self;
    sc_timer_init(&link->retry, client->loop, on_retry);
    sc_list_add(&client->links, &link->link);
    dial(link);
    return link;
}

void redis_links_kick(sc_redis_client *client)
{
    SC_LIST_EACH_SAFE (&client->links, it) {
        sc_redis_link *link = SC_CONTAINER_OF(it, sc_redis_link, link);

        dial(link);
    }
}

static void on_ready(void *owner)
{
    sc_redis_link *link = owner;

    link->failures = 0;
    link->ops->on_ready(link->self);
}

static void on_reply(void *owner, sc_redis_request *request, const sc_redis_reply *reply)
{
    sc_redis_link *link = owner;
    sc_redis_client *client = link->client;
    redis_conn *conn = link->conn;
    bool is_moved = client->mode == REDIS_CLUSTER && sc_redis_is_error(reply, SC_STR("MOVED"));
    bool has_old_master = sc_redis_is_error(reply, SC_STR("READONLY"));
    redis_address to;
    uint16_t slot;
    sc_error err;

    if (reply->kind != SC_REDIS_ERROR) {
        request->done(request, reply, NULL);
        return;
    }
    sc_fail(&err, redis_error_code(reply->text), "%.*s", SC_FMT(reply->text));
    if (is_moved && redis_parse_redirect(reply->text, &link->address, &slot, &to))
        redis_client_moved(client, slot, &to);
    request->done(request, reply, &err);
    if (is_moved || has_old_master)
        redis_conn_lose(conn, &err); /* nothing when done() closed the link */
}

static void on_unanswered(void *owner, sc_redis_request *request, const sc_error *why)
{
    (void)owner;
    request->done(request, NULL, why);
}

static void on_lost(void *owner, const sc_error *why)
{
    sc_redis_link *link = owner;
    sc_redis_client *client = link->client;

    redis_conn_close(link->conn);
    link->conn = NULL;
    if (link->failures < 31)
        link->failures++;
    if (client->mode != REDIS_SINGLE)
        redis_topology_refresh(client);
    sc_timer_start(&link->retry, redis_client_pause_ms(client, link->failures, LINK_PAUSE_MAX_MS));
    link->ops->on_lost(link->self, why);
}

static void on_retry(sc_timer *timer)
{
    dial(SC_CONTAINER_OF(timer, sc_redis_link, retry));
}

sc_code sc_redis_link_send(sc_redis_link *link, sc_redis_request *request, sc_error *err)
{
    if (!redis_conn_is_ready(link->conn))
        return sc_fail(err, SC_UNAVAILABLE, "redis at %s: no connection", link->client->name);
    redis_conn_send(link->conn, request, false);
    return SC_PENDING;
}

bool sc_redis_link_is_ready(const sc_redis_link *link)
{
    return redis_conn_is_ready(link->conn);
}

int64_t sc_redis_link_client_id(const sc_redis_link *link)
{
    return redis_conn_client_id(link->conn);
}

void sc_redis_link_close(sc_redis_link *link)
{
    if (!link)
        return;
    sc_timer_stop(&link->retry);
    redis_conn_close(link->conn);
    sc_list_remove(&link->link);
    free(link);
}
