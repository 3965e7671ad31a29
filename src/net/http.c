/* SPDX-License-Identifier: MIT
 *
 * Status texts and header lines.
 */
#include "net/http.h"

const char *sc_http_status_phrase(int status)
{
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        /* the usual ones first */
        {200, "OK"},
        {204, "No Content"},
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {208, "Already Reported"},
        {226, "IM Used"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {510, "Not Extended"},
        {511, "Network Authentication Required"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (rows[i].status == status)
            return rows[i].text;
    }
    return NULL;
}

const char *sc_http_status_text(int status)
{
    const char *phrase = sc_http_status_phrase(status);

    return phrase ? phrase : "Status";
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

void sc_http_put_header(sc_buf *out, sc_str name, sc_str value)
{
    char *room = sc_buf_room(out, name.len + value.len + 4);
    char *word = room;

    if (name.len > 0)
        memcpy(room, name.at, name.len);
    room[name.len] = '\0'; /* of the ": ", for now */
    for (; word; word = strchr(word, '-')) {
        word += *word == '-';
        *word = upper(*word);
    }
    memcpy(room + name.len, ": ", 2);
    if (value.len > 0)
        memcpy(room + name.len + 2, value.at, value.len);
    memcpy(room + name.len + 2 + value.len, "\r\n", 2);
    sc_buf_added(out, name.len + value.len + 4);
}

void sc_http_put_chunk_len(sc_buf *out, size_t len)
{
    sc_buf_add_hex(out, len);
    sc_buf_add_str(out, SC_STR("\r\n"));
}
