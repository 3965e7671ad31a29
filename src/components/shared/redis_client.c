/* SPDX-License-Identifier: MIT
 *
 * The Redis client: which node a request goes to, what waits while a node is away, what is sent
 * again and what fails.
 *
 * A request that was sent and not answered has an unknown outcome, so only one marked repeatable is
 * sent again; an answer that says "not carried out" (LOADING, TRYAGAIN, MOVED ...) lets any be.
 * Where the nodes are is redis_client_topology.c's matter.
 */
#include "components/shared/redis_client_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WAITING_MAX = 1000,
    WAITING_BYTES_MAX = 16 << 20,
    REDIRECTS_MAX = 8,
    REPEATS_MAX = 3,
    RECONNECT_MAX_MS = 2000,
    REFUSED_PAUSE_MS = 10000, /* a wrong password does not get right by trying hard */
    READ_TIMEOUT_MS = 3000,
};

static void on_waiting_timer(sc_timer *timer);
static void on_node_ready(void *owner);
static void on_node_reply(void *owner, sc_redis_request *request, const sc_redis_reply *reply);
static void on_node_unanswered(void *owner, sc_redis_request *request, const sc_error *why);
static void on_node_lost(void *owner, const sc_error *why);
static void on_node_retry(sc_timer *timer);
static void on_flush(sc_turn_hook *hook);
static void on_linger(sc_timer *timer);
static void finish_close(sc_redis_client *client);
static void free_later(sc_turn_hook *hook);

static const redis_conn_ops node_ops = {
    .on_ready = on_node_ready,
    .on_reply = on_node_reply,
    .on_unanswered = on_node_unanswered,
    .on_lost = on_node_lost,
};

/* ---- readiness and trouble ---- */

uint64_t redis_client_pause_ms(sc_redis_client *client, uint32_t failures, uint64_t max_ms)
{
    int64_t min = client->settings->min_retry_ms;
    uint64_t pause = min > 0 ? (uint64_t)min : 8;

    for (uint32_t i = 0; i < failures && pause < max_ms; i++)
        pause *= 2;
    if (pause > max_ms)
        pause = max_ms;
    return pause / 2 + sc_random_below(&client->random, pause / 2 + 1);
}

void redis_client_set_trouble(sc_redis_client *client, const sc_error *why)
{
    bool is_new = client->is_ready || client->trouble.code != why->code ||
                  strcmp(client->trouble.text, why->text) != 0;

    client->trouble = *why;
    client->is_ready = false;
    if (is_new && !client->is_closing && client->ops->on_lost)
        client->ops->on_lost(client->self, why);
}

static void set_ready(sc_redis_client *client)
{
    if (client->is_ready)
        return;
    client->is_ready = true;
    sc_error_clear(&client->trouble);
    if (!client->is_closing && client->ops->on_ready)
        client->ops->on_ready(client->self);
}

bool sc_redis_client_is_ready(const sc_redis_client *client)
{
    return client->is_ready;
}

const sc_error *sc_redis_client_trouble(const sc_redis_client *client)
{
    return &client->trouble;
}

sc_str sc_redis_client_name(const sc_redis_client *client)
{
    return sc_str_from(client->name);
}

bool sc_redis_client_is_cluster(const sc_redis_client *client)
{
    return client->mode == REDIS_CLUSTER;
}

/* ---- nodes ---- */

redis_node *redis_client_node(sc_redis_client *client, const redis_address *address)
{
    redis_node *node;

    SC_LIST_EACH (&client->nodes, it) {
        node = SC_CONTAINER_OF(it, redis_node, link);
        if (redis_address_eq(&node->address, address))
            return node;
    }
    if (client->node_count >= REDIS_NODES_MAX)
        return NULL;
    node = sc_new(redis_node);
    node->client = client;
    node->address = *address;
    node->seen = client->topology.round;
    sc_timer_init(&node->retry, client->loop, on_node_retry);
    sc_list_add(&client->nodes, &node->link);
    client->node_count++;
    return node;
}

void redis_node_connect(redis_node *node)
{
    sc_redis_client *client = node->client;
    redis_conn_settings settings = client->conn;

    if (node->conn || sc_timer_is_running(&node->retry) || client->is_closed)
        return;
    settings.address = node->address;
    settings.wants_master = client->mode == REDIS_SENTINEL;
    node->conn = redis_conn_open(client->loop, &settings, &node_ops, node);
}

