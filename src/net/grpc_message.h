/* SPDX-License-Identifier: MIT
 *
 * What the gRPC server and client share: messages put together from body bytes, and metadata to and
 * from header lists.
 */
#ifndef SC_NET_GRPC_MESSAGE_H
#define SC_NET_GRPC_MESSAGE_H

#include "core/buf.h"
#include "core/error.h"
#include "core/pairs.h"

#define SC_GRPC_PREFIX_LEN      5u
#define SC_GRPC_MAX_MESSAGE_LEN (4u * 1024u * 1024u) /* the default limit */

/* The message that is just arriving on one stream. Zeroed but for the settings before use. */
typedef struct sc_grpc_inbox {
    sc_arena *mem;
    uint64_t max_len;
    sc_str encoding; /* the peer's grpc-encoding; empty: none */
    bool keeps;      /* messages live in `mem`; else only until the next call */
    /* its own */
    bool is_compressed;
    uint32_t prefix_len;
    uint32_t len;
    uint32_t got;
    uint8_t prefix[SC_GRPC_PREFIX_LEN];
    char *into;   /* in `mem`, when it keeps */
    sc_buf parts; /* when it does not, and the message comes in pieces */
    sc_buf plain; /* decompressed */
} sc_grpc_inbox;

/* Takes from the front of `*bytes` up to the end of one message. SC_OK: `*message` is whole.
 * SC_PENDING: all bytes are taken, more are needed. Otherwise the status to end the call with, in
 * the words of grpc-go. */
sc_code sc_grpc_inbox_take(sc_grpc_inbox *inbox, sc_str *bytes, sc_str *message,
                           sc_error *err) SC_MUST_CHECK;
/* True when the bytes so far end inside a message. */
bool sc_grpc_inbox_is_inside(const sc_grpc_inbox *inbox);
void sc_grpc_inbox_deinit(sc_grpc_inbox *inbox);

/* Appends one message made of `parts`, with its prefix. */
void sc_grpc_put_parts(sc_buf *out, const sc_str *parts, size_t count);
/* The same, compressed with gzip. */
sc_code sc_grpc_put_gzip(sc_buf *out, sc_str message, sc_error *err) SC_MUST_CHECK;
/* Room for a prefix and `len` bytes at the end of `out`: where to write the bytes. */
char *sc_grpc_room(sc_buf *out, size_t len);
/* The prefix for `len` bytes written there. */
void sc_grpc_commit(sc_buf *out, size_t len);

/* Headers or trailers of the peer as metadata: without what gRPC itself uses, "-bin" values
 * decoded. Fails with SC_INTERNAL when such a value is not base64. Values are borrowed or in `mem`.
 */
sc_code sc_grpc_metadata_from(const sc_pairs *headers, sc_arena *mem, sc_pairs *out,
                              sc_error *err) SC_MUST_CHECK;
/* Adds one pair to a list of headers to send: the name in lower case, "-bin" values encoded, bytes
 * that HTTP/2 forbids dropped. Copies into `mem` what it changes. */
void sc_grpc_metadata_put(sc_pairs *headers, sc_arena *mem, sc_str name, sc_str value);
/* The same with copies of both. */
void sc_grpc_metadata_put_copy(sc_pairs *headers, sc_arena *mem, sc_str name, sc_str value);

#endif
