/* SPDX-License-Identifier: MIT
 *
 * Tables of the embedded broker. A message is written once; a group has one position per topic, and
 * a row in `deliveries` for each message up to there that it has not finished: handed out under a
 * lease, or waiting for its time.
 */
#include "components/pubsub/sqlite_store.h"

#include <stdlib.h>

#include "components/shared/sqlite_db.h"

#define TRIM_MAX 1000

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS messages ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,"
    " content_type TEXT NOT NULL, metadata TEXT NOT NULL, published_ms INTEGER NOT NULL,"
    " visible_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS messages_by_topic ON messages (topic, seq);"
    "CREATE TABLE IF NOT EXISTS groups ("
    " id INTEGER PRIMARY KEY, topic TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,"
    " UNIQUE (topic, name));"
    "CREATE TABLE IF NOT EXISTS deliveries ("
    " group_id INTEGER NOT NULL, seq INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " not_before_ms INTEGER NOT NULL, owner TEXT NOT NULL,"
    " PRIMARY KEY (group_id, seq)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (group_id, not_before_ms);";

/* STATEMENT(name, SQL) */
#define STATEMENTS                                                                                 \
    STATEMENT(PUT, "INSERT INTO messages (topic, payload, content_type, metadata, published_ms,"   \
                   " visible_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                 \
    STATEMENT(FIND_GROUP, "SELECT id FROM groups WHERE topic = ?1 AND name = ?2")                  \
    STATEMENT(ADD_GROUP, "INSERT INTO groups (topic, name, position) VALUES (?1, ?2, CASE WHEN ?3" \
                         " THEN (SELECT coalesce(max(seq), 0) FROM messages WHERE topic = ?1)"     \
                         " ELSE 0 END)")                                                           \
    STATEMENT(HAS_WORK,                                                                            \
              "SELECT EXISTS (SELECT 1 FROM deliveries WHERE group_id = ?1 AND"                    \
              " not_before_ms <= ?2) OR EXISTS (SELECT 1 FROM groups g JOIN messages m ON"         \
              " m.topic = g.topic AND m.seq > g.position WHERE g.id = ?1)")                        \
    STATEMENT(DUE, "SELECT m.seq, m.topic, m.payload, m.content_type, m.metadata, m.visible_ms,"   \
                   " m.expires_ms, d.attempt FROM deliveries d JOIN messages m ON m.seq = d.seq"   \
                   " WHERE d.group_id = ?1 AND d.not_before_ms <= ?2 ORDER BY d.seq LIMIT ?3")     \
    STATEMENT(LEASE, "UPDATE deliveries SET attempt = attempt + 1, not_before_ms = ?3, owner = ?4" \
                     " WHERE group_id = ?1 AND seq = ?2")                                          \
    STATEMENT(NEW, "SELECT m.seq, m.topic, m.payload, m.content_type, m.metadata, m.visible_ms,"   \
                   " m.expires_ms, 0 FROM groups g JOIN messages m ON m.topic = g.topic AND"       \
                   " m.seq > g.position WHERE g.id = ?1 ORDER BY m.seq LIMIT ?2")                  \
    STATEMENT(HAND_OUT, "INSERT INTO deliveries (group_id, seq, attempt, not_before_ms, owner)"    \
                        " VALUES (?1, ?2, ?3, ?4, ?5)")                                            \
    STATEMENT(MOVE, "UPDATE groups SET position = ?2 WHERE id = ?1")                               \
    STATEMENT(ACK, "DELETE FROM deliveries WHERE group_id = ?1 AND seq = ?2")                      \
    STATEMENT(RELEASE, "UPDATE deliveries SET not_before_ms = ?3, owner = '' WHERE group_id = ?1"  \
                       " AND seq = ?2")                                                            \
    STATEMENT(RENEW, "UPDATE deliveries SET not_before_ms = ?1 WHERE owner = ?2")                  \
    STATEMENT(TOPIC_AFTER, "SELECT min(topic) FROM messages WHERE topic > ?1")                     \
    STATEMENT(DROP_OLD,                                                                            \
              "DELETE FROM messages WHERE seq IN (SELECT seq FROM (SELECT seq, published_ms,"      \
              " expires_ms FROM messages WHERE topic = ?1 AND seq < (SELECT coalesce(min(min("     \
              "g.position + 1, coalesce((SELECT min(d.seq) FROM deliveries d WHERE d.group_id ="   \
              " g.id), g.position + 1))), 9223372036854775807) FROM groups g WHERE g.topic = ?1)"  \
              " ORDER BY seq LIMIT ?5) WHERE (?2 > 0 AND published_ms < ?2) OR (expires_ms > 0"    \
              " AND expires_ms < ?4) OR (?3 > 0 AND seq <= (SELECT n.seq FROM messages n WHERE"    \
              " n.topic = ?1 ORDER BY n.seq DESC LIMIT 1 OFFSET ?3)))")                            \
    STATEMENT(DROP_LOST, "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE"       \
                         " published_ms < ?1 ORDER BY seq LIMIT ?2)")                              \
    STATEMENT(DROP_ORPHANS, "DELETE FROM deliveries WHERE seq NOT IN (SELECT seq FROM messages)")

