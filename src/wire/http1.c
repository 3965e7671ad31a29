/* SPDX-License-Identifier: MIT
 *
 * The codec of HTTP/1.1: which part of a message is read now, and the events. A head that comes
 * whole is read where it lies; one that comes in pieces is gathered in `text` first, line by line.
 * Bodies are never gathered.
 */
#include "wire/http1.h"

#include <stdlib.h>

#include "core/buf.h"
#include "wire/http1_internal.h"
#include "wire/http1_scan.h"

#define TEXT_KEPT_LEN      4096u /* memory of a gathered head that is kept for the next one */
#define CHUNK_LINE_MAX_LEN 4096u /* size and extensions of one chunk */

/* What comes next. */
typedef enum phase {
    MESSAGE, /* or empty lines before it */
    HEAD,
    BODY,
    BODY_UNTIL_CLOSE,
    CHUNK_SIZE,
    CHUNK_PAD,
    CHUNK_EXTENSION,
    CHUNK_LINE_LF,
    CHUNK_DATA,
    CHUNK_CR,
    CHUNK_LF,
    TRAILERS,
} phase;

struct sc_http1 {
    sc_http1_limits limits;
    const sc_http1_events *events;
    void *self;
    sc_arena *mem;
    sc_http1_lines lines; /* of a head, or of trailers */
    sc_buf text;          /* theirs, when they come in pieces */
    uint64_t left;        /* of the body or of the chunk */
    uint32_t chunk_line_len;
    phase phase;
    sc_code outcome;  /* of the feed; SC_PENDING while paused, stays when it is a failure */
    const char *why;  /* of a failure that has a story */
    bool is_after_cr; /* of an empty line between messages */
    bool is_inside;
    bool expects_no_body;
    bool is_feeding;
    bool is_freed; /* within feed */
};

/* Bytes that are fed. */
typedef struct input {
    const char *at;
    const char *end;
} input;

static void skip_empty_lines(sc_http1 *codec, input *in);
static void read_lines(sc_http1 *codec, input *in);
static void read_body(sc_http1 *codec, input *in);
static void read_chunk_size(sc_http1 *codec, input *in);
static void read_chunk_pad(sc_http1 *codec, input *in);
static void read_chunk_extension(sc_http1 *codec, input *in);
static void read_chunk_mark(sc_http1 *codec, input *in);

sc_http1 *sc_http1_new(bool is_request, const sc_http1_limits *limits,
                       const sc_http1_events *events, void *self)
{
    sc_http1 *codec = sc_new(sc_http1);

    codec->limits = *limits;
    codec->events = events;
    codec->self = self;
    codec->lines.is_request = is_request;
    codec->lines.max_fields = limits->max_headers;
    return codec;
}

void sc_http1_free(sc_http1 *codec)
{
    if (!codec)
        return;
    if (codec->is_feeding) {
        codec->is_freed = true;
        return;
    }
    sc_buf_deinit(&codec->text);
    free(codec->lines.fields);
    free(codec);
}

void sc_http1_expect_no_body(sc_http1 *codec)
{
    codec->expects_no_body = true;
}

bool sc_http1_is_inside(const sc_http1 *codec)
{
    return codec->is_inside;
}

/* ---- feeding ---- */

static void advance(sc_http1 *codec, input *in)
{
    switch (codec->phase) {
    case MESSAGE:
        skip_empty_lines(codec, in);
        break;
    case HEAD:
    case TRAILERS:
        read_lines(codec, in);
        break;
    case BODY:
    case BODY_UNTIL_CLOSE:
    case CHUNK_DATA:
        read_body(codec, in);
        break;
    case CHUNK_SIZE:
        read_chunk_size(codec, in);
        break;
    case CHUNK_PAD:
        read_chunk_pad(codec, in);
        break;
    case CHUNK_EXTENSION:
        read_chunk_extension(codec, in);
        break;
    case CHUNK_LINE_LF:
    case CHUNK_CR:
    case CHUNK_LF:
        read_chunk_mark(codec, in);
        break;
    }
}

/* Ends a feed: tells what it came to, and frees what was freed within it. */
static sc_code leave(sc_http1 *codec, sc_error *err)
{
    sc_code code = codec->outcome;

    codec->is_feeding = false;
    if (codec->why)
        (void)sc_fail(err, code, "%s", codec->why);
    if (codec->is_freed)
        sc_http1_free(codec);
    return code;
}

sc_code sc_http1_feed(sc_http1 *codec, const char *at, size_t len, size_t *taken, sc_error *err)
{
    input in = {at, at + len};

    *taken = 0;
    if (len == 0)
        return SC_OK;
    if (codec->outcome == SC_PENDING)
        codec->outcome = SC_OK;
    codec->is_feeding = true;
    while (in.at < in.end && codec->outcome == SC_OK)
        advance(codec, &in);
    *taken = (size_t)(in.at - at);
    return leave(codec, err);
}