void redis_node_close(redis_node *node)
{
    sc_timer_stop(&node->retry);
    redis_conn_close(node->conn);
    sc_list_remove(&node->link);
    node->client->node_count--;
    free(node);
}

redis_node *redis_client_route(sc_redis_client *client, sc_str key)
{
    if (client->mode == REDIS_CLUSTER && key.len)
        return client->slots[sc_redis_slot_of(key)];
    if (sc_list_is_empty(&client->nodes))
        return NULL;
    return SC_CONTAINER_OF(client->nodes.next, redis_node, link);
}

static void on_node_ready(void *owner)
{
    redis_node *node = owner;

    node->failures = 0;
    set_ready(node->client);
    redis_client_flush(node->client);
}

static bool any_node_ready(const sc_redis_client *client)
{
    SC_LIST_EACH (&client->nodes, it)
        if (redis_conn_is_ready(SC_CONTAINER_OF(it, redis_node, link)->conn))
            return true;
    return false;
}

static void on_node_lost(void *owner, const sc_error *why)
{
    redis_node *node = owner;
    sc_redis_client *client = node->client;
    uint64_t pause_ms = redis_client_pause_ms(client, node->failures, RECONNECT_MAX_MS);

    redis_conn_close(node->conn);
    node->conn = NULL;
    if (node->failures < 31)
        node->failures++;
    if (why->code == SC_UNAUTHENTICATED || why->code == SC_INVALID)
        pause_ms = REFUSED_PAUSE_MS;
    if (!client->is_closed)
        sc_timer_start(&node->retry, pause_ms);
    if (client->mode != REDIS_SINGLE)
        redis_topology_refresh(client);
    /* One lost node of a cluster is no loss of the rest. */
    if (client->mode != REDIS_CLUSTER || !any_node_ready(client))
        redis_client_set_trouble(client, why);
}

static void on_node_retry(sc_timer *timer)
{
    redis_node *node = SC_CONTAINER_OF(timer, redis_node, retry);

    redis_node_connect(node);
}

void redis_client_moved(sc_redis_client *client, uint16_t slot, const redis_address *to)
{
    redis_node *node = redis_client_node(client, to);

    if (node)
        client->slots[slot] = node;
    redis_topology_refresh(client);
}

void redis_client_forget_node(sc_redis_client *client, redis_node *node)
{
    for (size_t i = 0; i < REDIS_SLOTS; i++)
        if (client->slots[i] == node)
            client->slots[i] = NULL;
    SC_LIST_EACH (&client->waiting, it) {
        sc_redis_request *request = SC_CONTAINER_OF(it, sc_redis_request, link);

        if (request->ask_node == node)
            request->ask_node = NULL;
    }
}

/* ---- requests ---- */

static void finish_request(sc_redis_client *client, sc_redis_request *request,
                           const sc_redis_reply *reply, const sc_error *err)
{
    client->outstanding--;
    request->done(request, reply, err);
    if (client->is_closing && client->outstanding == 0)
        finish_close(client);
}

static bool try_send(sc_redis_client *client, sc_redis_request *request)
{
    redis_node *asked = request->ask_node;
    redis_node *node = asked ? asked : redis_client_route(client, request->key);

    if (!node) {
        redis_topology_refresh(client);
        return false;
    }
    if (!redis_conn_takes_more(node->conn)) {
        /* Sentinel decides where its only node is; it connects once that is known. */
        if (!node->conn && (client->mode != REDIS_SENTINEL || client->topology.is_known))
            redis_node_connect(node);
        return false;
    }
    request->ask_node = NULL;
    redis_conn_send(node->conn, request, asked != NULL);
    return true;
}

/* The timer runs for the earliest request that is to be sent again or to fail. */
static void set_waiting_timer(sc_redis_client *client)
{
    uint64_t now = sc_loop_now_ms(client->loop);
    uint64_t first = UINT64_MAX;

    SC_LIST_EACH (&client->waiting, it) {
        sc_redis_request *request = SC_CONTAINER_OF(it, sc_redis_request, link);
        uint64_t at = request->deadline_ms;

        if (request->retry_at_ms > now && request->retry_at_ms < at)
            at = request->retry_at_ms;
        if (at < first)
            first = at;
    }
    if (first == UINT64_MAX)
        sc_timer_stop(&client->waiting_timer);
    else
        sc_timer_start(&client->waiting_timer, first > now ? first - now : 0);
}

