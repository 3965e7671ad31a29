/* SPDX-License-Identifier: MIT
 *
 * A Redis client for every component that speaks to Redis: one node, Sentinel or Cluster; TCP, TLS
 * or a Unix socket.
 *
 * Commands of one loop turn leave in one write on one pipelined connection per node; replies are
 * matched in order. A command waits here while its node is away, within bounds of count, bytes and
 * time. Loop thread only.
 */
#ifndef SC_COMPONENTS_SHARED_REDIS_CLIENT_H
#define SC_COMPONENTS_SHARED_REDIS_CLIENT_H

#include "component/field.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/list.h"
#include "io/loop.h"

/* ---- settings ---- */

/* What every Redis component reads from its YAML; `SC_REDIS_FIELDS` fills it. */
typedef struct sc_redis_settings {
    sc_str hosts;
    uint64_t port;
    sc_str username;
    sc_str password;
    int64_t db;
    sc_str type;
    int64_t max_retries;
    int64_t min_retry_ms;
    int64_t max_retry_ms;
    int64_t dial_timeout_ms;
    int64_t read_timeout_ms;  /* 0: not set */
    int64_t write_timeout_ms; /* 0: as readTimeout */
    int64_t pool_timeout_ms;  /* 0: readTimeout + 1 s */
    bool failover;
    sc_str sentinel_master;
    sc_str sentinel_username;
    sc_str sentinel_password;
    bool enable_tls;
    bool skip_verify;
    sc_str ca_cert;
    sc_str client_cert;
    sc_str client_key;
    bool use_entra_id;
    bool use_oidc;
    /* Settings of a connection pool, which one pipelined connection makes needless. */
    int64_t pool_size;
    int64_t min_idle_conns;
    int64_t max_conn_age_ms;
    int64_t idle_timeout_ms;
    int64_t idle_check_ms;
} sc_redis_settings;

#define SC_REDIS_NO_POOL                                                                           \
    "has no effect: one pipelined connection per node, kept open, does the work of a pool"

/* The lines of these settings for the table of a component whose conf struct holds an
 * sc_redis_settings as `at`. */
