/* SPDX-License-Identifier: MIT
 *
 * JSON (RFC 8259): a scanner that validates without building anything, the same scanner building a
 * document, and the writer. Errors are worded as Go's encoding/json words them where Dapr shows
 * them.
 */
#ifndef SC_WIRE_JSON_H
#define SC_WIRE_JSON_H

#include "core/buf.h"
#include "core/doc.h"
#include "core/error.h"
#include "core/pairs.h"

#define SC_JSON_MAX_DEPTH 512u

/* Scans the first value of `text`. On success `*value` is its slice (white space trimmed) and
 * `*rest` (may be NULL) what follows it. Fails with SC_INVALID and the position. */
sc_code sc_json_scan(sc_str text, sc_str *value, sc_str *rest, sc_error *err) SC_MUST_CHECK;
/* The same for who hands the value on as it is: `*is_utf8` says whether its strings are UTF-8, as
 * JSON has to be between systems (RFC 8259 section 8.1). */
sc_code sc_json_scan_utf8(sc_str text, sc_str *value, bool *is_utf8, sc_error *err) SC_MUST_CHECK;
/* True when all of `text` is one value. */
bool sc_json_is_valid(sc_str text);

/* The first value of `text` as a tree in `mem`; `*rest` as above. Strings without escapes are
 * borrowed from `text`, invalid UTF-8 and lone surrogates become U+FFFD. */
sc_code sc_json_parse(sc_str text, sc_arena *mem, sc_doc **out, sc_str *rest,
                      sc_error *err) SC_MUST_CHECK;

/* Walks the members of an object whose text was scanned before. Start with *at = the object's
 * slice; false at the end. `*key` is raw, between its quotes; `*value` is the member's slice. */
bool sc_json_next_member(sc_str *at, sc_str *key, sc_str *value);
/* The same for the elements of an array. */
bool sc_json_next_element(sc_str *at, sc_str *element);
/* The text of a scanned string, quotes included in `raw`; unescaped into `mem` when needed. */
sc_str sc_json_unquote(sc_str raw, sc_arena *mem);

/* Appends `text` as a string in quotes, escaped as Go does (with < > & and U+2028/9 escaped);
 * bytes that are not UTF-8 become \ufffd. */
void sc_json_add_string(sc_buf *out, sc_str text);
/* Appends a number in the fewest digits that read back as the same, as Go's encoding/json:
 * exponents below 1e-6 and from 1e21. What JSON has no number for is the text "NaN", "Infinity". */
void sc_json_add_double(sc_buf *out, double number);
void sc_json_add_float(sc_buf *out, float number);
/* Appends a scanned value with what is not UTF-8 in its strings as \ufffd, as Go writes it. */
void sc_json_add_repaired(sc_buf *out, sc_str value);
/* Appends the pairs as an object of strings, in their order. */
void sc_json_add_pairs(sc_buf *out, const sc_pairs *pairs);
/* Appends a document, compact; keys in memcmp order (last of duplicates wins) when `is_sorted`. */
void sc_json_add_doc(sc_buf *out, const sc_doc *doc, bool is_sorted);

#endif
