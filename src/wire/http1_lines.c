/* SPDX-License-Identifier: MIT
 *
 * The lines of an HTTP/1.1 head: request line or status line, then headers (RFC 9112 sections 2 to
 * 5). Finds where things are; what headers mean is up to http1_head.c.
 *
 * A function that reads a line returns where the next one begins, or NULL with a refusal. Whoever
 * called it drops the refusal when the line has no end yet: it is then only unfinished.
 */
#include <stdlib.h>

#include "wire/http1_internal.h"
#include "wire/http1_scan.h"

static const char *read_request_line(sc_http1_lines *lines, const char *at, const char *end);
static const char *read_status_line(sc_http1_lines *lines, const char *at, const char *end);
static const char *read_field(sc_http1_lines *lines, const char *text, const char *at,
                              const char *end);

/* clang-format off */
const uint8_t sc_http1_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 3, 0, 1, 3, 3, 3, 3, 2, 2, 3, 3, 2, 3, 3, 0, /*  !"#$%&'()*+,-./ */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 0, 2, 0, 0, /* 0123456789:;<=>? */
    0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* @ABCDEFGHIJKLMNO */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 0, 2, 1, 3, /* PQRSTUVWXYZ[\]^_ */
    1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, /* `abcdefghijklmno */
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 1, 0, 3, 0, /* pqrstuvwxyz{|}~  */
};
/* clang-format on */

static const char *refuse(sc_http1_lines *lines, sc_code code, const char *text)
{
    lines->refusal = (sc_http1_refusal){code, text};
    return NULL;
}

/* Bytes of TLS or of another protocol are told apart before they happen to hold a line end. */
static bool can_begin(const sc_http1_lines *lines, const char *text, size_t len)
{
    size_t at = 0;

    if (!lines->is_request)
        return memcmp(text, "HTTP/", len < 5 ? len : 5) == 0;
    while (at < len && at < SC_HTTP1_EARLY && sc_http1_is_of(text[at], SC_HTTP1_TOKEN))
        at++;
    return at == len || at == SC_HTTP1_EARLY || (at > 0 && text[at] == ' ');
}

/* What came of a line that could not be read: it may only be unfinished. */
static sc_http1_progress give_up(const sc_http1_lines *lines, const char *at, const char *end)
{
    size_t len = (size_t)(end - at);

    if (memchr(at, '\n', len) || (!lines->has_start && !can_begin(lines, at, len)))
        return SC_HTTP1_WRONG;
    return SC_HTTP1_MORE;
}

sc_http1_progress sc_http1_lines_read(sc_http1_lines *lines, const char *text, size_t len)
{
    const char *end = text + len;
    const char *at = text + lines->len;

    for (;;) {
        const char *next;
        bool is_last = false;

        if (at == end)
            return SC_HTTP1_MORE;
        if (lines->has_start) {
            is_last = *at == '\r' || *at == '\n';
            next = read_field(lines, text, at, end);
        } else {
            next = lines->is_request ? read_request_line(lines, at, end)
                                     : read_status_line(lines, at, end);
        }
        if (!next)
            return give_up(lines, at, end);
        lines->has_start = true;
        lines->len = (uint32_t)(next - text);
        if (is_last)
            return SC_HTTP1_WHOLE;
        at = next;
    }
}

