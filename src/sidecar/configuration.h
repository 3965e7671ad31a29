/* SPDX-License-Identifier: MIT
 *
 * The Configuration resource: the files of --config, laid one over the other.
 *
 * Each part has the type of the layer that acts on it, so it is handed on as it is. A part marked
 * "later" in the tables of configuration.c is answered with a warning; whoever makes it work takes
 * that mark away.
 */
#ifndef SC_SIDECAR_CONFIGURATION_H
#define SC_SIDECAR_CONFIGURATION_H

#include "api/access.h"
#include "block/secret_scopes.h"
#include "core/doc.h"
#include "core/error.h"
#include "core/log.h"
#include "observe/settings.h"
#include "policy/access.h"

/* spec.nameResolution */
typedef struct sc_name_resolution_spec {
    sc_str component;            /* "mdns", "sqlite", ...; empty: the default */
    sc_str version;              /* empty: "v1" */
    const sc_doc *configuration; /* any value; NULL: none */
} sc_name_resolution_spec;

/* A handler of spec.httpPipeline or spec.appHttpPipeline. */
typedef struct sc_middleware_spec {
    sc_str name;
    sc_str type;
    sc_str version; /* empty: "v1" */
} sc_middleware_spec;

typedef struct sc_feature {
    sc_str name;
    bool is_enabled;
} sc_feature;

typedef struct sc_configuration {
    sc_api_rules api;
    sc_secret_scope *secret_scopes;
    uint32_t secret_scopes_count;
    sc_name_resolution_spec name_resolution;
    sc_middleware_spec *http_pipeline; /* the first is the outermost */
    uint32_t http_pipeline_count;
    sc_middleware_spec *app_http_pipeline;
    uint32_t app_http_pipeline_count;
    sc_metric_settings metric;
    sc_tracing_settings tracing;
    sc_api_log_settings api_log;
    sc_access_control access_control;
    sc_feature *features; /* as written; see sc_configuration_has_feature */
    uint32_t features_count;
    sc_str *denied_components; /* "type" or "type/version" */
    uint32_t denied_components_count;
    bool strict_wasm;
    bool wants_mtls; /* spec.mtls.enabled, which only the command line acts on */
} sc_configuration;

/* Reads `files` in order, each with environment variables put in ($NAME, ${NAME}), over the
 * defaults. Of a file with several documents the first Configuration counts; others are warned
 * about, as are keys without effect. Results live in `mem`.
 * Fails with SC_INVALID or SC_NOT_FOUND, worded as daprd's fatal errors with the place added. */
sc_code sc_configuration_load(const sc_str *files, uint32_t file_count, const sc_log *log,
                              sc_arena *mem, sc_configuration *out, sc_error *err) SC_MUST_CHECK;

/* Whether the last word of spec.features on `name` turns it on. */
bool sc_configuration_has_feature(const sc_configuration *configuration, sc_str name);
/* The names of all that are on, for the metadata; HotReload, which is not there yet, is never among
 * them. In `mem`. */
sc_str *sc_configuration_list_features(const sc_configuration *configuration, sc_arena *mem,
                                       uint32_t *count);

#endif
