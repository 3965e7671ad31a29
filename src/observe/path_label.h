/* SPDX-License-Identifier: MIT
 *
 * The label "path" of HTTP metrics (observability: path label): few enough values to keep, whatever
 * keys and ids the paths hold.
 */
#ifndef SC_OBSERVE_PATH_LABEL_H
#define SC_OBSERVE_PATH_LABEL_H

#include "core/arena.h"
#include "core/error.h"

typedef struct sc_path_labels sc_path_labels;

typedef struct sc_path_label_settings {
    bool has_full_paths;    /* increasedCardinality */
    const sc_str *patterns; /* pathMatching, as Go's ServeMux reads them; copied */
    uint32_t pattern_count;
} sc_path_label_settings;

/* Fails with SC_INVALID when a pattern is malformed or two patterns match the same paths and
 * neither is the more special one. */
sc_code sc_path_labels_new(const sc_path_label_settings *settings, sc_path_labels **out,
                           sc_error *err) SC_MUST_CHECK;
void sc_path_labels_free(sc_path_labels *labels); /* NULL is fine */

#define SC_PATH_LABEL_ROOM                                                                         \
    320u /* longer labels are cut; past 255 bytes nothing is counted anyway */

/* The label of `path` (without query, not decoded). Points into `path`, `labels` or `room`.
 * Allocates nothing. */
sc_str sc_path_label(const sc_path_labels *labels, sc_str path, char room[SC_PATH_LABEL_ROOM]);

#endif
