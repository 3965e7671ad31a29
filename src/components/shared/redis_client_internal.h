/* SPDX-License-Identifier: MIT
 *
 * What the files of the Redis client share: the reply reader, one connection, the topology.
 */
#ifndef SC_COMPONENTS_SHARED_REDIS_CLIENT_INTERNAL_H
#define SC_COMPONENTS_SHARED_REDIS_CLIENT_INTERNAL_H

#include "components/shared/redis_client.h"
#include "core/random.h"
#include "io/stream.h"
#include "io/timer.h"
#include "io/tls.h"

/* ---- reply reader (redis_client_reply.c) ---- */

typedef struct redis_reader redis_reader;

redis_reader *redis_reader_new(sc_arena_pool *pool);
void redis_reader_free(redis_reader *reader);
sc_code redis_reader_feed(redis_reader *reader, const char *at, size_t len,
                          sc_error *err) SC_MUST_CHECK;
/* SC_OK with one reply, good until the next call; SC_PENDING when more bytes are needed; else the
 * bytes are no RESP, or too much. */
sc_code redis_reader_next(redis_reader *reader, const sc_redis_reply **out,
                          sc_error *err) SC_MUST_CHECK;
/* The code that a server's error text means. */
sc_code redis_error_code(sc_str text);

/* ---- addresses and slots (redis_client_slots.c) ---- */

#define REDIS_SLOTS     16384u
#define REDIS_HOST_MAX  256u
#define REDIS_NODES_MAX 1000u

typedef struct redis_address {
    char host[REDIS_HOST_MAX]; /* NUL-terminated; the path of a Unix socket */
    uint16_t port;
    bool is_unix;
} redis_address;

/* "host", "host:port", "[v6]:port", "/path" or "unix:///path". `port` 0: none was set apart. */
sc_code redis_address_parse(sc_str text, uint64_t port, redis_address *out,
                            sc_error *err) SC_MUST_CHECK;
/* From a server's words; false when they name no address. */
bool redis_address_set(redis_address *out, sc_str host, int64_t port) SC_MUST_CHECK;
bool redis_address_eq(const redis_address *a, const redis_address *b);

/* "MOVED 3999 127.0.0.1:6381" and "ASK ..."; an empty host means the node that said it. */
bool redis_parse_redirect(sc_str text, const redis_address *from, uint16_t *slot,
                          redis_address *out) SC_MUST_CHECK;

typedef struct redis_slot_range {
    uint16_t first;
    uint16_t last;
    redis_address master;
} redis_slot_range;

/* Walks the answer to CLUSTER SLOTS: range `at`, or SC_NOT_FOUND behind the last one. */
sc_code redis_slots_range(const sc_redis_reply *reply, size_t at, const redis_address *from,
                          redis_slot_range *out, sc_error *err) SC_MUST_CHECK;

/* ---- one connection (redis_client_conn.c) ---- */

typedef struct redis_conn redis_conn;

typedef struct redis_conn_ops {
    void (*on_ready)(void *owner);
    void (*on_reply)(void *owner, sc_redis_request *request, const sc_redis_reply *reply);
    /* The connection was lost before the answer came. */
    void (*on_unanswered)(void *owner, sc_redis_request *request, const sc_error *why);
    /* After all on_unanswered. The connection is still the owner's to close. */
    void (*on_lost)(void *owner, const sc_error *why);
} redis_conn_ops;

/* Everything is borrowed while the connection lives. */
typedef struct redis_conn_settings {
    redis_address address;
    sc_str username;
    sc_str password;
    const char *sign_in_fields; /* for messages: "redisPassword and redisUsername" */
    int64_t db;
    bool wants_client_id;
    bool wants_master; /* ROLE must say so */
    uint64_t dial_timeout_ms;
    uint64_t answer_timeout_ms; /* 0: none */
    sc_tls_context *tls;
} redis_conn_settings;

redis_conn *redis_conn_open(sc_loop *loop, const redis_conn_settings *settings,
                            const redis_conn_ops *ops, void *owner);
