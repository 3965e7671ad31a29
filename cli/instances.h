/* SPDX-License-Identifier: MIT
 *
 * The sidecars that run on this machine, ours and Dapr's: found in the list of processes by name
 * and command line, then asked for their metadata.
 */
#ifndef SC_CLI_INSTANCES_H
#define SC_CLI_INSTANCES_H

#include "cli/command.h"
#include "cli/http.h"
#include "core/doc.h"

typedef struct cli_instance {
    sc_str app_id;
    uint16_t http_port;
    uint16_t grpc_port;
    uint16_t app_port; /* 0: none */
    bool has_metrics;
    sc_str socket_folder;  /* empty: ports */
    int64_t max_body_size; /* as its flags say it, in bytes */
    int64_t read_buffer_size;
    int sidecar_pid;
    int sidecar_parent;
    int cli_pid; /* 0: not known, likewise below */
    int app_pid;
    sc_str command;
    sc_str run_file; /* absolute */
    sc_str run_name;
    sc_str app_log;
    sc_str sidecar_log;
    int64_t started_s;      /* wall clock */
    const sc_doc *metadata; /* NULL: it did not answer */
    const char *status;     /* "Running", "Starting", "Not responding" */
    sc_error err;           /* why it did not answer */
} cli_instance;

typedef struct cli_instances {
    cli_instance *at;
    uint32_t count;
} cli_instances;

/* The youngest first. Never fails: what cannot be read is left out. */
cli_instances cli_instances_find(cli *c);
/* The one of this application, or NULL. */
const cli_instance *cli_instances_get(const cli_instances *all, sc_str app_id);
/* A request to the instance's API; `timeout_ms` 0: ten seconds. */
cli_request cli_instance_request(cli *c, const cli_instance *to, const char *method, sc_str target,
                                 uint64_t timeout_ms);
/* True when its metadata lists a component of this name. */
bool cli_instance_has_component(const cli_instance *instance, sc_str name);
/* The pid to end the instance by: of the command line that started it, if that is still its parent,
 * else its own. */
int cli_instance_main_pid(const cli_instance *instance);
/* "orders, shop" for messages; "none" when there are none. */
sc_str cli_instances_names(cli *c, const cli_instances *all);

#endif
