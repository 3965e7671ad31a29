/* SPDX-License-Identifier: MIT
 *
 * xoshiro256** (Blackman and Vigna): small, fast and good enough to tell things apart.
 */
#include "core/random.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void sc_random_init(sc_random *random)
{
    if (getrandom(random->state, sizeof(random->state), 0) != (ssize_t)sizeof(random->state)) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        random->state[0] ^= (uint64_t)now.tv_nsec;
        random->state[1] ^= (uint64_t)getpid() << 32 | (uint64_t)now.tv_sec;
    }
    random->state[2] |= 1; /* never all zero */
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

uint64_t sc_random_u64(sc_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t sc_random_below(sc_random *random, uint64_t below)
{
    return sc_random_u64(random) %
           below; /* the bias is far below what anything here could notice */
}

double sc_random_unit(sc_random *random)
{
    return (double)(sc_random_u64(random) >> 11) * 0x1.0p-53;
}

uint64_t sc_random_jitter(sc_random *random, uint64_t ms)
{
    uint64_t quarter = ms / 4;

    return ms - quarter + sc_random_below(random, quarter * 2 + 1);
}

void sc_random_uuid(sc_random *random, char text[SC_UUID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    uint64_t bits[2] = {sc_random_u64(random), sc_random_u64(random)};

    for (size_t i = 0; i < SC_ARRAY_LEN(places); i++) { /* a byte is two digits */
        unsigned byte = bits[i / 8] >> (56 - i % 8 * 8) & 0xff;

        text[places[i]] = hex[byte >> 4];
        text[places[i] + 1] = hex[byte & 15];
    }
    text[8] = text[13] = text[18] = text[23] = '-';
    text[14] = '4'; /* the version, and below the variant (RFC 9562) */
    text[19] = hex[8 | (bits[1] >> 60 & 3)];
    text[SC_UUID_LEN] = '\0';
}