enum {
#define STATEMENT(name, sql) SQL_##name,
    STATEMENTS
#undef STATEMENT
        SQL_COUNT
};

static const char *const sql_texts[] = {
#define STATEMENT(name, sql) sql,
    STATEMENTS
#undef STATEMENT
};

struct sc_sqlite_store {
    sc_sqlite_db db;
    sqlite3_stmt *statements[SQL_COUNT];
    sc_sqlite_store_settings settings;
    sc_arena mem;
};

static sqlite3_stmt *statement(sc_sqlite_store *store, int which)
{
    sqlite3_stmt *at = store->statements[which];

    (void)sqlite3_reset(at);
    return at;
}

/* ---- life ---- */

static sc_code set_up(sc_sqlite_store *store, sc_error *err)
{
    sc_sqlite_db *db = &store->db;

    if (sc_sqlite_run(db, "PRAGMA journal_mode = WAL", err) != SC_OK ||
        sc_sqlite_run(db, "PRAGMA synchronous = NORMAL", err) != SC_OK ||
        sc_sqlite_run(db, "PRAGMA temp_store = MEMORY", err) != SC_OK ||
        sc_sqlite_run(db, SC_SQLITE_CACHE, err) != SC_OK ||
        sc_sqlite_run(db, "PRAGMA wal_autocheckpoint = 4000", err) != SC_OK ||
        sc_sqlite_run(db, "BEGIN IMMEDIATE", err) != SC_OK ||
        sc_sqlite_run(db, schema, err) != SC_OK || sc_sqlite_run(db, "COMMIT", err) != SC_OK ||
        sc_sqlite_prepare(db, sql_texts, SQL_COUNT, store->statements, err) != SC_OK)
        return sc_error_context(err, "cannot open '%.*s'", SC_FMT(store->settings.file));
    return SC_OK;
}

static sc_code open_file(sc_sqlite_store *store, sc_error *err)
{
    if (sc_sqlite_open(&store->db, store->settings.file.at, store->settings.busy_ms, err) != SC_OK)
        return err->code;
    return set_up(store, err);
}

sc_code sc_sqlite_store_open(const sc_sqlite_store_settings *settings, sc_sqlite_store **out,
                             sc_error *err)
{
    sc_sqlite_store *store = sc_new(sc_sqlite_store);

    sc_arena_init(&store->mem, NULL);
    store->settings = *settings;
    store->settings.file = sc_arena_str(&store->mem, settings->file);
    store->settings.owner = sc_arena_str(&store->mem, settings->owner);
    if (open_file(store, err) == SC_OK) {
        *out = store;
        return SC_OK;
    }
    sc_sqlite_store_close(store);
    return err->code;
}

