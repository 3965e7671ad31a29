/* links: components */
/* SPDX-License-Identifier: MIT
 *
 * What a Redis server may send (RESP2 and RESP3), in two pieces of any size: every reply that comes
 * out is whole, and what is read from replies (stream IDs, redirects, slot ranges, errors) does no
 * harm. The first byte says where the bytes are cut.
 */
#include <stdlib.h>

#include "components/shared/redis_client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t sum; /* what was read is used: a byte too far is found */

static void read_text(const sc_redis_reply *reply)
{
    static const redis_address from = {.host = "127.0.0.1", .port = 6379};
    redis_address to;
    uint16_t slot;
    uint64_t ms;
    uint64_t seq;

    for (size_t i = 0; i < reply->text.len; i++)
        sum += (unsigned char)reply->text.at[i];
    if (reply->text.at[reply->text.len] != '\0')
        abort();
    sum += sc_redis_parse_id(reply->text, &ms, &seq);
    if (reply->kind != SC_REDIS_ERROR)
        return;
    sum += (size_t)redis_error_code(reply->text);
    sum += redis_parse_redirect(reply->text, &from, &slot, &to);
    sum += sc_redis_is_error(reply, SC_STR("MOVED"));
}

static void read_slots(const sc_redis_reply *reply)
{
    static const redis_address from = {.host = "127.0.0.1", .port = 6379};
    redis_slot_range range;
    sc_error err;

    for (size_t i = 0; redis_slots_range(reply, i, &from, &range, &err) == SC_OK; i++) {
        if (range.first > range.last || range.last >= REDIS_SLOTS)
            abort();
    }
}

static void read_reply(const sc_redis_reply *reply)
{
    switch (reply->kind) {
    case SC_REDIS_NIL:
        break;
    case SC_REDIS_NUMBER:
        sum += (size_t)reply->number;
        break;
    case SC_REDIS_TEXT:
    case SC_REDIS_ERROR:
        read_text(reply);
        break;
    case SC_REDIS_ARRAY:
        read_slots(reply);
        for (size_t i = 0; i < reply->count; i++)
            read_reply(reply->items[i]);
        if (sc_redis_item(reply, reply->count))
            abort();
        break;
    default:
        abort();
    }
}

static bool feed(redis_reader *reader, const char *at, size_t len)
{
    const sc_redis_reply *reply;
    sc_error err;
    sc_code code = redis_reader_feed(reader, at, len, &err);

    while (code == SC_OK && (code = redis_reader_next(reader, &reply, &err)) == SC_OK)
        read_reply(reply);
    return code == SC_PENDING;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *at = (const char *)data + 1;
    redis_reader *reader;
    size_t cut;

    if (len == 0)
        return 0;
    cut = data[0] < len - 1 ? data[0] : len - 1;
    reader = redis_reader_new(NULL);
    if (feed(reader, at, cut))
        (void)feed(reader, at + cut, len - 1 - cut);
    redis_reader_free(reader);
    return 0;
}
