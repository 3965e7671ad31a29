/* SPDX-License-Identifier: MIT
 *
 * When to try again: Dapr's retry policies (constant and exponential) as a plain value, and the
 * state of one series of attempts.
 */
#ifndef SC_POLICY_RETRY_H
#define SC_POLICY_RETRY_H

#include "core/base.h"

typedef struct sc_retry_policy {
    bool is_exponential;
    uint64_t duration_ms;     /* constant: the pause; exponential: the first pause */
    uint64_t max_interval_ms; /* exponential: pauses grow no longer than this */
    double multiplier;        /* exponential: 1.5 as in Dapr */
    double jitter;       /* share of the pause that is random: 0.5 means half to one and a half */
    int64_t max_retries; /* after the first attempt; -1: without end */
} sc_retry_policy;

typedef struct sc_retry_state {
    uint32_t attempts; /* made so far */
    uint64_t next_ms;  /* undithered length of the next pause */
} sc_retry_state;

/* What a delivery gets when no resiliency policy names its component: 500 ms x 1.5, three retries.
 */
sc_retry_policy sc_retry_delivery_default(void);

/* Counts an attempt that failed. True with the pause before the next one, or false: give up.
 * `random` is uniform in 0..1. */
bool sc_retry_next(const sc_retry_policy *policy, sc_retry_state *state, double random,
                   uint64_t *pause_ms);

#endif
