/* SPDX-License-Identifier: MIT
 *
 * Credit: how many messages the subscriptions of a sidecar hold, all together, and how many bytes.
 *
 * A subscription takes credit before it fetches and gives it back as messages are settled. Each has
 * a small part of its own, which lets it wait for messages without keeping anybody from anything;
 * above that all draw on one pool, of which each may have as much as it leaves free. So a few busy
 * ones have all of it, many have equal parts, and nobody divides it up. One message is always
 * granted to who has none: nothing starves.
 *
 * Bytes are those of payloads. A broker is asked for a number of messages, so what is granted is
 * reckoned with the size of the largest lately seen. Loop thread only.
 */
#ifndef SC_COMPONENT_CREDIT_H
#define SC_COMPONENT_CREDIT_H

#include "core/list.h"
#include "io/loop.h"

#define SC_CREDIT_MESSAGES 1000u
#define SC_CREDIT_BYTES    ((size_t)32 << 20)

typedef struct sc_credit {
    sc_loop *loop;
    uint32_t max_messages; /* three quarters are the pool, the rest the parts of all */
    size_t max_bytes;
    uint32_t taken; /* of the pool */
    size_t bytes;
    uint32_t takers;
    sc_list waiting; /* takers that were not given all they wanted, the longest waiting first */
    sc_turn_hook offer;
} sc_credit;

/* One subscription's end. Zeroed: granted whatever it wants. */
typedef struct sc_credit_taker {
    sc_credit *of;
    sc_list wait;   /* in of->waiting */
    uint32_t open;  /* taken, and not there yet */
    uint32_t held;  /* there, and not settled */
    uint32_t drawn; /* so many of both are of the pool */
    size_t bytes;   /* of those held */
    size_t likely;  /* bytes of a message, as far as known */
    /* The component's, may be NULL: more may be had than there was before. It takes later. */
    void (*on_more)(struct sc_credit_taker *taker);
    /* The block's, may be NULL: nothing more comes before something that is held is settled. */
    void (*on_stuck)(struct sc_credit_taker *taker);
} sc_credit_taker;

void sc_credit_init(sc_credit *credit, sc_loop *loop, uint32_t max_messages, size_t max_bytes);
/* All takers have left. */
void sc_credit_deinit(sc_credit *credit);

/* `wants` is what the taker may hold at most because somebody asked for it, or 0: there is room for
 * twice as many from then on. */
void sc_credit_join(sc_credit *credit, sc_credit_taker *taker, uint32_t wants);
/* Gives back all it has. */
void sc_credit_leave(sc_credit_taker *taker);

/* How many more a taker may wait for: what is left of its part, 1 at least. */
uint32_t sc_credit_part(const sc_credit_taker *taker);
/* Takes up to `wanted`; returns how many, 0 only while some are held. Who gets less is told by
 * on_more. */
uint32_t sc_credit_take(sc_credit_taker *taker, uint32_t wanted);
/* One that was taken is there, with so many bytes. */
void sc_credit_came(sc_credit_taker *taker, size_t bytes);
/* So many that were taken do not come. */
void sc_credit_unused(sc_credit_taker *taker, uint32_t count);
/* One that was there is settled. */
void sc_credit_settled(sc_credit_taker *taker, size_t bytes);

#endif
