/* SPDX-License-Identifier: MIT
 *
 * Replies: hiredis takes the bytes apart, our own constructors put the parts into one arena per
 * reply, which the next reply reuses. The only file that sees hiredis.
 *
 * A server is a peer: the depth, the number of elements and the bytes of a reply are bounded.
 */
#include "components/shared/redis_client_internal.h"

#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <stdlib.h>

/* Redis itself refuses bulk strings above 512 MiB (proto-max-bulk-len). */
#define REPLY_BYTES_MAX    ((size_t)1 << 30)
#define UNREAD_BYTES_MAX   (((size_t)512 << 20) + 65536)
#define REPLY_ELEMENTS_MAX ((size_t)4 << 20)
#define UNUSED_MAX         ((size_t)16 << 10) /* kept while nothing comes */

#if defined(HIREDIS_MAJOR) && HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

struct redis_reader {
    redisReader *hiredis;
    sc_arena mem;
    size_t bytes; /* of the reply that is being read */
    size_t elements;
};

static void *create_text(const redisReadTask *task, char *at, size_t len);
static void *create_array(const redisReadTask *task, element_count count);
static void *create_number(const redisReadTask *task, long long number);
static void *create_nil(const redisReadTask *task);
static void free_nothing(void *object);

static redisReplyObjectFunctions constructors = {
    .createString = create_text,
    .createArray = create_array,
    .createInteger = create_number,
    .createNil = create_nil,
    .freeObject = free_nothing,
};

static void open_hiredis(redis_reader *reader)
{
    reader->hiredis = redisReaderCreateWithFunctions(&constructors);
    if (!reader->hiredis)
        sc_out_of_memory("redis reader");
    reader->hiredis->privdata = reader;
}

redis_reader *redis_reader_new(sc_arena_pool *pool)
{
    redis_reader *reader = sc_new(redis_reader);

    sc_arena_init(&reader->mem, pool);
    open_hiredis(reader);
    return reader;
}

void redis_reader_free(redis_reader *reader)
{
    if (!reader)
        return;
    redisReaderFree(reader->hiredis);
    sc_arena_deinit(&reader->mem);
    free(reader);
}

sc_code redis_reader_feed(redis_reader *reader, const char *at, size_t len, sc_error *err)
{
    if (reader->hiredis->len - reader->hiredis->pos + len > UNREAD_BYTES_MAX)
        return sc_fail(err, SC_EXHAUSTED, "redis sent a value of more than 512 MiB");
    if (redisReaderFeed(reader->hiredis, at, len) != REDIS_OK)
        return sc_fail(err, SC_UNAVAILABLE, "redis: %s", reader->hiredis->errstr);
    return SC_OK;
}

/* hiredis gives the room of a large value back with the next bytes, which may be hours away. */
static void rest(redis_reader *reader)
{
    const redisReader *hiredis = reader->hiredis;

    if (hiredis->ridx != -1 || hiredis->pos < hiredis->len || sdsavail(hiredis->buf) <= UNUSED_MAX)
        return;
    redisReaderFree(reader->hiredis);
    open_hiredis(reader);
}

sc_code redis_reader_next(redis_reader *reader, const sc_redis_reply **out, sc_error *err)
{
    void *reply = NULL;

    if (!reader->hiredis->reply && reader->hiredis->ridx == -1) {
        sc_arena_deinit(&reader->mem);
        reader->bytes = reader->elements = 0;
    }
    if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK) {
        if (reader->bytes > REPLY_BYTES_MAX || reader->elements > REPLY_ELEMENTS_MAX)
            return sc_fail(err, SC_EXHAUSTED,
                           "redis sent an answer of more than %zu bytes or %zu elements",
                           REPLY_BYTES_MAX, REPLY_ELEMENTS_MAX);
        return sc_fail(err, SC_UNAVAILABLE, "redis: %s", reader->hiredis->errstr);
    }
    if (!reply) {
        rest(reader);
        return SC_PENDING;
    }
    *out = reply;
    return SC_OK;
}

static redis_reader *reader_of(const redisReadTask *task)
{
    return task->privdata;
}

/* Memory for a part of the reply, counted against the bounds; NULL ends the connection. */
static void *take(redis_reader *reader, size_t size)
{
    if (size > REPLY_BYTES_MAX) {
        reader->bytes = SIZE_MAX;
        return NULL;
    }
    reader->bytes += size;
    if (reader->bytes > REPLY_BYTES_MAX)
        return NULL;
    return sc_arena_try(&reader->mem, size);
}