static void wait_for_node(sc_redis_client *client, sc_redis_request *request)
{
    uint64_t now = sc_loop_now_ms(client->loop);
    uint64_t at = request->retry_at_ms > now ? request->retry_at_ms : request->deadline_ms;

    sc_list_add(&client->waiting, &request->link);
    client->waiting_count++;
    client->waiting_bytes += request->size;
    if (!sc_timer_is_running(&client->waiting_timer) || client->waiting_timer.due_ms > at)
        sc_timer_start(&client->waiting_timer, at > now ? at - now : 0);
}

static void stop_waiting(sc_redis_client *client, sc_redis_request *request)
{
    sc_list_remove(&request->link);
    client->waiting_count--;
    client->waiting_bytes -= request->size;
}

sc_code sc_redis_send(sc_redis_client *client, sc_redis_request *request, sc_error *err)
{
    if (client->is_closing)
        return sc_fail(err, SC_FAILED_PRECONDITION, "redis at %s: the component is closed",
                       client->name);
    sc_list_init(&request->link);
    request->ask_node = NULL;
    request->attempts = request->redirects = 0;
    request->retry_at_ms = 0;
    request->deadline_ms = sc_loop_now_ms(client->loop) + client->wait_ms;
    if (!try_send(client, request)) {
        if (client->waiting_count >= WAITING_MAX ||
            client->waiting_bytes + request->size > WAITING_BYTES_MAX)
            return sc_fail(err, SC_EXHAUSTED, "redis at %s: %zu commands wait already: %s",
                           client->name, client->waiting_count,
                           client->trouble.code ? client->trouble.text : "it is too slow");
        wait_for_node(client, request);
    }
    client->outstanding++;
    return SC_PENDING;
}

void redis_client_flush(sc_redis_client *client)
{
    uint64_t now = sc_loop_now_ms(client->loop);
    sc_list ready;

    /* Sending calls nobody back, so the list cannot change under us but for our own re-adding. */
    sc_list_init(&ready);
    sc_list_move_all(&ready, &client->waiting);
    client->waiting_count = 0;
    client->waiting_bytes = 0;
    SC_LIST_EACH_SAFE (&ready, it) {
        sc_redis_request *request = SC_CONTAINER_OF(it, sc_redis_request, link);

        sc_list_remove(it);
        if (request->retry_at_ms > now || !try_send(client, request)) {
            sc_list_add(&client->waiting, it);
            client->waiting_count++;
            client->waiting_bytes += request->size;
        }
    }
    set_waiting_timer(client);
    redis_links_kick(client);
}

static sc_redis_request *first_expired(sc_redis_client *client, uint64_t now)
{
    SC_LIST_EACH (&client->waiting, it) {
        sc_redis_request *request = SC_CONTAINER_OF(it, sc_redis_request, link);

        if (request->deadline_ms <= now)
            return request;
    }
    return NULL;
}

static void on_waiting_timer(sc_timer *timer)
{
    sc_redis_client *client = SC_CONTAINER_OF(timer, sc_redis_client, waiting_timer);
    uint64_t now = sc_loop_now_ms(client->loop);
    sc_redis_request *request;
    sc_error err;

    redis_client_flush(client);
    if (client->trouble.code)
        sc_fail(&err, SC_UNAVAILABLE, "%s", client->trouble.text);
    else
        sc_fail(&err, SC_UNAVAILABLE, "redis at %s: no connection within %llu ms", client->name,
                (unsigned long long)client->wait_ms);
    while (!client->is_closed && (request = first_expired(client, now)) != NULL) {
        stop_waiting(client, request);
        finish_request(client, request, NULL, &err);
    }
    if (!client->is_closed)
        set_waiting_timer(client);
}

/* ---- answers ---- */