static void refuse(sc_http1 *codec, sc_code code, const char *why)
{
    codec->outcome = code;
    codec->why = why;
}

/* What an event said. */
static bool goes_on(sc_http1 *codec, bool said)
{
    if (said && !codec->is_freed)
        return true;
    codec->outcome = SC_CANCELLED;
    return false;
}

static void end_message(sc_http1 *codec)
{
    codec->phase = MESSAGE;
    codec->is_inside = false;
    if (!codec->events->on_message(codec->self))
        codec->outcome = SC_PENDING;
    if (codec->is_freed)
        codec->outcome = SC_CANCELLED;
}

sc_code sc_http1_end(sc_http1 *codec, sc_error *err)
{
    if (!codec->is_inside)
        return SC_OK;
    codec->is_feeding = true;
    if (codec->outcome == SC_OK && codec->phase == BODY_UNTIL_CLOSE)
        end_message(codec);
    else if (codec->outcome == SC_OK)
        refuse(codec, SC_INVALID, "malformed HTTP: stream ended at an unexpected time");
    return leave(codec, err);
}

/* ---- heads ---- */

static void begin_lines(sc_http1 *codec, phase kind)
{
    codec->phase = kind;
    codec->lines.has_start = kind == TRAILERS;
    codec->lines.has_fold = false;
    codec->lines.len = codec->lines.count = 0;
}

static void begin_message(sc_http1 *codec)
{
    begin_lines(codec, HEAD);
    codec->is_inside = true;
    codec->mem = codec->events->on_begin(codec->self);
    (void)goes_on(codec, codec->mem != NULL);
}

/* RFC 9112 section 2.2: there may be some before a message. */
static void skip_empty_lines(sc_http1 *codec, input *in)
{
    for (; in->at < in->end; in->at++) {
        bool is_after_cr = codec->is_after_cr;

        codec->is_after_cr = *in->at == '\r';
        if (is_after_cr && *in->at != '\n') {
            refuse(codec, SC_INVALID, "malformed HTTP: LF character expected");
            return;
        }
        if (*in->at != '\r' && *in->at != '\n') {
            begin_message(codec);
            return;
        }
    }
}

static void on_head(sc_http1 *codec, const char *text)
{
    sc_http1_head head;
    sc_http1_framing framing;
    sc_http1_refusal why;
    bool has_body = codec->lines.is_request || !codec->expects_no_body;
    sc_code code =
        sc_http1_head_make(&head, &codec->lines, text, codec->mem, has_body, &framing, &why);

    if (code != SC_OK) {
        refuse(codec, code, why.text);
        return;
    }
    if (head.status / 100 != 1)
        codec->expects_no_body = false;
    codec->left = framing == SC_HTTP1_COUNTED ? head.body_len : 0;
    codec->chunk_line_len = 0;
    codec->phase = framing == SC_HTTP1_CHUNKED       ? CHUNK_SIZE
                   : framing == SC_HTTP1_UNTIL_CLOSE ? BODY_UNTIL_CLOSE
                                                     : BODY;
    if (goes_on(codec, codec->events->on_head(codec->self, &head)) && framing == SC_HTTP1_EMPTY)
        end_message(codec);
}

/* Reads what is whole of text[0, len), whose last bytes have just come. */
static sc_http1_progress try_lines(sc_http1 *codec, const char *text, size_t len)
{
    sc_http1_progress progress = sc_http1_lines_read(&codec->lines, text, len);

    if (progress == SC_HTTP1_WRONG)
        refuse(codec, codec->lines.refusal.code, codec->lines.refusal.text);
    else if (progress == SC_HTTP1_MORE && len == codec->limits.max_head_len)
        refuse(codec, SC_EXHAUSTED, "the head is longer than the limit");
    return progress;
}

static void on_lines(sc_http1 *codec, const char *text)
{
    if (codec->phase == TRAILERS)
        end_message(codec); /* they are of no use to anyone here */
    else
        on_head(codec, text);
}

/* Gathers up to the next line end; no more, as a body may stand behind the last one. */
static void gather_lines(sc_http1 *codec, input *in)
{
    size_t had = sc_buf_len(&codec->text);
    size_t room = codec->limits.max_head_len - had;
    size_t len = (size_t)(in->end - in->at);
    const char *line_end = memchr(in->at, '\n', len < room ? len : room);

    if (line_end)
        len = (size_t)(line_end + 1 - in->at);
    else if (len > room)
        len = room;
    sc_buf_add(&codec->text, in->at, len);
    in->at += len;
    if (!line_end && had >= SC_HTTP1_EARLY && had + len < codec->limits.max_head_len)
        return;
    if (try_lines(codec, sc_buf_at(&codec->text), had + len) == SC_HTTP1_WHOLE) {
        on_lines(codec, sc_buf_at(&codec->text));
        sc_buf_reset(&codec->text, TEXT_KEPT_LEN);
    }
}