bool redis_conn_is_ready(const redis_conn *conn);
/* Ready, and not so far behind that more should wait. */
bool redis_conn_takes_more(const redis_conn *conn);
size_t redis_conn_pending_count(const redis_conn *conn);
int64_t redis_conn_client_id(const redis_conn *conn);
/* Only when ready. `is_asking` puts ASKING in front. */
void redis_conn_send(redis_conn *conn, sc_redis_request *request, bool is_asking);
/* Ends it as a loss: on_unanswered for what waits, then on_lost. */
void redis_conn_lose(redis_conn *conn, const sc_error *why);
/* No callback comes after this; requests that wait are forgotten. NULL is allowed. */
void redis_conn_close(redis_conn *conn);

/* ---- the client and its nodes (redis_client.c) ---- */

typedef enum redis_mode {
    REDIS_SINGLE,
    REDIS_SENTINEL,
    REDIS_CLUSTER,
} redis_mode;

typedef struct redis_node {
    sc_list link; /* in client->nodes */
    sc_redis_client *client;
    redis_address address;
    redis_conn *conn;
    sc_timer retry;
    uint32_t failures;
    uint32_t seen; /* the last round of CLUSTER SLOTS that named it */
} redis_node;

/* Asks a sentinel for the master, or a cluster node for the slots, over a connection of its own. */
typedef struct redis_topology {
    redis_conn *conn; /* NULL: nothing is being asked */
    sc_redis_request request;
    redis_address asked;
    sc_timer retry;
    size_t next;       /* which seed or node is asked next */
    size_t tried;      /* since the last success */
    uint32_t failures; /* whole rounds without success */
    uint32_t round;
    bool is_known;
    bool wants_refresh; /* a change was noticed while asking or pausing */
} redis_topology;

struct sc_redis_client {
    sc_loop *loop;
    const sc_redis_settings *settings;
    const sc_redis_client_ops *ops;
    void *self;
    redis_mode mode;
    redis_address *seeds;
    size_t seed_count;
    char name[REDIS_HOST_MAX + 8];
    redis_conn_settings conn; /* for nodes; the address is filled in for each */
    redis_topology topology;
    sc_list nodes;
    size_t node_count;
    redis_node **slots; /* REDIS_SLOTS of them in a cluster */
    sc_list links;
    sc_list waiting;
    size_t waiting_count;
    size_t waiting_bytes;
    sc_timer waiting_timer;
    uint64_t wait_ms;
    size_t outstanding; /* requests taken and not done */
    sc_random random;
    sc_turn_hook flush_hook; /* a connection that was full may take more */
    bool is_ready;
    bool is_closing;
    bool is_closed;
    sc_error trouble;
    sc_timer linger;
    void (*on_closed)(void *self);
    void *on_closed_self;
    sc_turn_hook free_hook;
};

/* A node by address, made when it is new; NULL past REDIS_NODES_MAX. */
redis_node *redis_client_node(sc_redis_client *client, const redis_address *address);
/* The node for `key` as far as known, or NULL. */
redis_node *redis_client_route(sc_redis_client *client, sc_str key);
/* Starts connecting unless it is connected, connecting or pausing. */
void redis_node_connect(redis_node *node);
void redis_node_close(redis_node *node);
/* A pause of min * 2^failures, at most `max_ms`, of which the last half is random. */
uint64_t redis_client_pause_ms(sc_redis_client *client, uint32_t failures, uint64_t max_ms);
void redis_client_set_trouble(sc_redis_client *client, const sc_error *why);
/* Something became reachable: waiting requests and links try again. */
void redis_client_flush(sc_redis_client *client);
/* The slot is elsewhere (MOVED): remembers it and asks for all. */
void redis_client_moved(sc_redis_client *client, uint16_t slot, const redis_address *to);
/* The requests and links of a node that is given up must not point at it. */
void redis_client_forget_node(sc_redis_client *client, redis_node *node);

/* ---- topology (redis_client_topology.c) ---- */

void redis_topology_init(sc_redis_client *client);
void redis_topology_deinit(sc_redis_client *client);
/* Asks now, or as soon as the running question or pause is over. */
void redis_topology_refresh(sc_redis_client *client);

/* ---- links (redis_client_link.c) ---- */

void redis_links_kick(sc_redis_client *client);

#endif
