/* SPDX-License-Identifier: MIT
 *
 * Between resources.c (folders, files, documents) and resource_kinds.c (what a document says).
 */
#ifndef SC_SIDECAR_RESOURCES_INTERNAL_H
#define SC_SIDECAR_RESOURCES_INTERNAL_H

#include "sidecar/resources.h"

typedef struct sc_resource_loader {
    sc_str app_id;
    sc_str namespace_;
    const sc_log *log;
    sc_arena *mem;
    sc_resources *out;
    const char *file; /* being read */
    /* The first reason to end the process with, after every file was looked at. */
    sc_error fatal;
} sc_resource_loader;

typedef struct sc_document_kind {
    sc_str version; /* apiVersion */
    sc_str kind;
    /* Adds it to loader->out. Fails with SC_INVALID and the place: the document is passed over with
     * a warning; what ends the process goes into loader->fatal. NULL: there is no such thing yet.
     */
    sc_code (*load)(sc_resource_loader *loader, const sc_doc *doc, bool is_in_scope, sc_error *err);
} sc_document_kind;

extern const sc_document_kind sc_document_kinds[];
extern const size_t sc_document_kind_count;

#endif