#define SC_REDIS_FIELDS(conf, at)                                                                  \
    SC_FIELD(conf, at.hosts, STR, "redisHost", .initial = "localhost:6379",                        \
             .help = "host:port of the server, the path of a Unix socket, or a comma list of "     \
                     "cluster nodes or sentinels."),                                               \
        SC_FIELD(conf, at.port, U64, "redisPort",                                                  \
                 .help = "Port for the hosts that name none; 6379 when neither does."),            \
        SC_FIELD(conf, at.username, STR, "redisUsername", .help = "ACL user for AUTH."),           \
        SC_FIELD(conf, at.password, STR, "redisPassword", .flags = SC_FIELD_SECRET,                \
                 .help = "Password for AUTH."),                                                    \
        SC_FIELD(conf, at.db, I64, "redisDB", .initial = "0",                                      \
                 .help = "Number of the database to SELECT; a cluster has only 0."),               \
        SC_FIELD(conf, at.type, STR, "redisType", .initial = "node",                               \
                 .help = "cluster; or node for one server, or a master that sentinels name."),     \
        SC_FIELD(conf, at.max_retries, I64, "redisMaxRetries", .initial = "3",                     \
                 .help = "How often a command is sent again after an answer that says it was not " \
                         "carried out (LOADING, TRYAGAIN, ...); -1: never."),                      \
        SC_FIELD(conf, at.min_retry_ms, DURATION, "redisMinRetryInterval", .initial = "8ms",       \
                 .plain_unit_ms = 1, .help = "First pause before a retry or a reconnection."),     \
        SC_FIELD(conf, at.max_retry_ms, DURATION, "redisMaxRetryInterval", .initial = "512ms",     \
                 .plain_unit_ms = 1,                                                               \
                 .help = "Longest pause between retries; reconnections may pause up to 2s."),      \
        SC_FIELD(conf, at.dial_timeout_ms, DURATION, "dialTimeout", .initial = "5s",               \
                 .plain_unit_ms = 1, .help = "Limit for connecting, TLS and signing in."),         \
        SC_FIELD(conf, at.read_timeout_ms, DURATION, "readTimeout", .plain_unit_ms = 1,            \
                 .help = "Limit for an answer, 3s when not set, -1 for none; when set, also how "  \
                         "long one blocking read of a stream waits (10s when not, 1s at least)."), \
        SC_FIELD(conf, at.write_timeout_ms, DURATION, "writeTimeout", .plain_unit_ms = 1,          \
                 .help = "Limit for sending, added to readTimeout; as readTimeout when not set."), \
        SC_FIELD(conf, at.pool_timeout_ms, DURATION, "poolTimeout", .plain_unit_ms = 1,            \
                 .help = "How long a command waits for a connection while the server is away; "    \
                         "readTimeout + 1s when not set."),                                        \
        SC_FIELD(conf, at.failover, BOOL, "failover", .initial = "false",                          \
                 .help = "redisHost lists sentinels; the master is asked from them."),             \
        SC_FIELD(conf, at.sentinel_master, STR, "sentinelMasterName",                              \
                 .help = "Name of the master as the sentinels know it."),                          \
        SC_FIELD(conf, at.sentinel_username, STR, "sentinelUsername",                              \
                 .help = "ACL user at the sentinels."),                                            \
        SC_FIELD(conf, at.sentinel_password, STR, "sentinelPassword", .flags = SC_FIELD_SECRET,    \
                 .help = "Password at the sentinels."),                                            \
        SC_FIELD(conf, at.enable_tls, BOOL, "enableTLS", .initial = "false",                       \
                 .help = "Speak TLS to every server."),                                            \
        SC_FIELD(conf, at.skip_verify, BOOL, "insecureSkipTLSVerify", .initial = "false",          \
                 .help = "Accept any server certificate."),                                        \
        SC_FIELD(conf, at.ca_cert, STR, "caCert",                                                  \
                 .help = "PEM of the authorities to trust; the system's when not set. Not known "  \
                         "to Dapr."),                                                              \
        SC_FIELD(conf, at.client_cert, STR, "clientCert",                                          \
                 .help = "PEM of our certificate; needs clientKey."),                              \
        SC_FIELD(conf, at.client_key, STR, "clientKey", .flags = SC_FIELD_SECRET,                  \
                 .help = "PEM of the key of clientCert."),                                         \
        SC_FIELD(conf, at.use_entra_id, BOOL, "useEntraID", .aliases = "useAzureAD",               \
                 .help = "Refused when true: signing in by Microsoft Entra ID is not offered."),   \
        SC_FIELD(conf, at.use_oidc, BOOL, "useOIDC",                                               \
                 .help = "Refused when true: signing in by OIDC is not offered."),                 \
        SC_FIELD(conf, at.pool_size, I64, "poolSize", .flags = SC_FIELD_DEPRECATED,                \
                 .help = SC_REDIS_NO_POOL),                                                        \
        SC_FIELD(conf, at.min_idle_conns, I64, "minIdleConns", .flags = SC_FIELD_DEPRECATED,       \
                 .help = SC_REDIS_NO_POOL),                                                        \
        SC_FIELD(conf, at.max_conn_age_ms, DURATION, "maxConnAge", .plain_unit_ms = 1,             \
                 .flags = SC_FIELD_DEPRECATED, .help = SC_REDIS_NO_POOL),                          \
        SC_FIELD(conf, at.idle_timeout_ms, DURATION, "idleTimeout", .plain_unit_ms = 1,            \
                 .flags = SC_FIELD_DEPRECATED, .help = SC_REDIS_NO_POOL),                          \
        SC_FIELD(conf, at.idle_check_ms, DURATION, "idleCheckFrequency", .plain_unit_ms = 1,       \
                 .flags = SC_FIELD_DEPRECATED, .help = SC_REDIS_NO_POOL)

/* ---- commands ---- */

/* A command is an array of bulk strings: its head with the count, then each argument. */
void sc_redis_begin(sc_buf *out, size_t argc);
void sc_redis_arg(sc_buf *out, sc_str arg);
void sc_redis_arg_u64(sc_buf *out, uint64_t n);
/* "<ms>-<seq>": the ID of a stream entry. */
void sc_redis_arg_id(sc_buf *out, uint64_t ms, uint64_t seq);

/* ---- replies ---- */

typedef enum sc_redis_kind {
    SC_REDIS_NIL,
    SC_REDIS_TEXT, /* bulk string or status */
    SC_REDIS_NUMBER,
    SC_REDIS_ARRAY,
    SC_REDIS_ERROR, /* the server's text, e.g. "NOGROUP No such key ..." */
} sc_redis_kind;

typedef struct sc_redis_reply {
    sc_redis_kind kind;
    int64_t number;
    sc_str text;
    size_t count;
    struct sc_redis_reply **items; /* `count` of them, none NULL */
} sc_redis_reply;

/* Item `at` when the reply is an array that has one, else NULL. NULL is allowed. */
const sc_redis_reply *sc_redis_item(const sc_redis_reply *reply, size_t at);
/* The text of a TEXT reply, else empty. NULL is allowed. */
sc_str sc_redis_text(const sc_redis_reply *reply);
/* True for an error whose first word is `word`. */
bool sc_redis_is_error(const sc_redis_reply *reply, sc_str word);
/* "1526919030474-55" to its numbers. */
bool sc_redis_parse_id(sc_str text, uint64_t *ms, uint64_t *seq) SC_MUST_CHECK;

