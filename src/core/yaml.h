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

#endif