static void read_lines(sc_http1 *codec, input *in)
{
    const char *text = in->at;
    size_t len = (size_t)(in->end - in->at);
    sc_http1_progress progress;

    if (sc_buf_len(&codec->text) > 0) {
        gather_lines(codec, in);
        return;
    }
    if (len > codec->limits.max_head_len)
        len = codec->limits.max_head_len;
    progress = try_lines(codec, text, len);
    in->at += progress == SC_HTTP1_WHOLE ? codec->lines.len : len;
    if (progress == SC_HTTP1_WHOLE)
        on_lines(codec, text);
    else if (codec->outcome == SC_OK)
        sc_buf_add(&codec->text, text, len);
}

/* ---- bodies ---- */

static void read_body(sc_http1 *codec, input *in)
{
    const char *from = in->at;
    size_t len = (size_t)(in->end - in->at);

    if (codec->phase != BODY_UNTIL_CLOSE && len > codec->left)
        len = (size_t)codec->left;
    in->at += len;
    if (!goes_on(codec, codec->events->on_body(codec->self, from, len)) ||
        codec->phase == BODY_UNTIL_CLOSE)
        return;
    codec->left -= len;
    if (codec->left == 0 && codec->phase == BODY)
        end_message(codec);
    else if (codec->left == 0)
        codec->phase = CHUNK_CR;
}

/* ---- chunks: RFC 9112 section 7.1, lines end in CR and LF and nothing else ---- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Counts bytes of the line of a chunk. */
static bool has_room(sc_http1 *codec, size_t len)
{
    if (len <= CHUNK_LINE_MAX_LEN - codec->chunk_line_len) {
        codec->chunk_line_len += (uint32_t)len;
        return true;
    }
    refuse(codec, SC_INVALID, "malformed HTTP: the line before a chunk is too long");
    return false;
}

static void refuse_size(sc_http1 *codec)
{
    refuse(codec, SC_INVALID, "malformed HTTP: invalid character in chunk size header");
}

static void read_chunk_size(sc_http1 *codec, input *in)
{
    for (; in->at < in->end; in->at++) {
        int digit = hex_digit(*in->at);

        if (digit < 0) {
            if (codec->chunk_line_len == 0)
                refuse_size(codec);
            else
                codec->phase = CHUNK_PAD;
            return;
        }
        if (codec->left > INT64_MAX >> 4) {
            refuse_size(codec);
            return;
        }
        if (!has_room(codec, 1))
            return;
        codec->left = codec->left << 4 | (uint64_t)digit;
    }
}

/* Some servers fill the size up with spaces. */
static void read_chunk_pad(sc_http1 *codec, input *in)
{
    for (; in->at < in->end && *in->at == ' '; in->at++) {
        if (!has_room(codec, 1))
            return;
    }
    if (in->at == in->end)
        return;
    if (*in->at == '\r')
        codec->phase = CHUNK_LINE_LF;
    else if (*in->at == ';')
        codec->phase = CHUNK_EXTENSION;
    else
        refuse_size(codec);
    in->at++;
}

/* Extensions are passed over. */
static void read_chunk_extension(sc_http1 *codec, input *in)
{
    const char *from = in->at;

    in->at = sc_http1_skip_value(from, in->end);
    if (!has_room(codec, (size_t)(in->at - from)) || in->at == in->end)
        return;
    if (*in->at == '\r')
        codec->phase = CHUNK_LINE_LF;
    else
        refuse(codec, SC_INVALID, "malformed HTTP: a chunk extension holds a control character");
    in->at++;
}

static void read_chunk_mark(sc_http1 *codec, input *in)
{
    if (*in->at != (codec->phase == CHUNK_CR ? '\r' : '\n')) {
        refuse(codec, SC_INVALID,
               codec->phase == CHUNK_CR ? "malformed HTTP: a chunk is longer than its size"
                                        : "malformed HTTP: LF character expected");
        return;
    }
    in->at++;
    if (codec->phase == CHUNK_CR) {
        codec->phase = CHUNK_LF;
    } else if (codec->phase == CHUNK_LF) {
        codec->phase = CHUNK_SIZE;
        codec->chunk_line_len = 0;
    } else if (codec->left > 0) {
        codec->phase = CHUNK_DATA;
    } else {
        begin_lines(codec, TRAILERS);
    }
}
