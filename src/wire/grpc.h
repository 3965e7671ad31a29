/* SPDX-License-Identifier: MIT
 *
 * The small texts of gRPC over HTTP/2: grpc-timeout, grpc-message, grpc-status, binary metadata
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). No I/O.
 */
#ifndef SC_WIRE_GRPC_H
#define SC_WIRE_GRPC_H

#include "core/arena.h"
#include "core/error.h"
#include "wire/gzip.h" /* the one compression of messages that is spoken */

/* "100m" and so on; at most eight digits and a unit H M S m u n. Fails with SC_INVALID. */
sc_code sc_grpc_timeout_parse(sc_str text, uint64_t *timeout_ns, sc_error *err) SC_MUST_CHECK;
/* The finest unit that fits eight digits. */
sc_str sc_grpc_timeout_format(uint64_t timeout_ns, sc_arena *mem);
/* Percent-encoding of grpc-message: everything outside ' '..'~', '%' itself, and a space at either
 * end. */
sc_str sc_grpc_message_encode(sc_str text, sc_arena *mem);
/* Bytes that are no valid escape stay as they are. */
sc_str sc_grpc_message_decode(sc_str text, sc_arena *mem);
/* A grpc-status value; SC_UNKNOWN for a text that is no known number. */
sc_code sc_grpc_status_from(sc_str text);
/* "0".."16", static. */
sc_str sc_grpc_status_number(sc_code code);
/* The code for an HTTP status that came instead of a gRPC answer. */
sc_code sc_grpc_code_of_http(int status);
/* Values of metadata whose name ends in "-bin": base64 without padding; decoding takes either. */
sc_str sc_grpc_bin_encode(sc_str bytes, sc_arena *mem);
bool sc_grpc_bin_decode(sc_str text, sc_arena *mem, sc_str *bytes) SC_MUST_CHECK;

#endif
