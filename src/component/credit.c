/* SPDX-License-Identifier: MIT
 *
 * Credit of messages and bytes for all subscriptions: parts and the pool.
 */
#include "component/credit.h"

#define OFFERS_PER_TURN 16
#define LIKELY_AT_FIRST ((size_t)64 << 10)

static void on_offer(sc_turn_hook *hook);

void sc_credit_init(sc_credit *credit, sc_loop *loop, uint32_t max_messages, size_t max_bytes)
{
    *credit = (sc_credit){.loop = loop,
                          .max_messages = max_messages,
                          .max_bytes = max_bytes,
                          .offer = {.run = on_offer}};
    sc_list_init(&credit->waiting);
}

void sc_credit_deinit(sc_credit *credit)
{
    assert(credit->takers == 0);
    sc_loop_forget_hook(&credit->offer);
}

void sc_credit_join(sc_credit *credit, sc_credit_taker *taker, uint32_t wants)
{
    taker->of = credit;
    taker->likely = LIKELY_AT_FIRST;
    sc_list_init(&taker->wait);
    credit->takers++;
    if (credit->max_messages / 2 < wants)
        credit->max_messages = wants * 2;
}

void sc_credit_leave(sc_credit_taker *taker)
{
    sc_credit *credit = taker->of;

    if (!credit)
        return;
    credit->takers--;
    credit->taken -= taker->drawn;
    credit->bytes -= taker->bytes;
    sc_list_remove(&taker->wait);
    *taker = (sc_credit_taker){0};
    sc_loop_at_turn_end(credit->loop, &credit->offer);
}

/* ---- taking ---- */

/* Of its own part. */
static uint32_t left(const sc_credit_taker *taker)
{
    uint32_t part = taker->of->max_messages / 4 / taker->of->takers;
    uint32_t own = taker->open + taker->held - taker->drawn;

    if (part == 0)
        part = 1;
    return part > own ? part - own : 0;
}

uint32_t sc_credit_part(const sc_credit_taker *taker)
{
    uint32_t part = taker->of ? left(taker) : UINT32_MAX;

    return part > 0 ? part : 1;
}

/* Of `max`, of which `taken` is, to one who has `own`: so much that it has no more than it leaves.
 */
static size_t room(size_t max, size_t taken, size_t own)
{
    size_t free = max > taken ? max - taken : 0;

    return free > own ? (free - own + 1) / 2 : 0;
}

static uint32_t at_most(size_t count, uint32_t wanted)
{
    return count < wanted ? (uint32_t)count : wanted;
}

uint32_t sc_credit_take(sc_credit_taker *taker, uint32_t wanted)
{
    sc_credit *credit = taker->of;
    uint32_t got;
    uint32_t own;

    if (!credit || wanted == 0)
        return wanted;
    got = at_most(room(credit->max_bytes, credit->bytes, taker->bytes) / taker->likely, wanted);
    own = at_most(left(taker), got);
    got = own + at_most(room(credit->max_messages - credit->max_messages / 4, credit->taken,
                             taker->drawn),
                        got - own);
    taker->drawn += got - own;
    credit->taken += got - own;
    if (got == 0 && taker->held == 0)
        got = 1;
    taker->open += got;
    if (got < wanted && sc_list_is_empty(&taker->wait))
        sc_list_add(&credit->waiting, &taker->wait);
    else if (got == wanted)
        sc_list_remove(&taker->wait);
    if (got > 0 && !sc_list_is_empty(&credit->waiting))
        sc_loop_at_turn_end(credit->loop, &credit->offer); /* what it left may do for the next */
    if (taker->open == 0 && taker->on_stuck)
        taker->on_stuck(taker);
    return got;
}

/* Wakes some of those who wait. Each that then gets something has the next ones woken. */
static void on_offer(sc_turn_hook *hook)
{
    sc_credit *credit = SC_CONTAINER_OF(hook, sc_credit, offer);

    for (int i = 0; i < OFFERS_PER_TURN && !sc_list_is_empty(&credit->waiting); i++) {
        sc_credit_taker *taker = SC_CONTAINER_OF(credit->waiting.next, sc_credit_taker, wait);

        sc_list_remove(&taker->wait);
        if (taker->on_more)
            taker->on_more(taker);
    }
}

/* ---- giving back ---- */

void sc_credit_came(sc_credit_taker *taker, size_t bytes)
{
    if (!taker->of)
        return;
    assert(taker->open > 0);
    taker->open--;
    taker->held++;
    taker->bytes += bytes;
    taker->of->bytes += bytes;
    if (bytes >= taker->likely)
        taker->likely = bytes;
    else
        taker->likely -= (taker->likely - bytes) / 16;
}

static void give(sc_credit_taker *taker, uint32_t count)
{
    sc_credit *credit = taker->of;
    uint32_t drawn = at_most(taker->drawn, count);

    taker->drawn -= drawn;
    credit->taken -= drawn;
    if (!sc_list_is_empty(&credit->waiting))
        sc_loop_at_turn_end(credit->loop, &credit->offer);
}

void sc_credit_unused(sc_credit_taker *taker, uint32_t count)
{
    if (!taker->of || count == 0)
        return;
    assert(taker->open >= count);
    taker->open -= count;
    give(taker, count);
}

void sc_credit_settled(sc_credit_taker *taker, size_t bytes)
{
    if (!taker->of)
        return;
    assert(taker->held > 0 && taker->bytes >= bytes);
    taker->held--;
    taker->bytes -= bytes;
    taker->of->bytes -= bytes;
    give(taker, 1);
}