static void redirect(redis_node *node, sc_redis_request *request, const sc_redis_reply *reply,
                     bool is_ask)
{
    sc_redis_client *client = node->client;
    redis_address to;
    uint16_t slot;

    request->redirects++;
    if (redis_parse_redirect(reply->text, &node->address, &slot, &to)) {
        if (is_ask)
            request->ask_node = redis_client_node(client, &to);
        else
            redis_client_moved(client, slot, &to);
    }
    if (!try_send(client, request))
        wait_for_node(client, request);
}

/* Answers that mean: not carried out, try again soon. */
static bool is_transient(const sc_redis_reply *reply)
{
    return sc_redis_is_error(reply, SC_STR("LOADING")) ||
           sc_redis_is_error(reply, SC_STR("TRYAGAIN")) ||
           sc_redis_is_error(reply, SC_STR("CLUSTERDOWN")) ||
           sc_redis_is_error(reply, SC_STR("MASTERDOWN")) ||
           sc_redis_is_error(reply, SC_STR("READONLY"));
}

static bool retry_later(sc_redis_client *client, sc_redis_request *request)
{
    uint64_t now = sc_loop_now_ms(client->loop);
    uint64_t max_ms =
        client->settings->max_retry_ms > 0 ? (uint64_t)client->settings->max_retry_ms : 512;

    if ((int64_t)request->attempts >= client->settings->max_retries || client->is_closing)
        return false;
    request->retry_at_ms = now;
    if (client->settings->min_retry_ms >= 0)
        request->retry_at_ms += redis_client_pause_ms(client, request->attempts, max_ms);
    request->attempts++;
    if (request->deadline_ms <= request->retry_at_ms)
        request->deadline_ms = request->retry_at_ms + client->wait_ms;
    wait_for_node(client, request);
    return true;
}

static void on_refused(redis_node *node, sc_redis_request *request, const sc_redis_reply *reply)
{
    sc_redis_client *client = node->client;
    bool is_cluster = client->mode == REDIS_CLUSTER && request->redirects < REDIRECTS_MAX;
    bool has_old_master =
        client->mode == REDIS_SENTINEL && sc_redis_is_error(reply, SC_STR("READONLY"));
    bool needs_password = sc_redis_is_error(reply, SC_STR("NOAUTH"));
    redis_conn *conn = node->conn;
    sc_error err;

    if (is_cluster && sc_redis_is_error(reply, SC_STR("MOVED"))) {
        redirect(node, request, reply, false);
        return;
    }
    if (is_cluster && sc_redis_is_error(reply, SC_STR("ASK"))) {
        redirect(node, request, reply, true);
        return;
    }
    sc_fail(&err, redis_error_code(reply->text), "%.*s", SC_FMT(reply->text));
    if (is_transient(reply)) {
        if (client->mode == REDIS_CLUSTER)
            redis_topology_refresh(client);
        if (!retry_later(client, request))
            finish_request(client, request, reply, &err);
    } else {
        finish_request(client, request, reply, &err);
    }
    /* The next connection finds the new master, or says what is wrong with signing in. The node may
     * be gone by now, the connection stays until the end of the turn. */
    if (has_old_master || needs_password)
        redis_conn_lose(conn, &err);
}

static void on_node_reply(void *owner, sc_redis_request *request, const sc_redis_reply *reply)
{
    redis_node *node = owner;
    sc_redis_client *client = node->client;

    if (reply->kind == SC_REDIS_ERROR)
        on_refused(node, request, reply);
    else
        finish_request(client, request, reply, NULL);
    if (client->waiting_count > 0 && !client->is_closed)
        sc_loop_at_turn_end(client->loop, &client->flush_hook);
}

static void on_flush(sc_turn_hook *hook)
{
    redis_client_flush(SC_CONTAINER_OF(hook, sc_redis_client, flush_hook));
}

static void on_node_unanswered(void *owner, sc_redis_request *request, const sc_error *why)
{
    redis_node *node = owner;
    sc_redis_client *client = node->client;
    sc_error err;

    if (request->is_repeatable && !client->is_closing && request->attempts < REPEATS_MAX) {
        request->attempts++;
        request->deadline_ms = sc_loop_now_ms(client->loop) + client->wait_ms;
        wait_for_node(client, request);
        return;
    }
    sc_fail(&err, SC_UNAVAILABLE,
            "connection lost before the answer, it is not known whether the command was carried "
            "out: %s",
            why->text);
    finish_request(client, request, NULL, &err);
}

