/* SPDX-License-Identifier: MIT
 *
 * What HTTP servers and clients share: lengths, status texts, how a header is written.
 */
#ifndef SC_NET_HTTP_H
#define SC_NET_HTTP_H

#include "core/buf.h"

#define SC_HTTP_LEN_UNKNOWN UINT64_MAX /* of a body: chunked, or until the stream ends */

/* The standard phrase: "Not Found"; NULL for a number that has none. */
const char *sc_http_status_phrase(int status);
/* The same for people to read: "Status" for a number that has none. */
const char *sc_http_status_text(int status);

/* RFC 9110 section 6.4.1: whatever its headers say. */
static inline bool sc_http_status_has_no_body(int status)
{
    return status == 204 || status == 304 || (status >= 100 && status < 200);
}

/* "name: value" and a line end, "content-type" as "Content-Type": the first letter of a name and
 * each behind '-' in upper case, as Go writes them and people expect to read them. */
void sc_http_put_header(sc_buf *out, sc_str name, sc_str value);
/* The line in front of a chunk (RFC 9112 section 7.1). */
void sc_http_put_chunk_len(sc_buf *out, size_t len);

#endif
