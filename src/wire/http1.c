/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 over libhttp-parser; the only file that sees it. The text of a head is gathered in one
 * buffer of the codec, reused from message to message, and copied once into the message's arena
 * when the head is complete.
 */
#include "wire/http1.h"

#include <http_parser.h>
#include <stdlib.h>

#include "core/buf.h"

#define PER_HEADER_LEN                                                                             \
    4u /* ": " and the line end, which are not kept, count towards the limit too */

typedef struct head_slice {
    uint32_t name_from;
    uint32_t name_len;
    uint32_t value_from;
    uint32_t value_len;
} head_slice;

struct sc_http1 {
    http_parser parser;
    sc_http1_limits limits;
    const sc_http1_events *events;
    void *self;
    sc_arena *mem;
    sc_buf text; /* target, then names and values */
    head_slice *slices;
    uint32_t slice_count;
    uint32_t slice_cap;
    uint32_t target_len;
    bool is_request;
    bool is_value; /* the last piece was of a value */
    bool is_inside;
    bool is_past_head; /* trailers are skipped */
    bool expects_no_body;
    bool is_feeding;
    bool is_freed; /* within feed */
    bool is_paused;
    bool is_stopped;
    sc_error refusal; /* ours, found in a callback */
};

static sc_http1 *codec_of(http_parser *parser)
{
    return parser->data;
}

/* Ends the feed with our own reason. */
static int refuse(sc_http1 *codec, sc_code code, const char *text)
{
    (void)sc_fail(&codec->refusal, code, "%s", text);
    return 1;
}

static int stop(sc_http1 *codec)
{
    codec->is_stopped = true;
    return 1;
}

static int on_begin(http_parser *parser)
{
    sc_http1 *codec = codec_of(parser);

    codec->is_inside = true;
    codec->is_past_head = codec->is_value = false;
    codec->slice_count = codec->target_len = 0;
    sc_buf_clear(&codec->text);
    codec->mem = codec->events->on_begin(codec->self);
    return codec->mem ? 0 : stop(codec);
}

static int gather(sc_http1 *codec, const char *at, size_t len)
{
    if (sc_buf_len(&codec->text) + codec->slice_count * PER_HEADER_LEN + len >
        codec->limits.max_head_len)
        return refuse(codec, SC_EXHAUSTED, "the head is longer than the limit");
    sc_buf_add(&codec->text, at, len);
    return 0;
}

static int on_target(http_parser *parser, const char *at, size_t len)
{
    sc_http1 *codec = codec_of(parser);

    codec->target_len += (uint32_t)len;
    return gather(codec, at, len);
}

static int add_slice(sc_http1 *codec)
{
    uint32_t from = (uint32_t)sc_buf_len(&codec->text);

    if (codec->slice_count == codec->limits.max_headers)
        return refuse(codec, SC_EXHAUSTED, "there are more headers than the limit");
    if (codec->slice_count == codec->slice_cap) {
        codec->slice_cap = codec->slice_cap ? codec->slice_cap * 2 : 32;
        codec->slices = realloc(codec->slices, codec->slice_cap * sizeof(codec->slices[0]));
        if (!codec->slices)
            sc_out_of_memory("headers");
    }
    codec->slices[codec->slice_count++] = (head_slice){.name_from = from, .value_from = from};
    return 0;
}

static int on_name(http_parser *parser, const char *at, size_t len)
{
    sc_http1 *codec = codec_of(parser);

    if (codec->is_past_head)
        return 0;
    if ((codec->is_value || codec->slice_count == 0) && add_slice(codec) != 0)
        return 1;
    if (memchr(at, ' ', len))
        return refuse(codec, SC_INVALID, "a header name holds a space");
    codec->is_value = false;
    codec->slices[codec->slice_count - 1].name_len += (uint32_t)len;
    return gather(codec, at, len);
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    sc_http1 *codec = codec_of(parser);
    head_slice *slice;

    if (codec->is_past_head)
        return 0;
    slice = &codec->slices[codec->slice_count - 1];
    if (!codec->is_value)
        slice->value_from = (uint32_t)sc_buf_len(&codec->text);
    codec->is_value = true;
    slice->value_len += (uint32_t)len;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)at[i] < ' ' && at[i] != '\t')
            return refuse(codec, SC_INVALID, "a header value holds a control character");
    }
    return gather(codec, at, len);
}

static void lower(char *at, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] | 0x20);
    }
}

static sc_pairs take_headers(sc_http1 *codec, char *text)
{
    sc_pairs headers = {.count = codec->slice_count, .cap = codec->slice_count};

    headers.at = sc_arena_alloc(codec->mem, (codec->slice_count + 1) * sizeof(sc_pair));
    for (uint32_t i = 0; i < codec->slice_count; i++) {
        const head_slice *slice = &codec->slices[i];

        lower(text + slice->name_from, slice->name_len);
        headers.at[i].name = sc_str_of(text + slice->name_from, slice->name_len);
        headers.at[i].value = sc_str_trim(sc_str_of(text + slice->value_from, slice->value_len));
    }
    return headers;
}

