/* SPDX-License-Identifier: MIT
 *
 * What the lines of an HTTP/1.1 head mean: how long the body is (RFC 9112 section 6), whether the
 * connection stays (section 9), and the copy in the message's arena that slices point into.
 */
#include "wire/http1_internal.h"

/* The headers that the codec itself has to understand. */
typedef struct framing_headers {
    uint64_t length;
    bool has_length;
    bool has_coding;
    bool closes;
    bool keeps;
    bool upgrades; /* "Connection: upgrade" */
    bool has_upgrade;
    bool has_host;
    bool expects_continue;
} framing_headers;

static sc_code refuse(sc_http1_refusal *refusal, sc_code code, const char *text)
{
    *refusal = (sc_http1_refusal){code, text};
    return code;
}

/* ---- the copy ---- */

static void lower_eight(char *at)
{
    uint64_t eight;

    memcpy(&eight, at, 8);
    eight |= sc_str_uppers(eight) >> 2;
    memcpy(at, &eight, 8);
}

/* A name; its last eight bytes may be lowered twice, which does no harm. */
static void lower(char *at, uint32_t len)
{
    uint32_t i = 0;

    if (len >= 8) {
        for (; len - i > 8; i += 8)
            lower_eight(at + i);
        lower_eight(at + len - 8);
        return;
    }
    for (; i < len; i++) {
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] | 0x20);
    }
}

/* RFC 9112 section 5.2: a line end inside of a value is as good as spaces. */
static sc_str unfold(char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '\r' || at[i] == '\n')
            at[i] = ' ';
    }
    return sc_str_trim(sc_str_of(at, len));
}

/* One piece of memory: the list of headers, then the text. Returns the text, or NULL. */
static char *copy_text(sc_http1_head *head, const sc_http1_lines *lines, const char *text,
                       sc_arena *mem)
{
    size_t list_len = lines->count * sizeof(sc_pair);
    char *copy = sc_arena_try(mem, list_len + lines->len);

    if (!copy)
        return NULL;
    head->headers = (sc_pairs){(sc_pair *)(void *)copy, lines->count, lines->count};
    copy += list_len;
    memcpy(copy, text, lines->len);
    for (uint32_t i = 0; i < lines->count; i++) {
        const sc_http1_field *field = &lines->fields[i];
        sc_pair *pair = &head->headers.at[i];

        lower(copy + field->name_from, field->name_len);
        pair->name = sc_str_of(copy + field->name_from, field->name_len);
        pair->value = sc_str_of(copy + field->value_from, field->value_len);
        if (lines->has_fold)
            pair->value = unfold(copy + field->value_from, field->value_len);
    }
    return copy;
}

/* ---- headers ---- */

/* One number, once: lists and repetitions are what two readers would not agree on. */
static sc_code read_length(framing_headers *seen, sc_str value, sc_http1_refusal *refusal)
{
    if (seen->has_length)
        return refuse(refusal, SC_INVALID, "malformed HTTP: unexpected content-length header");
    seen->has_length = true;
    if (!sc_str_to_u64(value, &seen->length) || seen->length > INT64_MAX)
        return refuse(refusal, SC_INVALID,
                      "malformed HTTP: invalid character in content-length header");
    return SC_OK;
}

/* No other coding is asked for by anyone here, and none would be undone (RFC 9112 section 6.1). */
static sc_code read_coding(framing_headers *seen, sc_str value, sc_http1_refusal *refusal)
{
    if (seen->has_coding || !sc_str_eq_nocase(value, SC_STR("chunked")))
        return refuse(refusal, SC_INVALID, "the transfer coding is not chunked");
    seen->has_coding = true;
    return SC_OK;
}

/* RFC 9112 section 3.2: one Host, and it has to be one. */
static sc_code read_host(framing_headers *seen, sc_str value, sc_http1_refusal *refusal)
{
    if (seen->has_host)
        return refuse(refusal, SC_INVALID, "too many Host headers");
    seen->has_host = true;
    for (size_t i = 0; i < value.len; i++) {
        if (!sc_http1_is_of(value.at[i], SC_HTTP1_AUTHORITY))
            return refuse(refusal, SC_INVALID, "malformed Host header");
    }
    return SC_OK;
}

static void read_connection(framing_headers *seen, sc_str value)
{
    while (value.at) {
        sc_str option = sc_str_trim(sc_str_cut(&value, ','));

        seen->closes |= sc_str_eq_nocase(option, SC_STR("close"));
        seen->keeps |= sc_str_eq_nocase(option, SC_STR("keep-alive"));
        seen->upgrades |= sc_str_eq_nocase(option, SC_STR("upgrade"));
    }
}