/* ---- requests ---- */

/* One command on its way. Embedded in the struct that waits for it, which stays until done ran. */
typedef struct sc_redis_request {
    /* Appends the whole command. May run again when the command is sent again. */
    void (*encode)(struct sc_redis_request *request, sc_buf *out);
    /* Once, on the loop, never inside the call that started it. Success: `err` is NULL. The server
     * refused: `reply` is its error and `err` says it with a code. No answer: `reply` is NULL.
     * `reply` is good during the call only. */
    void (*done)(struct sc_redis_request *request, const sc_redis_reply *reply,
                 const sc_error *err);
    sc_str key;         /* chooses the node of a cluster; empty: any. Stays until done */
    size_t size;        /* bytes of the command, about; for the bound of what waits */
    uint64_t block_ms;  /* the server may hold the answer back this long */
    bool is_repeatable; /* doing it twice is the same as once: sent again after a lost connection */
    /* the client's */
    sc_list link;
    struct redis_node *ask_node; /* an ASK redirection sends it there, once */
    uint64_t deadline_ms;        /* for waiting, on the loop clock */
    uint64_t retry_at_ms;
    uint32_t attempts;
    uint32_t redirects;
} sc_redis_request;

/* ---- client ---- */

typedef struct sc_redis_client sc_redis_client;

typedef struct sc_redis_client_ops {
    /* Commands go through: once, and again after each loss. May be NULL. */
    void (*on_ready)(void *self);
    /* They do not, and why. Again only when the reason changes. May be NULL. */
    void (*on_lost)(void *self, const sc_error *why);
} sc_redis_client_ops;

/* Checks the settings and starts connecting. `settings` and its strings are borrowed until closed.
 * Fails with SC_INVALID naming the setting. */
sc_code sc_redis_client_open(sc_loop *loop, const sc_redis_settings *settings,
                             const sc_redis_client_ops *ops, void *self, sc_redis_client **out,
                             sc_error *err) SC_MUST_CHECK;
bool sc_redis_client_is_ready(const sc_redis_client *client);
/* Why it is not ready, or SC_OK when nothing failed yet. */
const sc_error *sc_redis_client_trouble(const sc_redis_client *client);
/* "127.0.0.1:6379", as the settings name it. */
sc_str sc_redis_client_name(const sc_redis_client *client);

bool sc_redis_client_is_cluster(const sc_redis_client *client);
/* The hash slot of a cluster that holds `key`: CRC16 of the key, or of what stands in its first {}
 * when that is not empty, modulo 16384. */
uint16_t sc_redis_slot_of(sc_str key);

/* Sends `request`, or keeps it until its node is back. Returns SC_PENDING: request->done runs
 * later. Fails, and does not keep it, with SC_EXHAUSTED when too much waits already, or with
 * SC_FAILED_PRECONDITION after sc_redis_client_close. */
sc_code sc_redis_send(sc_redis_client *client, sc_redis_request *request,
                      sc_error *err) SC_MUST_CHECK;

/* Takes no new requests, waits up to `linger_ms` for the answers to those it has, fails the rest,
 * frees. Links must be closed before. `on_closed` runs later, on the loop. */
void sc_redis_client_close(sc_redis_client *client, uint64_t linger_ms,
                           void (*on_closed)(void *self), void *self);

/* ---- links ---- */

/* A connection of its own to the node that holds `key`, for commands that block. It follows the
 * topology and reconnects by itself. */
typedef struct sc_redis_link sc_redis_link;

typedef struct sc_redis_link_ops {
    void (*on_ready)(void *self); /* once, and again after each loss */
    void (*on_lost)(void *self, const sc_error *why);
} sc_redis_link_ops;

/* `key` is borrowed until closed. */
sc_redis_link *sc_redis_link_open(sc_redis_client *client, sc_str key, const sc_redis_link_ops *ops,
                                  void *self);
/* Sends at once. Returns SC_PENDING, or SC_UNAVAILABLE when the link is not ready. A lost
 * connection fails the request; nothing is sent again. */
sc_code sc_redis_link_send(sc_redis_link *link, sc_redis_request *request,
                           sc_error *err) SC_MUST_CHECK;
bool sc_redis_link_is_ready(const sc_redis_link *link);
/* The server's number for this connection (CLIENT ID), 0 when it did not tell. */
int64_t sc_redis_link_client_id(const sc_redis_link *link);
/* Closes at once; requests that wait for an answer are dropped without done. */
void sc_redis_link_close(sc_redis_link *link);

#endif