static void close_file(sc_sqlite_store *store)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    sc_sqlite_close(&store->db);
}

void sc_sqlite_store_close(sc_sqlite_store *store)
{
    close_file(store);
    sc_arena_deinit(&store->mem);
    free(store);
}

sc_code sc_sqlite_store_follow(sc_sqlite_store *store, bool *is_new, sc_error *err)
{
    *is_new = false;
    if (store->db.handle && !sc_sqlite_is_replaced(&store->db))
        return SC_OK;
    close_file(store);
    if (open_file(store, err) != SC_OK) {
        close_file(store); /* tried again with the next batch */
        return err->code;
    }
    *is_new = true;
    return SC_OK;
}

sc_str sc_sqlite_store_path(const sc_sqlite_store *store)
{
    return sc_str_from(sqlite3_db_filename(store->db.handle, "main"));
}

/* ---- transactions ---- */

sc_code sc_sqlite_store_begin(sc_sqlite_store *store, sc_error *err)
{
    return sc_sqlite_run(&store->db, "BEGIN IMMEDIATE", err);
}

sc_code sc_sqlite_store_commit(sc_sqlite_store *store, sc_error *err)
{
    return sc_sqlite_run(&store->db, "COMMIT", err);
}

void sc_sqlite_store_rollback(sc_sqlite_store *store)
{
    sc_sqlite_rollback(&store->db);
}

/* ---- messages ---- */

sc_code sc_sqlite_store_put(sc_sqlite_store *store, const sc_sqlite_message *message,
                            int64_t now_ms, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_PUT);

    sc_sqlite_bind_text(at, 1, message->topic);
    (void)sqlite3_bind_blob64(at, 2, message->payload.len ? message->payload.at : "",
                              message->payload.len, SQLITE_STATIC);
    sc_sqlite_bind_text(at, 3, message->content_type);
    sc_sqlite_bind_text(at, 4, message->metadata);
    (void)sqlite3_bind_int64(at, 5, now_ms);
    (void)sqlite3_bind_int64(at, 6, message->visible_ms);
    (void)sqlite3_bind_int64(at, 7, message->expires_ms);
    return sc_sqlite_finish(&store->db, at, "publish", err);
}

sc_code sc_sqlite_store_group(sc_sqlite_store *store, sc_str topic, sc_str name, bool from_newest,
                              int64_t *group, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_FIND_GROUP);

    sc_sqlite_bind_text(at, 1, topic);
    sc_sqlite_bind_text(at, 2, name);
    if (sqlite3_step(at) == SQLITE_ROW) {
        *group = sqlite3_column_int64(at, 0);
        (void)sqlite3_reset(at);
        return SC_OK;
    }
    at = statement(store, SQL_ADD_GROUP);
    sc_sqlite_bind_text(at, 1, topic);
    sc_sqlite_bind_text(at, 2, name);
    (void)sqlite3_bind_int(at, 3, from_newest);
    if (sc_sqlite_finish(&store->db, at, "create consumer group", err) != SC_OK)
        return err->code;
    *group = sqlite3_last_insert_rowid(store->db.handle);
    return SC_OK;
}

sc_code sc_sqlite_store_has_work(sc_sqlite_store *store, int64_t group, int64_t now_ms, bool *has,
                                 sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_HAS_WORK);

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, now_ms);
    if (sqlite3_step(at) != SQLITE_ROW)
        return sc_sqlite_fail(&store->db, "look for messages", err);
    *has = sqlite3_column_int(at, 0) != 0;
    (void)sqlite3_reset(at);
    return SC_OK;
}