/* ---- opening ---- */

static sc_code check_settings(const sc_redis_settings *with, sc_error *err)
{
    if (with->use_entra_id)
        return sc_fail(err, SC_INVALID,
                       "useEntraID: signing in by Entra ID is not offered; use "
                       "redisUsername and redisPassword");
    if (with->use_oidc)
        return sc_fail(err, SC_INVALID,
                       "useOIDC: signing in by OIDC is not offered; use "
                       "redisUsername and redisPassword");
    if (with->failover && with->sentinel_master.len == 0)
        return sc_fail(err, SC_INVALID, "sentinelMasterName is needed when failover is true");
    if (with->db < 0 || with->db > INT32_MAX)
        return sc_fail(err, SC_INVALID, "redisDB: %lld is no database", (long long)with->db);
    if ((with->client_cert.len == 0) != (with->client_key.len == 0))
        return sc_fail(err, SC_INVALID, "%s is set without %s",
                       with->client_cert.len ? "clientCert" : "clientKey",
                       with->client_cert.len ? "clientKey" : "clientCert");
    return SC_OK;
}

static sc_code parse_seeds(sc_redis_client *client, sc_error *err)
{
    const sc_redis_settings *with = client->settings;
    sc_str rest = with->hosts;
    size_t count = 1;

    for (size_t i = 0; i < rest.len; i++)
        count += rest.at[i] == ',';
    if (count > REDIS_NODES_MAX)
        return sc_fail(err, SC_INVALID, "redisHost names more than %u hosts", REDIS_NODES_MAX);
    if (count > 1 && client->mode == REDIS_SINGLE)
        return sc_fail(err, SC_INVALID,
                       "redisHost names %zu hosts, which needs redisType 'cluster' or failover "
                       "'true'",
                       count);
    client->seeds = sc_alloc_zero(count * sizeof(*client->seeds));
    do {
        sc_code code = redis_address_parse(sc_str_cut(&rest, ','), with->port,
                                           &client->seeds[client->seed_count++], err);

        if (code != SC_OK)
            return code;
    } while (rest.at);
    if (client->seeds[0].is_unix)
        snprintf(client->name, sizeof(client->name), "%s", client->seeds[0].host);
    else
        snprintf(client->name, sizeof(client->name), "%s:%u", client->seeds[0].host,
                 (unsigned)client->seeds[0].port);
    return SC_OK;
}

static sc_code make_tls(sc_redis_client *client, sc_error *err)
{
    const sc_redis_settings *with = client->settings;
    sc_tls_settings tls = {
        .skip_verify = with->skip_verify,
        .ca_pem = with->ca_cert,
        .cert_pem = with->client_cert,
        .key_pem = with->client_key,
        .ca_name = "caCert",
        .cert_name = "clientCert",
        .key_name = "clientKey",
    };

    if (!with->enable_tls)
        return SC_OK;
    if (client->seeds[0].is_unix)
        return sc_fail(err, SC_INVALID,
                       "enableTLS: redis has no TLS on the Unix socket %s; leave out enableTLS",
                       client->seeds[0].host);
    if (sc_tls_context_new(&tls, &client->conn.tls, err) != SC_OK)
        return sc_error_context(err, "enableTLS");
    return SC_OK;
}

static void set_limits(sc_redis_client *client)
{
    const sc_redis_settings *with = client->settings;
    int64_t read_ms = with->read_timeout_ms ? with->read_timeout_ms : READ_TIMEOUT_MS;
    int64_t write_ms = with->write_timeout_ms ? with->write_timeout_ms : read_ms;
    int64_t wait_ms = with->pool_timeout_ms > 0 ? with->pool_timeout_ms
                      : read_ms > 0             ? read_ms + 1000
                                                : READ_TIMEOUT_MS + 1000;

    client->wait_ms = (uint64_t)wait_ms;
    client->conn.answer_timeout_ms =
        read_ms > 0 ? (uint64_t)(read_ms + (write_ms > 0 ? write_ms : 0)) : 0;
    client->conn.dial_timeout_ms = with->dial_timeout_ms > 0 ? (uint64_t)with->dial_timeout_ms : 0;
    client->conn.username = with->username;
    client->conn.password = with->password;
    client->conn.sign_in_fields = "redisPassword and redisUsername";
    client->conn.db = client->mode == REDIS_CLUSTER ? 0 : with->db;
}

