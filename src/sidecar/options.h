/* SPDX-License-Identifier: MIT
 *
 * daprd's command line and environment.
 */
#ifndef SC_SIDECAR_OPTIONS_H
#define SC_SIDECAR_OPTIONS_H

#include "core/arena.h"
#include "core/error.h"
#include "core/log.h"

#define SC_MAX_FOLDERS 16u
#define SC_MAX_CONFIGS 16u

typedef struct sc_options {
    sc_str app_id;
    uint16_t app_port;   /* 0: none */
    sc_str app_protocol; /* lower case: http https h2c grpc grpcs */
    sc_str app_host;
    int64_t app_max_concurrency; /* -1, 0: no limit */
    uint16_t http_port;
    uint16_t grpc_port;
    sc_str listen_addresses; /* "," between; empty: all interfaces */
    sc_str unix_socket_folder;
    sc_str allowed_origins; /* "," between; empty: no CORS */
    bool has_max_body_size; /* given: the deprecated flags do not count */
    bool has_read_buffer_size;
    bool app_ssl;       /* made http https, and grpc grpcs */
    bool checks_health; /* enable-app-health-check */
    sc_str health_path; /* begins with '/' */
    int64_t health_interval_s;
    int64_t health_timeout_ms;
    int64_t health_threshold; /* failures in a row until unhealthy */
    uint64_t max_body_len;    /* 0: no limit */
    uint64_t read_buffer_len;
    bool serves_metrics;      /* enable-metrics */
    sc_str metrics_port_text; /* as given: daprd reads it when it opens the page */
    sc_str metrics_host;
    sc_str resource_folders[SC_MAX_FOLDERS];
    uint32_t resource_folder_count;
    sc_str configs[SC_MAX_CONFIGS]; /* Configuration files, in order */
    uint32_t config_count;
    int64_t graceful_shutdown_s; /* 0: no limit */
    sc_log_level log_level;
    sc_str log_level_text;
    bool log_as_json;
    bool skips_subscribe; /* disable-init-endpoints */
    bool wants_version;
    bool wants_help;
    sc_str api_token;       /* DAPR_API_TOKEN */
    sc_str app_api_token;   /* APP_API_TOKEN */
    sc_str namespace_;      /* NAMESPACE, or "default" */
    sc_str plain_namespace; /* NAMESPACE as it is */
    sc_str ignored[64];     /* flags given whose work is not there yet: to be warned about */
    uint32_t ignored_count;
} sc_options;

/* Reads the arguments behind the program's name and the environment. Texts are borrowed from both
 * or live in `mem`. Fails with SC_INVALID, worded as daprd words it: the caller prints usage and
 * the text and exits with 2. */
sc_code sc_options_parse(int count, char **args, sc_arena *mem, sc_options *out,
                         sc_error *err) SC_MUST_CHECK;
/* The checks that end with "Fatal error from runtime: ..." and exit code 1. */
sc_code sc_options_check(const sc_options *options, sc_error *err) SC_MUST_CHECK;
/* "Usage of daprd:" and a line per flag, on stderr. */
void sc_options_print_usage(void);

#endif
