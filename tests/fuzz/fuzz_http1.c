/* links: wire http_parser */
/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 messages, three times: whole, in pieces whose sizes the first byte chooses, and by
 * http-parser, which read them before there was a parser of our own. The pieces must make no
 * difference. What is accepted http-parser must accept too, and find the same in it. What is
 * refused although http-parser took it must be refused for one of the reasons in `stricter`.
 *
 * On purpose different, so not compared or made equal in `peer_on_head`:
 *   methods that http-parser does not know         RFC 9110 section 9.1: any token is one
 *   a body behind 1xx, 204, 304 or a HEAD          RFC 9112 section 6.3: there is none
 *   "keep-alive" beside "close" in HTTP/1.0        RFC 9112 section 9.3: "close" wins
 *   keeping a connection after chunks in HTTP/1.0  RFC 9112 section 6.1: it ends
 *   Proxy-Connection                               RFC 9112 appendix C.2.2: no header of HTTP
 *   upgrading HTTP/1.0                             RFC 9110 section 7.8: ignored
 *   CONNECT counted as an upgrade                  RFC 9110 section 9.3.6: it is none
 *   white space of a folded value                  RFC 9112 section 5.2: as good as one space
 *   connection options behind odd ones, or a tab   RFC 9110 section 5.6.1: they count
 *   a tab behind a length or "chunked"             RFC 9110 section 5.5: no part of the value
 *   names that go on behind "Transfer-Encoding"    http-parser takes them for that one
 *   framing headers in trailers                    RFC 9110 section 6.5.1: of no meaning there
 */
#include <ctype.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "wire/http1.h"

#define MAX_MESSAGES 64u

static const struct {
    const char *why;
    const char *section;
} stricter[] = {
    {"malformed HTTP: LF character expected", "RFC 9112 2.2: no carriage return stands alone"},
    {"malformed HTTP: invalid HTTP version", "RFC 9112 2.3 and 3: one space; no HTTP/0.9"},
    {"malformed HTTP: invalid HTTP method", "RFC 9112 3: one space behind the method"},
    {"malformed HTTP: invalid URL", "RFC 9112 3.2: four forms; RFC 9110 4.2.4: no user in it"},
    {"malformed HTTP: invalid HTTP status code", "RFC 9112 4: one space, three digits"},
    {"unsupported protocol version", "RFC 9110 15.6.6"},
    {"malformed HTTP: invalid character in header", "RFC 9110 5.1: a name is a token"},
    {"a header name holds a space", "RFC 9112 5.1"},
    {"a header goes on in a second line", "RFC 9112 5.2: a server refuses it"},
    {"a header value holds a control character", "RFC 9110 5.5"},
    {"malformed HTTP: invalid character in content-length header", "RFC 9110 8.6: digits"},
    {"malformed HTTP: unexpected content-length header", "RFC 9112 6.3: with another coding"},
    {"the transfer coding is not chunked", "RFC 9112 6.1: what is not understood"},
    {"HTTP/1.0 has no transfer coding", "RFC 9112 6.1"},
    {"too many Host headers", "RFC 9112 3.2"},
    {"malformed Host header", "RFC 9112 3.2"},
    {"malformed HTTP: invalid character in chunk size header", "RFC 9112 7.1"},
    {"malformed HTTP: a chunk extension holds a control character", "RFC 9112 7.1.1"},
    {"malformed HTTP: a chunk is longer than its size", "RFC 9112 7.1"},
    {"malformed HTTP: the line before a chunk is too long", "RFC 9112 7.1.1: limit them"},
    {"the head is longer than the limit", "RFC 9112 5.4: the limits are ours"},
    {"there are more headers than the limit", "RFC 9112 5.4: the limits are ours"},
};

/* What a parser found. */
typedef struct message {
    sc_str method;
    sc_str target;
    sc_buf headers; /* "name: value" lines; spaces in values as one */
    sc_buf body;
    int status;
    int minor;
    bool has_head;
    bool is_kept;
    bool is_upgrade;
    bool is_complete;
} message;

typedef struct run {
    message messages[MAX_MESSAGES];
    uint32_t count;
    sc_arena mem;
    sc_str data;
    bool answers_head;
    sc_http1 *codec; /* ours */
    sc_code code;
    sc_error err;
    http_parser parser; /* the other */
    sc_buf target;
    sc_buf line; /* name and value of the header that is read */
    size_t name_len;
    bool is_value;
    bool is_past_head;
} run;

static void check(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "fuzz_http1: %s\n", what);
        abort();
    }
}

static message *last(run *r)
{
    return &r->messages[r->count - 1];
}

static bool is_bodiless(const run *r, int status)
{
    return r->answers_head || status / 100 == 1 || status == 204 || status == 304;
}

