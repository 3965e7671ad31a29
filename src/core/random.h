/* SPDX-License-Identifier: MIT
 *
 * Random numbers: a fast generator for identifiers and jitter, seeded by the kernel. Not for keys.
 * One state per thread; the state is the caller's.
 */
#ifndef SC_CORE_RANDOM_H
#define SC_CORE_RANDOM_H

#include "core/base.h"

typedef struct sc_random {
    uint64_t state[4];
} sc_random;

/* Seeds from the kernel. */
void sc_random_init(sc_random *random);
uint64_t sc_random_u64(sc_random *random);
/* Uniform in 0 <= n < `below`; `below` is not 0. */
uint64_t sc_random_below(sc_random *random, uint64_t below);
/* Uniform in 0 <= x < 1. */
double sc_random_unit(sc_random *random);
/* `ms` plus or minus up to a quarter of it. */
uint64_t sc_random_jitter(sc_random *random, uint64_t ms);

#define SC_UUID_LEN 36u
/* A version 4 UUID in lower case (RFC 9562), NUL-terminated. */
void sc_random_uuid(sc_random *random, char text[SC_UUID_LEN + 1]);

#endif