static sc_sqlite_message read_row(sqlite3_stmt *at)
{
    return (sc_sqlite_message){.seq = sqlite3_column_int64(at, 0),
                               .topic = sc_sqlite_column(at, 1),
                               .payload = sc_sqlite_column(at, 2),
                               .content_type = sc_sqlite_column(at, 3),
                               .metadata = sc_sqlite_column(at, 4),
                               .visible_ms = sqlite3_column_int64(at, 5),
                               .expires_ms = sqlite3_column_int64(at, 6),
                               .attempt = sqlite3_column_int64(at, 7)};
}

static sc_code add_delivery(sc_sqlite_store *store, int64_t group, int64_t seq, int64_t attempt,
                            int64_t not_before_ms, sc_str owner, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_HAND_OUT);

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, seq);
    (void)sqlite3_bind_int64(at, 3, attempt);
    (void)sqlite3_bind_int64(at, 4, not_before_ms);
    sc_sqlite_bind_text(at, 5, owner);
    return sc_sqlite_finish(&store->db, at, "hand out", err);
}

static sc_code lease_again(sc_sqlite_store *store, int64_t group, int64_t seq, int64_t now_ms,
                           sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_LEASE);

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, seq);
    (void)sqlite3_bind_int64(at, 3, now_ms + store->settings.lease_ms);
    sc_sqlite_bind_text(at, 4, store->settings.owner);
    return sc_sqlite_finish(&store->db, at, "lease", err);
}

typedef struct taker {
    void (*take)(void *self, const sc_sqlite_message *message);
    void *self;
    uint32_t left;
} taker;

static sc_code fetch_due(sc_sqlite_store *store, int64_t group, int64_t now_ms, taker *to,
                         sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_DUE);
    int rc;

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, now_ms);
    (void)sqlite3_bind_int64(at, 3, to->left);
    while (to->left > 0 && (rc = sqlite3_step(at)) == SQLITE_ROW) {
        sc_sqlite_message message = read_row(at);
        bool is_expired = message.expires_ms > 0 && message.expires_ms <= now_ms;

        if ((is_expired ? sc_sqlite_store_ack(store, group, message.seq, err)
                        : lease_again(store, group, message.seq, now_ms, err)) != SC_OK)
            return err->code;
        if (is_expired)
            continue;
        message.attempt++;
        to->take(to->self, &message);
        to->left--;
    }
    (void)sqlite3_reset(at);
    return to->left > 0 && rc != SQLITE_DONE ? sc_sqlite_fail(&store->db, "fetch", err) : SC_OK;
}

static sc_code fetch_new(sc_sqlite_store *store, int64_t group, int64_t now_ms, taker *to,
                         int64_t *position, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_NEW);
    int rc = SQLITE_DONE;

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, to->left);
    while (to->left > 0 && (rc = sqlite3_step(at)) == SQLITE_ROW) {
        sc_sqlite_message message = read_row(at);
        bool waits = message.visible_ms > now_ms;

        *position = message.seq;
        to->left--;
        if (message.expires_ms > 0 && message.expires_ms <= now_ms)
            continue;
        if (add_delivery(store, group, message.seq, waits ? 0 : 1,
                         waits ? message.visible_ms : now_ms + store->settings.lease_ms,
                         waits ? SC_STR_NONE : store->settings.owner, err) != SC_OK)
            return err->code;
        message.attempt = 1;
        if (!waits)
            to->take(to->self, &message);
    }
    (void)sqlite3_reset(at);
    return to->left > 0 && rc != SQLITE_DONE ? sc_sqlite_fail(&store->db, "fetch", err) : SC_OK;
}

sc_code sc_sqlite_store_fetch(sc_sqlite_store *store, int64_t group, uint32_t max, int64_t now_ms,
                              void (*take)(void *self, const sc_sqlite_message *message),
                              void *self, sc_error *err)
{
    taker to = {.take = take, .self = self, .left = max};
    int64_t position = 0;
    sqlite3_stmt *at;

    if (fetch_due(store, group, now_ms, &to, err) != SC_OK ||
        fetch_new(store, group, now_ms, &to, &position, err) != SC_OK)
        return err->code;
    if (position == 0)
        return SC_OK;
    at = statement(store, SQL_MOVE);
    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, position);
    return sc_sqlite_finish(&store->db, at, "move the group's position", err);
}

