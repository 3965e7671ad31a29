/* SPDX-License-Identifier: MIT
 *
 * Passing over text of an HTTP/1.1 head many bytes at a time: 16 where there is SSE2, else 8. Both
 * are always there, for the tests; `sc_http1_skip_value` and `sc_http1_skip_target` take the wider.
 * Nothing is read behind `end`.
 */
#ifndef SC_WIRE_HTTP1_SCAN_H
#define SC_WIRE_HTTP1_SCAN_H

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base.h"

#define SC_HTTP1_DEL 0x7fu

/* What ends a piece of text: bytes up to `last` except a passed tab, and DEL. */
typedef struct sc_http1_stops {
    uint8_t last;
    bool passes_tab;
} sc_http1_stops;

/* RFC 9110 section 5.5: a field value holds no control characters but tabs. */
#define SC_HTTP1_VALUE ((sc_http1_stops){.last = 0x1f, .passes_tab = true})
/* A request target is printable. Bytes above ASCII pass, as Go lets them: curl sends UTF-8 raw. */
#define SC_HTTP1_TARGET ((sc_http1_stops){.last = 0x20, .passes_tab = false})

static inline bool sc_http1_is_stop(char at, sc_http1_stops stops)
{
    uint8_t byte = (uint8_t)at;

    return (byte <= stops.last && !(byte == '\t' && stops.passes_tab)) || byte == SC_HTTP1_DEL;
}

/* The first byte in [at, end) that stops, or `end`. */
static inline const char *sc_http1_skip_bytes(const char *at, const char *end, sc_http1_stops stops)
{
    while (at < end && !sc_http1_is_stop(*at, stops))
        at++;
    return at;
}

/* True when one of eight bytes is below `limit` (at most 0x80). */
static inline bool sc_http1_has_below(uint64_t eight, uint8_t limit)
{
    return ((eight - limit * 0x0101010101010101u) & ~eight & 0x8080808080808080u) != 0;
}

static inline const char *sc_http1_skip_words(const char *at, const char *end, sc_http1_stops stops)
{
    for (; end - at >= 8; at += 8) {
        uint64_t eight;

        memcpy(&eight, at, 8);
        if (sc_http1_has_below(eight, (uint8_t)(stops.last + 1)) ||
            sc_http1_has_below(eight ^ (SC_HTTP1_DEL * 0x0101010101010101u), 1)) {
            const char *stop = sc_http1_skip_bytes(at, at + 8, stops);

            if (stop < at + 8)
                return stop;
        }
    }
    return sc_http1_skip_bytes(at, end, stops);
}

#if defined(__SSE2__)
static inline const char *sc_http1_skip_sse2(const char *at, const char *end, sc_http1_stops stops)
{
    const __m128i last = _mm_set1_epi8((char)stops.last);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(SC_HTTP1_DEL);

    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i found = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last), bytes);
        unsigned mask;

        if (stops.passes_tab)
            found = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), found);
        mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(found, _mm_cmpeq_epi8(bytes, del)));
        if (mask != 0)
            return at + __builtin_ctz(mask);
    }
    return sc_http1_skip_words(at, end, stops);
}
#define sc_http1_skip sc_http1_skip_sse2
#else
#define sc_http1_skip sc_http1_skip_words
#endif

static inline const char *sc_http1_skip_value(const char *at, const char *end)
{
    return sc_http1_skip(at, end, SC_HTTP1_VALUE);
}

static inline const char *sc_http1_skip_target(const char *at, const char *end)
{
    return sc_http1_skip(at, end, SC_HTTP1_TARGET);
}

#endif