/* A header as a line; runs of white space in its value become one space. */
static void put_header(message *m, sc_str name, sc_str value)
{
    bool is_blank = false;

    value = sc_str_trim(value);
    for (size_t i = 0; i < name.len; i++)
        sc_buf_add_byte(&m->headers, (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 32
                                                                                   : name.at[i]));
    sc_buf_add_str(&m->headers, SC_STR(": "));
    for (size_t i = 0; i < value.len; i++) {
        bool was_blank = is_blank;

        is_blank = value.at[i] == ' ' || value.at[i] == '\t';
        if (!is_blank || !was_blank)
            sc_buf_add_byte(&m->headers, is_blank ? ' ' : value.at[i]);
    }
    sc_buf_add_byte(&m->headers, '\n');
}

/* ---- ours ---- */

static sc_arena *on_begin(void *self)
{
    run *r = self;

    if (r->count == MAX_MESSAGES)
        return NULL;
    r->count++;
    if (r->answers_head)
        sc_http1_expect_no_body(r->codec);
    return &r->mem;
}

static bool on_head(void *self, const sc_http1_head *head)
{
    run *r = self;
    message *m = last(r);

    m->has_head = true;
    m->method = head->method;
    m->target = head->target;
    m->status = head->status;
    m->minor = head->minor;
    m->is_kept = head->keep_alive;
    m->is_upgrade = head->is_upgrade;
    for (uint32_t i = 0; i < head->headers.count; i++)
        put_header(m, head->headers.at[i].name, head->headers.at[i].value);
    return true;
}

static bool on_body(void *self, const char *at, size_t len)
{
    check(len > 0, "an empty piece of a body");
    sc_buf_add(&last(self)->body, at, len);
    return true;
}

static bool on_message(void *self)
{
    last(self)->is_complete = true;
    return true;
}

static void read_ours(run *r, bool is_request, size_t step)
{
    static const sc_http1_events events = {on_begin, on_head, on_body, on_message};
    static const sc_http1_limits limits = {.max_head_len = 4096, .max_headers = 32};
    size_t taken;

    r->codec = sc_http1_new(is_request, &limits, &events, r);
    for (size_t at = 0; at < r->data.len && r->code == SC_OK; at += step) {
        size_t piece = r->data.len - at < step ? r->data.len - at : step;

        r->code = sc_http1_feed(r->codec, r->data.at + at, piece, &taken, &r->err);
        check(r->code != SC_OK || taken == piece, "not all was taken");
    }
    if (r->code == SC_OK)
        r->code = sc_http1_end(r->codec, &r->err);
    sc_http1_free(r->codec);
}

/* ---- http-parser ---- */

static run *run_of(http_parser *parser)
{
    return parser->data;
}

static int peer_on_begin(http_parser *parser)
{
    run *r = run_of(parser);

    if (r->count == MAX_MESSAGES)
        return 1;
    r->count++;
    r->is_value = r->is_past_head = false;
    sc_buf_clear(&r->target);
    sc_buf_clear(&r->line);
    return 0;
}

static int peer_on_target(http_parser *parser, const char *at, size_t len)
{
    sc_buf_add(&run_of(parser)->target, at, len);
    return 0;
}

static void put_peer_header(run *r)
{
    sc_str line = sc_buf_str(&r->line);

    if (r->is_value)
        put_header(last(r), sc_str_sub(line, 0, r->name_len),
                   sc_str_sub(line, r->name_len, line.len));
    r->is_value = false;
}

static int peer_on_name(http_parser *parser, const char *at, size_t len)
{
    run *r = run_of(parser);

    if (r->is_past_head)
        return 0;
    if (r->is_value) {
        put_peer_header(r);
        sc_buf_clear(&r->line);
    }
    sc_buf_add(&r->line, at, len);
    r->name_len = sc_buf_len(&r->line);
    return 0;
}

static int peer_on_value(http_parser *parser, const char *at, size_t len)
{
    run *r = run_of(parser);

    if (r->is_past_head)
        return 0;
    r->is_value = true;
    sc_buf_add(&r->line, at, len);
    return 0;
}

static int peer_on_head(http_parser *parser)
{
    run *r = run_of(parser);
    message *m = last(r);

    put_peer_header(r);
    r->is_past_head = true;
    m->has_head = true;
    m->minor = parser->http_minor;
    m->is_kept = http_should_keep_alive(parser) != 0;
    m->is_upgrade = parser->upgrade != 0;
    parser->upgrade = 0;
    if (parser->type == HTTP_REQUEST) {
        m->method = sc_str_from(http_method_str((enum http_method)parser->method));
        m->target = sc_arena_str(&r->mem, sc_buf_str(&r->target));
        return 0;
    }
    m->status = (int)parser->status_code;
    return is_bodiless(r, m->status) ? 1 : 0;
}

