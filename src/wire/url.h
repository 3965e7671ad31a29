/* SPDX-License-Identifier: MIT
 *
 * The parts of URLs: percent-encoding and query strings (RFC 3986, and the form encoding of '+').
 */
#ifndef SC_WIRE_URL_H
#define SC_WIRE_URL_H

#include "core/arena.h"
#include "core/error.h"

/* Go's url.QueryUnescape: %XX and '+' for a space. Without either, `text` itself is returned. False
 * for a broken escape. */
bool sc_url_unescape(sc_str text, sc_arena *mem, sc_str *out) SC_MUST_CHECK;
/* Takes the next name=value of a query string, unescaped. Parts that cannot be decoded or hold ';'
 * are passed over, as in Go. False at the end. Start with *at = the query without '?'. */
bool sc_url_next_param(sc_str *at, sc_arena *mem, sc_str *name, sc_str *value);
/* Go's url.PathUnescape: %XX alone. False for a broken escape. */
bool sc_url_unescape_path(sc_str text, sc_arena *mem, sc_str *out) SC_MUST_CHECK;
/* A decoded path as one to send: what must be escaped is, "%XX" stays as it is. `text` itself when
 * nothing changes. Fails with SC_INVALID, worded as Go's parser, for a '%' that no escape follows.
 */
sc_code sc_url_escape_path(sc_str text, sc_arena *mem, sc_str *out, sc_error *err) SC_MUST_CHECK;
/* The path with doubled slashes collapsed, "." and ".." resolved and one trailing slash removed. A
 * clean path is returned as it is. */
sc_str sc_url_clean_path(sc_str path, sc_arena *mem);
/* What a user wrote as a path, perhaps with a query, as the target of a request: the path cleaned
 * and with a '/' in front, and everything that may not stand in a target percent-encoded; escapes
 * that are there stay. Anything goes in, nothing that ends a line comes out. */
sc_str sc_url_target(sc_str text, sc_arena *mem);

#endif
