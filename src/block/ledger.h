/* SPDX-License-Identifier: MIT
 *
 * The message ledger: what happened to each recent message, in bounded memory, so that "why did (or
 * didn't) it arrive" has an answer. A ring: the oldest entries make room for the newest. Its memory
 * is taken when the first entry is written. Loop thread only.
 */
#ifndef SC_BLOCK_LEDGER_H
#define SC_BLOCK_LEDGER_H

#include "core/buf.h"

typedef enum sc_ledger_step {
    SC_LEDGER_PUBLISHED,
    SC_LEDGER_PUBLISH_FAILED,
    SC_LEDGER_DELIVERED,
    SC_LEDGER_RETRYING,
    SC_LEDGER_DROPPED,
    SC_LEDGER_DEAD_LETTERED,
    SC_LEDGER_EXPIRED,
    SC_LEDGER_UNROUTED,
    SC_LEDGER_RELEASED, /* attempts used up, no dead-letter topic: stays with the broker */
} sc_ledger_step;

typedef struct sc_ledger sc_ledger;

typedef struct sc_ledger_note {
    sc_ledger_step step;
    sc_str id; /* CloudEvent id; else the broker's */
    sc_str pubsub;
    sc_str topic;
    sc_str reason; /* why, in a few words; may be empty */
    uint32_t attempt;
    int status; /* the application's last HTTP status; 0: none */
} sc_ledger_note;

#define SC_LEDGER_MIN 1024u

/* Of `size` bytes, SC_LEDGER_MIN at least; an entry takes some 80 of them, and long texts are cut
 * so that none takes more than 256. */
sc_ledger *sc_ledger_new(uint32_t size);
void sc_ledger_free(sc_ledger *ledger);
void sc_ledger_write(sc_ledger *ledger, const sc_ledger_note *note);

typedef struct sc_ledger_query {
    sc_str id;    /* empty: any */
    sc_str topic; /* empty: any */
    uint32_t limit;
} sc_ledger_query;
/* Appends {"messages":[{"time","id","pubsub","topic","step","reason","attempt","status"}...]},
 * newest first. */
void sc_ledger_read(const sc_ledger *ledger, const sc_ledger_query *query, sc_buf *out);

#endif