static int peer_on_body(http_parser *parser, const char *at, size_t len)
{
    sc_buf_add(&last(run_of(parser))->body, at, len);
    return 0;
}

static int peer_on_message(http_parser *parser)
{
    last(run_of(parser))->is_complete = true;
    return 0;
}

static void read_theirs(run *r, bool is_request)
{
    static const http_parser_settings settings = {.on_message_begin = peer_on_begin,
                                                  .on_url = peer_on_target,
                                                  .on_header_field = peer_on_name,
                                                  .on_header_value = peer_on_value,
                                                  .on_headers_complete = peer_on_head,
                                                  .on_body = peer_on_body,
                                                  .on_message_complete = peer_on_message};

    http_parser_init(&r->parser, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
    r->parser.data = r;
    (void)http_parser_execute(&r->parser, &settings, r->data.at, r->data.len);
    if (r->parser.http_errno == HPE_OK)
        (void)http_parser_execute(&r->parser, &settings, NULL, 0);
}

/* ---- comparing ---- */

static void compare_pieces(const run *whole, const run *cut)
{
    check(whole->count == cut->count, "pieces: other messages");
    check(whole->code == cut->code, "pieces: another outcome");
    check(strcmp(whole->err.text, cut->err.text) == 0, "pieces: another reason");
    for (uint32_t i = 0; i < whole->count; i++) {
        const message *a = &whole->messages[i];
        const message *b = &cut->messages[i];

        check(sc_str_eq(a->method, b->method) && sc_str_eq(a->target, b->target) &&
                  a->status == b->status && a->minor == b->minor && a->has_head == b->has_head &&
                  a->is_kept == b->is_kept && a->is_upgrade == b->is_upgrade &&
                  a->is_complete == b->is_complete,
              "pieces: another head");
        check(sc_str_eq(sc_buf_str(&a->headers), sc_buf_str(&b->headers)), "pieces: other headers");
        check(sc_str_eq(sc_buf_str(&a->body), sc_buf_str(&b->body)), "pieces: another body");
    }
}

static bool is_known(sc_str method)
{
    for (int i = 0; i <= HTTP_SOURCE; i++) {
        if (sc_str_eq(method, sc_str_from(http_method_str((enum http_method)i))))
            return true;
    }
    return false;
}

static bool has_header(const message *m, const char *line)
{
    return sc_str_find_str(sc_buf_str(&m->headers), sc_str_from(line)) < sc_buf_len(&m->headers);
}

/* A header whose value is a number without more. */
static bool has_number(const message *m, sc_str name)
{
    sc_str rest = sc_buf_str(&m->headers);
    uint64_t number;

    while (rest.len > 0) {
        sc_str line = sc_str_cut(&rest, '\n');

        if (sc_str_starts(line, name))
            return sc_str_to_u64(sc_str_sub(line, name.len, line.len), &number);
    }
    return false;
}

/* A header whose name only begins with `name`. */
static bool has_longer_name(const message *m, sc_str name)
{
    sc_str rest = sc_buf_str(&m->headers);

    while (rest.len > 0) {
        sc_str line = sc_str_cut(&rest, '\n');

        if (sc_str_starts(line, name) && line.at[name.len] != ':')
            return true;
    }
    return false;
}

static bool has_tab(sc_str data)
{
    return sc_str_find(data, '\t') < data.len;
}

/* False for "", "c", "clos", and for what is no token. */
static bool is_plain_option(sc_str text)
{
    static const sc_str options[] = {SC_STR_INIT("close"), SC_STR_INIT("keep-alive"),
                                     SC_STR_INIT("upgrade")};

    for (size_t i = 0; i < SC_ARRAY_LEN(options); i++) {
        if (text.len < options[i].len && sc_str_starts_nocase(options[i], text))
            return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.at[i]) && !strchr("!#$%&'*+-.^_`|~", text.at[i]))
            return false;
    }
    return true;
}

/* http-parser does not see an option behind one that is none, or beside a tab. */
static bool has_plain_options(const message *m, sc_str data)
{
    sc_str rest = sc_buf_str(&m->headers);

    while (rest.len > 0) {
        sc_str line = sc_str_cut(&rest, '\n');
        sc_str list = sc_str_sub(line, sc_str_find(line, ':') + 1, line.len);

        while (sc_str_starts(line, SC_STR("connection:")) && list.at) {
            if (!is_plain_option(sc_str_trim(sc_str_cut(&list, ','))))
                return false;
        }
    }
    return !has_tab(data);
}

