/* SPDX-License-Identifier: MIT
 *
 * Between the codec of HTTP/1.1 (http1.c), the lines of a head (http1_lines.c) and what they mean
 * (http1_head.c).
 */
#ifndef SC_WIRE_HTTP1_INTERNAL_H
#define SC_WIRE_HTTP1_INTERNAL_H

#include "wire/http1.h"

/* Classes of bytes. */
#define SC_HTTP1_TOKEN     1u /* RFC 9110 section 5.6.2 */
#define SC_HTTP1_AUTHORITY 2u /* RFC 3986 section 3.2, without user information */
extern const uint8_t sc_http1_class[256];

static inline bool sc_http1_is_of(char byte, unsigned wanted)
{
    return (sc_http1_class[(uint8_t)byte] & wanted) != 0;
}

/* Why bytes are refused: a text without anything to fill in, so that it costs nothing to carry. */
typedef struct sc_http1_refusal {
    sc_code code;
    const char *text;
} sc_http1_refusal;

/* A header, as places in the text of its head. */
typedef struct sc_http1_field {
    uint32_t name_from;
    uint32_t name_len;
    uint32_t value_from; /* without white space at either end */
    uint32_t value_len;
} sc_http1_field;

/* The lines of a head, or of trailers, as far as they came. */
typedef struct sc_http1_lines {
    bool is_request;
    bool has_start; /* line; trailers have none, so for them it is set from the beginning */
    bool has_fold;  /* a value goes on over line ends */
    uint8_t minor;
    uint16_t status;
    uint32_t method_len; /* the target begins one byte behind the method */
    uint32_t target_len;
    uint32_t len; /* of the lines that were read */
    uint32_t max_fields;
    uint32_t count;
    uint32_t cap;
    sc_http1_field *fields; /* heap */
    sc_http1_refusal refusal;
} sc_http1_lines;

typedef enum sc_http1_progress {
    SC_HTTP1_MORE,  /* the empty line did not come yet */
    SC_HTTP1_WHOLE, /* it ends at `len` */
    SC_HTTP1_WRONG, /* `refusal` says why */
} sc_http1_progress;

/* So many bytes of an unfinished start line are looked at, to refuse what cannot become one. */
#define SC_HTTP1_EARLY 32u

/* Reads the lines that are whole in text[0, len), going on where it stopped: the same text again,
 * with more behind it. A line is judged when its end is there, so how the text was cut makes no
 * difference; only an impossible beginning is refused before. */
sc_http1_progress sc_http1_lines_read(sc_http1_lines *lines, const char *text, size_t len);

/* How the body of a message ends. */
typedef enum sc_http1_framing {
    SC_HTTP1_EMPTY,
    SC_HTTP1_COUNTED,
    SC_HTTP1_CHUNKED,
    SC_HTTP1_UNTIL_CLOSE,
} sc_http1_framing;

/* Makes a head of whole lines, with a copy of `text` in `mem`. `has_body` is false for the answer
 * to a HEAD. Returns SC_OK, or the code of `refusal`. */
sc_code sc_http1_head_make(sc_http1_head *head, const sc_http1_lines *lines, const char *text,
                           sc_arena *mem, bool has_body, sc_http1_framing *framing,
                           sc_http1_refusal *refusal) SC_MUST_CHECK;

#endif