static const char *skip_token(const char *at, const char *end)
{
    while (at < end && sc_http1_is_of(*at, SC_HTTP1_TOKEN))
        at++;
    return at;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Behind the end of a line, which is to stand at `at`. A line feed alone will do (RFC 9112 section
 * 2.2), a carriage return alone never. */
static const char *pass_line_end(sc_http1_lines *lines, const char *at, const char *end,
                                 const char *otherwise)
{
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
        return at + 2;
    if (at < end && *at == '\n')
        return at + 1;
    return refuse(lines, SC_INVALID,
                  at < end && *at == '\r' ? "malformed HTTP: LF character expected" : otherwise);
}

/* "HTTP/1.1" */
static const char *read_version(sc_http1_lines *lines, const char *at, const char *end)
{
    if (end - at < 8 || memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' ||
        !is_digit(at[7]))
        return refuse(lines, SC_INVALID, "malformed HTTP: invalid HTTP version");
    if (at[5] != '1')
        return refuse(lines, SC_UNIMPLEMENTED, "unsupported protocol version");
    lines->minor = (uint8_t)(at[7] - '0');
    return at + 8;
}

/* ---- requests ---- */

static size_t authority_len(sc_str text)
{
    size_t len = 0;

    while (len < text.len && sc_http1_is_of(text.at[len], SC_HTTP1_AUTHORITY))
        len++;
    return len;
}

/* "host:80" */
static bool is_host_and_port(sc_str text)
{
    size_t port = text.len;

    while (port > 0 && is_digit(text.at[port - 1]))
        port--;
    return port < text.len && port > 1 && text.at[port - 1] == ':' &&
           authority_len(text) == text.len;
}

/* "http://host/path". User information in it is an error (RFC 9110 section 4.2.4). */
static bool is_absolute(sc_str text)
{
    size_t scheme = 0;
    size_t host;

    while (scheme < text.len && (text.at[scheme] | 0x20) >= 'a' && (text.at[scheme] | 0x20) <= 'z')
        scheme++;
    if (scheme == 0 || !sc_str_starts(sc_str_sub(text, scheme, text.len), SC_STR("://")))
        return false;
    text = sc_str_sub(text, scheme + 3, text.len);
    host = authority_len(text);
    return host > 0 && (host == text.len || text.at[host] == '/' || text.at[host] == '?');
}

/* RFC 9112 section 3.2: the four forms. Most begin with a slash. */
static bool is_target(sc_str method, sc_str target)
{
    if (sc_str_eq(method, SC_STR("CONNECT")))
        return is_host_and_port(target);
    if (target.len > 0 && target.at[0] == '/')
        return true;
    if (sc_str_eq(target, SC_STR("*")))
        return sc_str_eq(method, SC_STR("OPTIONS"));
    return is_absolute(target);
}

static const char *read_request_line(sc_http1_lines *lines, const char *at, const char *end)
{
    const char *method = at;
    const char *target;

    at = skip_token(at, end);
    if (at == method || at == end || *at != ' ')
        return refuse(lines, SC_INVALID, "malformed HTTP: invalid HTTP method");
    lines->method_len = (uint32_t)(at - method);
    target = ++at;
    at = sc_http1_skip_target(at, end);
    lines->target_len = (uint32_t)(at - target);
    if (!is_target(sc_str_of(method, lines->method_len), sc_str_of(target, lines->target_len)))
        return refuse(lines, SC_INVALID, "malformed HTTP: invalid URL");
    if (at == end || *at != ' ')
        return refuse(lines, SC_INVALID,
                      at < end && (*at == '\r' || *at == '\n')
                          ? "malformed HTTP: invalid HTTP version"
                          : "malformed HTTP: invalid URL");
    at = read_version(lines, at + 1, end);
    return at ? pass_line_end(lines, at, end, "malformed HTTP: invalid HTTP version") : NULL;
}

/* ---- responses ---- */

/* "HTTP/1.1 200 OK"; the reason may be missing, with the space before it. */
static const char *read_status_line(sc_http1_lines *lines, const char *at, const char *end)
{
    at = read_version(lines, at, end);
    if (!at)
        return NULL;
    if (end - at < 4 || at[0] != ' ' || at[1] < '1' || at[1] > '9' || !is_digit(at[2]) ||
        !is_digit(at[3]))
        return refuse(lines, SC_INVALID, "malformed HTTP: invalid HTTP status code");
    lines->status = (uint16_t)((at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0'));
    at += 4;
    if (at < end && *at == ' ')
        at = sc_http1_skip_value(at, end);
    return pass_line_end(lines, at, end, "malformed HTTP: invalid HTTP status code");
}

/* ---- headers ---- */

static void add_field(sc_http1_lines *lines, const sc_http1_field *field)
{
    if (lines->count == lines->cap) {
        lines->cap = lines->cap ? lines->cap * 2 : 16;
        lines->fields = realloc(lines->fields, lines->cap * sizeof(lines->fields[0]));
        if (!lines->fields)
            sc_out_of_memory("headers");
    }
    lines->fields[lines->count++] = *field;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* A line that begins with white space continues the value before it (RFC 9112 section 5.2): a
 * client has to take that, a server may refuse it and this one does. */
static const char *read_fold(sc_http1_lines *lines, const char *text, const char *at,
                             const char *end)
{
    sc_http1_field *last;
    const char *next;

    if (lines->count == 0)
        return refuse(lines, SC_INVALID, "a header name holds a space");
    if (lines->is_request)
        return refuse(lines, SC_INVALID, "a header goes on in a second line");
    at = sc_http1_skip_value(at, end);
    next = pass_line_end(lines, at, end, "a header value holds a control character");
    if (!next)
        return NULL;
    last = &lines->fields[lines->count - 1];
    last->value_len = (uint32_t)(at - text) - last->value_from;
    lines->has_fold = true;
    return next;
}

static const char *read_field(sc_http1_lines *lines, const char *text, const char *at,
                              const char *end)
{
    sc_http1_field field = {.name_from = (uint32_t)(at - text)};
    const char *name = at;
    const char *value;
    const char *next;

    if (*at == '\r' || *at == '\n')
        return pass_line_end(lines, at, end, NULL);
    if (is_blank(*at))
        return read_fold(lines, text, at, end);
    at = skip_token(at, end);
    if (at == name || at == end || *at != ':')
        return refuse(lines, SC_INVALID,
                      at < end && *at == ' ' ? "a header name holds a space"
                                             : "malformed HTTP: invalid character in header");
    if (lines->count == lines->max_fields)
        return refuse(lines, SC_EXHAUSTED, "there are more headers than the limit");
    field.name_len = (uint32_t)(at - name);
    at++;
    while (at < end && is_blank(*at))
        at++;
    value = at;
    at = sc_http1_skip_value(at, end);
    next = pass_line_end(lines, at, end, "a header value holds a control character");
    if (!next)
        return NULL;
    while (at > value && is_blank(at[-1]))
        at--;
    field.value_from = (uint32_t)(value - text);
    field.value_len = (uint32_t)(at - value);
    add_field(lines, &field);
    return next;
}