static void compare_heads(const message *m, const message *theirs, const run *ours)
{
    check(sc_str_eq(m->method, theirs->method), "another method");
    check(sc_str_eq(m->target, theirs->target), "another target");
    check(m->status == theirs->status && m->minor == theirs->minor, "another version or status");
    check(sc_str_eq(sc_buf_str(&m->headers), sc_buf_str(&theirs->headers)), "other headers");
    if (has_header(m, "proxy-connection: ") || !has_plain_options(m, ours->data))
        return;
    check(m->is_kept == theirs->is_kept || m->minor == 0 || ours->answers_head, "keep-alive");
    check(!m->is_kept || theirs->is_kept || ours->answers_head, "kept, though http-parser closes");
    check(m->is_upgrade == theirs->is_upgrade ||
              (theirs->is_upgrade && (m->minor == 0 || sc_str_eq(m->method, SC_STR("CONNECT")))),
          "upgrade");
}

/* Returns false when there is nothing more to compare. */
static bool compare_message(const run *ours, const run *theirs, uint32_t i, bool is_request)
{
    const message *m = &ours->messages[i];
    const message *peer = &theirs->messages[i];
    sc_str body = sc_buf_str(&m->body);

    if (!m->has_head || (is_request && !is_known(m->method)))
        return false;
    if (has_longer_name(m, SC_STR("transfer-encoding")) ||
        (has_header(m, "transfer-encoding: ") && has_tab(ours->data)))
        return false;
    if (i + 1 == theirs->count && theirs->parser.http_errno == HPE_INVALID_CONTENT_LENGTH &&
        has_number(m, SC_STR("content-length: ")))
        return false;
    check(i < theirs->count && peer->has_head, "http-parser refuses this head");
    compare_heads(m, peer, ours);
    check(sc_str_starts(sc_buf_str(&peer->body), body), "another body");
    if (!m->is_complete)
        return true;
    if (!peer->is_complete && i + 1 == theirs->count && (theirs->parser.flags & F_TRAILING))
        return false;
    check(peer->is_complete && sc_buf_len(&peer->body) == body.len, "another end of the message");
    return true;
}

/* http-parser takes any byte behind one for its line feed. */
static bool has_lone_cr(sc_str data)
{
    for (size_t i = 0; i + 1 < data.len; i++) {
        if (data.at[i] == '\r' && data.at[i + 1] != '\n')
            return true;
    }
    return false;
}

/* What is refused on its own, not for being cut off, has its place in `stricter`. */
static void check_reason(const run *ours, const run *theirs)
{
    if (ours->code == SC_OK || ours->code == SC_CANCELLED ||
        (theirs->parser.http_errno != HPE_OK && theirs->parser.http_errno != HPE_INVALID_EOF_STATE))
        return;
    if (strstr(ours->err.text, "stream ended")) {
        check(theirs->parser.http_errno != HPE_OK || has_lone_cr(ours->data),
              "only http-parser finds the end of the message");
        return;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(stricter); i++) {
        if (strcmp(ours->err.text, stricter[i].why) == 0)
            return;
    }
    check(false, ours->err.text);
}

static void compare(const run *ours, const run *theirs, bool is_request)
{
    for (uint32_t i = 0; i < ours->count; i++) {
        if (!compare_message(ours, theirs, i, is_request))
            return;
    }
    if (ours->code == SC_OK)
        check(theirs->count <= ours->count, "a message is missing");
    check_reason(ours, theirs);
}

/* ---- the target ---- */

static void start(run *r, sc_str data, bool answers_head)
{
    *r = (run){.data = data, .answers_head = answers_head};
    sc_arena_init(&r->mem, NULL);
}

static void finish(run *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        sc_buf_deinit(&r->messages[i].headers);
        sc_buf_deinit(&r->messages[i].body);
    }
    sc_buf_deinit(&r->target);
    sc_buf_deinit(&r->line);
    sc_arena_deinit(&r->mem);
}

static void run_all(sc_str data, bool is_request, bool answers_head)
{
    static run whole, cut, theirs;

    start(&whole, data, answers_head);
    start(&cut, data, answers_head);
    start(&theirs, data, answers_head);
    read_ours(&whole, is_request, data.len);
    read_ours(&cut, is_request, (size_t)((uint8_t)data.at[0] % 16) + 1);
    compare_pieces(&whole, &cut);
    read_theirs(&theirs, is_request);
    compare(&whole, &theirs, is_request);
    finish(&whole);
    finish(&cut);
    finish(&theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    run_all(sc_str_of(data, len), true, false);
    run_all(sc_str_of(data, len), false, false);
    run_all(sc_str_of(data, len), false, true);
    return 0;
}