static sc_redis_reply *new_reply(const redisReadTask *task, sc_redis_kind kind)
{
    sc_redis_reply *reply = take(reader_of(task), sizeof(*reply));

    if (!reply)
        return NULL;
    *reply = (sc_redis_reply){.kind = kind};
    if (task->parent) {
        sc_redis_reply *parent = task->parent->obj;

        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *create_text(const redisReadTask *task, char *at, size_t len)
{
    sc_redis_reply *reply =
        new_reply(task, task->type == REDIS_REPLY_ERROR ? SC_REDIS_ERROR : SC_REDIS_TEXT);
    char *copy;

    if (!reply)
        return NULL;
    copy = take(reader_of(task), len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, at, len);
    copy[len] = '\0';
    reply->text = sc_str_of(copy, len);
    return reply;
}

static void *create_array(const redisReadTask *task, element_count count)
{
    redis_reader *reader = reader_of(task);
    size_t n = (size_t)count;
    sc_redis_reply *reply;

    if (n > REPLY_ELEMENTS_MAX) {
        reader->elements = SIZE_MAX;
        return NULL;
    }
    reader->elements += n;
    if (reader->elements > REPLY_ELEMENTS_MAX)
        return NULL;
    reply = new_reply(task, SC_REDIS_ARRAY);
    if (!reply)
        return NULL;
    reply->count = n;
    if (n) {
        reply->items = take(reader, n * sizeof(*reply->items));
        if (!reply->items)
            return NULL;
    }
    return reply;
}

static void *create_number(const redisReadTask *task, long long number)
{
    sc_redis_reply *reply = new_reply(task, SC_REDIS_NUMBER);

    if (reply)
        reply->number = number;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return new_reply(task, SC_REDIS_NIL);
}

static void free_nothing(void *object)
{
    (void)object; /* the arena goes as a whole */
}

const sc_redis_reply *sc_redis_item(const sc_redis_reply *reply, size_t at)
{
    if (!reply || reply->kind != SC_REDIS_ARRAY || at >= reply->count)
        return NULL;
    return reply->items[at];
}

sc_str sc_redis_text(const sc_redis_reply *reply)
{
    return reply && reply->kind == SC_REDIS_TEXT ? reply->text : SC_STR_NONE;
}

static bool starts_with_word(sc_str text, sc_str word)
{
    return sc_str_starts(text, word) && (text.len == word.len || text.at[word.len] == ' ');
}

bool sc_redis_is_error(const sc_redis_reply *reply, sc_str word)
{
    return reply && reply->kind == SC_REDIS_ERROR && starts_with_word(reply->text, word);
}

bool sc_redis_parse_id(sc_str text, uint64_t *ms, uint64_t *seq)
{
    sc_str rest = text;
    sc_str head = sc_str_cut(&rest, '-');
    uint64_t a;
    uint64_t b;

    if (!rest.at || !sc_str_to_u64(head, &a) || !sc_str_to_u64(rest, &b))
        return false;
    *ms = a;
    *seq = b;
    return true;
}

sc_code redis_error_code(sc_str text)
{
    static const struct {
        sc_str word;
        sc_code code;
    } table[] = {
        {SC_STR_INIT("NOAUTH"), SC_UNAUTHENTICATED},
        {SC_STR_INIT("WRONGPASS"), SC_UNAUTHENTICATED},
        {SC_STR_INIT("NOPERM"), SC_PERMISSION_DENIED},
        {SC_STR_INIT("WRONGTYPE"), SC_FAILED_PRECONDITION},
        {SC_STR_INIT("NOGROUP"), SC_NOT_FOUND},
        {SC_STR_INIT("BUSYGROUP"), SC_ALREADY_EXISTS},
        {SC_STR_INIT("OOM"), SC_EXHAUSTED},
        {SC_STR_INIT("LOADING"), SC_UNAVAILABLE},
        {SC_STR_INIT("READONLY"), SC_UNAVAILABLE},
        {SC_STR_INIT("CLUSTERDOWN"), SC_UNAVAILABLE},
        {SC_STR_INIT("MASTERDOWN"), SC_UNAVAILABLE},
        {SC_STR_INIT("TRYAGAIN"), SC_UNAVAILABLE},
        {SC_STR_INIT("MOVED"), SC_UNAVAILABLE},
        {SC_STR_INIT("ASK"), SC_UNAVAILABLE},
        {SC_STR_INIT("UNBLOCKED"), SC_UNAVAILABLE},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(table); i++)
        if (starts_with_word(text, table[i].word))
            return table[i].code;
    return SC_INTERNAL;
}
