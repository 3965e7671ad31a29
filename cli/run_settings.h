/* SPDX-License-Identifier: MIT
 *
 * What one application and its sidecar are run with, be it from the flags of `run` or from the
 * multi-app file: one table names both.
 */
#ifndef SC_CLI_RUN_SETTINGS_H
#define SC_CLI_RUN_SETTINGS_H

#include "cli/command.h"
#include "core/pairs.h"
#include "io/loop.h"

typedef struct cli_run_settings {
    sc_str app_id;
    int64_t app_port; /* below 1: none */
    sc_str app_protocol;
    sc_str app_host;
    int64_t app_max_concurrency;
    int64_t http_port; /* below 1: a free one is found; likewise the others */
    int64_t grpc_port;
    int64_t internal_port;
    int64_t metrics_port;
    int64_t profile_port;
    bool is_profiled;
    sc_str config;
    cli_texts resources;
    sc_str components; /* the older flag for one resources path */
    sc_str placement;
    sc_str scheduler;
    sc_str log_level;
    sc_str max_body_size;
    sc_str read_buffer_size;
    int64_t old_max_body_size;
    int64_t old_read_buffer_size;
    sc_str socket_folder;
    bool checks_health;
    sc_str health_path;
    int64_t health_interval_s;
    int64_t health_timeout_ms;
    int64_t health_threshold;
    bool logs_api;
    sc_str listen_addresses;
    bool app_ssl;
    sc_str run_file;
    bool kubernetes;
    /* Of the multi-app file alone. */
    sc_str folder;         /* appDirPath, absolute; empty: where the program was started */
    sc_str resources_path; /* the older key for one */
    sc_str runtime_path;
    sc_str app_log; /* console, file, fileAndConsole */
    sc_str sidecar_log;
    /* Not in the table. */
    const char **command; /* NULL at the end; NULL or empty: no application */
    sc_pairs env;         /* of the file */
} cli_run_settings;

extern const cli_flag cli_run_flags[];

/* Fills in what was left open and checks the rest: application id, ports, paths, protocol. `folder`
 * paths are made absolute. Messages are Dapr's, with what to do about it. */
sc_code cli_run_settle(cli *c, sc_loop *loop, cli_run_settings *s, sc_error *err) SC_MUST_CHECK;
/* The sidecar's arguments, NULL at the end, for exec; in c->mem. */
const char **cli_run_sidecar_args(cli *c, const cli_run_settings *s);
/* The sidecar's environment: this program's, in a multi-app run with DAPR_HOST_IP of the loopback
 * unless it is set; NULL: as it is. */
const char **cli_run_sidecar_env(cli *c, const cli_run_settings *s);
/* The environment of the application: this program's, the ports, then the file's; in c->mem. */
const char **cli_run_app_env(cli *c, const cli_run_settings *s);
/* "python app.py", or empty. */
sc_str cli_run_command_text(cli *c, const cli_run_settings *s);
/* "<folder>/dapr-<id>-http.socket" and so on; `kind` is http or grpc. */
sc_str cli_run_socket(cli *c, const cli_run_settings *s, const char *kind);

#endif
