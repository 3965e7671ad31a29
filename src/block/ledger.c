/* SPDX-License-Identifier: MIT
 *
 * A ring of bytes. Entries are as long as their texts and stand one behind the other, never across
 * the end; each knows where the one before it begins.
 */
#include "block/ledger.h"

#include <stdlib.h>

#include "core/clock.h"
#include "wire/json.h"

#define ID_MAX     48u
#define NAME_MAX_  40u
#define REASON_MAX 96u

typedef struct ledger_entry {
    int64_t wall_ms;
    uint32_t before; /* where the entry written before this one begins, while it is there */
    uint32_t attempt;
    uint16_t size; /* of the whole entry */
    uint16_t status;
    uint8_t step;
    uint8_t id_len;
    uint8_t pubsub_len;
    uint8_t topic_len;
    uint8_t reason_len;
    char texts[]; /* id, pubsub, topic, reason */
} ledger_entry;

#define ALIGN _Alignof(ledger_entry)

struct sc_ledger {
    char *ring; /* NULL until the first write */
    uint32_t size;
    uint32_t oldest;
    uint32_t newest;
    uint32_t next; /* behind the newest */
    uint32_t end;  /* behind the last entry before the ring began anew */
    uint32_t count;
};

static const char *const step_names[] = {
    [SC_LEDGER_PUBLISHED] = "published", [SC_LEDGER_PUBLISH_FAILED] = "publish-failed",
    [SC_LEDGER_DELIVERED] = "delivered", [SC_LEDGER_RETRYING] = "retrying",
    [SC_LEDGER_DROPPED] = "dropped",     [SC_LEDGER_DEAD_LETTERED] = "dead-lettered",
    [SC_LEDGER_EXPIRED] = "expired",     [SC_LEDGER_UNROUTED] = "unrouted",
    [SC_LEDGER_RELEASED] = "released",
};

sc_ledger *sc_ledger_new(uint32_t size)
{
    sc_ledger *ledger = sc_new(sc_ledger);

    ledger->size = ledger->end = size < SC_LEDGER_MIN ? SC_LEDGER_MIN : size;
    return ledger;
}

void sc_ledger_free(sc_ledger *ledger)
{
    if (!ledger)
        return;
    free(ledger->ring);
    free(ledger);
}

static ledger_entry *entry_at(const sc_ledger *ledger, uint32_t at)
{
    return (ledger_entry *)(void *)(ledger->ring + at);
}

static void drop_oldest(sc_ledger *ledger)
{
    ledger->oldest += entry_at(ledger, ledger->oldest)->size;
    if (ledger->oldest == ledger->end)
        ledger->oldest = 0;
    ledger->count--;
}

/* A place for `size` bytes, whose entries have gone. */
static uint32_t make_room(sc_ledger *ledger, uint32_t size)
{
    uint32_t at = ledger->next;

    if (at + size > ledger->size) {
        while (ledger->count > 0 && ledger->oldest >= at)
            drop_oldest(ledger);
        ledger->end = at;
        at = 0;
    }
    while (ledger->count > 0 && ledger->oldest >= at && ledger->oldest < at + size)
        drop_oldest(ledger);
    if (ledger->count == 0)
        ledger->oldest = at;
    return at;
}

static uint8_t cut(sc_str text, size_t max)
{
    return (uint8_t)(text.len < max ? text.len : max);
}

static char *keep(char *to, sc_str text, uint8_t len)
{
    if (len > 0)
        memcpy(to, text.at, len);
    return to + len;
}

void sc_ledger_write(sc_ledger *ledger, const sc_ledger_note *note)
{
    ledger_entry head = {.wall_ms = sc_clock_wall_ms(),
                         .before = ledger->newest,
                         .attempt = note->attempt,
                         .status = (uint16_t)note->status,
                         .step = (uint8_t)note->step,
                         .id_len = cut(note->id, ID_MAX),
                         .pubsub_len = cut(note->pubsub, NAME_MAX_),
                         .topic_len = cut(note->topic, NAME_MAX_),
                         .reason_len = cut(note->reason, REASON_MAX)};
    size_t size = sizeof(head) + head.id_len + head.pubsub_len + head.topic_len + head.reason_len;
    ledger_entry *entry;
    char *to;

    if (!ledger->ring)
        ledger->ring = sc_alloc_zero(ledger->size);
    head.size = (uint16_t)((size + ALIGN - 1) / ALIGN * ALIGN);
    ledger->newest = make_room(ledger, head.size);
    ledger->next = ledger->newest + head.size;
    ledger->count++;
    entry = entry_at(ledger, ledger->newest);
    *entry = head;
    to = keep(entry->texts, note->id, head.id_len);
    to = keep(to, note->pubsub, head.pubsub_len);
    to = keep(to, note->topic, head.topic_len);
    (void)keep(to, note->reason, head.reason_len);
}

static sc_str id_of(const ledger_entry *entry)
{
    return sc_str_of(entry->texts, entry->id_len);
}

static sc_str pubsub_of(const ledger_entry *entry)
{
    return sc_str_of(entry->texts + entry->id_len, entry->pubsub_len);
}

static sc_str topic_of(const ledger_entry *entry)
{
    return sc_str_of(entry->texts + entry->id_len + entry->pubsub_len, entry->topic_len);
}

static sc_str reason_of(const ledger_entry *entry)
{
    return sc_str_of(entry->texts + entry->id_len + entry->pubsub_len + entry->topic_len,
                     entry->reason_len);
}

static bool is_wanted(const ledger_entry *entry, const sc_ledger_query *query)
{
    sc_str id = sc_str_sub(query->id, 0, ID_MAX);
    sc_str topic = sc_str_sub(query->topic, 0, NAME_MAX_);

    return (id.len == 0 || sc_str_eq(id, id_of(entry))) &&
           (topic.len == 0 || sc_str_eq(topic, topic_of(entry)));
}

static void add_member(sc_buf *out, const char *name, sc_str text)
{
    sc_buf_add_fmt(out, ",\"%s\":", name);
    sc_json_add_string(out, text);
}

static void add_entry(sc_buf *out, const ledger_entry *entry)
{
    char time[SC_CLOCK_TEXT_MAX];

    sc_buf_add_fmt(out, "{\"time\":\"%.*s\"", SC_FMT(sc_clock_format_ms(entry->wall_ms, time)));
    sc_buf_add_fmt(out, ",\"step\":\"%s\"", step_names[entry->step]);
    add_member(out, "id", id_of(entry));
    add_member(out, "pubsub", pubsub_of(entry));
    add_member(out, "topic", topic_of(entry));
    if (entry->reason_len > 0)
        add_member(out, "reason", reason_of(entry));
    if (entry->attempt > 0)
        sc_buf_add_fmt(out, ",\"attempt\":%u", entry->attempt);
    if (entry->status > 0)
        sc_buf_add_fmt(out, ",\"status\":%u", entry->status);
    sc_buf_add_byte(out, '}');
}

void sc_ledger_read(const sc_ledger *ledger, const sc_ledger_query *query, sc_buf *out)
{
    uint32_t shown = 0;
    uint32_t at = ledger->newest;

    sc_buf_add_str(out, SC_STR("{\"messages\":["));
    for (uint32_t i = 0; i < ledger->count && shown < query->limit; i++) {
        const ledger_entry *entry = entry_at(ledger, at);

        at = entry->before;
        if (!is_wanted(entry, query))
            continue;
        if (shown++ > 0)
            sc_buf_add_byte(out, ',');
        add_entry(out, entry);
    }
    sc_buf_add_str(out, SC_STR("]}"));
}
