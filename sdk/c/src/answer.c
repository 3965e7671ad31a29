/* SPDX-License-Identifier: MIT
 *
 * What a failure of the sidecar means (HTTP API, sections 3 and 10), and paths to it.
 */
#include <stdio.h>

#include "client_internal.h"
#include "wire/json.h"

/* Errors whose status alone would mislead. The first row that fits counts. */
static const struct {
    sc_str name;
    sc_str part; /* of the message; empty: any */
    pillion_code code;
} by_name[] = {
    {SC_STR_INIT("ERR_STATE_STORE_NOT_FOUND"), SC_STR_INIT(""), PILLION_NOT_FOUND},
    {SC_STR_INIT("ERR_STATE_STORE_NOT_CONFIGURED"), SC_STR_INIT(""), PILLION_NOT_FOUND},
    {SC_STR_INIT("ERR_STATE_STORE_NOT_SUPPORTED"), SC_STR_INIT(""), PILLION_UNIMPLEMENTED},
    {SC_STR_INIT("ERR_STATE_TRANSACTION"), SC_STR_INIT("etag mismatch"), PILLION_ABORTED},
    {SC_STR_INIT("ERR_STATE_SAVE"), SC_STR_INIT("etag mismatch"), PILLION_ABORTED},
    {SC_STR_INIT("ERR_SECRET_STORES_NOT_CONFIGURED"), SC_STR_INIT(""), PILLION_NOT_FOUND},
    {SC_STR_INIT("ERR_SECRET_STORE_NOT_FOUND"), SC_STR_INIT(""), PILLION_NOT_FOUND},
    {SC_STR_INIT("ERR_SECRET_GET"), SC_STR_INIT("not found"), PILLION_NOT_FOUND},
    {SC_STR_INIT("ERR_CONVERSATION_NOT_FOUND"), SC_STR_INIT(""), PILLION_NOT_FOUND},
    {SC_STR_INIT("ERR_HEALTH_NOT_READY"), SC_STR_INIT(""), PILLION_UNAVAILABLE},
    {SC_STR_INIT("ERR_OUTBOUND_HEALTH_NOT_READY"), SC_STR_INIT(""), PILLION_UNAVAILABLE},
};

static pillion_code code_of_status(int status)
{
    switch (status) {
    case 401:
        return PILLION_UNAUTHENTICATED;
    case 403:
        return PILLION_PERMISSION_DENIED;
    case 404:
        return PILLION_NOT_FOUND;
    case 408:
    case 504:
        return PILLION_DEADLINE;
    case 409:
        return PILLION_ABORTED;
    case 412:
        return PILLION_FAILED_PRECONDITION;
    case 413:
    case 429:
    case 431:
        return PILLION_EXHAUSTED;
    case 501:
        return PILLION_UNIMPLEMENTED;
    case 502:
    case 503:
        return PILLION_UNAVAILABLE;
    default:
        return status < 500 ? PILLION_INVALID : PILLION_INTERNAL;
    }
}

static void cut_into(char *to, size_t size, sc_str text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    if (len > 0)
        memcpy(to, text.at, len);
    to[len] = '\0';
}

void answer_error(pillion_error *err, int status, sc_str body)
{
    sc_arena mem;
    sc_doc *doc = NULL;
    sc_str name, message;

    sc_arena_init(&mem, NULL);
    if (sc_json_parse(body, &mem, &doc, NULL, NULL) != SC_OK)
        doc = NULL;
    name = sc_doc_string(sc_doc_get(doc, SC_STR("errorCode")));
    message = sc_doc_string(sc_doc_get(doc, SC_STR("message")));
    if (message.len > 0)
        (void)error_set(err, code_of_status(status), "%.*s", SC_FMT(message));
    else
        (void)error_set(err, code_of_status(status), "HTTP status %d%s%.*s", status,
                        body.len > 0 ? ": " : "", (int)(body.len < 300 ? body.len : 300), body.at);
    err->status = status;
    cut_into(err->name, sizeof(err->name), name);
    for (size_t i = 0; i < SC_ARRAY_LEN(by_name); i++) {
        if (sc_str_eq(name, by_name[i].name) &&
            sc_str_find_str(message, by_name[i].part) < message.len + (by_name[i].part.len == 0)) {
            err->code = by_name[i].code;
            break;
        }
    }
    sc_arena_deinit(&mem);
}

/* ---- paths ---- */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void path_add(sc_buf *out, sc_str text)
{
    bool is_dots = sc_str_eq(text, SC_STR(".")) || sc_str_eq(text, SC_STR(".."));

    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.at[i]) && !is_dots)
            sc_buf_add_byte(out, text.at[i]);
        else
            sc_buf_add_fmt(out, "%%%02X", (unsigned)(unsigned char)text.at[i]);
    }
}

void path_add_param(sc_buf *out, const char *name, sc_str value)
{
    bool has_query = sc_str_find(sc_buf_str(out), '?') < sc_buf_len(out);

    sc_buf_add_byte(out, has_query ? '&' : '?');
    path_add(out, sc_str_from(name));
    sc_buf_add_byte(out, '=');
    path_add(out, value);
}

void path_add_metadata(sc_buf *out, const pillion_pair *metadata, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sc_buf name = {0};

        sc_buf_add_fmt(&name, "metadata.%s", metadata[i].name);
        sc_buf_add_byte(&name, '\0');
        path_add_param(out, sc_buf_at(&name), sc_str_from(metadata[i].value));
        sc_buf_deinit(&name);
    }
}
