/* SPDX-License-Identifier: MIT
 *
 * A ring of fixed entries: writing is a few copies and never allocates after the first time.
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
    uint32_t attempt;
    uint16_t status;
    uint8_t step;
    uint8_t id_len;
    uint8_t pubsub_len;
    uint8_t topic_len;
    uint8_t reason_len;
    char id[ID_MAX];
    char pubsub[NAME_MAX_];
    char topic[NAME_MAX_];
    char reason[REASON_MAX];
} ledger_entry;

struct sc_ledger {
    ledger_entry *ring; /* NULL until the first write */
    uint32_t max_entries;
    uint64_t written;
};

static const char *const step_names[] = {
    [SC_LEDGER_PUBLISHED] = "published", [SC_LEDGER_PUBLISH_FAILED] = "publish-failed",
    [SC_LEDGER_DELIVERED] = "delivered", [SC_LEDGER_RETRYING] = "retrying",
    [SC_LEDGER_DROPPED] = "dropped",     [SC_LEDGER_DEAD_LETTERED] = "dead-lettered",
    [SC_LEDGER_EXPIRED] = "expired",     [SC_LEDGER_UNROUTED] = "unrouted",
    [SC_LEDGER_RELEASED] = "released",
};

sc_ledger *sc_ledger_new(uint32_t max_entries)
{
    sc_ledger *ledger = sc_new(sc_ledger);

    ledger->max_entries = max_entries ? max_entries : 1;
    return ledger;
}

void sc_ledger_free(sc_ledger *ledger)
{
    if (!ledger)
        return;
    free(ledger->ring);
    free(ledger);
}

/* Copies what fits and returns its length. */
static uint8_t keep(char *to, size_t max, sc_str from)
{
    size_t len = from.len < max ? from.len : max;

    if (len > 0)
        memcpy(to, from.at, len);
    return (uint8_t)len;
}

void sc_ledger_write(sc_ledger *ledger, const sc_ledger_note *note)
{
    ledger_entry *entry;

    if (!ledger->ring)
        ledger->ring = sc_alloc_zero(ledger->max_entries * sizeof(ledger_entry));
    entry = &ledger->ring[ledger->written++ % ledger->max_entries];
    entry->wall_ms = sc_clock_wall_ms();
    entry->attempt = note->attempt;
    entry->status = (uint16_t)note->status;
    entry->step = (uint8_t)note->step;
    entry->id_len = keep(entry->id, ID_MAX, note->id);
    entry->pubsub_len = keep(entry->pubsub, NAME_MAX_, note->pubsub);
    entry->topic_len = keep(entry->topic, NAME_MAX_, note->topic);
    entry->reason_len = keep(entry->reason, REASON_MAX, note->reason);
}

static bool is_wanted(const ledger_entry *entry, const sc_ledger_query *query)
{
    sc_str id = sc_str_sub(query->id, 0, ID_MAX);
    sc_str topic = sc_str_sub(query->topic, 0, NAME_MAX_);

    return (id.len == 0 || sc_str_eq(id, sc_str_of(entry->id, entry->id_len))) &&
           (topic.len == 0 || sc_str_eq(topic, sc_str_of(entry->topic, entry->topic_len)));
}

static void add_member(sc_buf *out, const char *name, const char *at, size_t len)
{
    sc_buf_add_fmt(out, ",\"%s\":", name);
    sc_json_add_string(out, sc_str_of(at, len));
}

static void add_entry(sc_buf *out, const ledger_entry *entry)
{
    char time[SC_CLOCK_TEXT_MAX];

    sc_buf_add_fmt(out, "{\"time\":\"%.*s\"", SC_FMT(sc_clock_format_ms(entry->wall_ms, time)));
    sc_buf_add_fmt(out, ",\"step\":\"%s\"", step_names[entry->step]);
    add_member(out, "id", entry->id, entry->id_len);
    add_member(out, "pubsub", entry->pubsub, entry->pubsub_len);
    add_member(out, "topic", entry->topic, entry->topic_len);
    if (entry->reason_len > 0)
        add_member(out, "reason", entry->reason, entry->reason_len);
    if (entry->attempt > 0)
        sc_buf_add_fmt(out, ",\"attempt\":%u", entry->attempt);
    if (entry->status > 0)
        sc_buf_add_fmt(out, ",\"status\":%u", entry->status);
    sc_buf_add_byte(out, '}');
}

void sc_ledger_read(const sc_ledger *ledger, const sc_ledger_query *query, sc_buf *out)
{
    uint64_t kept = ledger->written < ledger->max_entries ? ledger->written : ledger->max_entries;
    uint32_t shown = 0;

    sc_buf_add_str(out, SC_STR("{\"messages\":["));
    for (uint64_t back = 1; back <= kept && shown < query->limit; back++) {
        const ledger_entry *entry = &ledger->ring[(ledger->written - back) % ledger->max_entries];

        if (!is_wanted(entry, query))
            continue;
        if (shown++ > 0)
            sc_buf_add_byte(out, ',');
        add_entry(out, entry);
    }
    sc_buf_add_str(out, SC_STR("]}"));
}