static uint64_t body_len(const sc_http1 *codec, const http_parser *parser)
{
    int status = (int)parser->status_code;

    if (parser->flags & F_CHUNKED)
        return SC_HTTP1_LEN_UNKNOWN;
    if (!codec->is_request &&
        (codec->expects_no_body || status / 100 == 1 || status == 204 || status == 304))
        return 0;
    if (parser->flags & F_CONTENTLENGTH)
        return parser->content_length;
    return codec->is_request ? 0 : SC_HTTP1_LEN_UNKNOWN;
}

/* 0: a body may follow, 1: none, negative: refused. */
static int on_head(http_parser *parser)
{
    sc_http1 *codec = codec_of(parser);
    sc_str text = sc_arena_str(codec->mem, sc_buf_str(&codec->text));
    sc_http1_head head = {.minor = parser->http_minor, .status = (int)parser->status_code};
    const sc_str *found;

    codec->is_past_head = true;
    head.headers = take_headers(codec, (char *)(uintptr_t)text.at);
    if (parser->http_major != 1)
        return -refuse(codec, SC_UNIMPLEMENTED, "unsupported protocol version");
    if (codec->is_request && !(parser->flags & F_CHUNKED) &&
        sc_pairs_get(&head.headers, SC_STR("transfer-encoding")))
        return -refuse(codec, SC_INVALID, "the transfer coding is not chunked");
    if (codec->is_request) {
        head.method = sc_str_from(http_method_str((enum http_method)parser->method));
        head.target = sc_str_sub(text, 0, codec->target_len);
    }
    head.body_len = body_len(codec, parser);
    head.keep_alive = http_should_keep_alive(parser) != 0;
    head.is_upgrade = parser->upgrade != 0;
    parser->upgrade = 0; /* what the owner does not upgrade is an ordinary message */
    found = sc_pairs_get(&head.headers, SC_STR("expect"));
    head.expects_continue = found && sc_str_eq_nocase(*found, SC_STR("100-continue"));
    if (!codec->events->on_head(codec->self, &head) || codec->is_freed)
        return -stop(codec);
    if (codec->expects_no_body && !codec->is_request && head.status / 100 != 1) {
        codec->expects_no_body = false;
        return 1;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    sc_http1 *codec = codec_of(parser);

    return codec->events->on_body(codec->self, at, len) && !codec->is_freed ? 0 : stop(codec);
}

static int on_message(http_parser *parser)
{
    sc_http1 *codec = codec_of(parser);

    codec->is_inside = false;
    if (!codec->events->on_message(codec->self)) {
        codec->is_paused = true;
        http_parser_pause(parser, 1);
    }
    return codec->is_freed ? stop(codec) : 0;
}

static const http_parser_settings callbacks = {
    .on_message_begin = on_begin,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_message,
};

sc_http1 *sc_http1_new(bool is_request, const sc_http1_limits *limits,
                       const sc_http1_events *events, void *self)
{
    sc_http1 *codec = sc_new(sc_http1);

    codec->limits = *limits;
    codec->events = events;
    codec->self = self;
    codec->is_request = is_request;
    http_parser_init(&codec->parser, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
    codec->parser.data = codec;
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
    free(codec->slices);
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

/* What a run of the parser came to. */
static sc_code verdict(sc_http1 *codec, sc_error *err)
{
    enum http_errno failed = HTTP_PARSER_ERRNO(&codec->parser);

    if (codec->refusal.code != SC_OK) {
        *err = codec->refusal;
        return err->code;
    }
    if (codec->is_stopped)
        return SC_CANCELLED;
    if (codec->is_paused)
        return SC_PENDING;
    if (failed == HPE_OK)
        return SC_OK;
    if (failed == HPE_HEADER_OVERFLOW)
        return sc_fail(err, SC_EXHAUSTED, "the head is longer than the limit");
    return sc_fail(err, SC_INVALID, "malformed HTTP: %s", http_errno_description(failed));
}

sc_code sc_http1_feed(sc_http1 *codec, const char *at, size_t len, size_t *taken, sc_error *err)
{
    sc_code code;

    *taken = 0;
    if (len == 0)
        return SC_OK;
    if (codec->is_paused) {
        codec->is_paused = false;
        http_parser_pause(&codec->parser, 0);
    }
    codec->is_feeding = true;
    *taken = http_parser_execute(&codec->parser, &callbacks, at, len);
    codec->is_feeding = false;
    code = verdict(codec, err);
    if (codec->is_freed) {
        codec->is_freed = false;
        sc_http1_free(codec);
    }
    return code;
}

sc_code sc_http1_end(sc_http1 *codec, sc_error *err)
{
    sc_code code;

    if (!codec->is_inside)
        return SC_OK;
    codec->is_feeding = true;
    http_parser_execute(&codec->parser, &callbacks, NULL, 0);
    codec->is_feeding = false;
    code = verdict(codec, err);
    if (code == SC_OK && codec->is_inside)
        code = sc_fail(err, SC_UNAVAILABLE, "unexpected EOF");
    if (codec->is_freed) {
        codec->is_freed = false;
        sc_http1_free(codec);
    }
    return code;
}