sc_code sc_sqlite_store_ack(sc_sqlite_store *store, int64_t group, int64_t seq, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_ACK);

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, seq);
    return sc_sqlite_finish(&store->db, at, "acknowledge", err);
}

sc_code sc_sqlite_store_release(sc_sqlite_store *store, int64_t group, int64_t seq,
                                int64_t not_before_ms, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_RELEASE);

    (void)sqlite3_bind_int64(at, 1, group);
    (void)sqlite3_bind_int64(at, 2, seq);
    (void)sqlite3_bind_int64(at, 3, not_before_ms);
    return sc_sqlite_finish(&store->db, at, "release", err);
}

sc_code sc_sqlite_store_renew(sc_sqlite_store *store, int64_t now_ms, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_RENEW);

    (void)sqlite3_bind_int64(at, 1, now_ms + store->settings.lease_ms);
    sc_sqlite_bind_text(at, 2, store->settings.owner);
    return sc_sqlite_finish(&store->db, at, "renew leases", err);
}

static sc_code trim_topic(sc_sqlite_store *store, sc_str topic,
                          const sc_sqlite_retention *retention, int64_t now_ms, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_DROP_OLD);

    sc_sqlite_bind_text(at, 1, topic);
    (void)sqlite3_bind_int64(at, 2, retention->max_age_ms > 0 ? now_ms - retention->max_age_ms : 0);
    (void)sqlite3_bind_int64(at, 3, retention->max_count);
    (void)sqlite3_bind_int64(at, 4, now_ms);
    (void)sqlite3_bind_int64(at, 5, TRIM_MAX);
    return sc_sqlite_finish(&store->db, at, "trim", err);
}

/* The topic that follows `topic`; false at the end. */
static bool topic_after(sc_sqlite_store *store, sc_str topic, sc_arena *mem, sc_str *next)
{
    sqlite3_stmt *at = statement(store, SQL_TOPIC_AFTER);

    sc_sqlite_bind_text(at, 1, topic);
    *next = SC_STR_NONE;
    if (sqlite3_step(at) == SQLITE_ROW)
        *next = sc_arena_str(mem, sc_sqlite_column(at, 0));
    (void)sqlite3_reset(at);
    return next->len > 0;
}

static sc_code drop_lost(sc_sqlite_store *store, int64_t before_ms, int64_t *lost, sc_error *err)
{
    sqlite3_stmt *at = statement(store, SQL_DROP_LOST);

    (void)sqlite3_bind_int64(at, 1, before_ms);
    (void)sqlite3_bind_int64(at, 2, TRIM_MAX);
    if (sc_sqlite_finish(&store->db, at, "trim", err) != SC_OK)
        return err->code;
    *lost = sqlite3_changes(store->db.handle);
    return *lost ? sc_sqlite_finish(&store->db, statement(store, SQL_DROP_ORPHANS), "trim", err)
                 : SC_OK;
}

sc_code sc_sqlite_store_trim(sc_sqlite_store *store, const sc_sqlite_retention *retention,
                             int64_t now_ms, int64_t *lost, sc_error *err)
{
    sc_str topic = SC_STR_NONE;
    sc_code code = SC_OK;
    sc_arena mem;

    *lost = 0;
    sc_arena_init(&mem, NULL);
    while (code == SC_OK && topic_after(store, topic, &mem, &topic))
        code = trim_topic(store, topic, retention, now_ms, err);
    sc_arena_deinit(&mem);
    if (code == SC_OK && retention->hard_max_age_ms > 0)
        code = drop_lost(store, now_ms - retention->hard_max_age_ms, lost, err);
    return code;
}
