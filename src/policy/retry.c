/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of retries. Timers belong to the flow that waits.
 */
#include "policy/retry.h"

sc_retry_policy sc_retry_delivery_default(void)
{
    return (sc_retry_policy){
        .is_exponential = true,
        .duration_ms = 500,
        .max_interval_ms = 60000,
        .multiplier = 1.5,
        .jitter = 0.5,
        .max_retries = 3,
    };
}

static uint64_t dithered(uint64_t pause_ms, double jitter, double random)
{
    double low = (double)pause_ms * (1.0 - jitter);
    double high = (double)pause_ms * (1.0 + jitter);

    return (uint64_t)(low + (high - low) * random);
}

bool sc_retry_next(const sc_retry_policy *policy, sc_retry_state *state, double random,
                   uint64_t *pause_ms)
{
    uint64_t pause;
    double grown;

    state->attempts++;
    if (policy->max_retries >= 0 && state->attempts > (uint64_t)policy->max_retries)
        return false;
    if (!policy->is_exponential) {
        *pause_ms = policy->duration_ms;
        return true;
    }
    pause = state->next_ms ? state->next_ms : policy->duration_ms;
    grown = (double)pause * policy->multiplier;
    state->next_ms =
        grown > (double)policy->max_interval_ms ? policy->max_interval_ms : (uint64_t)grown;
    *pause_ms = dithered(pause, policy->jitter, random);
    return true;
}