static sc_code read_header(framing_headers *seen, const sc_pair *pair, bool is_request,
                           sc_http1_refusal *refusal)
{
    switch (pair->name.len) {
    case 4:
        if (is_request && sc_str_eq(pair->name, SC_STR("host")))
            return read_host(seen, pair->value, refusal);
        break;
    case 6:
        if (sc_str_eq(pair->name, SC_STR("expect")))
            seen->expects_continue |= sc_str_eq_nocase(pair->value, SC_STR("100-continue"));
        break;
    case 7:
        seen->has_upgrade |= sc_str_eq(pair->name, SC_STR("upgrade")) && pair->value.len > 0;
        break;
    case 10:
        if (sc_str_eq(pair->name, SC_STR("connection")))
            read_connection(seen, pair->value);
        break;
    case 14:
        if (sc_str_eq(pair->name, SC_STR("content-length")))
            return read_length(seen, pair->value, refusal);
        break;
    case 17:
        if (sc_str_eq(pair->name, SC_STR("transfer-encoding")))
            return read_coding(seen, pair->value, refusal);
        break;
    default:
        break;
    }
    return SC_OK;
}

static sc_code read_headers(framing_headers *seen, const sc_http1_head *head, bool is_request,
                            sc_http1_refusal *refusal)
{
    for (uint32_t i = 0; i < head->headers.count; i++) {
        sc_code code = read_header(seen, &head->headers.at[i], is_request, refusal);

        if (code != SC_OK)
            return code;
    }
    if (seen->has_length && seen->has_coding)
        return refuse(refusal, SC_INVALID, "malformed HTTP: unexpected content-length header");
    if (is_request && seen->has_coding && head->minor == 0)
        return refuse(refusal, SC_INVALID, "HTTP/1.0 has no transfer coding");
    return SC_OK;
}

/* ---- the verdict ---- */

/* RFC 9112 section 6.3 */
static sc_http1_framing framing_of(const framing_headers *seen, int status, bool is_request,
                                   bool has_body)
{
    if (!has_body || (!is_request && (status / 100 == 1 || status == 204 || status == 304)))
        return SC_HTTP1_EMPTY;
    if (seen->has_coding)
        return SC_HTTP1_CHUNKED;
    if (seen->has_length)
        return seen->length > 0 ? SC_HTTP1_COUNTED : SC_HTTP1_EMPTY;
    return is_request ? SC_HTTP1_EMPTY : SC_HTTP1_UNTIL_CLOSE;
}

/* RFC 9112 section 9.3; and section 6.1, where a coding in HTTP/1.0 ends the connection. */
static bool keeps_alive(const framing_headers *seen, int minor, sc_http1_framing framing)
{
    if (seen->closes || framing == SC_HTTP1_UNTIL_CLOSE)
        return false;
    return minor >= 1 || (seen->keeps && !seen->has_coding);
}

sc_code sc_http1_head_make(sc_http1_head *head, const sc_http1_lines *lines, const char *text,
                           sc_arena *mem, bool has_body, sc_http1_framing *framing,
                           sc_http1_refusal *refusal)
{
    framing_headers seen = {0};
    const char *copy;
    sc_code code;

    *head = (sc_http1_head){.minor = lines->minor, .status = lines->status};
    copy = copy_text(head, lines, text, mem);
    if (!copy)
        return refuse(refusal, SC_EXHAUSTED, "there is no memory for the head");
    code = read_headers(&seen, head, lines->is_request, refusal);
    if (code != SC_OK)
        return code;
    if (lines->is_request) {
        head->method = sc_str_of(copy, lines->method_len);
        head->target = sc_str_of(copy + lines->method_len + 1, lines->target_len);
    }
    *framing = framing_of(&seen, head->status, lines->is_request, has_body);
    head->body_len = *framing == SC_HTTP1_EMPTY     ? 0
                     : *framing == SC_HTTP1_COUNTED ? seen.length
                                                    : SC_HTTP1_LEN_UNKNOWN;
    head->keep_alive = keeps_alive(&seen, lines->minor, *framing);
    head->expects_continue = seen.expects_continue && lines->minor >= 1;
    head->is_upgrade = seen.upgrades && seen.has_upgrade && lines->minor >= 1 &&
                       (lines->is_request || head->status == 101);
    return SC_OK;
}