static void start(sc_redis_client *client)
{
    if (client->mode == REDIS_SINGLE)
        redis_node_connect(redis_client_node(client, &client->seeds[0]));
    else
        redis_topology_refresh(client);
}

static void free_client(sc_redis_client *client)
{
    sc_tls_context_unref(client->conn.tls);
    free(client->slots);
    free(client->seeds);
    free(client);
}

sc_code sc_redis_client_open(sc_loop *loop, const sc_redis_settings *settings,
                             const sc_redis_client_ops *ops, void *self, sc_redis_client **out,
                             sc_error *err)
{
    sc_redis_client *client = sc_new(sc_redis_client);
    sc_code code = check_settings(settings, err);

    client->loop = loop;
    client->settings = settings;
    client->ops = ops;
    client->self = self;
    client->mode = settings->failover                                    ? REDIS_SENTINEL
                   : sc_str_eq_nocase(settings->type, SC_STR("cluster")) ? REDIS_CLUSTER
                                                                         : REDIS_SINGLE;
    if (code == SC_OK)
        code = parse_seeds(client, err);
    if (code == SC_OK)
        code = make_tls(client, err);
    if (code != SC_OK) {
        free_client(client);
        return code;
    }
    set_limits(client);
    sc_random_init(&client->random);
    if (client->mode == REDIS_CLUSTER)
        client->slots = sc_alloc_zero(REDIS_SLOTS * sizeof(redis_node *));
    sc_list_init(&client->nodes);
    sc_list_init(&client->links);
    sc_list_init(&client->waiting);
    sc_list_init(&client->free_hook.link);
    client->free_hook.run = free_later;
    sc_list_init(&client->flush_hook.link);
    client->flush_hook.run = on_flush;
    sc_timer_init(&client->waiting_timer, loop, on_waiting_timer);
    sc_timer_init(&client->linger, loop, on_linger);
    redis_topology_init(client);
    *out = client;
    start(client);
    return SC_OK;
}

/* ---- closing ---- */

void sc_redis_client_close(sc_redis_client *client, uint64_t linger_ms,
                           void (*on_closed)(void *self), void *self)
{
    client->is_closing = true;
    client->on_closed = on_closed;
    client->on_closed_self = self;
    if (client->outstanding == 0)
        finish_close(client);
    else
        sc_timer_start(&client->linger, linger_ms);
}

static void on_linger(sc_timer *timer)
{
    finish_close(SC_CONTAINER_OF(timer, sc_redis_client, linger));
}

/* Fails what is left and gives up every connection; the memory goes at the end of the turn, for we
 * may be inside a callback of one of them. */
static void finish_close(sc_redis_client *client)
{
    sc_error err;

    if (client->is_closed)
        return;
    client->is_closed = true;
    sc_fail(&err, SC_UNAVAILABLE, "redis at %s: the component was closed", client->name);
    while (!sc_list_is_empty(&client->waiting)) {
        sc_redis_request *request = SC_CONTAINER_OF(client->waiting.next, sc_redis_request, link);

        stop_waiting(client, request);
        finish_request(client, request, NULL, &err);
    }
    SC_LIST_EACH (&client->nodes, it) {
        redis_node *node = SC_CONTAINER_OF(it, redis_node, link);

        if (node->conn)
            redis_conn_lose(node->conn, &err);
    }
    sc_timer_stop(&client->linger);
    sc_timer_stop(&client->waiting_timer);
    sc_loop_forget_hook(&client->flush_hook);
    redis_topology_deinit(client);
    while (!sc_list_is_empty(&client->nodes))
        redis_node_close(SC_CONTAINER_OF(client->nodes.next, redis_node, link));
    sc_loop_at_turn_end(client->loop, &client->free_hook);
}

static void free_later(sc_turn_hook *hook)
{
    sc_redis_client *client = SC_CONTAINER_OF(hook, sc_redis_client, free_hook);
    void (*on_closed)(void *self) = client->on_closed;
    void *self = client->on_closed_self;

    free_client(client);
    if (on_closed)
        on_closed(self);
}
