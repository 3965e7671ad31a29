/* SPDX-License-Identifier: MIT
 *
 * daprd's command line and environment. The flags are rows of flags.def; each has a field here.
 */
#ifndef SC_SIDECAR_OPTIONS_H
#define SC_SIDECAR_OPTIONS_H

#include "core/arena.h"
#include "core/error.h"
#include "core/log.h"

#define SC_MAX_LISTED 32u
#define SC_MAX_FLAGS  96u

/* A flag that may be repeated, and whose value may hold commas. */
typedef struct sc_option_list {
    sc_str at[SC_MAX_LISTED];
    uint32_t count;
} sc_option_list;

typedef struct sc_options {
    /* the application */
    sc_str app_id;
    sc_str app_port_text;
    uint16_t app_port;   /* 0: none */
    sc_str app_protocol; /* lower case: http https h2c grpc grpcs */
    bool app_ssl;        /* made http https, and grpc grpcs */
    sc_str app_host;
    int64_t app_max_concurrency; /* -1, 0: no limit */
    int64_t binding_options_ns;
    bool checks_health;        /* enable-app-health-check */
    sc_str health_path;        /* begins with '/' */
    int64_t health_interval_s; /* these three: 1 to INT32_MAX */
    int64_t health_timeout_ms;
    int64_t health_threshold; /* failures in a row until unhealthy */
    sc_option_list skipped_endpoints;
    bool skips_config; /* disable-init-endpoints */
    bool skips_subscribe;
    /* listening */
    sc_str http_port_text;
    uint16_t http_port;
    sc_str grpc_port_text;
    uint16_t grpc_port;
    sc_str internal_port_text;
    uint16_t internal_port; /* 0: to be chosen */
    sc_str internal_host;   /* empty: all interfaces */
    sc_str public_port_text;
    bool has_public_port;
    uint16_t public_port;
    sc_str public_host;
    sc_str listen_addresses; /* "," between; empty: all interfaces */
    sc_str unix_socket_folder;
    sc_str allowed_origins; /* "," between; empty: no CORS */
    bool no_http2;          /* DAPR_HTTP_DISABLE_H2C: the HTTP API speaks HTTP/1 alone */
    sc_str max_body_text;
    uint64_t max_body_len; /* 0: no limit */
    int64_t old_max_body_mb;
    sc_str read_buffer_text;
    uint64_t read_buffer_len;
    int64_t old_read_buffer_kb;
    /* resources */
    sc_option_list resources; /* folders */
    sc_str components_path;   /* counts when there are no `resources` */
    sc_option_list configs;   /* Configuration files */
    int64_t reconcile_ns;
    bool no_kubernetes_secrets;
    sc_str mode;
    /* the end */
    int64_t graceful_shutdown_s; /* 0: no limit */
    int64_t block_shutdown_ns;
    bool blocks_shutdown; /* dapr-block-shutdown-duration was given */
    /* logs, metrics, profiles */
    bool has_logs_api; /* enable-api-logging was given, and counts more than the Configuration */
    bool logs_api;
    sc_str log_level_text;
    sc_log_level log_level;
    bool log_as_json;
    sc_str log_file; /* empty: standard output */
    bool serves_metrics;
    sc_str metrics_port_text; /* as given: daprd reads it when it opens the page */
    sc_str metrics_host;
    bool serves_profiles;
    sc_str profile_port_text;
    /* other services */
    bool wants_mtls;
    sc_str sentry_address;
    sc_option_list jwt_audiences;
    sc_str control_plane_address;
    sc_str control_plane_domain;
    sc_str control_plane_namespace;
    sc_str placement_addresses;
    int64_t disseminate_ns;
    sc_option_list schedulers;
    int64_t job_streams;
    sc_str no_effect; /* of flags that Dapr keeps without meaning */
    /* instead of running */
    bool wants_version;
    bool wants_build_info;
    bool wants_wait;
    bool wants_help;
    /* environment */
    sc_str api_token;       /* DAPR_API_TOKEN */
    sc_str app_api_token;   /* APP_API_TOKEN */
    sc_str namespace_;      /* NAMESPACE, "default" when unset */
    sc_str plain_namespace; /* NAMESPACE as it is */

    bool is_given[SC_MAX_FLAGS]; /* row by row of flags.def */
} sc_options;

/* Reads the arguments behind the program's name and the environment. Texts are borrowed from both
 * or live in `mem`. Deprecated flags are named on stderr. Fails with SC_INVALID, worded as daprd
 * words it: the caller prints usage and the text and exits with 2. */
sc_code sc_options_parse(int count, char **args, sc_arena *mem, sc_options *out,
                         sc_error *err) SC_MUST_CHECK;
/* What daprd looks at before it logs anything: sizes, log level. Fails with SC_INVALID: the text is
 * the only line, and the exit code 1. */
sc_code sc_options_read_early(sc_options *options, sc_error *err) SC_MUST_CHECK;
/* Names on `log` what was asked for and has no effect, and values out of range with what is used
 * instead. */
void sc_options_warn(sc_options *options, const sc_log *log);
/* Ports, application, endpoints: the checks that end with "Fatal error from runtime: ..." and exit
 * code 1. */
sc_code sc_options_check(sc_options *options, sc_error *err) SC_MUST_CHECK;
/* For --wait, which looks at nothing else. */
sc_code sc_options_http_port(const sc_options *options, uint16_t *port,
                             sc_error *err) SC_MUST_CHECK;
/* Sets APP_ID, APP_PORT, DAPR_HTTP_PORT and so on in this process, for Configuration files and
 * envRef. HOST_ADDRESS is not among them. Call before there are threads. */
void sc_options_export(const sc_options *options, sc_arena *mem);
/* "Usage of daprd:" and a line per flag, on stderr. */
void sc_options_print_usage(void);

#endif
