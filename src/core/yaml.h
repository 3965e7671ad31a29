/* SPDX-License-Identifier: MIT
 *
 * YAML files as documents with positions, for resources. Plain scalars are typed as Kubernetes'
 * YAML does: true/false (and yes/no, on/off of YAML 1.1) are booleans, numbers keep their text, ~
 * and null are null; quoted scalars are strings.
 */
#ifndef SC_CORE_YAML_H
#define SC_CORE_YAML_H

#include "core/doc.h"
#include "core/error.h"

#define SC_YAML_MAX_LEN   (4u * 1024u * 1024u)
#define SC_YAML_MAX_DEPTH 64u
#define SC_YAML_MAX_NODES 100000u

/* Reads every document of `text` into `mem`: an array document with one element each; empty
 * documents are left out. `name` is the file, for messages.
 * Fails with SC_INVALID worded "name:line:column: what is wrong". */
sc_code sc_yaml_parse(sc_str text, const char *name, sc_arena *mem, sc_doc **out,
                      sc_error *err) SC_MUST_CHECK;

/* Cuts the text up to the next line that begins with "---" from the front of `*rest`, as Dapr
 * splits resources; the rest of that line is dropped. `lines`: how many were cut. After the last
 * document `*rest` has at == NULL. */
sc_str sc_yaml_cut_document(sc_str *rest, uint32_t *lines);

/* The same for one document of a resource file that begins behind `lines_before` lines, with plain
 * scalars as Kubernetes' YAML has them: y and n are truth values too, and numbers (0x10,
 * 0777, 1.50) have the text of their JSON (16, 511, 1.5). A key may be repeated: sc_doc_get
 * finds the last. */
sc_code sc_yaml_parse_resource(sc_str text, const char *name, uint32_t lines_before, sc_arena *mem,
                               sc_doc **out, sc_error *err) SC_MUST_CHECK;

/* Nothing is read for a while: the parser's code, half a megabyte, goes out of memory. It comes
 * back by itself when it is needed. */
void sc_yaml_rest(void);

#endif
